"""Beats and bars that a MIDI file says itself, where its notes lie on them.

Notation programs and sequencers write notes on the beats of their tempo map. What was only played,
and written at whatever tempo the program stood at, lies anywhere between them: there the map says
nothing, and beats are found from the notes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise, takewhile
from pathlib import Path

import numpy as np

from transcribe.files.beginnings import holds_midi
from transcribe.midi import midi_content
from transcribe.midi_file import DRUM_CHANNEL, NOTE_ON, MidiFile
from transcribe.midi_parser import parse_midi
from transcribe.music.beat_grid import COMMON_TIME, DEFAULT_TEMPO, Metre
from transcribe.score.pauses import beats_in_pause
from transcribe.score.score import Hints

_ON_GRID = 0.9
"""The share of strikes, at different times, that has to lie on a grid."""
_DIVISIONS = (8, 6, 5, 7)
"""Of a quarter: thirty-seconds, sextuplets, quintuplets and septuplets."""
_OFF = 1 / 480
"""Quarters, of which programs round."""
_MOST_BY_CHANCE = 0.5
"""The share that notes played anywhere would have; above it the file's ticks are too coarse."""
_CHANCE = 1e-4
"""How likely so many strikes after the first may be to lie on the grid by chance."""
_SHORTEST, _LONGEST = 0.05, 12.0
"""Seconds of a beat."""
_MOST_QUARTERS = 200_000
"""Beyond them nothing was written note by note: a day of music."""


def beats_of(source: Path) -> Hints | None:
    """The `file_beats` of a MIDI file that can be read; None of any other file."""
    return file_beats(midi_content(source)) if holds_midi(source) else None


def file_beats(content: bytes) -> Hints | None:
    """The beats and bars of a MIDI file; None where its notes don't lie on them.

    120 quarter notes a minute in 4/4 throughout is what programs write that know neither: of such a
    file only the beats are told.

    Raises
    ------
    DamagedError
        As `parse_midi`.
    """
    file = parse_midi(content)
    quarter = file.ticks_a_quarter
    struck = np.unique(
        [
            tick
            for track in file.tracks
            for tick, status, _, velocity in track.messages
            if status & 0xF0 == NOTE_ON and velocity and status & 0xF != DRUM_CHANNEL
        ]
    )
    if quarter is None or file.kind == 2 or not len(struck):
        return None
    if struck[-1] > _MOST_QUARTERS * quarter or not _are_on_grid(struck, file, quarter):
        return None
    try:
        metres = [(tick, Metre(num, den)) for tick, num, den in file.metres()]
    except ValueError:  # a metre that no score here can have
        return None
    tempos = {tempo for _, tempo in file.tempos()}
    knows_nothing = {metre for _, metre in metres} <= {COMMON_TIME} and tempos <= {
        round(60e6 / DEFAULT_TEMPO)
    }
    beats, downs = _beats(file, metres, int(struck[0]), int(struck[-1]))
    clock = file.clock()
    seconds = [clock(tick) for tick, _ in beats]
    gaps = np.diff(seconds)
    if len(gaps) < 2 or gaps.min() < _SHORTEST or gaps.max() > _LONGEST:
        return None
    beats, downs = _without_long_pauses(beats, downs, struck, clock)
    seconds = [clock(tick) for tick, _ in beats]
    if knows_nothing:
        return Hints(beats=tuple(seconds))
    return Hints(
        beats=tuple(seconds),
        downbeats=tuple(clock(tick) for tick in downs),
        metres=tuple(metre for _, metre in beats),
    )


def _are_on_grid(struck: np.ndarray, file: MidiFile, quarter: int) -> bool:
    """Whether nearly all lie on a fraction of the quarter that is written, from their bar on."""
    off = _OFF * quarter

    def share(ticks: np.ndarray) -> float:
        near = np.zeros(len(ticks), bool)
        for division in _DIVISIONS:
            place = ticks * division / quarter
            near |= np.abs(place - np.round(place)) * quarter / division <= off
        return float(near.mean())

    by_chance = share(np.arange(quarter))
    if by_chance > _MOST_BY_CHANCE or by_chance ** (len(struck) - 1) > _CHANCE:
        return False
    bars = np.array(list(takewhile(lambda tick: tick <= struck[-1], file.bars())))
    return share(struck - bars[np.searchsorted(bars, struck, side="right") - 1]) >= _ON_GRID


def _beats(
    file: MidiFile, metres: Sequence[tuple[int, Metre]], first: int, last: int
) -> tuple[list[tuple[int, Metre]], list[int]]:
    """Beats from the one that the first strike is in to the one after the last, with the metre of
    each; and those that start bars."""
    quarter = file.ticks_a_quarter or 1
    changes = dict(metres)
    longest = 64 * quarter  # of all bars: sixteen halves are half as long
    bars = list(takewhile(lambda tick: tick <= last + longest, file.bars()))
    bars.append(bars[-1] + longest)
    beats: list[tuple[int, Metre]] = []
    downs: list[int] = []
    metre = changes.get(0, COMMON_TIME)
    has_upbeat = _has_upbeat(changes, first, bars[1], quarter)
    for start, stop in pairwise(bars):
        metre = changes.get(start, metre)
        is_upbeat = has_upbeat and start == 0
        if is_upbeat:
            metre = changes[stop]
        length = round(quarter * metre.quarters_per_beat)
        # An upbeat is counted from the bar that it leads to, if need be from before the file.
        begin = stop - -(-(stop - start) // length) * length if is_upbeat else start
        for tick in range(begin, stop, length):
            if tick > last and beats and beats[-1][0] > last:
                break
            beats.append((tick, metre))
            if tick == start and not is_upbeat:
                downs.append(tick)
    while len(beats) > 2 and beats[1][0] <= first:
        beats.pop(0)
    return beats, [tick for tick in downs if tick >= beats[0][0]]


def _without_long_pauses(
    beats: list[tuple[int, Metre]],
    downs: list[int],
    struck: np.ndarray,
    clock: Callable[[int], float],
) -> tuple[list[tuple[int, Metre]], list[int]]:
    """With fewer and slower bars where nothing is struck for longer than anyone counts."""
    ticks = np.array([tick for tick, _ in beats])
    bars = np.array(downs)
    first, last = np.searchsorted(bars, struck[:-1], "right"), np.searchsorted(bars, struck[1:])
    for index in np.flatnonzero(last - first > 1)[::-1]:
        start, stop = downs[first[index]], downs[last[index] - 1]
        begin, end = np.searchsorted(ticks, [start, stop]).tolist()
        seconds = clock(stop) - clock(start)
        fewer = beats_in_pause(seconds, seconds / (end - begin))
        metre = beats[begin][1]
        n_bars = -(-fewer // metre.beats_per_bar)
        if n_bars >= last[index] - 1 - first[index]:
            continue
        places = np.linspace(start, stop, n_bars * metre.beats_per_bar, endpoint=False)
        slow = np.round(places).astype(int).tolist()
        beats[begin:end] = [(tick, metre) for tick in slow]
        downs[first[index] : last[index] - 1] = slow[:: metre.beats_per_bar]
    return beats, downs


def _has_upbeat(changes: Mapping[int, Metre], first: int, stop: int, quarter: int) -> bool:
    """Whether the first bar is an upbeat: its time signature is its own, that of no other bar,
    and from the first strike on it is shorter than a bar of the next."""
    if stop not in changes or first >= stop:
        return False
    others = [metre for tick, metre in changes.items() if tick > 0]
    return changes.get(0, COMMON_TIME) not in others and stop - first < _ticks_a_bar(
        changes[stop], quarter
    )


def _ticks_a_bar(metre: Metre, quarter: int) -> int:
    return round(quarter * metre.quarters_per_bar)
