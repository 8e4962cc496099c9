"""What a converter made, beside what the description and the arrays say: numpy alone.

Runs in Magenta's environment, on Python 3.8, and is tested without it. Every comparison says
what differs, or None.
"""

from __future__ import annotations

import numpy as np

STEPS_A_BAR = 16
N_DRUMS = 9
TAP, BASS_DRUM, SNARE, CLOSED_HIHAT = 3, 0, 1, 2
"""Columns of GrooVAE's drums."""
N_MELODY = 90
LOWEST_PITCH = 21
VELOCITY_TOLERANCE = 0.005
OFFSET_TOLERANCE = 0.02
"""Of a step."""
FARTHEST = 0.49
"""Steps off the grid at most in a MIDI file, so that a tick does not decide."""


def melody_events(tensor):
    """Magenta's events, one a step, of the classes of a melody: -2 nothing, -1 off, or a pitch."""
    classes = np.asarray(tensor).argmax(axis=1)
    return [int(c) - 2 if c < 2 else int(c) - 2 + LOWEST_PITCH for c in classes]


def trio_complaint(tensor, item):
    """Melody, bass and drums of a trio, each by itself."""
    melody, bass, drums = np.split(np.asarray(tensor), (N_MELODY, 2 * N_MELODY), axis=1)
    events = item["events"]
    for name, found in (("melody", melody_events(melody)), ("bass", melody_events(bass))):
        if found != list(events[name]):
            return f"found another {name} than was written"
    hits = [drum_of(int(combination)) for combination in drums.argmax(axis=1)]
    return None if hits == list(events["drums"]) else "found other drums than were written"


def drum_of(combination):
    """General MIDI's bass drum or closed hi-hat of a combination of one drum; None of none."""
    return {0: None, 1 << BASS_DRUM: 36, 1 << CLOSED_HIHAT: 42}.get(combination, combination)


class GrooveArrays:
    """All hits of one source by bars, as the arrays of GrooVAE's windows have them.

    Parameters
    ----------
    windows : sequence of (int, mapping)
        First bar and arrays of each ``groove-NNN.npz``.
    """

    def __init__(self, windows):
        self.bars = {}
        self.notes = []
        """Step on the grid, steps late, pitch, velocity; of every note."""
        for first_bar, arrays in windows:
            parts = [arrays["hits"], arrays["velocities"], 2 * arrays["offsets"]]
            tensor = np.concatenate(parts, axis=1)
            for index in range(len(tensor) // STEPS_A_BAR):
                part = tensor[index * STEPS_A_BAR : (index + 1) * STEPS_A_BAR]
                self.bars[first_bar + index] = part
            names = ("note_step", "note_offset", "note_pitch", "note_velocity")
            for step, offset, pitch, velocity in np.stack([arrays[name] for name in names], 1):
                first_step = first_bar * STEPS_A_BAR
                self.notes.append((first_step + int(step), -offset, int(pitch), int(velocity)))

    def taps(self, first_bar, n_bars):
        """What the tap of these bars is as a tensor: hits, velocities, twice the offsets."""
        rest = np.zeros((STEPS_A_BAR, 3 * N_DRUMS))
        return np.concatenate([self.bars.get(first_bar + bar, rest) for bar in range(n_bars)])

    def drums(self, first_bar, n_bars):
        """The same bars on three drums, by the rule of the target, from every note."""
        tensor = np.zeros((n_bars * STEPS_A_BAR, 3 * N_DRUMS))
        low = np.percentile([pitch for _, _, pitch, _ in self.notes], 25)
        loud = np.percentile([velocity for _, _, _, velocity in self.notes], 75)
        for step, late, pitch, velocity in self.notes:
            row = step - first_bar * STEPS_A_BAR
            column = CLOSED_HIHAT
            if pitch <= low:
                column = BASS_DRUM
            elif velocity > loud:
                column = SNARE
            if 0 <= row < len(tensor) and velocity / 127 > tensor[row, N_DRUMS + column]:
                tensor[row, column::N_DRUMS] = 1, velocity / 127, -2 * late
        return tensor


def groove_complaint(expected, tensor, *, is_cut=False):
    """Whether a window has the hits, velocities and offsets that it should.

    Parameters
    ----------
    expected, tensor : array
        Shape (n_steps, 27).
    is_cut : bool
        Whether the window is a file of its own, in which nothing lies before its first step.
    """
    expected, tensor = np.asarray(expected, float), np.asarray(tensor, float)
    if tensor.shape != expected.shape:
        return f"expected a window of shape {expected.shape}, found {tensor.shape}"
    hits, velocities, offsets = np.split(tensor, 3, axis=1)
    wanted_hits, wanted_velocities, wanted_offsets = np.split(expected, 3, axis=1)
    wanted_offsets = np.clip(wanted_offsets / 2, -FARTHEST, FARTHEST)
    if is_cut:
        wanted_offsets[0] = np.minimum(wanted_offsets[0], 0)
    if not (hits == wanted_hits).all():
        return "found other hits than were written"
    if np.abs(velocities - wanted_velocities).max() > VELOCITY_TOLERANCE:
        return "found other velocities than were written"
    if np.abs(offsets / 2 - wanted_offsets).max() > OFFSET_TOLERANCE:
        return "found offsets that differ by more than a fiftieth of a step"
    return None


def voices_complaint(expected, found):
    """Pitches (n_steps, n_voices), NaN where a voice rests, against those that were written."""
    if expected.shape != found.shape:
        return f"expected voices of shape {expected.shape}, found {found.shape}"
    same = (expected == found) | (np.isnan(expected) & np.isnan(found))
    return None if same.all() else f"found other pitches than were written in {(~same).sum()} steps"
