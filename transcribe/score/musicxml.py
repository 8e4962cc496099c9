"""A sheet as MusicXML 4.0: one part, two staves.

References
----------
.. [1] W3C Music Notation Community Group, "MusicXML 4.0", 2021.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from transcribe.score.metrical import Value, value_of
from transcribe.score.sheet import (
    LOWER,
    UPPER,
    Bar,
    Beam,
    ClefChange,
    Grace,
    Line,
    Mark,
    Notehead,
    Sheet,
    Symbol,
)
from transcribe.score.spelling import LETTERS
from transcribe.score.tuplets import Tuplet
from transcribe.version import __version__
from transcribe.wording import as_xml_text

_DOCTYPE = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<!DOCTYPE score-partwise PUBLIC "-//Recordare//DTD MusicXML 4.0 Partwise//EN" '
    '"http://www.musicxml.org/dtds/partwise.dtd">\n'
)
_ACCIDENTALS = {-2: "flat-flat", -1: "flat", 0: "natural", 1: "sharp", 2: "double-sharp"}
_CLEF_LINES = {"G": "2", "F": "4"}
_NUMBERED_BARS = 2
"""Of tuplets of one kind."""
_STAFF_VOICES = {UPPER: 1, LOWER: 3}


def musicxml(sheet: Sheet) -> bytes:
    """The bytes of a ``.musicxml`` file.

    Every notehead that starts a note of the score has the attribute ``id`` with ``n`` and the
    note's index, every bar ``m`` and its number, so that a picture of the page can be played.
    """
    root = Element("score-partwise", version="4.0")
    if sheet.title:
        SubElement(SubElement(root, "work"), "work-title").text = as_xml_text(sheet.title)
    identification = SubElement(root, "identification")
    if sheet.composer:
        creator = SubElement(identification, "creator", type="composer")
        creator.text = as_xml_text(sheet.composer)
    encoding = SubElement(identification, "encoding")
    SubElement(encoding, "software").text = f"transcribe {__version__}"
    for element in ("accidental", "beam", "stem"):
        SubElement(encoding, "supports", element=element, type="yes")
    part = SubElement(SubElement(root, "part-list"), "score-part", id="P1")
    SubElement(part, "part-name", {"print-object": "no"}).text = "Piano"
    instrument = SubElement(part, "score-instrument", id="P1-I1")
    SubElement(instrument, "instrument-name").text = "Piano"
    SubElement(instrument, "instrument-sound").text = "keyboard.piano"
    midi = SubElement(part, "midi-instrument", id="P1-I1")
    SubElement(midi, "midi-channel").text = "1"
    SubElement(midi, "midi-program").text = "1"
    music = SubElement(root, "part", id="P1")
    divisions = math.gcd(sheet.quarter, *_ticks(sheet.bars))
    writer = _Writer(sheet.quarter, divisions)
    for number, bar in enumerate(sheet.bars):
        writer.bar(music, bar, is_first=number == 0, is_last=number == len(sheet.bars) - 1)
    ElementTree.indent(root, " ")
    return _DOCTYPE.encode() + ElementTree.tostring(root, "utf-8") + b"\n"


def _ticks(bars: Sequence[Bar]) -> Iterator[int]:
    for bar in bars:
        yield bar.length
        for line in bar.lines:
            for item in line.items:
                yield item.start
                yield item.stop
        for mark in bar.marks:
            yield mark.place


class _Writer:
    """Writes bars; ``unit`` ticks are one division."""

    def __init__(self, quarter: int, unit: int) -> None:
        self.quarter = quarter
        self.unit = unit
        self.now = 0
        self.numbered: set[tuple[int, Tuplet]] = set()
        """Staves and tuplets of the bar that show their number already, in another voice."""
        self.bar_start = 0
        """Ticks from the start of the piece."""
        self.runs: dict[int, tuple[tuple[int, int, str], int, int]] = {}
        """Of a staff, what kind its last tuplets are, and from where to where, in ticks of the
        piece, there are no others."""

    def bar(self, music: Element, bar: Bar, *, is_first: bool, is_last: bool) -> None:
        """A measure: signatures, then voice after voice with ways back between them."""
        measure = SubElement(music, "measure", number=str(bar.number), id=f"m{bar.number}")
        if bar.number == 0 and bar.length != self._whole(bar):
            measure.set("implicit", "yes")
        self._attributes(measure, bar, is_first=is_first)
        self.now = 0
        self.numbered = set()
        marks = sorted(bar.marks, key=lambda mark: mark.place)
        for line in bar.lines:
            self._go(measure, 0)
            own = [mark for mark in marks if _STAFF_VOICES[mark.staff] == line.voice]
            self._line(measure, line, own, bar)
        self._go(measure, bar.length)
        self.bar_start += bar.length
        if is_last:
            barline = SubElement(measure, "barline", location="right")
            SubElement(barline, "bar-style").text = "light-heavy"

    def _whole(self, bar: Bar) -> int:
        """Ticks of a bar that is no upbeat."""
        return int(self.quarter * bar.metre.quarters_per_bar)

    def _attributes(self, measure: Element, bar: Bar, *, is_first: bool) -> None:
        clefs = [change for change in bar.clefs if change.place == 0]
        if not (is_first or bar.new_key or bar.new_metre or clefs):
            return
        attributes = SubElement(measure, "attributes")
        if is_first:
            SubElement(attributes, "divisions").text = str(self.quarter // self.unit)
        if bar.new_key:
            key = SubElement(attributes, "key")
            SubElement(key, "fifths").text = str(bar.new_key.fifths)
            SubElement(key, "mode").text = "minor" if bar.new_key.is_minor else "major"
        if bar.new_metre:
            time = SubElement(attributes, "time")
            SubElement(time, "beats").text = str(bar.new_metre.numerator)
            SubElement(time, "beat-type").text = str(bar.new_metre.denominator)
        if is_first:
            SubElement(attributes, "staves").text = "2"
        for change in clefs:
            _clef(attributes, change)

    def _line(self, measure: Element, line: Line, marks: Sequence[Mark], bar: Bar) -> None:
        waiting = list(marks)
        is_first = line.voice == _STAFF_VOICES[line.staff]
        clefs = [each for each in bar.clefs if is_first and each.staff == line.staff and each.place]
        open_tuplet: Tuplet | None = None
        for number, item in enumerate(line.items):
            while clefs and clefs[0].place <= item.start:
                self._change_clef(measure, clefs.pop(0))
            while waiting and waiting[0].place <= item.start:
                self._mark(measure, waiting.pop(0), item.start)
            following = line.items[number + 1] if number + 1 < len(line.items) else None
            starts = item.tuplet is not None and item.tuplet is not open_tuplet
            ends = item.tuplet is not None and (
                following is None or following.tuplet is not item.tuplet
            )
            open_tuplet = item.tuplet
            if item.is_rest and item.is_hidden and item.tuplet is None:
                continue  # a gap: the next note goes there
            self._go(measure, item.start)
            for place, grace in enumerate(item.graces, 1):
                beam: Beam = "continue"
                if place in (1, len(item.graces)):
                    beam = "begin" if place == 1 else "end"
                _grace(measure, grace, line, item, beam)
            # In an upbeat readers would take a bar's rest for as long as the metre says.
            is_whole = item.is_rest and item.start == 0 and item.stop == self._whole(bar)
            self._chord(measure, item, line, starts=starts, ends=ends, is_whole=is_whole)
            self.now = item.stop
        for change in clefs:
            self._change_clef(measure, change)
        for mark in waiting:
            self._mark(measure, mark, mark.place)

    def _change_clef(self, measure: Element, change: ClefChange) -> None:
        self._go(measure, change.place)
        _clef(SubElement(measure, "attributes"), change)

    def _go(self, measure: Element, tick: int) -> None:
        """Move to a place in the bar."""
        if tick != self.now:
            name = "forward" if tick > self.now else "backup"
            move = SubElement(measure, name)
            SubElement(move, "duration").text = str(abs(tick - self.now) // self.unit)
            self.now = tick

    def _chord(
        self,
        measure: Element,
        item: Symbol,
        line: Line,
        *,
        starts: bool,
        ends: bool,
        is_whole: bool,
    ) -> None:
        for rank, head in enumerate(item.heads or [None]):
            note = SubElement(measure, "note")
            if head is None:
                if item.is_hidden:
                    note.set("print-object", "no")
                rest = SubElement(note, "rest")
                if is_whole:
                    rest.set("measure", "yes")
            else:
                if not head.is_tied_back:
                    note.set("id", f"n{head.index}")
                if rank:
                    SubElement(note, "chord")
                _pitch(note, head)
            SubElement(note, "duration").text = str((item.stop - item.start) // self.unit)
            if head is not None:
                _ties(note, head, "tie")
            SubElement(note, "voice").text = str(line.voice)
            if not is_whole:
                _value(note, item.value)
            if head is not None and head.accidental is not None:
                SubElement(note, "accidental").text = _ACCIDENTALS[head.accidental]
            if item.tuplet is not None:
                _time_modification(note, item.tuplet)
            if item.stem and head is not None:
                SubElement(note, "stem").text = item.stem
            SubElement(note, "staff").text = str(item.staff)
            for level, beam in enumerate(item.beams if rank == 0 else (), 1):
                SubElement(note, "beam", number=str(level)).text = beam
            notations = Element("notations")
            if head is not None:
                _ties(notations, head, "tied")
            if rank == 0 and item.tuplet is not None:
                for is_there, kind in ((starts, "start"), (ends, "stop")):
                    if is_there:
                        self._tuplet(notations, item.tuplet, kind, line)
            if head is not None and head.trill is not None:
                _trill(notations, head)
            if len(notations):
                note.append(notations)

    def _tuplet(self, notations: Element, tuplet: Tuplet, kind: str, line: Line) -> None:
        mark = SubElement(notations, "tuplet", type=kind, number="1")
        if kind == "stop":
            return
        inside = [item for item in line.items if item.tuplet is tuplet and not item.is_hidden]
        is_beamed = all(item.beams for item in inside)
        is_known = self._is_known(tuplet, line, is_beamed=is_beamed)
        if is_known or (line.staff, tuplet) in self.numbered:
            mark.attrib |= {"bracket": "no", "show-number": "none"}
            return
        self.numbered.add((line.staff, tuplet))
        mark.set("bracket", "no" if is_beamed else "yes")

    def _is_known(self, tuplet: Tuplet, line: Line, *, is_beamed: bool) -> bool:
        """Whether the staff has had nothing but such tuplets, beamed, for two bars: nobody counts
        them."""
        kind = (tuplet.actual, tuplet.normal, tuplet.unit.type)
        start, stop = self.bar_start + tuplet.start, self.bar_start + tuplet.stop
        known, first, last = self.runs.get(line.staff, (kind, start, start))
        if known != kind or start > last:
            first = start
        if not is_beamed:
            first = stop
        self.runs[line.staff] = (kind, first, max(last, stop))
        return start - first >= _NUMBERED_BARS * line.items[-1].stop

    def _mark(self, measure: Element, mark: Mark, at: int) -> None:
        direction = Element("direction")
        kind = SubElement(direction, "direction-type")
        if mark.kind == "tempo":
            direction.set("placement", "above")
            beat = value_of(mark.unit)
            assert beat is not None  # a metre's beat and its parts are plain or dotted values
            metronome = SubElement(kind, "metronome")
            SubElement(metronome, "beat-unit").text = beat.type
            for _ in range(beat.dots):
                SubElement(metronome, "beat-unit-dot")
            SubElement(metronome, "per-minute").text = str(mark.per_minute)
        elif mark.kind == "swing":
            direction.attrib |= {"placement": "above", "system": "only-top"}  # of both staves
            style = {"font-style": "normal", "font-weight": "bold"}
            SubElement(kind, "words", style).text = mark.text
        elif mark.kind == "words":
            direction.set("placement", "above")
            SubElement(kind, "words", {"font-style": "italic"}).text = mark.text
        elif mark.kind == "dynamic":
            direction.set("placement", "below")
            SubElement(SubElement(kind, "dynamics"), mark.text)
        elif mark.kind == "wedge":
            direction.set("placement", "below")
            SubElement(kind, "wedge", type=mark.text)
        elif mark.kind == "ottava":
            shown = {"up": "down", "down": "up", "stop": "stop"}[mark.text]
            direction.set("placement", "above" if mark.staff == UPPER else "below")
            SubElement(kind, "octave-shift", type=shown, size="8", number=str(mark.staff))
        else:
            direction.set("placement", "below")
            SubElement(kind, "pedal", type=mark.text, line="yes")
        if mark.place != at:
            self._go(measure, min(at, self.now))
        offset = (mark.place - self.now) // self.unit
        if offset:
            SubElement(direction, "offset").text = str(offset)
        SubElement(direction, "staff").text = str(mark.staff)
        if mark.kind == "tempo":
            tempo = float(mark.per_minute * mark.unit)
            SubElement(direction, "sound", tempo=f"{tempo:g}")
        elif mark.kind == "swing":
            swing = SubElement(SubElement(direction, "sound"), "swing")
            for name, part in zip(("first", "second"), mark.ratio, strict=True):
                SubElement(swing, name).text = str(part)
            SubElement(swing, "swing-type").text = "eighth"
        measure.append(direction)


def _clef(attributes: Element, change: ClefChange) -> None:
    clef = SubElement(attributes, "clef", number=str(change.staff))
    SubElement(clef, "sign").text = change.clef
    SubElement(clef, "line").text = _CLEF_LINES[change.clef]


def _grace(measure: Element, grace: Grace, line: Line, item: Symbol, beam: Beam) -> None:
    for rank, head in enumerate(grace.heads):
        note = SubElement(measure, "note", id=f"n{head.index}")
        mark = SubElement(note, "grace")
        if grace.value.type == "eighth":
            mark.set("slash", "yes")
        if rank:
            SubElement(note, "chord")
        _pitch(note, head)
        SubElement(note, "voice").text = str(line.voice)
        _value(note, grace.value)
        if head.accidental is not None:
            SubElement(note, "accidental").text = _ACCIDENTALS[head.accidental]
        if item.stem:
            SubElement(note, "stem").text = item.stem
        SubElement(note, "staff").text = str(item.staff)
        if rank == 0 and len(item.graces) > 1:
            for level in range(1, grace.value.flags + 1):
                SubElement(note, "beam", number=str(level)).text = beam


def _trill(notations: Element, head: Notehead) -> None:
    ornaments = SubElement(notations, "ornaments")
    SubElement(ornaments, "trill-mark", placement="above")
    if head.trill_accidental is not None:
        mark = SubElement(ornaments, "accidental-mark", placement="above")
        mark.text = _ACCIDENTALS[head.trill_accidental]


def _pitch(note: Element, head: Notehead) -> None:
    pitch = SubElement(note, "pitch")
    SubElement(pitch, "step").text = LETTERS[head.spelling.letter]
    if head.spelling.alter:
        SubElement(pitch, "alter").text = str(head.spelling.alter)
    SubElement(pitch, "octave").text = str(head.spelling.octave)


def _ties(parent: Element, head: Notehead, name: str) -> None:
    for is_there, kind in ((head.is_tied_back, "stop"), (head.is_tied_on, "start")):
        if is_there:
            SubElement(parent, name, type=kind)


def _value(note: Element, value: Value) -> None:
    SubElement(note, "type").text = value.type
    for _ in range(value.dots):
        SubElement(note, "dot")


def _time_modification(note: Element, tuplet: Tuplet) -> None:
    modification = SubElement(note, "time-modification")
    SubElement(modification, "actual-notes").text = str(tuplet.actual)
    SubElement(modification, "normal-notes").text = str(tuplet.normal)
    SubElement(modification, "normal-type").text = tuplet.unit.type
