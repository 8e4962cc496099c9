"""Weights files: what is written is read, and what is damaged is refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from transcribe.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from transcribe.decode import DecodeConfig
from transcribe.errors import CheckpointError
from transcribe.features import FeatureConfig
from transcribe.model import ModelConfig, OnsetsAndFrames
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
