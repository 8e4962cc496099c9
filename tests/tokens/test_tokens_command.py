"""``transcribe tokens`` as a user types it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

import pytest
from on_a_grid import a_piece, ran

from transcribe.midi import read_midi, write_midi
from transcribe.tokens import read_items


def test_the_command_writes_keeps_and_goes_on(tmp_path, capsys):
    folder, out = tmp_path / "takes", tmp_path / "out"
    (folder / "deep").mkdir(parents=True)
    write_midi(a_piece(4)[0], folder / "good.mid")
    write_midi(a_piece(4, seed=2)[0], folder / "deep" / "also.mid")
    (folder / "bad.mid").write_bytes(b"no MIDI")
    words = ("tokens", folder, "--for", "abc", "--for", "groovae", "-o", out, "--metre", "4/4")
    assert ran(*words) == 1
    captured = capsys.readouterr()
    assert "bad.mid: not a MIDI file" in captured.err
    assert captured.out.count("(estimated), 4/4 (given)") == 4
    made = sorted(path.relative_to(out).as_posix() for path in out.rglob("*.json"))
    assert made == [f"{t}/{n}.json" for t in ("abc", "groovae") for n in ("deep/also", "good")]
    content = json.loads((out / "abc" / "good.json").read_text("utf-8"))
    assert content["source"] == {"file": "good.mid", "path": "../../takes/good.mid"}
    assert content["grid"]["tempo_is"] == "estimated"
    assert content["grid"]["metre_is"] == "given"
    assert len(read_items(out / "abc" / "good.json")) == 1
    assert not [path for path in out.rglob("*") if path.name.startswith(".")]

    before = (out / "abc" / "good.json").stat().st_mtime_ns
    assert ran("tokens", folder / "good.mid", "--for", "abc", "-o", out) == 1
    assert "use --overwrite to replace it" in capsys.readouterr().err
    assert (out / "abc" / "good.json").stat().st_mtime_ns == before
    again = ("tokens", folder / "good.mid", "--for", "abc", "-o", out, "--overwrite")
    assert ran(*again, "--tempo", "100", "--quiet") == 0
    content = json.loads((out / "abc" / "good.json").read_text("utf-8"))
    assert (content["grid"]["tempo"], content["grid"]["tempo_is"]) == (100, "given")


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (("a.mid", "./a.mid"), "a.mid: this file is named twice"),
        (("a.mid", "deep/../a.mid"), "a.mid: this file is named twice"),
        (("a.mid", "other.mid", "../in/other.mid"), "other.mid: this file is named twice"),
        ((".", "a.mid"), "a.mid: this file is named twice"),
        (("a.mid", "deep/a.mid"), "a.mid and deep/a.mid would both be written to out/abc/a.json"),
    ],
)
def test_what_is_named_twice_is_called_so(tmp_path, monkeypatch, capsys, names, said):
    (tmp_path / "in" / "deep").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "in")
    for name in ("a.mid", "deep/a.mid", "other.mid"):
        write_midi(a_piece(4)[0], name)
    assert ran("tokens", *names, "--for", "abc", "-o", "out") == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("out", ["tokens", "."])
def test_what_was_made_is_no_source(tmp_path, monkeypatch, capsys, out):
    monkeypatch.chdir(tmp_path)
    write_midi(a_piece(4)[0], "a.mid")
    for _ in range(2):
        assert ran("tokens", ".", "--for", "melody-rnn", "-o", out, "--overwrite") == 0
    assert [path.name for path in tmp_path.rglob("*.json")] == ["a.json"]


def test_a_recording_is_heard_first(tmp_path, monkeypatch, melody_wav, tone_checkpoint, capsys):
    monkeypatch.setattr(
        "transcribe.transcriber.load_checkpoint", lambda path, *, device, threads: tone_checkpoint
    )
    recording = melody_wav()
    words = ("tokens", recording, "--for", "melody-rnn", "-o", tmp_path, "--tempo", "240")
    assert ran(*words, "--device", "cpu") == 0
    content = json.loads((tmp_path / "melody-rnn" / "song.json").read_text("utf-8"))
    assert content["source"]["file"] == "song.wav"
    assert content["source"]["transcribed_by"]
    assert content["items"]


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no process can be killed so here")
@pytest.mark.parametrize("how", ["SIGKILL", "SIGTERM"])
def test_a_run_that_is_killed_leaves_whole_files_and_the_next_one_does_the_rest(tmp_path, how):
    folder, out = tmp_path / "takes", tmp_path / "out"
    folder.mkdir()
    names = [f"{n:02}" for n in range(12)]
    for number, name in enumerate(names):
        write_midi(a_piece(4, seed=number)[0], folder / f"{name}.mid")
    words = ["tokens", str(folder), "--for", "melody-rnn", "-o", str(out), "--metre", "4/4"]
    process = subprocess.Popen(
        [sys.executable, "-m", "transcribe", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    process.stdout.readline()  # the first is done
    process.send_signal(getattr(signal, how))
    process.communicate(timeout=60)
    assert process.returncode == (130 if how == "SIGTERM" else -signal.SIGKILL)
    done = {path.stem: read_items(path) for path in out.rglob("*.json")}
    assert 0 < len(done) < len(names)
    for path in out.rglob("*.mid"):
        assert read_midi(path).notes
    assert ran(*words) == 1  # those that were done are kept
    made = {path.stem: read_items(path) for path in out.rglob("*.json")}
    assert sorted(made) == names
    assert {name: made[name] for name in done} == done
    assert ran(*words, "--overwrite") == 0
    assert {path.stem: read_items(path) for path in out.rglob("*.json")} == made
    assert not list(out.rglob(".*"))


@pytest.mark.parametrize(
    "words",
    [
        ("song.mid",),
        ("song.mid", "--for", "tuba"),
        ("song.mid", "--for", "abc", "--metre", "waltz"),
        ("song.mid", "--for", "abc", "--tempo", "1000"),
        ("song.mid", "--for", "abc", "--tempo", "nan"),
    ],
)
def test_wrong_usage_is_refused_before_anything_is_read(words, capsys):
    assert ran("tokens", *words) == 2
    assert "usage" in capsys.readouterr().err
