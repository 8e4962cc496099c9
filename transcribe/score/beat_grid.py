"""The learned beats as one grid of bars, for what knows one metre and no score."""

from __future__ import annotations

from collections import Counter

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
) -> BeatGrid:
    """The grid of a performance, with what the user knows of it.

    As `music.find_beats`, with the beats and bars of `analysis.analyse` wherever they are
    estimated; of several metres that with the most bars is the grid's.
    """
    is_steady = tempo is not None and not follow
    if is_steady or len({note.onset for note in performance.notes}) < FEWEST_ONSETS:
        return find_beats(performance, tempo=tempo, metre=metre, follow=follow)
    score = analyse(performance, Hints(tempo=tempo, metre=metre))
    bars = Counter(score.metre(bar) for bar in range(1, score.n_bars + 1))
    main = bars.most_common(1)[0][0]
    first = next(bar for bar in range(1, score.n_bars + 1) if score.metre(bar) == main)
    return BeatGrid(
        beats=score.beats,
        metre=main,
        first_downbeat=score.bar_starts[first - 1] % main.beats_per_bar,
        tempo_origin="estimated" if tempo is None else "given",
        metre_origin="estimated" if metre is None else "given",
    )
