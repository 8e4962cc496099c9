"""Which network, and of what size."""

from __future__ import annotations

from dataclasses import dataclass, field

from transcribe.notes import N_PITCHES

HARMONIC = "harmonic"
PAPER = "paper"


@dataclass
class ModelConfig:
    """Architecture and sizes of the network; the defaults are those of the packaged weights."""

    architecture: str = HARMONIC
    """``"harmonic"`` (shared over pitch) or ``"paper"`` (mel frames, four stacks)."""
    harmonics: list[list[float]] = field(
        default_factory=lambda: [
            [0.5, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0],
            [0.5, 1.0, 2.0, 3.0, 4.0],
        ]
    )
    """Harmonic: for each window of the features, which multiples of a key's frequency
    become channels."""
    conv_channels: int = 24
    """Channels of the first convolution (paper: of the first two; the third has twice)."""
    width: int = 64
    """Features of a key (paper: of a whole stack) that go into the BiLSTMs."""
    n_blocks: int = 3
    """Harmonic: how many residual blocks on 88 columns."""
    intervals: list[int] = field(default_factory=lambda: [12, 19, 24, 28])
    """Harmonic: distances in semitones, up and down, of the keys that a block combines."""
    lstm_size: int = 64
    """Hidden units in each direction."""
    lstm_stride: int = 2
    """Harmonic: frames that the keys' BiLSTM takes in one step."""
    context_size: int = 96
    """Harmonic: hidden units, in each direction, of the BiLSTM over the whole
    keyboard; 0 leaves it out."""
    pedal_size: int = 64
    """Hidden units in each direction of the pedal's BiLSTM."""
    velocity_size: int = 32
    """Harmonic: features of an attack, taken before the blocks, for velocities alone; 0
    takes velocities from the same features as everything else."""
    dropout: float = 0.0
    """Probability, after every convolution pair (harmonic: after the blocks)."""

    def check(self) -> None:
        """Raise ValueError for an unknown architecture or sizes out of range."""
        if self.architecture not in (HARMONIC, PAPER):
            raise ValueError(
                f"model.architecture is 'harmonic' or 'paper'; found {self.architecture!r}"
            )
        limits = {
            "conv_channels": (1, 4096),
            "width": (1, 8192),
            "n_blocks": (0, 64),
            "lstm_size": (1, 4096),
            "lstm_stride": (1, 64),
            "context_size": (0, 4096),
            "pedal_size": (1, 4096),
            "velocity_size": (0, 4096),
            "dropout": (0, 1),
        }
        for name, (lowest, highest) in limits.items():
            value = getattr(self, name)
            if not lowest <= value <= highest:
                raise ValueError(f"model.{name} is {lowest} to {highest}; found {value}")
        for multiple in (each for window in self.harmonics for each in window):
            if not 0 < multiple <= 64:
                raise ValueError(
                    f"model.harmonics are multiples of a frequency, above 0 to 64; found {multiple}"
                )
        for interval in self.intervals:
            if not 1 <= interval < N_PITCHES:
                raise ValueError(f"model.intervals are 1 to 87 semitones; found {interval}")
        if max(len(self.harmonics), len(self.intervals), *map(len, self.harmonics)) > N_PITCHES:
            raise ValueError("model.harmonics and model.intervals have at most 88 entries")
