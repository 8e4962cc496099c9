"""ABC: tunes written and read back."""

from __future__ import annotations

import re
import shutil
import subprocess

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.strategies import integers, lists, tuples

from transcribe.midi import read_midi
from transcribe.music.beat_grid import BeatGrid, Metre
from transcribe.music.key import Key
from transcribe.tokens.abc import abc_tune, read_tune
from transcribe.tokens.quantised import BarRange
from transcribe.tokens.score_midi import StepNote

ABC2MIDI = shutil.which("abc2midi")

tunes = lists(tuples(integers(21, 108), integers(1, 20), integers(0, 12)), min_size=1, max_size=30)


def a_tune(parts, metre: Metre) -> tuple[list[StepNote], BarRange]:
    notes, step = [], 0
    for pitch, n_steps, rest in parts:
        notes.append(StepNote(step, pitch, n_steps))
        step += n_steps + rest
    grid = BeatGrid(tuple(np.arange(0, 200, 0.5).tolist()), metre)
    return notes, BarRange(grid, 0, -(-step // metre.steps_per_bar))


@given(
    parts=tunes,
    tonic=integers(0, 11),
    minor=integers(0, 1),
    metre=integers(0, 3),
)
def test_a_tune_is_read_back_in_every_key_and_metre(parts, tonic, minor, metre):
    metre = Metre.parse(("4/4", "3/4", "6/8", "2/2")[metre])
    notes, bars = a_tune(parts, metre)
    text = abc_tune(notes, bars, Key(tonic, bool(minor)))
    assert [(n.step, n.pitch, n.n_steps) for n in read_tune(text)] == [
        (n.step, n.pitch, n.n_steps) for n in notes
    ]


def test_a_tune_is_written_as_the_nottingham_collection_writes_it():
    """Units of a quarter note, or an eighth in 6/8; half bars together, nothing around bars."""
    parts = [(74, 2, 0), (76, 2, 0), (78, 6, 0), (76, 2, 0), (74, 3, 0), (73, 1, 0), (74, 20, 4)]
    notes, bars = a_tune(parts, Metre(4, 4))
    head, _, tune = abc_tune(notes, bars, Key(2, False)).partition("K:D\n")
    assert "\nM:4/4\nL:1/4\n" in head
    assert tune == "d/2e/2f3/2e/2d3/4c/4|d4-|dz3|]\n"
    jig = [(79, 2, 0), (78, 2, 0), (76, 2, 0), (74, 4, 0), (74, 2, 0), (74, 6, 0), (71, 3, 0)]
    notes, bars = a_tune([*jig, (73, 3, 0)], Metre(6, 8))
    head, _, tune = abc_tune(notes, bars, Key(2, False)).partition("K:D\n")
    assert "\nM:6/8\nL:1/8\n" in head
    assert tune == "gfe d2d|d3 B3/2c3/2|]\n"


def test_an_accidental_in_another_octave_leaves_no_doubt():
    """Readers differ on whether it holds there, so the sign is written again."""
    notes, bars = a_tune([(pitch, 4, 0) for pitch in (61, 72, 61, 73)], Metre(4, 4))
    tune = abc_tune(notes, bars, Key(0, False)).splitlines()[-1]
    assert [len(re.findall(sign, tune)) for sign in (r"\^", "=")] == [3, 1]


@pytest.mark.skipif(ABC2MIDI is None, reason="needs abc2midi (Debian's abcmidi)")
@settings(max_examples=25, deadline=None)
@given(parts=tunes, tonic=integers(0, 11), minor=integers(0, 1), metre=integers(0, 3))
def test_abc2midi_reads_the_notes_without_a_warning(tmp_path_factory, parts, tonic, minor, metre):
    metre = Metre.parse(("4/4", "3/4", "6/8", "2/2")[metre])
    notes, bars = a_tune(parts, metre)
    folder = tmp_path_factory.mktemp("abc")
    (folder / "tune.abc").write_text(abc_tune(notes, bars, Key(tonic, bool(minor))))
    ran = subprocess.run(
        [str(ABC2MIDI), "tune.abc", "-o", "tune.mid", "-NGRA"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    said = (ran.stdout + ran.stderr).lower()
    assert "warning" not in said
    assert "error" not in said
    found = read_midi(folder / "tune.mid").notes
    assert [note.pitch for note in found] == [note.pitch for note in notes]
    step = bars.grid.metre.steps_per_beat
    onsets = np.array([note.onset for note in found]) / 0.5 * step
    np.testing.assert_allclose(onsets, [note.step for note in notes], atol=0.02 * step)
