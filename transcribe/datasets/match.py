"""Match files: which note of the score each note of a performance is.

A match file [1]_ has a line for each note of the score (``snote``), of the performance
(``note``), or both where they are the same note, and the score's time signatures. Places
in the score are counted in beats of the denominator (eighths in 6/8) from the start of
bar 1, repeats written out. Files before version 1 know no staves: those are looked up in
the score's MusicXML, by bar, place and pitch.

References
----------
.. [1] F. Foscarin et al., "The match file format: Encoding Alignments between Scores and
   Performances", MEC 2022.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from itertools import pairwise
from pathlib import Path

from transcribe.errors import DatasetError

_SCORE_NOTE = (
    r"snote\([^,]*,\[(?P<step>[A-G]),(?P<accidental>[^\]]*)\],(?P<octave>-?\d+),"
    r"(?P<bar>-?\d+):(?P<beat>\d+),(?P<offset>[^,]*),(?P<length>[^,]*),(?P<at>[-\d.]+),"
    r"[-\d.]+,\[(?P<marks>[^\]]*)\]\)"
)
_PLAYED_NOTE = r"-note\([^,]*,(?:\[[^\]]*\],-?\d+|\d+),(?P<onset>\d+),"
_PAIR = re.compile(_SCORE_NOTE + _PLAYED_NOTE)
_METRE = re.compile(r"scoreprop\(timeSignature,(\d+)/(\d+),[^,]*,[^,]*,([-\d.]+)\)")
_OLD_METRE = re.compile(r"meta\(timeSignature,(\d+)/(\d+),[^,]*,([-\d.]+)\)")
_VALUE = re.compile(r"info\((midiClockUnits|midiClockRate),(\d+)\)")
_VERSION = re.compile(r"info\(matchFileVersion,1\.")
_STAFF = re.compile(r"staff(\d+)")
_STEPS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_ACCIDENTALS = {"n": 0, "": 0, "#": 1, "b": -1, "x": 2, "##": 2, "bb": -2}


@dataclass(frozen=True, slots=True)
class MatchedNote:
    """A note that is in the score and was played."""

    onset: float
    """Seconds, as played."""
    pitch: int
    place: float
    """Quarters from the start of its bar."""
    position: float
    """Quarters from the start of bar 1, repeats written out."""
    length: float
    """Quarters, ties joined; 0 for grace notes."""
    staff: int
    """1 is the uppermost; 0 where it is not known."""


@dataclass(frozen=True, slots=True)
class Match:
    """The notes that score and performance share, and the score's metres."""

    notes: tuple[MatchedNote, ...]
    """By position."""
    metres: tuple[tuple[float, int, int], ...]
    """Quarters from the start of bar 1, numerator, denominator."""
    n_staves: int

    def metre(self, position: float) -> tuple[int, int]:
        """Numerator and denominator at a position."""
        index = bisect_right([at for at, _, _ in self.metres], position + 1e-3) - 1
        return self.metres[max(index, 0)][1:]


def read_match(path: Path, score: Path | None = None) -> Match:
    """Read a match file, and staves from the MusicXML of its score where it has none.

    Raises
    ------
    DatasetError
        It names no time signature or has no matched note.
    """
    text = path.read_text("utf-8")
    values = {name: int(value) for name, value in _VALUE.findall(text)}
    tick = values.get("midiClockRate", 500_000) / 1e6 / values.get("midiClockUnits", 480)
    is_new = _VERSION.search(text) is not None
    found = (_METRE if is_new else _OLD_METRE).findall(text)
    signatures = sorted({(float(at), int(num), int(den)) for num, den, at in found})
    pairs = list(_PAIR.finditer(text))
    if not signatures or not pairs:
        raise DatasetError(
            f"{path}: expected a match file with time signatures and matched notes; found "
            f"{len(signatures)} and {len(pairs)}"
        )
    starts = [at for at, _, _ in signatures]
    quarters = [starts[0] * 4 / signatures[0][2]]
    for (before, _, den), (after, _, _) in pairwise(signatures):
        quarters.append(quarters[-1] + (after - before) * 4 / den)
    staves = staves_of(score) if score is not None and score.is_file() else {}
    first_bar = min(int(pair["bar"]) for pair in pairs)
    notes = []
    for pair in pairs:
        beats = float(pair["at"])
        index = max(bisect_right(starts, beats + 1e-3) - 1, 0)
        denominator = signatures[index][2]
        unit = Fraction(1) if is_new else Fraction(4, denominator)
        place = float((int(pair["beat"]) - 1) * unit + 4 * _fraction(pair["offset"]))
        pitch = 12 * (int(pair["octave"]) + 1) + _STEPS[pair["step"]]
        pitch += _ACCIDENTALS.get(pair["accidental"], 0)
        notes.append(
            MatchedNote(
                onset=int(pair["onset"]) * tick,
                pitch=pitch,
                place=place,
                position=quarters[index] + (beats - starts[index]) * 4 / denominator,
                length=float(4 * _fraction(pair["length"])),
                staff=_staff(pair, staves, first_bar, place, pitch),
            )
        )
    notes.sort(key=lambda note: note.position)
    metres = tuple((at, num, den) for at, (_, num, den) in zip(quarters, signatures, strict=True))
    return Match(tuple(notes), metres, max(note.staff for note in notes))


def _staff(
    pair: re.Match[str],
    staves: Mapping[tuple[int, float, int], int],
    first_bar: int,
    place: float,
    pitch: int,
) -> int:
    """As the note is marked, or as the score has it, whose bars may be counted otherwise."""
    marked = _STAFF.search(pair["marks"])
    staff = int(marked[1]) if marked else 0
    bar = int(pair["bar"])
    for number in (bar if first_bar == 0 else bar - 1, bar, bar - 1):
        staff = staff or staves.get((number, round(place, 2), pitch), 0)
    return staff


@cache
def staves_of(score: Path) -> Mapping[tuple[int, float, int], int]:
    """The staff of each note in MusicXML, by the number of its bar from 0 on, quarters from
    the start of the bar to two digits, and pitch."""
    found: dict[tuple[int, float, int], int] = {}
    for part in ElementTree.parse(score).getroot().iter("part"):
        divisions = 1
        for number, bar in enumerate(part.iter("measure")):
            now = last = Fraction(0)
            for element in bar:
                if element.tag == "attributes":
                    divisions = int(element.findtext("divisions", str(divisions)))
                elif element.tag in ("backup", "forward"):
                    step = Fraction(int(element.findtext("duration", "0")), divisions)
                    now += step if element.tag == "forward" else -step
                elif element.tag == "note":
                    is_chord = element.find("chord") is not None
                    at = last if is_chord else now
                    pitch = _pitch(element)
                    if pitch is not None:
                        staff = int(element.findtext("staff", "1"))
                        found.setdefault((number, round(float(at), 2), pitch), staff)
                    if not is_chord:
                        last = now
                        if element.find("grace") is None:
                            now += Fraction(int(element.findtext("duration", "0")), divisions)
    return found


def _pitch(element: ElementTree.Element) -> int | None:
    pitch = element.find("pitch")
    if pitch is None:
        return None
    octave, step = int(pitch.findtext("octave", "4")), pitch.findtext("step", "C")
    return 12 * (octave + 1) + _STEPS[step] + round(float(pitch.findtext("alter", "0")))


@cache
def _fraction(text: str) -> Fraction:
    """``3/16``, ``0``, or a sum such as ``1/4+1/16``; ``1/4/3`` is an eighth of a triplet."""
    total = Fraction(0)
    for term in text.split("+"):
        first, *divisors = term.split("/")
        value = Fraction(first)
        for divisor in divisors:
            value /= int(divisor)
        total += value
    return total
