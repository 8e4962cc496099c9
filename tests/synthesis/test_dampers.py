"""The pedal between up and down: how deep it is, how hard dampers press, what strings keep."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from eval.data.synthetic_bank import write_synthetic_bank
from transcribe.audio.wav import write_wav
from transcribe.errors import InstrumentError, MidiError
from transcribe.features import FeatureConfig
from transcribe.midi_file import midi_file_bytes
from transcribe.notes import Note, PedalPress, Performance
from transcribe.synthesis.dampers import Dampers, PedalTravel, read_pedal_travel
from transcribe.synthesis.mechanical_noise import load_releases
from transcribe.synthesis.performance_arrays import PerformanceArrays
from transcribe.synthesis.render import render, render_blocks
from transcribe.synthesis.render_config import RenderConfig
from transcribe.synthesis.sample_bank import SampleBank
from transcribe.train import training_windows, validation_pieces
from transcribe.train.augment.config import AugmentConfig
from transcribe.train.data import DataConfig
from transcribe.train.render_variety import RenderVariety
from transcribe.train.sources import SourceConfig
from transcribe.train.training_windows import TrainingWindows
from transcribe.train.validation_pieces import ValidationPieces

RATE = 16000


@pytest.fixture(scope="module")
def bank(tmp_path_factory):
    return SampleBank.load(write_synthetic_bank(tmp_path_factory.mktemp("bank")))


def travel(*moves):
    times, depths = zip(*moves, strict=True) if moves else ((), ())
    return PedalTravel(np.array(times, float), np.array(depths, float))


def dampers(*moves, touch=80.0, rest=40.0, travel_time=0.0, stop=4.0):
    return Dampers(travel(*moves), touch=touch, rest=rest, travel_time=travel_time, stop=stop)


def note(onset, pitch, offset, velocity=90):
    return Note(onset=onset, pitch=pitch, offset=offset, velocity=velocity)


def rms(samples):
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))


# Where the pedal is


def test_a_midi_file_says_how_deep_the_pedal_is(tmp_path):
    """Ticks of 1/960 s at 120 quarters a minute; of two channels the deeper counts."""
    events = [(0, (0xB0, 64, 20)), (960, (0xB0, 64, 90)), (1440, (0xB1, 64, 50))]
    events += [(1920, (0xB0, 64, 0)), (2400, (0xB0, 66, 127)), (2880, (0xB9, 64, 127))]
    path = tmp_path / "a.mid"
    path.write_bytes(midi_file_bytes(480, [[(tick, bytes(event)) for tick, event in events]]))
    found = read_pedal_travel(path)
    assert found.time.tolist() == [0.0, 1.0, 1.5, 2.0]
    assert found.depth.tolist() == [20, 90, 90, 50]


def test_what_is_no_midi_file_has_no_pedal(tmp_path):
    (tmp_path / "a.mid").write_bytes(b"RIFF")
    for name in ("a.mid", "missing.mid"):
        with pytest.raises(MidiError, match=name):
            read_pedal_travel(tmp_path / name)


def test_presses_are_all_the_way_down():
    presses = (PedalPress(onset=0.5, offset=1.0), PedalPress(onset=1.0, offset=2.0))
    found = PedalTravel.of_presses(presses)
    assert found.time.tolist() == [0.5, 1.0, 1.0, 2.0]
    assert found.depth.tolist() == [127, 0, 127, 0]
    onset, offset = dampers(*zip(found.time, found.depth, strict=True)).lifted()
    assert_allclose([onset[0], offset[-1]], [0.5, 2.0], atol=0.0041)


# How hard dampers press


def test_half_pedal_damps_half_as_fast_as_none():
    found = dampers((1.0, 60), (2.0, 100), (3.0, 30))
    assert_allclose(
        found.damped(np.array([0.0, 1.0, 2.0, 3.0, 3.5, 5.0])),
        [0.0, 1.0, 1.5, 1.5, 2.0, 3.5],
        atol=0.005,
    )


def test_as_much_damping_is_reached_when_it_was_done():
    found = dampers((1.0, 60), (2.0, 100), (3.0, 30))
    moments = np.array([0.3, 1.4, 3.2, 6.0])
    assert_allclose(found.reached(found.damped(moments)), moments, atol=1e-6)


def test_a_key_released_under_the_pedal_is_touched_as_the_pedal_comes_up():
    found = dampers((1.0, 127), (2.0, 0))
    assert_allclose(found.touched(np.array([0.5, 1.5, 2.5])), [0.5, 2.0, 2.5], atol=0.005)


def test_a_pedal_that_is_down_at_once_needs_its_time_and_passes_half_on_time():
    found = dampers((1.0, 127), (2.0, 0), touch=64.0, rest=63.0, travel_time=0.2)
    onset, offset = found.lifted()
    assert_allclose([onset[0], offset[0]], [1.0, 2.0], atol=0.005)
    early = dampers((1.0, 127), (2.0, 0), touch=20.0, rest=10.0, travel_time=0.2)
    onset, offset = early.lifted()
    assert_allclose([onset[0], offset[0]], [0.925, 2.075], atol=0.01)


def test_dampers_lie_on_the_strings_without_a_pedal_and_at_the_end():
    assert_allclose(dampers().damped(np.array([1.0, 9.0])), [1.0, 9.0], atol=0.005)
    assert len(dampers().lifted()[0]) == 0


# What is heard of it

CONFIG = RenderConfig(dampers_touch=80, dampers_rest=40, pedal_travel=0.01)


def ringing(bank, moves, config=CONFIG, notes=((0.0, 45, 0.5),), **part):
    played = Performance([note(*each) for each in notes])
    return render(PerformanceArrays.of(played, travel(*moves, (3.0, 0))), bank, config, **part)


def test_a_pedal_too_shallow_to_lift_the_dampers_holds_nothing(bank):
    without = ringing(bank, ())
    assert_allclose(ringing(bank, ((0.2, 30),))[: len(without)], without, atol=1e-6)


def test_a_string_under_half_pedal_dies_more_slowly_than_without(bank):
    at = slice(round(1.0 * RATE), round(1.2 * RATE))
    levels = [
        rms(ringing(bank, moves, duration=2.0)[at])
        for moves in (((0.2, 127),), ((0.2, 76),), ((0.2, 60),), ())
    ]
    assert levels[0] > 1.2 * levels[1] > 3 * levels[2] > 0
    assert levels[3] < 0.01 * levels[0]


def test_a_pedal_that_catches_a_damped_string_keeps_what_is_left(bank):
    """The key comes up at 0.5 s; 0.1 s later the pedal stops the dampers."""
    caught = ringing(bank, ((0.6, 127),), duration=2.0)
    held = ringing(bank, ((0.2, 127),), duration=2.0)
    at = slice(round(0.8 * RATE), round(1.8 * RATE))
    kept = np.exp(-0.1 / CONFIG.release_time(45))
    assert rms(caught[at]) == pytest.approx(kept * rms(held[at]), rel=0.1)


def test_blocks_make_up_half_pedal(bank):
    notes = ((0.0, 45, 0.3), (0.4, 57, 0.6), (0.9, 45, 1.2), (1.0, 64, 1.1))
    moves = ((0.2, 127), (0.7, 60), (0.8, 10), (0.95, 70), (1.5, 0))
    config = RenderConfig(
        dampers_touch=80,
        dampers_rest=40,
        release_tail=0.3,
        restrike_keep=0.8,
        resonance=0.2,
        damper_buzz=0.5,
        key_noise=0.1,
        pedal_noise=0.1,
    )
    table = PerformanceArrays.of(Performance([note(*each) for each in notes]), travel(*moves))
    whole = render(table, bank, config)
    parts = np.concatenate(list(render_blocks(table, bank, config, block_duration=0.37)))
    assert_allclose(parts, whole, atol=1e-5)


def test_a_tail_outlives_the_sound_that_its_damper_ends(bank):
    config = RenderConfig(release_tail=0.25)
    plain, tailed = (
        render(Performance([note(0, 45, 0.5)]), bank, each) for each in (RenderConfig(), config)
    )
    assert len(tailed) > len(plain)
    own = config.release_time(45)
    after = slice(round((0.5 + 5 * own) * RATE), round((0.5 + 5 * own + 0.05) * RATE))
    held = render(Performance([note(0, 45, 3)]), bank)
    expected = 0.75 * np.exp(-5) + 0.25 * np.exp(-5 * own / min(8 * own, 0.6))
    assert rms(tailed[after]) / rms(held[after]) == pytest.approx(expected, rel=0.15)
    assert rms(plain[after]) < 0.1 * rms(tailed[after])


@pytest.mark.parametrize(
    "settings",
    [
        {"dampers_touch": 40, "dampers_rest": 40},
        {"dampers_touch": 40, "dampers_rest": 60},
        {"dampers_touch": 130},
        {"release_tail": 1.1},
        {"pedal_travel": -0.1},
    ],
)
def test_dampers_out_of_range_are_refused(settings):
    with pytest.raises(ValueError, match=r"found"):
        RenderConfig(**settings)


# Keys that come up


def test_each_key_comes_up_with_its_own_sound(bank, tmp_path):
    click = np.zeros(160, np.float32)
    click[40] = 0.5
    write_wav(tmp_path / "rel25.wav", click, RATE)
    releases = load_releases(tmp_path, RATE)
    assert list(releases) == [45]
    assert np.max(np.abs(releases[45])) == pytest.approx(0.3, abs=1e-3)
    config = RenderConfig(key_noise=1.0)
    played = PerformanceArrays.of(Performance([note(0, 45, 0.5)]))
    heard = render(played, bank, config, releases=releases, duration=1.0)
    plain = render(played, bank, RenderConfig(), duration=1.0)
    noise = np.abs(heard - plain)
    assert int(np.argmax(noise)) == RATE // 2 + 40
    assert 0.3 * 0.3 <= noise.max() <= 0.3
    assert np.count_nonzero(noise > 1e-4) < 5


@pytest.mark.parametrize(
    ("name", "message"),
    [("release.wav", "number from 1"), ("rel89.wav", "number from 1"), ("rel05.wav", "silence")],
)
def test_a_release_without_its_key_is_refused(tmp_path, name, message):
    write_wav(tmp_path / name, np.zeros(160, np.float32), RATE)
    with pytest.raises(InstrumentError, match=message):
        load_releases(tmp_path, RATE)


def test_an_empty_folder_has_no_releases(tmp_path):
    with pytest.raises(InstrumentError, match="found none"):
        load_releases(tmp_path, RATE)


# What training draws


@pytest.fixture(scope="module")
def piece(tmp_path_factory):
    """A data folder: two instruments, a piece whose pedal is half down, and a key's release."""
    folder = tmp_path_factory.mktemp("piece")
    for name in ("one", "two"):
        write_synthetic_bank(folder / "instruments" / name)
    events = [
        (0, (0x90, 60, 80)),
        (96, (0xB0, 64, 50)),
        (960, (0x90, 60, 0)),
        (1920, (0xB0, 64, 0)),
    ]
    track = [(tick, bytes(event)) for tick, event in events]
    (folder / "a.mid").write_bytes(midi_file_bytes(480, [track]))
    (folder / "index.csv").write_text(
        "canonical_composer,canonical_title,split,year,midi_filename,audio_filename,duration\n"
        "Nobody,Study,train,,a.mid,,2.0\n"
    )
    (folder / "releases").mkdir()
    write_wav(folder / "releases" / "rel40.wav", np.full(160, 0.2, np.float32), RATE)
    return folder


def settings(piece, **more):
    source = SourceConfig(index=str(piece / "index.csv"))
    return DataConfig(
        sources={"one": source},
        instruments=str(piece / "instruments"),
        instrument_weights={"one": 1.0},
        window_frames=31,
        n_synthetic_noises=0,
        empty_probability=0.0,
        **more,
    )


def test_windows_draw_dampers_in_their_ranges(piece, monkeypatch):
    drawn = []

    def listen(table, bank, config, *, releases, duration, **_):
        drawn.append((table, config, releases))
        return np.zeros(round(duration * RATE), np.float32)

    monkeypatch.setattr(training_windows, "render", listen)
    variety = RenderVariety(
        half_pedal=0.5,
        dampers_touch=[60.0, 70.0],
        dampers_reach=[20.0, 30.0],
        pedal_travel=[0.05, 0.06],
        release_tail=0.4,
    )
    config = settings(piece, variety=variety, releases=str(piece / "releases"))
    windows = TrainingWindows(config, AugmentConfig.nothing(), FeatureConfig(), seed=0)
    for index in range(40):
        windows[index]
    table = drawn[0][0]
    assert table.travel.depth.tolist() == [50, 0]
    assert len(table.pedal_onset) == 0
    following = [config for _, config, _ in drawn if config.dampers_touch]
    assert 10 < len(following) < 30
    for config in following:
        assert 60 <= config.dampers_touch <= 70
        assert 20 <= config.dampers_touch - config.dampers_rest <= 30
        assert 0.05 <= config.pedal_travel <= 0.06
    tails = [config.release_tail for _, config, _ in drawn]
    assert 0 <= min(tails) < 0.1 < 0.3 < max(tails) <= 0.4
    with_releases = [releases for *_, releases in drawn if releases]
    assert 10 < len(with_releases) < 30
    assert list(with_releases[0]) == [60]


def test_every_held_out_instrument_plays_every_library(piece, monkeypatch):
    played = []
    monkeypatch.setattr(validation_pieces, "_bank", lambda folder: played.append(folder[-3:]))
    monkeypatch.setattr(validation_pieces, "render", lambda *_, **__: np.zeros(1, np.float32))
    config = settings(piece, validation_windows=6, validation_instruments=["one", "two"])
    source = config.sources["one"]
    config.validation_sources = {"first": source, "second": source}
    passages = ValidationPieces(config, FeatureConfig())
    for index in range(6):
        passages[index]
    assert played == ["one", "one", "two", "two", "one", "one"]
