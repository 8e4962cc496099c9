import numpy as np
from hypothesis import given, settings
from hypothesis.strategies import floats, integers
from numpy.testing import assert_array_equal

from transcribe.notes import Note, PedalPress, Performance
from transcribe.synthesis.performance_arrays import PerformanceArrays
from transcribe.train.augment.octaves import with_octaves

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
    return PerformanceArrays.of(Performance(notes, [PedalPress(onset=2.0, offset=3.0)]))


@settings(deadline=None, max_examples=25)
@given(seed=integers(0, 10_000), share=floats(0.05, 1))
def test_what_is_added_doubles_a_note_and_disturbs_none(seed, share):
    table = played(seed)
    doubled = with_octaves(table, 3.0, 9.0, share, np.random.default_rng(seed))
    rows = set(zip(*(getattr(table, name).tolist() for name in FIELDS), strict=True))
    found = list(zip(*(getattr(doubled, name).tolist() for name in FIELDS), strict=True))
    assert_array_equal(np.sort(doubled.onset), doubled.onset)
    kept = {(*row[:2], *row[4:]) for row in rows}  # a string may be struck again by what is new
    added = [row for row in found if (*row[:2], *row[4:]) not in kept]
    assert len(added) == len(found) - len(rows)
    assert np.all(doubled.damped <= doubled.restruck)
    for onset, released, _, restruck, pitch, _ in added:
        intervals = {
            pitch - old[4] for old in rows if abs(old[0] - onset) < 0.05 and old[1] == released
        }
        assert intervals & {12, -12, 19, 24}
        assert 21 <= pitch <= 108
        assert 2.9 < onset < released
        assert released < restruck
        held = [o for o in found if o[4] == pitch and o[0] < onset < o[1]]
        assert held == []
    assert len(doubled.excerpt(0, 20).notes) == len(table.excerpt(0, 20).notes) + len(added)


def notes_in_turn(n_notes, *pitches, apart=0.5):
    """Notes of 0.2 s, one after another, on each pitch in turn."""
    return [
        Note(onset=i * apart, pitch=pitches[i % len(pitches)], offset=i * apart + 0.2, velocity=80)
        for i in range(n_notes)
    ]


def test_a_share_of_the_notes_is_doubled_where_there_is_room():
    table = PerformanceArrays.of(Performance(notes_in_turn(1000, *range(40, 80))))
    added = []
    for seed in range(20):
        doubled = with_octaves(table, 0, 500, 0.3, np.random.default_rng(seed))
        added.append(len(doubled.onset) - 1000)
        assert 70 < doubled.velocity[doubled.velocity != 80].mean() < 76
    assert 250 < np.mean(added) < 350
    assert with_octaves(table, 600, 700, 0.0, np.random.default_rng(0)) is table


def test_repeated_notes_are_doubled_note_by_note_or_all_at_one_interval():
    pressed = PedalPress(onset=0.0, offset=50.0)
    table = PerformanceArrays.of(Performance(notes_in_turn(100, 60), [pressed]))
    shares = {None: 0, 0: 0, 100: 0}
    for seed in range(60):
        doubled = with_octaves(table, 0, 50, 0.5, np.random.default_rng(seed))
        pitches = doubled.pitch[doubled.pitch != 60]
        shares[len(pitches) if len(pitches) in shares else None] += 1
        if len(pitches) == 100:
            assert len(np.unique(pitches)) == 1
    # Half of all windows go note by note; of the others, one in two doubles the key.
    assert 20 <= shares[None] <= 40
    assert shares[0] > 5
    assert shares[100] > 5
