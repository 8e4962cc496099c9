"""Scores of one recording: hand-made pairs, and mir_eval called directly."""

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mir_eval import multipitch, transcription, transcription_velocity
from pairs import moved, note, scale

from transcribe.evaluation import matching
from transcribe.evaluation.metrics import (
    Ratio,
    false_notes_per_minute,
    note_f1,
    onset_deviation,
    onset_f1,
    score,
)
from transcribe.notes import Note, PedalPress, Performance, sustained


@st.composite
def performances(draw):
    """Crowded music: few pitches and many near coincidences."""
    times = st.integers(0, 60).map(lambda k: k * 0.02)
    notes = draw(
        st.lists(
            st.builds(
                note,
                times,
                st.integers(60, 63),
                st.integers(1, 40).map(lambda k: k * 0.02),
                st.integers(1, 127),
            ),
            max_size=40,
        )
    )
    edges = sorted(draw(st.sets(st.integers(0, 80), max_size=6)))
    pedal = [
        PedalPress(onset=a * 0.025, offset=b * 0.025)
        for a, b in zip(edges[::2], edges[1::2], strict=False)
    ]
    return Performance(notes, pedal)


def hertz(pitches):
    return 440 * 2 ** ((np.array(pitches, float) - 69) / 12)


def arrays(performance):
    intervals = np.array([(n.onset, n.offset) for n in performance.notes]).reshape(-1, 2)
    velocities = np.array([n.velocity for n in performance.notes], float)
    return intervals, hertz([n.pitch for n in performance.notes]), velocities


def test_a_performance_equals_itself():
    performance = Performance(scale(), [PedalPress(onset=1.2, offset=2.6)])
    scores = score(performance, performance)
    assert len(scores.ratios) == 40
    assert {ratio.f1 for ratio in scores.ratios.values()} == {1.0}
    assert scores.numbers["as_found/velocity_error"] == 0
    assert scores.numbers["as_found/velocity_correlation"] == pytest.approx(1)
    assert scores.numbers["as_found/key/overlap"] == 1


ENDINGS = {"": 0.05, "_20ms": 0.02, "_10ms": 0.01}

LATER = 5.0
"""Added to both sides for mir_eval, which refuses times below 0."""


def mir_eval_scores(ref, est):
    """What mir_eval says when it is called directly, under the names of `score`."""
    ref_times, ref_hertz, ref_velocities = ref
    est_times, est_hertz, est_velocities = est
    sides = ref_times + LATER, ref_hertz, est_times + LATER, est_hertz
    with_velocity = (*sides[:2], ref_velocities, *sides[2:], est_velocities)
    found = {}
    for ending, tolerance in ENDINGS.items():
        found[f"onset{ending}"] = transcription.precision_recall_f1_overlap(
            *sides, onset_tolerance=tolerance, offset_ratio=None
        )
        found[f"onset_offset{ending}"] = transcription.precision_recall_f1_overlap(
            *sides, onset_tolerance=tolerance
        )
        found[f"onset_offset_velocity{ending}"] = (
            transcription_velocity.precision_recall_f1_overlap(
                *with_velocity, onset_tolerance=tolerance
            )
        )
    return found


def assert_equal_to_mir_eval(scores, ref, est, alignment, convention):
    for name, expected in mir_eval_scores(ref, est).items():
        by_onset = not name.startswith("onset_offset")
        ratio = scores.ratios["/".join([alignment, *([] if by_onset else [convention]), name])]
        assert (ratio.precision, ratio.recall, ratio.f1) == pytest.approx(expected[:3])
        overlap = "overlap" + (name.removeprefix("onset") if by_onset else f"_{name}")
        found = scores.numbers[f"{alignment}/{convention}/{overlap}"]
        assert (found or 0) == pytest.approx(expected[3])


def shifted(performance, seconds):
    """The same earlier or later, even before 0, as mir_eval's arrays."""
    intervals, pitches, velocities = arrays(performance)
    return intervals + seconds, pitches, velocities


@given(ref=performances(), est=performances())
@settings(max_examples=60, deadline=None)
@pytest.mark.filterwarnings("ignore:.*notes are empty")
def test_equal_to_mir_eval_called_directly(ref, est):
    """Every kind, at every tolerance, in both conventions, as found and aligned."""
    scores = score(ref, est)
    late = onset_deviation(ref, est)
    for convention, extend in (("key", lambda p: p), ("sustained", sustained)):
        sides = arrays(extend(ref)), arrays(extend(est))
        assert_equal_to_mir_eval(scores, *sides, "as_found", convention)
        sides = arrays(extend(ref)), shifted(extend(est), -late)
        assert_equal_to_mir_eval(scores, *sides, "aligned", convention)


@given(ref=performances(), est=performances())
@settings(max_examples=30, deadline=None)
@pytest.mark.filterwarnings("ignore:.*notes are empty")
def test_pedal_presses_equal_mir_evals_notes_of_one_pitch(ref, est):
    def sides(performance):
        times = np.array([(p.onset, p.offset) for p in performance.pedal]).reshape(-1, 2)
        return times, np.full(len(times), 27.5)

    scores = score(ref, est)
    for name, offset_ratio in (("onset", None), ("onset_offset", 0.2)):
        expected = transcription.precision_recall_f1_overlap(
            *sides(ref), *sides(est), offset_ratio=offset_ratio
        )
        ratio = scores.ratios[f"as_found/pedal/{name}"]
        assert (ratio.precision, ratio.recall, ratio.f1) == pytest.approx(expected[:3])
        overlap_name = "overlap" if offset_ratio is None else "overlap_onset_offset"
        overlap = scores.numbers[f"as_found/pedal/{overlap_name}"]
        assert (overlap or 0) == pytest.approx(expected[3])


def test_a_long_recording_is_matched_in_passages_as_a_whole():
    """Thousands of strokes of few keys, so that mir_eval is asked many times."""
    rng = np.random.default_rng(5)
    onsets = np.cumsum(rng.exponential(0.06, 1500))
    ref = Performance([note(t, 60 + i % 3, 0.1, 1 + i % 127) for i, t in enumerate(onsets)])
    est = Performance(
        [
            note(max(0, n.onset + d), n.pitch, 0.1, n.velocity)
            for n, d in zip(ref.notes, rng.normal(0, 0.03, 1500), strict=True)
        ]
    )
    assert_equal_to_mir_eval(score(ref, est), arrays(ref), arrays(est), "as_found", "key")


def test_mir_eval_is_asked_in_hertz(monkeypatch):
    """Whatever `score` does, what reaches mir_eval is the frequency of the keys."""
    asked = []
    match_notes = matching.transcription.match_notes

    def spy(ref_intervals, ref_pitches, est_intervals, est_pitches, **settings):
        asked.extend([*ref_pitches, *est_pitches])
        return match_notes(ref_intervals, ref_pitches, est_intervals, est_pitches, **settings)

    monkeypatch.setattr(matching.transcription, "match_notes", spy)
    chromatic = Performance([note(0.5 * i, 21 + i) for i in range(88)])
    score(chromatic, chromatic)
    assert sorted(set(asked)) == pytest.approx([27.5 * 2 ** (i / 12) for i in range(88)])
    assert max(asked) == pytest.approx(4186.01, abs=0.01)


def test_no_other_module_speaks_to_mir_eval():
    """So MIDI numbers have one way only, through `matching.Events.hertz`."""
    package = Path(matching.__file__).parents[1]
    users = [path.name for path in package.rglob("*.py") if "mir_eval import" in path.read_text()]
    assert users == ["matching.py"]
    called = re.findall(r"transcription\.(\w+)\(", Path(matching.__file__).read_text())
    assert called == ["match_notes"]


@given(ref=performances(), est=performances())
@settings(max_examples=20, deadline=None)
@pytest.mark.filterwarnings("ignore:.*are all empty", "ignore:.*frequencies are empty")
def test_frames_equal_mir_eval_multipitch(ref, est):
    moments = np.arange(0, 3, 0.01)

    def sounding(performance):
        at_moment = [
            {n.pitch for n in performance.notes if n.onset - 1e-6 < t < n.offset - 1e-6}
            for t in moments
        ]
        return [hertz(sorted(pitches)) for pitches in at_moment]

    precision, recall = multipitch.metrics(moments, sounding(ref), moments, sounding(est))[:2]
    ratio = score(ref, est).ratios["as_found/key/frame"]
    assert (ratio.precision, ratio.recall) == pytest.approx((precision, recall))


@given(ref=performances(), est=performances())
@settings(max_examples=30, deadline=None)
def test_precision_and_recall_change_places_with_the_sides(ref, est):
    there, back = score(ref, est).ratios, score(est, ref).ratios
    for name in ("onset", "onset_10ms", "key/frame", "sustained/frame", "pedal/frame"):
        ratio, mirrored = there[f"as_found/{name}"], back[f"as_found/{name}"]
        assert (ratio.precision, ratio.recall) == (mirrored.recall, mirrored.precision)


def test_counts_of_a_hand_made_pair():
    """Of four notes one is missed, one is 30 ms late and one ends early; one is false."""
    ref = Performance([note(0.1), note(1.0), note(2.0), note(3.0)])
    est = Performance([note(0.1), note(1.03, duration=0.47), note(2.0, duration=0.2), note(4.0)])
    ratios = score(ref, est).ratios
    assert ratios["as_found/onset"] == Ratio(4, 4, 3)
    assert ratios["as_found/onset_20ms"] == Ratio(4, 4, 2)
    assert ratios["as_found/key/onset_offset"] == Ratio(4, 4, 2)
    # 200 frames and 50 + 47 + 20 + 50; the estimate's first three lie inside
    assert ratios["as_found/key/frame"] == Ratio(200, 167, 117)


@pytest.mark.parametrize("step", [-1, 1])
def test_a_semitone_is_an_error(step):
    ref = Performance(scale())
    est = Performance([note(n.onset, n.pitch + step) for n in ref.notes])
    ratios = score(ref, est).ratios
    assert onset_f1(ref, est) == 0
    assert ratios["as_found/key/frame"].n_matched == 0


@given(pitch=st.integers(21, 108), other=st.integers(21, 108))
@settings(deadline=None)
def test_only_equal_pitches_match(pitch, other):
    assert onset_f1(Performance([note(1, pitch)]), Performance([note(1, other)])) == (
        pitch == other
    )


@pytest.mark.parametrize(("late", "tolerance"), [(0.05, "onset"), (0.02, "onset_20ms")])
def test_a_tolerance_includes_its_end(late, tolerance):
    ref = Performance([note(1)])
    assert score(ref, Performance([note(1 + late)])).ratios[f"as_found/{tolerance}"].f1 == 1
    later = Performance([note(1 + late + 0.001)])
    assert score(ref, later).ratios[f"as_found/{tolerance}"].f1 == 0


def test_offsets_have_50_ms_or_a_fifth_of_the_duration():
    ref = Performance([note(1, 60, duration=0.1), note(1, 64, duration=2.0)])
    near = Performance([note(1, 60, duration=0.145), note(1, 64, duration=2.39)])
    far = Performance([note(1, 60, duration=0.155), note(1, 64, duration=2.41)])
    assert note_f1(ref, near) == 1
    assert note_f1(ref, far) == 0


@given(deviation=st.integers(-45, 120).map(lambda ms: ms / 1000))
@settings(max_examples=30, deadline=None)
def test_alignment_takes_off_a_constant_deviation(deviation):
    ref = Performance(scale(), [PedalPress(onset=1.25, offset=3.25)])
    scores = score(ref, moved(ref, deviation))
    if abs(deviation) <= 0.05:
        assert scores.numbers["onset_deviation/median"] == pytest.approx(deviation)
        assert scores.numbers["onset_deviation/spread"] == pytest.approx(0, abs=1e-9)
        assert {r.f1 for name, r in scores.ratios.items() if "aligned" in name} == {1.0}
    else:  # beyond the tolerance nothing matches and nothing is moved
        assert scores.numbers["onset_deviation/median"] is None
        assert scores.ratios["aligned/onset"].n_matched == 0


def test_30_ms_late_is_wrong_at_20_ms_as_found_and_right_aligned():
    ref = Performance(scale())
    ratios = score(ref, moved(ref, 0.03)).ratios
    assert ratios["as_found/onset"].f1 == 1
    assert ratios["as_found/onset_20ms"].f1 == 0
    assert ratios["aligned/onset_20ms"].f1 == 1
    assert ratios["aligned/onset_10ms"].f1 == 1


def test_the_second_pass_finds_what_the_first_cut_off():
    """Deviations of 20 to 80 ms: the first 50 ms hold only the earlier of them."""
    lateness = np.linspace(0.02, 0.08, 61)
    ref = Performance([note(1 + i) for i in range(61)])
    est = Performance([note(1 + i + late) for i, late in enumerate(lateness)])
    assert onset_deviation(ref, est) == pytest.approx(0.05, abs=0.001)
    assert onset_f1(ref, est) == pytest.approx(31 / 61)
    assert onset_f1(ref, est, aligned=True) == 1
    spread = score(ref, est).numbers["onset_deviation/spread"]
    assert spread == pytest.approx(0.03, abs=0.001)


@pytest.mark.parametrize(
    ("change", "error", "correlation"),
    [
        (lambda v: v // 2, 37.5, 1),
        (lambda v: v + 10, 10, 1),
        (lambda v: 127 - v, 43.25, -1),
    ],
)
def test_velocities_that_mir_eval_forgives_show_in_the_raw_error(change, error, correlation):
    ref = Performance(scale())
    est = Performance([note(n.onset, n.pitch, velocity=change(n.velocity)) for n in ref.notes])
    scores = score(ref, est)
    assert scores.ratios["as_found/key/onset_offset_velocity"].f1 == 1
    assert scores.numbers["as_found/velocity_error"] == pytest.approx(error)
    assert scores.numbers["as_found/velocity_correlation"] == pytest.approx(correlation)


@pytest.mark.parametrize(("off_by", "right"), [(6, 8), (12, 7)])
def test_a_velocity_is_right_within_a_tenth_of_the_range_played(off_by, right):
    """Eight notes from 40 to 110: a tenth is 7 MIDI steps, whatever 127 is a tenth of.

    The line is fitted through all eight, so it gives way a little to the one that is off.
    """
    ref = Performance(scale())
    est = [
        note(n.onset, n.pitch, velocity=n.velocity + off_by * (i == 3))
        for i, n in enumerate(ref.notes)
    ]
    ratio = score(ref, Performance(est)).ratios["as_found/key/onset_offset_velocity"]
    assert ratio == Ratio(8, 8, right)


def test_velocities_of_one_loudness_have_no_correlation():
    ref = Performance(scale())
    est = Performance([note(n.onset, n.pitch, velocity=80) for n in ref.notes])
    assert score(ref, est).numbers["as_found/velocity_correlation"] is None


def test_a_key_released_under_the_pedal_is_right_only_when_sustained():
    """The reference holds with the pedal what the estimate holds with the finger."""
    ref = Performance([note(1, duration=0.2)], [PedalPress(onset=1.1, offset=3)])
    est = Performance([note(1, duration=2)], [PedalPress(onset=1.1, offset=3)])
    ratios = score(ref, est).ratios
    assert ratios["as_found/key/onset_offset"].f1 == 0
    assert ratios["as_found/sustained/onset_offset"].f1 == 1
    assert ratios["as_found/key/frame"] == Ratio(20, 200, 20)
    assert ratios["as_found/sustained/frame"] == Ratio(200, 200, 200)


def test_pedal_onset_offset_and_frames():
    ref = Performance([], [PedalPress(onset=1, offset=2), PedalPress(onset=3, offset=4)])
    est = Performance([], [PedalPress(onset=1.04, offset=2.19), PedalPress(onset=3, offset=3.5)])
    ratios = score(ref, est).ratios
    assert ratios["as_found/pedal/onset"] == Ratio(2, 2, 2)
    assert ratios["as_found/pedal/onset_offset"] == Ratio(2, 2, 1)
    assert ratios["as_found/pedal/frame"] == Ratio(200, 165, 96 + 50)


def test_what_the_reference_cannot_tell_is_absent():
    performance = Performance(scale())
    scores = score(performance, performance, ref_has_pedal=False, ref_has_velocity=False)
    names = " ".join([*scores.ratios, *scores.numbers])
    assert "pedal" not in names
    assert "sustained" not in names
    assert "velocity" not in names
    assert scores.ratios["as_found/key/onset_offset"].f1 == 1


@pytest.mark.parametrize(
    ("ref", "est"), [([], []), ([], scale()), (scale(), [])], ids=["both", "ref", "est"]
)
def test_empty_sides_score_0(ref, est):
    scores = score(Performance(ref), Performance(est))
    assert {ratio.f1 for ratio in scores.ratios.values()} == {0.0}
    assert {*scores.numbers.values()} == {None}


def test_the_coarse_grid_of_frames_counts_coarse_moments():
    ref, est = Performance([note(1, duration=1)]), Performance([note(1, duration=0.5)])
    ratio = score(ref, est, frame_hop=0.1).ratios["as_found/key/frame"]
    assert ratio == Ratio(10, 5, 5)


def test_false_notes_per_minute():
    assert false_notes_per_minute(Performance(scale()), 30) == 16
    assert false_notes_per_minute(Performance(), 30) == 0
    with pytest.raises(ValueError, match="above 0 s; found 0"):
        false_notes_per_minute(Performance(), 0)


def test_an_estimate_may_tell_its_own_sustained_notes():
    """Pedal missed, sound right: key releases and pedal fail where the own ends are right."""
    ref = Performance(
        notes=[Note(onset=1.0, pitch=60, offset=1.3, velocity=80)],
        pedal=[PedalPress(onset=1.1, offset=3.0)],
    )
    est = Performance(notes=ref.notes)
    without = score(ref, est).ratios
    own = score(ref, est, est_sustained=sustained(ref)).ratios
    name = "as_found/sustained/onset_offset"
    assert (without[name].f1, own[name].f1) == (0, 1)
    assert own["as_found/key/onset_offset"].f1 == 1
    assert own["as_found/pedal/onset"] == without["as_found/pedal/onset"]
