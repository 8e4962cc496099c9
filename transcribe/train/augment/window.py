"""What microphones, rooms and recorders do to a piano, applied at random.

`Augmenter` leaves the labels where they are: rooms are aligned to their direct sound,
and filters have zero phase, so an onset stays at its sample. `detune` moves them, and
says by how much.

Everything linear (room, equaliser, band limits) is one product of spectra, so a segment
costs one transform there and one back, however much is done to it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import soxr
from numpy.typing import NDArray

from transcribe.audio.reader import read_audio
from transcribe.errors import DatasetError
from transcribe.files.endings import is_recording
from transcribe.notes import Performance

Samples = NDArray[np.float32]
Range = tuple[float, float]

_NOISE_SECONDS = 40
_QUIET_RMS = 0.01
"""A segment below this rms (-40 dB) gets the noise of one at it, so that rests have some."""
_SILENCE_SHARE, _HISS_SHARE = 0.1, 0.25
"""Of the segments without music, how many are silent; the first so many are no recording."""
_NOISE_LEVEL_DB = (-40.0, -6.0)
"""Rms of a segment without music, relative to full scale."""
_FILTER_MARGIN = 0.15
"""Seconds of zeros after a segment, so that a filter can't carry its end to its start."""
_LEVEL_BLOCK = 80
"""Samples over which the compressor takes the level."""
_FFT_STEP = 4096
_RESPONSE_DECAYS = 1.2
"""After so many times the drawn decay, a response ends."""
_LOWEST_BELL_HZ = 50.0
_BELL_WIDTH = (0.3, 2.0)
"""Octaves."""
_RELEASE = (0.1, 1.0)
"""Seconds in which a compressor lets go by 60 dB."""
_MAINS_HZ = (50.0, 60.0)
_MAINS_DETUNING = (0.998, 1.002)
_HARMONICS = 12
_HUM_SLOPE = (0.3, 1.5)
"""A harmonic's amplitude falls with its number to such a power."""
_HUM_CYCLE = 2048
"""Samples of the table that holds a cycle."""


@dataclass
class AugmentConfig:
    """How often each thing is done, as a probability, and the range it is drawn from.

    Ranges are (lowest, highest), drawn uniformly unless said otherwise.
    """

    room: float = 0.6
    room_wet: Range = (0.05, 3.0)
    """Energy of the reverberation relative to the direct sound, drawn evenly in dB."""
    room_decay: Range = (0.15, 2.0)
    """Seconds in which a further decay laid over the response falls by 60 dB; log."""
    equaliser: float = 0.7
    equaliser_tilt_db: Range = (-3.0, 3.0)
    """Decibels an octave, around 1 kHz; at most 12 dB are reached."""
    equaliser_bells: tuple[int, int] = (2, 4)
    equaliser_bell_db: Range = (-8.0, 8.0)
    low_cut: float = 0.3
    low_cut_hz: Range = (30.0, 200.0)
    high_cut: float = 0.3
    high_cut_hz: Range = (4000.0, 7000.0)
    """As old recordings; 12 dB an octave, as the low cut."""
    telephone: float = 0.03
    telephone_hz: Range = (300.0, 3400.0)
    """The band that a telephone lets through; not drawn."""
    noise: float = 0.5
    noise_snr_db: Range = (15.0, 55.0)
    """Hiss and rumble, from white to brown."""
    hum: float = 0.1
    hum_snr_db: Range = (20.0, 50.0)
    """Harmonics of 50 or 60 Hz."""
    recorded_noise: float = 0.2
    recorded_noise_snr_db: Range = (8.0, 40.0)
    compression: float = 0.2
    compression_ratio: Range = (1.5, 5.0)
    compression_threshold_db: Range = (-20.0, -3.0)
    """Relative to the loudest 5 ms of the segment."""
    saturation: float = 0.1
    saturation_drive_db: Range = (0.0, 12.0)
    """How far the peak is driven into a soft clip."""
    level: float = 1.0
    level_db: Range = (-15.0, 9.0)
    quantisation: float = 0.05
    quantisation_bits: tuple[int, int] = (8, 12)
    """Bits of a recorder that the segment's peak just fills."""
    offset: float = 0.05
    offset_level: Range = (-0.02, 0.02)
    """A constant added to every sample."""
    inversion: float = 0.5
    """Polarity."""

    def __post_init__(self) -> None:
        for setting in fields(self):
            value = getattr(self, setting.name)
            if isinstance(value, (int, float)):
                if not 0 <= value <= 1:
                    raise ValueError(f"{setting.name} is a probability, 0 to 1; found {value}")
            elif len(value) != 2 or not value[0] <= value[1]:
                raise ValueError(f"{setting.name} is (lowest, highest); found {value}")
        for name in ("room_wet", "room_decay", "low_cut_hz", "high_cut_hz", "telephone_hz"):
            if not getattr(self, name)[0] > 0:
                raise ValueError(f"{name} is above 0; found {getattr(self, name)}")
        if not self.quantisation_bits[0] >= 2:
            raise ValueError(f"quantisation_bits is 2 or more; found {self.quantisation_bits}")

    @classmethod
    def nothing(cls) -> AugmentConfig:
        """Every probability 0: a start for settings that do one thing."""
        config = cls()
        for setting in fields(config):
            if isinstance(getattr(config, setting.name), float):
                setattr(config, setting.name, 0.0)
        return config


class Augmenter:
    """Changes the sound of a segment and leaves every label true.

    Parameters
    ----------
    config : AugmentConfig
    rooms : sequence of np.ndarray
        Impulse responses, mono float32; see `load_impulse_responses`. Without any, the
        room is left out.
    noises : sequence of np.ndarray
        Recordings of noise, mono float32; see `load_noises`. As with rooms.
    sample_rate : int
        In Hz, of everything.
    """

    def __init__(
        self,
        config: AugmentConfig,
        rooms: Sequence[Samples] = (),
        noises: Sequence[Samples] = (),
        *,
        sample_rate: int = 16000,
    ) -> None:
        self.config = config
        self.rooms = [_from_direct_sound(np.asarray(room, np.float32)) for room in rooms]
        self.noises = [np.asarray(noise, np.float32) for noise in noises if np.any(noise)]
        self.sample_rate = sample_rate
        self._coloured = _coloured_noises(_NOISE_SECONDS * sample_rate)

    def __call__(self, samples: Samples, rng: np.random.Generator) -> Samples:
        """Return a changed copy of mono float32 samples, of the same length."""
        samples = np.array(samples, np.float32)
        if samples.ndim != 1:
            raise ValueError(f"expected mono samples, shape (n,); found shape {samples.shape}")
        if len(samples) == 0:
            return samples
        config = self.config
        samples = self._filter(samples, rng)
        if rng.random() < config.compression:
            samples = self._compress(samples, rng)
        samples = self._add_noise(samples, rng)
        peak = float(np.max(np.abs(samples)))
        if rng.random() < config.saturation and peak > 0:
            drive = 10 ** (rng.uniform(*config.saturation_drive_db) / 20) / peak
            samples = np.tanh(samples * np.float32(drive)) / np.float32(drive)
        if rng.random() < config.quantisation and peak > 0:
            low, high = config.quantisation_bits
            step = np.float32(peak / 2 ** (int(rng.integers(low, high + 1)) - 1))
            samples = np.round(samples / step) * step
        if rng.random() < config.level:
            samples = samples * np.float32(10 ** (rng.uniform(*config.level_db) / 20))
        if rng.random() < config.inversion:
            samples = -samples
        if rng.random() < config.offset:
            samples = samples + np.float32(rng.uniform(*config.offset_level))
        return np.clip(samples, -1, 1, out=samples)

    def noise(self, n_samples: int, rng: np.random.Generator) -> Samples:
        """A segment in which nobody plays: hiss, a recorded noise, or (rarely) silence."""
        drawn = rng.random()
        if drawn < _SILENCE_SHARE:
            return np.zeros(n_samples, np.float32)
        noises = self.noises if self.noises and drawn > _HISS_SHARE else self._coloured
        samples = _excerpt(noises[int(rng.integers(len(noises)))], n_samples, rng)
        level = 10 ** (rng.uniform(*_NOISE_LEVEL_DB) / 20)
        return samples * np.float32(level / max(_rms(samples), 1e-6))

    def _filter(self, samples: Samples, rng: np.random.Generator) -> Samples:
        """Room, equaliser and band limits in one product of spectra."""
        config = self.config
        response = None
        if rng.random() < config.room and self.rooms:
            response = self._room(rng)
        frequency = np.geomspace(10, self.sample_rate / 2, 192)
        gain_db = self._gain_db(frequency, rng)
        if response is None and gain_db is None:
            return samples
        n_tail = len(response) if response is not None else 0
        n_fft = _fast_length(len(samples) + n_tail + int(_FILTER_MARGIN * self.sample_rate))
        spectrum = np.fft.rfft(samples, n_fft)
        if response is not None:
            spectrum *= np.fft.rfft(response, n_fft)
        if gain_db is not None:
            bins = np.linspace(0, self.sample_rate / 2, len(spectrum))
            spectrum *= np.interp(bins, frequency, 10 ** (gain_db / 20)).astype(np.float32)
        filtered = np.fft.irfft(spectrum, n_fft)[: len(samples)].astype(np.float32)
        if response is None:
            return filtered
        before, after = _rms(samples), _rms(filtered)
        return filtered * np.float32(before / after) if after > 0 else filtered

    def _room(self, rng: np.random.Generator) -> Samples:
        """An impulse response whose direct sound is 1 at sample 0."""
        config = self.config
        reverberation = self.rooms[int(rng.integers(len(self.rooms)))]
        decay = np.exp(rng.uniform(*np.log(config.room_decay)))
        n_samples = min(len(reverberation), int(_RESPONSE_DECAYS * decay * self.sample_rate) + 1)
        slope = np.float32(-np.log(1000) / (decay * self.sample_rate))
        response = reverberation[:n_samples] * np.exp(
            slope * np.arange(n_samples, dtype=np.float32)
        )
        response[0] = 0
        energy = float(np.dot(response, response))
        wet = np.exp(rng.uniform(*np.log(config.room_wet)))
        if energy > 0:
            response *= np.float32(np.sqrt(wet / energy))
        response[0] = 1
        return response

    def _gain_db(
        self, frequency: NDArray[np.float64], rng: np.random.Generator
    ) -> NDArray[np.float64] | None:
        """Gain in dB at each frequency, or None for none."""
        config = self.config
        gain_db = np.zeros(len(frequency))
        octaves = np.log2(frequency / 1000)
        if rng.random() < config.equaliser:
            gain_db += np.clip(rng.uniform(*config.equaliser_tilt_db) * octaves, -12, 12)
            low, high = config.equaliser_bells
            for _ in range(int(rng.integers(low, high + 1))):
                centre = rng.uniform(np.log2(_LOWEST_BELL_HZ / 1000), octaves[-1])
                width = np.exp(rng.uniform(*np.log(_BELL_WIDTH)))
                bell = np.exp(-0.5 * ((octaves - centre) / width) ** 2)
                gain_db += rng.uniform(*config.equaliser_bell_db) * bell
        if rng.random() < config.low_cut:
            corner = rng.uniform(*config.low_cut_hz)
            gain_db -= 10 * np.log10(1 + (corner / frequency) ** 4)
        if rng.random() < config.high_cut:
            corner = rng.uniform(*config.high_cut_hz)
            gain_db -= 10 * np.log10(1 + (frequency / corner) ** 4)
        if rng.random() < config.telephone:
            low_hz, high_hz = config.telephone_hz
            gain_db -= 10 * np.log10(1 + (low_hz / frequency) ** 8)
            gain_db -= 10 * np.log10(1 + (frequency / high_hz) ** 16)
        return gain_db if np.any(gain_db) else None

    def _compress(self, samples: Samples, rng: np.random.Generator) -> Samples:
        """Turn down what is loud: level in blocks of 5 ms, quick down and slow up."""
        config = self.config
        ratio = rng.uniform(*config.compression_ratio)
        threshold_db = rng.uniform(*config.compression_threshold_db)
        release_db = 60 * _LEVEL_BLOCK / self.sample_rate / rng.uniform(*_RELEASE)
        n_blocks = -(-len(samples) // _LEVEL_BLOCK)
        padded = np.zeros(n_blocks * _LEVEL_BLOCK, np.float32)
        padded[: len(samples)] = samples
        power = np.square(padded).reshape(n_blocks, _LEVEL_BLOCK).mean(axis=1)
        level_db = 10 * np.log10(power + 1e-12)
        # A level that falls at most release_db a block: the running maximum of the level
        # on a ramp that rises by as much.
        ramp = release_db * np.arange(n_blocks)
        level_db = np.maximum.accumulate(level_db + ramp) - ramp
        over_db = np.maximum(0, level_db - (level_db.max() + threshold_db))
        gain = 10 ** (over_db * (1 / ratio - 1) / 20)
        centres = (np.arange(n_blocks) + 0.5) * _LEVEL_BLOCK
        return samples * np.interp(np.arange(len(samples)), centres, gain).astype(np.float32)

    def _add_noise(self, samples: Samples, rng: np.random.Generator) -> Samples:
        config = self.config
        level = max(_rms(samples), _QUIET_RMS)

        def add(noise: Samples, snr_range: Range) -> Samples:
            rms = _rms(noise)
            if rms == 0:
                return samples
            ratio = 10 ** (-rng.uniform(*snr_range) / 20)
            return samples + noise * np.float32(level / rms * ratio)

        if rng.random() < config.noise:
            weights = rng.dirichlet(np.ones(len(self._coloured)))
            noise = np.zeros(len(samples), np.float32)
            for coloured, weight in zip(self._coloured, weights, strict=True):
                noise += _excerpt(coloured, len(samples), rng) * np.float32(weight)
            samples = add(noise, config.noise_snr_db)
        if rng.random() < config.hum:
            samples = add(self._hum(len(samples), rng), config.hum_snr_db)
        if rng.random() < config.recorded_noise and self.noises:
            recorded = self.noises[int(rng.integers(len(self.noises)))]
            samples = add(_excerpt(recorded, len(samples), rng), config.recorded_noise_snr_db)
        return samples

    def _hum(self, n_samples: int, rng: np.random.Generator) -> Samples:
        """The mains: a periodic wave, harmonics at random and weaker as they rise."""
        fundamental = float(rng.choice(_MAINS_HZ)) * rng.uniform(*_MAINS_DETUNING)
        harmonic = np.arange(1, _HARMONICS + 1)
        amplitude = rng.random(_HARMONICS) * harmonic ** -rng.uniform(*_HUM_SLOPE)
        phase = rng.uniform(0, 2 * np.pi, _HARMONICS)
        cycle = np.arange(_HUM_CYCLE) / _HUM_CYCLE
        wave = np.sin(2 * np.pi * np.outer(cycle, harmonic) + phase) @ amplitude
        position = np.arange(n_samples) * (_HUM_CYCLE * fundamental / self.sample_rate)
        return wave.astype(np.float32)[position.astype(np.int64) % _HUM_CYCLE]


def detune(samples: Samples, cents: float) -> tuple[Samples, float]:
    """Play samples faster or slower, so that they sound ``cents`` higher.

    Returns
    -------
    samples : np.ndarray
        About ``2 ** (-cents / 1200)`` times as many.
    time_scale : float
        What was at ``time`` is now at ``time * time_scale``; for `scale_performance`.
    """
    if cents == 0 or len(samples) == 0:
        return samples, 1.0
    ratio = 2 ** (cents / 1200)
    return soxr.resample(samples, ratio, 1.0).astype(np.float32, copy=False), 1 / ratio


def scale_performance(performance: Performance, factor: float) -> Performance:
    """Multiply every time of a performance, as `detune` does with its recording."""
    if not 0 < factor < float("inf"):
        raise ValueError(f"a factor of time is above 0; found {factor}")
    return Performance(
        notes=tuple(
            replace(note, onset=note.onset * factor, offset=note.offset * factor)
            for note in performance.notes
        ),
        pedal=tuple(
            replace(press, onset=press.onset * factor, offset=press.offset * factor)
            for press in performance.pedal
        ),
    )


def load_impulse_responses(folder: Path, sample_rate: int = 16000) -> tuple[Samples, ...]:
    """Read every recording of a folder as a room's impulse response, sorted by name."""
    return _read_folder(Path(folder), sample_rate, "impulse responses")


def load_noises(
    folder: Path, sample_rate: int = 16000, *, left_out: Collection[str] = ()
) -> tuple[Samples, ...]:
    """Read every recording of a folder as noise, sorted by name.

    Parameters
    ----------
    folder : Path
    sample_rate : int
        In Hz, of what is returned.
    left_out : collection of str
        Names, without suffix, of recordings to leave alone.
    """
    return _read_folder(Path(folder), sample_rate, "recordings of noise", left_out)


def _read_folder(
    folder: Path, sample_rate: int, what: str, left_out: Collection[str] = ()
) -> tuple[Samples, ...]:
    if not folder.is_dir():
        raise DatasetError(f"{folder}: expected a folder of {what}; found none")
    paths = sorted(p for p in folder.iterdir() if is_recording(p))
    if not paths:
        raise DatasetError(f"{folder}: expected {what}; found no audio file")
    unknown = set(left_out) - {path.stem for path in paths}
    if unknown:
        raise DatasetError(f"{folder}: expected {what} named {sorted(unknown)}; found none")
    return tuple(read_audio(path, sample_rate) for path in paths if path.stem not in left_out)


def _from_direct_sound(response: Samples) -> Samples:
    """Cut an impulse response at its direct sound: the first peak above half the largest."""
    loud = np.abs(response) >= 0.5 * np.max(np.abs(response), initial=0.0)
    if not np.any(response):
        raise ValueError("an impulse response is silent")
    first = int(np.argmax(loud))
    while first + 1 < len(response) and abs(response[first + 1]) > abs(response[first]):
        first += 1
    return response[first:] / response[first]


@lru_cache(maxsize=2)
def _coloured_noises(n_samples: int) -> tuple[Samples, ...]:
    """White, pink and brown noise of rms 1; always the same, excerpts are drawn."""
    rng = np.random.default_rng(0)
    n_samples = _fast_length(n_samples)
    steps = np.maximum(np.arange(n_samples // 2 + 1), n_samples / 1000)
    noises = []
    for exponent in (0.0, 0.5, 1.0):
        spectrum = np.fft.rfft(rng.standard_normal(n_samples)) / steps**exponent
        noise = np.fft.irfft(spectrum, n_samples).astype(np.float32)
        noises.append(noise / np.float32(_rms(noise)))
    return tuple(noises)


def _excerpt(noise: Samples, n_samples: int, rng: np.random.Generator) -> Samples:
    """``n_samples`` from a random place of a noise, which is repeated as needed."""
    start = int(rng.integers(len(noise)))
    if start + n_samples <= len(noise):
        return noise[start : start + n_samples]
    return np.resize(np.roll(noise, -start), n_samples)


def _rms(samples: Samples) -> float:
    return float(np.sqrt(np.dot(samples, samples) / max(1, len(samples))))


def _fast_length(n_samples: int) -> int:
    """A length of at least ``n_samples`` that a Fourier transform likes."""
    return -(-n_samples // _FFT_STEP) * _FFT_STEP
