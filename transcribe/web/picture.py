"""The piano roll as a picture that can be enlarged (SVG): keys, notes, pedal, time."""

from __future__ import annotations

from collections import defaultdict
from html import escape

from transcribe.notes import HIGHEST_PITCH, LOWEST_PITCH, Performance
from transcribe.wording import as_xml_text, clock

_KEY = 6
"""Height of a key."""
_LEFT, _TOP, _BOTTOM, _RIGHT = 34, 30, 34, 10
_WIDEST = 24_000
"""Units of the picture of a whole recording."""
_PER_SECOND = 60.0
"""Units, where that is not too wide."""
MARKS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600)
"""Seconds that may lie between two labels."""
BLACK_KEYS = (1, 3, 6, 8, 10)
"""Counted from C."""
_N_COLOURS = 8
"""Steps from soft to loud."""
_SOFT, _MIDDLE, _LOUD = (140, 195, 201), (31, 130, 144), (8, 44, 56)
"""The page's, on light paper: ``--soft``, ``--middle`` and ``--loud`` of ``base.css``."""


def as_svg(performance: Performance, title: str) -> str:
    """Draw a performance.

    Parameters
    ----------
    performance : Performance
        Offsets are key releases.
    title : str
        Shown above, and read to those who can't see the picture.

    Returns
    -------
    str
        A whole SVG file: 60 units a second, fewer where it would be too wide; velocity is
        the colour, from pale to dark, as on the page.
    """
    duration = max(performance.duration, 1.0)
    scale = min(_PER_SECOND, _WIDEST / duration)
    width = _LEFT + duration * scale + _RIGHT
    bottom = _TOP + (HIGHEST_PITCH - LOWEST_PITCH + 1) * _KEY
    height = bottom + _BOTTOM
    name = escape(as_xml_text(title))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height}" '
        f'width="{width:.0f}" height="{height}" font-family="sans-serif" font-size="10" '
        f'role="img" aria-label="{name}">',
        f"<title>{name}</title>",
        f'<rect width="{width:.0f}" height="{height}" fill="#fff"/>',
        f'<text x="{_LEFT}" y="13" font-size="12" fill="#222">{name}</text>',
        *_keys(width),
        *_seconds(duration, scale, bottom),
        *_notes(performance, scale),
        *_pedal(performance, scale, bottom),
        "</svg>\n",
    ]
    return "\n".join(parts)


def _top(pitch: int) -> int:
    return _TOP + (HIGHEST_PITCH - pitch) * _KEY


def _keys(width: float) -> list[str]:
    right = width - _RIGHT
    rows = "".join(
        f"M{_LEFT} {_top(pitch)}H{right:.0f}v{_KEY}H{_LEFT}z"
        for pitch in range(LOWEST_PITCH, HIGHEST_PITCH + 1)
        if pitch % 12 in BLACK_KEYS
    )
    octaves = range(24, HIGHEST_PITCH + 1, 12)
    lines = "".join(f"M{_LEFT} {_top(pitch) + _KEY}H{right:.0f}" for pitch in octaves)
    names = [
        f'<text x="{_LEFT - 4}" y="{_top(pitch) + _KEY}" text-anchor="end" fill="#555">'
        f"C{pitch // 12 - 1}</text>"
        for pitch in octaves
    ]
    return [
        f'<path d="{rows}" fill="#f1f1f4"/>',
        f'<path d="{lines}" stroke="#c9c9d2" stroke-width="1"/>',
        *names,
    ]


def _seconds(duration: float, scale: float, bottom: int) -> list[str]:
    step = next((mark for mark in MARKS if mark * scale >= 55), MARKS[-1])
    times = range(0, int(duration) + 1, step)
    lines = "".join(f"M{_LEFT + time * scale:.1f} {_TOP}V{bottom}" for time in times)
    labels = [
        f'<text x="{_LEFT + time * scale:.1f}" y="{_TOP - 4}" fill="#777">{clock(time)}</text>'
        for time in times
    ]
    return [f'<path d="{lines}" stroke="#dcdce4" stroke-width="1"/>', *labels]


def _notes(performance: Performance, scale: float) -> list[str]:
    by_colour: defaultdict[int, list[str]] = defaultdict(list)
    for note in performance.notes:
        width = max((note.offset - note.onset) * scale, 1.0)
        by_colour[colour_level(note.velocity)].append(
            f"M{_LEFT + note.onset * scale:.2f} {_top(note.pitch) + 0.5:.1f}"
            f"h{width:.2f}v{_KEY - 1}h-{width:.2f}z"
        )
    return [
        f'<path d="{"".join(shapes)}" fill="{colour(level)}"/>'
        for level, shapes in sorted(by_colour.items())
    ]


def colour_level(velocity: int) -> int:
    """Which of the colours a velocity has."""
    return velocity * _N_COLOURS // 128


def colour(level: int) -> str:
    """The colour of a level, from pale to dark."""
    half, share = divmod(2 * level / (_N_COLOURS - 1), 1)
    left, right = ((_SOFT, _MIDDLE), (_MIDDLE, _LOUD), (_LOUD, _LOUD))[int(half)]
    mixed = (round(a + share * (b - a)) for a, b in zip(left, right, strict=True))
    return "#" + "".join(f"{value:02x}" for value in mixed)


def _pedal(performance: Performance, scale: float, bottom: int) -> list[str]:
    shapes = "".join(
        f"M{_LEFT + press.onset * scale:.2f} {bottom + 10}"
        f"h{(press.offset - press.onset) * scale:.2f}v8"
        f"h-{(press.offset - press.onset) * scale:.2f}z"
        for press in performance.pedal
    )
    label = f'<text x="{_LEFT - 4}" y="{bottom + 18}" text-anchor="end" fill="#555">pedal</text>'
    return [label, f'<path d="{shapes}" fill="#8a8aa0"/>']
