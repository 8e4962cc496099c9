"""Which notes are beamed together: those of a beat, and eighths of half a bar or of a waltz bar."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from transcribe.score.metrical import Ruler
from transcribe.score.sheet import Beam, Symbol


def add_beams(items: Sequence[Symbol], ruler: Ruler) -> None:
    """Set the beams of one voice in one bar."""
    for group in _groups(items, ruler):
        for level in range(1, max(item.value.flags for item in group) + 1):
            _add_level(group, level)


def _groups(items: Sequence[Symbol], ruler: Ruler) -> Iterator[list[Symbol]]:
    span = _spans(items, ruler)
    group: list[Symbol] = []
    for item in items:
        is_beamed = not item.is_rest and item.value.flags > 0
        goes_on = (
            is_beamed
            and group
            and span(item) == span(group[-1])
            and item.staff == group[-1].staff
            and item.start == group[-1].stop
        )
        if not goes_on:
            if len(group) > 1:
                yield group
            group = []
        if is_beamed:
            group.append(item)
    if len(group) > 1:
        yield group


def _spans(items: Sequence[Symbol], ruler: Ruler) -> Callable[[Symbol], object]:
    """What notes must share to be beamed: their tuplet, or their beat or half bar."""
    metre = ruler.metre
    whole = metre.denominator == 8 and not metre.is_compound and metre.numerator <= 3
    wide = ruler.beat
    if metre.denominator == 4 and metre.numerator in (2, 4):
        wide = 2 * ruler.beat
    elif (metre.numerator, metre.denominator) == (3, 4):
        wide = 3 * ruler.beat
    first = ruler.start_of_metre

    plain = set()  # wide spans of nothing but eighths
    if wide > ruler.beat:
        by_span: dict[int, bool] = {}
        for item in items:
            number = (item.start + first) // wide
            eighth = item.tuplet is None and item.value.flags <= 1 and not item.value.dots
            by_span[number] = by_span.get(number, True) and (eighth or item.value.flags == 0)
        plain = {number for number, is_plain in by_span.items() if is_plain}

    def span(item: Symbol) -> object:
        if item.tuplet is not None and item.tuplet.stop - item.tuplet.start > ruler.beat:
            return item.tuplet
        if whole:
            return 0
        number = (item.start + first) // wide
        if number in plain:
            return ("wide", number)
        return (item.start + first) // ruler.beat

    return span


def _add_level(group: Sequence[Symbol], level: int) -> None:
    """The beams of one level: runs of notes that are short enough, and hooks."""
    run: list[int] = []
    for place in range(len(group) + 1):
        if place < len(group) and group[place].value.flags >= level:
            run.append(place)
            continue
        if len(run) == 1:
            group[run[0]].beams.append(_hook(group, run[0]))
        elif run:
            kinds: list[Beam] = ["begin", *["continue"] * (len(run) - 2), "end"]  # type: ignore[list-item]
            for each, kind in zip(run, kinds, strict=True):
                group[each].beams.append(kind)
        run = []


def _hook(group: Sequence[Symbol], place: int) -> Beam:
    """Towards the note that makes up a beat, or a part of one, with it."""
    if place == 0:
        return "forward hook"
    if place == len(group) - 1:
        return "backward hook"
    item = group[place]
    length = item.stop - item.start
    return "forward hook" if item.start % (2 * length) == 0 else "backward hook"
