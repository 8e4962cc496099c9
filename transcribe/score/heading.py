"""Title and composer at the head of the first page, however long they are.

What fits is set large, on one line. Longer words are set smaller, then on two lines, and what
is longer still is cut, with an ellipsis. Lengths are hundredths of a millimetre.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from typing import NamedTuple

from transcribe.wording import as_xml_text

_TITLE, _SMALL_TITLE, _COMPOSER, _SMALL_COMPOSER = 640.0, 400.0, 360.0, 260.0
"""Sizes of letters, the largest and the smallest."""
_TITLE_AT, _COMPOSER_AT = 2000.0, 2600.0
"""Where the words stand, from the top."""
_LEADING = 1.25
"""From line to line, in sizes of letters."""
_ELLIPSIS = "…"


class HeadingLine(NamedTuple):
    """A line of words on the page."""

    text: str
    x: float
    y: float
    size: float
    anchor: str
    """Of SVG: which end of the text, or its middle, is at x."""


def heading(title: str, composer: str, width: float, margin: float) -> Iterator[HeadingLine]:
    """The lines at the head of a page of this width, between its margins."""
    room = width - 2 * margin
    title, composer = as_xml_text(title), as_xml_text(composer)
    if title:
        size = _size(title, room, _TITLE, _SMALL_TITLE)
        lines = [title] if _width(title) * size <= room else _two_lines(title, room / size)
        for number, line in enumerate(reversed(lines)):
            y = _TITLE_AT - number * size * _LEADING
            yield HeadingLine(line, width / 2, y, size, "middle")
    if composer:
        size = _size(composer, room, _COMPOSER, _SMALL_COMPOSER)
        line = _cut(composer, room / size)
        yield HeadingLine(line, width - margin, _COMPOSER_AT, size, "end")


def _size(text: str, room: float, largest: float, smallest: float) -> float:
    return max(smallest, min(largest, room / max(_width(text), 1.0)))


def _two_lines(text: str, room: float) -> list[str]:
    """The text on two lines that are about as long, parted between words if it can be."""
    words = text.split(" ")
    parted = [(" ".join(words[:n]), " ".join(words[n:])) for n in range(1, len(words))]
    fitting = [pair for pair in parted if _width(pair[0]) <= room]
    if fitting:
        first, second = min(fitting, key=lambda pair: max(map(_width, pair)))
    else:
        n_first = len(_cut(text, room)) - 1
        first, second = text[:n_first], text[n_first:]
    return [first, _cut(second, room)]


def _cut(text: str, room: float) -> str:
    """As much of a text as there is room for, in sizes of letters."""
    if _width(text) <= room:
        return text
    while text and _width(text) + 1 > room:
        text = text[:-1]
    return text.rstrip() + _ELLIPSIS


def _width(text: str) -> float:
    """About how long a line is in a serif, in sizes of letters; rather more than less."""
    return sum(map(_letter_width, text))


def _letter_width(letter: str) -> float:
    if unicodedata.combining(letter):
        return 0.0
    if unicodedata.east_asian_width(letter) in "WF":
        return 1.05
    if letter in " .,:;'!|()[]ijltfIJ-":
        return 0.36
    return 0.76 if letter.isupper() or letter in "mwMW—…%&@" else 0.53
