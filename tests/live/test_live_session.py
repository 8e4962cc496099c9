"""Sessions on a clock that the test turns, and sources that need no device."""

from __future__ import annotations

import math

import numpy as np
import pytest
from conftest import MELODY, SAMPLE_RATE, melody_samples

from transcribe.errors import AudioError
from transcribe.live import KeyDown, LiveTranscriber
from transcribe.live.session import play
from transcribe.live.sources import Block, FileSource, PlayedSource
from transcribe.transcriber import Transcriber


@pytest.fixture
def transcriber(tone_checkpoint):
    return Transcriber(tone_checkpoint)


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class FakeSource:
    """The melody, in blocks that are fetched ``late`` seconds after they sounded."""

    name = "fake"

    def __init__(self, clock: Clock, *, sample_rate: int = SAMPLE_RATE, late: float = 0.0) -> None:
        self.sample_rate, self.late, self.clock = sample_rate, late, clock
        self.n_overruns, self.seconds_lost = 0, 0.0
        self.stopped = False

    def __iter__(self):
        samples = melody_samples(self.sample_rate)
        n_block = self.sample_rate // 100
        for start in range(0, len(samples), n_block):
            if self.stopped:
                return
            block = samples[start : start + n_block]
            sounded = 100.0 + (start + len(block)) / self.sample_rate
            self.clock.now = sounded + self.late
            yield Block(block, sounded)

    def stop(self) -> None:
        self.stopped = True


class Ear:
    def __init__(self) -> None:
        self.events = []

    def take(self, events) -> None:
        self.events += events


def test_delays_are_from_the_stroke_to_when_the_last_output_had_it(transcriber):
    clock = Clock()
    live, ear = LiveTranscriber(transcriber, latency=0.2), Ear()
    figures = play(FakeSource(clock, late=0.02), live, [ear], clock=clock)
    assert figures.n_notes == len(MELODY)
    assert figures.seconds == pytest.approx(3.0)
    assert [each.pitch for each in ear.events if isinstance(each, KeyDown)] == [81, 84, 88, 93, 81]
    assert len(figures.delays) == len(MELODY)
    assert live.wait + 0.02 - 0.032 <= figures.delay(0.0) <= figures.delay(1.0) <= 0.22 + 0.032
    assert figures.n_late == 0
    assert figures.peak_ever == pytest.approx(np.abs(melody_samples()).max(), rel=0.01)


def test_sound_that_is_kept_waiting_is_counted(transcriber):
    clock = Clock()
    live = LiveTranscriber(transcriber)
    figures = play(FakeSource(clock, late=0.3), live, [], clock=clock)
    assert figures.n_late == 300
    assert figures.longest_wait == pytest.approx(0.31)  # a block is 10 ms
    assert figures.delay(0.5) > 0.4


def test_a_block_that_holds_much_was_kept_waiting_though_its_end_is_new(transcriber):
    clock = Clock()
    source = PlayedSource([melody_samples()], SAMPLE_RATE, name="test", clock=clock)
    source._stopped.wait = lambda seconds: setattr(clock, "now", clock.now + seconds)
    halts = iter([0.0] * 50 + [0.5])

    def halt(figures) -> None:
        clock.now += next(halts, 0.0)

    figures = play(source, LiveTranscriber(transcriber), [], progress=halt, clock=clock)
    assert figures.n_late == 1
    assert figures.longest_wait == pytest.approx(0.5, abs=0.02)


def test_lost_sound_is_passed_on(transcriber):
    clock = Clock()
    source = FakeSource(clock)
    source.n_overruns, source.seconds_lost = 3, 0.4
    figures = play(source, LiveTranscriber(transcriber), [], clock=clock)
    assert (figures.n_overruns, figures.seconds_lost) == (3, 0.4)


def test_a_device_of_another_rate_is_resampled(transcriber):
    clock = Clock()
    live = LiveTranscriber(transcriber)
    play(FakeSource(clock, sample_rate=48000), live, [], clock=clock)
    notes = live.performance.notes
    assert [each.pitch for each in notes] == [81, 84, 88, 93, 81]
    for note, (onset, *_) in zip(notes, MELODY, strict=True):
        assert note.onset == pytest.approx(onset, abs=0.064)


def test_it_stops_after_as_many_seconds_as_asked_for(transcriber):
    clock = Clock()
    live = LiveTranscriber(transcriber)
    figures = play(FakeSource(clock), live, [], longest=1.2, clock=clock)
    assert figures.seconds == pytest.approx(1.2)
    assert [each.pitch for each in live.performance.notes] == [81, 84, 88, 93]


def test_silence_has_no_delays(transcriber):
    clock = Clock()
    figures = play(FakeSource(clock), LiveTranscriber(transcriber), [], longest=0.0, clock=clock)
    assert math.isnan(figures.delay(0.5))


def test_a_file_sounds_as_long_as_it_is(transcriber, melody_wav):
    source = FileSource(melody_wav(), transcriber, speed=30, block_seconds=0.1)
    blocks = list(source)
    n_samples = np.cumsum([len(block.samples) for block in blocks])
    assert n_samples[-1] == 3 * SAMPLE_RATE
    captured = np.array([block.captured for block in blocks])
    expected = (n_samples - n_samples[0]) / SAMPLE_RATE / 30
    np.testing.assert_allclose(captured - captured[0], expected, atol=1e-6)


def test_whoever_falls_behind_gets_all_that_has_sounded_at_once():
    clock = Clock()
    samples = np.arange(16000, dtype=np.float32)
    source = PlayedSource([samples], SAMPLE_RATE, name="test", clock=clock)
    source._stopped.wait = lambda seconds: setattr(clock, "now", clock.now + seconds)
    lengths, heard = [], []
    for number, block in enumerate(source):
        assert block.captured <= clock.now + 1e-9
        lengths.append(len(block.samples))
        heard.append(block.samples)
        if number == 2:
            clock.now += 0.5  # the computer is busy with something else
    assert lengths[:5] == [160, 160, 160, 8000, 160]
    np.testing.assert_array_equal(np.concatenate(heard), samples)


def test_a_file_that_is_stopped_ends(transcriber, melody_wav):
    source = FileSource(melody_wav(), transcriber, speed=math.inf)
    blocks = iter(source)
    next(blocks)
    source.stop()
    assert list(blocks) == []


def test_a_file_that_is_no_recording_is_refused(transcriber, tmp_path):
    with pytest.raises(AudioError, match="no such file"):
        FileSource(tmp_path / "none.wav", transcriber)
