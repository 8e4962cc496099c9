"""An estimate that is early or late throughout is told, and by how much."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from transcribe.evaluation.matching import match_aligned
from transcribe.evaluation.shift import shift_of
from transcribe.midi import write_midi
from transcribe.notes import Note, Performance, without_overlaps

from .playing import PLAYED


def late(performance, seconds):
    return Performance(
        [
            replace(note, onset=note.onset + seconds, offset=note.offset + seconds)
            for note in performance.notes
        ]
    )


def piece(seed):
    """Many strokes of few keys, as in the middle of a piano."""
    rng = np.random.default_rng(seed)
    onsets = 20 + np.cumsum(rng.exponential(0.1, 400))
    pitches = rng.integers(50, 75, 400)
    notes = zip(onsets, pitches, strict=True)
    return Performance(
        without_overlaps(
            Note(onset=onset, pitch=int(pitch), offset=onset + 0.3, velocity=64)
            for onset, pitch in notes
        )
    )


def mostly_heard(performance, seed=2):
    rng = np.random.default_rng(seed)
    return Performance([note for note in performance.notes if rng.random() < 0.7])


def found(ref, est):
    return shift_of(ref, est, n_matched=len(match_aligned(ref, est).pairs))


@pytest.mark.parametrize("seconds", [0.2, -0.2, 0.12, 3.0, -19.5])
def test_a_constant_shift_is_found(seconds):
    assert found(piece(0), mostly_heard(late(piece(0), seconds))) == pytest.approx(seconds)


def test_what_matches_and_what_never_does_is_not_shifted():
    assert found(piece(0), mostly_heard(late(piece(0), 0.04))) is None
    assert found(piece(0), late(piece(1), 0.2)) is None
    assert found(piece(0), Performance()) is None
    assert found(Performance(PLAYED.notes[:2]), late(Performance(PLAYED.notes[:2]), 0.2)) is None


def test_a_key_that_is_repeated_for_half_an_hour_is_found_without_keeping_all_differences():
    rng = np.random.default_rng(0)
    onsets = 70 + np.cumsum(rng.uniform(0.1, 0.3, 9000))
    repeats = Performance(
        [Note(onset=onset, pitch=60, offset=onset + 0.05, velocity=64) for onset in onsets]
    )
    moved = late(repeats, -31.0)
    tracemalloc.start()
    assert shift_of(repeats, moved, n_matched=0) == pytest.approx(-31.0)
    assert tracemalloc.get_traced_memory()[1] < 20e6
    tracemalloc.stop()


@pytest.mark.parametrize("seconds", [0.2, 1.25])
def test_evaluate_says_what_is_shifted(run, folders, seconds):
    ref, est = folders
    write_midi(late(PLAYED, seconds), est / "a.mid")
    code, _, err = run(ref, est)
    told = {0.2: "200 ms", 1.25: "1.25 s"}[seconds]
    assert code == 0
    assert f"a (estimate): all of it is about {told} late" in err
    assert "b (estimate)" not in err
