"""The voices of each hand: one where it can be read as one, two where lines overlap.

Where nothing of a hand overlaps, it is one voice, and what it strikes together is a chord, as long
as most of its notes. Elsewhere its chords go to an upper and a lower voice so that as
little as possible is cut short, the upper stays above the lower, and lines move in small
steps; a beam search over the chords finds the cheapest way. A voice is one line: in it, a note
ends where the next begins, at the latest.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import zip_longest

from transcribe.score.score import LEFT, Hand, Score, ScoreNote

_BEAM = 12
"""Ways to divide a hand that are followed up, those that cost least."""
_CUT = 2.5
"""For a note that is written half as long as it is, by the quarters that it loses, up to 1."""
_OPEN, _GO_ON = 0.5, 0.1
"""For the first chord of a lower voice, and for every other."""
_CROSSING = 1.5
"""For an upper voice that is below the lower one."""
_OCTAVE_LEAP = 0.35
"""For an octave from the highest note of a voice to its next one."""
_SPLIT = 0.6
"""For notes struck together that are told apart."""
_SWITCH = 0.5
"""For going on in the other voice within a beat, as no figure does."""
_ROUNDING = 1e-6
"""Quarters by which sums of triplets are off."""


@dataclass(frozen=True, slots=True)
class _Struck:
    """Notes of a hand struck together, from low to high."""

    time: Fraction
    pitches: tuple[int, ...]
    lengths: tuple[Fraction, ...]
    indices: tuple[int, ...]
    is_on_beat: bool


@dataclass(frozen=True, slots=True)
class _Line:
    """The last chord of a voice."""

    start: float
    stop: float
    low: int
    high: int
    size: int


@dataclass(frozen=True, slots=True)
class _Way:
    """The chords so far told apart, and what that costs."""

    cost: float
    lines: tuple[_Line | None, _Line | None]
    splits: tuple[int, ...]
    """Of each strike, how many of its notes from below are the lower voice's."""
    last_size: int = 0
    """Notes of the last of them."""


def with_voices(score: Score) -> Score:
    """The same score with every note in a voice; grace notes go with what they lead to,
    those of a trill with its written note.

    Lengths are those that are written: what a voice cuts short is short.
    """
    starts = bar_positions(score)
    beats = [score.metre(bar).quarters_per_beat for bar in range(len(starts))]
    notes = list(score.notes)
    for hand in ("right", "left"):
        own = [i for i, note in enumerate(notes) if note.hand == hand and note.trill_of is None]
        plain = [i for i in own if not notes[i].is_grace]
        strikes = list(_evened(list(_strikes(notes, plain, starts, beats))))
        for segment in _segments(strikes):
            lower = _lower_voice(segment)
            for strike, n_lower in zip(segment, lower, strict=True):
                for rank, index in enumerate(strike.indices):
                    voice = _number(hand, 2 if rank < n_lower else 1)
                    notes[index] = replace(notes[index], length=strike.lengths[rank], voice=voice)
        _grace_voices(notes, own, hand)
    for index, note in enumerate(notes):
        if note.trill_of is not None:
            notes[index] = replace(note, voice=notes[note.trill_of].voice)
    return replace(score, notes=tuple(notes))


def bar_positions(score: Score) -> list[Fraction]:
    """Quarters from the start of bar 0, counted as a whole bar, to each bar up to the last note."""
    last = max((note.bar for note in score.notes), default=0)
    positions = [Fraction(0)]
    for bar in range(max(last, score.n_bars) + 1):
        positions.append(positions[-1] + score.bar_length(bar))
    return positions


def _number(hand: Hand, voice: int) -> int:
    return voice + 2 * (hand == LEFT)


def _strikes(
    notes: Sequence[ScoreNote],
    indices: Sequence[int],
    starts: Sequence[Fraction],
    beats: Sequence[Fraction],
) -> Iterator[_Struck]:
    together = defaultdict(list)
    for index in indices:
        note = notes[index]
        together[starts[note.bar] + note.beat].append(index)
    for time in sorted(together):
        members = sorted(together[time], key=lambda index: notes[index].note.pitch)
        yield _Struck(
            time,
            tuple(notes[index].note.pitch for index in members),
            tuple(notes[index].length for index in members),
            tuple(members),
            notes[members[0]].beat % beats[notes[members[0]].bar] == 0,
        )


def _evened(strikes: Sequence[_Struck]) -> Iterator[_Struck]:
    """What nothing of the hand overlaps lasts as long as most of its notes do, or the longest of
    those lengths that as many have."""
    end = Fraction(-1)
    for strike, following in zip_longest(strikes, strikes[1:]):
        lengths = strike.lengths
        stop = strike.time + max(lengths)
        if strike.time >= end and (following is None or stop <= following.time):
            shared = max(lengths, key=lambda length: (lengths.count(length), length))
            yield replace(strike, lengths=(shared,) * len(lengths))
        else:
            yield strike
        end = max(end, stop)


def _segments(strikes: Sequence[_Struck]) -> Iterator[list[_Struck]]:
    """Cut where nothing sounds on and no beat goes on: what comes after does not depend on what
    was before."""
    segment: list[_Struck] = []
    end = Fraction(-1)
    for strike in strikes:
        if segment and (strike.time > end or (strike.time == end and strike.is_on_beat)):
            yield segment
            segment = []
        segment.append(strike)
        end = max(end, strike.time + max(strike.lengths))
    if segment:
        yield segment


def _lower_voice(segment: Sequence[_Struck]) -> tuple[int, ...]:
    """How many notes of each strike, from below, are the lower voice's."""
    ways = [_Way(0.0, (None, None), ())]
    for strike in segment:
        times = float(strike.time), tuple(map(float, strike.lengths))
        grown = [
            _add(way, strike, n_lower, *times)
            for way in ways
            for n_lower in range(len(strike.pitches) + 1)
        ]
        grown.sort(key=lambda way: way.cost)
        kept: dict[tuple[_Line | None, _Line | None], _Way] = {}
        for way in grown:
            kept.setdefault(way.lines, way)
            if len(kept) == _BEAM:
                break
        ways = list(kept.values())
    best = ways[0].splits
    if all(split == len(strike.pitches) for split, strike in zip(best, segment, strict=True)):
        return (0,) * len(segment)
    return best


def _add(way: _Way, strike: _Struck, n_lower: int, time: float, lengths: tuple[float, ...]) -> _Way:
    cost = way.cost
    upper, lower = way.lines
    if n_lower:
        cost += _OPEN if lower is None or lower.stop < time - _ROUNDING else _GO_ON
    if 0 < n_lower < len(strike.pitches):
        cost += _SPLIT
    if n_lower:
        lower, more = _continued(lower, strike.pitches[:n_lower], time, lengths[:n_lower])
        cost += more
    if n_lower < len(strike.pitches):
        upper, more = _continued(upper, strike.pitches[n_lower:], time, lengths[n_lower:])
        cost += more
    if (
        upper is not None
        and lower is not None
        and min(upper.stop, lower.stop) > time + _ROUNDING
        and upper.low < lower.high
    ):
        cost += _CROSSING
    if not strike.is_on_beat and _changes_voice(way, n_lower, len(strike.pitches)):
        cost += _SWITCH
    return _Way(cost, (upper, lower), (*way.splits, n_lower), len(strike.pitches))


def _changes_voice(way: _Way, n_lower: int, size: int) -> bool:
    """Whether a strike is the other voice's than that before, neither of them of both."""
    if not way.splits:
        return False
    before, now = ((n > 0, n < of) for n, of in ((way.splits[-1], way.last_size), (n_lower, size)))
    return before != now and all(before) + all(now) == 0


def _continued(
    line: _Line | None, pitches: tuple[int, ...], time: float, lengths: tuple[float, ...]
) -> tuple[_Line, float]:
    """A voice with another chord, and what that costs."""
    longest = max(lengths)
    cost = sum(_changed(longest, length) for length in lengths if length < longest)
    if line is not None:
        if line.stop > time + _ROUNDING:
            cost += line.size * _changed(line.stop - line.start, time - line.start)
        cost += _OCTAVE_LEAP * abs(pitches[-1] - line.high) / 12
    return _Line(time, time + longest, pitches[0], pitches[-1], len(pitches)), cost


def _changed(longer: float, shorter: float) -> float:
    """What it costs to write one length for another: nothing is lost of a little legato."""
    return math.log2(longer / shorter) * min(_CUT * (longer - shorter), 1.0)


def _grace_voices(notes: list[ScoreNote], own: Sequence[int], hand: Hand) -> None:
    """Give every grace note the voice of the nearest note in pitch that it leads to."""
    mains = defaultdict(list)
    for index in own:
        if not notes[index].is_grace:
            mains[notes[index].bar, notes[index].beat].append(index)
    for index in own:
        grace = notes[index]
        if grace.is_grace:
            found = mains.get((grace.bar, grace.beat), ())
            nearest = min(
                found,
                key=lambda each: abs(notes[each].note.pitch - grace.note.pitch),
                default=None,
            )
            voice = _number(hand, 1) if nearest is None else notes[nearest].voice
            notes[index] = replace(grace, voice=voice)
