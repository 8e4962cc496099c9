"""Beats and bars, decided from what the networks say of onsets and of beats."""

from __future__ import annotations

import numpy as np
import pytest

from transcribe.score.bars import BarEvidence, track_bars
from transcribe.score.beat_targets import METRE_NAMES, N_PERIODS, N_PLACES, PLACES
from transcribe.score.beats import BeatSettings, OnsetEvidence, track_beats
from transcribe.score.pauses import in_pauses, played_gaps

METRES = [(4, 4, 4), (3, 4, 3), (2, 4, 2)]


def evidence(times, beat, place=None) -> OnsetEvidence:
    n = len(times)
    return OnsetEvidence(
        times=np.asarray(times, float),
        beat=np.asarray(beat, float),
        down=np.full(n, -3.0),
        period=np.full((n, N_PERIODS), -np.log(N_PERIODS)),
        place=np.full((n, N_PLACES), 1 / N_PLACES) if place is None else place,
    )


def of_beats(down) -> BarEvidence:
    n = len(down)
    return BarEvidence(
        down=np.asarray(down, float),
        metre=np.full((n, len(METRE_NAMES)), -np.log(len(METRE_NAMES))),
    )


def test_beats_are_on_the_onsets_that_are_likely_ones():
    times = np.arange(0, 12, 0.25)
    beat = np.where(np.arange(len(times)) % 2 == 0, 3.0, -3.0)
    found, onset = track_beats(evidence(times, beat), BeatSettings())
    np.testing.assert_allclose(found, times[::2], atol=0.26)
    assert (onset % 2 == 0).all()


@pytest.mark.parametrize("n", [2, 3, 4])
def test_onsets_that_say_where_in_the_beat_they_are_say_how_far_apart_beats_are(n):
    times = 0.25 * np.arange(48)
    place = np.full((48, N_PLACES), 0.02)
    of_onset = [int(np.abs(PLACES - index % n / n).argmin()) for index in range(48)]
    place[np.arange(48), of_onset] = 0.76
    found, _ = track_beats(evidence(times, np.full(48, 0.5), place), BeatSettings())
    np.testing.assert_allclose(np.diff(found), 0.25 * n)
    assert set(np.round(found / 0.25).astype(int) % n) == {0}


def test_a_beat_on_which_nothing_is_struck_is_put_between():
    times = np.delete(np.arange(0, 12, 0.6), 7)
    found, onset = track_beats(evidence(times, np.full(len(times), 4.0)), BeatSettings())
    assert np.abs(found - 4.2).min() < 0.06
    assert (onset == -1).sum() == 1


def test_a_slowing_down_keeps_its_beats():
    times = np.cumsum(np.geomspace(0.4, 0.9, 30))
    found, _ = track_beats(evidence(times, np.full(30, 3.0)), BeatSettings())
    np.testing.assert_allclose(found, times)


def test_a_piece_is_counted_on_one_level_even_where_another_is_a_little_likelier():
    n = 96
    place = np.full((n, N_PLACES), 0.02)
    for index in range(n):
        # At first a beat of four onsets is a little likelier than one of two.
        for size, likely in ((4, 0.45), (2, 0.31)) if index < 24 else ((2, 0.76),):
            place[index, np.abs(PLACES - index % size / size).argmin()] += likely
    given = evidence(0.25 * np.arange(n), np.zeros(n), place)
    on_two_levels, _ = track_beats(given, BeatSettings(pull=0.0))
    found, _ = track_beats(given, BeatSettings())
    assert set(np.round(np.diff(on_two_levels), 3)) == {1.0, 0.5}
    np.testing.assert_allclose(np.diff(found), 0.5)


def test_what_goes_on_in_another_tempo_is_followed():
    times = np.concatenate([0.45 * np.arange(40), 0.45 * 39 + 0.8 * np.arange(1, 41)])
    found, _ = track_beats(evidence(times, np.full(80, 3.0)), BeatSettings())
    np.testing.assert_allclose(found, times)


def test_a_given_tempo_is_kept_where_twice_as_many_beats_would_do():
    times = 0.3 * np.arange(40)
    for tempo, gap in ((200, 0.3), (100, 0.6)):
        found, _ = track_beats(evidence(times, np.full(40, 0.2)), BeatSettings(), tempo=tempo)
        assert np.median(np.diff(found)) == pytest.approx(gap)


@pytest.mark.parametrize("factor", [1 / 2, 1 / 3, 2])
@pytest.mark.parametrize("n", [6, 8, 12])
def test_a_given_tempo_is_obeyed_against_what_is_heard(n, factor):
    """However sure the network is of another pace: half as fast is half as fast."""
    times = 0.09 * np.arange(16 * n)
    place = np.full((16 * n, N_PLACES), 0.0005)
    of_onset = [int(np.abs(PLACES - index % n / n).argmin()) for index in range(16 * n)]
    place[np.arange(16 * n), of_onset] = 0.99
    given = evidence(times, np.where(np.arange(16 * n) % n == 0, 8.0, -4.0), place)
    own, _ = track_beats(given, BeatSettings())
    assert np.median(np.diff(own)) == pytest.approx(0.09 * n)
    found, _ = track_beats(given, BeatSettings(), tempo=factor * 60 / (0.09 * n))
    assert np.median(np.diff(found)) == pytest.approx(0.09 * n / factor, rel=0.1)


@pytest.mark.parametrize("n", [2, 3, 4])
def test_bars_are_as_long_as_the_downbeats_are_apart(n):
    times = np.arange(48) * 0.5
    given = of_beats(np.where(np.arange(48) % n == 1, 2.0, -4.0))
    bars = track_bars(given, times, BeatSettings(down_bias=0.0), METRES)
    assert np.flatnonzero(bars.in_bar == 0).tolist() == list(range(1, 48, n))
    assert {METRES[index][2] for index in bars.metre[1:]} == {n}


def test_a_given_downbeat_starts_a_bar():
    times = np.arange(24) * 0.5
    given = of_beats(np.full(24, -3.0))
    bars = track_bars(given, times, BeatSettings(), [(3, 4, 3)], downbeat=3.5)
    assert bars.in_bar[7] == 0
    assert bars.in_bar[10] == 0


@pytest.mark.parametrize("pause", [600.0, 3600.0])
def test_beats_go_on_through_a_pause_between_two_pieces(pause):
    """Through which there are beats too, a few seconds apart."""
    one = np.arange(0, 12, 0.25)
    times = np.concatenate([one, one + pause])
    beat = np.where(np.arange(len(times)) % 2 == 0, 3.0, -3.0)
    found, onset = track_beats(evidence(times, beat), BeatSettings())
    assert np.diff(found).max() <= BeatSettings().longest
    for start in (0.0, pause):
        of_piece = found[(found > start + 2) & (found < start + 10)]
        np.testing.assert_allclose(np.diff(of_piece), 0.5, atol=1e-6)
    assert (onset[onset >= 0] % 2 == 0).all()


def test_a_given_tempo_holds_for_all_of_it_however_freely_it_is_played():
    gaps = 0.3 * np.tile([0.75, 1.3, 0.8, 1.2, 1.0, 1.0], 20)
    times = np.cumsum(gaps)
    given = evidence(times, np.full(len(times), 1.0))
    found, _ = track_beats(given, BeatSettings(), tempo=60 / 0.3)
    assert len(found) > 0.9 * len(times)


@pytest.mark.parametrize("tempo", [None, 120])
def test_a_pause_of_days_has_no_more_beats_than_a_midi_file_needs(tempo):
    """Which can't say beats of more than 16 s."""
    one = np.arange(0, 12, 0.25)
    days = 100 * 3600.0
    times = np.concatenate([one, one + days])
    beat = np.where(np.arange(len(times)) % 2 == 0, 3.0, -3.0)
    found, _ = track_beats(evidence(times, beat), BeatSettings(), tempo=tempo)
    assert 14 < np.diff(found).max() <= 15
    assert len(found) < days / 14
    of_second = found[found > days + 2]
    np.testing.assert_allclose(np.diff(of_second[:-2]), 0.5, atol=1e-6)


def test_times_in_pauses():
    onsets = np.array([0.0, 1.0, 60.0, 70.0])
    times = np.array([-50.0, 0.5, 1.0, 1.5, 30.0, 60.0, 65.0, 70.0, 200.0])
    assert in_pauses(times, onsets).tolist() == [False] * 3 + [True] * 2 + [False] * 4
    np.testing.assert_allclose(played_gaps(np.array([0, 1, 20, 40, 60, 60.5]), onsets), [1, 0.5])
    assert not in_pauses(times, np.empty(0)).any()
