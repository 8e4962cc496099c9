"""The learned beats as one grid of bars, for what knows one metre and no score."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np

from transcribe.music.beat_grid import FEWEST_ONSETS, BeatGrid, Metre, find_beats
from transcribe.notes import Performance
from transcribe.score.analysis import analyse
from transcribe.score.score import Hints


def find_grid(
    performance: Performance,
    *,
    tempo: float | None = None,
    metre: Metre | None = None,
    follow: bool = False,
    own: Hints | None = None,
) -> BeatGrid:
    """The grid of a performance, with what the user knows of it.

    As `music.find_beats`, with the beats and bars of `analysis.analyse` wherever they are
    estimated; of several metres that with the most bars is the grid's. Beats that the file
    states itself (`file_beats`) are kept as they are where the user gives neither tempo nor metre.
    """
    if own is not None and own.beats is not None and tempo is None and metre is None:
        return _stated(performance, own)
    is_steady = tempo is not None and not follow
    if is_steady or len({note.onset for note in performance.notes}) < FEWEST_ONSETS:
        return find_beats(performance, tempo=tempo, metre=metre, follow=follow)
    return _analysed(performance, Hints(tempo=tempo, metre=metre, swing=False))


def _analysed(performance: Performance, hints: Hints) -> BeatGrid:
    score = analyse(performance, hints)
    bars = Counter(score.metre(bar) for bar in range(1, score.n_bars + 1))
    main = bars.most_common(1)[0][0]
    first = next(bar for bar in range(1, score.n_bars + 1) if score.metre(bar) == main)
    return BeatGrid(
        beats=score.beats,
        metre=main,
        first_downbeat=score.bar_starts[first - 1] % main.beats_per_bar,
        tempo_origin="estimated" if hints.tempo is None else "given",
        metre_origin="estimated" if hints.metre is None else "given",
    )


def _stated(performance: Performance, own: Hints) -> BeatGrid:
    """The file's beats, and its bars where it states them; otherwise those of the notes."""
    known = own.beats or ()
    starts = set(own.downbeats or ())
    downs = [index for index, time in enumerate(known[:-1]) if time in starts]
    if own.metres and downs:
        beats, main, first = _in_one_metre(known, own.metres, downs)
        return BeatGrid(beats, main, first, "stated", "stated")
    if len({note.onset for note in performance.notes}) < FEWEST_ONSETS:
        return BeatGrid(known, tempo_origin="stated")
    return replace(_analysed(performance, Hints(beats=known, swing=False)), tempo_origin="stated")


def _in_one_metre(
    known: tuple[float, ...], metres: tuple[Metre, ...], downs: list[int]
) -> tuple[tuple[float, ...], Metre, int]:
    """Beats of the metre that has the most bars, that metre, and the first beat of a bar.

    Where other metres count other beats, the beats of that one go on through them, so that a
    sixteenth is a sixteenth everywhere.
    """
    main = Counter(metres[index] for index in downs).most_common(1)[0][0]
    quarters = np.cumsum([0.0, *(float(metre.quarters_per_beat) for metre in metres[:-1])])
    down = float(quarters[next(index for index in downs if metres[index] == main)])
    length = float(main.quarters_per_beat)
    n_before = int(down // length)
    n_after = int((quarters[-1] - down) // length)
    wanted = down + length * np.arange(-n_before, n_after + 1)
    beats = np.interp(wanted, quarters, known)
    return tuple(beats.tolist()), main, n_before % main.beats_per_bar
