"""What a bar has beside its notes: signatures, rests where a staff is silent, stems by voices."""

from __future__ import annotations

from collections.abc import Sequence

from transcribe.score.metrical import Ruler
from transcribe.score.score import Score
from transcribe.score.sheet import LOWER, UPPER, Bar, Line, Symbol


def add_signatures(bars: Sequence[Bar], score: Score) -> None:
    """Set time and key signatures where they change."""
    metre = key = None
    for bar in bars:
        if bar.metre != metre:
            bar.new_metre = metre = bar.metre
        if score.key(bar.number) != key:
            bar.new_key = key = score.key(bar.number)


def complete(bar: Bar, ruler: Ruler) -> None:
    """Give every staff a first voice, and hide rests where the staff sounds.

    In a tuplet only the first one is hidden, where a note of another voice stands in for it: notes
    that are fewer than their number says can't be counted.
    """
    for staff, voice in ((UPPER, 1), (LOWER, 3)):
        lines = [line for line in bar.lines if line.staff == staff]
        if not any(line.voice == voice for line in lines):
            rests = [
                Symbol(start, stop, value, staff=staff)
                for start, stop, value in ruler.rest_pieces(0, bar.length)
            ]
            lines.insert(0, Line(voice, staff, rests))
            bar.lines.append(lines[0])
        for line in lines:
            others = [item for each in lines if each is not line for item in each.items]
            struck = {item.start for item in others if not item.is_rest}
            sounding = [(item.start, item.stop) for item in others if not item.is_rest]
            for item in line.items:
                if item.is_rest and item.tuplet is not None:
                    item.is_hidden = item.start in struck and _is_followed(item, line)
                elif item.is_rest:
                    item.is_hidden = line.voice != voice or any(
                        start < item.stop and stop > item.start for start, stop in sounding
                    )
    bar.lines.sort(key=lambda line: line.voice)


def _is_followed(rest: Symbol, line: Line) -> bool:
    """Whether a rest is the first of its tuplet, and all others are notes, two or more."""
    inside = [item for item in line.items if item.tuplet is rest.tuplet]
    n_rests = sum(item.is_rest for item in inside)
    return inside[0] is rest and n_rests == 1 and len(inside) > 2


def set_stems(bar: Bar) -> None:
    """Where a staff has two voices, or something of the other hand, stems say which is which."""
    for staff in (UPPER, LOWER):
        lines = [[item for item in line.items if item.staff == staff] for line in bar.lines]
        lines = [items for items in lines if any(not item.is_rest for item in items)]
        if len(lines) > 1:
            for number, items in enumerate(lines):
                for item in items:
                    item.stem = "down" if number else "up"
