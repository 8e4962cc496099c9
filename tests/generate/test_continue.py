"""``transcribe continue``, and the training of what it continues with."""

from __future__ import annotations

import itertools
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from transcribe import cli
from transcribe.cli import main
from transcribe.datasets.index import COLUMNS
from transcribe.errors import SettingsError
from transcribe.generate.command import write_growing
from transcribe.generate.config import GeneratorConfig
from transcribe.generate.continuation import Continued, Continuer
from transcribe.generate.model import EventModel
from transcribe.generate.weights import GeneratorWeights, load_generator, save_generator
from transcribe.midi import read_midi, write_midi
from transcribe.notes import Note, Performance
from transcribe.train.__main__ import train
from transcribe.train.conf import CONF
from transcribe.train.config import GeneratorTrainConfig
from transcribe.train.lit_generator import LitGenerator

TUNE = Performance(
    tuple(
        Note(onset=0.3 * i, pitch=60 + (7 * i) % 12, offset=0.3 * i + 0.25, velocity=70)
        for i in range(40)
    )
)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "small.safetensors"
    model = EventModel(GeneratorConfig(16, 1, 2, 32))
    save_generator(GeneratorWeights(model, {"name": "small"}), path)
    return path


@pytest.fixture
def tune(tmp_path: Path) -> Path:
    path = tmp_path / "tune.mid"
    write_midi(TUNE, path)
    return path


def go_on(*words: object) -> int:
    try:
        return cli.main(["continue", *map(str, words)])
    except SystemExit as leaving:
        return int(leaving.code or 0)


class TestCommand:
    def test_the_tune_goes_on_in_a_file_beside_it(self, tune, weights, capsys):
        assert go_on(tune, "--seconds", 6, "--generator", weights) == 0
        out = capsys.readouterr().out
        assert "tune.continued.mid: " in out
        assert "seed 0" in out
        whole = read_midi(tune.with_name("tune.continued.mid"))
        assert [n.pitch for n in whole.notes[:40]] == [n.pitch for n in TUNE.notes]
        assert 11.7 + 3 < whole.notes[-1].onset < 11.7 + 6 + 0.01

    def test_seeds(self, tune, weights, tmp_path):
        for name, seed in (("a", 1), ("b", 1), ("c", 2)):
            words = ("--seed", seed, "-o", tmp_path / f"{name}.mid", "--generator", weights)
            assert go_on(tune, *words, "--seconds", 4, "--quiet") == 0
        a, b, c = (read_midi(tmp_path / f"{name}.mid") for name in "abc")
        assert a == b != c

    def test_from_a_moment_on(self, tune, weights, tmp_path):
        output = tmp_path / "out.mid"
        words = ("--at", 5, "--seconds", 3, "-o", output, "--generator", weights)
        assert go_on(tune, *words) == 0
        played = [n for n in TUNE.notes if n.onset < 5]
        notes = read_midi(output).notes
        assert [n.pitch for n in notes[: len(played)]] == [n.pitch for n in played]
        assert all(5 <= n.onset < 8 for n in notes[len(played) :])

    @pytest.mark.parametrize(
        ("words", "code", "message"),
        [
            (["--seconds", "0"], 2, "seconds, above 0"),
            (["--temperature", "0"], 2, "expected a temperature of 0.05 to 5; found 0"),
            (["--top-p", "2"], 2, "at most 1"),
            (["-o", "out.wav"], 2, "ends in .mid"),
            (["-o", "tune.mid"], 2, "overwritten"),
            (["--at", "0.001", "--seconds", "1"], 0, ""),
            (["--at", "5:00"], 1, f"the music's end at {TUNE.duration:.1f} s; found 300 s"),
            (["-o", "there.mid"], 1, "use --overwrite to replace it"),
            (["-o", "no/such/folder.mid"], 1, "no such folder"),
            (["--generator", "none.safetensors"], 1, "no such weights file"),
        ],
    )
    def test_refusals(self, tune, weights, tmp_path, monkeypatch, capsys, words, code, message):
        monkeypatch.chdir(tmp_path)
        write_midi(TUNE, tmp_path / "there.mid")
        given = [] if "--generator" in words else ["--generator", weights]
        assert go_on("tune.mid", *words, *given) == code
        assert message in capsys.readouterr().err

    def test_silence_and_absence(self, weights, tmp_path, capsys):
        write_midi(Performance(), tmp_path / "empty.mid")
        assert go_on(tmp_path / "empty.mid", "--generator", weights) == 1
        assert "expected notes to continue from; found no notes" in capsys.readouterr().err
        assert not (tmp_path / "empty.continued.mid").exists()
        assert go_on(tmp_path / "absent.mp3") == 1
        assert "no such file" in capsys.readouterr().err

    def test_help_needs_no_torch(self):
        code = (
            "import sys; from transcribe import cli\n"
            "try: cli.main(['continue', '--help'])\n"
            "except SystemExit: pass\n"
            "sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
        )
        assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_file_is_whole_whenever_it_is_looked_at(weights, tmp_path):
    path = tmp_path / "growing.mid"
    stream = Continuer.load(weights).stream(TUNE, seconds=12)
    lengths = []

    def watched():
        for continued in stream:
            yield continued
            lengths.append(len(read_midi(path).notes))

    last = write_growing(watched(), path, text="")
    assert isinstance(last, Continued)
    assert len(lengths) > 5
    assert min(lengths) >= len(TUNE.notes)
    assert read_midi(path).notes[-1].onset == pytest.approx(last.whole.notes[-1].onset, abs=1e-3)


SOURCES = ("maestro-v3.0.0", "asap", "pop909", "smd", "piano-midi-de", "piano-rolls")


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What ``conf/continue.yaml`` names, with a tune for each split."""
    folder = tmp_path / "midi"
    folder.mkdir()
    rows = [",".join(COLUMNS)]
    for split in ("train", "validation"):
        write_midi(TUNE, folder / f"{split}.mid")
        rows.append(f"Nobody,Study,{split},2018,{split}.mid,,12.0")
    for name in SOURCES:
        (folder / f"{name}.csv").write_text("\n".join(rows) + "\n")
    monkeypatch.setenv("PIANO_DATA", str(tmp_path))
    return tmp_path


def small(output: Path, *overrides: str) -> list[str]:
    return [
        "model.width=16",
        "model.n_layers=1",
        "model.n_heads=2",
        "model.context=16",
        "data.windows_per_epoch=8",
        "data.batch_size=4",
        "data.validation_windows=2",
        f"data.cache={output.parent / 'cache'}",
        f"output={output}",
        *overrides,
    ]


def settings(output: Path, *overrides: str) -> GeneratorTrainConfig:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = OmegaConf.to_object(compose("continue", overrides=small(output, *overrides)))
    assert isinstance(config, GeneratorTrainConfig)
    return config


class KilledError(Exception):
    pass


def test_a_run_that_was_killed_ends_as_one_that_was_not(data, monkeypatch):
    words = ("trainer.max_steps=4",)
    whole = load_generator(train(settings(data / "whole", *words)))

    def die_in_the_second_epoch(self):
        if self.current_epoch == 1:
            raise KilledError

    with monkeypatch.context() as patch:
        patch.setattr(LitGenerator, "on_train_epoch_start", die_in_the_second_epoch)
        with pytest.raises(KilledError):
            train(settings(data / "parts", *words))
    parts = load_generator(train(settings(data / "parts", *words)))
    assert whole.metadata["steps"] == parts.metadata["steps"] == "4"
    assert whole.metadata["events_seen"] == parts.metadata["events_seen"] == "256"
    for name, tensor in whole.model.state_dict().items():
        assert torch.equal(tensor, parts.model.state_dict()[name]), name


def test_a_run_goes_on_from_weights_of_another(data):
    first = train(settings(data / "first", "trainer.max_steps=2"))
    words = (f"initial_weights={first}", "optimizer.learning_rate=0", "trainer.max_steps=2")
    then = load_generator(train(settings(data / "then", *words)))
    start = load_generator(first).model.state_dict()
    for name, tensor in then.model.state_dict().items():
        assert torch.equal(tensor, start[name]), name
    with pytest.raises(SettingsError, match=r"initial_weights are of a network with .*width=16"):
        LitGenerator(settings(data / "wider", *words, "model.width=32"))


def test_the_training_command_reaches_the_generator(data, monkeypatch):
    monkeypatch.setattr("sys.argv", ["transcribe"])
    words = small(data / "out", "trainer.max_steps=1", f"hydra.run.dir={data}/hydra")
    assert main(["train", "--config-name", "continue", *words]) == 0
    assert load_generator(data / "out/last.safetensors").metadata["steps"] == "1"


def test_settings_of_no_run_are_refused_with_what_to_do(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["transcribe"])
    words = [f"hydra.run.dir={tmp_path}", "hydra.output_subdir=null"]
    with pytest.raises(SystemExit, match="1"):
        main(["train", "--config-name", "ablations", *words])
    said = "".join(capsys.readouterr())
    assert "ablations.yaml holds no settings of a run" in said
    assert "choose another with --config-name" in said


def test_a_run_may_end_by_the_clock(data, monkeypatch):
    """As the transcriber's; every look at this clock takes a second."""
    seconds = itertools.count(1.0)
    clock = SimpleNamespace(monotonic=lambda: next(seconds))
    monkeypatch.setattr("transcribe.train.lit_module.time", clock)
    words = ("trainer.max_minutes=0.05", "optimizer.decay_share=0.5")
    assert load_generator(train(settings(data / "out", *words))).metadata["steps"] == "3"


def test_a_part_that_the_generator_does_not_have_can_not_be_frozen(data):
    with pytest.raises(SettingsError, match=r"frozen names 'bdy'.* it has .*(blocks|lstm)"):
        train(settings(data / "out", "optimizer.frozen=[bdy]"))


def test_music_that_is_too_short_is_told(data):
    with pytest.raises(ValueError, match="of 513 events; found 40 at most"):
        train(settings(data / "out", "model.context=512", "trainer.max_steps=1"))
