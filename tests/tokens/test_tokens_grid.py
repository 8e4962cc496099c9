"""Targets on a grid of sixteenths: melodies, grooves, primers, voices."""

from __future__ import annotations

import io
import itertools
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.strategies import builds, floats, integers, lists
from on_a_grid import a_piece

from transcribe.midi import read_midi
from transcribe.music.beat_grid import BeatGrid, Metre
from transcribe.music.melody import find_melody
from transcribe.notes import Note, Performance, without_overlaps
from transcribe.tokens import Settings, decode, encode
from transcribe.tokens.coconet import as_roll
from transcribe.tokens.groovae import on_three_drums
from transcribe.tokens.music_vae import is_melody, is_trio
from transcribe.tokens.quantised import line_on_grid
from transcribe.tokens.score_midi import StepNote, Track, read_score_midi, score_midi

GRID_TARGETS = ("melody-rnn", "music-vae", "groovae", "coconet", "abc")


@pytest.fixture(scope="module")
def piece() -> tuple[Performance, BeatGrid]:
    return a_piece()


@pytest.mark.parametrize("target", GRID_TARGETS)
def test_items_lie_where_they_were_played_and_say_on_which_grid(target, piece):
    performance, grid = piece
    encoded = encode(target, performance, Settings(grid=grid))
    assert encoded.items
    json.dumps(encoded.describe("song"))
    assert encoded.about["grid"]["metre"] == "4/4"
    names = 12 if target == "coconet" else 128  # where octaves may move, what counts is the name
    struck = {(note.pitch % names, round(grid.step(note.onset))) for note in performance.notes}
    n_put_back = 0
    for item in encoded.items:
        assert 0 <= item.start < item.stop
        if item.name.startswith(("tap", "drums")):
            continue
        for note in decode(target, item).notes:
            step = round(grid.step(note.onset))
            assert item.start - 0.1 <= note.onset < item.stop
            if not item.name.startswith("voices"):
                assert (note.pitch % names, step) in struck
                n_put_back += 1
    assert n_put_back > 100


@pytest.mark.parametrize("target", GRID_TARGETS)
def test_music_that_comes_later_lies_later(target):
    (now, now_grid), (later, later_grid) = a_piece(8), a_piece(8, delay=60)
    first = encode(target, now, Settings(grid=now_grid))
    second = encode(target, later, Settings(grid=later_grid))
    assert [item.name for item in first.items] == [item.name for item in second.items]
    for a, b in zip(first.items, second.items, strict=True):
        assert b.stop - a.stop == pytest.approx(60, abs=1e-6)
        assert b.start - a.start == pytest.approx(60, abs=1e-6) or a.start == 0
        assert b.about["beats"][0] - a.about["beats"][0] == pytest.approx(60, abs=1e-4)


@pytest.mark.parametrize("target", GRID_TARGETS)
def test_of_no_notes_nothing_is_made(target):
    encoded = encode(target, Performance())
    assert encoded.items == ()


def test_the_melody_comes_back_within_half_a_step(piece):
    performance, grid = piece
    melody = find_melody(performance)
    for target in ("melody-rnn", "abc"):
        items = encode(target, performance, Settings(grid=grid)).items
        items = [item for item in items if not item.name.startswith("primer")]
        back = [note for item in items for note in decode(target, item).notes]
        assert [note.pitch for note in back] == [note.pitch for note in melody]
        off = [abs(grid.step(a.onset) - grid.step(b.onset)) for a, b in zip(back, melody, strict=1)]
        assert max(off) <= 0.501


def quantised_by_note_seq(content: bytes):
    """The file as Magenta's tools read it, on their 16th grid."""
    note_seq = pytest.importorskip("note_seq", reason="needs the extra magenta")
    sequence = note_seq.midi_to_note_sequence(content)
    return note_seq, note_seq.quantize_note_sequence(sequence, steps_per_quarter=4)


def test_note_seq_extracts_the_melody_that_was_written(piece):
    performance, grid = piece
    items = encode("melody-rnn", performance, Settings(grid=grid)).items
    assert items
    for item in items:
        note_seq, quantised = quantised_by_note_seq(item.content)
        assert note_seq.steps_per_bar_in_quantized_sequence(quantised) == 16
        melody = note_seq.Melody()
        melody.from_quantized_sequence(quantised, gap_bars=1, pad_end=True)
        assert list(melody) == item.about["events"]
        assert len(melody) >= 32


def test_note_seq_finds_the_whole_of_every_melody_for_music_vae(piece):
    performance, grid = piece
    items = encode("music-vae", performance, Settings(grid=grid)).items
    kinds = {item.name.rpartition("-")[0] for item in items}
    assert kinds == {"melody-2bar", "melody-4bar", "melody-16bar", "trio-16bar"}
    for item in items:
        tracks = read_score_midi(item.content).tracks
        n_bars = item.about["n_bars"]
        if item.name.startswith("trio"):
            assert is_trio(*(track.notes for track in tracks))
            assert [(track.program, track.is_drum) for track in tracks[:2]] == [
                (0, False),
                (32, False),
            ]
            assert tracks[2].is_drum
            continue
        assert is_melody(tracks[0].notes, n_bars)
        note_seq, quantised = quantised_by_note_seq(item.content)
        melody = note_seq.Melody()
        melody.from_quantized_sequence(quantised, gap_bars=1, pad_end=True)
        assert list(melody) == item.about["events"]
        assert len(melody) == 16 * n_bars


def test_what_music_vae_would_drop_is_not_called_a_melody():
    late, early, held = StepNote(16, 60, 4), StepNote(0, 60, 4), StepNote(28, 62, 4)
    assert is_melody([early, StepNote(14, 64, 4), held], 2)
    assert not is_melody([late, held], 2)
    assert not is_melody([early, held], 2)
    assert not is_melody([early, StepNote(14, 64, 2)], 2)
    assert not is_melody([], 2)
    assert not is_trio([early], [early], [early])


def test_other_metres_than_common_time_are_refused_with_the_reason():
    performance, grid = a_piece(4)
    waltz = Settings(grid=BeatGrid(grid.beats, Metre(3, 4)))
    for target in ("music-vae", "groovae"):
        encoded = encode(target, performance, waltz)
        assert encoded.items == ()
        assert "4/4 only, found 3/4" in encoded.remarks[0]


@pytest.mark.parametrize("target", ["music-vae", "groovae"])
def test_two_bars_of_two_four_are_one_of_common_time(target):
    performance, grid = a_piece(4)
    halved = encode(target, performance, Settings(grid=BeatGrid(grid.beats, Metre(2, 4))))
    whole = encode(target, performance, Settings(grid=grid))
    assert halved.items
    assert [each.content for each in halved.items] == [each.content for each in whole.items]


MILLISECONDS = integers(0, 30_000).map(lambda value: value / 1000)
"""Onsets a recording can have: no two strokes of a key are closer than a thousandth of a second."""


def a_note(onset: float, pitch: int, duration: float, velocity: int) -> Note:
    return Note(onset=onset, pitch=pitch, offset=onset + duration, velocity=velocity)


@settings(max_examples=30, deadline=None)
@given(
    notes=lists(
        builds(a_note, MILLISECONDS, integers(21, 108), floats(0.02, 3), integers(1, 127)),
        min_size=1,
        max_size=40,
    ),
    gaps=lists(floats(0.3, 1.5), min_size=4, max_size=30),
)
def test_a_groove_is_put_together_again_within_five_milliseconds(notes, gaps):
    """Quantised steps plus offsets are every note as it was played, wherever beats lie."""
    performance = Performance(without_overlaps(notes))
    beats = tuple(np.cumsum([0.1, *gaps]).tolist())
    items = encode("groovae", performance, Settings(grid=BeatGrid(beats))).items
    back = [
        note for item in items if item.suffix == ".npz" for note in decode("groovae", item).notes
    ]
    assert len(back) == len(performance.notes)
    for a, b in zip(sorted(back), performance.notes, strict=True):
        assert a.onset == pytest.approx(b.onset, abs=0.005)
    by_pitch = [
        sorted((n.pitch, n.onset, n.velocity) for n in p) for p in (back, performance.notes)
    ]
    for a, b in zip(*by_pitch, strict=True):
        assert (a[0], a[2]) == (b[0], b[2])


def test_a_note_before_the_first_bar_line_keeps_its_time_where_the_tempo_changes():
    beats = BeatGrid(tuple(np.cumsum([0.1, 1.375, 1.0625, 0.3125, 1.125, 1.0]).tolist()))
    early = Performance([Note(onset=3.875, pitch=60, offset=4.5, velocity=80)])
    (groove,) = (
        i for i in encode("groovae", early, Settings(grid=beats)).items if i.suffix == ".npz"
    )
    (back,) = decode("groovae", groove).notes
    assert back.onset == pytest.approx(3.875, abs=1e-3)


def test_grooves_have_the_shapes_and_ranges_of_their_converter(piece):
    performance, grid = piece
    tap, *others = encode("groovae", performance, Settings(grid=grid)).items
    grooves = [item for item in others if item.suffix == ".npz"]
    assert len(grooves) == 10
    onsets = {round(grid.step(note.onset)) for note in performance.notes}
    assert len(decode("groovae", tap).notes) == len(onsets)
    n_hits = 0
    for item in grooves:
        arrays = np.load(io.BytesIO(item.content))
        for name in ("hits", "velocities", "offsets"):
            assert arrays[name].shape == (32, 9)
        assert set(np.unique(arrays["hits"])) <= {0, 1}
        assert (np.abs(arrays["offsets"]) <= 0.5).all()
        assert ((arrays["velocities"] > 0) == (arrays["hits"] > 0)).all()
        n_hits += arrays["hits"].sum()
    assert n_hits == len(onsets)


def test_taps_and_drums_of_a_few_bars_fit_their_model_and_keep_every_onset(piece):
    """What magenta.js refuses is a hit beyond the last step."""
    performance, grid = piece
    items = encode("groovae", performance, Settings(grid=grid)).items
    onsets = {round(grid.step(note.onset)) for note in performance.notes}
    for name, n_bars in (("tap-1bar", 1), ("tap-2bar", 2), ("tap-4bar", 4), ("drums-2bar", 2)):
        windows = [item for item in items if item.name.startswith(name)]
        steps = set()
        for item in windows:
            assert item.about["n_bars"] == n_bars
            (track,) = read_score_midi(item.content).tracks
            assert track.is_drum
            assert max(note.step + note.n_steps for note in track.notes) <= 16 * n_bars
            first = item.about["first_bar"] * 16
            steps |= {first + round(note.step) for note in track.notes}
        assert steps == onsets


def test_drums_are_spread_by_register_and_accent():
    notes = [
        StepNote(4 * i, 40 if i % 2 else 70 + i, 1, 110 if i % 4 == 0 else 60) for i in range(16)
    ]
    drums = {note.step: note.pitch for note in on_three_drums(notes)}
    assert [drums[4 * i] for i in range(4)] == [38, 36, 42, 36]


def test_primers_are_the_last_bars_and_end_on_a_bar_line(piece):
    performance, grid = piece
    items = {i.name: i for i in encode("melody-rnn", performance, Settings(grid=grid)).items}
    line = line_on_grid(find_melody(performance), grid)
    end = 16 * (int(line[-1].step // 16) + 1)
    for n_bars in (4, 8):
        item = items[f"primer-{n_bars}bar"]
        assert len(item.about["events"]) == 16 * n_bars
        assert item.about["first_bar"] == end // 16 - n_bars
        (track,) = read_score_midi(item.content).tracks
        assert track.notes[-1].step + track.notes[-1].n_steps == 16 * n_bars
        wanted = [note.pitch for note in line if note.step >= end - 16 * n_bars]
        assert [note.pitch for note in track.notes] == wanted
        note_seq, quantised = quantised_by_note_seq(item.content)
        melody = note_seq.Melody()
        melody.from_quantized_sequence(quantised, gap_bars=1, pad_end=True)
        assert list(melody) == item.about["events"]


def test_a_tap_keeps_its_timing_to_the_millisecond(piece):
    performance, grid = piece
    tap = encode("groovae", performance, Settings(grid=grid)).items[0]
    onsets = np.array([note.onset for note in performance.notes])
    taps = decode("groovae", tap).notes
    assert len(taps) >= 16
    for note in taps:
        assert np.abs(onsets - note.onset).min() < 0.0015


def test_coconet_has_the_shapes_and_ranges_of_its_paper(piece):
    performance, grid = piece
    items = encode("coconet", performance, Settings(grid=grid)).items
    sopranos = [item for item in items if item.name.startswith("soprano")]
    rolls = [item for item in items if item.suffix == ".npz"]
    assert len(sopranos) == 10
    assert len(rolls) == 2
    for item in sopranos:
        assert len(item.about["pitches"]) == 32
        assert all(36 <= pitch <= 81 for pitch in item.about["pitches"] if pitch is not None)
        (track,) = read_score_midi(item.content).tracks
        assert all(36 <= note.pitch <= 81 for note in track.notes)
    for item in rolls:
        arrays = np.load(io.BytesIO(item.content))
        pitches, roll = arrays["pitches"], arrays["roll"]
        assert pitches.shape == (128, 4)
        assert roll.shape == (128, 46, 4)
        sung = ~np.isnan(pitches)
        assert (roll.sum(axis=1) == sung).all()
        assert (roll == as_roll(pitches)).all()
        assert (roll.argmax(axis=1)[sung] + 36 == pitches[sung]).all()
        for high, low in itertools.pairwise(pitches.T):
            both = ~np.isnan(high) & ~np.isnan(low)
            assert (high[both] > low[both]).all()


def test_four_voices_are_midi_too_a_track_each_at_the_tempo_of_the_recording(piece):
    performance, grid = piece
    items = encode("coconet", performance, Settings(grid=grid)).items
    items = [item for item in items if item.name.startswith("voices")]
    for arrays, midi in zip(items[::2], items[1::2], strict=True):
        assert (arrays.name, arrays.suffix, midi.suffix) == (midi.name, ".npz", ".mid")
        read = read_score_midi(midi.content)
        assert [track.name for track in read.tracks] == ["Soprano", "Alto", "Tenor", "Bass"]
        pitches = np.load(io.BytesIO(arrays.content))["pitches"]
        found = np.full(pitches.shape, np.nan)
        for voice, track in enumerate(read.tracks):
            for note in track.notes:
                found[int(note.step) : int(note.step + note.n_steps), voice] = note.pitch
        np.testing.assert_array_equal(found, pitches)
        minutes = (midi.stop - midi.start) / 60
        assert read.tempos[0][1] == pytest.approx(128 / 4 / minutes, rel=1e-4)
        assert decode("coconet", midi).notes == decode("coconet", arrays).notes


def test_the_soprano_is_the_melody_moved_by_octaves(piece):
    performance, grid = piece
    items = encode("coconet", performance, Settings(grid=grid)).items
    sung = [
        note.pitch
        for item in items
        if item.name.startswith("soprano")
        for note in decode("coconet", item).notes
    ]
    melody = [note.pitch for note in find_melody(performance)]
    assert len({a - b for a, b in zip(sung, melody, strict=True)}) == 1
    assert (sung[0] - melody[0]) % 12 == 0


def test_score_midi_is_read_by_us_and_by_others(tmp_path):
    tune = (StepNote(0, 60, 4, 90), StepNote(4, 64, 2, 80), StepNote(6.25, 67, 1.5, 70))
    drums = (StepNote(0, 36, 1, 100), StepNote(8, 42, 1, 60))
    tracks = (Track("Melody", tune, 3), Track("Drums", drums, is_drum=True))
    content = score_midi(tracks, quarters_a_minute=90, metre=Metre(3, 4), text="by hand")
    assert read_score_midi(content).tracks == tracks
    (tmp_path / "song.mid").write_bytes(content)
    performance = read_midi(tmp_path / "song.mid")
    assert [(n.pitch, n.velocity) for n in performance.notes] == [(60, 90), (64, 80), (67, 70)]
    onsets = [note.onset for note in performance.notes]
    np.testing.assert_allclose(onsets, np.array([0, 4, 6.25]) * 60 / 90 / 4, atol=1e-6)
