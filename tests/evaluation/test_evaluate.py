"""Folders of performances judged: MIDI of other programs, what is missing, the command."""

import csv
import io
import json
import os
import sys
from dataclasses import replace

import mido
import numpy as np
import pytest

from transcribe.audio.wav import write_wav
from transcribe.cli import main
from transcribe.evaluation import pianoroll, report
from transcribe.evaluation.counts import Ratio
from transcribe.evaluation.evaluate import evaluate, evaluate_without_piano, first_seconds
from transcribe.midi import write_midi
from transcribe.notes import Note, PedalPress, Performance

from .playing import PLAYED, first


def midi_file(path, tracks, ticks=480):
    """Tracks of (time in ticks, message) written as a file of type 1."""
    file = mido.MidiFile(ticks_per_beat=ticks)
    for events in tracks:
        track = mido.MidiTrack()
        now = 0
        for tick, message in sorted(events, key=lambda event: event[0]):
            track.append(message.copy(time=tick - now))
            now = tick
        file.tracks.append(track)
    file.save(path)
    return path


def key(pitch, on, off, channel=0, velocity=64):
    return [
        (on, mido.Message("note_on", note=pitch, velocity=velocity, channel=channel)),
        (off, mido.Message("note_off", note=pitch, channel=channel)),
    ]


def control(tick, value, channel=0):
    return tick, mido.Message("control_change", control=64, value=value, channel=channel)


def compared(tmp_path, tracks, played):
    """Figures of a foreign file against a performance."""
    write_midi(played, tmp_path / "played.mid")
    midi_file(tmp_path / "foreign.mid", tracks)
    return evaluate(tmp_path / "played.mid", tmp_path / "foreign.mid").pieces[0].scores


def melody(*rows):
    return Performance([Note(onset=a, offset=b, pitch=p, velocity=64) for a, b, p in rows])


def test_tracks_channels_and_tempo_changes_are_one_performance_without_drums(tmp_path):
    """120 quarter notes a minute, from the second quarter on 60; two hands and a drum kit."""
    tempo = [(480, mido.MetaMessage("set_tempo", tempo=1_000_000))]
    right, left = key(72, 0, 480) + key(74, 480, 960), key(48, 0, 960, channel=3)
    drums = key(38, 0, 100, channel=9) + key(42, 480, 600, channel=9)
    scores = compared(
        tmp_path,
        [tempo, right, left, drums],
        melody((0, 0.5, 72), (0.5, 1.5, 74), (0, 1.5, 48)),
    )
    assert scores.ratios["as_found/key/onset_offset"] == Ratio(3, 3, 3)


def test_overlapping_notes_of_a_pitch_are_cut(tmp_path):
    """Two channels hold C at once; on one piano the second stroke ends the first."""
    tracks = [key(60, 0, 1920) + key(60, 960, 2880, channel=1)]
    scores = compared(tmp_path, tracks, melody((0, 1, 60), (1, 3, 60)))
    assert scores.ratios["as_found/key/onset_offset"] == Ratio(2, 2, 2)


def test_a_pedal_that_wavers_and_is_never_lifted(tmp_path):
    values = [control(480 + 10 * i, value) for i, value in enumerate((10, 63, 64, 90, 127, 70))]
    played = Performance(
        melody((0, 1, 60), (1, 3, 64)).notes, [PedalPress(onset=0.5 + 20 / 960, offset=3.0)]
    )
    tracks = [key(60, 0, 960) + key(64, 960, 2880) + values]
    scores = compared(tmp_path, tracks, played)
    assert scores.ratios["as_found/pedal/onset_offset"] == Ratio(1, 1, 1)
    assert scores.ratios["as_found/sustained/onset_offset"].f1 == 1


def test_an_estimate_without_pedal_that_writes_notes_as_long_as_they_sound(tmp_path):
    """Right where the pedal is counted in, wrong as key releases, and no press found."""
    played = Performance(melody((0, 0.3, 60)).notes, [PedalPress(onset=0.2, offset=2.0)])
    scores = compared(tmp_path, [key(60, 0, 1920)], played)
    assert scores.ratios["as_found/sustained/onset_offset"].f1 == 1
    assert scores.ratios["as_found/key/onset_offset"].f1 == 0
    assert scores.ratios["as_found/pedal/onset"] == Ratio(1, 0, 0)


@pytest.fixture
def incomplete(folders):
    """One missing, one surplus, one unreadable; one whole pair is left."""
    ref, est = folders
    (est / "a.mid").rename(est / "other.mid")
    (est / "b.mid").write_bytes(b"MThd, cut off")
    return ref, est


def test_nothing_is_passed_over_in_silence(incomplete):
    found = evaluate(*incomplete)
    assert [each.name for each in found.pieces] == ["sonatas/c"]
    assert [each.name for each in found.missing] == ["a", "b"]
    assert found.surplus == ("other",)
    assert list(found.unreadable) == ["b"]
    assert not found.complete
    assert found.summary()["as_found/onset"].mean == 1
    counted = found.summary(with_missing=True)["as_found/onset"]
    assert (counted.n_recordings, counted.mean) == (3, pytest.approx(1 / 3))
    assert counted.pooled == Ratio(30, 10, 10)
    assert found.mistakes(with_missing=True).missed["other"] == 20
    record = json.loads(report.as_json(found))
    assert (record["missing"], record["surplus"]) == (["a", "b"], ["other"])
    assert record["summary_with_missing"]["as_found/onset"]["mean"] == pytest.approx(1 / 3)


def test_an_unreadable_reference_is_listed_and_its_estimate_no_surplus(folders):
    ref, est = folders
    (ref / "a.mid").write_bytes(b"no MIDI")
    found = evaluate(ref, est)
    assert [each.name for each in found.pieces] == ["b", "sonatas/c"]
    assert list(found.unreadable) == ["a"]
    assert (found.missing, found.surplus) == ((), ())


def test_the_command_tells_of_a_folder_and_what_is_missing(run, incomplete):
    code, out, err = run(*incomplete)
    assert code == 1
    assert "a (missing)" in out
    assert "b (unreadable)" in out
    assert "mean over 1 piece: notes and pedal" in out
    assert "mean with 2 missing pieces as unheard" in out
    assert "missed: 0 of 10 notes, aligned" in out
    lines = err.splitlines()
    assert "transcribe evaluate: a: missing; there is no estimate of it" in lines
    assert "transcribe evaluate: other: surplus; it has no reference" in lines
    assert any(line.startswith("transcribe evaluate: b: unreadable: ") for line in lines)
    assert lines[-1] == "transcribe evaluate: 3 files not compared"


def test_a_piece_named_like_a_formula_is_none_in_the_table(tmp_path):
    for side in ("ref", "est"):
        (tmp_path / side).mkdir()
        write_midi(PLAYED, tmp_path / side / " =1+1.mid")
    table = report.as_csv(evaluate(tmp_path / "ref", tmp_path / "est"))
    pieces = {row["piece"] for row in csv.DictReader(io.StringIO(table))}
    assert pieces == {"", "' =1+1"}


def test_what_can_t_be_printed_in_a_name_is_escaped_in_tables(tmp_path):
    for side in ("ref", "est"):
        (tmp_path / side).mkdir()
        for name in ("a\x1b[31m\nb.mid", "c.mid"):
            write_midi(PLAYED, tmp_path / side / name)
    text = report.as_text(evaluate(tmp_path / "ref", tmp_path / "est"))
    assert "a\\x1b[31m\\nb" in text
    assert "\x1b" not in text


def test_the_command_writes_a_report_and_pictures(run, folders, tmp_path, monkeypatch):
    monkeypatch.setattr(pianoroll, "PANEL_INCHES", (4.0, 1.5))
    out = tmp_path / "report"
    code, printed, _ = run(*folders, "-o", out, "--pictures", "all", "--row-seconds", "3")
    assert code == 0
    pictures = [f"pianoroll-{name}.png" for name in ("a", "b", "sonatas-c")]
    texts = [f"evaluation.{kind}" for kind in ("csv", "json", "md")]
    assert sorted(path.name for path in out.iterdir()) == texts + pictures
    record = json.loads((out / "evaluation.json").read_text())
    assert record["summary"]["as_found/onset"]["mean"] == pytest.approx((1 + 1 + 2 / 3) / 3)
    assert record["pieces"][1]["scores"]["as_found/onset"]["n_matched"] == 5
    page = (out / "evaluation.md").read_text()
    assert "| onset, 50 ms | 3 | 88.9 |" in page
    assert all(f"({name})" in page for name in pictures)
    assert "Kinds of missed notes" in page
    rows = list(csv.DictReader(io.StringIO((out / "evaluation.csv").read_text())))
    by = {(row["scope"], row["piece"], row["metric"]): row for row in rows}
    assert len(by) == len(rows)
    assert by["piece", "b", "as_found/onset"]["recall"] == "0.5"
    assert float(by["mean", "", "as_found/onset"]["f1"]) == pytest.approx(8 / 9)
    assert by["pooled", "", "as_found/onset"]["n_matched"] == "25"
    assert by["pooled", "", "mistakes/register/C4 to B4"]["n_ref"] == "30"
    assert "wrote" in printed
    code, _, err = run(*folders, "-o", out)
    assert code == 1
    assert "use --overwrite to replace it" in err
    (out / "pianoroll-mine.png").write_bytes(b"mine")
    (out / "pianoroll-of.png").mkdir()
    with (out / "evaluation.md").open("a") as page:
        page.write("\n![of](pianoroll-of.png)\n")
    words = ("-o", out, "--pictures", "few", "--row-seconds", "3", "--overwrite")
    code, *_ = run(folders[0] / "a.mid", folders[1] / "a.mid", *words)
    assert code == 0
    left = sorted(path.name for path in out.iterdir())
    assert left == [*texts, "pianoroll-a.png", "pianoroll-mine.png", "pianoroll-of.png"]


def test_pieces_of_any_name_have_their_pictures_and_the_report_shows_them(
    run, tmp_path, monkeypatch, recwarn
):
    monkeypatch.setattr(pianoroll, "PANEL_INCHES", (3.0, 0.8))
    names = ("$x_{ (東)$", "a/b", "a-b")
    for name in names:
        for side in ("ref", "est"):
            (tmp_path / side / name).parent.mkdir(parents=True, exist_ok=True)
            write_midi(PLAYED, tmp_path / side / f"{name}.mid")
    out = tmp_path / "report"
    words = (tmp_path / "ref", tmp_path / "est", "-o", out, "--pictures", "all")
    assert run(*words)[0] == 0
    made = {path.name for path in out.glob("*.png")}
    assert len(made) == len(names)
    assert report.linked_pictures(out) == made
    assert "(pianoroll-%24x_%7B%20%28%E6%9D%B1%29%24.png)" in (out / "evaluation.md").read_text(
        "utf-8"
    )
    assert not [each for each in recwarn if "Glyph" in str(each.message)]


@pytest.mark.skipif(sys.platform != "linux", reason="names of any bytes")
def test_a_name_that_is_no_text_is_drawn(run, tmp_path, monkeypatch):
    monkeypatch.setattr(pianoroll, "PANEL_INCHES", (3.0, 0.8))
    path = tmp_path / os.fsdecode(b"\xff.mid")
    write_midi(PLAYED, path)
    assert run(path, path, "-o", tmp_path / "report")[0] == 0
    made = {each.name for each in (tmp_path / "report").glob("*.png")}
    assert (
        report.linked_pictures(tmp_path / "report") == made == {os.fsdecode(b"pianoroll-\xff.png")}
    )


def test_a_long_piece_is_drawn_on_several_pages(run, folders, tmp_path, monkeypatch):
    monkeypatch.setattr(pianoroll, "PANEL_INCHES", (3.0, 0.8))
    ref, est = folders
    out = tmp_path / "report"
    code, *_ = run(ref / "a.mid", est / "a.mid", "-o", out, "--row-seconds", "0.7")
    assert code == 0
    assert sorted(path.name for path in out.glob("*.png")) == [
        "pianoroll-a-1.png",
        "pianoroll-a-2.png",
    ]


def test_json_on_stdout_is_all_there_is(run, folders):
    code, out, err = run(*folders, "--json")
    assert (code, err) == (0, "")
    found = json.loads(out)
    assert [each["name"] for each in found["pieces"]] == ["a", "b", "sonatas/c"]
    assert found["mistakes"]["missed"]["other"] + found["mistakes"]["missed"]["octave_masked"] == 5


def test_recordings_without_a_piano(capsys, tmp_path):
    (tmp_path / "noise").mkdir()
    (tmp_path / "heard").mkdir()
    for name, seconds in (("rain", 30), ("dogs", 10), ("wind", 10)):
        write_wav(tmp_path / "noise" / f"{name}.wav", np.zeros(1000 * seconds, np.float32), 1000)
    write_midi(first(3), tmp_path / "heard" / "rain.mid")
    write_midi(Performance(), tmp_path / "heard" / "dogs.mid")
    found = evaluate_without_piano(tmp_path / "noise", tmp_path / "heard")
    assert found.as_json()["false_notes_per_minute"] == 4.5
    assert found.missing == ("wind",)
    code = main(["false-notes", str(tmp_path / "noise"), str(tmp_path / "heard")])
    out, err = capsys.readouterr()
    assert code == 1
    assert out.splitlines()[-1].split() == ["all", "together", "3", "40.0", "4.50"]
    assert "transcribe false-notes: wind: missing" in err
    words = [str(tmp_path / "noise" / "rain.wav"), str(tmp_path / "heard" / "rain.mid")]
    assert main(["false-notes", *words]) == 0
    assert capsys.readouterr().out.splitlines()[-1].split()[-1] == "6.00"
    with pytest.raises(SystemExit, match="2"):
        main(["false-notes", str(tmp_path / "noise"), words[1]])


def test_one_file_is_no_transcription_of_a_data_set(run, tmp_path):
    write_midi(PLAYED, tmp_path / "a.mid")
    code, _, err = run(tmp_path, tmp_path / "a.mid", "--split", "test")
    assert code == 1
    assert "a.mid: expected a folder with a transcription of each recording" in err


def test_a_data_set_can_be_the_reference(run, tmp_path):
    from data_sets import write_data_set

    played = {"a": PLAYED, "b": replace(PLAYED, notes=PLAYED.notes[:5])}
    data = write_data_set(tmp_path / "waltzes", played, seconds=6)
    (tmp_path / "heard").mkdir()
    for name in played:
        write_midi(PLAYED, tmp_path / "heard" / f"{name}.mid")
    code, out, _ = run(data, tmp_path / "heard", "--split", "test", "--json")
    assert code == 0
    assert [
        each["scores"]["as_found/onset"]["precision"] for each in json.loads(out)["pieces"]
    ] == [
        1.0,
        0.5,
    ]


def held(end):
    """Ten notes under a pedal that is down to the end of the file."""
    notes = [Note(onset=i, pitch=60 + i, offset=i + 0.5, velocity=50 + i) for i in range(10)]
    return Performance(tuple(notes), (PedalPress(onset=0, offset=end),))


def test_a_pedal_held_to_the_end_is_told_and_seconds_tell_where_that_is(run, tmp_path):
    for name, end in (("ref", 60), ("est", 90)):
        write_midi(held(end), tmp_path / f"{name}.mid")
    ref, est = tmp_path / "ref.mid", tmp_path / "est.mid"
    code, out, err = run(ref, est, "--json")
    (piece,) = json.loads(out)["pieces"]
    ruined = "as_found/sustained/onset_offset"
    assert piece["scores"][ruined]["f1"] == 0
    assert code == 0
    assert "ref (reference): the pedal is held from 0.0 s to the end, 60.0 s, and 10 notes" in err
    assert "ref (estimate): the pedal is held from 0.0 s to the end, 90.0 s" in err
    assert "--seconds" in err
    code, out, err = run(ref, est, "--json", "--seconds", "10.5")
    (cut,) = json.loads(out)["pieces"]
    assert (code, err) == (0, "")
    assert cut["scores"][ruined]["f1"] == 1


def test_what_is_damaged_in_a_midi_file_is_said(run, folders):
    ref, est = folders
    data = bytearray((est / "b.mid").read_bytes())
    data[11] = 7  # tracks that the header counts
    (est / "b.mid").write_bytes(data)
    code, _, err = run(ref, est)
    assert code == 0
    assert err.splitlines()[0] == (
        "transcribe evaluate: warning: b (estimate): truncated: expected 7 tracks, found 2"
    )


def test_a_file_and_a_folder_are_wrong_usage(run, folders, capsys):
    with pytest.raises(SystemExit, match="2"):
        run(folders[0], folders[1] / "a.mid")
    assert "two files or two folders" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["evaluate", "false-notes"])
def test_a_side_that_is_not_there_is_named_and_not_taken_for_a_file(tmp_path, capsys, command):
    gone = tmp_path / "gone"
    assert main([command, str(gone), str(tmp_path)]) == 1
    assert f"{gone}: no such file or folder" in capsys.readouterr().err


def test_folders_with_nothing_in_common_are_refused(run, tmp_path, folders):
    (tmp_path / "empty").mkdir()
    code, _, err = run(folders[0], tmp_path / "empty")
    assert code == 1
    assert "found 3 (the first is a) and none" in err


def test_first_seconds_cuts_what_still_sounds():
    cut = first_seconds(PLAYED, 1.2)
    assert [note.onset for note in cut.notes] == pytest.approx([0, 0.5, 1.0])
    assert max(note.offset for note in cut.notes) == 1.2
    assert cut.pedal == (PedalPress(onset=0.5, offset=1.2),)
    assert first_seconds(PLAYED, 100) == PLAYED
