import argparse
import json
import sys

import numpy as np
import pytest
from data_sets import write_data_set

from eval import benchmark, hearing
from eval.record import command, provenance, rounded, write_record
from eval.speed import FILE_SAMPLE_RATE, run_and_watch, speed_table, write_repeated
from eval.tables import metrics_table, noise_table
from transcribe.audio import read_audio, write_wav
from transcribe.datasets import load_dataset
from transcribe.errors import TranscribeError
from transcribe.metrics import Ratio, Scores, score
from transcribe.midi import read_midi
from transcribe.notes import Note, PedalPress, Performance, sustained
from transcribe.summary import aggregate
from transcribe.transcriber import Transcription

PLAYED = Performance(
    [Note(onset=0.2 * i, pitch=60 + i, offset=0.2 * i + 0.3, velocity=50 + i) for i in range(10)],
    [PedalPress(onset=0.5, offset=1.5)],
)


@pytest.fixture
def data(tmp_path):
    """A data set of two recordings with sound and one to be rendered."""
    played = dict.fromkeys("abc", PLAYED)
    return write_data_set(tmp_path / "waltzes", played, seconds=3, without_audio=frozenset("c"))


class StandIn(hearing.Ear):
    """Hears a.wav right and in b.wav one note of two."""

    def __init__(self):
        pass

    def __call__(self, path):
        notes = PLAYED.notes if path.stem == "a" else PLAYED.notes[::2]
        est = Performance(notes, PLAYED.pedal)
        return Transcription(est, sustained(est), 3.0, (f"{path} is quiet",))

    def describe(self):
        return {"name": "stand-in"}


@pytest.fixture
def stand_in(monkeypatch):
    monkeypatch.setattr(hearing.Ear, "load", lambda *_: StandIn())


def test_a_data_set_is_heard_scored_and_recorded(data, stand_in, tmp_path, capsys):
    out = tmp_path / "results" / "waltzes.json"
    midi = tmp_path / "midi"
    words = ["--data", str(data), "--out", str(out), "--midi-out", str(midi)]
    assert benchmark.main(words) == 0
    record = json.loads(out.read_text())

    assert [each["name"] for each in record["recordings"]] == ["a", "b"]
    f1 = [each["scores"]["as_found/onset"]["f1"] for each in record["recordings"]]
    assert f1 == [1.0, pytest.approx(2 / 3, abs=1e-6)]
    summary = record["summary"]["as_found/onset"]
    assert summary["mean"] == pytest.approx(5 / 6, abs=1e-6)
    assert summary["pooled"]["f1"] == pytest.approx(30 / 35, abs=1e-6)
    assert record["data"]["name"] == "waltzes"
    assert record["data"]["n_recordings"] == 2
    assert record["data"]["n_without_audio"] == 1
    assert record["data"]["seconds"] == 6.0
    assert record["system"] == {"name": "stand-in"}
    assert "50 ms" in record["conventions"]
    assert record["command"].startswith("python -m eval.benchmark --data waltzes --split test")
    assert str(tmp_path) not in out.read_text()
    assert "| onset, 50 ms | 2 | 83.3 [66.7, 100.0] |" in capsys.readouterr().out
    assert len(read_midi(midi / "b.mid").notes) == 5


def test_midi_files_of_one_name_do_not_overwrite_each_other(data, stand_in, tmp_path, capsys):
    (data / "more").mkdir()
    for suffix in (".mid", ".wav"):
        (data / "more" / f"a{suffix}").write_bytes((data / f"a{suffix}").read_bytes())
    index = data / "index.csv"
    rows = index.read_text().splitlines()
    index.write_text("\n".join([*rows, rows[1].replace("a.", "more/a.")]))
    assert benchmark.main(["--data", str(data)]) == 0
    assert benchmark.main(["--data", str(data), "--midi-out", str(tmp_path / "midi")]) == 1
    assert "waltzes has recordings of one name" in capsys.readouterr().err


def test_the_command_in_a_record_names_data_and_no_folders(tmp_path):
    options = argparse.Namespace(
        recording=tmp_path / "a.wav", data=tmp_path / "index.csv", threads=[1, 2], out=tmp_path
    )
    assert command("eval.x", options, positional=["recording"]) == (
        f"python -m eval.x a.wav --data {tmp_path.name} --threads 1 2"
    )


def test_only_the_beginning_is_scored_where_so_asked(data):
    recording = load_dataset(data)[0]
    heard = benchmark.hear(recording, StandIn(), max_seconds=1.0)
    assert heard.scores.ratios["as_found/onset"] == Ratio(5, 5, 5)


def test_labels_beyond_the_end_of_the_audio_are_not_scored(data, monkeypatch):
    """A pedal that the labels leave down would make notes that outlast the recording."""
    recording = load_dataset(data)[0]
    as_played = benchmark.hear(recording, StandIn()).scores

    def never_released(_):
        press = PedalPress(onset=0.5, offset=500.0)
        return Performance(notes=PLAYED.notes, pedal=(press,))

    monkeypatch.setattr(benchmark, "reference_performance", never_released)
    scores = benchmark.hear(recording, StandIn()).scores
    assert scores.ratios["as_found/onset"] == as_played.ratios["as_found/onset"]
    n_frames = scores.ratios["as_found/sustained/frame"].n_ref
    assert n_frames < 88 * 100 * (recording.duration + 5)
    assert scores.ratios["as_found/pedal/frame"].n_ref < 100 * 60


def test_first_seconds_cuts_what_still_sounds():
    cut = hearing.first_seconds(PLAYED, 1.0)
    assert [note.onset for note in cut.notes] == pytest.approx([0, 0.2, 0.4, 0.6, 0.8])
    assert max(note.offset for note in cut.notes) == 1.0
    assert cut.pedal == (PedalPress(onset=0.5, offset=1.0),)
    assert hearing.first_seconds(PLAYED, 100) == PLAYED


def test_blocks_stop_at_a_sample():
    blocks = [np.arange(5), np.arange(5, 10), np.arange(10, 15)]
    joined = np.concatenate(list(hearing._first_samples(blocks, 7)))
    assert joined.tolist() == list(range(7))


def test_noise_is_counted_in_notes_a_minute(tmp_path, stand_in, capsys):
    folder = tmp_path / "rain"
    folder.mkdir()
    for name in ("a.wav", "b.wav", "LICENCE.md"):
        (folder / name).write_bytes(b"")
    out = tmp_path / "noise.json"
    assert benchmark.main(["--noise", str(folder), "--out", str(out)]) == 0
    noise = json.loads(out.read_text())["noise"]
    assert noise["name"] == "rain"
    assert [each["per_minute"] for each in noise["recordings"]] == [200, 100]
    assert noise["false_notes_per_minute"] == 150  # 15 notes in six seconds
    assert "| **all 2** | 0.1 | **150.0** |" in capsys.readouterr().out


def test_a_data_set_that_is_not_there_is_one_line_and_exit_code_1(tmp_path, stand_in, capsys):
    assert benchmark.main(["--data", str(tmp_path / "absent")]) == 1
    assert capsys.readouterr().err.startswith("eval.benchmark: expected a folder")
    assert benchmark.main(["--noise", str(tmp_path)]) == 1
    assert "found none in" in capsys.readouterr().err
    with pytest.raises(SystemExit, match="2"):
        benchmark.main([])


def test_a_table_has_a_row_for_what_was_measured():
    late = Performance(
        [
            Note(onset=n.onset + 0.03, pitch=n.pitch, offset=n.offset + 0.03, velocity=n.velocity)
            for n in PLAYED.notes
        ]
    )
    lines = metrics_table(aggregate([score(PLAYED, late, ref_has_pedal=False)])).splitlines()
    cells = {line.split(" | ")[0]: line for line in lines}
    fine = "| onset, 20 ms | 1 | 0.0 | 0.0 | 0.0 | 0.0 | 100.0 | 100.0 | 100.0 | 100.0 |"
    assert cells["| onset, 20 ms"] == fine
    assert cells["| median onset deviation, ms"] == "| median onset deviation, ms | 1 | 30.0 |"
    assert cells["| velocity error, raw MIDI steps"].endswith("| 1 | 0.00 |")
    assert not any("pedal" in line for line in lines)
    n_columns = {line.count("|") for line in lines[:6]}
    assert n_columns == {11}


def test_a_table_shows_intervals():
    scores = [Scores({"as_found/onset": Ratio(10, 10, n)}, {}) for n in (5, 10)]
    assert "| onset, 50 ms | 2 | 75.0 [50.0, 100.0] | 75.0 | 75.0 | 75.0 |" in metrics_table(
        aggregate(scores)
    )


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


def test_provenance_says_who_and_what():
    found = provenance()
    assert found["versions"]["numpy"] == np.__version__
    assert found["machine"]["cores"] >= 1
    assert json.dumps(found)


def test_a_recording_is_repeated_to_the_sample(tmp_path):
    sweep = np.linspace(-0.5, 0.5, 1000, dtype=np.float32)
    write_wav(tmp_path / "short.wav", sweep, FILE_SAMPLE_RATE)
    seconds = 2500 / FILE_SAMPLE_RATE
    write_repeated(tmp_path / "short.wav", seconds, tmp_path / "long.wav")
    samples = read_audio(tmp_path / "long.wav", FILE_SAMPLE_RATE)
    expected = np.concatenate([sweep, sweep, sweep[:500]])
    np.testing.assert_allclose(samples, expected, atol=2e-4)


def test_peak_memory_is_the_childs_and_not_this_process():
    hold = "import time; held = b'x' * {}; time.sleep(0.05)"
    fail = "import sys; print('no such piano', file=sys.stderr); sys.exit(3)"
    _, little = run_and_watch([sys.executable, "-c", hold.format(1)])
    wall_seconds, much = run_and_watch([sys.executable, "-c", hold.format(200_000_000)])
    assert little < 60e6
    assert 190e6 < much - little < 230e6
    assert 0.05 < wall_seconds < 30
    with pytest.raises(TranscribeError, match="failed with 3: no such piano"):
        run_and_watch([sys.executable, "-c", fail])


def test_speed_table():
    stages = dict.fromkeys(("audio", "features", "network", "decoding", "whole"), 40.0)
    record = {
        "speed": [{"threads": 1, "times_real_time": stages | {"whole": 25.4}}],
        "memory": [{"minutes": 10, "peak_mb": 812.4, "wall_seconds": 12.3, "times_real_time": 48}],
    }
    lines = speed_table(record).splitlines()
    assert lines[2] == "| 1 | 40 | 40 | 40 | 40 | 25 |"
    assert lines[-1] == "| 10 | 812 | 12.3 | 48 |"
