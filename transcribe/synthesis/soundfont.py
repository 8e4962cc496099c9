"""The piano of a SoundFont 2 file as a sample bank, so that there is one without a download.

A SoundFont is a RIFF file: recordings, and for each key which of them to play, how fast,
through which filter and envelope ([1]_). Of that we follow what a piano needs: key ranges,
root keys and tuning, loops, the volume envelope's hold and decay, and a low-pass filter
that closes as the note dies away. What a damper does is left to `render`.

`packaged_piano` reads the small General MIDI set that comes with pretty_midi (TimGM6mb, by
Tim Brechbill, GPL-2). It is read where it is installed and never copied.

References
----------
.. [1] E-mu Systems, "SoundFont Technical Specification", version 2.04, 2006.
"""

from __future__ import annotations

import importlib.util
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import soxr
from numpy.typing import NDArray

from transcribe.errors import InstrumentError
from transcribe.notes import HIGHEST_PITCH, LOWEST_PITCH
from transcribe.synthesis.sample_bank import Layer, RecordedNote, SampleBank, Samples

PACKAGED = "TimGM6mb.sf2"
SAMPLE_RATE = 22050
"""Hertz, of the voices; that of the recordings in small SoundFonts."""
LONGEST_NOTE = 6.0
"""Seconds after which a note that is held is taken to have died away."""
_LAYERS = ((1, 60, 40), (61, 95, 80), (96, 127, 115))
"""Lowest and highest velocity of a layer, and the one at which it is played."""
_VELOCITY_CENTS = 1200.0
"""How much lower the filter of the softest note lies; half of what the format proposes,
with which soft notes are muffled."""
_N_FILTERS = 8
_SILENT_DB = -70.0
_FADE = 0.2

# Generators, by their numbers in the specification.
_FILTER, _ENVELOPE_TO_FILTER = 8, 11
_FILTER_HOLD, _FILTER_DECAY, _FILTER_SUSTAIN = 27, 28, 29
_HOLD, _DECAY, _SUSTAIN = 35, 36, 37
_INSTRUMENT, _KEYS, _ATTENUATION = 41, 43, 48
_COARSE_TUNE, _FINE_TUNE, _SAMPLE, _LOOPS, _ROOT = 51, 52, 53, 54, 58
_DEFAULTS = {
    _FILTER: 13500,
    _ENVELOPE_TO_FILTER: 0,
    _FILTER_HOLD: -12000,
    _FILTER_DECAY: -12000,
    _FILTER_SUSTAIN: 0,
    _HOLD: -12000,
    _DECAY: -12000,
    _SUSTAIN: 0,
    _ATTENUATION: 0,
    _COARSE_TUNE: 0,
    _FINE_TUNE: 0,
    _LOOPS: 0,
    _ROOT: -1,
}
_UNSIGNED = (_INSTRUMENT, _KEYS, _SAMPLE)
_LAYOUTS = {
    "phdr": "<20sHHHIII",
    "pbag": "<HH",
    "pgen": "<Hh",
    "inst": "<20sH",
    "ibag": "<HH",
    "igen": "<Hh",
    "shdr": "<20sIIIIIBbHH",
}


@dataclass(frozen=True, slots=True)
class Zone:
    """How some neighbouring keys are played: a recording and what is done to it."""

    lokey: int
    hikey: int
    generators: dict[int, int]
    start: int
    """The first of its samples in the file's pool; the others lie in the same."""
    stop: int
    loop_start: int
    loop_stop: int
    sample_rate: int
    """Hertz."""
    root: float
    """MIDI pitch at which the recording sounds when it is not shifted."""


@dataclass(frozen=True, slots=True)
class _Played(RecordedNote):
    """A zone at the velocity of a layer; in place of a file of its own."""

    font: SoundFont
    zone: Zone
    velocity: int


class SoundFont:
    """The instruments of a SoundFont file.

    Raises
    ------
    InstrumentError
        The file is missing or no SoundFont.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            data = path.read_bytes()
        except OSError as error:
            raise InstrumentError(f"{path}: expected a SoundFont; {error.strerror}") from error
        if data[:4] != b"RIFF" or data[8:12] != b"sfbk":
            raise InstrumentError(f"{path}: expected a SoundFont; found another kind of file")
        try:
            chunks = dict(_chunks(data))
            self._records = {
                name: list(struct.iter_unpack(layout, chunks[name]))
                for name, layout in _LAYOUTS.items()
            }
            self._pool = np.frombuffer(chunks["smpl"], "<i2")
        except (KeyError, ValueError, struct.error) as error:
            raise InstrumentError(
                f"{path}: this SoundFont is damaged or truncated; get it again"
            ) from error

    def zones(self, *, program: int = 0, bank: int = 0) -> tuple[Zone, ...]:
        """What a program plays, key by key; of what overlaps, the first is heard.

        Raises
        ------
        InstrumentError
            There is no such program, or it is damaged.
        """
        try:
            zones = tuple(self._zones(program, bank))
        except (IndexError, KeyError) as error:
            raise InstrumentError(
                f"{self.path}: this SoundFont is damaged or truncated; get it again"
            ) from error
        if not zones:
            raise InstrumentError(f"{self.path}: expected program {program}; it has none")
        return zones

    def _zones(self, program: int, bank: int) -> Iterator[Zone]:
        headers = self._records["phdr"]
        for header, following in pairwise(headers):
            if header[1:3] == (program, bank):
                for chosen in self._generators("p", header[3], following[3], _INSTRUMENT):
                    instruments = self._records["inst"]
                    index = chosen[_INSTRUMENT]
                    first, stop = instruments[index][1], instruments[index + 1][1]
                    for generators in self._generators("i", first, stop, _SAMPLE):
                        yield self._zone(generators)
                return

    def _generators(self, level: str, first: int, stop: int, last: int) -> Iterator[dict[int, int]]:
        """The generators of zones that end in ``last``, on top of those for all zones."""
        bags, records = self._records[f"{level}bag"], self._records[f"{level}gen"]
        common: dict[int, int] = {}
        for index in range(first, stop):
            found = {
                kind: amount & 0xFFFF if kind in _UNSIGNED else amount
                for kind, amount in records[bags[index][0] : bags[index + 1][0]]
            }
            if last in found:
                yield {**common, **found}
            elif index == first:
                common = found

    def _zone(self, generators: dict[int, int]) -> Zone:
        _, start, stop, loop_start, loop_stop, rate, pitch, correction, _, _ = self._records[
            "shdr"
        ][generators[_SAMPLE]]
        values = {**_DEFAULTS, **generators}
        if not 0 <= start < stop <= len(self._pool) or rate <= 0:
            raise IndexError("a sample outside of the pool")
        if not (values[_LOOPS] & 1 and start <= loop_start < loop_stop <= stop):
            loop_start = loop_stop = 0
        keys = values.get(_KEYS, 127 << 8)
        root = values[_ROOT] if values[_ROOT] >= 0 else pitch
        tuning = values[_COARSE_TUNE] + (values[_FINE_TUNE] + correction) / 100
        return Zone(
            lokey=keys & 0xFF,
            hikey=keys >> 8,
            generators=values,
            start=start,
            stop=stop,
            loop_start=loop_start,
            loop_stop=loop_stop,
            sample_rate=rate,
            root=root - tuning,
        )

    def play(self, zone: Zone, pitch: int, velocity: int) -> Samples:
        """A key held until it has died away; float32 at `SAMPLE_RATE`, full scale at 1.

        Parameters
        ----------
        zone : Zone
        pitch : int
            MIDI.
        velocity : int
            MIDI; sets the filter, not the level.
        """
        seconds = min(LONGEST_NOTE, _seconds_to_silence(zone))
        rate = zone.sample_rate * 2 ** ((pitch - zone.root) / 12)
        samples = self._looped(zone, int(seconds * rate) + 1).astype(np.float32) / 32768
        samples = soxr.resample(samples, rate, SAMPLE_RATE)[: int(seconds * SAMPLE_RATE)]
        time = np.arange(len(samples)) / SAMPLE_RATE
        played = _filtered(samples, _cutoff(zone, time, velocity)) * _volume(zone, time)
        n_fade = min(len(played), int(_FADE * SAMPLE_RATE))
        played[len(played) - n_fade :] *= np.linspace(1, 0, n_fade)
        return np.asarray(played, np.float32)

    def _looped(self, zone: Zone, n_samples: int) -> NDArray[np.int16]:
        if zone.loop_stop == 0:
            return self._pool[zone.start : zone.stop][:n_samples]
        beginning = self._pool[zone.start : zone.loop_stop]
        loop = self._pool[zone.loop_start : zone.loop_stop]
        n_loops = max(0, -(-(n_samples - len(beginning)) // len(loop)))
        return np.concatenate([beginning, *[loop] * n_loops])[:n_samples]


class SoundFontBank(SampleBank):
    """A program of a SoundFont, played like any sample bank."""

    @classmethod
    def of(cls, font: SoundFont, *, program: int = 0) -> SoundFontBank:
        """The bank of a program (0 is the grand piano), in three layers of velocity."""
        zones = font.zones(program=program)
        layers = tuple(
            Layer(lovel, hivel, 0.0, tuple(_recordings(font, zones, velocity)))
            for lovel, hivel, velocity in _LAYERS
        )
        if not all(layer.recordings for layer in layers):
            raise InstrumentError(f"{font.path}: program {program} has no key of the piano")
        return cls(font.path.parent, font.path.stem, SAMPLE_RATE, layers)

    def read(self, recording: RecordedNote) -> Samples:
        """The sound of a zone, in place of a file's."""
        if not isinstance(recording, _Played):
            return super().read(recording)
        return recording.font.play(recording.zone, recording.root, recording.velocity)


def packaged_piano() -> SoundFontBank:
    """The piano that is installed with pretty_midi.

    Raises
    ------
    InstrumentError
        It is not there.
    """
    spec = importlib.util.find_spec("pretty_midi")
    if spec is None or spec.origin is None:
        raise InstrumentError("pretty_midi, whose piano is played, is not installed")
    path = Path(spec.origin).parent / PACKAGED
    if not path.is_file():
        raise InstrumentError(f"{path}: pretty_midi has come without its piano; reinstall it")
    return SoundFontBank.of(SoundFont(path))


def _recordings(font: SoundFont, zones: tuple[Zone, ...], velocity: int) -> Iterator[RecordedNote]:
    """A recording for every zone on the keyboard, at its middle key."""
    quietest = max(zone.generators[_ATTENUATION] for zone in zones)
    for zone in zones:
        lokey, hikey = max(zone.lokey, LOWEST_PITCH), min(zone.hikey, HIGHEST_PITCH)
        if lokey <= hikey:
            yield _Played(
                path=font.path,
                root=(lokey + hikey) // 2,
                lokey=lokey,
                hikey=hikey,
                onset=0.0,
                gain=10 ** ((quietest - zone.generators[_ATTENUATION]) / 200),
                tune_cents=0.0,
                font=font,
                zone=zone,
                velocity=velocity,
            )


def _chunks(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Names and contents of the chunks within the lists of a RIFF file."""
    position, end = 12, len(data)
    while position + 8 <= end:
        name, size = struct.unpack_from("<4sI", data, position)
        if name == b"LIST":
            position += 12  # and on with what is in it
            continue
        if position + 8 + size > end:
            raise ValueError("a chunk that is cut off")
        yield name.decode("latin-1"), data[position + 8 : position + 8 + size]
        position += 8 + size + (size & 1)


def _seconds(timecents: int) -> float:
    return float(2 ** (timecents / 1200)) if timecents > -12000 else 0.0


def _volume(zone: Zone, time: NDArray[np.float64]) -> NDArray[np.float64]:
    """The envelope: full while it holds, then falling by 100 dB in the decay's time."""
    values = zone.generators
    since = np.maximum(0.0, time - _seconds(values[_HOLD]))
    decibels = -100 * since / max(_seconds(values[_DECAY]), 1e-3)
    envelope: NDArray[np.float64] = 10 ** (np.maximum(decibels, -values[_SUSTAIN] / 10) / 20)
    return envelope


def _seconds_to_silence(zone: Zone) -> float:
    values = zone.generators
    if values[_SUSTAIN] / 10 < -_SILENT_DB:
        return LONGEST_NOTE
    return _seconds(values[_HOLD]) + _seconds(values[_DECAY]) * -_SILENT_DB / 100


def _cutoff(zone: Zone, time: NDArray[np.float64], velocity: int) -> NDArray[np.float64]:
    """Where the filter begins to close, in cents above 8.176 Hz."""
    values = zone.generators
    since = np.maximum(0.0, time - _seconds(values[_FILTER_HOLD]))
    fallen = since / max(_seconds(values[_FILTER_DECAY]), 1e-3)
    envelope = np.maximum(1 - fallen, 1 - values[_FILTER_SUSTAIN] / 1000)
    touch = _VELOCITY_CENTS * (velocity / 127 - 1)
    cents: NDArray[np.float64] = values[_FILTER] + values[_ENVELOPE_TO_FILTER] * envelope + touch
    return cents


def _filtered(samples: Samples, cents: NDArray[np.float64]) -> NDArray[np.float64]:
    """Low-pass of two poles whose cutoff moves: between fixed ones, mixed as it passes them."""
    if not len(samples):
        return np.zeros(0)
    lowest, highest = float(cents.min()), float(cents.max())
    steps = np.linspace(lowest, highest, _N_FILTERS) if highest > lowest else np.array([lowest])
    n_fft = 1 << len(samples).bit_length()
    spectrum = np.fft.rfft(samples.astype(np.float64), n_fft)
    frequency = np.fft.rfftfreq(n_fft, 1 / SAMPLE_RATE)
    width = max(float(steps[1] - steps[0]), 1e-9) if len(steps) > 1 else 1.0
    result = np.zeros(len(samples))
    for step in steps:
        response = 1 / np.sqrt(1 + (frequency / (8.176 * 2 ** (step / 1200))) ** 4)
        share = np.maximum(0.0, 1 - np.abs(cents - step) / width)
        result += np.fft.irfft(spectrum * response, n_fft)[: len(samples)] * share
    return result
