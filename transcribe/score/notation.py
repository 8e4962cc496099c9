"""A score to what stands on the page: values, ties, rests, tuplets, beams, accidentals.

`write` takes what was played, voice by voice, and makes of each a line without gaps in every
bar: what is shorter than half a beat between two notes is no rest, and a rest is seen only
where the whole staff is silent.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from transcribe.score.accidentals import add_accidentals
from transcribe.score.beams import add_beams
from transcribe.score.clefs import choose_clefs, move_across, octave_lines
from transcribe.score.marks import dynamic_marks, pedal_marks, tempo_marks
from transcribe.score.metrical import Piece, Ruler, Value
from transcribe.score.score import LEFT, RIGHT, Score
from transcribe.score.sheet import LOWER, UPPER, Bar, Grace, Line, Notehead, Sheet, Symbol
from transcribe.score.simpler import simpler
from transcribe.score.spelling import Spelling, leads_to, spell
from transcribe.score.staves import add_signatures, complete, set_stems
from transcribe.score.tuplets import Tuplet, find_tuplets
from transcribe.score.voices import bar_positions

_FINEST = 64
"""A power of two that divides a quarter, whatever tuplets there are."""
_COARSE = 8
"""Parts of an eighth's or quarter's pulse that places are moved to where nothing else fits."""
_LEADS = 1.5
"""Quarters from a note to what it leads to, at the most; chosen on validation pieces."""
_BEFORE = 1 / 128
"""Quarters that grace notes are struck before what they lead to."""
_TOGETHER = 0.02
"""Seconds between grace notes that are a chord, at the most."""


@dataclass(slots=True)
class _Chord:
    """Notes of a voice that start together; ticks from the start of the piece."""

    start: int
    stop: int
    indices: list[int]
    graces: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Page:
    """What every voice is written on."""

    score: Score
    quarter: int
    numbers: range
    """Of the bars that are written."""
    starts: Sequence[int]
    """Ticks from the start of the piece to each bar, by its number."""
    rulers: Mapping[int, Ruler]
    """Of each bar, by its number; that of an upbeat as long as the upbeat."""
    spellings: Sequence[Spelling]

    @property
    def odd(self) -> int:
        return self.quarter // (self.quarter & -self.quarter)

    def trill(self, index: int) -> Spelling | None:
        """The upper note of the trill on a note, if one is there."""
        interval = self.score.notes[index].trill
        return self.spellings[index].above(interval) if interval else None

    def start(self, number: int) -> int:
        """Where the music of a bar starts: for an upbeat, later than a whole bar would."""
        return self.starts[number + 1] - self.rulers[number].length


def write(score: Score, *, with_pedal: bool = False) -> Sheet:
    """The sheet of a score whose notes have voices.

    Parameters
    ----------
    score : Score
        As `voices.with_voices` gives it, with a note at least.
    with_pedal : bool
        Whether to write the presses of the sustain pedal.
    """
    page = _page(score)
    bars = [Bar(number, page.rulers[number].length, score.metre(number)) for number in page.numbers]
    chords = _chords(page)
    _move_lonely(chords, page)
    for voice in sorted(chords):
        _fit(chords[voice], page)
        for bar, line in zip(bars, _lines(voice, chords[voice], page), strict=True):
            if line is not None:
                bar.lines.append(line)
    add_signatures(bars, score)
    for bar in bars:
        complete(bar, page.rulers[bar.number])
    choose_clefs(bars, page.rulers)
    move_across(bars)
    for bar in bars:
        for line in bar.lines:
            add_beams(line.items, page.rulers[bar.number])
        set_stems(bar)
    add_accidentals(bars)
    octave_lines(bars)
    _add_marks(bars, page, with_pedal=with_pedal)
    return Sheet(page.quarter, bars, score.title, score.composer)


def _page(score: Score) -> _Page:
    quarter = _FINEST
    for note in score.notes:
        quarter = math.lcm(quarter, note.beat.denominator, note.length.denominator)
    starts = [int(each * quarter) for each in bar_positions(score)]
    has_upbeat = any(note.bar == 0 for note in score.notes)
    numbers = range(0 if has_upbeat else 1, max(note.bar for note in score.notes) + 1)
    rulers = {}
    shared: dict[tuple[object, int], Ruler] = {}
    for number in numbers:
        length = starts[number + 1] - starts[number]
        if number == 0:
            first = min(note.beat for note in score.notes if note.bar == 0)
            pulse = int(quarter * score.metre(0).quarters_per_beat) // 2
            length -= int(first * quarter) // pulse * pulse
        key = (score.metre(number), length)
        rulers[number] = shared.setdefault(key, Ruler(key[0], quarter, length))
    order = sorted(
        range(len(score.notes)),
        key=lambda i: (
            starts[score.notes[i].bar] + score.notes[i].beat * quarter,
            not score.notes[i].is_grace,
            score.notes[i].note.pitch,
        ),
    )
    spellings = _spellings(score, order, starts, quarter)
    for index, note in enumerate(score.notes):
        if note.trill:
            spellings[index] = spellings[index].with_trill(note.trill)
    return _Page(score, quarter, numbers, starts, rulers, spellings)


def _spellings(
    score: Score, order: Sequence[int], starts: Sequence[int], quarter: int
) -> list[Spelling]:
    """Of each note; `order` is that of the page."""
    notes = [score.notes[index] for index in order]
    pitches = [note.note.pitch for note in notes]
    times = [
        starts[note.bar] / quarter + float(note.beat) - _BEFORE * note.is_grace for note in notes
    ]
    goals: list[int | None] = [None] * len(notes)
    for hand in (LEFT, RIGHT):
        own = [rank for rank, note in enumerate(notes) if note.hand == hand]
        leading = leads_to([pitches[i] for i in own], [times[i] for i in own], _LEADS)
        for rank, goal in zip(own, leading, strict=True):
            goals[rank] = None if goal is None else own[goal]
    names = spell(pitches, [score.key(note.bar).fifths for note in notes], times, goals)
    return [name for _, name in sorted(zip(order, names, strict=True), key=lambda x: x[0])]


# --- voices as lines ---


def _chords(page: _Page) -> dict[int, list[_Chord]]:
    """The chords of each voice, one after the other, no two at once."""
    notes, quarter = page.score.notes, page.quarter
    together: defaultdict[int, dict[int, _Chord]] = defaultdict(dict)
    graces: defaultdict[tuple[int, int], list[int]] = defaultdict(list)
    for index, note in enumerate(notes):
        if note.trill_of is not None:
            continue
        start = page.starts[note.bar] + int(note.beat * quarter)
        if note.is_grace:
            graces[note.voice, start].append(index)
            continue
        stop = start + int(note.length * quarter)
        chord = together[note.voice].setdefault(start, _Chord(start, stop, []))
        chord.stop = max(chord.stop, stop)
        if all(notes[each].note.pitch != note.note.pitch for each in chord.indices):
            chord.indices.append(index)
    for (voice, start), small in graces.items():
        later = [each for each in together[voice] if each >= start]
        if later:
            main = together[voice][min(later)]
            main.graces = sorted([*main.graces, *small], key=lambda index: notes[index].note.onset)
        else:  # they lead to nothing
            length = max(notes[index].length for index in small)
            together[voice][start] = _Chord(start, start + int(length * quarter), small)
    found = {}
    for voice, by_start in together.items():
        chords = [by_start[start] for start in sorted(by_start)]
        for chord in chords:
            chord.indices.sort(key=lambda index: notes[index].note.pitch)
        for chord, following in pairwise(chords):
            chord.stop = min(chord.stop, following.start)
        if chords:
            found[voice] = chords
    return found


def _move_lonely(chords: dict[int, list[_Chord]], page: _Page) -> None:
    """Where a hand's second voice is alone in a bar, write it as the first."""
    for first in (1, 3):
        upper, lower = chords.get(first, []), chords.get(first + 1, [])
        if not lower:
            continue
        busy = {number for chord in upper for number in _bars_of(chord, page)}
        crossing: set[int] = set()
        for chord in lower:
            spanned = _bars_of(chord, page)
            if len(spanned) > 1:
                crossing.update(spanned)
        lonely = [c for c in lower if not (set(_bars_of(c, page)) & (busy | crossing))]
        moved = {id(chord) for chord in lonely}
        chords[first] = sorted([*upper, *lonely], key=lambda chord: chord.start)
        chords[first + 1] = [chord for chord in lower if id(chord) not in moved]
        if not chords[first + 1]:
            del chords[first + 1]


def _bars_of(chord: _Chord, page: _Page) -> range:
    """Numbers of the bars in which a chord sounds."""
    first = _bar_at(chord.start, page)
    last = _bar_at(chord.stop - 1, page)
    return range(first, last + 1)


def _bar_at(tick: int, page: _Page) -> int:
    return min(bisect_right(page.starts, tick) - 1, page.numbers[-1])


def _fit(chords: list[_Chord], page: _Page) -> None:
    """Close gaps that are no rests, and move to a grid what can't be written."""
    end = page.starts[page.numbers[-1] + 1]
    for place, chord in enumerate(chords):
        number = _bar_at(chord.stop - 1, page)
        ruler, bar_start = page.rulers[number], page.start(number)
        following = chords[place + 1].start if place + 1 < len(chords) else end
        step = ruler.pulse if ruler.metre.is_compound else ruler.beat // 2
        local = chord.stop - bar_start + ruler.start_of_metre
        if local % step and chord.stop < following:
            is_dyadic = chord.start % page.odd == 0
            if is_dyadic or chord.stop % page.odd == 0:
                chord.stop += -local % step
        places = [max(each - bar_start, 0) for each in (chord.start, chord.stop, following)]
        if following - chord.stop < step and not _is_tied(places, ruler, page.odd):
            chord.stop = following
        chord.stop = max(min(chord.stop, following), chord.start + 1)
    for number in page.numbers:
        ruler = page.rulers[number]
        _simplify(chords, number, page)
        inside = _spans(chords, number, page)
        if find_tuplets([span[:2] for span in inside], ruler, page.odd) is None:
            _snap(chords, number, page)


def _is_tied(places: Sequence[int], ruler: Ruler, odd: int) -> bool:
    """Whether what ends on a beat would be tied over it if it went on: start, end and where to, in
    ticks of the bar."""
    start, stop, goal = places
    if goal <= stop or (stop + ruler.start_of_metre) % ruler.beat:
        return False
    if goal > ruler.length or any(place % odd for place in places):
        return True
    return len(ruler.note_pieces(start, goal)) > len(ruler.note_pieces(start, stop))


def _simplify(chords: list[_Chord], number: int, page: _Page) -> None:
    """Move places within the beats of a bar where that is easier to read."""
    ruler, bar_start = page.rulers[number], page.start(number)
    inside = _spans(chords, number, page)
    spans = [(start, stop, chord is not None) for start, stop, chord in inside]
    cuts = [0, *ruler.places(0, ruler.length, ruler.beat), ruler.length]
    moves: dict[int, int] = {}
    for start, stop in pairwise(cuts):
        part = [span for span in spans if span[0] < stop and span[1] > start]
        if stop - start == ruler.beat:
            moves |= simpler(part, start, stop, ruler, page.odd)
    if not moves:
        return
    for _, _, chord in inside:
        if chord is not None:
            chord.start = bar_start + moves.get(chord.start - bar_start, chord.start - bar_start)
            chord.stop = bar_start + moves.get(chord.stop - bar_start, chord.stop - bar_start)


def _snap(chords: list[_Chord], number: int, page: _Page) -> None:
    """Move what starts or ends in a bar to halves of halves of its beats."""
    ruler, bar_start = page.rulers[number], page.start(number)
    bar_stop = bar_start + ruler.length
    unit = ruler.pulse // _COARSE
    first = max(bisect_left(chords, bar_start, key=lambda chord: chord.start) - 1, 0)
    last = bisect_left(chords, bar_stop, key=lambda chord: chord.start)
    end = chords[last].start if last < len(chords) else page.starts[-1]
    kept: list[_Chord] = []
    for chord in chords[first:last]:
        if bar_start < chord.start < bar_stop:
            chord.start = min(_nearest(chord.start, bar_start, unit), bar_stop - unit)
        if kept and chord.start <= kept[-1].start:
            _join(kept[-1], chord, page)
            kept[-1].stop = max(kept[-1].stop, chord.stop)
        else:
            kept.append(chord)
    for place, chord in enumerate(kept):
        following = kept[place + 1].start if place + 1 < len(kept) else end
        if bar_start < chord.stop < bar_stop:
            chord.stop = _nearest(chord.stop, bar_start, unit)
        chord.stop = min(max(chord.stop, chord.start + unit), following)
    chords[first:last] = kept


def _join(chord: _Chord, later: _Chord, page: _Page) -> None:
    """Make two chords one; keys that are in both are struck before it, too."""
    notes = page.score.notes
    pitches = {notes[index].note.pitch for index in chord.indices}
    again = [index for index in later.indices if notes[index].note.pitch in pitches]
    struck_again = {notes[index].note.pitch for index in again}
    before = [index for index in chord.indices if notes[index].note.pitch in struck_again]
    kept = [index for index in chord.indices if notes[index].note.pitch not in struck_again]
    chord.indices = sorted([*kept, *later.indices], key=lambda index: notes[index].note.pitch)
    chord.graces = [*chord.graces, *before, *later.graces]


def _nearest(tick: int, start: int, unit: int) -> int:
    return start + round((tick - start) / unit) * unit


def _spans(
    chords: Sequence[_Chord], number: int, page: _Page
) -> list[tuple[int, int, _Chord | None]]:
    """Chords and gaps of a bar, in ticks from its start; no gap only if it is full."""
    start = page.start(number)
    stop = start + page.rulers[number].length
    first = max(bisect_left(chords, start, key=lambda chord: chord.start) - 1, 0)
    found: list[tuple[int, int, _Chord | None]] = []
    at = start
    for chord in chords[first:]:
        if chord.start >= stop:
            break
        if chord.stop <= start:
            continue
        if chord.start > at:
            found.append((at - start, chord.start - start, None))
        at = min(chord.stop, stop)
        found.append((max(chord.start, start) - start, at - start, chord))
    if at < stop:
        found.append((at - start, stop - start, None))
    return found


def _lines(voice: int, chords: Sequence[_Chord], page: _Page) -> Iterator[Line | None]:
    """A voice bar by bar; None where it is silent."""
    staff = LOWER if voice > 2 else UPPER
    for number in page.numbers:
        spans = _spans(chords, number, page)
        if all(chord is None for _, _, chord in spans):
            yield None
            continue
        items = []
        ruler = page.rulers[number]
        tuplets = find_tuplets([span[:2] for span in spans], ruler, page.odd) or ()
        for start, stop, chord in spans:
            pieces = _pieces(start, stop, ruler, tuplets, is_rest=chord is None)
            for (first, last, value), tuplet in pieces:
                item = Symbol(first, last, value, staff=staff, tuplet=tuplet)
                if chord is not None:
                    at = page.start(number)
                    item.heads = [
                        Notehead(
                            index,
                            page.spellings[index],
                            is_tied_back=at + first > chord.start,
                            is_tied_on=at + last < chord.stop,
                            trill=page.trill(index) if at + first == chord.start else None,
                        )
                        for index in chord.indices
                    ]
                    if at + first == chord.start:
                        item.graces = _graces(chord.graces, page)
                items.append(item)
        yield Line(voice, staff, items)


def _pieces(
    start: int, stop: int, ruler: Ruler, tuplets: Sequence[Tuplet], *, is_rest: bool
) -> Iterator[tuple[Piece, Tuplet | None]]:
    """A stretch as written values, cut where tuplets start and end."""
    at = start
    while at < stop:
        tuplet = next((each for each in tuplets if each.start <= at < each.stop), None)
        if tuplet is not None:
            end = min(stop, tuplet.stop)
            pieces = tuplet.pieces(at, end, is_rest=is_rest)
        else:
            end = min([stop, *(each.start for each in tuplets if at < each.start < stop)])
            pieces = ruler.rest_pieces(at, end) if is_rest else ruler.note_pieces(at, end)
        for piece in pieces:
            yield piece, tuplet
        at = end


def _graces(indices: Sequence[int], page: _Page) -> list[Grace]:
    """Grace notes in the order of their strikes; those struck together are a chord."""
    notes = page.score.notes
    chords: list[list[int]] = []
    for index in sorted(indices, key=lambda index: notes[index].note.onset):
        onset = notes[index].note.onset
        if chords and onset - notes[chords[-1][0]].note.onset <= _TOGETHER:
            chords[-1].append(index)
        else:
            chords.append([index])
    value = Value("eighth" if len(chords) == 1 else "16th")
    found = []
    for chord in chords:
        chord.sort(key=lambda index: notes[index].note.pitch)
        found.append(Grace([Notehead(each, page.spellings[each]) for each in chord], value))
    return found


def _add_marks(bars: Sequence[Bar], page: _Page, *, with_pedal: bool) -> None:
    by_number = {bar.number: bar for bar in bars}
    last = bars[-1].number
    kinds = [tempo_marks(page.score, last), dynamic_marks(page.score, page.quarter, last)]
    if with_pedal:
        kinds.append(pedal_marks(page.score, page.quarter, page.numbers))
    for marks in kinds:
        for number, found in marks.items():
            at_start = 0 if number == 1 and 0 in by_number else number
            by_number[at_start if found[0].place == 0 else number].marks += found
