"""The engine's decoder, held to the Python decoder that it is written after: whole and live."""

from __future__ import annotations

import math
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pytest
from site_checks import PRELUDE
from tab_checks import packed

from transcribe.audio.reader import read_audio
from transcribe.decode.decoder import DecodeConfig, Decoder
from transcribe.decode.events import CandidateReader, Candidates
from transcribe.frames import FrameGrid
from transcribe.live.latency import LookAhead
from transcribe.live.live_decoder import LiveDecoder
from transcribe.notes import SUSTAINED, Note, PedalPress, Performance
from transcribe.rolls import N_ACTIVATIONS, Rolls, encode
from transcribe.transcriber import Transcriber
from transcribe.web.live_service import as_rows
from transcribe.web.note_rows import as_row

GRID = FrameGrid(16000, 512)

TENTH_OF_MS = 1e-4


def random_rolls(seed: int, n_frames: int) -> Rolls:
    """Planes on which everything happens: repeats, dips, votes that contradict each other."""
    random = np.random.default_rng(seed)
    planes = random.random((n_frames, N_ACTIVATIONS), np.float32)
    # Slow planes with long runs above and below the thresholds.
    width = int(random.integers(2, 12))
    smooth = np.apply_along_axis(
        lambda x: np.convolve(x, np.ones(width) / width, "same"), 0, planes
    )
    mixed = np.where(random.random(N_ACTIVATIONS) < 0.6, (smooth - 0.5) * width**0.7 + 0.5, planes)
    rolls = Rolls.unstack(np.clip(mixed, 0, 1).astype(np.float32))
    for plane in (rolls.onset_shift, rolls.offset_shift):
        plane[:] = random.uniform(-1.2, 1.2, plane.shape)
    rolls.onset[:] = random.random(rolls.onset.shape) ** 6
    return rolls


def played_rolls(seed: int) -> Rolls:
    """A performance on rolls, with the network's haste and doubt."""
    random = np.random.default_rng(seed)
    notes = [
        Note(onset=on, pitch=int(pitch), offset=on + length, velocity=int(velocity))
        for on, pitch, length, velocity in zip(
            random.uniform(0, 20, 300),
            random.integers(30, 60, 300),
            random.exponential(0.4, 300) + 0.01,
            random.integers(1, 128, 300),
            strict=True,
        )
    ]
    pedal = [PedalPress(onset=at, offset=at + 1.2) for at in np.arange(0.3, 20, 1.7)]
    stacked = encode(Performance(notes, pedal), GRID, 700).stack()
    stacked += random.normal(0, 0.12, stacked.shape).astype(np.float32)
    rolls = Rolls.unstack(stacked)
    rolls.frame[:] = np.clip((rolls.frame + np.roll(rolls.frame, 2, 0)) / 2, 0, 1)
    return rolls


PACKAGED_CONFIG = Transcriber.load(threads=1).decode

CASES = {
    "random": (random_rolls(1, 220), PACKAGED_CONFIG),
    "random, other thresholds": (
        random_rolls(2, 220),
        DecodeConfig(0.3, 0.6, 0.4, 0.3, 0.6, 0.2, bridge_frames=3, minimum_duration=0.05),
    ),
    "random, sustained": (
        random_rolls(3, 220),
        replace(PACKAGED_CONFIG, offsets=SUSTAINED, bridge_frames=0, minimum_duration=0.03),
    ),
    "played": (played_rolls(4), PACKAGED_CONFIG),
    "played, lower threshold": (played_rolls(5), replace(PACKAGED_CONFIG, onset_threshold=0.2)),
    "played, without the likeliest": (
        played_rolls(6),
        replace(PACKAGED_CONFIG, release_tolerance=0.0, pedal_grace=0.2),
    ),
    "played, tilted": (played_rolls(8), replace(PACKAGED_CONFIG, velocity_tilt=-7.3)),
    "shorter than what an event depends on": (random_rolls(7, 3), PACKAGED_CONFIG),
    "nothing": (Rolls.empty(0), PACKAGED_CONFIG),
}


def decoded(
    rolls: Rolls,
    config: DecodeConfig,
    first: int = 0,
    between: tuple[float, float] = (0.0, math.inf),
) -> Decoder:
    decoder = Decoder(GRID, config)
    floor = min(config.onset_threshold, 0.05)
    reader = CandidateReader(
        replace(config, onset_threshold=floor).thresholds(), first_frame=first, between=between
    )
    decoder.take(Candidates.none(first))
    decoder.take(reader.push(rolls))
    decoder.take(reader.finish())
    decoder.finish()
    return decoder


def as_question(rolls: Rolls, config: DecodeConfig) -> dict[str, Any]:
    return {
        "room": "decode",
        "rolls": packed(rolls.stack()),
        "parts": [part for part in (1, 2, 90, 91) if part < len(rolls)],
        "settings": asdict(config),
        "floor": 0.05,
        "grid": [GRID.sample_rate, GRID.hop_length],
    }


def assert_same_notes(answer: dict[str, Any], decoder: Decoder) -> None:
    """The same notes with the same names and velocities, their times to a tenth of a ms."""
    for offsets in ("key", "sustained"):
        expected = decoder.struck(offsets=offsets)
        found = [(each["peak"], Note(**each["note"])) for each in answer[offsets]]
        assert [(peak, note.pitch, note.velocity) for peak, note in found] == [
            (peak, note.pitch, note.velocity) for peak, note in expected
        ]
        for name in ("onset", "offset"):
            np.testing.assert_allclose(
                [getattr(note, name) for _, note in found],
                [getattr(note, name) for _, note in expected],
                rtol=0,
                atol=TENTH_OF_MS,
            )
        np.testing.assert_allclose(
            [note.confidence for _, note in found],
            [note.confidence for _, note in expected],
            rtol=0,
            atol=1e-9,
        )
    pedal = [(press["onset"], press["offset"]) for press in answer["pedal"]]
    expected_pedal = [(press.onset, press.offset) for press in decoder.pedal]
    np.testing.assert_allclose(
        np.reshape(pedal, (-1, 2)), np.reshape(expected_pedal, (-1, 2)), rtol=0, atol=TENTH_OF_MS
    )
    assert answer["rows"] == [as_row(struck) for struck in decoder.struck(offsets="key")]


def test_the_same_planes_give_the_same_notes(ask):
    answers = ask(*(as_question(*case) for case in CASES.values()))
    for (rolls, config), answer in zip(CASES.values(), answers, strict=True):
        assert_same_notes(answer, decoded(rolls, config))
    assert min(len(answer["key"]) for answer in answers[:6]) > 100


@pytest.fixture(scope="module")
def prelude_rolls() -> Rolls:
    """What the network says about the first ten seconds of the golden recording."""
    transcriber = Transcriber.load(threads=1)
    frames = transcriber.features.whole(read_audio(PRELUDE)[: 10 * 16000])
    return Rolls.unstack(transcriber.checkpoint.model.activations(frames))


def test_the_golden_recording_gives_the_same_notes(ask, prelude_rolls):
    (answer,) = ask(as_question(prelude_rolls, PACKAGED_CONFIG))
    assert_same_notes(answer, decoded(prelude_rolls, PACKAGED_CONFIG))
    assert len(answer["key"]) > 40


def events_of(rolls: Rolls, config: DecodeConfig, ahead: int) -> list[list[Any]]:
    decoder = LiveDecoder(GRID, config)
    stacked = rolls.stack()
    events = []
    for n_frames in range(1, len(rolls) + 1):
        events += decoder.take(stacked[:n_frames], 0, n_frames - ahead)
    events += decoder.take(stacked, 0, len(rolls))
    return as_rows([*events, *decoder.finish()])


def test_the_same_planes_give_the_same_keys_and_pedal_live(ask):
    questions = [
        {
            "room": "live",
            "rolls": packed(rolls.stack()),
            "ahead": ahead,
            "settings": asdict(config),
            "grid": [GRID.sample_rate, GRID.hop_length],
        }
        for (rolls, config), ahead in zip(CASES.values(), (4, 2, 7, 4, 3, 13, 5, 2, 2), strict=True)
    ]
    n_events = 0
    for (rolls, config), question, answer in zip(
        CASES.values(), questions, ask(*questions), strict=True
    ):
        expected = events_of(rolls, config, question["ahead"])
        n_events += len(expected)
        assert [[row[0], *row[2:4]] for row in answer] == [[row[0], *row[2:4]] for row in expected]
        np.testing.assert_allclose(
            [row[1] for row in answer], [row[1] for row in expected], rtol=0, atol=TENTH_OF_MS
        )
    assert n_events > 1000


@pytest.mark.parametrize("latency", [0.15, 0.2, 0.3, 0.5])
def test_a_latency_means_the_same_look_ahead_and_threshold(ask, latency):
    question = {"room": "latency", "latency": latency, "settings": asdict(PACKAGED_CONFIG)}
    (answer,) = ask({**question, "grid": [GRID.sample_rate, GRID.hop_length]})
    look_ahead = LookAhead.of(latency, GRID)
    assert answer == [look_ahead.frames, look_ahead.thresholds(PACKAGED_CONFIG).onset_threshold]


@pytest.mark.parametrize("between", [(12.3, 80.7), (12.0, None), (0.0, 40.2), (5.0, 500.0)])
def test_a_part_is_decoded_as_the_command_does(ask, between):
    rolls = random_rolls(8, 120)
    question = {**as_question(rolls, PACKAGED_CONFIG), "first": 4, "between": between}
    bounds = (between[0], math.inf if between[1] is None else between[1])
    (answer,) = ask(question)
    decoder = decoded(rolls, PACKAGED_CONFIG, 4, bounds)
    assert len(decoder.struck()) > 10
    assert_same_notes(answer, decoder)
