"""A network trained: stopped, resumed, by the clock, in part, and from other weights."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra._internal.utils import get_args_parser
from lightning_fabric.strategies.launchers.subprocess_script import _basic_subprocess_cmd
from omegaconf.errors import ConfigAttributeError, ConfigKeyError
from pytorch_lightning.trainer.connectors.data_connector import warning_cache
from pytorch_lightning.utilities.exceptions import SIGTERMException

from transcribe.checkpoint import load_checkpoint
from transcribe.cli import main as cli
from transcribe.errors import CheckpointError, SettingsError
from transcribe.features import FeatureConfig
from transcribe.model.planes import Planes
from transcribe.rolls import N_ACTIVATIONS, Rolls, encode
from transcribe.train.__main__ import train
from transcribe.train.conf import CONF
from transcribe.train.config import OptimizerConfig, plain
from transcribe.train.lit_transcriber import LitTranscriber
from transcribe.train.trainer import make_trainer, overrides_last

from .training import SHORT, overrides, random_piece, settings


def as_planes(rolls: Rolls) -> Planes:
    return Planes.unstack(torch.from_numpy(rolls.stack())[None])


def _main() -> None:
    """In place of training's own."""


_main.__module__ = "transcribe.train.__main__"


class TestConfig:
    def test_a_misspelt_setting_is_refused(self):
        with (
            initialize_config_dir(str(CONF), version_base="1.3"),
            pytest.raises(Exception, match="learning_rat") as caught,
        ):
            compose("train", overrides=["optimizer.learning_rat=1"])
        assert isinstance(
            caught.value.__cause__ or caught.value, (ConfigAttributeError, ConfigKeyError)
        )

    @pytest.mark.parametrize(
        ("word", "name"),
        [
            ("+lr=1", "lr"),
            ("+optimizer.lr=1", "optimizer.lr"),
            ("+model.new.width=8", "model.new"),
            ("+data.sources.studies.typo=1", "data.sources.studies.typo"),
        ],
    )
    def test_a_setting_that_is_added_and_that_nothing_reads_is_refused(self, word, name):
        """As Hydra itself proposes it for one that is misspelt."""
        with initialize_config_dir(str(CONF), version_base="1.3"):
            composed = compose("train", overrides=["experiment=tiny", word])
            with pytest.raises(SettingsError, match=f"found {name}: write it without"):
                plain(composed)
            assert plain(compose("train", overrides=["++optimizer.learning_rate=1"]))

    def test_other_processes_of_a_run_are_started_as_training(self, monkeypatch):
        """On several GPUs; it was as a script called "transcribe train", of which there is none."""
        monkeypatch.setattr("transcribe.train.__main__.main", _main)
        monkeypatch.setattr(sys, "argv", ["transcribe"])
        monkeypatch.setattr(sys.modules["__main__"], "__spec__", None)
        words = ["experiment=maestro", "trainer=gpus"]
        assert cli(["train", *words]) == 0
        started = [sys.executable, "-m", "transcribe.train.__main__", *words]
        assert _basic_subprocess_cmd() == started

    @pytest.mark.parametrize(
        "line",
        [
            "experiment=tiny -m seed=0,1,2",
            "-m experiment=tiny seed=0,1,2",
            "experiment=tiny seed=0,1,2 --multirun",
        ],
    )
    def test_overrides_may_stand_on_both_sides_of_an_option(self, line):
        """As the help has it; Hydra's own parser takes the last two only."""
        found = get_args_parser().parse_args(overrides_last(line.split()))
        assert found.multirun
        assert found.overrides == ["experiment=tiny", "seed=0,1,2"]
        named = overrides_last(["a=1", "--config-name", "continue", "~b", "--cfg", "job", "+c=2"])
        assert named == ["--config-name", "continue", "--cfg", "job", "a=1", "~b", "+c=2"]

    @pytest.mark.parametrize(
        ("words", "message"),
        [
            ("windows.context_frames=-1", "window_frames > 2"),
            ("decode.onset_threshold=2", "decode.onset_threshold is a probability"),
            ("model.width=-1", "model.width is 1 to 8192; found -1"),
            ("features.n_bins=0", "features.n_bins is 1 to 4096"),
            ("augment.room=2", "augment.room is a probability"),
            ("loss.pedal_edge=-1", "loss.pedal_edge is 0 or more; found -1"),
            ("optimizer.learning_rate=-1", "optimizer.learning_rate is 0 to 100; found -1"),
            ("optimizer.ema_decay=2", "optimizer.ema_decay is 0 to 1; found 2"),
            ("trainer.max_steps=-1", "trainer.max_steps is 0 or more; found -1"),
            ("trainer.max_minutes=-1", "trainer.max_minutes is 0 or more"),
            ("trainer.check_val_every_n_epoch=0", "trainer.check_val_every_n_epoch is 1 or"),
            ("trainer.max_minutes=1", "needs optimizer.decay_share above 0"),
            ("trainer.precision=bf17", "trainer.precision=bf17: Precision 'bf17' is invalid"),
            ("trainer.devices=0", "trainer.devices=0"),
            ("seed=-1", "seed is 0 to 4294967295; found -1"),
            ("data.n_workers=-1", "data.n_workers is 0 or more"),
            ("data.empty_probability=2", "data.empty_probability is 0 to 1"),
            ("data.validation_seconds=0", "data.validation_seconds is above 0"),
            ("data.sources.pieces.weight=0", "every weight of data.sources is 0"),
            ("data.instrument_weights.synthetic=-1", "weight of data.instrument_weights.synthetic"),
            ("data.variety.velocity_exponent=[3,1]", r"exponent is \[lowest, highest\], above 0"),
            ("data.sources.pieces.split=trian", "expected the split train, .*found 'trian'"),
            (
                "data.validation_instruments=[] data.validation_windows=1",
                "name sample banks in data.validation_instruments",
            ),
            ("data.variety.octaves=2", "data.variety.octaves is 0 to 1"),
        ],
    )
    def test_what_is_out_of_range_is_refused_before_anything_begins(
        self, words, message, pieces, tmp_path
    ):
        """In one line, and as what leaves the other runs of a multirun alone."""
        more = overrides(pieces, tmp_path, *SHORT, "trainer.max_steps=1", *words.split())
        with initialize_config_dir(str(CONF), version_base="1.3"):
            composed = compose("train", overrides=more)
        with pytest.raises(SettingsError, match=message):
            train(plain(composed))
        assert not (tmp_path / "last.safetensors").exists()


"""Epochs of two steps."""


def test_a_run_goes_on_where_it_was(pieces, tmp_path):
    """Steps, optimiser and the count of music go on from the last finished epoch."""
    first = settings(pieces, tmp_path, *SHORT, "trainer.max_steps=4")
    train(first)
    assert torch.load(tmp_path / "last.ckpt", weights_only=False)["global_step"] == 4
    train(settings(pieces, tmp_path, *SHORT, "trainer.max_steps=6"))
    last = torch.load(tmp_path / "last.ckpt", weights_only=False)
    assert last["global_step"] == 6
    assert last["epoch"] == 2
    assert last["n_windows_seen"] == 6 * first.data.batch_size
    optimizer = last["optimizer_states"][0]["state"]
    assert next(iter(optimizer.values()))["step"] == 6


def test_a_killed_run_goes_on(pieces, tmp_path):
    """No warning, no time to write anything: what the last epoch left is enough."""
    words = overrides(pieces, tmp_path, *SHORT, "trainer.max_steps=100000")
    last = tmp_path / "last.ckpt"
    with subprocess.Popen([sys.executable, "-m", "transcribe.train", *words]) as run:
        while not last.exists() and run.poll() is None:
            time.sleep(0.1)
        time.sleep(0.5)
        run.kill()
    assert run.returncode == -signal.SIGKILL
    reached = torch.load(last, weights_only=False)["global_step"]
    assert reached >= 2
    train(settings(pieces, tmp_path, *SHORT, f"trainer.max_steps={reached + 2}"))
    assert torch.load(last, weights_only=False)["global_step"] == reached + 2


def test_a_run_that_is_asked_to_end_does_not_end_in_success(pieces, tmp_path, monkeypatch):
    """As a scheduler asks; a recipe would otherwise go on to its test."""

    def asked(_: LitTranscriber) -> None:
        raise SIGTERMException

    monkeypatch.setattr(LitTranscriber, "on_train_epoch_start", asked)
    with pytest.raises(SystemExit, match="143"):
        train(settings(pieces, tmp_path, *SHORT, "trainer.max_steps=4"))


def test_a_run_that_goes_on_ends_in_the_weights_of_one_that_never_stopped(
    pieces, tmp_path, monkeypatch
):
    """Windows, dropout, the average, the rate and the optimiser all go on where they were."""
    words = [*SHORT[:2], "data.validation_windows=1", "data.validation_seconds=2"]
    words += ["trainer.max_steps=6", "model.dropout=0.2"]
    whole = load_checkpoint(train(settings(pieces, tmp_path / "whole", *words)))

    def stop(module: LitTranscriber) -> None:
        if module.current_epoch == 1:
            raise InterruptedError
        begin(module)

    begin = LitTranscriber.on_train_epoch_start
    with monkeypatch.context() as patch:
        patch.setattr(LitTranscriber, "on_train_epoch_start", stop)
        with pytest.raises(InterruptedError):
            train(settings(pieces, tmp_path / "stopped", *words))
    stopped = torch.load(tmp_path / "stopped" / "last.ckpt", weights_only=False)
    assert stopped["global_step"] == 2
    resumed = load_checkpoint(train(settings(pieces, tmp_path / "stopped", *words)))
    assert resumed.metadata["steps"] == whole.metadata["steps"] == "6"
    assert resumed.metadata["sha256"] == whole.metadata["sha256"]


ON_DEVICE = (
    "augment=realistic",
    "data.windows_per_epoch=4",
    "data.batch_size=4",
    "data.window_frames=16",
    "data.validation_windows=0",
    "data.on_device=true",
    "data.reuse=2",
    "data.n_synthetic_rooms=2",
)


def test_windows_may_be_part_of_several_batches(pieces, tmp_path):
    """Two new windows a step of four: the music that was played is counted once."""
    train(settings(pieces, tmp_path, *ON_DEVICE, "trainer.max_steps=4"))
    last = torch.load(tmp_path / "last.ckpt", weights_only=False)
    assert last["global_step"] == 4
    assert last["n_windows_seen"] == 8


@pytest.mark.parametrize(
    ("word", "message"),
    [("data.reuse=3", "divides data.batch_size"), ("data.on_device=false", "needs data.on_device")],
)
def test_windows_that_can_not_be_reused_are_refused(pieces, tmp_path, word, message):
    config = settings(pieces, tmp_path, *ON_DEVICE, word)
    with pytest.raises(ValueError, match=message):
        config.data.check()


class Clock:
    """A second passes whenever somebody looks; the machine's load plays no part."""

    now = 0.0

    def monotonic(self) -> float:
        self.now += 1.0
        return self.now


def test_a_run_may_end_by_the_clock(pieces, tmp_path, monkeypatch):
    """It stops when its minutes are over, with the rate at nothing, and knows it when resumed."""
    monkeypatch.setattr("transcribe.train.lit_module.time", Clock())
    words = [*SHORT, "trainer.max_minutes=0.1", "optimizer.decay_share=0.5"]
    words += ["trainer.max_steps=100000", "optimizer.warmup_steps=1"]
    train(settings(pieces, tmp_path, *words))
    last = torch.load(tmp_path / "last.ckpt", weights_only=False)
    assert last["seconds_trained"] == 6
    assert last["global_step"] == 6
    assert last["optimizer_states"][0]["param_groups"][0]["lr"] < 0.4 * 6e-3
    train(settings(pieces, tmp_path, *words))
    again = torch.load(tmp_path / "last.ckpt", weights_only=False)
    assert again["global_step"] - last["global_step"] <= 2


def test_a_rate_that_follows_the_clock_falls_to_nothing_at_its_end():
    done = [0.0]
    factor = OptimizerConfig(warmup_steps=4, decay_share=0.5).timed_schedule(lambda: done[0])
    assert [factor(step) for step in (0, 1, 3, 9)] == [0.25, 0.5, 1, 1]
    for share, expected in ((0.5, 1), (0.75, 0.5), (0.9, 0.2), (1.0, 0), (1.3, 0)):
        done[0] = share
        assert factor(9) == pytest.approx(expected)


def test_what_is_frozen_stays_and_the_rest_learns(pieces, tmp_path):
    """Weights and what normalisation has seen; training begins with them."""
    words = [*SHORT, "trainer.max_steps=2"]
    first = train(settings(pieces, tmp_path / "first", *words))
    frozen = ["network.stack.attack", "network.stack.key_bias", "network.touch"]
    more = [f"initial_weights={first}", f"optimizer.frozen=[{','.join(frozen)}]"]
    second = train(settings(pieces, tmp_path / "second", *words, *more))
    before, after = (load_checkpoint(path).model.state_dict() for path in (first, second))
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert not [name for name in changed if name.startswith(tuple(frozen))]
    parts = {name.split(".")[1] for name in changed}
    assert {"stack", "sequence", "head", "pedal_head"} <= parts


def test_a_network_with_fewer_blocks_starts_from_the_first_ones(pieces, tmp_path):
    words = [*SHORT, "trainer.max_steps=1"]
    first = train(settings(pieces, tmp_path / "first", *words, "model.n_blocks=2"))
    known = load_checkpoint(first).model.state_dict()
    config = settings(pieces, tmp_path, f"initial_weights={first}", "model.n_blocks=1")
    started = LitTranscriber(config).model.state_dict()
    assert len(started) < len(known)
    assert all(torch.equal(part, known[name]) for name, part in started.items())


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("model.n_blocks=2", r"model\.n_blocks = 2; found 1"),
        ("model.width=32", r"model\.width = 32; found"),
        ("model.intervals=[12,19,24,31]", r"model\.intervals = .*31\]; found .*28\]"),
    ],
)
def test_weights_of_another_network_are_refused(pieces, tmp_path, word, message):
    first = train(settings(pieces, tmp_path / "first", *SHORT, "trainer.max_steps=1"))
    with pytest.raises(CheckpointError, match=message):
        LitTranscriber(settings(pieces, tmp_path, f"initial_weights={first}", word))


def test_a_part_that_the_network_does_not_have_can_not_be_frozen(pieces, tmp_path):
    with pytest.raises(ValueError, match=r"'network.stak'.*it has network.stack"):
        LitTranscriber(settings(pieces, tmp_path, "optimizer.frozen=[network.stak]"))


def test_a_run_by_the_clock_needs_to_know_when_its_rate_falls(pieces, tmp_path):
    with pytest.raises(ValueError, match="decay_share"):
        train(settings(pieces, tmp_path, *SHORT, "trainer.max_minutes=1", "trainer.max_steps=9"))


@pytest.mark.parametrize(("has_bfloat16", "expected"), [(True, "bf16-mixed"), (False, "32-true")])
def test_a_processor_without_bfloat16_trains_in_float32(
    pieces, tmp_path, monkeypatch, has_bfloat16, expected
):
    """Elsewhere LSTMs would not be found for it, and convolutions be slower than in float32."""
    monkeypatch.setattr("transcribe.train.trainer.fast_bfloat16", lambda _: has_bfloat16)
    config = settings(pieces, tmp_path, "trainer.accelerator=cpu", "trainer.precision=bf16-mixed")
    assert make_trainer(config).precision == expected


def test_same_seed_same_weights(pieces, tmp_path):
    short = ["data.windows_per_epoch=8", "data.window_frames=16", "trainer.max_steps=2"]
    short.append("data.validation_windows=0")
    weights = [train(settings(pieces, tmp_path / name, *short)) for name in "ab"]
    checksums = [load_checkpoint(path).metadata["sha256"] for path in weights]
    assert checksums[0] == checksums[1]


def test_lightning_has_no_doubt_whose_hooks_it_calls(pieces, tmp_path, recwarn):
    warning_cache.clear()  # it says everything once in a process
    short = ["data.windows_per_epoch=4", "data.window_frames=16", "trainer.max_steps=1"]
    short += ["data.validation_windows=1", "data.validation_seconds=2.0"]
    train(settings(pieces, tmp_path, *short))
    assert not [str(each.message) for each in recwarn if "overridden" in str(each.message)]


def test_the_network_sees_as_many_activations_as_it_is_taught():
    rolls = encode(random_piece(0), FeatureConfig().grid, 20)
    assert as_planes(rolls).activations().shape == (1, 20, N_ACTIVATIONS)
