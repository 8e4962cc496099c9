"""The packaged weights on the repository's own recording, and through windows."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from make_prelude import CENTS, performance

from transcribe.audio.reader import read_audio
from transcribe.checkpoint import PACKAGED, Checkpoint, load_checkpoint
from transcribe.decode.decoder import decode
from transcribe.evaluation.metrics import note_f1, onset_f1, score
from transcribe.midi import read_midi
from transcribe.notes import SUSTAINED, sustained
from transcribe.rolls import Rolls
from transcribe.train.augment.detuning import scale_performance
from transcribe.transcriber import Transcriber
from transcribe.windows import apply_in_windows

DATA = Path(__file__).parent / "data"
RECORDING = DATA / "prelude.mp3"
GOLDEN = DATA / "prelude.mid"
"""What the packaged weights heard when they were packaged; renewed with them."""


@pytest.fixture(scope="module")
def checkpoint() -> Checkpoint:
    return load_checkpoint()


@pytest.fixture(scope="module")
def heard():
    return Transcriber.load(device="cpu")(RECORDING)


@pytest.fixture(scope="module")
def frames(checkpoint):
    from transcribe.features import Features

    samples = read_audio(RECORDING, checkpoint.features.sample_rate)
    return Features(checkpoint.features).whole(samples)


def test_the_weights_are_small_and_say_what_they_are(checkpoint):
    assert PACKAGED.stat().st_size < 20e6
    assert "NC-SA" in checkpoint.metadata["licence"]
    assert checkpoint.name
    assert float(checkpoint.metadata["hours_of_music"]) > 1


def test_it_hears_what_it_heard_when_it_was_packaged(heard):
    """Another processor may round otherwise, so a note in a hundred may differ."""
    golden = read_midi(GOLDEN)
    assert onset_f1(golden, heard) > 0.99
    assert note_f1(golden, heard) > 0.97
    assert score(golden, heard).numbers["as_found/velocity_error"] < 2


def test_it_hears_what_was_played(heard):
    played = scale_performance(performance(), 2 ** (-CENTS / 1200))
    assert onset_f1(played, heard) > 0.95
    assert note_f1(sustained(played), sustained(heard)) > 0.5
    deviation = score(played, heard).numbers["onset_deviation/median"]
    assert abs(deviation) < 0.01


def test_windows_differ_little_from_the_whole_and_less_with_more_context(checkpoint, frames):
    """A bidirectional LSTM sees its whole window, so cutting one changes what it says.

    Of onsets next to nothing; of held keys more, since under the pedal nobody hears them come
    up, and what the network guesses depends on all that it knows of the playing.
    """
    network = checkpoint.model
    whole = Rolls.unstack(network.activations(frames))

    def shares_that_differ(context_frames: int) -> tuple[float, float]:
        """Of all onset and of all frame probabilities, those more than 0.1 apart."""
        cut = Rolls.unstack(
            apply_in_windows(
                network.activations, frames, window_frames=300, context_frames=context_frames
            )
        )
        onset, frame = (
            float(np.mean(np.abs(getattr(whole, plane) - getattr(cut, plane)) > 0.1))
            for plane in ("onset", "frame")
        )
        return onset, frame

    without, some, ample = (shares_that_differ(n) for n in (1, 16, 64))
    assert max(without[0], some[0], ample[0]) < 1e-4
    assert without[1] > max(some[1], ample[1])
    assert ample[1] < 0.01


def test_the_shipped_windows_give_the_notes_of_the_whole(checkpoint, frames):
    grid = checkpoint.features.grid
    whole = checkpoint.model.activations(frames)
    windowed = apply_in_windows(
        checkpoint.model.activations,
        frames,
        window_frames=checkpoint.windows.window_frames,
        context_frames=checkpoint.windows.context_frames,
    )
    assert len(frames) > 1.3 * checkpoint.windows.window_frames
    notes = [decode(Rolls.unstack(each), grid, checkpoint.decode) for each in (whole, windowed)]
    assert onset_f1(*notes) > 0.99
    assert note_f1(*notes) > 0.93
    sounding = [
        decode(Rolls.unstack(each), grid, dataclasses.replace(checkpoint.decode, offsets=SUSTAINED))
        for each in (whole, windowed)
    ]
    assert note_f1(*sounding) > 0.98
