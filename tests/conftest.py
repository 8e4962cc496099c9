"""What several tests need: a melody of plain tones, and networks small enough to wait for."""

from __future__ import annotations

import logging
import os
import sys
import wave
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import hypothesis
import numpy as np
import pytest

# The same examples in every run, so that a failure is of the change at hand;
# HYPOTHESIS_PROFILE=explore looks for new ones.
hypothesis.settings.register_profile("same", derandomize=True, database=None, deadline=None)
hypothesis.settings.register_profile("explore", max_examples=2000, deadline=None)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))

# Before torch is imported, here and in what tests start: threads that contend with
# another process for a core make these small networks many times slower.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# absl, which note_seq and tensorboard log with, closes the stream that it found as sys.stderr once
# Hydra sets logging up anew: were that pytest's, no test after it would run.
with suppress(ImportError):
    import absl.logging

    absl.logging.get_absl_handler().python_handler.stream = sys.__stderr__

# Before they are imported: so that what several tests assert tells as much as a test's own.
pytest.register_assert_rewrite("chromium", "live_page", "site_checks", "page", "tab")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What fails in a browser is tried once more, and counted as such at the end: beside other
    work a browser is late now and then, with sound above all."""
    for item in items:
        if item.path.parent.name in ("page", "tab"):
            item.add_marker(pytest.mark.flaky(reruns=1))


SAMPLE_RATE = 16000
MELODY = ((0.0, 81, 0.4), (0.5, 84, 0.9), (1.0, 88, 1.9), (1.0, 93, 1.4), (2.0, 81, 2.6))
"""Onset, pitch, offset of the notes that `melody_samples` holds."""
MELODY_SECONDS = 3.0


def melody_samples(sample_rate: int = SAMPLE_RATE) -> np.ndarray:
    """`MELODY` in sines with soft edges, shape (n_samples,), float32, below full scale."""
    time = np.arange(round(MELODY_SECONDS * sample_rate)) / sample_rate
    samples = np.zeros(len(time))
    for onset, pitch, offset in MELODY:
        edges = np.clip(np.minimum(time - onset, offset - time) / 0.005, 0, 1)
        samples += 0.4 * edges * np.sin(2 * np.pi * 440 * 2 ** ((pitch - 69) / 12) * time)
    return samples.astype(np.float32)


def write_pcm(path: Path, samples: np.ndarray, sample_rate: int = SAMPLE_RATE) -> Path:
    """Write a 16-bit WAV without the package; shape (n_samples,) or (n_samples, n_channels)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1 if samples.ndim == 1 else samples.shape[1])
        file.setsampwidth(2)
        file.setframerate(sample_rate)
        file.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
    return path


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """What a command logs to is closed with its test: no later one writes there."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    for handler in root.handlers[:]:
        if handler not in handlers:
            root.removeHandler(handler)
    root.setLevel(level)


@pytest.fixture
def melody_wav(tmp_path: Path) -> Callable[..., Path]:
    """Write the melody under a name in the test's folder: ``melody_wav("song.wav")``."""

    def write(name: str = "song.wav") -> Path:
        return write_pcm(tmp_path / name, melody_samples())

    return write


@pytest.fixture(scope="session")
def tone_checkpoint():
    """A checkpoint whose network is a stand-in that hears plain tones from A5 upwards.

    A key is down while its fundamental is above -18 dB in the short spectrum; velocities
    are 64 / 127; there is no pedal. It sees one frame to either side.
    """
    from transcribe.checkpoint import Checkpoint
    from transcribe.decode.config import DecodeConfig
    from transcribe.features import FeatureConfig
    from transcribe.rolls import Rolls
    from transcribe.windows import WindowConfig

    class ToneFollower:
        device_name = "cpu"

        def __init__(self, features: FeatureConfig) -> None:
            per_key = features.bins_per_semitone
            self.bins = np.arange(88) * per_key + per_key // 2

        def activations(self, frames: np.ndarray) -> np.ndarray:
            down = frames[:, 1:, self.bins].mean(1) > 0.8
            down[:, :60] = False
            before = np.concatenate([np.zeros_like(down[:1]), down[:-1]])
            rolls = Rolls.empty(len(frames))
            rolls.onset[:] = down & ~before
            rolls.offset[:] = before & ~down
            rolls.frame[:] = rolls.sounding[:] = down
            rolls.velocity[:] = 64 / 127
            return rolls.stack()

    features = FeatureConfig()
    return Checkpoint(
        model=ToneFollower(features),
        features=features,
        windows=WindowConfig(window_frames=40, context_frames=8),
        decode=DecodeConfig(),
        metadata={"name": "tone-follower", "version": "3"},
    )


@pytest.fixture(scope="session")
def random_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A weights file of a real but tiny network that has learnt nothing."""
    import torch

    from transcribe.checkpoint import Checkpoint, save_checkpoint
    from transcribe.decode.config import DecodeConfig
    from transcribe.features import FeatureConfig
    from transcribe.model.config import ModelConfig
    from transcribe.model.onsets_and_frames import OnsetsAndFrames
    from transcribe.windows import WindowConfig

    torch.manual_seed(0)
    features = FeatureConfig()
    sizes = ModelConfig(
        conv_channels=2, width=4, n_blocks=1, lstm_size=2, context_size=2, pedal_size=2
    )
    checkpoint = Checkpoint(
        model=OnsetsAndFrames(sizes, features).eval(),
        features=features,
        windows=WindowConfig(window_frames=64, context_frames=8),
        decode=DecodeConfig(),
        metadata={"name": "random"},
    )
    path = tmp_path_factory.mktemp("weights") / "random.safetensors"
    save_checkpoint(checkpoint, path)
    return path
