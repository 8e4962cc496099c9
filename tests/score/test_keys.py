"""Key signatures from notes."""

from __future__ import annotations

import numpy as np
import pytest
from played_pieces import CADENCE, chords

from transcribe.notes import Note, Performance
from transcribe.score.analysis import analyse
from transcribe.score.keys import key_of, key_signatures
from transcribe.score.networks import packaged_networks
from transcribe.score.onset_features import NoteArrays


@pytest.mark.parametrize(("by", "fifths"), [(0, 0), (7, 1), (5, -1), (3, -3), (-3, 3), (1, -5)])
def test_a_cadence_has_its_signature_in_every_key(by, fifths):
    performance = chords(*[by] * 6)
    found, _ = key_signatures(NoteArrays.of(performance), packaged_networks().key_profiles)
    assert [signature for _, signature in found] == [fifths % 12]
    assert key_of(found[0][1], performance.notes).fifths == fifths


def test_another_key_that_stays_is_a_change_where_it_begins():
    performance = chords(*[0] * 10, *[4] * 10)
    found, _ = key_signatures(NoteArrays.of(performance), packaged_networks().key_profiles)
    assert [signature for _, signature in found] == [0, 4]
    assert found[1][0] == pytest.approx(80, abs=24)


@pytest.mark.parametrize(("by", "fifths"), [((10, 6), [-2, -6]), ((2, 6), [2, 6])])
def test_six_signs_are_flats_after_flats_and_sharps_after_sharps(by, fifths):
    first, then = by
    found = analyse(chords(*[first] * 10, *[then] * 10))
    assert [change.key.fifths for change in found.keys] == fifths


def test_six_signs_are_flats_where_sharps_would_be_double():
    """Chords of B flat lead to E flat minor: D would be C double sharp."""
    assert [change.key.fifths for change in analyse(chords(*[6] * 10)).keys] == [6]
    relative = ((46, 58, 62, 65), (51, 58, 63, 66))
    order = [*([pitch + 6 for pitch in chord] for chord in CADENCE), *relative] * 7
    notes = [
        Note(onset=2.0 * index, offset=2.0 * index + 1.8, pitch=pitch, velocity=70)
        for index, chord in enumerate(order)
        for pitch in chord
    ]
    assert [change.key.fifths for change in analyse(Performance(tuple(notes))).keys] == [-6]


def test_a_minor_key_has_its_relative_major_s_signature():
    tonic = [
        Note(onset=float(i), offset=i + 0.9, pitch=pitch, velocity=70)
        for i in range(8)
        for pitch in ((45, 57, 60, 64), (52, 56, 59, 62))[i % 2]
    ]
    assert key_of(0, [*tonic, *tonic[:4]]).is_minor
    assert not key_of(0, chords(0).notes).is_minor


def test_signatures_are_all_told_of():
    profiles = packaged_networks().key_profiles
    said = profiles(np.random.default_rng(0).random((3, profiles.weights.shape[1], 12)))
    np.testing.assert_allclose(np.exp(said).sum(axis=1), 1)


def test_a_long_pause_says_nothing_of_the_key():
    """Nor does it take long: a note that is hours away costs nothing."""
    music = chords(*[0] * 4, *[4] * 16)
    hours = 40 * 3600.0
    late = Note(onset=hours, offset=hours + 1, pitch=60, velocity=70)
    profiles = packaged_networks().key_profiles
    asked = []

    def counting(chromas):
        asked.append(len(chromas))
        return profiles(chromas)

    alone, sure = key_signatures(NoteArrays.of(music), counting)
    found, as_sure = key_signatures(NoteArrays.of(Performance((*music.notes, late))), counting)
    assert found[: len(alone)] == alone
    assert as_sure == pytest.approx(sure, abs=0.1)
    assert asked[1] < asked[0] + 40
