"""Weights files: what is written is read, and what is damaged is refused."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from transcribe.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from transcribe.decode.config import DecodeConfig
from transcribe.errors import CheckpointError
from transcribe.features import FeatureConfig
from transcribe.model.config import ModelConfig
from transcribe.model.onsets_and_frames import OnsetsAndFrames
from transcribe.windows import WindowConfig


@pytest.fixture
def checkpoint() -> Checkpoint:
    torch.manual_seed(0)
    features = FeatureConfig(floor_db=-80.0)
    model = ModelConfig(conv_channels=4, width=8, n_blocks=1, lstm_size=4, pedal_size=4)
    return Checkpoint(
        OnsetsAndFrames(model, features).eval(),
        features,
        WindowConfig(window_frames=100, context_frames=10),
        DecodeConfig(onset_threshold=0.4),
        {"name": "small", "licence": "CC0"},
    )


def test_round_trip(checkpoint, tmp_path):
    path = tmp_path / "folder" / "weights.safetensors"
    save_checkpoint(checkpoint, path)
    loaded = load_checkpoint(path)
    assert loaded.features == checkpoint.features
    assert loaded.windows == checkpoint.windows
    assert loaded.decode == checkpoint.decode
    assert loaded.model.config == checkpoint.model.config
    assert loaded.name == "small"
    assert loaded.metadata["licence"] == "CC0"
    assert len(loaded.metadata["sha256"]) == 64
    frames = np.random.default_rng(0).random((20, 3, 297)).astype(np.float32)
    np.testing.assert_allclose(
        loaded.model.activations(frames), checkpoint.model.activations(frames), atol=0.02
    )
    assert [p.name for p in path.parent.iterdir()] == ["weights.safetensors"]


def test_half_precision(checkpoint, tmp_path):
    path = tmp_path / "weights.safetensors"
    save_checkpoint(checkpoint, path)
    n_parameters = sum(p.numel() for p in checkpoint.model.parameters())
    assert path.stat().st_size < 2.5 * n_parameters + 12_000


def test_missing(tmp_path):
    with pytest.raises(CheckpointError, match="no such weights file"):
        load_checkpoint(tmp_path / "nowhere.safetensors")


def test_not_weights(tmp_path):
    path = tmp_path / "song.safetensors"
    path.write_bytes(b"not a weights file at all")
    with pytest.raises(CheckpointError, match="not a readable weights file"):
        load_checkpoint(path)


def test_truncated(checkpoint, tmp_path):
    path = tmp_path / "weights.safetensors"
    save_checkpoint(checkpoint, path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(CheckpointError, match="get it again"):
        load_checkpoint(path)


def test_one_flipped_bit(checkpoint, tmp_path):
    path = tmp_path / "weights.safetensors"
    save_checkpoint(checkpoint, path)
    content = bytearray(path.read_bytes())
    content[-40] ^= 1
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match="checksum"):
        load_checkpoint(path)


def test_weights_of_another_program(tmp_path):
    path = tmp_path / "weights.safetensors"
    save_file({"a": torch.zeros(3)}, path)
    with pytest.raises(CheckpointError, match="another program"):
        load_checkpoint(path)


def test_settings_of_another_version(checkpoint, tmp_path):
    path = tmp_path / "weights.safetensors"
    save_checkpoint(checkpoint, path)
    content = path.read_bytes().replace(b"onset_threshold", b"onset_thresholt")
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match="decode settings"):
        load_checkpoint(path)


ABSURD = [
    ("model", {"conv_channels": 10**12}, r"conv_channels is 1 to"),
    ("model", {"width": 8192}, "do not fit"),
    ("model", {"width": "64"}, "expected width of type int, found '64'"),
    ("model", {"harmonics": [[1.0, "2"], [1.0]]}, "expected harmonics"),
    ("model", {"intervals": [0]}, "1 to 87 semitones"),
    ("model", {"lstm_stride": 0}, "lstm_stride is 1 to"),
    ("model", {"n_blocks": 10**9}, "n_blocks is 0 to"),
    ("model", {"dropout": float("nan")}, "dropout"),
    ("features", {"hop_length": 0}, "hop_length is 1 to"),
    ("features", {"hop_length": True}, "expected hop_length of type int, found True"),
    ("features", {"windows": [10**9, 1024]}, "windows is 2 to"),
    ("features", {"sample_rate": -16000}, "sample_rate is 1000 to"),
    ("features", {"floor_db": 0.0}, "floor_db is"),
    ("features", {"n_bins": 10**9}, "n_bins is 1 to"),
    ("windows", {"window_frames": 0}, "window must be longer"),
    ("decode", {"onset_threshold": float("inf")}, "expected onset_threshold"),
    ("decode", {"bridge_frames": -1}, "bridge_frames is 0 or more"),
]


@pytest.mark.parametrize(("part", "change", "said"), ABSURD)
def test_absurd_settings_are_refused_in_words(checkpoint, tmp_path, part, change, said):
    path = tmp_path / "weights.safetensors"
    save_checkpoint(checkpoint, path)
    with safe_open(path, framework="pt") as file:
        header = file.metadata()
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    header[part] = json.dumps(json.loads(header[part]) | change)
    save_file(tensors, path, metadata=header)
    with pytest.raises(CheckpointError, match=said):
        load_checkpoint(path)


@pytest.mark.parametrize("text", ["[" * 100_000, "[]", "3", "{"])
def test_settings_that_are_no_settings_are_refused_in_words(checkpoint, tmp_path, text):
    path = tmp_path / "weights.safetensors"
    save_checkpoint(checkpoint, path)
    with safe_open(path, framework="pt") as file:
        header = {**file.metadata(), "decode": text}
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    save_file(tensors, path, metadata=header)
    with pytest.raises(CheckpointError, match="decode settings can't be used"):
        load_checkpoint(path)
