import argparse
import csv
import dataclasses
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from data_sets import write_data_set

from eval.accuracy import benchmark
from eval.common import command as commands
from eval.common import transcribing
from eval.common.paired import differences, paired_tests
from eval.common.record import command, provenance, rounded, write_record
from eval.common.tables import (
    composers_table,
    latex,
    metrics_table,
    noise_table,
    recordings_csv,
)
from eval.data import sets
from eval.data.sets import BenchmarkSet
from eval.systems import registry
from eval.systems.registry import System
from transcribe.audio.wav import write_wav
from transcribe.evaluation.aggregate import aggregate
from transcribe.evaluation.metrics import Ratio, Scores, score
from transcribe.midi import read_midi, write_midi
from transcribe.notes import Note, PedalPress, Performance, sustained

PLAYED = Performance(
    [Note(onset=0.2 * i, pitch=60 + i, offset=0.2 * i + 0.3, velocity=50 + i) for i in range(10)],
    [PedalPress(onset=0.5, offset=1.5)],
)


@pytest.fixture
def data(tmp_path):
    """A data set of two recordings with sound and one to be rendered."""
    played = dict.fromkeys("abc", PLAYED)
    return write_data_set(tmp_path / "waltzes", played, seconds=3, without_audio=frozenset("c"))


def stand_in(folder, name, *, writes_pedal=True):
    """A system whose answers lie in a folder, run through the real protocol."""
    adapter = (
        f"import sys\nsys.path.insert(0, {str(Path(__file__).parents[1])!r})\n"
        "import stand_in\n\n"
        "def load(n_threads, **options):\n"
        f"    return stand_in.load(n_threads, answers={str(folder)!r})\n"
    )
    (folder / f"{name}.py").write_text(adapter)
    (folder / "pins.txt").write_text("# none\n")
    return System(
        name=name,
        title=f"the {name}",
        adapter=name,
        folder=folder,
        requirements="pins.txt",
        writes_pedal=writes_pedal,
        conventions="as played",
        licence="",
        source="",
    )


@pytest.fixture
def two_systems(tmp_path, monkeypatch):
    """``ours`` hears a right and of b's notes half; ``deaf`` the first note of each.

    Neither hears anything in silence.wav; in rain.wav both hear what was played.
    """
    found = {}
    for name, of_a, of_b in (
        ("ours", PLAYED.notes, PLAYED.notes[::2]),
        ("deaf", PLAYED.notes[:1], PLAYED.notes[:1]),
    ):
        folder = tmp_path / f"{name}-answers"
        folder.mkdir()
        for clip, notes in (("a", of_a), ("b", of_b), ("rain", PLAYED.notes), ("silence", ())):
            pedal = PLAYED.pedal if name == "ours" else ()
            for suffix in ("", "-1s"):
                write_midi(Performance(notes, pedal), folder / f"{clip}{suffix}.mid")
        found[name] = stand_in(folder, name, writes_pedal=name == "ours")
    monkeypatch.setattr(registry, "SYSTEMS", found)
    monkeypatch.setattr(benchmark, "python_of", lambda *_: Path(sys.executable))
    return found


@pytest.fixture
def run(tmp_path):
    """Run the benchmark on words and return its exit code and record."""

    def run_on(*words):
        out = tmp_path / "record.json"
        code = benchmark.main([*words, f"work={tmp_path / 'work'}", f"out={out}", "starts=1"])
        return code, json.loads(out.read_text()) if out.is_file() else None

    return run_on


def test_one_system_is_heard_scored_and_recorded(data, two_systems, run, tmp_path, capsys):
    code, record = run(f"data={data}", "system=ours", f"midi_out={tmp_path / 'midi'}")
    assert code == 0
    assert [each["name"] for each in record["recordings"]] == ["a", "b"]
    f1 = [each["scores"]["as_found/onset"]["f1"] for each in record["recordings"]]
    assert f1 == [1.0, pytest.approx(2 / 3, abs=1e-6)]
    summary = record["summary"]["as_found/onset"]
    assert summary["mean"] == pytest.approx(5 / 6, abs=1e-6)
    assert summary["pooled"]["f1"] == pytest.approx(30 / 35, abs=1e-6)
    missed = record["mistakes"]["missed"]
    assert (record["mistakes"]["notes"]["n_ref"], sum(missed.values())) == (20, 5)
    assert record["data"]["name"] == "waltzes"
    assert record["data"]["n_recordings"] == 2
    assert record["data"]["n_without_audio"] == 1
    assert record["data"]["seconds"] == 6.0
    assert record["speed"]["audio_seconds"] == 6.0
    assert record["speed"]["real_time_factor"] > 0
    assert record["system"]["conventions"] == "as played"
    assert "50 ms" in record["conventions"]
    assert record["command"] == "python -m eval.accuracy.benchmark data=waltzes starts=1"
    text = json.dumps(record)
    assert str(tmp_path) not in text
    assert "| onset, 50 ms | 2 | 83.3 |" in capsys.readouterr().out
    assert len(read_midi(tmp_path / "midi" / "b.mid").notes) == 5


def test_several_systems_stand_side_by_side_with_paired_differences(
    data, two_systems, run, tmp_path, capsys
):
    quiet = tmp_path / "quiet"
    quiet.mkdir()
    for name in ("rain", "silence"):
        write_wav(quiet / f"{name}.wav", np.zeros(8000 * 3, np.float32), 8000)
    code, record = run(f"data={data}", "system=all", f"noise={quiet}")
    assert code == 0
    ours, deaf = record["systems"]["ours"], record["systems"]["deaf"]
    assert deaf["summary"]["as_found/onset"]["mean"] == pytest.approx(2 / 11, abs=1e-6)
    assert "as_found/pedal/onset" in ours["summary"]
    assert not any("/pedal/" in name for name in deaf["summary"])
    assert ours["noise"][0]["name"] == "quiet"
    assert [each["per_minute"] for each in ours["noise"][0]["recordings"]] == [200, 0]
    assert ours["noise"][0]["false_notes_per_minute"] == 100
    difference = record["differences"]["deaf"]["as_found/onset"]
    assert difference["n_recordings"] == 2
    assert difference["mean"] == pytest.approx(5 / 6 - 2 / 11, abs=1e-6)
    assert difference["interval_95"] is difference["wilcoxon_p"] is None  # of two recordings
    said = capsys.readouterr().out
    assert "| aligned | the ours | the deaf |" in said
    assert "| onset, 50 ms | 83.3 | 18.2 |" in said
    assert "| pedal onset + offset, 50 ms | 100.0 | – |" in said
    assert "| false notes a minute, quiet | 100.0 | 100.0 |" in said
    assert "| onset, 50 ms | +65.2 | – | – |" in said
    assert "| missed: missed otherwise | 25.00 | 90.00 |" in said
    assert "| register C4 to B4 | 85.7 | 18.2 |" in said


def test_a_failed_clip_counts_as_nothing_heard_and_fails_the_run(data, two_systems, run, capsys):
    (two_systems["ours"].folder / "b.mid").unlink()
    code, record = run(f"data={data}")
    assert code == 1
    assert record["speed"]["n_failed"] == 1
    assert record["speed"]["n_clips"] == 1
    assert record["recordings"][1]["scores"]["as_found/onset"]["f1"] == 0
    assert record["recordings"][1]["error"] == "it wrote no b.mid"
    assert "1 clip(s) failed" in capsys.readouterr().err


def test_a_clip_without_piano_that_failed_is_not_taken_for_silence(
    two_systems, run, tmp_path, capsys
):
    quiet = tmp_path / "quiet"
    quiet.mkdir()
    for name in ("rain", "silence"):
        write_wav(quiet / f"{name}.wav", np.zeros(8000 * 3, np.float32), 8000)
    (two_systems["ours"].folder / "silence.mid").unlink()
    code, record = run(f"noise={quiet}")
    assert code == 1
    noise = record["noise"][0]
    assert (noise["n_recordings"], noise["n_failed"]) == (1, 1)
    assert noise["false_notes_per_minute"] == 200
    assert record["speed"]["n_failed"] == 1
    assert "| **all 1** | 0.1 | **200.0** |" in capsys.readouterr().out


def test_a_systems_own_pedal_extended_notes_are_used_where_it_has_them(data, two_systems, run):
    folder = two_systems["ours"].folder
    write_midi(Performance(PLAYED.notes), folder / "a.mid")  # no pedal in it
    _, record = run(f"data={data}", "first=1")
    name = "as_found/sustained/onset_offset"
    assert record["recordings"][0]["scores"][name]["f1"] < 1
    write_midi(sustained(PLAYED), folder / "a.sustained.mid")
    _, record = run(f"data={data}", "first=1", "again=true")
    assert record["recordings"][0]["scores"][name]["f1"] == 1


def test_pitch_bends_and_channels_leave_a_note_on_its_key(data, two_systems, run):
    """basic-pitch bends the pitch wheel within notes; a piano's key is the note's number."""
    import pretty_midi

    midi = pretty_midi.PrettyMIDI(resolution=960)
    for program, notes in ((4, PLAYED.notes[::2]), (0, PLAYED.notes[1::2])):
        instrument = pretty_midi.Instrument(program)
        for note in notes:
            instrument.notes.append(
                pretty_midi.Note(note.velocity, note.pitch, note.onset, note.offset)
            )
            for bend in (-2000, 3000):
                instrument.pitch_bends.append(pretty_midi.PitchBend(bend, note.onset))
        midi.instruments.append(instrument)
    midi.write(str(two_systems["deaf"].folder / "a.mid"))
    _, record = run(f"data={data}", "system=deaf", "first=1")
    scores = record["recordings"][0]["scores"]
    assert scores["as_found/onset_10ms"]["f1"] == 1
    assert scores["as_found/key/onset_offset_velocity"]["f1"] == 1


def test_only_the_beginning_is_heard_and_scored_where_so_asked(data, two_systems, run):
    _, record = run(f"data={data}", "max_seconds=1", "first=1")
    found = record["recordings"][0]["scores"]["as_found/onset"]
    assert (found["n_ref"], found["n_est"], found["n_matched"]) == (5, 5, 5)
    assert record["data"]["seconds"] == 1.0
    assert record["command"].endswith("data=waltzes max_seconds=1.0 first=1 starts=1")


def test_labels_beyond_the_end_of_the_audio_are_not_scored(data, two_systems, run, monkeypatch):
    """A pedal that the labels leave down would make notes that outlast the recording."""
    _, as_played = run(f"data={data}", "first=1")

    def never_released(_):
        press = PedalPress(onset=0.5, offset=500.0)
        return Performance(notes=PLAYED.notes, pedal=(press,))

    monkeypatch.setattr(benchmark, "reference_performance", never_released)
    _, record = run(f"data={data}", "first=1")
    before, after = (each["recordings"][0]["scores"] for each in (as_played, record))
    assert after["as_found/onset"] == before["as_found/onset"]
    assert after["as_found/sustained/frame"]["n_ref"] < 88 * 100 * 8
    assert after["as_found/pedal/frame"]["n_ref"] <= 100 * 3


def test_recordings_of_one_name_are_refused(data, two_systems, run, capsys):
    (data / "more").mkdir()
    for suffix in (".mid", ".wav"):
        (data / "more" / f"a{suffix}").write_bytes((data / f"a{suffix}").read_bytes())
    index = data / "index.csv"
    rows = index.read_text().splitlines()
    index.write_text("\n".join([*rows, rows[1].replace("a.", "more/a.")]))
    assert run(f"data={data}") == (1, None)
    assert "waltzes has recordings of one name" in capsys.readouterr().err


def test_a_declared_set_is_checked_before_anything_is_heard(
    data, two_systems, run, monkeypatch, capsys
):
    declared = BenchmarkSet(
        name="waltzes",
        kind=sets.RECORDED,
        title="three waltzes",
        n_recordings=4,
        conventions="as played",
        leakage="",
        licence="",
        source="from the shop",
    )
    monkeypatch.setitem(sets.SETS, "waltzes", declared)
    for name in "c":
        write_wav(data / f"{name}.wav", np.zeros(24000, np.float32), 8000)
    index = data / "index.csv"
    index.write_text(index.read_text().replace("c.mid,", "c.mid,c.wav"))
    assert run("set=waltzes", f"data={data}") == (1, None)
    said = capsys.readouterr().err
    assert "set waltzes: expected 4 recordings" in said
    assert "found 3 in" in said
    assert "from the shop" in said
    monkeypatch.setitem(sets.SETS, "waltzes", dataclasses.replace(declared, n_recordings=3))
    code, record = run("set=waltzes", f"data={data}", "first=2")
    assert code == 0
    assert record["data"]["conventions"] == "as played"
    assert (record["data"]["n_recordings"], record["data"]["n_in_set"]) == (2, 3)
    assert record["command"] == (
        "python -m eval.accuracy.benchmark set=waltzes data=waltzes first=2 starts=1"
    )


def test_what_is_not_there_is_one_line_and_exit_code_1(tmp_path, two_systems, run, capsys):
    assert run(f"data={tmp_path / 'absent'}") == (1, None)
    assert capsys.readouterr().err.startswith("eval.accuracy.benchmark: expected a folder")
    assert run(f"noise={tmp_path}") == (1, None)
    assert "found none in" in capsys.readouterr().err
    assert run("set=nocturnes") == (1, None)
    assert "expected a set among maps-real-dev" in capsys.readouterr().err
    assert run("set=maps-real-dev", "system=mozart") == (1, None)
    assert "expected systems among ours, deaf" in capsys.readouterr().err
    with pytest.raises(SystemExit, match="2"):
        benchmark.main([])
    with pytest.raises(SystemExit, match="2"):
        benchmark.main(["set=maps-real-dev", "sytem=ours"])


def test_words_and_flags_say_the_same():
    assert benchmark.as_flags(["set=x", "max_seconds=20", "--threads", "2"]) == [
        *("--set", "x", "--max-seconds", "20", "--threads", "2")
    ]
    assert benchmark.as_flags(["checkpoint=a=b.safetensors"]) == ["--checkpoint", "a=b.safetensors"]


def recordings(scores):
    """What a record says of recordings with these scores."""
    return [
        {
            "name": f"waltz {number}",
            "audio_sha256": "0",
            "duration": 3.0,
            "composer": "=Strauß" if number % 2 else "Chopin",
            "title": "Waltz | No. 1",
            "scores": each.as_json(),
        }
        for number, each in enumerate(scores)
    ]


def test_differences_are_of_pairs():
    """Two systems that differ by the same on every recording differ for certain."""
    matched = (2, 9, 4, 7, 3, 8)
    ours = [Scores({"onset": Ratio(10, 10, n)}, {"error": 1.0}) for n in matched]
    others = [Scores({"onset": Ratio(10, 10, n - 1)}, {"error": None}) for n in matched]
    found = differences(recordings(ours), recordings(others))
    assert set(found) == {"onset"}
    assert found["onset"]["mean"] == pytest.approx(0.1)
    assert found["onset"]["interval_95"] == pytest.approx([0.1, 0.1])
    # All six on one side: two of the 64 ways to choose signs are as far.
    assert found["onset"]["wilcoxon_p"] == pytest.approx(2 / 64)
    assert found["onset"]["bootstrap_p"] == pytest.approx(1 / 10_001)
    same = differences(recordings(ours), recordings(ours))["onset"]
    assert (same["mean"], same["wilcoxon_p"], same["bootstrap_p"]) == (0, 1, 1)
    unplayed = recordings([Scores({"onset": Ratio(0, 3, 0)}, {})])
    assert differences(unplayed, unplayed) == {}
    with pytest.raises(ValueError, match="same recordings"):
        differences(recordings(ours), recordings(others)[1:])


def test_tests_tell_chance_from_difference():
    """Of differences around zero one in twenty is called sure, of those around 0.1 nearly all."""
    draws = np.random.default_rng(1).normal(0, 0.1, size=(100, 15))
    chance = [paired_tests(draw) for draw in draws]
    shifted = [paired_tests(draw + 0.1) for draw in draws]
    for test in ("wilcoxon_p", "bootstrap_p"):
        assert np.mean([each[test] < 0.05 for each in chance]) <= 0.12
        assert np.mean([each[test] < 0.05 for each in shifted]) > 0.85
    assert paired_tests(draws[0, :5]) == {"wilcoxon_p": None, "bootstrap_p": None}


def test_a_record_becomes_csv_and_latex_and_a_table_by_composer():
    scores = [
        Scores({f"{each}/onset": Ratio(10, 10, n) for each in ("as_found", "aligned")}, {"late": v})
        for n, v in ((5, 0.25), (10, None), (7, 0.5))
    ]
    record = {"system": {"name": "ours"}, "recordings": recordings(scores)}
    rows = list(csv.DictReader(recordings_csv(record).splitlines()))
    assert len(rows) == 9
    assert rows[0] == {
        **dict.fromkeys(rows[0], ""),
        "system": "ours",
        "recording": "waltz 0",
        "composer": "Chopin",
        "seconds": "3.0",
        "title": "Waltz | No. 1",
        "metric": "as_found/onset",
        "precision": "0.5",
        "recall": "0.5",
        "f1": "0.5",
        "n_ref": "10",
        "n_est": "10",
        "n_matched": "5",
    }
    assert rows[3]["composer"] == "'=Strauß"  # no formula in a spreadsheet
    assert [row["value"] for row in rows if row["metric"] == "late"] == ["0.25", "", "0.5"]
    table = composers_table([record])
    assert "| Chopin | 2 | 60.0 | – | – | – |" in table
    assert "| =Strauß | 1 | 100.0 | – | – | – |" in table
    two = composers_table([{**record, "system": {"name": name, "title": name}} for name in "ab"])
    assert "| composer: onset, 50 ms | recordings | a | b |" in two
    assert "| Chopin | 2 | 60.0 | 60.0 |" in two
    text = latex(f"Words.\n\n{table}\n\n| a_b, % | **x** |\n|---|--:|\n| `c` \\| d | 1 |\n")
    assert text.count(r"\begin{tabular}{lrrrrr}") == 1
    assert r"Chopin & 2 & 60.0 & -- & -- & -- \\" in text
    assert r"a\_b, \% & \textbf{x} \\" in text
    assert r"\texttt{c} | d & 1 \\" in text
    assert "Words" not in text


def test_the_command_in_a_record_names_data_and_no_folders(tmp_path):
    options = argparse.Namespace(
        recording=tmp_path / "a.wav", data=tmp_path / "index.csv", threads=[1, 2], out=tmp_path
    )
    assert command("eval.x", options, positional=["recording"]) == (
        f"python -m eval.x a.wav --data {tmp_path.name} --threads 1 2"
    )
    overrides = argparse.Namespace(overrides=["loss.pedal=0", f"data.cache={tmp_path}"])
    assert command("eval.x", overrides, positional=["overrides"]) == (
        f"python -m eval.x loss.pedal=0 data.cache={tmp_path.name}"
    )


def test_blocks_stop_at_a_sample():
    blocks = [np.arange(5), np.arange(5, 10), np.arange(10, 15)]
    joined = np.concatenate(list(transcribing._first_samples(blocks, 7)))
    assert joined.tolist() == list(range(7))


def summaries(scores):
    """As a record has them."""
    return {name: each.as_json() for name, each in aggregate(scores).items()}


def test_a_table_has_a_row_for_what_was_measured():
    late = Performance(
        [
            Note(onset=n.onset + 0.03, pitch=n.pitch, offset=n.offset + 0.03, velocity=n.velocity)
            for n in PLAYED.notes
        ]
    )
    lines = metrics_table(summaries([score(PLAYED, late, ref_has_pedal=False)])).splitlines()
    cells = {line.split(" | ")[0]: line for line in lines}
    fine = "| onset, 20 ms | 1 | 0.0 | 0.0 | 0.0 | 0.0 | 100.0 | 100.0 | 100.0 | 100.0 |"
    assert cells["| onset, 20 ms"] == fine
    late_by = "| median onset deviation, ms (above 0: late)"
    assert cells[late_by] == f"{late_by} | 1 | 30.0 |"
    assert cells["| velocity error, raw, MIDI steps"].endswith("| 1 | 0.00 |")
    assert not any("pedal" in line for line in lines)
    n_columns = {line.count("|") for line in lines[:6]}
    assert n_columns == {11}


def test_a_table_shows_intervals():
    scores = [Scores({"as_found/onset": Ratio(10, 10, n)}, {}) for n in (5, 10) * 10]
    found = metrics_table(summaries(scores))
    assert "| onset, 50 ms | 20 | 75.0 [65.0, 85.0] | 75.0 | 75.0 | 75.0 |" in found


def test_noise_table_lists_recordings():
    noise = {
        "n_recordings": 1,
        "seconds": 90.0,
        "false_notes_per_minute": 4.0,
        "recordings": [{"name": "rain", "duration": 90.0, "per_minute": 4.0}],
    }
    assert noise_table(noise).splitlines()[2:] == [
        "| rain | 1.5 | 4.0 |",
        "| **all 1** | 1.5 | **4.0** |",
    ]


def test_a_record_is_written_whole_and_refuses_not_a_number(tmp_path):
    path = tmp_path / "new" / "record.json"
    write_record({"composer": "Dvořák"}, path)
    assert json.loads(path.read_text(encoding="utf-8")) == {"composer": "Dvořák"}
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_record({"f1": float("nan")}, path)
    assert json.loads(path.read_text(encoding="utf-8")) == {"composer": "Dvořák"}
    assert rounded({"a": [1 / 3, 2], "b": None}) == {"a": [0.333333, 2], "b": None}


def test_what_no_commit_can_make_again_is_no_record(monkeypatch, tmp_path, capsys):
    """A record among the results is refused before anything is measured, unless it is a draft."""
    monkeypatch.setattr(commands, "RESULTS", tmp_path)
    out = tmp_path / "record.json"

    def run(commit, *words):
        monkeypatch.setattr(commands, "provenance", lambda: {"commit": commit})
        measured = []
        parser = commands.new_parser("eval.x", None)
        code = commands.run(
            parser, lambda _: measured.append(1) or {"f1": 1 / 3}, ["--out", str(out), *words]
        )
        return code, bool(measured)

    for commit, found in (("abc-dirty", "changes that are not committed"), (None, "no git")):
        assert run(commit) == (1, False)
        told = capsys.readouterr().err
        assert told.startswith(f"eval.x: {out}: expected code that a commit names")
        assert found in told
        assert not out.exists()
        assert run(commit, "--draft") == (0, True)
        out.unlink()
    assert run("abc") == (0, True)
    assert json.loads(out.read_text()) == {
        "commit": "abc",
        "command": "python -m eval.x",
        "f1": 0.333333,
    }
    monkeypatch.setattr(commands, "RESULTS", tmp_path / "elsewhere")
    assert run("abc-dirty") == (0, True)


def test_provenance_says_who_and_what():
    found = provenance()
    assert found["versions"]["numpy"] == np.__version__
    assert found["machine"]["cores"] >= 1
    assert json.dumps(found)
