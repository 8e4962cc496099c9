"""What a live transcription sends: keys struck and released, and the pedal, as they are decided."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyDown:
    """A key was struck. It stays so: nothing takes it back but its own `KeyUp`."""

    time: float
    """Seconds from the start of the sound, when it was struck; not when that was known."""
    pitch: int
    """MIDI number, 21 (A0) to 108 (C8)."""
    velocity: int
    """MIDI, 1 to 127."""
    confidence: float
    """Probability, 0 to 1, that it was played."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyUp:
    """A key that was struck came up."""

    time: float
    pitch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PedalMove:
    """The sustain pedal went down, or came up."""

    time: float
    down: bool


LiveEvent: TypeAlias = KeyDown | KeyUp | PedalMove
"""In the order in which they are decided; of one key each `KeyUp` follows its `KeyDown`."""
