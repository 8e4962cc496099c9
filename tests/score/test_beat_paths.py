"""The best ways through beats: as trying all of them finds, and held in little memory."""

from __future__ import annotations

from itertools import pairwise, product

import numpy as np
import pytest

from transcribe.score import beat_paths
from transcribe.score.beat_paths import BeatPaths

CHANGE, DRIFT, MOVE = 2.0, 0.7, 1.9
N_TEMPOS = 3


def random_paths(n_beats: int, seed: int) -> tuple[BeatPaths, dict]:
    """Ways through beats at random times, and what each pair of them counts."""
    random = np.random.default_rng(seed)
    times = np.cumsum(random.uniform(0.05, 0.3, n_beats))
    first = np.searchsorted(times, times - 1.0)
    last = np.searchsorted(times, times - 0.2, side="right")
    alone = random.normal(0, 1, n_beats) - 1.5 * times
    late = 1.5 * (times[-1] - times)
    paths = BeatPaths(alone, late, first, last, N_TEMPOS, change=CHANGE, drift=DRIFT, move=MOVE)
    pairs = {}
    for i in range(n_beats):
        before = np.arange(first[i], max(first[i], last[i]))
        gap = np.log(times[i] - times[before])
        pair = random.normal(0, 1, (len(before), N_TEMPOS))
        pairs |= {(int(b), i): (gap[k], pair[k]) for k, b in enumerate(before)}
        if len(before):
            paths.extend(i, gap, pair)
        else:
            paths.begin(i)
    return paths, pairs


def worth(paths: BeatPaths, pairs: dict, chosen: list[int]) -> float:
    """What a way through these beats counts, at the tempos that suit it best."""
    steps = [pairs[step] for step in pairwise(chosen)]
    values = []
    for tempos in product(range(N_TEMPOS), repeat=len(steps)):
        value = paths.alone[chosen[0]] - paths.late[chosen[-1]]
        for (_gap, pair), tempo in zip(steps, tempos, strict=True):
            value += pair[tempo]
        for k in range(1, len(steps)):
            value -= CHANGE * min(abs(steps[k][0] - steps[k - 1][0]), 1.0)
            apart = abs(tempos[k] - tempos[k - 1])
            value -= 0.0 if apart == 0 else min(MOVE, DRIFT) if apart == 1 else MOVE
        values.append(value)
    return max(values)


def all_ways(pairs: dict, way: tuple[int, ...]) -> list[tuple[int, ...]]:
    further = [i for b, i in pairs if b == way[-1]]
    return [way, *(more for i in further for more in all_ways(pairs, (*way, i)))]


@pytest.mark.parametrize("seed", range(6))
def test_the_best_way_is_the_one_that_trying_all_finds(seed):
    paths, pairs = random_paths(11, seed)
    ways = [way for i in range(11) for way in all_ways(pairs, (i,)) if len(way) > 1]
    best = max(ways, key=lambda way: worth(paths, pairs, list(way)))
    assert paths.best() == list(best)


def test_ways_that_have_come_to_nothing_are_forgotten(monkeypatch):
    monkeypatch.setattr(beat_paths, "_FORGETS_EVERY", 10**9)
    expected, _ = random_paths(3000, 1)
    monkeypatch.setattr(beat_paths, "_FORGETS_EVERY", 200)
    paths, _ = random_paths(3000, 1)
    assert paths.best() == expected.best()
    assert len(paths.best()) > 500
    held, all_of_it = (
        sum(back.nbytes for back in each.back if back is not None) for each in (paths, expected)
    )
    assert held < all_of_it / 2
