"""Music that nobody wrote: short piano studies of random chords, melodies and pedal.

They are there to be transcribed, not to be listened to. Each has what a transcriber must
know: chords and single notes, all loudnesses, notes struck again, keys that are released
under the pedal, and rests.
"""

from __future__ import annotations

import numpy as np

from transcribe.notes import Note, PedalPress, Performance, without_overlaps

_SCALE = (0, 2, 4, 5, 7, 9, 11)
"""Semitones above the keynote."""
_CHORD = (0, 2, 4, 6)
"""Steps of the scale above the root."""
_LOWEST, _HIGHEST = 33, 96
"""MIDI numbers of what is played."""
_BEFORE, _AFTER = 0.3, 1.2
"""Seconds of rest before the first note, and at least so many after the last."""


def study(seed: int, seconds: float = 20.0) -> Performance:
    """A study of about ``seconds`` seconds, rest at the end included; one for every seed."""
    rng = np.random.default_rng([1838, seed])
    key = int(rng.integers(0, 12))
    beat = float(rng.uniform(0.35, 0.6))
    notes: list[Note] = []
    pedal: list[PedalPress] = []
    now = _BEFORE
    degree = int(rng.integers(14, 24))
    while now + 4 * beat < seconds - _AFTER:
        root = int(rng.integers(2, 9))
        loudness = float(rng.uniform(35, 100))
        stop = now + 4 * beat
        notes += _left_hand(rng, key, root, now, beat, loudness)
        degree = _right_hand(rng, notes, key, degree, now, beat, loudness)
        if rng.random() < 0.6:
            pedal.append(PedalPress(onset=now + 0.1, offset=stop - float(rng.uniform(0.02, 0.2))))
        now = stop + (beat if rng.random() < 0.1 else 0.0)
    return Performance(without_overlaps(sorted(notes)), tuple(pedal))


def _left_hand(
    rng: np.random.Generator, key: int, root: int, now: float, beat: float, loudness: float
) -> list[Note]:
    """A chord on the first beat, or broken over four."""
    degrees = [root + step for step in _CHORD[: int(rng.integers(2, 5))]]
    broken = rng.random() < 0.5
    notes = []
    for index in range(4 if broken else len(degrees)):
        onset = now + (index * beat if broken else 0.0) + float(rng.normal(0, 0.008))
        held = beat * float(rng.uniform(0.7, 0.95) if broken else rng.uniform(1.5, 3.6))
        degree = degrees[index % len(degrees)]
        notes.append(_note(rng, _pitch(key, degree), onset, held, loudness - 8))
    return notes


def _right_hand(
    rng: np.random.Generator,
    notes: list[Note],
    key: int,
    degree: int,
    now: float,
    beat: float,
    loudness: float,
) -> int:
    """Steps, leaps and repetitions, some with a third or an octave; adds to ``notes``."""
    step = beat / int(rng.choice([1, 2, 2, 3]))
    for index in range(round(4 * beat / step)):
        if rng.random() < 0.12:
            continue
        degree = int(np.clip(degree + rng.choice([-3, -1, -1, 0, 1, 1, 4]), 12, 34))
        onset = now + index * step + float(rng.normal(0, 0.008))
        held = step * float(rng.uniform(0.5, 1.0))
        for above in (0, *(rng.choice([2, 7], 1) if rng.random() < 0.25 else ())):
            notes.append(_note(rng, _pitch(key, degree + int(above)), onset, held, loudness))
    return degree


def _note(rng: np.random.Generator, pitch: int, onset: float, held: float, loudness: float) -> Note:
    velocity = int(np.clip(loudness + rng.normal(0, 7), 15, 120))
    onset = max(0.0, onset)
    return Note(onset=onset, pitch=pitch, offset=onset + max(0.06, held), velocity=velocity)


def _pitch(key: int, degree: int) -> int:
    """MIDI number of a scale degree; octaves fold back into what is played."""
    octave, step = divmod(degree, len(_SCALE))
    pitch = 24 + key + 12 * octave + _SCALE[step]
    while pitch > _HIGHEST:
        pitch -= 12
    while pitch < _LOWEST:
        pitch += 12
    return pitch
