"""How notes are spelled: C sharp or D flat.

The algorithm is the first stage of ps13 [1]_: around every note, pitch classes are counted;
each pitch class, in as far as it is there, is taken for the tonic and says how the note would
be spelled in its key; the spelling that most of them ask for is taken. Of the enharmonic names
of a tonic, that one counts which is near the key signature. What is foreign to the signature and
leads by a semitone to a note that belongs to it has another letter: G sharp to A, A flat to G.

Those are wishes of single notes. What is struck at once, and soon before and after, should agree,
as chords and scales do: the names that displease the least are taken, all wishes and all intervals
considered, by changing chord after chord while that helps (iterated conditional modes).

References
----------
.. [1] D. Meredith, "The ps13 Pitch Spelling Algorithm", Journal of New Music Research 35(2),
   2006.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, groupby, product

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
_LEADING = 0.6
"""What another letter than that of what it leads to is worth, in votes of all around."""
_APART = (0.0,) * 6 + (0.5, 1.0, 2.5, 1.0, 2.0, 3.0, 6.0)
"""How much intervals displease, by their places apart on the line of fifths: what chords and
scales are made of, up to five, not; a tritone, a chromatic semitone, an augmented fifth, second,
sixth and third do; two names of one key most."""
_AT_ONCE, _NEARBY = 0.3, 0.02
"""What that weighs, in votes: struck together, and one after the other. These weights were chosen
on training pieces."""
_CHORDS, _QUARTERS = 6, 3.0
"""How many chords, and how much later or earlier, is nearby."""
_MOST_AT_ONCE = 6
"""Tones that are considered together: of more, struck with the arm, some after the others."""
_ROUNDS = 4
_LOWEST_TONIC = -3
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
    pitches: Sequence[int],
    signatures: Sequence[int],
    times: Sequence[float],
    goals: Sequence[int | None] = (),
) -> list[Spelling]:
    """Spell notes.

    Parameters
    ----------
    pitches : sequence of int
        MIDI numbers in the order of the score.
    signatures : sequence of int
        Sharps of the key signature at each note, flats below zero.
    times : sequence of float
        Where they are written, in quarters, rising; those of one time are struck together.
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
    tones = list(_tones(classes, np.asarray(signatures, np.int64), times))
    tone_of = {index: tone for tone in tones for index in tone.members}
    for index, goal in enumerate(goals):
        if goal is None:
            continue
        tone, signature = tone_of[index], signatures[index]
        is_own = tone_of[goal].place - signatures[goal] in _OWN
        if is_own and tone.place - signature not in _OWN:
            other = tone_of[goal].place + (5 if pitches[goal] > pitches[index] else -5)
            if other in tone.wishes:
                tone.wishes[other] += _LEADING
    _agree(tones)
    return [spelled(int(pitch), tone_of[index].place) for index, pitch in enumerate(pitches)]


@dataclass(slots=True, eq=False)
class _Tone:
    """A pitch class that is struck at a time, in one or more octaves."""

    time: float
    members: list[int]
    wishes: dict[int, float]
    """How much its notes ask for each place on the line of fifths."""
    place: int
    """That it has."""


def _tones(
    classes: NDArray[np.int64], signatures: NDArray[np.int64], times: Sequence[float]
) -> Iterator[_Tone]:
    """The tones of a piece in order, each at the place that most around it ask for."""
    votes = _votes(classes, signatures)
    rows = np.arange(len(classes))
    lowest = signatures + _LOWEST_TONIC - 5
    first = (7 * classes - lowest) % 12
    second = np.where(first + 12 < _REACH, first + 12, first)
    counts = np.stack([votes[rows, first], votes[rows, second]], axis=1)
    shares = counts / np.maximum(votes.sum(axis=1, keepdims=True), 1)
    places = np.stack([lowest + first, lowest + second], axis=1)
    together: dict[tuple[float, int], list[int]] = {}
    for index, (time, each) in enumerate(zip(times, classes.tolist(), strict=True)):
        together.setdefault((time, each), []).append(index)
    for (time, _), members in together.items():
        own = places[members[0]].tolist()
        wishes = dict(zip(own, shares[members].sum(axis=0).tolist(), strict=True))
        yield _Tone(time, members, wishes, max(wishes, key=lambda place: wishes[place]))


def _agree(tones: Sequence[_Tone]) -> None:
    """Give tones the places that displease the least."""
    chords = [list(chord) for _, chord in groupby(tones, key=lambda tone: tone.time)]
    for _ in range(_ROUNDS):
        before = [tone.place for tone in tones]
        for number, chord in enumerate(chords):
            near = Counter(
                tone.place
                for other in chords[max(number - _CHORDS, 0) : number + _CHORDS + 1]
                if other is not chord and abs(other[0].time - chord[0].time) <= _QUARTERS
                for tone in other
            )
            for first in range(0, len(chord), _MOST_AT_ONCE):
                part = chord[first : first + _MOST_AT_ONCE]
                rest = Counter(tone.place for tone in chord if tone not in part)
                for tone, place in zip(part, _of_chord(part, rest, near), strict=True):
                    tone.place = place
        if before == [tone.place for tone in tones]:
            break


def _of_chord(
    chord: Sequence[_Tone], rest: Mapping[int, int], near: Mapping[int, int]
) -> tuple[int, ...]:
    """The places of tones struck together, by what they ask for, each other, what else is struck
    with them, and what is near."""
    prices = [
        {
            place: _AT_ONCE * _all_apart(place, rest) + _NEARBY * _all_apart(place, near) - wish
            for place, wish in tone.wishes.items()
        }
        for tone in chord
    ]

    def displeasure(places: tuple[int, ...]) -> float:
        apart = _AT_ONCE * sum(_apart(*pair) for pair in combinations(places, 2))
        return apart + sum(price[place] for price, place in zip(prices, places, strict=True))

    return min(product(*prices), key=displeasure)


def _all_apart(place: int, others: Mapping[int, int]) -> float:
    return sum(_apart(place, other) * n for other, n in others.items())


def _apart(place: int, other: int) -> float:
    return _APART[min(abs(place - other), len(_APART) - 1)]


def _votes(classes: NDArray[np.int64], signatures: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many around each note ask for each place, from the lowest that can be asked for on."""
    n = len(classes)
    counts = np.zeros((n + 1, 12), np.int64)
    np.cumsum(classes[:, None] == np.arange(12), axis=0, out=counts[1:])
    index = np.arange(n)
    present = counts[np.minimum(index + _AFTER, n)] - counts[np.maximum(index - _BEFORE, 0)]
    votes = np.zeros((n, _REACH), np.int64)
    for tonic in range(_LOWEST_TONIC, _LOWEST_TONIC + 12):
        tonics = signatures + tonic  # on the line of fifths
        strength = present[index, 7 * tonics % 12]
        # The chromatic scale of a tonic is on the line from 5 fifths below to 6 above it.
        above = (7 * classes - tonics + 5) % 12 - 5
        votes[index, tonic + above - (_LOWEST_TONIC - 5)] += strength
    return votes
