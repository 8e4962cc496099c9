"""How often training changes a sound, how, and how much."""

from __future__ import annotations

from dataclasses import dataclass, fields

Range = tuple[float, float]


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
                    raise ValueError(
                        f"augment.{setting.name} is a probability, 0 to 1; found {value}"
                    )
            elif len(value) != 2 or not value[0] <= value[1]:
                raise ValueError(f"augment.{setting.name} is (lowest, highest); found {value}")
        for name in ("room_wet", "room_decay", "low_cut_hz", "high_cut_hz", "telephone_hz"):
            if not getattr(self, name)[0] > 0:
                raise ValueError(f"augment.{name} is above 0; found {getattr(self, name)}")
        if not self.quantisation_bits[0] >= 2:
            raise ValueError(
                f"augment.quantisation_bits is 2 or more; found {self.quantisation_bits}"
            )

    @classmethod
    def nothing(cls) -> AugmentConfig:
        """Every probability 0: a start for settings that do one thing."""
        config = cls()
        for setting in fields(config):
            if isinstance(getattr(config, setting.name), float):
                setattr(config, setting.name, 0.0)
        return config
