"""Sizes of the network that continues music; whichever runtime runs it, they mean the same."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from transcribe.generate.events import PEDAL

N_PITCH_CLASSES = 12
N_INTERVALS = 2 * PEDAL - 1
"""From 87 semitones down to 87 up; one more is none."""
N_CANDIDATE = 32
"""Features by which a key is judged."""
DECAYS = (0.5, 2.0, 8.0, 40.0)
"""Seconds in which what was struck fades to a third."""
N_AROUND = 2
"""Of `DECAYS`, at how many the keys around a key are looked at; at the others pitch classes."""
REACH = 12
"""Semitones around a key."""
POINTER = 64
"""Width of the attention that copies."""
MOST_ALIKE = 6
"""Intervals in a row; a longer likeness counts as much."""
PEDAL_PITCH = PEDAL + 24
"""Where the pedal lies among the keys, as far as distances go."""


@dataclass
class GeneratorConfig:
    """Sizes of the network."""

    width: int = 256
    n_layers: int = 2
    """Of the LSTM."""
    n_heads: int = 4
    """Of the attention; width is a multiple of eight times as many."""
    context: int = 768
    """How many events it looks back, about a minute, and how many a window of training has."""

    def check(self) -> None:
        """Raise ValueError for sizes that don't fit each other."""
        limits = {"width": 8192, "n_layers": 64, "n_heads": 256, "context": 1 << 20}
        for name, highest in limits.items():
            value = getattr(self, name)
            if not 1 <= value <= highest:
                raise ValueError(f"model.{name} is 1 to {highest}; found {value}")
        if self.width % (8 * self.n_heads):
            raise ValueError(
                "model.width is a multiple of eight times model.n_heads; found "
                f"{self.width} and {self.n_heads}"
            )


def angle_rates(n_angles: int) -> NDArray[np.float32]:
    """Radians a semitone, an event and a second: shape (3, n_angles).

    Half of the angles tell pitches apart (the harmonics of an octave, then longer waves), a
    quarter events, a quarter seconds.
    """
    quarter = n_angles // 4
    pitch, event, second = np.zeros((3, n_angles))
    harmonics = min(6, quarter)
    pitch[:harmonics] = 2 * np.pi / 12 * np.arange(1, harmonics + 1)
    rest = 2 * quarter - harmonics
    pitch[harmonics : 2 * quarter] = 2 * np.pi / 4 * 50.0 ** -(np.arange(rest) / max(1, rest - 1))
    exponent = np.arange(quarter) / quarter
    event[2 * quarter : 3 * quarter] = 4000.0**-exponent
    second[3 * quarter :] = 2 * np.pi / 0.1 * 2000.0**-exponent
    return np.stack((pitch, event, second)).astype(np.float32)
