"""Sound as it comes to notes, with a stand-in network that hears plain tones."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import MELODY, SAMPLE_RATE, melody_samples

from transcribe.features import FeatureConfig, Features
from transcribe.live import KeyDown, KeyUp, LiveTranscriber
from transcribe.live.window import SlidingWindow
from transcribe.transcriber import Transcriber

FRAME = 0.032


@pytest.fixture
def live(tone_checkpoint):
    def make(**options: float) -> LiveTranscriber:
        return LiveTranscriber(Transcriber(tone_checkpoint), **options)

    return make


def pushed(live: LiveTranscriber, samples: np.ndarray, n_block: int):
    events = []
    for start in range(0, len(samples), n_block):
        events += live.push(samples[start : start + n_block])
    return events + live.finish()


@pytest.mark.parametrize("latency", [0.15, 0.2, 0.5])
def test_the_melody_is_heard_as_it_is_played(live, latency):
    transcriber = live(latency=latency)
    pushed(transcriber, melody_samples(), 512)
    notes = transcriber.performance.notes
    assert [each.pitch for each in notes] == [81, 84, 88, 93, 81]
    for note, (onset, _, offset) in zip(notes, MELODY, strict=True):
        assert note.onset == pytest.approx(onset, abs=2 * FRAME)
        assert note.offset == pytest.approx(offset, abs=3 * FRAME)


@pytest.mark.parametrize("n_block", [100, 511, 513])
def test_how_the_sound_is_cut_changes_nothing(live, n_block):
    whole, cut = live(), live()
    assert pushed(whole, melody_samples(), 512) == pushed(cut, melody_samples(), n_block)


def test_a_note_comes_within_its_latency_of_sound(live):
    transcriber = live(latency=0.2)
    samples = melody_samples()
    waits = []
    for start in range(0, len(samples), 160):
        events = transcriber.push(samples[start : start + 160])
        waits += [transcriber.seconds - each.time for each in events if isinstance(each, KeyDown)]
    assert len(waits) == len(MELODY)
    assert max(waits) <= 0.2
    assert min(waits) >= transcriber.wait - FRAME


def test_a_computer_that_halted_catches_up_in_few_runs(live, tone_checkpoint):
    transcriber = live()
    runs = []
    network = tone_checkpoint.model.activations
    transcriber._window._activations = lambda frames: (runs.append(len(frames)), network(frames))[1]
    samples = melody_samples()
    events = transcriber.push(samples)
    assert len(runs) == -(-(len(samples) // 512 - transcriber.look_ahead.frames) // 16)
    assert max(runs) <= 40
    assert {each.pitch for each in events if isinstance(each, KeyDown)} == {81, 84, 88, 93}


def test_keys_that_are_down_at_the_end_come_up(live):
    transcriber = live()
    samples = melody_samples()[: round(1.2 * SAMPLE_RATE)]
    events = pushed(transcriber, samples, 512)
    downs = [each.pitch for each in events if isinstance(each, KeyDown)]
    ups = [each.pitch for each in events if isinstance(each, KeyUp)]
    assert sorted(downs) == sorted(ups)
    assert transcriber.finish() == []
    with pytest.raises(ValueError, match="has finished"):
        transcriber.push(samples)


def test_no_sound_and_less_than_a_frame_are_no_notes(live):
    assert live().finish() == []
    assert pushed(live(), np.zeros(10, np.float32), 10) == []


def test_samples_that_are_no_numbers_are_silence(live):
    transcriber = live()
    samples = melody_samples()
    samples[20000:20010] = np.nan
    pushed(transcriber, samples, 512)
    assert len(transcriber.performance.notes) >= len(MELODY)


@pytest.mark.parametrize("latency", [0.1, 0.51, float("nan")])
def test_a_latency_out_of_range_is_refused(live, latency):
    with pytest.raises(ValueError, match="a latency is 150 to 500 ms; found"):
        live(latency=latency)


def test_whole_numbers_and_stereo_are_refused(live):
    with pytest.raises(ValueError, match=r"floating-point samples of shape \(n,\); found int16"):
        live().push(np.zeros(10, np.int16))
    with pytest.raises(ValueError, match=r"of shape \(10, 2\)"):
        live().push(np.zeros((10, 2), np.float32))


def test_a_window_sees_the_features_of_the_whole_where_no_sound_is_missing():
    """Frames whose spectra end before the newest sample are those of the recording; the others
    are those of a recording that ends there."""
    rng = np.random.default_rng(1)
    samples = rng.standard_normal(40 * 512).astype(np.float32) * 0.1
    features = Features(FeatureConfig())
    whole = features.whole(samples)
    window = SlidingWindow(features, lambda frames: frames, 16)
    for start in range(0, 30 * 512, 300):
        window.push(samples[start : start + 300])
        stop = window.n_frames
        if not stop:
            continue
        first, seen = window.run(stop)
        assert (first, len(seen)) == (max(stop - 16, 0), min(stop, 16))
        n_whole = max(len(seen) - 5, 0)
        np.testing.assert_allclose(seen[:n_whole], whole[first : first + n_whole], atol=1e-5)
        cut = features.whole(samples[: stop * 512])
        np.testing.assert_allclose(seen, cut[first:stop], atol=1e-5)
    assert len(window._held) < 8000
