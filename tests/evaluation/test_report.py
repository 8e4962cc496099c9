"""What a run leaves for a person: curves over all starts, a table, pictures."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
import pytest

from transcribe.errors import TranscribeError
from transcribe.features import FeatureConfig
from transcribe.notes import Note, PedalPress, Performance
from transcribe.rolls import encode
from transcribe.train.config import TrainConfig
from transcribe.train.loggers import make_loggers
from transcribe.train.pictures import draw_curves, draw_roll
from transcribe.train.report import markdown, read_curves

GRID = FeatureConfig().grid
PNG = b"\x89PNG\r\n\x1a\n"


def write_log(output: Path, version: int, rows: list[str]) -> None:
    path = output / "log" / f"version_{version}" / "metrics.csv"
    path.parent.mkdir(parents=True)
    path.write_text("\n".join(["epoch,loss,step,val/onset", *rows]) + "\n")


def test_a_later_start_replaces_what_was_reached_beyond_its_first_step(tmp_path):
    """Killed at step 29, resumed from 20: steps 20 and 29 were lost with the process."""
    write_log(tmp_path, 0, ["0,3.0,9,", "0,,19,0.5", "1,2.0,20,", "1,9.0,29,"])
    write_log(tmp_path, 1, ["1,1.5,20,", "1,1.0,39,", "1,,39,0.7"])
    curves = read_curves(tmp_path)
    assert curves["loss"] == [(9, 3.0), (20, 1.5), (39, 1.0)]
    assert curves["val/onset"] == [(19, 0.5), (39, 0.7)]


def test_ten_starts_are_in_the_order_of_their_numbers(tmp_path):
    for version in range(11):
        write_log(tmp_path, version, [f"0,{version}.0,{10 * version},"])
    assert read_curves(tmp_path)["loss"] == [(10 * i, float(i)) for i in range(11)]


def test_a_run_that_logged_nothing_has_no_curves(tmp_path):
    assert read_curves(tmp_path) == {}
    draw_curves({}, tmp_path / "curves.png", title="nothing")
    assert (tmp_path / "curves.png").read_bytes().startswith(PNG)


def test_the_table_has_every_passage_their_mean_and_the_past():
    passages = [
        (0, "Waltz", {"val/onset": 0.5, "val/pedal_onset": 0.2}),
        (1, "Song | without words", {"val/onset": 0.9}),
    ]
    lines = markdown(passages, {"val/onset": [(99, 0.3), (199, 0.7)]}, 200).splitlines()
    assert lines[0] == "# Validation after 200 steps"
    assert "| passage | onset | pedal onset |" in lines
    assert "| 1 Waltz | 50.0 | 20.0 |" in lines
    assert "| 2 Song / without words | 90.0 |  |" in lines
    assert "| **mean** | 70.0 | 20.0 |" in lines
    assert lines[-2:] == ["| 100 | 30.0 |  |", "| 200 | 70.0 |  |"]


def test_a_roll_shows_where_the_network_was_sure(tmp_path):
    """The picture of a network that says one long note is darker where that note is."""
    import matplotlib.image

    played = Performance(
        [Note(onset=1.0, pitch=60, offset=7.0, velocity=80)], [PedalPress(onset=2.0, offset=3.0)]
    )
    rolls = encode(played, GRID, 250)
    shades = []
    for name, said in (("silent", rolls), ("sure", rolls)):
        if name == "silent":
            said = type(rolls).empty(250)
        draw_roll(said, GRID, Performance(), Performance(), tmp_path / f"{name}.png", title=name)
        shades.append(matplotlib.image.imread(tmp_path / f"{name}.png")[..., :3].mean())
    assert shades[1] < shades[0] - 0.005
    draw_roll(rolls, GRID, played, played, tmp_path / "right.png", title="right")
    coloured = matplotlib.image.imread(tmp_path / "right.png")[..., :3]
    assert np.ptp(coloured, axis=2).max() > 0.5


def test_curves_are_drawn_for_what_there_is(tmp_path):
    curves = {
        "loss": [(10 * i, 10.0 / (i + 1)) for i in range(30)],
        "loss/onset": [(10 * i, 2.0 / (i + 1)) for i in range(30)],
        "val/onset": [(149, 0.4), (299, 0.8)],
        "lr-AdamW": [(10 * i, 1e-3) for i in range(30)],
    }
    draw_curves(curves, tmp_path / "a" / "curves.png", title="three panels")
    assert (tmp_path / "a" / "curves.png").read_bytes().startswith(PNG)
    assert not list(tmp_path.glob("**/*.part"))


def config(tmp_path: Path, **trainer: bool) -> TrainConfig:
    made = TrainConfig(name="study", output=str(tmp_path))
    for name, value in trainer.items():
        setattr(made.trainer, name, value)
    return made


class TestLoggers:
    def test_csv_alone_unless_asked(self, tmp_path):
        assert [type(each).__name__ for each in make_loggers(config(tmp_path))] == ["CSVLogger"]

    @pytest.mark.parametrize("package", ["tensorboard", "wandb"])
    def test_a_missing_package_is_named_with_the_command_that_installs_it(
        self, tmp_path, monkeypatch, package
    ):
        monkeypatch.setitem(sys.modules, package, None)
        expected = rf"trainer.{package}=true needs {package}.*pip install 'transcribe\[{package}\]'"
        with pytest.raises(TranscribeError, match=expected):
            make_loggers(config(tmp_path, **{package: True}))

    def test_tensorboard_gets_the_figures(self, tmp_path):
        logger = make_loggers(config(tmp_path, tensorboard=True))[1]
        logger.log_metrics({"loss": 2.5}, step=3)
        logger.save()
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

        read = EventAccumulator(logger.log_dir)
        read.Reload()
        assert [(each.step, each.value) for each in read.Scalars("loss")] == [(3, 2.5)]

    def test_wandb_offline_writes_its_run_and_sends_nothing(self, tmp_path, monkeypatch):
        """The real package: its file has the figures, and a second start keeps the id."""
        pytest.importorskip("wandb", reason="the extra wandb, not part of dev, is not installed")
        monkeypatch.setenv("WANDB_MODE", "offline")
        monkeypatch.setenv("WANDB_SILENT", "true")
        settings = config(tmp_path, wandb=True)
        logger = make_loggers(settings)[1]
        logger.log_metrics({"loss": 2.5}, step=3)
        assert logger.experiment.settings.mode == "offline"
        logger.experiment.finish()
        (written,) = (tmp_path / "wandb").glob("offline-run-*/*.wandb")
        given_up = time.monotonic() + 60
        while b"loss" not in written.read_bytes():  # its own process writes it, a moment later
            assert time.monotonic() < given_up
            time.sleep(0.1)
        identity = (tmp_path / "wandb-id.txt").read_text().strip()
        assert written.name == f"run-{identity}.wandb"
        assert make_loggers(settings)[1]._id == identity
