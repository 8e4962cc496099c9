import copy
import json
from dataclasses import replace

import numpy as np
import pytest
from data_sets import write_data_set

from eval.accuracy import damage
from eval.accuracy.damage import Count, comparison_table, find_damage
from eval.common import transcribing
from transcribe.audio.probing import probe
from transcribe.audio.wav import write_wav
from transcribe.datasets import load_dataset
from transcribe.errors import TranscribeError
from transcribe.notes import Note, PedalPress, Performance, sustained
from transcribe.train.augment.detuning import scale_performance
from transcribe.transcription import Transcription


def note(onset, pitch, held=0.3, velocity=64):
    return Note(onset=onset, pitch=pitch, offset=onset + held, velocity=velocity)


SCALE = [note(1.0 * i, 60 + i) for i in range(12)]
"""Well apart, nothing to complain about."""


def counts(played, heard=None, pedal=(), **settings):
    """Damage where the scale is played and heard well before the notes of the case."""
    heard = played if heard is None else heard
    before = [replace(each, onset=each.onset, offset=each.offset) for each in SCALE]
    ref = Performance([*before, *(_later(n) for n in played)], [_later(p) for p in pedal])
    est = Performance([*before, *(_later(n) for n in heard)], [_later(p) for p in pedal])
    return find_damage(ref, est, **settings)


def _later(event):
    return replace(event, onset=event.onset + 20, offset=event.offset + 20)


def test_a_perfect_transcription_has_no_damage():
    played = [note(0, 30), note(0, 40, velocity=90), note(0, 35, 0.05), note(0.2, 30)]
    found = counts(played, pedal=[PedalPress(onset=0.1, offset=2)])
    assert list(found) == list(damage.LABELS)
    assert all(each.n_damaged == 0 for each in found.values())
    assert all(each.n_notes > 0 for name, each in found.items())


def test_a_constant_delay_is_no_damage():
    late = [replace(n, onset=n.onset + 0.04, offset=n.offset + 0.04) for n in SCALE]
    found = find_damage(Performance(SCALE), Performance(late))
    assert all(each.n_damaged == 0 for each in found.values())


def test_missed_extra_and_mistimed_notes():
    found = counts([note(0, 60), note(1, 62)], [note(0.08, 60), note(3, 70)])
    assert found["missed"] == Count(2, 14)
    assert found["extra"] == Count(2, 14)
    assert found["mistimed"] == Count(1, 14)
    assert found["missed"].per_100 == pytest.approx(100 * 2 / 14)


def test_a_note_is_too_long_by_100_ms_and_by_a_fifth():
    played = [note(0, 60, 0.2), note(1, 62, 0.2), note(2, 64, 2.0), note(5, 65, 2.0)]
    heard = [note(0, 60, 0.29), note(1, 62, 0.31), note(2, 64, 2.39), note(5, 65, 2.41)]
    assert counts(played, heard)["too_long_key"] == Count(2, 16)
    assert counts(played, heard)["too_short_key"] == Count(0, 16)
    assert counts(heard, played)["too_short_key"] == Count(1, 16)  # 0.41 s is under 0.2 * 2.41


def test_under_the_pedal_only_notes_that_it_holds_are_asked_for():
    pedal = [PedalPress(onset=0.1, offset=1.0)]
    played = [note(0, 60), note(0.05, 62, 0.5), note(3, 64)]
    ref = Performance([*SCALE, *(_later(n) for n in played)], [_later(p) for p in pedal])
    long = sustained(ref)
    assert counts(played, pedal=pedal)["too_long_pedal"] == Count(0, 2)
    stretched = [replace(n, offset=n.offset + (0.5 if n.onset == 20.0 else 0)) for n in long.notes]
    found = find_damage(ref, ref, est_sustained=Performance(stretched))
    assert found["too_long_pedal"] == Count(1, 2)
    assert found["too_long_key"] == Count(0, 15)
    unknown = find_damage(ref, ref, ref_has_pedal=False)
    assert not {"too_long_pedal", "too_short_pedal"} & unknown.keys()


def test_repeated_notes_that_are_missed():
    played = [note(0, 60, 0.1), note(0.2, 60, 0.1), note(0.4, 60, 0.1), note(0.9, 60), note(1, 61)]
    found = counts(played, [played[0], played[2], played[3], played[4]])
    assert found["repeated_missed"] == Count(1, 2)
    assert counts(played, played[1:])["repeated_missed"] == Count(0, 2)


def test_doubled_notes_and_octave_ghosts_are_kinds_of_false_notes():
    """`test_error_types` tells the kinds apart; here they are counted."""
    played = [note(0, 60, 0.5)]
    heard = [note(0, 60, 0.1), note(0.2, 60, 0.1), note(0.3, 72), note(0.4, 73)]
    found = counts(played, heard)
    assert found["doubled"] == found["octave_ghosts"] == Count(1, 13)
    assert found["extra"] == Count(3, 13)
    late = counts([note(0, 60, 0.1), note(0.2, 60, 0.1)], [note(0, 60, 0.1), note(0.27, 60, 0.1)])
    assert late["doubled"] == Count(0, 14)
    assert late["mistimed"] == Count(1, 14)


def test_soft_inner_voices_are_inside_the_chord_and_softer_than_its_loudest():
    chord = [note(0, 60, velocity=50), note(0.01, 64, velocity=65), note(0.02, 67, velocity=66)]
    chord += [note(0.04, 72, velocity=80)]
    found = counts(chord, [chord[0], chord[2], chord[3]])
    assert found["soft_inner_missed"] == Count(1, 1)  # 64, not 67, which is but 14 softer
    assert counts(chord, chord[1:])["soft_inner_missed"] == Count(0, 1)
    later = [*chord[:3], note(0.06, 72, velocity=80)]  # the top is no longer of the chord
    assert counts(later)["soft_inner_missed"] == Count(0, 0)
    assert counts(chord)["soft_inner_missed"].per_100 == 0
    assert counts(later)["soft_inner_missed"].per_100 is None
    assert "soft_inner_missed" not in counts(chord, ref_has_velocity=False)


def test_very_short_notes_are_held_for_a_tenth_of_a_second():
    played = [note(0, 60, 0.07), note(1, 62, 0.11), note(2, 64, 0.06)]
    heard = [played[0], note(3, 70, 0.04), note(4, 72, 0.12)]
    found = counts(played, heard)
    assert found["very_short_missed"] == Count(1, 2)
    assert found["very_short_extra"] == Count(1, 15)


def test_low_bass_is_below_c2():
    played = [note(0, 35), note(1, 36), note(2, 30), note(3, 28)]
    found = counts(played, [played[0], played[2], note(5, 33)])
    assert found["low_bass_missed"] == Count(1, 3)
    # Precision 2/3, recall 2/3: F1 2/3.
    assert found["low_bass"].per_100 == pytest.approx(100 / 3)


def test_ends_of_other_notes_are_refused():
    with pytest.raises(ValueError, match="12 and 11"):
        find_damage(Performance(SCALE), Performance(SCALE), est_sustained=Performance(SCALE[:-1]))


PLAYED = Performance(SCALE)


@pytest.fixture
def data(tmp_path):
    """A data set of two recordings with sound."""
    return write_data_set(tmp_path / "waltzes", dict.fromkeys("ab", PLAYED), seconds=13)


class StandIn(transcribing.FileTranscriber):
    """Hears what was played, at the speed of the file; half of it if the piano is sharp."""

    def __init__(self):
        pass

    def __call__(self, path):
        stretched = probe(path).duration / 13.0
        est = scale_performance(PLAYED, stretched)
        if stretched < 0.99:
            est = Performance(est.notes[::2])
        if path.stem == "b":
            est = Performance(est.notes[:-3])
        return Transcription(est, sustained(est), 13.0, None, None)

    def describe(self):
        return {"name": "stand-in"}


@pytest.fixture
def record(data, monkeypatch, tmp_path):
    monkeypatch.setattr(transcribing.FileTranscriber, "load", lambda *_: StandIn())
    out = tmp_path / "record.json"
    assert damage.main(["--data", str(data), "--out", str(out)]) == 0
    assert str(tmp_path) not in out.read_text()
    return json.loads(out.read_text())


def test_a_data_set_is_heard_three_times_and_recorded(record):
    assert [each["name"] for each in record["recordings"]] == ["a", "b"]
    missed = record["summary"]["missed"]
    assert missed["mean"] == pytest.approx(12.5)
    assert (missed["n_damaged"], missed["n_notes"]) == (3, 24)
    assert missed["pooled"] == pytest.approx(12.5)
    assert missed["interval_95"] is None  # of two recordings
    first = record["recordings"][0]
    assert first["onset_f1"]["as_recorded"] == 1
    assert first["onset_f1"]["flat"] == 1  # the labels moved with the recording
    assert first["figures"]["sharp"] == pytest.approx(100 / 3, abs=1e-3)
    assert first["figures"]["repeated_missed"] is None
    assert "repeated_missed" not in record["summary"]
    assert record["data"]["cents"] == 30
    assert record["command"].startswith("python -m eval.accuracy.damage --data waltzes")
    assert "octave_ghosts" in record["conventions"]
    out = damage.damage_table(record)
    assert "| any note missed | 2 | 12.50 | 12.50 | 3 of 24 |" in out
    assert "| piano 30 cents flat, points of onset F1 lost | 2 | 0.00 |" in out


def test_a_detuned_piano_can_be_left_out(data, record, tmp_path):
    out = tmp_path / "in_tune.json"
    words = ["--data", str(data), "--out", str(out), "--cents", "0", "--max-seconds", "6"]
    assert damage.main(words) == 0
    found = json.loads(out.read_text())
    assert list(found["onset_f1"]) == ["as_recorded"]
    assert found["summary"]["missed"]["n_notes"] == 12
    assert not {"sharp", "flat"} & found["summary"].keys()


def test_labels_that_outlast_the_audio_are_no_missed_notes(data):
    write_wav(data / "a.wav", np.zeros(round(8000 * 7.5), np.float32), 8000)

    class Halved(StandIn):
        def __call__(self, path):
            return Transcription(Performance(SCALE[:8]), Performance(SCALE[:8]), 7.5, None, None)

    found = damage.damage_of(load_dataset(data)[0], Halved(), max_seconds=None, cents=0)
    assert found.counts["missed"] == Count(0, 8)
    assert found.onset_f1 == {"as_recorded": 1.0}


def test_two_records_are_compared_recording_by_recording(record, tmp_path, capsys):
    record["recordings"] = [
        {**copy.deepcopy(each), "name": f"{each['name']}{number}"}
        for each in record["recordings"]
        for number in range(4)
    ]
    after = copy.deepcopy(record)
    for each in after["recordings"]:
        each["figures"]["missed"] -= 5
        each["figures"]["low_bass"] = None
    after["recordings"].reverse()
    after["summary"]["missed"]["mean"] -= 5
    for name, content in (("before", record), ("after", after)):
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    capsys.readouterr()
    words = ["--compare", str(tmp_path / "before.json"), str(tmp_path / "after.json")]
    assert damage.main(words) == 0
    lines = capsys.readouterr().out.splitlines()
    # The mean's own interval is 25 wide; the change is the same in every recording.
    row = "| any note missed | 12.50 | 7.50 | -5.00 [-5.00, -5.00] | better |"
    assert row in lines
    assert "| any extra note, per 100 played | 0.00 | 0.00 | +0.00 [+0.00, +0.00] | |" in lines
    assert not any("low bass, 100" in line for line in lines)
    worse = comparison_table(after, record)
    assert "| any note missed | 7.50 | 12.50 | +5.00 [+5.00, +5.00] | worse |" in worse


def test_records_that_can_not_be_compared_are_refused(record, tmp_path, capsys):
    fewer = copy.deepcopy(record)
    del fewer["recordings"][1]
    with pytest.raises(TranscribeError, match="not in both: b"):
        comparison_table(record, fewer)
    other = copy.deepcopy(record)
    other["data"]["cents"] = 50
    with pytest.raises(TranscribeError, match=r"their cents is 30\.0 and 50"):
        comparison_table(record, other)
    older = copy.deepcopy(record)
    del older["data"]["definitions"]
    with pytest.raises(TranscribeError, match="their definitions is None and 2"):
        comparison_table(older, record)
    (tmp_path / "speed.json").write_text('{"speed": []}')
    (tmp_path / "broken.json").write_text("{")
    for name, said in (
        ("speed", "eval.accuracy.damage --out has written"),
        ("broken", "expected a record"),
        ("absent", "can't be read"),
    ):
        path = str(tmp_path / f"{name}.json")
        assert damage.main(["--compare", path, path]) == 1
        assert said in capsys.readouterr().err


def test_either_data_or_records_are_needed(tmp_path, capsys):
    with pytest.raises(SystemExit, match="2"):
        damage.main([])
    with pytest.raises(SystemExit, match="2"):
        damage.main(["--data", "x", "--compare", "a", "b"])
    with pytest.raises(SystemExit, match="2"):
        damage.main(["--data", "x", "--cents", "-5"])
    assert "--cents: expected a number, 0 or more" in capsys.readouterr().err
