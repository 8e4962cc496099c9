"""The piano roll as pages to print: systems below one another on A4, time in bars or seconds.

Lengths are millimetres. All systems have the same scale and the same keys, those that are
played; as many stand on a page as there is room for.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from transcribe.notes import HIGHEST_PITCH, LOWEST_PITCH, Performance
from transcribe.web.picture import BLACK_KEYS, MARKS, colour, colour_level
from transcribe.wording import as_xml_text, clock

MOST_PAGES = 100
"""Of a longer piece, more seconds stand in a system."""
WIDTH, HEIGHT = 210.0, 297.0
"""A4, upright."""
SECONDS = 20.0
"""In a system, at most, unless there would be too many pages."""
_MARGIN, _HEAD, _NAMES = 12.0, 8.0, 8.0
_LEFT, _TOP = _MARGIN + _NAMES, _MARGIN + _HEAD
_ACROSS, _ROOM = WIDTH - _MARGIN - _LEFT, HEIGHT - _MARGIN - _TOP
_LOWEST_KEY = 0.85
"""A key is as high as this at least."""
_TIMES, _PEDAL, _GAP = 4.0, 4.0, 5.0
"""Heights of a system's times, of its pedal and of the space below it."""
_FEWEST_KEYS = 24
"""That a page shows, however few are played."""
_FEWEST_ON_PAGE = 3
"""Systems; with less music their keys grow no further."""
_BEFORE_BAR = 0.1
"""Seconds by which a system begins before its first bar: notes are struck around the beat."""
_CLOSEST = 10.0
"""Between two labels."""
_NARROWEST = 0.3
"""A note is drawn as wide as this at least."""
_LONGEST_TITLE = 70
"""Characters; a longer one is cut."""


@dataclass(frozen=True, slots=True)
class RollBar:
    """A bar of the roll and where it begins."""

    number: int
    seconds: float


@dataclass(frozen=True, slots=True)
class _RollLayout:
    """What stands where; in a system, its left end and the top of its times are 0."""

    lowest: int
    highest: int
    scale: float
    """Millimetres a second."""
    ends: tuple[float, ...]
    """Seconds where systems meet, with the beginning of the first and the end of the last."""

    @property
    def n_keys(self) -> int:
        return self.highest - self.lowest + 1

    @property
    def n_on_page(self) -> int:
        fit = int((_ROOM + _GAP) // (_TIMES + self.n_keys * _LOWEST_KEY + _PEDAL + _GAP))
        return min(fit, max(self.n_systems, _FEWEST_ON_PAGE))

    @property
    def height(self) -> float:
        """Of a system and the space below it: together they fill a page."""
        return (_ROOM + _GAP) / self.n_on_page

    @property
    def key(self) -> float:
        return (self.height - _TIMES - _PEDAL - _GAP) / self.n_keys

    @property
    def n_systems(self) -> int:
        return len(self.ends) - 1

    @property
    def n_pages(self) -> int:
        return -(-self.n_systems // self.n_on_page)

    @property
    def bottom(self) -> float:
        """Of the keys."""
        return _TIMES + self.n_keys * self.key

    def top(self, pitch: int) -> float:
        return _TIMES + (self.highest - pitch) * self.key

    def width(self, system: int) -> float:
        return (self.ends[system + 1] - self.ends[system]) * self.scale

    def parts(self, onset: float, offset: float) -> Iterator[tuple[int, float, float, bool]]:
        """System, left and right end of each part of what lasts, and whether it begins there."""
        first = max(bisect_right(self.ends, onset, hi=self.n_systems) - 1, 0)
        for system in range(first, self.n_systems):
            start, stop = self.ends[system], self.ends[system + 1]
            if system > first and (offset - start) * self.scale < _NARROWEST:
                return
            right = max((min(offset, stop) - start) * self.scale, _NARROWEST)
            left = min((max(onset, start) - start) * self.scale, right - _NARROWEST)
            yield system, left, right, system == first


def roll_pages(
    performance: Performance, title: str, bars: Sequence[RollBar] = ()
) -> tuple[str, ...]:
    """Draw a performance on pages of A4.

    Parameters
    ----------
    performance : Performance
        One note or more; offsets are key releases.
    title : str
        At the head of each page.
    bars : sequence of RollBar
        In order. Their lines and numbers take the place of those of seconds, and systems begin
        with a bar.

    Returns
    -------
    tuple of str
        SVG files, `MOST_PAGES` at most. Velocity is the colour, as in `picture.as_svg`; a note
        that lasts beyond the end of a system goes on in the next, paler.
    """
    layout = _layout(performance, bars)
    systems = [
        [*_keys(layout, system), *_times(layout, system, bars)]
        for system in range(layout.n_systems)
    ]
    _add_notes(systems, layout, performance)
    _add_pedal(systems, layout, performance)
    n = layout.n_on_page
    return tuple(
        _page(layout, systems[number * n : (number + 1) * n], title, number)
        for number in range(layout.n_pages)
    )


def _layout(performance: Performance, bars: Sequence[RollBar]) -> _RollLayout:
    pitches = [note.pitch for note in performance.notes]
    lowest = max(min(pitches) // 12 * 12, LOWEST_PITCH)
    highest = min(max(pitches) // 12 * 12 + 11, HIGHEST_PITCH)
    lowest = max(min(lowest, highest - _FEWEST_KEYS + 1), LOWEST_PITCH)
    highest = max(highest, lowest + _FEWEST_KEYS - 1)
    notes, pedal = performance.notes, performance.pedal
    begun = min([each.onset for each in notes] + [each.onset for each in pedal])
    if bars:
        begun = max(min(begun, bars[0].seconds - _BEFORE_BAR), 0.0)
    else:
        begun = begun // MARKS[2] * MARKS[2]
    ended = max([each.offset for each in notes] + [each.offset for each in pedal])
    cuts = [bar.seconds - _BEFORE_BAR for bar in bars]
    longest = SECONDS
    while True:
        ends = tuple(_ends(begun, ended, cuts, longest))
        layout = _RollLayout(lowest, highest, _ACROSS / longest, ends)
        if layout.n_pages <= MOST_PAGES:
            return layout
        longest *= 1.2


def _ends(begun: float, ended: float, cuts: Sequence[float], longest: float) -> Iterator[float]:
    """Where systems meet: at the last cut that fits, or after the longest time."""
    at = begun
    yield at
    while at + longest < ended:
        n_before = bisect_right(cuts, at + longest)
        cut = cuts[n_before - 1] if n_before else at
        at = cut if cut > at else at + longest
        yield at
    yield ended


def _page(layout: _RollLayout, systems: Sequence[Sequence[str]], title: str, number: int) -> str:
    if len(title) > _LONGEST_TITLE:
        title = title[: _LONGEST_TITLE - 1].rstrip() + "…"
    name = escape(as_xml_text(title))
    place = f"{number + 1} / {layout.n_pages}"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH:g} {HEIGHT:g}" '
        f'width="{WIDTH:g}mm" height="{HEIGHT:g}mm" font-family="sans-serif" font-size="2.4">',
        f"<title>{name} ({place})</title>",
        f'<rect width="{WIDTH:g}" height="{HEIGHT:g}" fill="#fff"/>',
        f'<text x="{_LEFT:g}" y="{_MARGIN + 3:g}" font-size="4" fill="#222">{name}</text>',
        f'<text x="{WIDTH - _MARGIN:g}" y="{_MARGIN + 3:g}" font-size="3" text-anchor="end" '
        f'fill="#555">{place}</text>',
    ]
    for row, shapes in enumerate(systems):
        place = f"translate({_LEFT:g} {_TOP + row * layout.height:.2f})"
        parts += [f'<g transform="{place}">', *shapes, "</g>"]
    return "\n".join([*parts, "</svg>\n"])


def _keys(layout: _RollLayout, system: int) -> list[str]:
    right, key = f"{layout.width(system):.2f}", layout.key
    pitches = range(layout.lowest, layout.highest + 1)
    rows = "".join(
        f"M0 {layout.top(pitch):.2f}H{right}v{key:.2f}H0z"
        for pitch in pitches
        if pitch % 12 in BLACK_KEYS
    )
    octaves = [pitch for pitch in pitches if pitch % 12 == 0]
    lines = "".join(f"M0 {layout.top(pitch) + key:.2f}H{right}" for pitch in octaves)
    return [
        f'<path d="{rows}" fill="#f1f1f4"/>',
        f'<path d="{lines}" stroke="#c0c0ca" stroke-width="0.2"/>',
        *(_name(layout.top(pitch) + key, f"C{pitch // 12 - 1}") for pitch in octaves),
        _name(layout.bottom + 3, "Ped."),
    ]


def _name(y: float, text: str) -> str:
    """A word to the left of a system."""
    return f'<text x="-1" y="{y:.2f}" text-anchor="end" fill="#555">{text}</text>'


def _times(layout: _RollLayout, system: int, bars: Sequence[RollBar]) -> list[str]:
    start, stop = layout.ends[system], layout.ends[system + 1]
    if bars:
        marks = [(bar.seconds, str(bar.number)) for bar in bars if start <= bar.seconds < stop]
        words = [_name(_TIMES - 1, clock(start))]
    else:
        step = next((mark for mark in MARKS if mark * layout.scale >= _CLOSEST), MARKS[-1])
        first = -int(-start // step) * step
        marks = [(seconds, clock(seconds)) for seconds in range(first, int(stop) + 1, step)]
        marks = [(seconds, text) for seconds, text in marks if start <= seconds < stop]
        words = []
    lines, free = "", 0.0
    for seconds, text in marks:
        x = (seconds - start) * layout.scale
        if x < free and lines:
            continue
        lines += f"M{x:.2f} {_TIMES:g}V{layout.bottom:.2f}"
        words.append(f'<text x="{x:.2f}" y="{_TIMES - 1:g}" fill="#555">{text}</text>')
        free = x + _CLOSEST / 2
    return [f'<path d="{lines}" stroke="#c9c9d2" stroke-width="0.2"/>', *words]


def _add_notes(systems: list[list[str]], layout: _RollLayout, performance: Performance) -> None:
    shapes: defaultdict[tuple[int, int, bool], str] = defaultdict(str)
    height = layout.key * 0.85
    for note in performance.notes:
        y = layout.top(note.pitch) + (layout.key - height) / 2
        level = colour_level(note.velocity)
        for system, left, right, is_struck in layout.parts(note.onset, note.offset):
            shape = _box(left, right, y, height)
            shapes[system, level, is_struck] += shape
    for (system, level, is_struck), path in sorted(shapes.items()):
        pale = "" if is_struck else ' fill-opacity="0.45"'
        systems[system].append(f'<path class="notes" d="{path}" fill="{colour(level)}"{pale}/>')


def _add_pedal(systems: list[list[str]], layout: _RollLayout, performance: Performance) -> None:
    shapes: defaultdict[int, str] = defaultdict(str)
    for press in performance.pedal:
        for system, left, right, _ in layout.parts(press.onset, press.offset):
            shapes[system] += _box(left, right, layout.bottom + 1.2, 1.8)
    for system, path in shapes.items():
        systems[system].append(f'<path class="pedal" d="{path}" fill="#8a8aa0"/>')


def _box(left: float, right: float, y: float, height: float) -> str:
    return f"M{left:.2f} {y:.2f}H{right:.2f}v{height:.2f}H{left:.2f}z"
