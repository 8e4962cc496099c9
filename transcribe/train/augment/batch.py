"""What `augment.Augmenter` does to a segment, done to a whole batch where the batch is.

Same settings, same order, same distributions. A batch is (n_rows, n_samples), float32,
full scale 1; a parameter is a column (n_rows, 1), so that it broadcasts along a row.

Every parameter is drawn by the host and sent to the device in one piece. The host
thereby knows which rows get an effect, and never waits for the device to tell it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import accumulate

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from transcribe.train.augment.window import (
    _BELL_WIDTH,
    _FFT_STEP,
    _FILTER_MARGIN,
    _HARMONICS,
    _HUM_CYCLE,
    _HUM_SLOPE,
    _LEVEL_BLOCK,
    _LOWEST_BELL_HZ,
    _MAINS_DETUNING,
    _MAINS_HZ,
    _NOISE_SECONDS,
    _QUIET_RMS,
    _RELEASE,
    _RESPONSE_DECAYS,
    AugmentConfig,
    Range,
    Samples,
    _coloured_noises,
    _from_direct_sound,
)

_EFFECTS = (
    "room",
    "equaliser",
    "low_cut",
    "high_cut",
    "telephone",
    "compression",
    "noise",
    "hum",
    "recorded_noise",
    "saturation",
    "quantisation",
    "level",
    "inversion",
    "offset",
)
"""The probabilities of `AugmentConfig`, in the order in which things are done."""
_SMALLEST_PEAK = 1e-20
"""What the peak of a silent row is taken for, where it divides."""
_INFINITE = float("inf")


class BatchAugmenter(nn.Module):
    """Changes the sound of a batch of segments and leaves every label true.

    Parameters
    ----------
    config : AugmentConfig
        Read here, once: later changes to it do nothing.
    rooms : sequence of np.ndarray
        Impulse responses, mono float32; see `augment.load_impulse_responses`. Without
        any, the room is left out.
    noises : sequence of np.ndarray
        Recordings of noise, mono float32; see `augment.load_noises`. As with rooms.
    sample_rate : int
        In Hz, of everything.
    """

    rooms: Tensor
    noises: Tensor
    coloured: Tensor
    frequency: Tensor

    def __init__(
        self,
        config: AugmentConfig,
        rooms: Sequence[Samples] = (),
        noises: Sequence[Samples] = (),
        *,
        sample_rate: int = 16000,
    ) -> None:
        super().__init__()
        self.sample_rate = sample_rate
        # No response is longer than the longest decay lets it be.
        n_longest = int(_RESPONSE_DECAYS * config.room_decay[1] * sample_rate) + 1
        cut = [_from_direct_sound(np.asarray(room, np.float32))[:n_longest] for room in rooms]
        kept = [np.asarray(noise, np.float32) for noise in noises if np.any(noise)]
        coloured = _coloured_noises(_NOISE_SECONDS * sample_rate)
        padded = np.zeros((len(cut), max(map(len, cut), default=0)), np.float32)
        for row, response in zip(padded, cut, strict=True):
            row[: len(response)] = response
        for name, values in {
            "rooms": padded,
            "noises": np.concatenate([np.zeros(0, np.float32), *kept]),
            "coloured": np.stack(coloured),
            "frequency": _frequency(sample_rate).astype(np.float32),
        }.items():
            self.register_buffer(name, torch.from_numpy(values), persistent=False)
        # What the host draws from stays with the host, so it is no buffer.
        self._room_lengths = torch.tensor([len(response) for response in cut])
        self._noise_lengths = torch.tensor([len(noise) for noise in kept])
        self._chances = {name: float(getattr(config, name)) for name in _EFFECTS}
        self._chances["room"] *= bool(cut)
        self._chances["recorded_noise"] *= bool(kept)
        self._ranges = _ranges(config, sample_rate)
        self._telephone_hz = config.telephone_hz

    @torch.no_grad()
    def forward(self, samples: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Return a changed copy of a batch.

        Parameters
        ----------
        samples : Tensor
            Shape (n_rows, n_samples), float32, mono, full scale 1.
        generator : torch.Generator, optional
            Of the CPU, wherever the batch is; PyTorch's default one if left out. The
            same state gives the same changes.

        Returns
        -------
        Tensor
            As ``samples``, in [-1, 1]; sounds are where they were.
        """
        if samples.ndim != 2:
            raise ValueError(
                f"expected a batch, shape (n_rows, n_samples); found shape {tuple(samples.shape)}"
            )
        samples = samples.to(torch.float32)
        if samples.numel() == 0:
            return samples.clone()
        with torch.autocast(samples.device.type, enabled=False):
            return self._changed(samples, self._draw(len(samples), samples.device, generator))

    def _changed(self, samples: Tensor, drawn: _Drawn) -> Tensor:
        samples = self._filter(samples, drawn)
        if drawn.count("compression"):
            rows = drawn.rows("compression")
            compressed = _compress(
                samples[rows],
                drawn["compression_ratio"][rows],
                drawn["compression_threshold_db"][rows],
                drawn["compression_release"][rows],
                self.sample_rate,
            )
            samples.index_copy_(0, rows, compressed)
        self._add_noise(samples, drawn)
        if drawn.count("saturation") or drawn.count("quantisation"):
            peak = torch.linalg.vector_norm(samples, ord=_INFINITE, dim=1, keepdim=True)
            peak = peak.clamp_min(_SMALLEST_PEAK)
            if drawn.count("saturation"):
                rows = drawn.rows("saturation")
                drive = drawn["saturation_drive"][rows] / peak[rows]
                samples.index_copy_(0, rows, torch.tanh(samples[rows] * drive) / drive)
            if drawn.count("quantisation"):
                rows = drawn.rows("quantisation")
                step = peak[rows] / drawn["quantisation_steps"][rows]
                samples.index_copy_(0, rows, torch.round(samples[rows] / step) * step)
        return torch.addcmul(drawn["offset_level"], samples, drawn["gain"]).clamp_(-1, 1)

    def _draw(self, n_rows: int, device: torch.device, generator: torch.Generator | None) -> _Drawn:
        """Draw what is done to each row; a thing not done has a value that does nothing."""
        counts = [len(_EFFECTS), *(count for _, count in self._ranges.values())]
        table = torch.rand((n_rows, sum(counts)), dtype=torch.float64, generator=generator)
        chances, *columns = table.split(counts, dim=1)
        chosen = {
            name: chances[:, i : i + 1] < self._chances[name] for i, name in enumerate(_EFFECTS)
        }
        values = {
            name: low + (high - low) * column
            for (name, ((low, high), _)), column in zip(self._ranges.items(), columns, strict=True)
        }

        def if_chosen(effect: str, value: Tensor | float, otherwise: float = 0.0) -> Tensor:
            value = torch.as_tensor(value, dtype=torch.float64)
            return torch.where(chosen[effect], value, otherwise)

        if self._chances["room"]:
            decay = torch.exp(values.pop("room_log_decay"))
            index = _drawn_index(values.pop("room"), len(self._room_lengths))
            n_longest = torch.floor(_RESPONSE_DECAYS * decay * self.sample_rate) + 1
            values["room_index"] = index
            values["room_n_samples"] = if_chosen(
                "room", torch.minimum(n_longest, self._room_lengths[index])
            )
            values["room_slope"] = -np.log(1000) / (decay * self.sample_rate)
            values["room_wet"] = torch.exp(values.pop("room_log_wet"))
        n_bells = torch.floor(values.pop("n_bells"))
        bell = torch.arange(values["bell_db"].shape[1])
        values["bell_db"] = if_chosen("equaliser", values["bell_db"] * (bell < n_bells))
        values["bell_width"] = torch.exp(values.pop("bell_log_width"))
        values["tilt_db"] = if_chosen("equaliser", values["tilt_db"])
        values["low_cut_hz"] = if_chosen("low_cut", values["low_cut_hz"])
        values["high_cut_hz"] = if_chosen("high_cut", values["high_cut_hz"], _INFINITE)
        values["telephone_low_hz"] = if_chosen("telephone", self._telephone_hz[0])
        values["telephone_high_hz"] = if_chosen("telephone", self._telephone_hz[1], _INFINITE)
        chosen["gain"] = torch.zeros(n_rows, 1, dtype=torch.bool)
        for effect in ("equaliser", "low_cut", "high_cut", "telephone"):
            chosen["gain"] |= chosen[effect]
        values["filtered"] = (chosen["gain"] | chosen["room"]).double()

        # Shares of a whole, as dirichlet(1, 1, 1).
        shares = -torch.log1p(-values.pop("noise_shares"))
        values["noise_shares"] = shares / shares.sum(1, keepdim=True).clamp_min(1e-9)
        n_coloured = self.coloured.shape[1]
        values["noise_start"] = _drawn_index(values.pop("noise"), n_coloured)
        if self._chances["recorded_noise"]:
            index = _drawn_index(values.pop("recorded_noise"), len(self._noise_lengths))
            n_noise = self._noise_lengths[index]
            values["recorded_noise_first"] = (torch.cumsum(self._noise_lengths, 0))[index] - n_noise
            values["recorded_noise_length"] = n_noise
            values["recorded_noise_start"] = _drawn_index(
                values.pop("recorded_noise_place"), n_noise
            )
        mains = torch.where(values.pop("hum_mains") < 0.5, *_MAINS_HZ)
        values["hum_hz"] = mains * values.pop("hum_detuning")

        values["saturation_drive"] = _ratio(values.pop("saturation_drive_db"))
        bits = torch.floor(values.pop("quantisation_bits"))
        values["quantisation_steps"] = 2 ** (bits - 1)
        level = if_chosen("level", _ratio(values.pop("level_db")), 1.0)
        values["gain"] = torch.where(chosen["inversion"], -level, level)
        values["offset_level"] = if_chosen("offset", values["offset_level"])
        return _Drawn(chosen, values, device)

    def _filter(self, samples: Tensor, drawn: _Drawn) -> Tensor:
        """Room, equaliser and band limits in one product of spectra; a new tensor."""
        has_room, has_gain = drawn.count("room") > 0, drawn.count("gain") > 0
        if not has_room and not has_gain:
            return samples.clone()
        n_samples = samples.shape[1]
        n_tail = drawn.highest("room_n_samples") if has_room else 0
        n_fft = _fast_length(n_samples + n_tail + int(_FILTER_MARGIN * self.sample_rate))
        spectrum = torch.fft.rfft(samples, n_fft)
        if has_room:
            responses = _responses(
                self.rooms[:, :n_tail][drawn.index("room_index")[:, 0]],
                drawn["room_n_samples"],
                drawn["room_slope"],
                drawn["room_wet"],
            )
            spectrum *= torch.fft.rfft(responses, n_fft)
        if has_gain:
            lower, share = _bins(n_fft, self.sample_rate, samples.device)
            points = _ratio(_gain_db(self.frequency, drawn))
            gain = torch.lerp(points[:, lower], points[:, lower + 1], share)
            torch.view_as_real(spectrum).mul_(gain.unsqueeze(-1))
        filtered = torch.fft.irfft(spectrum, n_fft)[:, :n_samples]
        if has_room:
            before, after = _rms(samples), _rms(filtered)
            restored = (drawn["room_n_samples"] > 0) & (after > 0)
            filtered = filtered * torch.where(restored, before / after, 1.0)
        return torch.where(drawn["filtered"] > 0, filtered, samples)

    def _add_noise(self, samples: Tensor, drawn: _Drawn) -> None:
        """Add to a batch, in place, the noises drawn for its rows."""
        kinds = [kind for kind in ("noise", "hum", "recorded_noise") if drawn.count(kind)]
        if not kinds:
            return
        level = _rms(samples).clamp_min(_QUIET_RMS)
        for kind in kinds:
            rows = drawn.rows(kind)
            noise = getattr(self, f"_{kind}")(rows, samples.shape[1], drawn)
            rms = _rms(noise)
            wanted = level[rows] * _ratio(-drawn[f"{kind}_snr_db"][rows])
            noise *= torch.where(rms > 0, wanted / rms, 0.0)
            samples.index_add_(0, rows, noise)

    def _noise(self, rows: Tensor, n_samples: int, drawn: _Drawn) -> Tensor:
        """White, pink and brown noise in shares, shape (len(rows), n_samples)."""
        shares, start = drawn["noise_shares"][rows], drawn.index("noise_start")[rows]
        noise = torch.zeros((len(rows), n_samples), device=rows.device)
        for i, coloured in enumerate(self.coloured):
            excerpts = _excerpts(coloured, start[:, i : i + 1], len(coloured), n_samples)
            noise.addcmul_(excerpts, shares[:, i : i + 1])
        return noise

    def _recorded_noise(self, rows: Tensor, n_samples: int, drawn: _Drawn) -> Tensor:
        first, start, length = (
            drawn.index(f"recorded_noise_{what}")[rows] for what in ("first", "start", "length")
        )
        return _excerpts(self.noises, start, length, n_samples, first=first)

    def _hum(self, rows: Tensor, n_samples: int, drawn: _Drawn) -> Tensor:
        """The mains: a periodic wave, harmonics at random and weaker as they rise."""
        harmonic = torch.arange(1, _HARMONICS + 1, device=rows.device)
        amplitude = drawn["hum_amplitude"][rows] * harmonic ** -drawn["hum_slope"][rows]
        cycle = torch.arange(_HUM_CYCLE, device=rows.device) / _HUM_CYCLE
        angle = 2 * np.pi * harmonic[:, None] * cycle + drawn["hum_phase"][rows].unsqueeze(-1)
        wave = (torch.sin(angle) * amplitude.unsqueeze(-1)).sum(1)
        step = drawn.exact("hum_hz")[rows] * (_HUM_CYCLE / self.sample_rate)
        position = torch.arange(n_samples, device=rows.device) * step
        return wave.gather(1, position.long() % _HUM_CYCLE)


class _Drawn:
    """What is done to the rows of a batch: known to the host, and sent to the device.

    Parameters
    ----------
    chosen : mapping of str to Tensor
        Whether a row gets an effect, shape (n_rows, 1), on the host.
    values : mapping of str to Tensor
        Parameters, shape (n_rows, any), on the host.
    device : torch.device
        Where the batch is.
    """

    def __init__(
        self, chosen: Mapping[str, Tensor], values: Mapping[str, Tensor], device: torch.device
    ) -> None:
        is_chosen = torch.cat(list(chosen.values()), dim=1)
        counts: list[int] = is_chosen.sum(0).tolist()
        self._counts = dict(zip(chosen, counts, strict=True))
        # The chosen rows first, so that the device finds them as that many rows.
        order = torch.argsort(is_chosen, dim=0, descending=True, stable=True)
        table = torch.cat([order.double(), *(value.double() for value in values.values())], dim=1)
        highest: list[float] = table[:, len(chosen) :].amax(0).tolist()
        if device.type == "cuda":
            table = table.pin_memory()
        table = table.to(device, non_blocking=True)
        widths = [value.shape[1] for value in values.values()]
        order, table = table.split([len(chosen), sum(widths)], dim=1)
        self._order = dict(zip(chosen, order.long().unbind(1), strict=True))
        self._exact = dict(zip(values, table.split(widths, dim=1), strict=True))
        self._sent = dict(zip(values, table.float().split(widths, dim=1), strict=True))
        self._highest = {
            name: max(highest[stop - width : stop], default=0.0)
            for name, width, stop in zip(values, widths, accumulate(widths), strict=True)
        }

    def count(self, effect: str) -> int:
        """How many rows get an effect."""
        return self._counts[effect]

    def rows(self, effect: str) -> Tensor:
        """The rows that get an effect, shape (count,), int64, on the device."""
        return self._order[effect][: self._counts[effect]]

    def highest(self, name: str) -> int:
        """The highest value of a whole number in the batch."""
        return int(self._highest[name])

    def __getitem__(self, name: str) -> Tensor:
        return self._sent[name]

    def exact(self, name: str) -> Tensor:
        """As float64."""
        return self._exact[name]

    def index(self, name: str) -> Tensor:
        """As int64."""
        return self._exact[name].long()


def _ranges(config: AugmentConfig, sample_rate: int) -> dict[str, tuple[Range, int]]:
    """Lowest and highest value of each parameter, and how many are drawn for a row.

    Whole numbers are drawn from a range that ends 1 above the highest, and rounded down;
    a choice among many is drawn as a share in [0, 1).
    """
    low_bells, high_bells = config.equaliser_bells
    low_bits, high_bits = config.quantisation_bits
    share = (0.0, 1.0)
    highest_octave = float(np.log2(sample_rate / 2 / 1000))
    return {
        "room": (share, 1),
        "room_log_decay": (_log(config.room_decay), 1),
        "room_log_wet": (_log(config.room_wet), 1),
        "tilt_db": (config.equaliser_tilt_db, 1),
        "n_bells": ((low_bells, high_bells + 1), 1),
        "bell_octave": ((float(np.log2(_LOWEST_BELL_HZ / 1000)), highest_octave), high_bells),
        "bell_log_width": (_log(_BELL_WIDTH), high_bells),
        "bell_db": (config.equaliser_bell_db, high_bells),
        "low_cut_hz": (config.low_cut_hz, 1),
        "high_cut_hz": (config.high_cut_hz, 1),
        "compression_ratio": (config.compression_ratio, 1),
        "compression_threshold_db": (config.compression_threshold_db, 1),
        "compression_release": (_RELEASE, 1),
        "noise": (share, 3),
        "noise_shares": (share, 3),
        "noise_snr_db": (config.noise_snr_db, 1),
        "hum_mains": (share, 1),
        "hum_detuning": (_MAINS_DETUNING, 1),
        "hum_amplitude": (share, _HARMONICS),
        "hum_slope": (_HUM_SLOPE, 1),
        "hum_phase": ((0.0, 2 * np.pi), _HARMONICS),
        "hum_snr_db": (config.hum_snr_db, 1),
        "recorded_noise": (share, 1),
        "recorded_noise_place": (share, 1),
        "recorded_noise_snr_db": (config.recorded_noise_snr_db, 1),
        "saturation_drive_db": (config.saturation_drive_db, 1),
        "quantisation_bits": ((low_bits, high_bits + 1), 1),
        "level_db": (config.level_db, 1),
        "offset_level": (config.offset_level, 1),
    }


def _responses(rooms: Tensor, n_samples: Tensor, slope: Tensor, wet: Tensor) -> Tensor:
    """Impulse responses whose direct sound is 1 at sample 0.

    Parameters
    ----------
    rooms : Tensor
        Recorded responses from their direct sound on, shape (n_rows, n_tail).
    n_samples : Tensor
        After how many samples a response ends, shape (n_rows, 1); of none, and of one,
        the direct sound is all there is.
    slope : Tensor
        Of the further decay, nepers a sample, below 0; shape (n_rows, 1).
    wet : Tensor
        Energy of the reverberation relative to the direct sound, shape (n_rows, 1).
    """
    time = torch.arange(rooms.shape[1], dtype=torch.float32, device=rooms.device)
    reverberation = rooms * torch.exp(slope * time)
    reverberation *= (time > 0) & (time < n_samples)
    energy = torch.sum(reverberation.square(), dim=1, keepdim=True)
    reverberation *= torch.where(energy > 0, torch.sqrt(wet / energy), 0.0)
    reverberation[:, 0] = 1
    return reverberation


def _gain_db(frequency: Tensor, drawn: _Drawn) -> Tensor:
    """Gain of each row in dB, shape (n_rows, len(frequency)); frequency in Hz."""
    octaves = torch.log2(frequency / 1000)
    distance = (octaves - drawn["bell_octave"].unsqueeze(-1)) / drawn["bell_width"].unsqueeze(-1)
    bells = drawn["bell_db"].unsqueeze(-1) * torch.exp(-0.5 * distance**2)
    return (
        (drawn["tilt_db"] * octaves).clamp(-12, 12)
        + bells.sum(1)
        - 10 * torch.log10(1 + (drawn["low_cut_hz"] / frequency) ** 4)
        - 10 * torch.log10(1 + (frequency / drawn["high_cut_hz"]) ** 4)
        - 10 * torch.log10(1 + (drawn["telephone_low_hz"] / frequency) ** 8)
        - 10 * torch.log10(1 + (frequency / drawn["telephone_high_hz"]) ** 16)
    )


def _compress(
    samples: Tensor, ratio: Tensor, threshold_db: Tensor, release: Tensor, sample_rate: int
) -> Tensor:
    """Turn down what is loud: level in blocks of 5 ms, quick down and slow up.

    Parameters
    ----------
    samples : Tensor
        Shape (n_rows, n_samples).
    ratio : Tensor
        Of decibels in to decibels out above the threshold, shape (n_rows, 1).
    threshold_db : Tensor
        Relative to the loudest block of the row, shape (n_rows, 1).
    release : Tensor
        Seconds in which the level may fall by 60 dB, shape (n_rows, 1).
    sample_rate : int
        In Hz.
    """
    n_rows, n_samples = samples.shape
    n_blocks = -(-n_samples // _LEVEL_BLOCK)
    padded = functional.pad(samples, (0, n_blocks * _LEVEL_BLOCK - n_samples))
    power = padded.square().view(n_rows, n_blocks, _LEVEL_BLOCK).mean(2)
    level_db = 10 * torch.log10(power.double() + 1e-12)
    # A level that falls at most so much a block: the running maximum of the level on a
    # ramp that rises by as much. It rises high: hence float64.
    fall_db = 60 * _LEVEL_BLOCK / sample_rate / release.double()
    ramp = fall_db * torch.arange(n_blocks, device=samples.device)
    level_db = torch.cummax(level_db + ramp, dim=1).values - ramp
    over_db = (level_db - (level_db.amax(1, keepdim=True) + threshold_db)).clamp_min(0)
    gain = _ratio(over_db * (1 / ratio - 1)).float()
    # Straight from the centre of a block to the next, and level at both ends.
    gain = torch.cat([gain[:, :1], gain, gain[:, -1:]], dim=1).unsqueeze(-1)
    share = torch.arange(_LEVEL_BLOCK, device=samples.device) / _LEVEL_BLOCK
    between = torch.lerp(gain[:, :-1], gain[:, 1:], share).view(n_rows, -1)
    return samples * between[:, _LEVEL_BLOCK // 2 :][:, :n_samples]


@lru_cache(maxsize=16)
def _bins(n_fft: int, sample_rate: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Where the bins of a transform lie among the frequencies at which gain is known.

    Returns
    -------
    lower : Tensor
        The point at or below each bin, shape (n_fft // 2 + 1,), int64.
    share : Tensor
        How far the bin lies from there to the next point, in [0, 1].
    """
    frequency = _frequency(sample_rate)
    bins = np.linspace(0, sample_rate / 2, n_fft // 2 + 1)
    place = np.interp(bins, frequency, np.arange(len(frequency)))
    lower = np.minimum(place.astype(np.int64), len(frequency) - 2)
    share = (place - lower).astype(np.float32)
    return torch.from_numpy(lower).to(device), torch.from_numpy(share).to(device)


def _frequency(sample_rate: int) -> NDArray[np.float64]:
    """Points in Hz at which the gain of a row is worked out, shape (192,)."""
    return np.geomspace(10, sample_rate / 2, 192)


def _fast_length(n_samples: int) -> int:
    """A length of at least ``n_samples`` that a Fourier transform likes on any device.

    Few lengths, so that cuFFT plans few transforms; no prime above 7.
    """
    steps = -(-n_samples // _FFT_STEP)
    while 210 ** steps.bit_length() % steps:
        steps += 1
    return steps * _FFT_STEP


def _excerpts(
    noise: Tensor, start: Tensor, length: Tensor | int, n_samples: int, *, first: Tensor | int = 0
) -> Tensor:
    """Excerpts of recordings that lie in one tensor, each repeated as needed.

    Parameters
    ----------
    noise : Tensor
        Every recording, one after another, shape (n,).
    start : Tensor
        Where in its recording an excerpt starts, shape (n_rows, 1), int64.
    length : Tensor or int
        Samples of the recording.
    n_samples : int
        Of each excerpt.
    first : Tensor or int
        Where the recording lies in ``noise``.
    """
    place = start + torch.arange(n_samples, device=noise.device)
    return noise[place.remainder_(length).add_(first)]


def _drawn_index(share: Tensor, count: Tensor | int) -> Tensor:
    """A whole number below ``count`` from a share in [0, 1)."""
    return torch.floor(share * count).long()


def _rms(samples: Tensor) -> Tensor:
    """Of each row, shape (n_rows, 1)."""
    return torch.linalg.vector_norm(samples, dim=1, keepdim=True) / samples.shape[1] ** 0.5


def _ratio(decibels: Tensor) -> Tensor:
    return 10 ** (decibels / 20)


def _log(values: Range) -> Range:
    return float(np.log(values[0])), float(np.log(values[1]))
