"""How notes are spelled: C sharp or D flat.

The algorithm is the first stage of ps13 [1]_: around every note, pitch classes are counted;
each pitch class, in as far as it is there, is taken for the tonic and says how the note would
be spelled in its key; the spelling that most of them ask for is taken. Of the enharmonic names
of a tonic, that one counts which is near the key signature. What is foreign to the signature and
leads by a semitone to a note that belongs to it has another letter: G sharp to A, A flat to G.

References
----------
.. [1] D. Meredith, "The ps13 Pitch Spelling Algorithm", Journal of New Music Research 35(2),
   2006.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LETTERS = "CDEFGAB"
_NATURAL = (0, 2, 4, 5, 7, 9, 11)
_FIFTHS = (0, 2, 4, -1, 1, 3, 5)
"""Place of the letters from C to B on the line of fifths, C at 0."""
_BEFORE, _AFTER = 10, 20
"""Notes of the context, with the one that is spelled among the later ones. Chosen on validation
pieces; ps13, which knows no signature, looks 42 ahead."""
_OWN = range(-1, 6)
"""Places from a signature's major tonic to its seven notes."""
_AHEAD = 12
"""Notes of a hand among which what one leads to is looked for."""
_LOWEST_TONIC = -2
"""Fifths from a signature's major tonic to the lowest of the twelve tonics."""
_REACH = 23
"""Places on the line of fifths that the twelve chromatic scales reach together."""
_LOWEST, _HIGHEST = -15, 19
"""Places of F double flat and B double sharp."""


@dataclass(frozen=True, slots=True)
class Spelling:
    """A pitch as it is written."""

    letter: int
    """0 for C to 6 for B."""
    alter: int
    """Sharps, or below zero flats."""
    octave: int
    """4 from middle C up; that of the letter, so B sharp 3 sounds as middle C."""

    @property
    def pitch(self) -> int:
        """MIDI number."""
        return 12 * (self.octave + 1) + _NATURAL[self.letter] + self.alter

    @property
    def position(self) -> int:
        """Steps of the staff above C0: 28 for middle C, 29 for any D above it."""
        return 7 * self.octave + self.letter

    @property
    def fifths(self) -> int:
        """Place on the line of fifths: C 0, G 1, F sharp 6, B flat -2."""
        return _FIFTHS[self.letter] + 7 * self.alter

    def above(self, semitones: int) -> Spelling:
        """What is so many semitones higher and has the next letter."""
        octave, letter = divmod(self.letter + 1, len(LETTERS))
        natural = Spelling(letter, 0, self.octave + octave)
        return Spelling(letter, self.pitch + semitones - natural.pitch, natural.octave)

    def with_trill(self, semitones: int) -> Spelling:
        """This, or the enharmonic name whose upper note needs no triple sign."""
        alter = self.above(semitones).alter
        if abs(alter) <= 2:
            return self
        return spelled(self.pitch, self.fifths + (12 if alter < 0 else -12))

    def __str__(self) -> str:
        sign = "#" * self.alter if self.alter > 0 else "b" * -self.alter
        return f"{LETTERS[self.letter]}{sign}{self.octave}"


def spelled(pitch: int, fifths: int) -> Spelling:
    """A pitch by its place on the line of fifths, or the next that needs no triple sign."""
    if fifths < _LOWEST:
        fifths = _LOWEST + (fifths - _LOWEST) % 12
    elif fifths > _HIGHEST:
        fifths = _HIGHEST - (_HIGHEST - fifths) % 12
    letter = (4 * fifths) % 7
    alter = (fifths - _FIFTHS[letter]) // 7
    octave = (pitch - alter - _NATURAL[letter]) // 12 - 1
    return Spelling(letter, alter, octave)


def leads_to(pitches: Sequence[int], times: Sequence[float], most: float) -> list[int | None]:
    """Which note of a hand each of them leads to by a semitone, if it leads to one.

    Parameters
    ----------
    pitches : sequence of int
        MIDI numbers in the order of the score.
    times : sequence of float
        Where they are written, rising.
    most : float
        How much later what a note leads to may be. A key that is struck again leads to nothing,
        nor does one between two.
    """
    found: list[int | None] = []
    for index, (pitch, time) in enumerate(zip(pitches, times, strict=True)):
        ahead = range(index + 1, min(index + _AHEAD, len(pitches)))
        near = [i for i in ahead if abs(pitches[i] - pitch) <= 1 and 0 < times[i] - time <= most]
        goals = {pitches[i]: i for i in near if times[i] == times[near[0]]}
        found.append(near[0] if len(goals) == 1 and pitch not in goals else None)
    return found


def spell(
    pitches: Sequence[int], signatures: Sequence[int], goals: Sequence[int | None] = ()
) -> list[Spelling]:
    """Spell notes.

    Parameters
    ----------
    pitches : sequence of int
        MIDI numbers in the order of the score.
    signatures : sequence of int
        Sharps of the key signature at each note, flats below zero.
    goals : sequence of int or None, optional
        Which other note each of them leads to by a semitone, as of `leads_to`.

    Returns
    -------
    list of Spelling
        With double sharps and double flats only where the music asks for them.
    """
    if not len(pitches):
        return []
    classes = np.asarray(pitches, np.int64) % 12
    places = _places(classes, np.asarray(signatures, np.int64))
    above = places - signatures
    for index, goal in enumerate(goals):
        if goal is not None and above[index] not in _OWN and above[goal] in _OWN:
            places[index] = places[goal] + (5 if pitches[goal] > pitches[index] else -5)
    return [spelled(int(pitch), int(place)) for pitch, place in zip(pitches, places, strict=True)]


def _places(classes: NDArray[np.int64], signatures: NDArray[np.int64]) -> NDArray[np.int64]:
    """Place of every note on the line of fifths."""
    n = len(classes)
    counts = np.zeros((n + 1, 12), np.int64)
    np.cumsum(classes[:, None] == np.arange(12), axis=0, out=counts[1:])
    index = np.arange(n)
    present = counts[np.minimum(index + _AFTER, n)] - counts[np.maximum(index - _BEFORE, 0)]
    votes = np.zeros((n, _REACH), np.int64)  # by place, from the lowest that can be asked for
    for tonic in range(_LOWEST_TONIC, _LOWEST_TONIC + 12):
        tonics = signatures + tonic  # on the line of fifths
        strength = present[index, 7 * tonics % 12]
        # The chromatic scale of a tonic is on the line from 5 fifths below to 6 above it.
        above = (7 * classes - tonics + 5) % 12 - 5
        votes[index, tonic + above - (_LOWEST_TONIC - 5)] += strength
    return signatures + _LOWEST_TONIC - 5 + votes.argmax(axis=1)
