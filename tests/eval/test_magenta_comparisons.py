"""What is compared of Magenta's tensors differs where a note does, in every voice and window."""

from __future__ import annotations

import io

import numpy as np
import pytest
from on_a_grid import a_piece

from eval.downstream.magenta.comparisons import (
    LOWEST_PITCH,
    N_MELODY,
    GrooveArrays,
    groove_complaint,
    melody_events,
    trio_complaint,
    voices_complaint,
)
from transcribe.tokens import Settings, encode
from transcribe.tokens.groovae import taps
from transcribe.tokens.score_midi import StepNote, read_score_midi


def classes_of(events) -> np.ndarray:
    numbers = [event + 2 if event < 0 else event - LOWEST_PITCH + 2 for event in events]
    return np.eye(N_MELODY)[numbers]


def a_trio() -> tuple[dict, np.ndarray]:
    """What a description says of a trio, and the tensor that a converter should make of it."""
    performance, grid = a_piece(20)
    items = encode("music-vae", performance, Settings(grid=grid)).items
    about = next(item.about for item in items if item.name.startswith("trio"))
    events = about["events"]
    combinations = [{None: 0, 36: 1, 42: 4}[pitch] for pitch in events["drums"]]
    parts = (classes_of(events["melody"]), classes_of(events["bass"]), np.eye(512)[combinations])
    return {"events": events}, np.concatenate(parts, axis=1)


def test_a_description_says_every_note_of_a_trio():
    performance, grid = a_piece(20)
    items = encode("music-vae", performance, Settings(grid=grid)).items
    item = next(item for item in items if item.name.startswith("trio"))
    tracks = read_score_midi(item.content).tracks
    for track, name in zip(tracks, ("melody", "bass", "drums"), strict=True):
        events = item.about["events"][name]
        assert len(events) == 256
        struck = [(step, pitch) for step, pitch in enumerate(events) if pitch is not None]
        assert [(n.step, n.pitch) for n in track.notes] == [each for each in struck if each[1] >= 0]


def test_a_trio_is_accepted_as_written_and_refused_a_semitone_higher():
    item, tensor = a_trio()
    assert trio_complaint(tensor, item) is None
    for name, first in (("melody", 0), ("bass", N_MELODY)):
        higher = tensor.copy()
        pitched = slice(first + 2, first + N_MELODY)
        higher[:, pitched] = np.roll(higher[:, pitched], 1, axis=1)
        assert trio_complaint(higher, item) == f"found another {name} than was written"
    silent = tensor.copy()
    silent[:, 2 * N_MELODY :] = np.eye(512)[0]
    assert "drums" in trio_complaint(silent, item)


def test_melody_events_are_magentas():
    assert melody_events(classes_of([60, -2, -1, 108, 21])) == [60, -2, -1, 108, 21]


def a_rhythm(n_bars: int):
    performance, grid = a_piece(n_bars)
    items = encode("groovae", performance, Settings(grid=grid)).items
    arrays = [
        (item.about["first_bar"], dict(np.load(io.BytesIO(item.content))))
        for item in items
        if item.suffix == ".npz"
    ]
    return performance, grid, items, GrooveArrays(arrays)


def tensor_of(track, n_bars: int, columns) -> np.ndarray:
    """As GrooVAE's converter makes it of a MIDI file, by its paper."""
    tensor = np.zeros((16 * n_bars, 27))
    for note in track.notes:
        step = int(note.step + 0.5)
        column = columns[note.pitch]
        values = 1, note.velocity / 127, 2 * (step - note.step)
        tensor[step, [column, column + 9, column + 18]] = values
    return tensor


@pytest.mark.parametrize("n_bars", [7, 8])
def test_every_window_of_a_rhythm_is_known_from_the_arrays_the_last_one_too(n_bars):
    performance, grid, items, rhythm = a_rhythm(n_bars)
    for item in items:
        if item.suffix != ".mid":
            continue
        (track,) = read_score_midi(item.content).tracks
        about, is_cut = item.about, item.name != "tap"
        if item.name.startswith("drums"):
            tensor = tensor_of(track, about["n_bars"], {36: 0, 38: 1, 42: 2})
            expected = rhythm.drums(about["first_bar"], about["n_bars"])
        else:
            tensor = tensor_of(track, about["n_bars"], {46: 3})
            expected = rhythm.taps(about["first_bar"], about["n_bars"])
        assert groove_complaint(expected, tensor, is_cut=is_cut) is None, item.name
        last = np.flatnonzero(tensor[:, :9].any(axis=1))[-1]
        for change in (slice(0, 9), slice(9, 18), slice(18, 27)):
            spoiled = tensor.copy()
            spoiled[last, change] += 0.3
            assert groove_complaint(expected, spoiled, is_cut=is_cut) is not None
    hits = taps(StepNote(grid.step(n.onset), n.pitch, 1, n.velocity) for n in performance.notes)
    whole = rhythm.taps(min(rhythm.bars), len(rhythm.bars))
    assert whole[:, :9].sum() == len(hits)


def test_a_voice_that_sings_something_else_or_nothing_is_noticed():
    pitches = np.array([[72.0, 60.0], [72.0, np.nan]])
    assert voices_complaint(pitches, pitches.copy()) is None
    assert "1 steps" in voices_complaint(pitches, np.array([[72, 60], [72, 59.0]]))
    assert "1 steps" in voices_complaint(pitches, np.array([[72, 60], [np.nan, np.nan]]))
    assert "shape" in voices_complaint(pitches, np.zeros((2, 3)))
