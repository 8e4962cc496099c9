"""A transcription that was left goes on to what it would have been."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import SAMPLE_RATE, melody_samples

from transcribe.decode.events import Candidates
from transcribe.excerpt import Excerpt
from transcribe.transcriber import Transcriber
from transcribe.unfinished import UnfinishedTranscription


class LeftError(Exception):
    """Somebody has paused."""


def joined(parts: list[Candidates]) -> Candidates:
    return Candidates(
        np.concatenate([part.events for part in parts]),
        np.concatenate([part.pedal for part in parts]),
    )


@pytest.mark.parametrize("excerpt", [Excerpt(), Excerpt(4.3, 20.9)])
@pytest.mark.parametrize("n_windows", [1, 2, 7, 18])
def test_going_on_gives_what_was_not_interrupted(tone_checkpoint, n_windows, excerpt):
    transcriber = Transcriber(tone_checkpoint)
    samples = np.tile(melody_samples(), 8)
    n_seen = 0
    seen = tone_checkpoint.model.activations

    def activations(frames):
        nonlocal n_seen
        n_seen += 1
        return seen(frames)

    transcriber.activations = activations
    kept: list[Candidates] = []
    points = []

    def take(found, _, point):
        kept.append(found)
        if point is not None:
            points.append(point)
        if len(points) == n_windows:
            raise LeftError

    def run(**more):
        return transcriber.transcribe(
            samples, sample_rate=SAMPLE_RATE, excerpt=excerpt, candidate_threshold=0.05, **more
        )

    whole = run()
    n_all, n_seen = n_seen, 0
    with pytest.raises(LeftError):
        run(candidates=take)
    assert points[-1].n_windows == n_windows
    unfinished = UnfinishedTranscription(points[-1], joined(kept))
    told: list[float] = []
    points.clear()
    rest: list[Candidates] = []
    heard = run(
        unfinished=unfinished,
        candidates=lambda found, *_: rest.append(found),
        progress=told.append,
    )
    assert heard == whole
    assert len(heard.performance.notes) > 20
    # Nothing is seen twice, and nothing told of what was known.
    assert n_seen == n_all
    assert told == sorted(told)
    everything = joined([unfinished.candidates, *rest])
    frames = everything.events["frame"]
    assert (np.diff(frames) >= 0).all()
    assert len(everything.pedal) * 0.032 == pytest.approx(min(24, excerpt.stop), abs=0.04)


@pytest.mark.parametrize("seconds", [0.9, 20.4, 22.3])
def test_what_is_left_when_all_is_heard_goes_on_too(tone_checkpoint, seconds):
    transcriber = Transcriber(tone_checkpoint)
    samples = np.tile(melody_samples(), 8)[: round(seconds * SAMPLE_RATE)]
    kept: list[Candidates] = []
    rest: list[Candidates] = []
    left = None

    def take(found, _, point):
        nonlocal left
        kept.append(found)
        if point is not None:
            left = UnfinishedTranscription(point, joined(kept))

    def run(**more):
        return transcriber.transcribe(samples, sample_rate=SAMPLE_RATE, **more)

    whole = run(candidates=take)
    before = [] if left is None else [left.candidates]
    assert run(unfinished=left, candidates=lambda found, *_: rest.append(found)) == whole
    everything, expected = joined([*before, *rest]), joined(kept)
    assert everything.events.tobytes() == expected.events.tobytes()
    assert everything.pedal.tobytes() == expected.pedal.tobytes()


def test_a_point_is_small_however_long_the_recording_is(tone_checkpoint):
    points = []
    samples = np.tile(melody_samples(), 8)
    Transcriber(tone_checkpoint).transcribe(
        samples,
        sample_rate=SAMPLE_RATE,
        candidates=lambda _found, _decoder, point: points.append(point),
    )
    sizes = {point.held.stack().nbytes for point in points if point is not None}
    assert len(sizes) == 1
    assert sizes.pop() < 50_000
