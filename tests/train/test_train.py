"""Training: targets true to the sound, losses, the sampler, and going on after a stop."""

from __future__ import annotations

import csv
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from omegaconf.errors import ConfigAttributeError, ConfigKeyError
from pytorch_lightning.trainer.connectors.data_connector import warning_cache

from eval.data.synthetic_bank import write_synthetic_bank
from transcribe.checkpoint import load_checkpoint
from transcribe.datasets.index import COLUMNS
from transcribe.errors import CheckpointError
from transcribe.features import FeatureConfig
from transcribe.midi import read_midi, write_midi
from transcribe.model.planes import Planes
from transcribe.notes import Note, PedalPress, Performance, sustained
from transcribe.rolls import N_ACTIVATIONS, Rolls, encode
from transcribe.synthesis.performance_arrays import PerformanceArrays
from transcribe.synthesis.render import render
from transcribe.synthesis.sample_bank import SampleBank
from transcribe.train.__main__ import train
from transcribe.train.augment.config import AugmentConfig
from transcribe.train.conf import CONF
from transcribe.train.config import OptimizerConfig, TrainConfig
from transcribe.train.data_module import WindowSampler
from transcribe.train.features import TorchFeatures
from transcribe.train.lit_transcriber import LitTranscriber
from transcribe.train.trainer import make_trainer
from transcribe.train.training_windows import TrainingWindows

SECONDS = 16.0


def random_piece(seed: int) -> Performance:
    """Two voices with some pedal, like a beginner's study."""
    rng = np.random.default_rng(seed)
    notes = []
    for low, high, step in ((40, 58, 0.5), (60, 86, 0.25)):
        for onset in np.arange(0.5, SECONDS - 1, step):
            if rng.random() < 0.15:
                continue
            notes.append(
                Note(
                    onset=float(onset + rng.normal(0, 0.01)),
                    pitch=int(rng.integers(low, high)),
                    offset=float(onset + step * rng.uniform(0.6, 0.9)),
                    velocity=int(rng.integers(50, 110)),
                )
            )
    starts = np.arange(2.0, 10.0, 2.0) + 0.3 * seed
    pedal = [PedalPress(onset=float(t), offset=float(t + 1.7)) for t in starts]
    return Performance(notes=notes, pedal=pedal)


@pytest.fixture(scope="session")
def pieces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder: two MIDI files, their index, and one instrument."""
    folder = tmp_path_factory.mktemp("pieces")
    write_synthetic_bank(folder / "instruments" / "synthetic")
    with (folder / "pieces.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(COLUMNS)
        for seed in (1, 2):
            write_midi(random_piece(seed), folder / f"{seed}.mid")
            table.writerow(["Test", f"Study {seed}", "train", 2026, f"{seed}.mid", "", SECONDS])
    return folder


def overrides(pieces: Path, output: Path, *more: str) -> list[str]:
    """What the command line would say for the tiny experiment on the pieces."""
    return [
        "experiment=tiny",
        "data=pieces",
        f"output={output}",
        f"data.sources.pieces.index={pieces / 'pieces.csv'}",
        f"data.validation_sources.pieces.index={pieces / 'pieces.csv'}",
        f"data.instruments={pieces / 'instruments'}",
        "trainer.progress_bar=false",
        *more,
    ]


def settings(pieces: Path, output: Path, *more: str) -> TrainConfig:
    """The same as plain dataclasses."""
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose("train", overrides=overrides(pieces, output, *more))
    return OmegaConf.to_object(config)


def as_planes(rolls: Rolls) -> Planes:
    return Planes.unstack(torch.from_numpy(rolls.stack())[None])


class TestWindows:
    def test_same_number_same_window(self, pieces, tmp_path):
        config = settings(pieces, tmp_path)
        made = [
            TrainingWindows(config.data, AugmentConfig(), config.features, seed=5)[7]
            for _ in range(2)
        ]
        for key in made[0]:
            assert torch.equal(made[0][key], made[1][key])

    def test_no_two_windows_are_alike(self, pieces, tmp_path):
        config = settings(pieces, tmp_path)
        windows = TrainingWindows(config.data, AugmentConfig(), config.features, seed=5)
        assert not torch.equal(windows[0]["frames"], windows[1]["frames"])
        other = TrainingWindows(config.data, AugmentConfig(), config.features, seed=6)
        assert not torch.equal(windows[0]["frames"], other[0]["frames"])

    @pytest.mark.parametrize("cents", [0.0, 40.0])
    def test_the_sound_begins_where_the_target_says(self, pieces, tmp_path, cents):
        """Loudness at a key's fundamental rises at its onsets, detuned or not."""
        config = settings(pieces, tmp_path, f"data.detune_cents={cents}")
        windows = TrainingWindows(config.data, AugmentConfig.nothing(), config.features, seed=1)
        rises, elsewhere = [], []
        for index in range(6):
            window = windows[index]
            rolls = Rolls.unstack(window["targets"].numpy())
            attack = window["frames"].numpy()[:, 1:, 1:265:3].mean(1)
            rise = attack[2:] - attack[:-2]
            onset = rolls.onset[1:-1] > 0
            near = abs(rolls.onset_shift[1:-1]) < 0.5
            rises.extend(rise[onset & near])
            elsewhere.extend(rise[~onset])
        assert np.median(rises) > 0.1
        assert abs(np.median(elsewhere)) < 0.02

    def test_detuning_moves_the_pitch_not_the_label(self, pieces, tmp_path):
        """A window 40 cents sharp has its loudest bins higher, and no other note names."""
        data = settings(pieces, tmp_path).data
        windows = TrainingWindows(data, AugmentConfig.nothing(), FeatureConfig(), seed=1)
        source = windows.sources[0]
        stretch = 2 ** (-40 / 1200)
        table = source.table(0)
        plain = table.excerpt(0.0, 4.0)
        moved = table.excerpt(0.0, 4.0, stretch)
        assert [n.pitch for n in plain.notes] == [n.pitch for n in moved.notes]
        for before, after in zip(plain.notes, moved.notes, strict=True):
            assert after.onset == pytest.approx(before.onset * stretch)
            assert after.offset == pytest.approx(before.offset * stretch)

    def test_recordings_are_used_where_there_are_any(self, pieces, tmp_path):
        """The same piece as audio: its samples come from the cache, not a new rendering."""
        from transcribe.audio.wav import write_wav

        bank = SampleBank.load(pieces / "instruments" / "synthetic")
        piece = read_midi(pieces / "1.mid")
        folder = tmp_path / "recorded"
        folder.mkdir()
        write_midi(piece, folder / "1.mid")
        write_wav(folder / "1.wav", render(piece, bank), 16000)
        (folder / "index.csv").write_text(
            "canonical_composer,canonical_title,split,year,midi_filename,audio_filename,duration\n"
            f"Test,Study,train,2026,1.mid,1.wav,{SECONDS}\n"
        )
        config = settings(
            pieces,
            tmp_path,
            f"data.sources.pieces.index={folder / 'index.csv'}",
            f"data.cache={tmp_path / 'cache'}",
        )
        windows = TrainingWindows(config.data, AugmentConfig.nothing(), config.features, seed=1)
        assert windows.instruments is None
        window = windows[0]
        rolls = Rolls.unstack(window["targets"].numpy())
        sounding = rolls.sounding.sum(1) > 0
        level = window["frames"].numpy()[:, 0, :264].max(1)
        assert level[sounding].min() > 0.3
        assert len(list((tmp_path / "cache").iterdir())) == 1

    def test_what_is_preloaded_is_what_would_have_been_read(self, pieces, tmp_path):
        """Whoever reads them, windows are the same."""
        words = ["data.detune_cents=10"], ["data.detune_cents=10", "data.preload=true"]
        made = []
        for more in words:
            config = settings(pieces, tmp_path, *more)
            windows = TrainingWindows(config.data, AugmentConfig(), config.features, seed=5)
            made.append([windows[index]["frames"] for index in range(3)])
        assert all(torch.equal(*pair) for pair in zip(*made, strict=True))

    def test_on_the_device_a_window_comes_as_it_was_played(self, pieces, tmp_path):
        """Features of its samples are the frames of a window without augmentation."""
        plain = settings(pieces, tmp_path)
        moved = settings(pieces, tmp_path, "data.on_device=true")
        made = [
            TrainingWindows(config.data, AugmentConfig.nothing(), config.features, seed=5)[3]
            for config in (plain, moved)
        ]
        frames = TorchFeatures(plain.features)(made[1]["samples"])
        torch.testing.assert_close(frames, made[0]["frames"], atol=1e-4, rtol=0)
        torch.testing.assert_close(
            made[1]["targets"].float(), made[0]["targets"], atol=1e-3, rtol=0
        )

    def test_nobody_plays_in_some_windows(self, pieces, tmp_path):
        config = settings(pieces, tmp_path, "data.empty_probability=1")
        config.data.n_synthetic_noises = 3
        windows = TrainingWindows(config.data, config.augment, config.features, seed=0)
        shape = windows[0]["frames"].shape
        loudest = []
        for index in range(8):
            window = windows[index]
            assert window["frames"].shape == shape
            assert not window["targets"].any()
            loudest.append(float(window["frames"].max()))
        assert max(loudest) > 0.5

    def test_pedal_extension_is_a_setting(self, pieces, tmp_path):
        def frames_on(extended: str) -> float:
            config = settings(pieces, tmp_path, f"data.pedal_extended={extended}")
            windows = TrainingWindows(config.data, AugmentConfig(), config.features, seed=1)
            return sum(
                float(Rolls.unstack(windows[i]["targets"].numpy()).frame.sum()) for i in range(8)
            )

        assert frames_on("true") > 1.2 * frames_on("false")

    def test_velocities_that_no_player_made_are_not_learnt(self, pieces, tmp_path):
        config = settings(pieces, tmp_path, "data.sources.pieces.velocities=false")
        window = TrainingWindows(config.data, config.augment, config.features, seed=0)[0]
        assert window["velocity_known"] == 0
        assert window["pedal_known"] == 1

    def test_an_excerpt_holds_what_sounds_in_it(self):
        piece = random_piece(4)
        part = PerformanceArrays.of(piece).excerpt(5.0, 8.0)
        expected = {
            (note.onset, note.pitch)
            for note, long_note in zip(piece.notes, sustained(piece).notes, strict=True)
            if note.onset < 8.0 and max(note.offset, long_note.offset) > 5.0
        }
        assert {(note.onset, note.pitch) for note in part.notes} == expected


class TestSampler:
    def test_epochs_and_processes_never_share_a_window(self):
        seen = []
        for epoch in range(3):
            for rank in range(2):
                sampler = WindowSampler(10, rank, 2, epoch=lambda epoch=epoch: epoch)
                assert len(list(sampler)) == len(sampler) == 5
                seen.extend(sampler)
        assert sorted(seen) == list(range(30))


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


SHORT = ("data.windows_per_epoch=8", "data.window_frames=16", "data.validation_windows=0")
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
