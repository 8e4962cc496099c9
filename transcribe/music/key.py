"""The key of a piece, from how long each pitch class sounds, and how notes are spelled in it.

References
----------
.. [1] C. L. Krumhansl, "Cognitive Foundations of Musical Pitch", Oxford 1990.
.. [2] D. Temperley, "What's Key for Key? The Krumhansl-Schmuckler Key-Finding Algorithm
   Reconsidered", Music Perception 1999; its profiles are used here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from transcribe.notes import Note

MAJOR_PROFILE = (5.0, 2.0, 3.5, 2.0, 4.5, 4.0, 2.0, 4.5, 2.0, 3.5, 1.5, 4.0)
MINOR_PROFILE = (5.0, 2.0, 3.5, 4.5, 2.0, 4.0, 2.0, 4.5, 3.5, 2.0, 1.5, 4.0)
_LONGEST = 2.0
"""Seconds a note counts for at most."""

_MAJOR_FIFTHS = {0: 0, 7: 1, 2: 2, 9: 3, 4: 4, 11: 5, 6: 6, 5: -1, 10: -2, 3: -3, 8: -4, 1: -5}
"""Sharps (flats below zero) of the major key on each pitch class."""
_MOST_SIGNS = 7
_SHARP_ORDER = (3, 0, 4, 1, 5, 2, 6)
"""Letters (C is 0) in the order in which sharps are added; flats go the other way."""
_NATURAL = (0, 2, 4, 5, 7, 9, 11)
_NAMES = ("C", "D", "E", "F", "G", "A", "B")


@dataclass(frozen=True, slots=True)
class Key:
    """A major or minor key."""

    tonic: int
    """Pitch class, C is 0."""
    is_minor: bool = False
    turn: int = 0
    """12 or -12: a signature of so many more sharps, such as that of G flat for F sharp."""

    @property
    def fifths(self) -> int:
        """Sharps of the signature, flats below zero: F sharp major has 6, E flat minor -6."""
        usual = _MAJOR_FIFTHS[(self.tonic + 3 * self.is_minor) % 12]
        return usual - 12 * (self.is_minor and usual == 6) + self.turn

    @property
    def names(self) -> tuple[Key, ...]:
        """It as it may be written, with at most seven sharps or flats; the usual way first."""
        ways = (replace(self, turn=turn) for turn in (0, 12, -12))
        return tuple(way for way in ways if abs(way.fifths) <= _MOST_SIGNS)

    @property
    def signature(self) -> tuple[int, ...]:
        """1 for a sharp, -1 for a flat, by letter from C to B."""
        signs = [0] * 7
        sharps, flats = _SHARP_ORDER[: max(self.fifths, 0)], _SHARP_ORDER[::-1]
        for letter in sharps:
            signs[letter] = 1
        for letter in flats[: max(-self.fifths, 0)]:
            signs[letter] = -1
        return tuple(signs)

    def spell(self, pitch_class: int) -> tuple[int, int]:
        """Letter (C is 0) and accidental (-1, 0 or 1) of a pitch class in this key."""
        signature = self.signature
        ways = [
            (letter, sign)
            for letter in range(7)
            for sign in (-1, 0, 1)
            if (_NATURAL[letter] + sign) % 12 == pitch_class
        ]
        lean = -1 if self.fifths < 0 else 1
        return min(ways, key=lambda way: (way[1] != signature[way[0]], way[1] not in (0, lean)))

    @property
    def abc(self) -> str:
        """As ABC has it: ``C``, ``F#m``, ``Bb``."""
        letter, sign = self.spell(self.tonic)
        return _NAMES[letter] + ("b", "", "#")[sign + 1] + ("m" if self.is_minor else "")

    @classmethod
    def from_abc(cls, text: str) -> Key:
        """The key of a name that `abc` gives."""
        for tonic, is_minor in product(range(12), (False, True)):
            for key in cls(tonic, is_minor).names:
                if key.abc == text.strip():
                    return key
        raise ValueError(f"expected a key such as C, F#m or Bb; found {text!r}")

    @classmethod
    def parse(cls, text: str) -> Key:
        """Read a key as people write it: ``Eb``, ``F#m``, ``c minor``, ``B♭ major``."""
        found = re.fullmatch(
            r"([A-Ga-g])\s*(#|♯|sharp|b|♭|flat)?\s*[- ]?\s*(m|min|minor|maj|major)?", text.strip()
        )
        if found is None:
            raise ValueError(f"expected a key such as C, F#m, Eb or 'c minor'; found {text!r}")
        letter, sign, mode = found.groups()
        alter = 0 if sign is None else (1 if sign in ("#", "♯", "sharp") else -1)
        step = _NAMES.index(letter.upper())
        ways = cls((_NATURAL[step] + alter) % 12, mode in ("m", "min", "minor")).names
        return next((key for key in ways if key.spell(key.tonic) == (step, alter)), ways[0])

    def __str__(self) -> str:
        return self.abc.rstrip("m") + (" minor" if self.is_minor else " major")


def find_key(notes: Iterable[Note]) -> Key:
    """The key whose profile goes best with how long each pitch class sounds; C if none."""
    sounding = np.zeros(12)
    for note in notes:
        sounding[note.pitch % 12] += min(note.offset - note.onset, _LONGEST)
    if sounding.std() == 0:
        return Key(0)

    def fit(key: Key) -> float:
        profile = np.roll(MINOR_PROFILE if key.is_minor else MAJOR_PROFILE, key.tonic)
        return float(np.corrcoef(sounding, profile)[0, 1])

    return max((Key(tonic, minor) for minor in (False, True) for tonic in range(12)), key=fit)
