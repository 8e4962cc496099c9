"""Which notes have a sign before them.

A sign holds for its place on the staff until the bar line. In the bar after, the first note of
that place gets one too where it is another, as a courtesy; so does one of the same letter in
another octave of the same bar.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from transcribe.music.key import Key
from transcribe.score.sheet import Bar, Notehead


def add_accidentals(bars: Sequence[Bar]) -> None:
    """Set the signs of all notes."""
    key = Key(0)
    before: dict[tuple[int, int], int] = {}
    for bar in bars:
        key = bar.new_key or key
        now: dict[tuple[int, int], int] = {}
        tied: dict[tuple[int, int], int] = {}  # they need no sign, and give none to others
        by_letter: dict[tuple[int, int], int] = {}
        for staff, head in _heads(bar):
            spelling = head.spelling
            place = (staff, spelling.position)
            usual = key.signature[spelling.letter]
            if head.is_tied_back:
                tied[place] = spelling.alter
                continue
            expected = now.get(place, usual)
            doubted = place not in now and (
                before.get(place, usual) != spelling.alter
                or by_letter.get((staff, spelling.letter), spelling.alter) != spelling.alter
            )
            if spelling.alter != expected or doubted:
                head.accidental = spelling.alter
            now[place] = by_letter[staff, spelling.letter] = spelling.alter
            upper = head.trill
            if upper is not None:
                expected = now.get((staff, upper.position), key.signature[upper.letter])
                head.trill_accidental = upper.alter if upper.alter != expected else None
        before = tied | now


def _heads(bar: Bar) -> Iterator[tuple[int, Notehead]]:
    """Heads of a bar with their staves, in time; grace notes before what they lead to."""
    items = [item for line in bar.lines for item in line.items]
    for item in sorted(items, key=lambda item: item.start):
        for grace in item.graces:
            for head in grace.heads:
                yield item.staff, head
        for head in item.heads:
            yield item.staff, head
