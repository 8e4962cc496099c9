"""The command as a user types it; the network is a stand-in that hears plain tones."""

from __future__ import annotations

import copy
import csv
import errno
import io
import json
import math
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import NamedTuple
from unittest.mock import ANY

import numpy as np
import pytest
from conftest import MELODY, SAMPLE_RATE, melody_samples, write_pcm

from transcribe import cli, terminal, wording
from transcribe.errors import AudioError
from transcribe.midi import read_midi, write_midi
from transcribe.notes import Note, PedalPress, Performance
from transcribe.transcriber import Transcriber

PITCHES = sorted(pitch for _, pitch, _ in MELODY)


class Ran(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def complaints(self) -> list[str]:
        return self.err.splitlines()


@pytest.fixture
def run(monkeypatch, capsys, tone_checkpoint) -> Callable[..., Ran]:
    """Run the command in this process."""

    def load_checkpoint(path: Path | None = None, *, device: str, threads: int | None):
        return tone_checkpoint

    monkeypatch.setattr("transcribe.transcriber.load_checkpoint", load_checkpoint)

    def call(*words: str | Path) -> Ran:
        capsys.readouterr()
        try:
            code = cli.main([str(word) for word in words])
        except SystemExit as leaving:
            code = leaving.code
        captured = capsys.readouterr()
        return Ran(code, captured.out, captured.err)

    return call


def in_subprocess(code: str, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *words], capture_output=True, text=True, check=False
    )


def pitches(path: Path) -> list[int]:
    return sorted(note.pitch for note in read_midi(path).notes)


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


# What is written


def test_the_midi_file_goes_beside_the_recording(run, melody_wav):
    song = melody_wav("song.wav")
    ran = run(song)
    assert ran.code == 0
    assert ran.err == ""
    line = r"song\.mid: 5 notes, 0 pedal presses, 0:03 of music in \d+\.\d s\n$"
    assert re.search(line, ran.out)
    assert pitches(song.with_suffix(".mid")) == PITCHES
    assert files(song.parent) == {"song.wav", "song.mid"}
    assert b"tone-follower 3" in song.with_suffix(".mid").read_bytes()


@pytest.mark.parametrize("output", ["out/", "out", "deep/er/out/"])
def test_several_go_to_a_folder_that_is_made(run, melody_wav, tmp_path, output):
    ran = run(melody_wav("a.wav"), melody_wav("b.wav"), "-o", f"{tmp_path}/{output}")
    assert ran.code == 0
    assert files(tmp_path / output) == {"a.mid", "b.mid"}
    assert len(ran.out.splitlines()) == 2


def test_options_may_stand_anywhere(run, melody_wav, tmp_path):
    a, b = melody_wav("a.wav"), melody_wav("b.wav")
    assert run(a, "-o", f"{tmp_path}/out/", b, "--quiet").code == 0
    assert files(tmp_path / "out") == {"a.mid", "b.mid"}


@pytest.mark.parametrize("output", ["named.mid", "named.MIDI", "new/named.mid"])
def test_one_may_go_to_a_named_file(run, melody_wav, tmp_path, output):
    assert run(melody_wav(), "-o", tmp_path / output).code == 0
    assert pitches(tmp_path / output) == PITCHES


@pytest.mark.parametrize("output", ["there", "there.mid", "new/", "new"])
def test_one_may_go_to_a_folder(run, melody_wav, tmp_path, output):
    (tmp_path / "there").mkdir()
    (tmp_path / "there.mid").mkdir()
    assert run(melody_wav(), "-o", f"{tmp_path}/{output}").code == 0
    assert files(tmp_path / output) == {"song.mid"}


def test_csv_has_a_line_a_note(run, melody_wav):
    song = melody_wav()
    ran = run(song, "--csv")
    assert "song.csv: 5 notes" in ran.out
    with song.with_suffix(".csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert sorted((int(row["pitch"]), row["name"]) for row in rows) == [
        (81, "A5"),
        (81, "A5"),
        (84, "C6"),
        (88, "E6"),
        (93, "A6"),
    ]
    assert [float(row["onset"]) for row in rows] == pytest.approx([0, 0.5, 1, 1, 2], abs=0.06)
    assert {row["velocity"] for row in rows} == {"64"}
    assert {row["confidence"] for row in rows} == {"1.000"}


def test_json_says_everything(run, melody_wav):
    song = melody_wav("Étude.wav")
    assert run(song, "--json").code == 0
    heard = json.loads(song.with_suffix(".json").read_text(encoding="utf-8"))
    assert heard["recording"] == "Étude.wav"
    assert heard["model"] == "tone-follower 3"
    assert heard["duration"] == 3.0
    assert heard["offsets"] == "key"
    assert heard["warnings"] == []
    assert heard["pedal"] == []
    assert [note["pitch"] for note in heard["notes"]] == [81, 84, 88, 93, 81]
    for note in heard["notes"]:
        assert set(note) == {"onset", "offset", "pitch", "velocity", "confidence"}
        assert 0 <= note["onset"] < note["offset"] < 2.7


def test_sustained_notes_come_without_a_pedal(run, melody_wav, tone_checkpoint, monkeypatch):
    pedalled = copy.deepcopy(tone_checkpoint.model)

    def activations(frames: np.ndarray) -> np.ndarray:
        rolls = tone_checkpoint.model.activations(frames)
        onset, sounding = rolls[:, :88], rolls[:, 5 * 88 : 6 * 88]
        sounding[:] = np.maximum.accumulate(onset, axis=0)
        rolls[:, -1] = 1
        return rolls

    pedalled.activations = activations
    with_pedal = replace(
        tone_checkpoint,
        model=pedalled,
        windows=replace(tone_checkpoint.windows, window_frames=640),
    )
    monkeypatch.setattr("transcribe.transcriber.load_checkpoint", lambda *_, **__: with_pedal)
    song = melody_wav()
    ran = run(song, "--json")
    assert "5 notes, 1 pedal press," in ran.out
    by_key = read_midi(song.with_suffix(".mid"))
    assert len(by_key.pedal) == 1
    assert by_key.notes[1].offset == pytest.approx(0.9, abs=0.06)
    assert len(json.loads(song.with_suffix(".json").read_text())["pedal"]) == 1

    assert run(song, "--json", "--offsets", "sustained", "--overwrite").code == 0
    sustained = read_midi(song.with_suffix(".mid"))
    assert sustained.pedal == ()
    assert sustained.notes[1].offset == pytest.approx(3.0, abs=0.06)
    written = json.loads(song.with_suffix(".json").read_text())
    assert written["offsets"] == "sustained"
    assert written["pedal"] == []


def test_thresholds_reach_the_decoder(run, melody_wav, monkeypatch):
    seen = []
    hear = Transcriber.transcribe
    monkeypatch.setattr(
        Transcriber,
        "transcribe",
        lambda self, *args, **kwargs: seen.append(self.decode) or hear(self, *args, **kwargs),
    )
    options = ("--onset-threshold", "0.3", "--frame-threshold=.2", "--minimum-note", "0.7")
    assert run(melody_wav("chosen.wav"), *options).code == 0
    assert run(melody_wav("usual.wav")).code == 0
    chosen, usual = seen
    assert (chosen.onset_threshold, chosen.frame_threshold) == (0.3, 0.2)
    assert chosen.minimum_duration == 0.7
    assert (usual.onset_threshold, usual.frame_threshold) == (0.5, 0.5)


# Wrong usage: exit code 2, before anything is done


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "name at least one recording"),
        (["song.wav", "--onset-threshold", "1.5"], "between 0 and 1; found '1.5'"),
        (["song.wav", "--frame-threshold", "loud"], "found 'loud'"),
        (["song.wav", "--minimum-note", "-1"], "seconds, 0 or more"),
        (["song.wav", "--threads", "0"], "1 or more"),
        (["song.wav", "--offsets", "pedal"], "invalid choice"),
        (["song.wav", "--device", "tpu"], "invalid choice"),
        (["song.wav", "--overwrit"], "unrecognized"),
        (["song.wav", "other.wav", "-o", "x.mid"], "2 recordings need a folder"),
        (["song.wav", "-o", "x.wav"], "expected a MIDI file, which ends in .mid"),
        (["song.wav", "-o", "song.wav/"], "-o song.wav/: "),
        (["song.wav", "song.wav"], "song.wav and song.wav would both be written to song.mid"),
        (["song.wav", "./song.flac"], "would both be written to song.mid"),
        (["a/song.wav", "b/song.wav", "-o", "out/"], "written to out/song.mid"),
        (
            ["song.wav", "taken.mid", "--overwrite"],
            "taken.mid: this recording would be overwritten",
        ),
        (["song.mid"], "song.mid: this recording would be overwritten"),
        (["song.wav", "song.json", "-o", "./", "--json"], "song.json: this recording would"),
        ([""], "the name of a recording is empty"),
    ],
)
def test_wrong_usage_does_nothing(run, melody_wav, tmp_path, monkeypatch, words, message):
    monkeypatch.chdir(tmp_path)
    melody_wav("song.wav")
    ran = run(*words)
    assert ran.code == 2
    assert message in ran.err
    assert ran.out == ""
    assert files(tmp_path) == {"song.wav"}


def test_a_folder_that_may_not_be_written_to(run, melody_wav, tmp_path, monkeypatch):
    song = melody_wav()
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    monkeypatch.setattr(Transcriber, "transcribe", lambda *_, **__: pytest.fail("began to hear"))
    beside = run(song)
    assert beside.code == 1
    assert "no permission to write to" in beside.err
    chosen = run(song, "-o", f"{tmp_path}/out/")
    assert chosen.code == 2
    assert "no permission to write to" in chosen.err


# Failures: exit code 1, one line each, the others are written


def test_bad_recordings_do_not_stop_good_ones(run, melody_wav, tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "empty.wav").touch()
    (tmp_path / "letter.mp3").write_text("Dear Clara, " * 200)
    bad = [tmp_path / name for name in ("nowhere.wav", "folder", "empty.wav", "letter.mp3")]
    ran = run(bad[0], melody_wav("a.wav"), *bad[1:], melody_wav("b.wav"), "-o", f"{tmp_path}/o/")
    assert ran.code == 1
    assert files(tmp_path / "o") == {"a.mid", "b.mid"}
    assert len(ran.out.splitlines()) == 2
    assert len(ran.complaints) == 4
    for path, line in zip(bad, ran.complaints, strict=True):
        assert line.startswith(f"transcribe: {path}: ")
        assert line.count(f"{path}: ") == 1
    assert "name the recordings in it" in ran.complaints[1]


def test_verbose_shows_where_a_failure_comes_from(run, tmp_path):
    assert "Traceback" not in run(tmp_path / "nowhere.wav").err
    ran = run(tmp_path / "nowhere.wav", "--verbose")
    assert ran.code == 1
    assert "Traceback" in ran.err
    assert ran.complaints[-1].startswith("transcribe: ")


@pytest.mark.parametrize("there", ["song.mid", "song.csv", "song.json"])
def test_an_existing_output_is_refused(run, melody_wav, tmp_path, monkeypatch, there):
    song = melody_wav()
    (tmp_path / there).write_text("mine")
    with monkeypatch.context() as patch:
        patch.setattr(Transcriber, "transcribe", lambda *_, **__: pytest.fail("began to hear"))
        ran = run(song, "--csv", "--json")
    assert ran.code == 1
    assert ran.err.startswith(f"transcribe: {song}: {tmp_path / there} already exists")
    assert (tmp_path / there).read_text() == "mine"
    assert files(tmp_path) == {"song.wav", there}

    assert run(song, "--csv", "--json", "--overwrite").code == 0
    assert files(tmp_path) == {"song.wav", "song.mid", "song.csv", "song.json"}
    assert pitches(tmp_path / "song.mid") == PITCHES
    assert (tmp_path / there).read_bytes() != b"mine"


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "no space left on device"),
        (MemoryError(), "not enough memory"),
        (RuntimeError("CUDA out\nof memory"), r"unexpected RuntimeError: CUDA out\nof memory"),
        (AudioError("decoder\x1b[31m broke"), r"decoder\x1b[31m broke"),
    ],
)
def test_one_failure_while_hearing(run, melody_wav, tmp_path, monkeypatch, error, line):
    hear = Transcriber.transcribe

    def transcribe(self, source, **options):
        if source.name == "bad.wav":
            raise error
        return hear(self, source, **options)

    monkeypatch.setattr(Transcriber, "transcribe", transcribe)
    ran = run(melody_wav("bad.wav"), melody_wav("good.wav"))
    assert ran.code == 1
    assert len(ran.complaints) == 1
    assert ran.err.startswith(f"transcribe: {tmp_path / 'bad.wav'}: {line}")
    assert files(tmp_path) == {"bad.wav", "good.wav", "good.mid"}


def test_a_missing_checkpoint_is_one_line(melody_wav, tmp_path, capsys):
    code = cli.main([str(melody_wav()), "--checkpoint", str(tmp_path / "nowhere.safetensors")])
    err = capsys.readouterr().err
    assert code == 1
    assert err.startswith(f"transcribe: {tmp_path / 'nowhere.safetensors'}: ")
    assert err.count("\n") == 1
    assert files(tmp_path) == {"song.wav"}


# Warnings


def test_silence_gives_an_empty_midi_file(run, tmp_path):
    silence = write_pcm(tmp_path / "silence.wav", np.zeros(SAMPLE_RATE))
    ran = run(silence, "--json", "--csv")
    assert ran.code == 0
    assert "silence.wav: warning: no notes: the recording is silent" in ran.err
    assert "0 notes, 0 pedal presses, 0:01 of music" in ran.out
    assert read_midi(silence.with_suffix(".mid")) == Performance()
    assert silence.with_suffix(".csv").read_text().count("\n") == 1
    assert len(json.loads(silence.with_suffix(".json").read_text())["warnings"]) == 1


def test_a_truncated_recording_is_transcribed_as_far_as_it_goes(run, tmp_path):
    whole = write_pcm(tmp_path / "whole.wav", melody_samples()).read_bytes()
    (tmp_path / "cut.wav").write_bytes(whole[: len(whole) // 2])
    ran = run(tmp_path / "cut.wav", "--quiet")
    assert ran.code == 0
    assert len(ran.complaints) == 1
    assert "cut.wav: warning: " in ran.err
    assert {81, 84} <= set(pitches(tmp_path / "cut.mid"))


# Speaking


def test_quiet_says_nothing_if_all_is_well(run, melody_wav, monkeypatch):
    monkeypatch.setattr(terminal, "SECONDS_BETWEEN_LINES", 0)
    ran = run(melody_wav(), "--quiet")
    assert (ran.code, ran.out, ran.err) == (0, "", "")


def test_plain_lines_tell_progress_where_there_is_no_terminal(run, melody_wav, monkeypatch):
    monkeypatch.setattr(terminal, "SECONDS_BETWEEN_LINES", 0)
    ran = run(melody_wav())
    assert len(ran.complaints) > 2
    for line in ran.complaints:
        assert re.fullmatch(r"song\.wav: 0:0\d of 0:03, about \d+:\d\d left", line)


def test_a_short_recording_gets_no_progress_line(run, melody_wav):
    assert run(melody_wav()).err == ""


@pytest.mark.parametrize(
    ("duration", "shown"),
    [
        (100.0, r"song\.wav:  50% \|█+ +\| \d\d:\d\d left"),
        (None, r"song\.wav: 0:50 of music done"),
    ],
)
def test_a_bar_tells_progress_on_a_terminal(monkeypatch, capsys, duration, shown):
    monkeypatch.setattr(terminal, "SILENT_SECONDS", 0)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with terminal.progress_of("song.wav", duration) as progress:
        for seconds in (25.0, 50.0):
            time.sleep(0.11)
            progress(seconds)
    frames = capsys.readouterr().err.split("\r")
    assert re.match(shown, frames[-3])
    assert frames[-2].strip() == ""


def test_a_bar_waits_before_it_appears(monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with terminal.progress_of("song.wav", 100.0) as progress:
        progress(50.0)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0, "0:00"), (59.6, "1:00"), (245, "4:05"), (3723, "1:02:03")]
)
def test_clock(seconds, shown):
    assert wording.clock(seconds) == shown


def test_help_version_and_wrong_usage_import_nothing_heavy():
    code = (
        "import sys\n"
        "from transcribe.cli import main\n"
        "try:\n    main(sys.argv[1:])\n"
        "except SystemExit as leaving:\n    print('left with', leaving.code)\n"
        "heavy = {'torch', 'numpy', 'soxr', 'av', 'tqdm', 'pretty_midi', 'symusic'}\n"
        "print('heavy:', sorted(heavy & set(sys.modules)))\n"
    )
    for words, left, shown in (
        (["--help"], 0, "usage: transcribe"),
        (["--version"], 0, "transcribe 0."),
        (["a.wav", "--onset-threshold", "7"], 2, ""),
        (["a/x.wav", "b/x.wav", "-o", "out/"], 2, ""),
        *(([name, "--help"], 0, f"usage: transcribe {name}") for name in cli.COMMANDS),
    ):
        ran = in_subprocess(code, *words)
        assert ran.stdout.startswith(shown), ran.stderr
        assert ran.stdout.endswith(f"left with {left}\nheavy: []\n"), words


@pytest.mark.skipif(sys.platform == "darwin", reason="numpy has Accelerate there, not OpenBLAS")
@pytest.mark.parametrize(("told", "threads"), [(None, 1), ("2", 2)])
def test_numpy_starts_no_threads_that_it_is_not_told_to(monkeypatch, told, threads):
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    if told:
        monkeypatch.setenv("OPENBLAS_NUM_THREADS", told)
    code = (
        "import sys\n"
        "from transcribe.cli import main\n"
        "main(sys.argv[1:])\n"
        "import numpy\n"
        "from threadpoolctl import threadpool_info\n"
        "print('threads:', *{of['num_threads'] for of in threadpool_info()})\n"
    )
    ran = in_subprocess(code, "evaluate", "nowhere.mid", "nowhere.mid")
    assert ran.stdout == f"threads: {threads}\n"


def test_help_names_every_option_and_command(run):
    shown = run("--help").out
    for word in (
        *("--output", "--offsets", "--csv", "--json", "--overwrite", "--onset-threshold"),
        *("--frame-threshold", "--minimum-note", "--checkpoint", "--device", "--threads"),
        *("--quiet", "--verbose", "--version", *cli.COMMANDS),
    ):
        assert word in shown
    assert max(len(line) for line in shown.splitlines()) <= 90


# Ctrl-C


def test_an_interrupt_leaves_what_is_finished_and_nothing_else(
    run, melody_wav, tmp_path, monkeypatch
):
    hear = Transcriber.transcribe

    def transcribe(self, source, *, progress=None, **options):
        def interrupted(seconds: float) -> None:
            if source.name == "b.wav" and seconds > 1:
                raise KeyboardInterrupt

        return hear(self, source, progress=interrupted, **options)

    monkeypatch.setattr(Transcriber, "transcribe", transcribe)
    ran = run(*(melody_wav(f"{name}.wav") for name in "abc"), "-o", f"{tmp_path}/out/", "--csv")
    assert ran.code == 130
    assert len(ran.complaints) == 1
    assert "interrupted" in ran.err
    assert files(tmp_path / "out") == {"a.mid", "a.csv"}


def test_a_real_interrupt(melody_wav, random_checkpoint):
    song = melody_wav()
    code = (
        "import signal, sys, time\n"
        # What is started in the background of a shell may have been told to ignore it.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from transcribe.model.onsets_and_frames import OnsetsAndFrames\n"
        "def slow(self, frames):\n    print('hearing', flush=True)\n    time.sleep(60)\n"
        "OnsetsAndFrames.activations = slow\n"
        "from transcribe.cli import main\n"
        "sys.exit(main())\n"
    )
    words = [str(song), "--device", "cpu", "--checkpoint", str(random_checkpoint)]
    with subprocess.Popen(
        [sys.executable, "-c", code, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "hearing\n"
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert err == "transcribe: interrupted; no partial files are left\n"
    assert files(song.parent) == {"song.wav"}


def test_the_whole_command_with_a_real_network(melody_wav, random_checkpoint):
    song = melody_wav()
    ran = subprocess.run(
        [
            *(sys.executable, "-m", "transcribe", song, "--checkpoint", random_checkpoint),
            *("--threads", "1", "--verbose", "--device", "cpu", "--json"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert "random on cpu" in ran.stderr
    assert ran.stdout.count("\n") == 1
    assert files(song.parent) == {"song.wav", "song.mid", "song.json"}
    n_notes = len(read_midi(song.with_suffix(".mid")).notes)
    assert len(json.loads(song.with_suffix(".json").read_text())["notes"]) == n_notes


# Names


@pytest.mark.parametrize(
    "name",
    [
        "Ноктюрн №2.wav",
        "two  spaces.take.1.wav",
        "line\nbreak.wav",
        "no suffix",
        "-dash.wav",
        "%s{0}.WAV",
        os.fsdecode(b"caf\xe9.wav"),
    ],
)
def test_odd_names(run, melody_wav, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    melody_wav("plain.wav").rename(tmp_path / name)
    ran = run("--csv", "--json", "--", name)
    assert ran.code == 0, ran.err
    assert len(ran.out.splitlines()) == 1
    stem = Path(name).stem
    assert files(tmp_path) == {name, *(f"{stem}.{kind}" for kind in ("mid", "csv", "json"))}
    assert pitches(tmp_path / f"{stem}.mid") == PITCHES
    assert json.loads(Path(f"{stem}.json").read_bytes())["recording"] == name


@pytest.mark.parametrize("name", sorted(cli.COMMANDS))
def test_a_recording_is_never_mistaken_for_a_command(run, melody_wav, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    melody_wav(name)
    module = import_module(cli.COMMANDS[name].module)
    monkeypatch.setattr(module, "run", lambda options: pytest.fail("ran the command"))
    refused = run(name)
    assert refused.code == 2
    assert f"write ./{name}" in refused.err
    for words in ([f"./{name}"], ["--overwrite", name], ["--overwrite", "--", name]):
        assert run(*words).code == 0
        assert pitches(tmp_path / f"{name}.mid") == PITCHES


def test_train_passes_its_words_on_to_hydra_in_their_order(run, monkeypatch):
    got: list[Sequence[str]] = []
    monkeypatch.setattr(
        "transcribe.train.command.run", lambda options: got.append(options.overrides) or 7
    )
    words = ["experiment=x", "--cfg", "job", "-m", "+seed=1,2", "--hydra-help"]
    assert run("train", *words).code == 7
    assert got == [words]


@pytest.mark.parametrize(
    "words",
    [
        ["archive", "tapes"],
        ["corpus", "heard"],
        ["continue", "song.mid"],
        ["evaluate", "ref", "est"],
        ["render", "song.mid", "--instrument", "bank"],
        ["tokens", "song.mid", "--for", "abc"],
        ["song.wav"],
    ],
)
@pytest.mark.parametrize("option", ["-o", "--output", "--out"])
def test_output_is_called_alike_everywhere(words, option):
    parser = cli.make_parser(words[0] if words[0] in cli.COMMANDS else None)
    options = parser.parse_args([*words[words[0] in cli.COMMANDS :], option, "there"])
    assert str(options.output) == "there"
    shown = parser.format_help()
    assert re.search(r"-o [A-Z]+, --output [A-Z]+", shown)
    assert not re.search(r"--out\b", shown)


def test_thresholds_show_the_defaults_of_the_packaged_weights(random_checkpoint):
    from transcribe.checkpoint import load_checkpoint

    decode = load_checkpoint().decode
    for command in (None, "archive"):
        shown = " ".join(cli.make_parser(command).format_help().split())
        for option, value in (
            ("--onset-threshold P", decode.onset_threshold),
            ("--frame-threshold P", decode.frame_threshold),
            ("--minimum-note SECONDS", decode.minimum_duration),
        ):
            found = re.search(rf"  ?{option} [^(]*\(default: ([\d.]+)\)", shown)
            assert found, option
            assert float(found[1]) == value


def test_a_word_that_a_command_does_not_know_is_wrong_usage(run):
    ran = run("render", "song.mid", "--instrument", "bank", "--fast", "more")
    assert ran.code == 2
    assert ran.err.startswith("usage: transcribe render ")
    assert ran.complaints[-1] == "transcribe render: error: unrecognized arguments: --fast more"


@pytest.mark.parametrize(
    "words", [["tokens", "song.wav", "--for", "abc"], ["continue", "song.wav"], ["song.wav"]]
)
def test_a_missing_device_is_wrong_usage_of_every_command(
    run, melody_wav, tmp_path, monkeypatch, words
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    melody_wav()
    ran = run(*words, "--device", "cuda")
    assert ran.code == 2
    assert "no device 'cuda' here" in ran.complaints[-1]
    assert files(tmp_path) == {"song.wav"}


# The other commands


@pytest.fixture
def played() -> Performance:
    notes = [
        Note(onset=0.5 * i, pitch=60 + i, offset=0.5 * i + 0.4, velocity=30 + 9 * i)
        for i in range(8)
    ]
    return Performance(tuple(notes), (PedalPress(onset=0.2, offset=1.1),))


def later(performance: Performance, seconds: float) -> Performance:
    def moved(event):
        return replace(event, onset=event.onset + seconds, offset=event.offset + seconds)

    return Performance(tuple(map(moved, performance.notes)), tuple(map(moved, performance.pedal)))


def test_evaluate_prints_a_table(run, tmp_path, played):
    write_midi(played, tmp_path / "ref.mid")
    write_midi(later(played, 0.03), tmp_path / "est.mid")
    ran = run("evaluate", tmp_path / "ref.mid", tmp_path / "est.mid")
    assert ran.code == 0
    cells = (re.split(r"\s{2,}", line.strip()) for line in ran.out.splitlines())
    rows = {first: others for first, *others in cells}
    assert rows["onset, 50 ms"] == ["100.0"] * 6
    assert rows["onset, 10 ms"] == ["0.0"] * 3 + ["100.0"] * 3
    assert rows["onset + offset + velocity, 20 ms, pedal-extended"] == ["0.0"] * 3 + ["100.0"] * 3
    assert "pedal onset, 50 ms" in rows
    assert rows["1 piece, 8 notes played, 8 transcribed."] == []
    (late,) = rows["median onset deviation, ms (above 0: late)"]
    assert float(late) == pytest.approx(30, abs=0.6)


def test_evaluate_leaves_out_what_the_reference_does_not_tell(run, tmp_path, played):
    plain = Performance(tuple(replace(note, velocity=64) for note in played.notes))
    write_midi(plain, tmp_path / "ref.mid")
    write_midi(played, tmp_path / "est.mid")
    ran = run("evaluate", tmp_path / "ref.mid", tmp_path / "est.mid", "--json")
    (piece,) = json.loads(ran.out)["pieces"]
    scores = piece["scores"]
    assert scores["as_found/onset"]["f1"] == 1
    assert not [name for name in scores if "pedal" in name or "velocity" in name]


def test_evaluate_refuses_in_one_line(run, tmp_path, played):
    write_midi(played, tmp_path / "ref.mid")
    ran = run("evaluate", tmp_path / "ref.mid", tmp_path / "nowhere.mid")
    assert ran.code == 1
    assert len(ran.complaints) == 1
    assert "nowhere.mid" in ran.err


@pytest.mark.parametrize(
    ("command", "package", "modules", "extra"),
    [
        (
            ["evaluate", "a.mid", "b.mid"],
            "mir_eval",
            ("evaluation.evaluate", "evaluation.metrics", "evaluation.matching"),
            "eval",
        ),
        (["evaluate", "a.mid", "b.mid", "-o", "report"], "matplotlib", (), "eval"),
        (["train"], "hydra", ("train.__main__", "train.trainer"), "train"),
    ],
)
def test_a_missing_extra_is_named(run, monkeypatch, command, package, modules, extra):
    monkeypatch.setitem(sys.modules, package, None)
    for module in modules:
        monkeypatch.delitem(sys.modules, f"transcribe.{module}", raising=False)
    ran = run(*command)
    assert ran.code == 1
    assert ran.complaints == [
        f"transcribe: {package} is not installed; it comes with: pip install 'transcribe[{extra}]'"
    ]


def test_an_installation_from_before_a_new_requirement_is_told(run, monkeypatch, melody_wav):
    def load_checkpoint(*_, **__):
        raise ModuleNotFoundError("No module named 'onnxruntime'", name="onnxruntime")

    monkeypatch.setattr("transcribe.transcriber.load_checkpoint", load_checkpoint)
    ran = run(melody_wav())
    assert ran.code == 1
    assert ran.complaints == [
        "transcribe: onnxruntime is not installed, though this version needs it; install "
        "transcribe again, as you did at first"
    ]


@pytest.fixture
def bank(tmp_path) -> Path:
    """A sample bank of one decaying tone, A4."""
    folder = tmp_path / "bank"
    seconds = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    tone = 0.5 * np.exp(-3 * seconds) * np.sin(2 * math.pi * 440 * seconds)
    write_pcm(folder / "a4.wav", tone)
    manifest = {
        "samplerate": SAMPLE_RATE,
        "layers": [{"layer": 1, "lovel": 1, "hivel": 127, "rel_level_db": 0.0}],
        "samples": [{"root": 69, "layer": 1, "file": "a4.wav"}],
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def test_render_writes_what_is_played(run, tmp_path, bank, played):
    import wave

    write_midi(played, tmp_path / "song.mid")
    ran = run("render", tmp_path / "song.mid", "--instrument", bank)
    assert ran.code == 0, ran.err
    assert "song.wav: 0:0" in ran.out
    with wave.open(str(tmp_path / "song.wav")) as file:
        assert file.getframerate() == SAMPLE_RATE
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    assert 3.9 < len(samples) / SAMPLE_RATE < 5.5
    assert np.abs(samples).max() > 1000

    refused = run("render", tmp_path / "song.mid", "--instrument", bank)
    assert refused.code == 1
    assert "already exists" in refused.err
    words = ("render", tmp_path / "song.mid", "--instrument", bank, "--overwrite", "--quiet")
    assert run(*words) == (0, "", "")


def test_render_without_an_instrument_plays_the_packaged_piano(run, tmp_path, played):
    from transcribe.audio import read_audio
    from transcribe.synthesis import packaged_piano

    write_midi(played, tmp_path / "song.mid")
    ran = run("render", tmp_path / "song.mid", "-o", tmp_path / "out.wav")
    assert ran.code == 0, ran.err
    samples = read_audio(tmp_path / "out.wav", packaged_piano().sample_rate)
    assert np.abs(samples).max() > 0.01


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["song.mid", "--instrument", "bank", "-o", "x.mp3"], 2, "ends in .wav"),
        (["song.mid", "--instrument", "nowhere"], 1, "nowhere"),
        (["nowhere.mid", "--instrument", "bank"], 1, "nowhere.mid"),
        (["song.mid", "--instrument", "bank", "-o", "nowhere/x.wav"], 1, "no such folder"),
    ],
)
def test_render_refuses_in_words(run, tmp_path, monkeypatch, bank, played, words, code, message):
    monkeypatch.chdir(tmp_path)
    write_midi(played, tmp_path / "song.mid")
    ran = run("render", *words)
    assert ran.code == code
    assert message in ran.err
    assert "Traceback" not in ran.err
    assert files(tmp_path) == {"bank", "song.mid"}


# Streams that are closed, as under cron, or that nobody reads


@pytest.mark.skipif(os.name != "posix", reason="a shell closes the streams")
@pytest.mark.parametrize("closed", ["0<&- 1>&- 2>&-", "2>&-", "2>/dev/full", "0<&- 2>&-"])
def test_closed_streams_cost_what_is_said_and_nothing_else(tmp_path, closed):
    """What is opened next must not get the number of a stream, or remarks go into it."""
    script = tmp_path / "command.py"
    script.write_text(
        "import os, subprocess, sys\n"
        "from transcribe import cli\n"
        "from transcribe.terminal import progress_of, say\n"
        "def run(options):\n"
        "    say('a remark', sys.stderr)\n"
        "    file = open(options.made, 'w')\n"
        "    assert file.fileno() > 2 and sys.stderr.isatty() is False\n"
        "    with progress_of('song', 10.0) as tell:\n"
        "        tell(5.0)\n"
        "    try: os.write(2, b'a library speaks')\n"
        "    except OSError: pass  # the disk of the log is full\n"
        "    print('result')\n"
        "    sys.stdin.read()\n"
        "    child = 'import os; [os.fstat(n) for n in range(3)]'\n"
        "    subprocess.run([sys.executable, '-S', '-c', child], check=True)\n"
        "    file.write('done')\n"
        "    return 0\n"
        "def add_parser(subparsers):\n"
        "    parser = subparsers.add_parser('work')\n"
        "    parser.add_argument('made')\n"
        "    parser.set_defaults(run=run)\n"
        "cli.COMMANDS['work'] = cli.Command('__main__', '', '')\n"
        "sys.exit(cli.main(['work', *sys.argv[1:]]))\n"
    )
    made = tmp_path / "made"
    if "full" in closed and not Path("/dev/full").exists():
        pytest.skip("no device that is always full")
    script_words = f'exec "$0" "$@" {closed}'
    words = ["sh", "-c", script_words, sys.executable, str(script), str(made)]
    ran = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    assert ran.returncode == 0
    assert made.read_text() == "done"


@pytest.mark.skipif(os.name != "posix", reason="pipes break so")
def test_a_reader_that_has_enough_ends_nothing_that_is_written(tmp_path):
    """``transcribe ... | head -1`` and a terminal that is closed."""
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as broken:
        for n in range(3):
            terminal.say(f"line {n}", broken)
        terminal.show("live", broken)
    ran = subprocess.run(
        ["sh", "-c", '"$0" -m transcribe --help | true', sys.executable],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in ran.stderr
    assert "Exception ignored" not in ran.stderr


# Standard input and output


class Stream(io.TextIOWrapper):
    def __init__(self, content: bytes = b"", *, terminal: bool = False):
        super().__init__(io.BytesIO(content), encoding="utf-8")
        self.terminal = terminal

    def isatty(self):
        return self.terminal

    @property
    def content(self) -> bytes:
        self.flush()
        return self.buffer.getvalue()


@pytest.fixture
def piped(run, monkeypatch):
    """Run with bytes on standard input; gives what ran and the bytes on standard output."""

    def call(*words, given=b"", terminal=False):
        out = Stream(terminal=terminal)
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdin", Stream(given, terminal=terminal))
            patch.setattr(sys, "stdout", out)
            ran = run(*words)
        return ran, out.content

    return call


def test_a_recording_comes_in_and_a_midi_file_goes_out(piped, run, melody_wav, tmp_path):
    song = melody_wav()
    assert run(song).code == 0
    midi = song.with_suffix(".mid").read_bytes()
    ran, written = piped("-", given=song.read_bytes())
    assert (ran.code, written) == (0, midi)
    assert ran.err.startswith("standard output: 5 notes, ")
    assert piped(song, "-o", "-") == ((0, "", ANY), midi)
    assert piped("-", "--quiet", given=song.read_bytes()) == ((0, "", ""), midi)
    ran, written = piped("-", "-o", tmp_path / "named.mid", "--json", given=song.read_bytes())
    assert (ran.code, (tmp_path / "named.mid").read_bytes()) == (0, midi)
    assert written.startswith(str(tmp_path / "named.mid").encode())
    heard = json.loads((tmp_path / "named.json").read_text())
    assert heard["recording"] == "standard input"


def test_what_comes_in_broken_is_told_and_nothing_goes_out(piped):
    ran, written = piped("-", given=b"no sound at all")
    assert (ran.code, written) == (1, b"")
    assert ran.err.startswith("transcribe: standard input: ")
    assert tempfile.gettempdir() not in ran.err
    assert piped("-")[0].code == 1


def test_streams_that_can_not_be_meant_are_refused(piped, melody_wav, tmp_path):
    song = melody_wav()
    for words, said in (
        (["-", "-"], "holds one recording"),
        (["-", song], "of one recording"),
        ([song, "-o", "-", "--csv"], "the MIDI file alone"),
        (["-", "-o", f"{tmp_path}/out/"], "has no name"),
    ):
        ran, written = piped(*words)
        assert (ran.code, written) == (2, b"")
        assert said in ran.err
    assert "is a terminal here" in piped("-", terminal=True)[0].err
    assert piped(song, "-o", "-", terminal=True)[0].code == 2
