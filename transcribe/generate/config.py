"""Sizes of the network that continues music."""

from __future__ import annotations

from dataclasses import dataclass

N_PITCH_CLASSES = 12


@dataclass
class GeneratorConfig:
    """Sizes of the network."""

    body: str = "lstm"
    """``"lstm"`` or ``"transformer"``."""
    width: int = 256
    n_layers: int = 2
    n_heads: int = 4
    """Of a transformer; even, and of an even width."""
    context: int = 512
    """How many events a transformer looks back, and how many a window of training has."""

    def check(self) -> None:
        """Raise ValueError for sizes that don't fit each other."""
        if self.body not in ("transformer", "lstm"):
            raise ValueError(f"model.body is transformer or lstm; found {self.body!r}")
        limits = {"width": 8192, "n_layers": 64, "n_heads": 256, "context": 1 << 20}
        for name, highest in limits.items():
            value = getattr(self, name)
            if not 1 <= value <= highest:
                raise ValueError(f"model.{name} is 1 to {highest}; found {value}")
        if self.n_heads % 2 or self.width % (2 * self.n_heads):
            raise ValueError(
                "model.n_heads is even and model.width a multiple of twice as many; found "
                f"{self.n_heads} and {self.width}"
            )
