"""Tempo, dynamics and pedal: few marks, each for something that lasts.

Tempo and loudness are taken bar by bar and cut into stretches of one level, with a price for
every cut, so that rubato is no change of tempo and an accent no forte.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from transcribe.music.beat_grid import Metre
from transcribe.score.score import Score
from transcribe.score.sheet import LOWER, Mark

_METRONOME = (*range(40, 60, 2), *range(60, 72, 3), *range(72, 120, 4), *range(120, 145, 6))
_METRONOME += (*range(152, 321, 8),)
"""Beats a minute as metronomes have them, and on beyond their upper end; slower ones are counted in
their parts."""
_STEADY = 0.005
"""Natural logarithms between the bars of music that a metronome or a program plays; its tempo is
told as it is."""
_TEMPO_CUT = 0.35
"""What another tempo costs (`_levels`), in squared logarithms."""
_TEMPO_CHANGE = 1.25
"""Times a tempo, or one over it, that another one is told from."""
_DYNAMICS = ((36, "pp"), (50, "p"), (62, "mp"), (76, "mf"), (92, "f"), (128, "ff"))
"""Velocities below which a stretch is so loud."""
_DYNAMIC_CUT = 350.0
"""What another level costs (`_levels`), in squared MIDI velocities."""
_SHORTEST = 4
"""Bars of one level."""
_HAIRPINS = range(3, 9)
"""Bars over which music may grow louder or softer, that of its goal too."""
_HAIRPIN_RISE = 22.0
"""MIDI velocities by which it does then, at the least."""
_HAIRPIN_FIT = 0.95
"""How well a straight line fits it: their correlation, at the least."""
_RITARDANDO, _A_TEMPO = 0.75, 0.9
"""Parts of the tempo just before: slower than that, and back again."""
_HALF, _SIXTEENTH = Fraction(1, 2), Fraction(1, 4)


def tempo_marks(score: Score, last: int) -> dict[int, list[Mark]]:
    """A metronome mark at the beginning and at lasting changes, and where the player slows; at
    the beginning, that it is swung."""
    marks: defaultdict[int, list[Mark]] = defaultdict(list)
    if score.swing is not None:
        marks[1].append(Mark(0, "swing", "Swing", ratio=score.swing.small_ratio))
    tempos = _bar_tempos(score)[:last]
    if not len(tempos):
        return marks
    levels = _levels(np.log(tempos), _TEMPO_CUT)
    goes_on = np.zeros(last, bool)
    for note in score.notes:
        goes_on[max(note.bar, 1) - 1] |= note.beat >= score.metre(note.bar).quarters_per_beat
    told = 0.0
    cuts = [0, *(np.flatnonzero(np.diff(levels)) + 1).tolist(), len(levels)]
    for start, stop in itertools.pairwise(cuts):
        tempo = float(np.exp(levels[start]))
        ratio = max(tempo, told) / min(tempo, told) if told else np.inf
        if ratio >= _TEMPO_CHANGE:
            unit, pace = _counted(score.metre(start + 1), tempo)
            said = min(_METRONOME, key=lambda each: abs(each - pace))
            if np.ptp(np.log(tempos[start:stop])) < _STEADY:
                unit, said = score.metre(start + 1).quarters_per_beat, max(round(tempo), 1)
            marks[start + 1].append(Mark(0, "tempo", "", per_minute=said, unit=unit))
            told = tempo
        for bar, text in _slowings(tempos[start:stop], tempo, goes_on[start:stop]):
            marks[start + 1 + bar].append(Mark(0, "words", text))
    return marks


def told_tempo(score: Score) -> float:
    """Beats a minute as they are said in words: those of the mark at the beginning, if there is
    one, as whoever reads both compares them."""
    marks = tempo_marks(score, max(note.bar for note in score.notes)).get(1, ())
    beat = score.metre(1).quarters_per_beat
    paces = (float(mark.per_minute * mark.unit / beat) for mark in marks if mark.kind == "tempo")
    return next(paces, score.usual_tempo)


def _counted(metre: Metre, tempo: float) -> tuple[Fraction, float]:
    """What a metronome counts, in quarters, and how many a minute: beats, or parts of slow ones."""
    unit = metre.quarters_per_beat
    if tempo < _METRONOME[0] and metre.is_compound:
        unit, tempo = unit / 3, tempo * 3
    while tempo < _METRONOME[0] and unit > _SIXTEENTH:
        unit, tempo = unit / 2, tempo * 2
    return unit, tempo


def _bar_tempos(score: Score) -> NDArray[np.float64]:
    """Beats a minute of each bar from 1 on."""
    bounds = [i for i in score.bar_starts if i < len(score.beats)]
    times = np.asarray(score.beats)[bounds]
    return 60 * np.diff(bounds) / np.maximum(np.diff(times), 1e-3)


def _slowings(
    tempos: NDArray[np.float64], level: float, goes_on: NDArray[np.bool_]
) -> list[tuple[int, str]]:
    """Bars where a stretch of one tempo slows down, and is back; a chord that is only held, with
    nothing after its beat, slows nothing down."""
    found = []
    slow_since = None
    for bar in range(1, len(tempos)):
        before = float(np.median(tempos[max(0, bar - 4) : bar]))
        if slow_since is None and goes_on[bar] and tempos[bar] < _RITARDANDO * min(before, level):
            slow_since = bar
            found.append((bar, "rit."))
        elif slow_since is not None and tempos[bar] > _A_TEMPO * level:
            found.append((bar, "a tempo"))
            slow_since = None
    return found


def dynamic_marks(score: Score, quarter: int, last: int) -> dict[int, list[Mark]]:
    """``pp`` to ``ff`` at the beginning and where loudness changes for some bars, and hairpins
    where it does so steadily; what is reached stands after a hairpin.

    Parameters
    ----------
    score : Score
    quarter : int
        Ticks a quarter.
    last : int
        The last bar that is written.
    """
    loud: defaultdict[int, list[int]] = defaultdict(list)
    for note in score.notes:
        loud[max(note.bar, 1)].append(note.note.velocity)
    velocities = np.zeros(last)
    heard = 64.0
    for bar in range(1, last + 1):
        if loud[bar]:
            heard = float(np.percentile(loud[bar], 70))
        velocities[bar - 1] = heard
    pins = _hairpins(velocities)
    goals = {bar: stop for start, stop, _ in pins for bar in range(start + 1, stop)}
    names: dict[int, str] = {}
    told = ""
    for index, level in enumerate(_levels(velocities, _DYNAMIC_CUT)):
        name = next(name for limit, name in _DYNAMICS if level < limit)
        if name != told:
            names[goals.get(index, index) + 1] = told = name
    marks: defaultdict[int, list[Mark]] = defaultdict(list)
    for bar, name in names.items():
        marks[bar].append(Mark(0, "dynamic", name))
    for start, stop, kind in pins:
        marks[start + 1].append(Mark(0, "wedge", kind))
        marks[stop].append(Mark(int(score.bar_length(stop) * quarter), "wedge", "stop"))
    return marks


def _hairpins(velocities: NDArray[np.float64]) -> list[tuple[int, int, str]]:
    """Where bars of these velocities grow louder or softer, clearly and steadily: the first of
    them, the one that is reached, and ``crescendo`` or ``diminuendo``; those that change most come
    first, and none reaches into another."""
    found: list[tuple[float, int, int, str]] = []
    for n in _HAIRPINS:
        if n > len(velocities):
            break
        line = np.arange(n) - (n - 1) / 2
        line /= np.sqrt(line @ line)
        windows = sliding_window_view(velocities, n)
        along = windows @ line
        rise = along * (line[-1] - line[0])
        fit = np.abs(along) / np.maximum(windows.std(axis=1) * np.sqrt(n), 1e-9)
        # Its first and its last bar are part of it.
        ends = np.diff(windows, axis=1)[:, [0, -1]] * np.sign(rise)[:, None]
        whole = ends.min(axis=1) >= np.abs(rise) / (n - 1) / 3
        clear = whole & (np.abs(rise) >= _HAIRPIN_RISE) & (fit >= _HAIRPIN_FIT)
        for start in np.flatnonzero(clear).tolist():
            kind = "crescendo" if rise[start] > 0 else "diminuendo"
            found.append((float(abs(rise[start]) * fit[start]), start, start + n - 1, kind))
    kept: list[tuple[int, int, str]] = []
    for _, start, stop, kind in sorted(found, reverse=True):
        if all(stop <= first or start >= last for first, last, _ in kept):
            kept.append((start, stop, kind))
    return kept


def _levels(values: NDArray[np.float64], price: float) -> NDArray[np.float64]:
    """The values as stretches of their means, with the least sum of squared distances and
    a price for every stretch (optimal partitioning)."""
    n = len(values)
    sums = np.concatenate(([0.0], np.cumsum(values)))
    squares = np.concatenate(([0.0], np.cumsum(values**2)))
    best = np.full(n + 1, np.inf)
    best[0] = 0.0
    came_from = np.zeros(n + 1, np.int64)
    for stop in range(1, n + 1):
        longest = max(0, stop - 512)
        starts = np.arange(longest, max(stop - _SHORTEST, 0) + 1)
        lengths = stop - starts
        spread = squares[stop] - squares[starts] - (sums[stop] - sums[starts]) ** 2 / lengths
        costs = best[starts] + spread + price
        at = int(np.argmin(costs))
        best[stop], came_from[stop] = costs[at], starts[at]
    levels = np.zeros(n)
    stop = n
    while stop > 0:
        start = int(came_from[stop])
        levels[start:stop] = (sums[stop] - sums[start]) / (stop - start)
        stop = start
    return levels


def pedal_marks(score: Score, quarter: int, bars: Sequence[int]) -> dict[int, list[Mark]]:
    """Presses of the sustain pedal, at the eighth note that is nearest.

    Parameters
    ----------
    score : Score
        With its pedal presses.
    quarter : int
        Ticks a quarter.
    bars : sequence of int
        Numbers of the bars that are written.
    """
    marks: defaultdict[int, list[Mark]] = defaultdict(list)
    places = [
        (bar, half * quarter // 2, score.seconds(bar, half * _HALF))
        for bar in bars
        for half in range(int(score.bar_length(bar) * 2))
    ]
    times = np.asarray([time for _, _, time in places])

    def nearest(seconds: float) -> int:
        index = int(np.searchsorted(times, seconds))
        near = [i for i in (index - 1, index) if 0 <= i < len(times)]
        return min(near, key=lambda i: abs(times[i] - seconds))

    free = 0
    for press in score.pedal:
        down, up = nearest(press.onset), nearest(press.offset)
        down = max(down, free)
        if up <= down:
            continue
        for index, text in ((down, "start"), (up, "stop")):
            bar, place, _ = places[index]
            marks[bar].append(Mark(place, "pedal", text, LOWER))
        free = up
    return marks
