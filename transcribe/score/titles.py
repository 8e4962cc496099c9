"""What a title says of its piece: the key, and the metre of the dance that it is.

    "Chopin - Waltz in A minor"      A minor; in three
    "Nocturne_in_E-flat_major"       E flat major
    "Polonaise As-Dur"               A flat major; in three
    "Sonate en si bémol mineur"      B flat minor

A title of which two keys, or two kinds of dance, are named says nothing of them. Dances that
have been written in many metres (gigues, barcarolles, scherzos, marches) are not told, nor are
tempos.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from transcribe.audio.tags import read_tags
from transcribe.files.beginnings import holds_midi
from transcribe.files.names import stem_of
from transcribe.music.beat_grid import Metre
from transcribe.music.key import Key
from transcribe.score.score import Hints
from transcribe.score.swing import can_swing

_T = TypeVar("_T")
_SIGNS = {"": 0, "sharp": 1, "#": 1, "is": 1, "diese": 1, "diesis": 1, "sostenido": 1} | {
    "flat": -1, "b": -1, "es": -1, "s": -1, "bemol": -1, "bemolle": -1
}  # fmt: skip
_TYPED = str.maketrans({"♭": "b", "♯": "#", "_": " ", "\u2010": "-", "\u2011": "-"})
_SOLFEGE = {"do": "C", "ut": "C", "re": "D", "mi": "E", "fa": "F", "sol": "G", "la": "A", "si": "B"}
_SIGN = r"[- ]?((?i:flat|sharp)|b|#)?"
_ENGLISH = rf"([A-G]){_SIGN}"
_KEYS = (
    (re.compile(rf"\b(?:(?i:in|key of) )?{_ENGLISH}[- ]?((?i:maj|min)(?i:or)?)\b"), "english"),
    (re.compile(rf"\b(?i:in|key of)[- ]([a-g]){_SIGN}[- ](major|minor)\b"), "english"),
    (re.compile(rf"\b(?!a[- ]m)([a-g]){_SIGN}[- ](major|minor)\b"), "english"),
    (
        re.compile(
            rf"\b[Ii]n {_ENGLISH}(m?)"
            r"(?=$| ?[,;:.()\[\]]| [-–—] | (?:[Oo]p|[Nn]o|BWV|[KD]V?|Hob|WoO)\b)"
        ),
        "english",
    ),
    (re.compile(r"\b([A-Ha-h])(is|es|s)?[- ]([Dd]ur|[Mm]oll)\b"), "german"),
    (
        re.compile(
            r"\b(?i:(do|ut|re|mi|fa|sol|la|si)[- ]?(diese|diesis|sostenido|bemolle|bemol|b|#)?"
            r"[- ](majeur|mineur|maggiore|minore|mayor|menor))\b"
        ),
        "romance",
    ),
)
"""How keys are written; a letter, a sign, and a mode each."""
_IN_THREE = (Metre(3, 4),)
_IN_SIX = (Metre(6, 8),)
_IN_TWO = (Metre(4, 4), Metre(2, 4), Metre(2, 2))
_DANCES = (
    (
        r"waltz(?:es)?|valses?|vals|walzer|valzer|mazurkas?|mazurek|mazurki|minuets?|minuetto|"
        r"menuets?|menuetto?|polonaises?|polacca|landler|laendler|sarabandes?|sarabanda",
        _IN_THREE,
    ),
    (r"tarantell[ae]s?|sicilian[ao]s?|siciliennes?", _IN_SIX),
    (
        r"polkas?|galopp?s?|ecossaises?|rag(?:time)?|tangos?|habaneras?|gavott[ea]s?|bourrees?|"
        r"c[sz]ardas|foxtrot",
        _IN_TWO,
    ),
)
"""Names of dances, and the metres that they are written in; a waltz in 3/8 is seldom."""


def title_of(source: Path) -> str:
    """The title in a recording's tags; the file's name for want of one."""
    tags = {} if holds_midi(source) else read_tags(source)
    return tags.get("title") or title_from_name(source.name)


def title_from_name(name: str) -> str:
    """The title that a file's name is."""
    title = stem_of(name)
    return title if " " in title else title.replace("_", " ")


def with_title(hints: Hints, title: str) -> Hints:
    """What is known of a piece, and what its title says where nothing better is known."""
    plain = "".join(
        each
        for each in unicodedata.normalize("NFKD", _in_letters(title))
        if not unicodedata.combining(each)
    )
    if hints.key is None:
        hints = replace(hints, likely_key=_only(_keys(plain)))
    if hints.metre is None and hints.metres is None:
        metres = tuple(
            metre for metre in _only(_dances(plain)) or () if can_swing([metre]) or not hints.swing
        )
        if metres:
            metre = metres[0] if len(metres) == 1 else None
            hints = replace(hints, metre=metre, likely_metres=metres)
    return hints


def _in_letters(title: str) -> str:
    """With signs and gaps as they are typed."""
    return title.translate(_TYPED)


def _keys(title: str) -> Iterator[Key]:
    for pattern, language in _KEYS:
        for letter, sign, mode in pattern.findall(title):
            key = _key(letter, sign, mode, language)
            if key is not None:
                yield key


def _key(letter: str, sign: str, mode: str, language: str) -> Key | None:
    """The key of a letter, a sign and a mode; None where there is no such name."""
    name, alter = letter.upper(), _SIGNS[sign.lower()]
    is_minor = mode == "m" or mode.lower().startswith(("min", "moll", "men"))
    if language == "romance":
        name = _SOLFEGE[letter.lower()]
    elif language == "german":
        if (sign == "s") != (name in "AE" and alter < 0):  # As and Es, but Des and Ges
            return None
        if name == "H":
            name = "B"
        elif name == "B":
            alter = -1
    text = name + {1: "#", 0: "", -1: "b"}[alter] + ("m" if is_minor else "")
    try:
        return Key.from_abc(text)
    except ValueError:
        return None


def _dances(title: str) -> Iterator[tuple[Metre, ...]]:
    for names, metres in _DANCES:
        if re.search(rf"\b(?:{names})\b", title, re.IGNORECASE):
            yield metres


def _only(found: Iterator[_T]) -> _T | None:
    """What all agree on."""
    different = set(found)
    return different.pop() if len(different) == 1 else None
