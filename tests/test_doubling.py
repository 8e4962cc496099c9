import numpy as np
from hypothesis import given, settings
from hypothesis.strategies import floats, integers
from numpy.testing import assert_array_equal

from transcribe.notes import Note, PedalPress, Performance
from transcribe.render import NoteTable
from transcribe.train.data import excerpt
from transcribe.train.doubling import with_octaves

FIELDS = ("onset", "released", "damped", "restruck", "pitch", "velocity")


def played(seed, n_notes=60):
    """A table of random notes, a fifth of a second apart, with some pedal."""
    rng = np.random.default_rng(seed)
    notes = [
        Note(
            onset=i / 5,
            pitch=int(rng.integers(21, 109)),
            offset=i / 5 + float(rng.uniform(0.05, 1)),
            velocity=int(rng.integers(1, 128)),
        )
        for i in range(n_notes)
    ]
    return NoteTable.of(Performance(notes, [PedalPress(onset=2.0, offset=3.0)]))


@settings(deadline=None, max_examples=25)
@given(seed=integers(0, 10_000), share=floats(0.05, 1))
def test_what_is_added_doubles_a_note_and_disturbs_none(seed, share):
    table = played(seed)
    doubled = with_octaves(table, 3.0, 9.0, share, np.random.default_rng(seed))
    rows = set(zip(*(getattr(table, name).tolist() for name in FIELDS), strict=True))
    found = list(zip(*(getattr(doubled, name).tolist() for name in FIELDS), strict=True))
    assert_array_equal(np.sort(doubled.onset), doubled.onset)
    kept = {(*row[:3], *row[4:]) for row in rows}  # a string may be struck again by what is new
    added = [row for row in found if (*row[:3], *row[4:]) not in kept]
    assert len(added) == len(found) - len(rows)
    for onset, released, damped, restruck, pitch, _ in added:
        intervals = {
            pitch - old[4]
            for old in rows
            if abs(old[0] - onset) < 0.05 and (old[1], old[2]) == (released, damped)
        }
        assert intervals & {12, -12, 19, 24}
        assert 21 <= pitch <= 108
        assert 2.9 < onset < released
        assert damped < restruck
        sounding = [o for o in found if o[4] == pitch and o[0] < onset < o[2]]
        assert sounding == []
    assert len(excerpt(doubled, 0, 20).notes) == len(excerpt(table, 0, 20).notes) + len(added)


def test_a_share_of_the_notes_is_doubled_where_there_is_room():
    notes = [Note(onset=i / 2, pitch=60, offset=i / 2 + 0.2, velocity=80) for i in range(1000)]
    table = NoteTable.of(Performance(notes))
    doubled = with_octaves(table, 0, 500, 0.3, np.random.default_rng(0))
    assert 260 < len(doubled.onset) - 1000 < 340
    added = doubled.velocity[doubled.pitch != 60]
    assert 68 < added.mean() < 76
    assert with_octaves(table, 600, 700, 1.0, np.random.default_rng(0)) is table
