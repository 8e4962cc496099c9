"""Runs that are copied are found in any key, whole, and within one piece alone."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from eval.downstream.copying import Learnt, intervals_of, summed_up
from transcribe.notes import Note

lines = st.lists(
    st.lists(st.integers(-2, 2), max_size=12).map(lambda each: np.array(each, np.int64)),
    min_size=1,
    max_size=4,
)


def longest_by_hand(line, learnt) -> int:
    """By trying all of them."""
    n = len(line)
    texts = [tuple(each.tolist()) for each in learnt]
    for length in range(n, 0, -1):
        for start in range(n - length + 1):
            run = tuple(line[start : start + length].tolist())
            if any(
                text[place : place + length] == run
                for text in texts
                for place in range(len(text) - length + 1)
            ):
                return length + 1
    return 1


@given(ours=lines, learnt=lines)
def test_the_longest_run_is_the_one_that_a_search_finds(ours, learnt):
    assert Learnt(learnt).longest_runs(ours) == [longest_by_hand(each, learnt) for each in ours]


def melody(pitches) -> list[Note]:
    return [
        Note(onset=0.5 * i, pitch=pitch, offset=0.5 * i + 0.4, velocity=70)
        for i, pitch in enumerate(pitches)
    ]


def test_a_tune_in_another_key_is_a_copy_and_two_ends_of_two_pieces_are_none():
    tune = [60, 64, 67, 65, 62, 71, 60]
    learnt = Learnt([intervals_of(melody(p + 3 for p in tune)), intervals_of(melody([50, 57]))])
    assert learnt.longest_runs([intervals_of(melody(tune))]) == [7]
    joined = [*(p + 3 for p in tune), 50, 57]
    assert learnt.longest_runs([intervals_of(melody(joined))]) == [7]
    assert learnt.longest_runs([intervals_of(melody([60]))]) == [1]


def test_of_many_continuations_mean_and_most_are_told():
    assert summed_up([2, 4, 12]) == {"mean": 6.0, "p95": 11.2, "longest": 12, "n": 3}
    assert summed_up([]) == {"n": 0}
