"""What the decoder counts as a note, its end and a pedal press."""

from __future__ import annotations

import math
from dataclasses import dataclass

from transcribe.decode.events import Thresholds
from transcribe.notes import KEY, SUSTAINED

_MOST_TILT = 20
"""MIDI velocities an octave."""


@dataclass
class DecodeConfig:
    """What counts as a note, its end, and a pedal press."""

    onset_threshold: float = 0.5
    """Probability from which an onset is one."""
    offset_threshold: float = 0.5
    """Probability from which a key release refines the end of a note."""
    frame_threshold: float = 0.5
    """Probability below which a key is up."""
    sounding_threshold: float = 0.5
    """Probability below which a note no longer sounds."""
    pedal_threshold: float = 0.5
    """Probability from which the pedal is down."""
    pedal_hysteresis: float = 0.1
    """How far below its threshold the pedal's probability falls before it is up."""
    release_tolerance: float = 0.0
    """Key releases are placed where they are most probably right, if they may be early or late by
    this part of a note's length (and by 50 ms); 0: where the frame plane crosses its threshold."""
    offsets: str = KEY
    """``"key"``: notes end with the key; ``"sustained"``: where they cease to sound."""
    minimum_repeat: float = 0.045
    """Seconds; of onsets of a pitch closer than this only the most probable counts."""
    minimum_duration: float = 0.0
    """Seconds; notes shorter than this are left out."""
    prolong_to: float = 0.03
    """Seconds; notes that are shorter, and stay, are prolonged to it."""
    bridge_frames: int = 1
    """So many frames below the threshold do not end a note that comes back."""
    minimum_press: float = 0.05
    """Seconds; shorter pedal presses are left out."""
    minimum_lift: float = 0.03
    """Seconds; pedal presses with less between them are one."""
    pedal_grace: float = 0.05
    """Seconds; a key released so shortly before the pedal goes down, of a note that
    sounds on, is released just after it: the pedal was meant to hold it."""
    velocity_tilt: float = 0.0
    """MIDI velocities added for each octave above E4, and taken away below: what is audible of how
    hard a key was struck is learnt less well than which key it was."""
    confidence_slope: float = 1.0
    """A note's confidence is its onset's probability with its log odds multiplied by this ..."""
    confidence_shift: float = 0.0
    """... and this added, so that of notes with confidence 0.8, eight in ten are right."""

    def check(self) -> None:
        """Raise ValueError for settings that decode nothing sensible."""
        for name in ("onset", "offset", "frame", "sounding", "pedal"):
            value = getattr(self, f"{name}_threshold")
            if not 0 < value < 1:
                raise ValueError(
                    f"decode.{name}_threshold is a probability between 0 and 1; found {value}"
                )
        if not 0 <= self.pedal_hysteresis < self.pedal_threshold:
            raise ValueError(
                "decode.pedal_hysteresis is at least 0 and less than pedal_threshold "
                f"({self.pedal_threshold}); found {self.pedal_hysteresis}"
            )
        if not 0 <= self.release_tolerance < 1:
            raise ValueError(
                "decode.release_tolerance is a part of a note's length, 0 to below 1; found "
                f"{self.release_tolerance}"
            )
        if self.offsets not in (KEY, SUSTAINED):
            raise ValueError(f"decode.offsets is 'key' or 'sustained'; found {self.offsets!r}")
        for name in (
            "minimum_repeat",
            "minimum_duration",
            "prolong_to",
            "minimum_press",
            "minimum_lift",
            "pedal_grace",
        ):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise ValueError(f"decode.{name} is 0 or more seconds; found {value}")
        if not abs(self.velocity_tilt) <= _MOST_TILT:
            raise ValueError(
                f"decode.velocity_tilt is -{_MOST_TILT} to {_MOST_TILT}; found {self.velocity_tilt}"
            )
        if not (math.isfinite(self.confidence_slope) and self.confidence_slope > 0):
            raise ValueError(f"decode.confidence_slope is above 0; found {self.confidence_slope}")
        if not math.isfinite(self.confidence_shift):
            raise ValueError(f"decode.confidence_shift is a number; found {self.confidence_shift}")
        if self.bridge_frames < 0:
            raise ValueError(f"decode.bridge_frames is 0 or more; found {self.bridge_frames}")
        for name, most in (("prolong_to", 60), ("bridge_frames", 1000)):
            if getattr(self, name) > most:
                raise ValueError(f"decode.{name} is at most {most}; found {getattr(self, name)}")

    def thresholds(self) -> Thresholds:
        """The part of these settings that decides what counts as an event."""
        return Thresholds(
            onset=self.onset_threshold,
            offset=self.offset_threshold,
            frame=self.frame_threshold,
            sounding=self.sounding_threshold,
            bridge_frames=self.bridge_frames,
            falls=self.release_tolerance > 0,
        )
