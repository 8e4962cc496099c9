"""Short pieces as they might be played, for tests of scores."""

from __future__ import annotations

import numpy as np

from transcribe.notes import Note, Performance

GAP = 0.5
TUNE = (72, 74, 76, 77, 79, 81, 79, 77, 76, 74, 72, 71, 72, 76, 79, 84)
CADENCE = ((48, 60, 64, 67), (53, 60, 65, 69), (55, 59, 62, 65), (48, 60, 64, 67))


def march(n_bars: int = 16, start: float = 0.5) -> Performance:
    """Common time at 120: an octave and a chord in the left hand, eighths in the right."""
    rng = np.random.default_rng(0)
    notes = []

    def strike(beat: float, length: float, pitch: int, velocity: int) -> None:
        onset = start + beat * GAP + float(rng.normal(0, 0.005))
        notes.append(
            Note(onset=onset, offset=onset + 0.9 * length * GAP, pitch=pitch, velocity=velocity)
        )

    for bar in range(n_bars):
        root = (48, 53, 55, 48)[bar % 4]
        strike(4 * bar, 2, root - 12, 80)
        for pitch in (root, root + 4, root + 7):
            strike(4 * bar + 2, 2, pitch, 60)
        for eighth in range(8):
            strike(4 * bar + eighth / 2, 0.5, TUNE[(8 * bar + eighth) % 16], 90 - 15 * (eighth % 2))
    return Performance(tuple(notes))


def waltz(*, quarter: float = 0.45, slowing: float = 0.0, upbeat: bool = False) -> Performance:
    """Bass and two chords in the left hand, a note a bar in the right; 16 bars."""
    chords = ((48, (64, 67, 72)), (43, (62, 65, 71)), (53, (60, 65, 69)), (48, (64, 67, 72)))
    tune = (88, 91, 89, 86, 84, 88, 86, 84)
    notes, time = [], 0.5
    if upbeat:
        notes.append(Note(onset=time, offset=time + 0.4, pitch=91, velocity=60))
        time += quarter
    for bar in range(16):
        length = quarter * (1 + slowing * bar / 16)
        bass, chord = chords[bar % 4]
        notes.append(Note(onset=time, offset=time + 0.9 * length, pitch=bass, velocity=70))
        melody = Note(onset=time, offset=time + 2.8 * length, pitch=tune[bar % 8], velocity=80)
        notes.append(melody)
        for beat in (1, 2):
            onset = time + beat * length
            notes += [
                Note(onset=onset, offset=onset + 0.6 * length, pitch=pitch, velocity=50)
                for pitch in chord
            ]
        time += 3 * length
    return Performance(tuple(notes))


def chords(*transpositions: int) -> Performance:
    notes = []
    for bar, by in enumerate(transpositions):
        for index, chord in enumerate(CADENCE):
            onset = 2.0 * (4 * bar + index)
            notes += [
                Note(onset=onset, offset=onset + 1.8, pitch=pitch + by, velocity=70)
                for pitch in chord
            ]
    return Performance(tuple(notes))
