"""What is done to each row of a batch, drawn at random on the host.

Everything is drawn on the host and sent to the device in one piece. The host thereby knows
which rows get an effect, and never waits for the device.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
import torch
from torch import Tensor

from transcribe.train.augment.config import AugmentConfig, Range
from transcribe.train.augment.effects import ratio_of

RESPONSE_DECAYS = 1.2
"""After so many times the drawn decay, a room's response ends."""
HARMONICS = 12
"""Of the mains' hum."""
_LOWEST_BELL_HZ = 50.0
"""The highest is at half the sample rate."""
_BELL_WIDTH = (0.3, 2.0)
"""Octaves."""
_RELEASE = (0.1, 1.0)
"""Seconds in which a compressor lets go by 60 dB."""
_MAINS_HZ = (50.0, 60.0)
_MAINS_DETUNING = (0.998, 1.002)
"""The hum's frequency over the mains'."""
_HUM_SLOPE = (0.3, 1.5)
"""A harmonic's amplitude falls with its number to such a power."""
_INFINITE = float("inf")
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


class Drawing:
    """Draws what is done to each row of a batch.

    Parameters
    ----------
    config : AugmentConfig
    sample_rate : int
        In Hz.
    n_coloured : int
        Samples of coloured noise that there are.
    room_lengths, noise_lengths : Tensor
        Samples of each impulse response and of each recorded noise, int64; without any, the
        effect is left out.
    """

    def __init__(
        self,
        config: AugmentConfig,
        sample_rate: int,
        *,
        n_coloured: int,
        room_lengths: Tensor,
        noise_lengths: Tensor,
    ) -> None:
        self.sample_rate, self.n_coloured = sample_rate, n_coloured
        self._room_lengths, self._noise_lengths = room_lengths, noise_lengths
        self._chances = {name: float(getattr(config, name)) for name in _EFFECTS}
        self._chances["room"] *= len(room_lengths) > 0
        self._chances["recorded_noise"] *= len(noise_lengths) > 0
        self._ranges = _ranges(config, sample_rate)
        self._telephone_hz = config.telephone_hz

    def __call__(
        self, n_rows: int, device: torch.device, generator: torch.Generator | None
    ) -> Drawn:
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

        draws = _Draws(chosen, values)
        if self._chances["room"]:
            self._settle_rooms(draws)
        self._settle_filters(draws)
        self._settle_noises(draws)
        _settle_levels(draws)
        return Drawn(chosen, values, device)

    def _settle_rooms(self, draws: _Draws) -> None:
        values = draws.values
        decay = torch.exp(values.pop("room_log_decay"))
        index = _drawn_index(values.pop("room"), len(self._room_lengths))
        n_longest = torch.floor(RESPONSE_DECAYS * decay * self.sample_rate) + 1
        n_samples = torch.minimum(n_longest, self._room_lengths[index])
        values["room_index"] = index
        values["room_n_samples"] = draws.if_chosen("room", n_samples)
        values["room_slope"] = -np.log(1000) / (decay * self.sample_rate)
        values["room_wet"] = torch.exp(values.pop("room_log_wet"))

    def _settle_filters(self, draws: _Draws) -> None:
        values, chosen, if_chosen = draws.values, draws.chosen, draws.if_chosen
        n_bells = torch.floor(values.pop("n_bells"))
        bell = torch.arange(values["bell_db"].shape[1])
        values["bell_db"] = if_chosen("equaliser", values["bell_db"] * (bell < n_bells))
        values["bell_width"] = torch.exp(values.pop("bell_log_width"))
        values["tilt_db"] = if_chosen("equaliser", values["tilt_db"])
        values["low_cut_hz"] = if_chosen("low_cut", values["low_cut_hz"])
        values["high_cut_hz"] = if_chosen("high_cut", values["high_cut_hz"], _INFINITE)
        values["telephone_low_hz"] = if_chosen("telephone", self._telephone_hz[0])
        values["telephone_high_hz"] = if_chosen("telephone", self._telephone_hz[1], _INFINITE)
        filters = [chosen[name] for name in ("equaliser", "low_cut", "high_cut", "telephone")]
        chosen["gain"] = torch.cat(filters, dim=1).any(1, keepdim=True)
        values["filtered"] = (chosen["gain"] | chosen["room"]).double()

    def _settle_noises(self, draws: _Draws) -> None:
        values = draws.values
        # Shares of a whole, as dirichlet(1, 1, 1).
        shares = -torch.log1p(-values.pop("noise_shares"))
        values["noise_shares"] = shares / shares.sum(1, keepdim=True).clamp_min(1e-9)
        values["noise_start"] = _drawn_index(values.pop("noise"), self.n_coloured)
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


@dataclass(frozen=True)
class _Draws:
    """What was drawn for each row; see `Drawn`."""

    chosen: dict[str, Tensor]
    values: dict[str, Tensor]

    def if_chosen(self, effect: str, value: Tensor | float, otherwise: float = 0.0) -> Tensor:
        """A value where a row gets an effect, and elsewhere one that does nothing."""
        value = torch.as_tensor(value, dtype=torch.float64)
        return torch.where(self.chosen[effect], value, otherwise)


def _settle_levels(draws: _Draws) -> None:
    values = draws.values
    values["saturation_drive"] = ratio_of(values.pop("saturation_drive_db"))
    bits = torch.floor(values.pop("quantisation_bits"))
    values["quantisation_steps"] = 2 ** (bits - 1)
    level = draws.if_chosen("level", ratio_of(values.pop("level_db")), 1.0)
    values["gain"] = torch.where(draws.chosen["inversion"], -level, level)
    values["offset_level"] = draws.if_chosen("offset", values["offset_level"])


class Drawn:
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
        "hum_amplitude": (share, HARMONICS),
        "hum_slope": (_HUM_SLOPE, 1),
        "hum_phase": ((0.0, 2 * np.pi), HARMONICS),
        "hum_snr_db": (config.hum_snr_db, 1),
        "recorded_noise": (share, 1),
        "recorded_noise_place": (share, 1),
        "recorded_noise_snr_db": (config.recorded_noise_snr_db, 1),
        "saturation_drive_db": (config.saturation_drive_db, 1),
        "quantisation_bits": ((low_bits, high_bits + 1), 1),
        "level_db": (config.level_db, 1),
        "offset_level": (config.offset_level, 1),
    }


def _drawn_index(share: Tensor, count: Tensor | int) -> Tensor:
    """A whole number below ``count`` from a share in [0, 1)."""
    return torch.floor(share * count).long()


def _log(values: Range) -> Range:
    return float(np.log(values[0])), float(np.log(values[1]))
