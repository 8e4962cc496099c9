"""Ablations: every row differs from the base in what it says, and compute is what is equal."""

from __future__ import annotations

import time

import numpy as np
import pytest
import torch
import yaml

from eval.accuracy import ablations
from eval.accuracy.validation import train_config
from transcribe.rolls import N_ACTIVATIONS
from transcribe.train.config import TrainConfig
from transcribe.train.lit_transcriber import LitTranscriber

PLAN = yaml.safe_load(ablations.ROWS_PATH.read_text(encoding="utf-8"))


def test_at_least_six_rows_each_with_a_lesson():
    assert len(PLAN["rows"]) >= 6
    for row in PLAN["rows"].values():
        assert row["learned"].endswith(".")


@pytest.mark.parametrize("name", PLAN["rows"])
def test_a_row_composes_and_changes_something(name):
    overrides = PLAN["rows"][name]["overrides"]
    base = train_config(["experiment=rendered", *PLAN["base"]])
    changed = train_config(["experiment=rendered", *PLAN["base"], *overrides])
    assert (changed == base) == (not overrides)


def small_config() -> TrainConfig:
    config = TrainConfig()
    config.model.conv_channels = config.model.width = config.model.lstm_size = 4
    config.model.n_blocks = config.model.context_size = config.model.pedal_size = 1
    config.data.batch_size = 2
    config.data.window_frames = 16
    return config


@pytest.fixture
def paths(tmp_path):
    torch.manual_seed(0)
    features = TrainConfig().features
    paths = [tmp_path / f"{index}.pt" for index in range(40)]
    for path in paths:
        window = {
            "frames": torch.rand(16, features.n_channels, features.n_bins).half(),
            "targets": (torch.rand(16, N_ACTIVATIONS) < 0.05).half(),
            "pedal_known": torch.tensor(1.0).half(),
            "velocity_known": torch.tensor(1.0).half(),
        }
        torch.save(window, path)
    return paths


def test_training_stops_when_its_time_is_up(paths):
    began = time.process_time()
    n_steps, loss = ablations.train_for(LitTranscriber(small_config()), paths, 0.2)
    assert 1 <= n_steps <= 20
    assert n_steps == 20 or time.process_time() - began < 3
    terms = {"onset", "offset", "frame", "sounding", "shift", "pedal"}
    assert set(loss) == terms | {"velocity", "velocity_relative"}


def test_training_stops_when_the_windows_are_used_up(paths):
    lit_module = LitTranscriber(small_config())
    before = lit_module.model.network.head.linear.weight.detach().clone()
    n_steps, _ = ablations.train_for(lit_module, paths[:7], 600.0)
    assert n_steps == 3
    assert not torch.equal(before, lit_module.model.network.head.linear.weight)


def test_the_table_has_means_in_percent_and_the_lessons():
    row = {
        "n_parameters": 344_480,
        "hours_of_music": 3.13,
        "f1": {name: [0.5, 0.7] for name in ablations.FIGURES},
        "velocity_correlation": [0.5, None, 0.7],
        "learned": "Wider is better.",
    }
    text = ablations.table({"rows": {"wide": row}})
    assert "| wide | 344 k | 3.1 | 60.0 |" in text
    assert "| 0.60 |" in text
    assert "- **wide**: Wider is better." in text
    assert np.all(
        [line.count("|") == text.splitlines()[0].count("|") for line in text.splitlines()[:3]]
    )
