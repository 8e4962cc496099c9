"""Swung music is written in even eighths and says so; dots, triplets and 6/8 are none of it."""

from __future__ import annotations

import json
from collections import Counter
from fractions import Fraction
from xml.etree import ElementTree

import numpy as np
import pytest

from transcribe.cli import main
from transcribe.midi import write_midi
from transcribe.music.beat_grid import Metre
from transcribe.notes import Note, Performance, without_overlaps
from transcribe.score.analysis import analyse
from transcribe.score.beat_grid import find_grid
from transcribe.score.making import make_score, sheet_bytes
from transcribe.score.midi_beats import beats_for_midi, quantised
from transcribe.score.score import Hints, Score
from transcribe.score.swing import Swing, find_swing, told_swing
from transcribe.web.score_content import tempo_map

Strike = tuple[float, float, int, int]
"""Place and length in beats, as played, pitch and velocity."""
BOOGIE = (0, 4, 7, 9, 10, 9, 7, 4)
CHANGES = (0, 0, 0, 0, 5, 5, 0, 0, 7, 5, 0, 7)
LICK = (12, 15, 16, 19, 21, 19, 16, 15)


def played(strikes: list[Strike], *, tempo: float, jitter: float = 0.01) -> Performance:
    """At a tempo, as evenly as hands do; jitter in seconds."""
    rng = np.random.default_rng(0)
    notes = []
    for place, length, pitch, velocity in strikes:
        onset = max(0.5 + 60 / tempo * place + float(rng.normal(0, jitter)), 0.0)
        offset = onset + 0.9 * 60 / tempo * length
        notes.append(Note(onset=onset, offset=offset, pitch=pitch, velocity=velocity))
    return Performance(tuple(without_overlaps(sorted(notes))))


def blues(
    ratio: float, *, tempo: float = 132, jitter: float = 0.01, n_triplets: int = 0
) -> Performance:
    """Two choruses of a boogie, its eighths as long and short as this; triplets end bars."""
    late = ratio / (1 + ratio)
    strikes: list[Strike] = []
    for bar in range(24):
        root = 36 + CHANGES[bar % 12]
        for quarter in range(4):
            beat, is_triplet = 4 * bar + quarter, quarter == 3 and bar < n_triplets
            strikes += [(beat, 0.9, root, 90), (beat, 0.5, root + BOOGIE[2 * quarter], 80)][
                quarter % 2 :
            ]
            places = (0, 1 / 3, 2 / 3) if is_triplet else (0, late)
            for number, place in enumerate(places):
                pitch = 60 + CHANGES[bar % 12] + LICK[(2 * quarter + number + bar) % 8]
                strikes.append((beat + place, 0.3, pitch, 85))
            if not is_triplet:
                strikes.append((beat + late, 0.3, root + BOOGIE[2 * quarter + 1], 75))
    return played(strikes, tempo=tempo, jitter=jitter)


def overture() -> Performance:
    """Dotted quarters and dotted eighths over chords, short notes shorter than written."""
    strikes: list[Strike] = []
    for bar in range(16):
        for beat in range(4):
            at = 4 * bar + beat
            strikes += [(at, 0.7, 60 + (0, 2, 4, 5)[beat] + bar % 3, 90)]
            strikes += [(at + 0.76, 0.2, 62 + (0, 2, 4, 5)[beat] + bar % 3, 80)]
            if beat % 2 == 0:
                strikes += [(at, 1.9, pitch, 70) for pitch in (36 + bar % 5, 43, 52)]
    return played(strikes, tempo=60)


def sicilienne() -> Performance:
    """6/8: a dotted eighth, a sixteenth and an eighth in every beat, over quarter and eighth."""
    strikes: list[Strike] = []
    for beat in range(40):
        top = (76, 74, 72, 71, 69, 72)[beat % 6]
        strikes += [(beat, 0.5, top, 75), (beat + 0.5, 0.15, top + 2, 65)]
        strikes += [(beat + 2 / 3, 0.3, top, 70)]
        strikes += [(beat, 0.6, 45 + beat % 4, 60), (beat + 2 / 3, 0.3, 57, 50)]
    return played(strikes, tempo=46)


def jig() -> Performance:
    """6/8: quarter and eighth in three beats of four, three eighths in the fourth."""
    strikes: list[Strike] = []
    for beat in range(64):
        top = 72 + (0, 4, 7, 5)[beat % 4]
        thirds = (0, 1 / 3, 2 / 3) if beat % 4 == 3 else (0, 2 / 3)
        strikes += [
            (beat + place, 0.3, top - 2 * number, 80) for number, place in enumerate(thirds)
        ]
        strikes.append((beat, 0.9, 48 + (0, 7, 4, 7)[beat % 4], 65))
    return played(strikes, tempo=108)


def moonlight() -> Performance:
    """Triplets over slow octaves, and a melody whose upbeats come with the last of them."""
    strikes: list[Strike] = []
    for beat in range(48):
        root = (37, 37, 35, 33)[beat // 4 % 4]
        if beat % 4 == 0:
            strikes += [(beat, 3.8, root, 55), (beat, 3.8, root - 12, 55)]
        strikes += [(beat + third / 3, 0.3, pitch, 45) for third, pitch in enumerate((56, 61, 64))]
        if beat % 4 == 3:
            strikes += [(beat, 0.7, 68, 70), (beat + 0.75, 0.25, 68, 65)]
    return played(strikes, tempo=54)


def straight() -> Performance:
    """The blues in even eighths."""
    return blues(1.0)


def places(score: Score) -> Counter[Fraction]:
    """How many notes there are on each place within a quarter."""
    return Counter(note.beat % 1 for note in score.notes)


def test_half_straight_and_half_late_is_no_swing_between_the_two():
    """As many beats of a sequencer's straight eighths as of its swung ones."""
    beats = 0.5 * np.arange(65)
    off_beats = beats[:-1] + 0.5 * np.repeat([1 / 2, 2 / 3], 32)
    assert find_swing(np.sort(np.concatenate([beats, off_beats])), beats) is None
    late = beats[:-1] + 0.5 * np.repeat([1 / 2, 2 / 3], [10, 54])
    found = find_swing(np.sort(np.concatenate([beats, late])), beats)
    assert found is not None
    assert found.swing.ratio == pytest.approx(2)


@pytest.mark.parametrize("tempo", [96, 132, 176])
@pytest.mark.parametrize("ratio", [1.6, 2.0, 2.4])
def test_a_swung_blues_is_written_in_even_eighths_of_common_time(ratio, tempo):
    score = make_score(blues(ratio, tempo=tempo))
    assert score.swing is not None
    assert score.swing.ratio == pytest.approx(ratio, rel=0.08)
    assert {change.metre for change in score.metres} == {Metre(4, 4)}
    assert score.usual_tempo == pytest.approx(tempo, rel=0.03)
    found = places(score)
    assert found[Fraction(0)] + found[Fraction(1, 2)] >= 0.97 * found.total()
    assert 0.4 < found[Fraction(1, 2)] / found.total() < 0.6


def test_uneven_hands_swing_too():
    assert analyse(blues(1.8, jitter=0.02)).swing is not None


def test_the_score_says_at_its_head_that_it_is_swung():
    root = ElementTree.fromstring(sheet_bytes(make_score(blues(1.95))))
    first, *later = root.findall("part/measure")
    (direction,) = (
        each for each in first.iter("direction") if each.find("sound/swing") is not None
    )
    assert direction.findtext("direction-type/words") == "Swing"
    assert [each.text for each in direction.findall("sound/swing/*")] == ["2", "1", "eighth"]
    assert not any(measure.find("direction/sound/swing") is not None for measure in later)


def test_triplets_in_swung_music_stay_triplets():
    score = analyse(blues(2.0, n_triplets=10))
    assert score.swing is not None
    found = places(score)
    assert found[Fraction(1, 3)] >= 8
    assert found[Fraction(2, 3)] >= 8
    assert found[Fraction(1, 4)] + found[Fraction(3, 4)] <= 4


@pytest.mark.parametrize("music", [overture, sicilienne, jig, moonlight, straight])
def test_dots_and_triplets_and_what_is_straight_are_not_swung(music):
    score = make_score(music())
    assert score.swing is None
    assert b"wing" not in sheet_bytes(score)
    assert json.loads(score.to_json())["swing"] is None


@pytest.mark.parametrize("ratio", [1.5, 2.0])
def test_what_is_told_to_swing_may_be_as_quick_as_bebop(ratio):
    """Eighths of 300 quarters a minute, not sixteenths of half as many."""
    score = make_score(blues(ratio, tempo=300), Hints(swing=True))
    assert score.usual_tempo == pytest.approx(300, rel=0.03)
    assert score.swing is not None
    assert score.swing.ratio == pytest.approx(ratio, rel=0.05)
    assert places(score).keys() == {Fraction(0), Fraction(1, 2)}


def test_what_is_told_is_obeyed():
    assert analyse(blues(2.0), Hints(swing=False)).swing is None
    told = analyse(straight(), Hints(swing=True))
    assert told.swing is not None
    assert (told.swing.ratio, told.swing.confidence) == (2.0, 1.0)
    assert analyse(blues(2.0), Hints(metre=Metre(12, 8))).swing is None
    assert analyse(blues(2.0), Hints(metre=Metre(2, 4))).metre(1) == Metre(2, 4)


def test_a_score_tells_the_ratio_and_how_much_of_it_is_swung():
    content = json.loads(analyse(blues(2.0)).to_json())
    assert content["swing"]["ratio"] == pytest.approx(2.0, abs=0.1)
    assert 0.9 <= content["swing"]["confidence"] <= 1


def test_slow_beats_are_divided_before_swing_is_looked_for():
    halves = np.arange(0, 40, 1.0)
    onset = np.sort(np.concatenate([np.arange(0, 40, 0.5), np.arange(0, 39.5, 0.5) + 0.32]))
    found = find_swing(onset, halves)
    assert found is not None
    assert found.swing.ratio == pytest.approx(0.32 / 0.18, rel=0.01)
    np.testing.assert_allclose(np.diff(found.beats), 0.5, atol=1e-9)
    assert find_swing(onset, halves, is_pulse_known=True) is None


def test_a_passage_whose_beats_are_twice_as_long_is_divided_alone():
    onset = np.sort(np.concatenate([np.arange(0, 40, 0.5), np.arange(0, 39.5, 0.5) + 0.32]))
    beats = np.concatenate([np.arange(0, 10, 1.0), np.arange(10, 40, 0.5)])
    found = find_swing(onset, beats, in_threes=True)
    assert found is not None
    np.testing.assert_allclose(found.beats, np.arange(0, 40, 0.5), atol=1e-9)


def test_swing_that_is_told_is_measured_where_it_can_be():
    beats = np.arange(9.0)
    few = np.sort(np.concatenate([beats, [0.6, 1.6, 2.61, 5.6]]))
    assert find_swing(few, beats) is None
    assert told_swing(few, beats).swing == Swing(pytest.approx(1.5, rel=0.01), 1.0)
    assert told_swing(beats, beats).swing == Swing(2.0, 1.0)


def test_places_of_swung_music_have_the_times_at_which_they_are_played():
    score = analyse(blues(2.0, jitter=0.0, n_triplets=10))
    for note in score.notes:
        due = score.seconds(note.bar, note.beat)
        assert due == pytest.approx(note.note.onset, abs=0.03)


def test_midi_has_the_bars_of_the_score_and_swings_when_quantised():
    music = blues(2.0)
    score = analyse(music)
    assert tempo_map(music, Hints()) == beats_for_midi(score)
    drawn = [note.onset for note in quantised(music, score, 1.0).notes]
    place = np.interp(drawn, score.beats, np.arange(len(score.beats))) % 1
    inside = place[(place > 0.1) & (place < 0.9)]
    assert len(inside) > len(drawn) / 3
    np.testing.assert_allclose(inside, score.swing.late, atol=1e-6)


def test_grids_for_generators_know_nothing_of_swing():
    swung = blues(2.0)
    plain = analyse(swung, Hints(swing=False))
    assert find_grid(swung).beats == plain.beats


def test_the_command_takes_and_refuses_swing(tmp_path, capsys):
    path = tmp_path / "boogie.mid"
    write_midi(blues(2.0), path)
    assert main(["score", str(path)]) == 0
    assert capsys.readouterr().out.rstrip().endswith(", swung")
    assert main(["score", str(path), "--no-swing", "--overwrite"]) == 0
    assert "swung" not in capsys.readouterr().out
    assert b"Swing" not in path.with_suffix(".musicxml").read_bytes()
    with pytest.raises(SystemExit, match="2"):
        main(["score", str(path), "--swing", "--metre", "6/8", "--overwrite"])
    assert "a metre in quarters, such as 4/4" in capsys.readouterr().err
