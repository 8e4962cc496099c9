"""Thresholds are chosen by what they decide."""

from __future__ import annotations

import numpy as np
import pytest

from eval.accuracy.thresholds import calibrate, choose, middle_of_the_best
from transcribe.decode.config import DecodeConfig
from transcribe.decode.decoder import Decoder
from transcribe.features import FeatureConfig
from transcribe.notes import Note, PedalPress, Performance
from transcribe.rolls import Rolls, encode
from transcribe.train.validation_pieces import ValidationPiece

GRID = FeatureConfig().grid


def test_each_threshold_lands_between_right_and_wrong():
    """A network that says true onsets at .9 and ghosts at .6, and everything else at .4."""
    played = Performance(
        notes=[
            Note(onset=0.5 + 0.4 * i, pitch=60 + i, offset=0.75 + 0.4 * i, velocity=80)
            for i in range(10)
        ],
        pedal=[PedalPress(onset=0.6, offset=2.0), PedalPress(onset=2.5, offset=4.0)],
    )
    rolls = encode(played, GRID, 200)
    for plane, level in ((rolls.onset, 0.9), (rolls.frame, 0.4), (rolls.sounding, 0.4)):
        plane *= level
    rolls.pedal[:] *= 0.4
    rolls.onset[20:160:20, 5] = 0.6
    piece = ValidationPiece("study", np.zeros(0, np.float32), played, has_pedal=True)
    chosen, table = choose([(piece, rolls)], GRID, DecodeConfig(), candidates=(0.3, 0.5, 0.7))
    assert chosen.onset_threshold == 0.7
    assert chosen.frame_threshold == 0.3
    assert chosen.sounding_threshold == 0.3
    assert chosen.pedal_threshold == 0.3
    assert table["onset_threshold"][0.7] == 1.0 > table["onset_threshold"][0.5]


def pedalled(probabilities, presses):
    """A recording of which only the pedal is known."""
    rolls = Rolls.empty(len(probabilities))
    rolls.pedal[:] = probabilities
    played = Performance(
        notes=[], pedal=[PedalPress(onset=press[0], offset=press[1]) for press in presses]
    )
    return ValidationPiece("pedal", np.zeros(0, np.float32), played, has_pedal=True), rolls


def test_the_pedal_is_judged_on_other_recordings_too():
    """Presses of .4 in the passages, ghosts of .5 in five other recordings."""
    passage = pedalled([0.4 if i % 100 >= 50 else 0 for i in range(600)], _presses(0, 600))
    ghosts = [0.9 if i % 100 >= 50 else 0.5 if 10 < i % 100 < 30 else 0 for i in range(600)]
    others = [pedalled(ghosts, _presses(0, 600))] * 5
    candidates = (0.3, 0.7)
    alone, _ = choose([passage], GRID, DecodeConfig(), candidates)
    assert alone.pedal_threshold == 0.3
    both, table = choose([passage], GRID, DecodeConfig(), candidates, recorded=[others])
    figures = table["pedal_threshold"]
    assert figures[0.3] == pytest.approx((1 + 2 / 3) / 2, abs=0.02)
    assert figures[0.7] == pytest.approx((0 + 1) / 2, abs=0.02)
    assert both.pedal_threshold == 0.3
    assert choose(others, GRID, DecodeConfig(), candidates)[0].pedal_threshold == 0.7


def _presses(start, stop):
    return [(GRID.seconds(at + 49.7), GRID.seconds(at + 100.2)) for at in range(start, stop, 100)]


def test_presses_too_short_for_a_foot_are_left_out_where_that_is_better():
    """Real presses of 1.6 s, and flickers of three frames."""
    flickering = [0.9 if i % 100 >= 50 or 20 <= i % 100 < 23 else 0 for i in range(600)]
    heard = pedalled(flickering, _presses(0, 600))
    chosen, table = choose([heard], GRID, DecodeConfig(), (0.5,))
    assert chosen.minimum_press > 3 * 0.032
    assert table["minimum_press"][chosen.minimum_press] > table["minimum_press"][0.05] + 0.2
    assert chosen.pedal_hysteresis == DecodeConfig().pedal_hysteresis


def test_a_tie_goes_to_the_middle():
    played = Performance(notes=[Note(onset=1, pitch=60, offset=2, velocity=80)])
    rolls = Rolls.empty(100)
    piece = ValidationPiece("silence", np.zeros(0, np.float32), played, has_pedal=True)
    chosen, _ = choose([(piece, rolls)], GRID, DecodeConfig(), candidates=(0.3, 0.5, 0.7))
    assert chosen == DecodeConfig()


def test_of_those_as_good_the_middle_one():
    """Onsets at .9, nothing else above .2: every threshold between finds the same."""
    played = Performance(notes=[Note(onset=1, pitch=60, offset=2, velocity=80)])
    rolls = encode(played, GRID, 100)
    rolls.onset[:] *= 0.9
    rolls.onset[60, 5] = 0.35
    piece = ValidationPiece("note", np.zeros(0, np.float32), played, has_pedal=True)
    candidates = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
    chosen, table = choose([(piece, rolls)], GRID, DecodeConfig(), candidates)
    assert table["onset_threshold"][0.3] < table["onset_threshold"][0.4] == 1.0
    assert chosen.onset_threshold == 0.6


@pytest.mark.parametrize(
    ("figures", "expected"),
    [
        # The best by far, at either end and between.
        ({0.3: 0.90, 0.5: 0.80, 0.7: 0.70}, 0.3),
        ({0.3: 0.70, 0.5: 0.80, 0.7: 0.90}, 0.7),
        # Less than a tenth of a point worse is as good: the middle of 0.3 to 0.7.
        ({0.2: 0.80, 0.3: 0.9000, 0.5: 0.8995, 0.7: 0.8992, 0.8: 0.80}, 0.5),
        # A tenth of a point and more is worse.
        ({0.3: 0.9000, 0.5: 0.8985, 0.7: 0.8985}, 0.3),
        # What lies between two that are as good, and is worse itself, is not chosen.
        ({0.2: 0.90, 0.4: 0.70, 0.5: 0.70, 0.6: 0.90}, 0.6),
        # Of two that are as near the middle, the one nearer a half.
        ({0.6: 0.90, 0.7: 0.90}, 0.6),
        ({0.2: 0.90, 0.3: 0.90}, 0.3),
    ],
)
def test_the_middle_of_the_best(figures, expected):
    assert middle_of_the_best(figures) == expected


def test_confidences_are_scaled_to_how_often_notes_are_right():
    """Ten notes: of those at 0.9 half are played, of those at 0.99 four in five."""
    onsets = [0.5 + 0.4 * i for i in range(40)]
    notes = [Note(onset=t, pitch=60, offset=t + 0.2, velocity=80) for t in onsets]
    rolls = encode(Performance(notes=notes), GRID, 600)
    sure = np.array([0.9] * 20 + [0.99] * 20)
    for onset, level in zip(onsets, sure, strict=True):
        frame = round(GRID.position(onset))
        rolls.onset[frame - 2 : frame + 3] *= level
    played = [note for i, note in enumerate(notes) if (i % 2 if i < 20 else i % 5)]
    piece = ValidationPiece("study", np.zeros(0, np.float32), Performance(notes=played), True)
    chosen = calibrate([(piece, rolls)], GRID, DecodeConfig(confidence_shift=3.0))
    decoder = Decoder(GRID, chosen)
    decoder.push(rolls)
    confidence = np.array([note.confidence for note in decoder.finish().notes])
    assert confidence[:20] == pytest.approx(0.5, abs=0.02)
    assert confidence[20:] == pytest.approx(0.8, abs=0.02)


def test_where_every_note_is_right_confidences_stay():
    notes = [Note(onset=1, pitch=60, offset=2, velocity=80)]
    rolls = encode(Performance(notes=notes), GRID, 100)
    piece = ValidationPiece("note", np.zeros(0, np.float32), Performance(notes=notes), True)
    assert calibrate([(piece, rolls)], GRID, DecodeConfig()) == DecodeConfig()


def loud_in_the_treble(octaves: float):
    """Forty notes of one key after another, in the treble as many velocities louder an octave."""
    pitches = [40 + 12 * (i % 5) for i in range(40)]
    played = Performance(
        notes=[
            Note(onset=0.5 + 0.4 * i, pitch=pitch, offset=0.7 + 0.4 * i, velocity=50 + i)
            for i, pitch in enumerate(pitches)
        ]
    )
    heard = Performance(
        notes=[
            Note(
                onset=note.onset,
                pitch=note.pitch,
                offset=note.offset,
                velocity=round(note.velocity - octaves * (note.pitch - 64) / 12),
            )
            for note in played.notes
        ]
    )
    piece = ValidationPiece("scale", np.zeros(0, np.float32), played, has_pedal=True)
    return piece, encode(heard, GRID, 560)


def test_velocities_are_tilted_by_as_much_as_the_treble_is_heard_too_soft():
    """By one an octave in one set, by three in another: in the middle where both count."""
    candidates = (0.5,)
    for octaves in (1.0, 3.0):
        chosen, _ = choose([loud_in_the_treble(octaves)], GRID, DecodeConfig(), candidates)
        assert chosen.velocity_tilt == octaves
    both, table = choose(
        [loud_in_the_treble(1.0)],
        GRID,
        DecodeConfig(),
        candidates,
        recorded=[[loud_in_the_treble(3.0)] * 5],
    )
    assert both.velocity_tilt == 2.0
    assert table["velocity_tilt"][2.0] > table["velocity_tilt"][0.0]
