"""The engine of the tab, room by room, held to the Python rooms that it is written after."""

from __future__ import annotations

import base64
import json
import math
from dataclasses import asdict, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soxr
import tab_checks
from conftest import write_pcm
from safetensors.numpy import save
from tab_checks import packed, unpacked

from transcribe.audio.channels import Mixdown
from transcribe.audio.quality import AudioWarning, most_serious_first
from transcribe.audio.reader import read_audio
from transcribe.audio.tuning import TuningMeter
from transcribe.decode.decoder import DecodeConfig, Decoder
from transcribe.decode.events import CandidateReader, Candidates
from transcribe.excerpt import Excerpt
from transcribe.export import CSV, JSON, export_bytes
from transcribe.features import FeatureConfig, Features, exported
from transcribe.frames import FrameGrid
from transcribe.live.latency import LookAhead
from transcribe.live.live_decoder import LiveDecoder
from transcribe.live.window import SlidingWindow
from transcribe.midi import midi_bytes
from transcribe.music.clicks import find_clicks
from transcribe.notes import SUSTAINED, Note, PedalPress, Performance, sustained
from transcribe.rolls import N_ACTIVATIONS, Rolls, encode
from transcribe.transcriber import Transcriber
from transcribe.web.edits import pedal_by_hand
from transcribe.web.library_entry import Edit
from transcribe.web.live_service import as_rows
from transcribe.web.names import download_name, shown
from transcribe.web.note_rows import as_row
from transcribe.web.picture import as_svg
from transcribe.web.roll_pages import roll_pages
from transcribe.web.spectrogram import tile
from transcribe.web.thumbnail import COLUMNS, ROWS, thumbnail
from transcribe.weights_file import PACKAGED
from transcribe.windows import stream_in_windows

PRELUDE = Path(__file__).parents[1] / "data" / "prelude.mp3"
GRID = FrameGrid(16000, 512)
TENTH_OF_MS = 1e-4


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tab_checks.needs_node()
    return tab_checks.build_checks(tmp_path_factory.mktemp("checks"))


@pytest.fixture
def ask(script):
    return lambda *questions: tab_checks.ask(script, *questions)


# --- the decoder ---


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


# --- while it is played ---


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
        for (rolls, config), ahead in zip(CASES.values(), (4, 2, 7, 4, 3, 13, 2, 2), strict=True)
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


def test_a_sliding_window_sees_the_same_frames(ask):
    config = FeatureConfig()
    samples = read_audio(PRELUDE)[: 2 * 16000]
    places = [600, 3000, 9000, 9600, 20000]
    question = {
        "room": "window",
        "samples": packed(samples),
        "arrays": base64.b64encode(save(exported(config))).decode(),
        "settings": asdict(config),
        "size": 16,
        "parts": places,
    }
    (answer,) = ask(question)
    window = SlidingWindow(Features(config), lambda frames: frames, 16)
    for start, stop, (first, found) in zip(
        [0, *places], [*places, len(samples)], answer, strict=True
    ):
        window.push(samples[start:stop])
        expected_first, expected = window.run(window.n_frames)
        assert first == expected_first
        np.testing.assert_allclose(
            unpacked(found).reshape(expected.shape), expected, rtol=0, atol=2e-5
        )


# --- before the network ---


@pytest.mark.parametrize("between", [(12.3, 80.7), (12.0, None), (0.0, 40.2), (5.0, 500.0)])
def test_a_part_is_decoded_as_the_command_does(ask, between):
    rolls = random_rolls(8, 120)
    question = {**as_question(rolls, PACKAGED_CONFIG), "first": 4, "between": between}
    bounds = (between[0], math.inf if between[1] is None else between[1])
    (answer,) = ask(question)
    decoder = decoded(rolls, PACKAGED_CONFIG, 4, bounds)
    assert len(decoder.struck()) > 10
    assert_same_notes(answer, decoder)


def test_features_are_the_same_in_pieces_and_from_any_frame_on(ask):
    config = FeatureConfig()
    samples = read_audio(PRELUDE)[: 5 * 16000 + 77]
    expected = Features(config).whole(samples)
    arrays = base64.b64encode(save(exported(config))).decode()
    question = {"room": "features", "samples": packed(samples), "arrays": arrays}
    question |= {"settings": asdict(config), "parts": [1, 700, 30000], "skip": 0}
    whole, later = ask(question, {**question, "skip": 40})
    found = np.concatenate([unpacked(part) for part in whole]).reshape(expected.shape)
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-5)
    tail = np.concatenate([unpacked(part) for part in later]).reshape(-1, *expected.shape[1:])
    np.testing.assert_array_equal(tail, found[40:])


@pytest.mark.parametrize("level", [0, 1, 2])
@pytest.mark.parametrize("number", [0, 1])
def test_tiles_of_the_spectrogram_are_the_servers(ask, tmp_path, level, number):
    samples = read_audio(PRELUDE)[: 12 * 16000]
    samples = np.round(samples * 32767).astype("<i2").astype(np.float32)
    path = write_pcm(tmp_path / "sound.wav", samples / 32767)
    question = {"room": "spectrogram", "level": level, "number": number}
    (answer,) = ask({**question, "samples": packed(samples / np.float32(32768))})
    expected = np.frombuffer(tile(path, level, number), np.uint8).astype(int)
    found = np.frombuffer(base64.b64decode(answer), np.uint8).astype(int)
    assert np.abs(found - expected).max() <= 1
    assert (found != expected).mean() < 0.01


def test_exported_filters_are_those_that_features_are_made_with():
    from transcribe.features import filters, hann_window

    config = FeatureConfig()
    arrays = exported(config)
    for n_fft in config.windows:
        dense = np.zeros((n_fft // 2 + 1, config.n_bins), np.float32)
        begin, first = arrays[f"{n_fft}.begin"], arrays[f"{n_fft}.first"]
        for index, (start, stop) in enumerate(pairwise(begin.tolist())):
            row = first[index]
            dense[row : row + stop - start, index] = arrays[f"{n_fft}.weights"][start:stop]
        np.testing.assert_array_equal(dense, filters(config, n_fft))
        np.testing.assert_array_equal(arrays[f"{n_fft}.window"], hann_window(n_fft))


@pytest.mark.parametrize("n_frames", [0, 1, 9, 10, 11, 17, 40, 41])
def test_windows_are_stitched_as_in_python(ask, n_frames):
    frames = np.arange(2 * n_frames, dtype=np.float32).reshape(-1, 2)
    seen: list[np.ndarray] = []

    def look(window: np.ndarray) -> np.ndarray:
        seen.append(window)
        return window

    settings = {"window_frames": 10, "context_frames": 2}
    blocks = np.split(frames, [part for part in (3, 4, 20) if part < n_frames])
    kept = list(stream_in_windows(look, blocks, **settings))
    (answer,) = ask(
        {
            "room": "windows",
            "frames": packed(frames),
            "width": 2,
            "settings": settings,
            "parts": [part for part in (3, 4, 20) if part < n_frames],
        }
    )
    windows = answer["found"]
    assert len(windows) == len(seen)
    for number, later in enumerate(answer["resumed"], start=1):
        assert later == windows[number:]
    for window, expected in zip(windows, seen, strict=True):
        np.testing.assert_array_equal(unpacked(window["frames"]), expected.ravel())
    found = [
        unpacked(window["frames"]).reshape(-1, 2)[window["from"] : window["to"]]
        for window in windows
    ]
    np.testing.assert_array_equal(
        np.concatenate([np.zeros((0, 2)), *found]), np.concatenate([np.zeros((0, 2)), *kept])
    )


@pytest.mark.parametrize("rate", [8000, 17000, 22050, 44100, 48000, 96000, 192000])
def test_resampling_is_as_good_as_soxr(ask, rate):
    """What is kept is right to 120 dB and near soxr's; what can't be kept is gone to 100 dB."""
    top = 0.9 * min(rate, 16000) / 2
    low, kept_top, too_high = (
        np.sin(2 * np.pi * frequency * np.arange(2 * rate) / rate).astype(np.float32)
        for frequency in (440, top, 8100)
    )
    samples = 0.5 * low + 0.5 * kept_top
    question = {"room": "resampler", "from": rate, "to": 16000}
    kept, in_parts, lost = (
        np.concatenate([unpacked(part) for part in parts])
        for parts in ask(
            {**question, "samples": packed(samples), "parts": []},
            {**question, "samples": packed(samples), "parts": [1, 100, 101, 15011]},
            {**question, "samples": packed(too_high), "parts": []},
        )
    )
    middle = slice(1000, -1000)  # beyond the ends lies silence, which is cut at another place
    time = np.arange(2 * 16000) / 16000
    ideal = 0.5 * np.sin(2 * np.pi * 440 * time) + 0.5 * np.sin(2 * np.pi * top * time)
    assert decibels((kept - ideal)[middle]) - decibels(ideal) < -120
    by_soxr = soxr.resample(samples, rate, 16000, quality="HQ")
    assert len(kept) == len(by_soxr)
    assert decibels((kept - by_soxr)[middle]) - decibels(ideal) < -60
    np.testing.assert_array_equal(in_parts, kept)
    if rate > 20000:
        assert decibels(lost[middle]) < -100


def decibels(samples: np.ndarray) -> float:
    return float(10 * np.log10(np.mean(np.square(samples, dtype=np.float64)) + 1e-20))


def test_channels_that_cancel_each_other_are_turned_as_in_python(ask):
    rate = 800
    random = np.random.default_rng(0)
    left = 0.3 * random.standard_normal(30 * rate).astype(np.float32)
    right = left.copy()
    right[10 * rate : 20 * rate] *= -1
    channels = np.stack([left, right + 0.01 * random.standard_normal(len(left))]).astype(np.float32)
    parts = list(range(100, 30 * rate, 100))
    mixdown, expected = Mixdown(rate), []
    for index, piece in enumerate(np.split(channels, parts, axis=1)):
        mixdown.push(piece.mean(axis=0), piece)
        if index % 80 == 0:
            expected.append(mixdown.take())
    expected.append(mixdown.take())
    (answer,) = ask(
        {
            "room": "mixdown",
            "channels": [packed(channel) for channel in channels],
            "rate": rate,
            "parts": parts,
            "takes": 80,
        }
    )
    assert answer["n_turned"] == mixdown.n_turned > 5 * rate
    found = np.concatenate([unpacked(part) for part in answer["mono"]])
    np.testing.assert_allclose(found, np.concatenate(expected), rtol=0, atol=1e-6)


def test_tuning_is_measured_as_in_python(ask):
    samples = read_audio(PRELUDE, 16300)[: 8 * 16000]
    meter = TuningMeter(16000)
    meter.push(samples)
    ((cents, sure),) = ask(
        {"room": "tuning", "samples": packed(samples), "rate": 16000, "parts": [5, 9000]}
    )
    assert cents == pytest.approx(meter.cents, abs=0.02)
    assert sure == pytest.approx(meter.sure_cents, abs=0.02)
    assert abs(cents) > 15
    assert abs(cents) - 3 < sure < abs(cents)


def test_settings_come_from_the_weights(ask):
    checkpoint = Transcriber.load(threads=1).checkpoint
    content = base64.b64encode(PACKAGED.read_bytes()).decode()
    (settings,) = ask({"room": "settings", "model": content})
    assert settings["name"] == Transcriber(checkpoint).name
    for name in ("features", "windows", "decode"):
        assert settings[name] == asdict(getattr(checkpoint, name))


# --- after it ---


def some_performance() -> Performance:
    random = np.random.default_rng(8)
    notes = [
        Note(
            onset=float(onset),
            pitch=int(random.integers(21, 109)),
            offset=float(onset + length),
            velocity=int(random.integers(1, 128)),
            confidence=float(random.random()),
        )
        for onset, length in zip(
            np.concatenate([random.uniform(0, 30, 400), np.arange(20) / 32]),
            np.concatenate([random.exponential(0.5, 400) + 1e-4, np.full(20, 3 / 32)]),
            strict=True,
        )
    ]
    pedal = [PedalPress(onset=at + 0.03125, offset=at + 0.93125) for at in range(29)]
    return Performance(notes, pedal)


def as_json(performance: Performance) -> dict[str, Any]:
    return {
        "notes": [asdict(note) for note in performance.notes],
        "pedal": [asdict(press) for press in performance.pedal],
    }


WARNINGS = [
    AudioWarning("tuning", {"cents": -38.25, "a4": 440.0}),
    AudioWarning("tuning", {"cents": 21.0, "a4": 440.0}),
    AudioWarning("clicks", {"pitch": 81, "n_notes": 12}),
    AudioWarning("clipped", {"share": 0.0123}),
    AudioWarning("clipped", {"share": 0.31}),
    AudioWarning("low_confidence", {"confidence": 0.555}),
    AudioWarning("no_notes"),
    AudioWarning("quiet", {"peak_db": -61.4}),
    AudioWarning("silent"),
    AudioWarning("antiphase", {"seconds": 75.25}),
    AudioWarning("not_finite", {"n_samples": 3}),
    AudioWarning("clock", {"seconds": 7200.5}),
    AudioWarning("hole", {"seconds": 0.125}),
    AudioWarning("damaged", {"n_packets": 2}),
    AudioWarning("truncated", {"missing": 12.25, "promised": 60.5}),
]


@pytest.mark.parametrize(
    "part", [[0, None], [10, None], [0.25, 25.5], [0, 1e-05]], ids=lambda part: str(part)
)
def test_data_of_a_part_is_the_command_s_to_the_byte(ask, part):
    performance = some_performance()
    told = {"recording": "a.wav", "model": "harmonic 7", "duration": 15.5}
    excerpt = {"start": part[0], "stop": part[1] or math.inf}
    (data,) = ask(
        {
            "room": "json",
            "performance": as_json(performance),
            "told": {**told, "offsets": "key", "warnings": []},
            "part": part,
        },
    )
    assert data.encode() == export_bytes(performance, JSON, **told, excerpt=Excerpt(**excerpt))
    assert json.loads(data).get("part") == (None if part == [0, None] else part)


def test_files_are_the_command_s_to_the_byte(ask):
    performance = some_performance()
    told = {"recording": "Für Elise.mp3", "model": "harmonic 7", "duration": 41 / 32}
    warnings = [{"kind": each.kind, "values": dict(each.values)} for each in WARNINGS]
    midi, csv, data, svg = ask(
        {"room": "midi", "performance": as_json(performance), "text": "By é and ♪"},
        {"room": "csv", "performance": as_json(performance)},
        {
            "room": "json",
            "performance": as_json(performance),
            "told": {**told, "offsets": "key", "warnings": warnings},
        },
        {"room": "svg", "performance": as_json(performance), "title": "A & <B> \"'"},
    )
    assert base64.b64decode(midi) == midi_bytes(performance, text="By é and ♪")
    assert csv.encode() == export_bytes(performance, CSV, **told)
    assert data.encode() == export_bytes(performance, JSON, **told, warnings=WARNINGS)
    assert json.loads(data)["duration"] == 1.2812
    assert svg == as_svg(performance, "A & <B> \"'")


def test_warnings_say_the_same(ask):
    warnings = [{"kind": each.kind, "values": dict(each.values)} for each in WARNINGS]
    (answer,) = ask({"room": "warnings", "warnings": warnings})
    assert answer == [[each.kind, str(each)] for each in most_serious_first(WARNINGS)]


def test_the_sustain_pedal_has_one_rule(ask):
    performance = some_performance()
    (answer,) = ask({"room": "sustained", **as_json(performance)})
    expected = {(note.onset, note.pitch): note.offset for note in sustained(performance).notes}
    assert {(note["onset"], note["pitch"]): note["offset"] for note in answer} == expected


@pytest.mark.parametrize("jitter", [0.0, 0.05])
def test_a_metronome_is_known_as_in_python(ask, jitter):
    random = np.random.default_rng(1)
    notes = [
        Note(onset=at, pitch=81, offset=at + 0.05, velocity=80)
        for at in np.arange(20) * 0.5 + random.uniform(0, jitter, 20)
    ]
    expected = find_clicks(notes, 10.0)
    (answer,) = ask({"room": "clicks", "notes": [asdict(note) for note in notes], "duration": 10.0})
    assert answer == (
        None if expected is None else dict(zip(("pitch", "n_notes"), expected, strict=True))
    )
    assert (expected is None) == bool(jitter)


def test_names_are_the_server_s(ask):
    names = ["Op. 27/2.mp3", "con.wav", "a\nb\t c.mp3", ".hidden", "", "x" * 300 + ".flac"]
    names += ["‮gpj.exe", "né💡.m4a", "name.", "a" * 199 + "💡💡.wav", "no ending"]
    (answer,) = ask({"room": "names", "names": names})
    expected = [
        [shown(name), download_name(name, ".mid"), shown(name, suffix=".mp3")] for name in names
    ]
    assert answer == expected


@pytest.mark.parametrize("seconds", [40.0, 700.0, 40_000.0])
def test_the_roll_on_pages_is_the_server_s(ask, seconds):
    performance = some_performance()
    last = Note(onset=seconds - 33.3, offset=seconds, pitch=99, velocity=127)
    performance = Performance([*performance.notes, last], performance.pedal)
    title = "A <b> & " + "é💡" * 60
    (answer,) = ask({"room": "rollPages", "performance": as_json(performance), "title": title})
    assert answer == list(roll_pages(performance, title))


def test_thumbnails_are_the_server_s(ask):
    notes = some_performance().notes
    (answer,) = ask(
        {"room": "thumbnail", "notes": [asdict(note) for note in notes], "duration": 9.5}
    )
    assert bytes(answer) == thumbnail(notes, 9.5)
    assert 0 < sum(map(bool, answer)) < COLUMNS * ROWS


def test_the_pedal_is_changed_by_hand_as_in_python(ask):
    rng = np.random.default_rng(3)
    for _ in range(5):
        times = np.sort(rng.uniform(0, 20, 12)).round(3).reshape(-1, 2)
        pedal = [PedalPress(onset=on, offset=off) for on, off in times.tolist()]
        changes = [
            {"onset": onset, "offset": onset + 1.5, "down": step % 3 > 0}
            for step, onset in enumerate(rng.uniform(0, 20, 6).tolist())
        ]
        edits = [Edit(step, [{"pedal": change}]) for step, change in enumerate(changes)]
        expected = [asdict(press) for press in pedal_by_hand(edits, pedal)]
        told = {"pedal": [asdict(press) for press in pedal], "changes": changes}
        assert ask({"room": "pedal", **told}) == [expected]


def test_numbers_are_rounded_and_written_as_in_python(ask):
    values = [0.03125, 0.09375, -0.03125, 0.125, 2.5, 3.5, -2.5, 1e-5, 1234.5678, 1e16, 0.1, 1.0]
    (answer,) = ask({"room": "numbers", "values": values})
    expected = [[f"{v:.4f}", f"{v:.2f}", f"{v:.0f}", json.dumps(v), round(v)] for v in values]
    assert answer == expected
