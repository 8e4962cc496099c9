"""The commands of the command line: their help, their options, what they need."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Sequence
from importlib import import_module

import pytest

from transcribe import cli

from .running import PITCHES, files, pitches


def in_subprocess(code: str, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *words], capture_output=True, text=True, check=False
    )


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


@pytest.mark.parametrize(
    ("command", "package", "extra"),
    [
        (["evaluate", "a.mid", "b.mid"], "mir_eval", "eval"),
        (["evaluate", "a.mid", "b.mid"], "scipy", "eval"),
        (["evaluate", "a.mid", "b.mid", "-o", "report"], "matplotlib", "eval"),
        (["false-notes", "a.wav", "b.mid"], "scipy", "eval"),
        (["archive", "s3://a", "-o", "b"], "fsspec", "cloud"),
        (["train"], "hydra", "train"),
    ],
)
def test_a_missing_extra_is_named(command, package, extra):
    code = (
        "import sys\n"
        f"sys.modules[{package!r}] = None\n"
        "from transcribe.cli import main\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    ran = in_subprocess(code, *command)
    assert ran.returncode == 1
    assert ran.stderr.splitlines() == [
        f"transcribe {command[0]}: {package} is not installed; it comes with: "
        f"pip install 'transcribe[{extra}]'"
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


@pytest.mark.parametrize(
    "command",
    [
        ["archive", "nowhere", "-o", "midi"],
        ["continue", "nowhere.mid"],
        ["corpus", "nowhere", "-o", "set"],
        ["evaluate", "nowhere.mid", "nowhere.mid"],
        ["place", "nowhere.mid", "--onto", "nowhere.mid"],
        ["render", "nowhere.mid"],
        ["score", "nowhere.mid"],
    ],
    ids=lambda command: command[0],
)
def test_every_command_names_itself_before_its_errors(run, monkeypatch, tmp_path, command):
    monkeypatch.chdir(tmp_path)
    ran = run(*command)
    assert ran.code
    assert ran.complaints[-1].startswith(f"transcribe {command[0]}: ")
    assert "nowhere" in ran.complaints[-1]
