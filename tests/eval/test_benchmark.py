"""The benchmark of systems: what is heard, scored, and refused."""

import dataclasses
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from data_sets import write_data_set
from ten_notes import PLAYED

from eval.accuracy import benchmark
from eval.data import sets
from eval.data.sets import BenchmarkSet
from eval.systems import registry
from eval.systems.registry import System
from transcribe.audio.wav import write_wav
from transcribe.midi import read_midi, write_midi
from transcribe.notes import PedalPress, Performance, sustained


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


@pytest.mark.parametrize(
    "word", ["first=0", "first=-1", "max_seconds=-3", "threads=0", "workers=0", "device=abacus"]
)
def test_what_can_not_be_is_refused(data, two_systems, run, word):
    """``first=-1`` left the last recording out, ``max_seconds=-3`` the last seconds."""
    with pytest.raises(SystemExit, match="2"):
        run(f"data={data}", word)


def test_recordings_in_which_nothing_is_played_have_figures_too(
    data, two_systems, run, monkeypatch
):
    monkeypatch.setattr(benchmark, "reference_performance", lambda _: Performance())
    code, record = run(f"data={data}")
    assert code == 0
    assert record["mistakes"]["notes"]["n_ref"] == 0


def test_a_tables_folder_is_made_before_anything_is_heard(data, two_systems, run, tmp_path):
    code, record = run(f"data={data}", f"csv={tmp_path / 'new' / 'x.csv'}")
    assert (code, record is None) == (0, False)
    assert (tmp_path / "new" / "x.csv").is_file()


def test_words_and_flags_say_the_same():
    assert benchmark.as_flags(["set=x", "max_seconds=20", "--threads", "2"]) == [
        *("--set", "x", "--max-seconds", "20", "--threads", "2")
    ]
    assert benchmark.as_flags(["checkpoint=a=b.safetensors"]) == ["--checkpoint", "a=b.safetensors"]
