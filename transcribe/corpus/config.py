"""What a user may decide about a corpus; each default is written once, here."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True, slots=True)
class CorpusConfig:
    """How a folder of transcriptions becomes a training set.

    Equal settings and equal files give equal corpora, byte for byte.
    """

    target: str | None = None
    """A name of `transcribe.tokens.TARGETS`; None: notes as they are."""
    validation: float = 0.1
    """Share of the pieces, 0 to 1, that goes into the validation split."""
    test: float = 0.1
    seed: int = 0
    """Of the splits and the variants."""
    copies: int = 4
    """How many transposed and stretched variants each passage of the train split gets beside
    itself."""
    semitones: int = 3
    """Variants are at most so far up or down, and never off the keyboard [1]_."""
    stretch: float = 0.05
    """Variants are at most this share faster or slower [1]_.

    .. [1] C.-Z. A. Huang et al., "Music Transformer", ICLR 2019: within a minor third, and up
       to 5 %.
    """
    confidence: float = 0.9
    """Where the mean confidence of four seconds' notes is below this, they are cut out."""
    silence: float = 10.0
    """Seconds; a longer silence divides passages."""
    shortest: float = 8.0
    """Seconds; shorter passages are left out."""
    fewest_notes: int = 16
    """Passages with fewer are left out."""
    notes_per_shard: int = 1_000_000
    """About how many notes, variants counted, share a file."""

    def __post_init__(self) -> None:
        if min(self.validation, self.test) < 0 or self.validation + self.test >= 1:
            raise ValueError(
                "validation and test are shares of the pieces, 0 or more and together below 1; "
                f"found {self.validation:g} and {self.test:g}"
            )
        if self.copies < 0 or not 0 <= self.semitones <= 24 or not 0 <= self.stretch <= 0.5:
            raise ValueError(
                "variants are 0 or more, transposed by 0 to 24 semitones and stretched by 0 to "
                f"0.5; found {self.copies}, {self.semitones} and {self.stretch:g}"
            )
        if not 0 <= self.confidence <= 1:
            raise ValueError(f"a confidence is 0 to 1; found {self.confidence:g}")
        if self.silence <= 0 or self.shortest < 0 or self.fewest_notes < 1:
            raise ValueError(
                "expected a silence above 0 s, passages of 0 s or more and of 1 note or more; "
                f"found {self.silence:g}, {self.shortest:g} and {self.fewest_notes}"
            )
        if self.notes_per_shard < 1:
            raise ValueError(f"a shard holds 1 note or more; found {self.notes_per_shard}")

    def as_json(self) -> dict[str, Any]:
        """Every setting by its name."""
        return asdict(self)
