"""Notes that are no music but a metronome: a click that rings a little is transcribed as a note.

Of 880 Hz clicks that die away within some 50 ms, each becomes an A5; shorter ones, bursts
of a pure tone and the pops of a record become nothing. They are reported, not left out: from
the sound alone a pianist's repeated staccato is only less regular.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import numpy as np

from transcribe.notes import Note

_LEAST_CLICKS = 8
"""In a row."""
_LONGEST = 0.1
"""Seconds that a click sounds; a piano's shortest staccato in a room is longer."""
_PERIODS = (0.24, 2.0)
"""Seconds from one click to the next: 250 to 30 a minute."""
_JITTER = 0.012
"""Seconds by which the distances differ at most; of pianists some 20 ms and more."""
_VELOCITIES = 12
"""How far the velocities lie apart at most."""


def find_clicks(notes: Iterable[Note], duration: float) -> tuple[int, int] | None:
    """The pitch and the number of the notes that are a metronome's; None if none seem to be.

    Parameters
    ----------
    notes : iterable of Note
        As long as they sound, sorted by onset.
    duration : float
        Seconds of the recording, through half of which a metronome ticks at least.
    """
    by_pitch: defaultdict[int, list[Note]] = defaultdict(list)
    for note in notes:
        if note.offset - note.onset <= _LONGEST:
            by_pitch[note.pitch].append(note)
    found: tuple[int, int] | None = None
    for pitch, same in by_pitch.items():
        run = _longest_run(same)
        if len(run) < _LEAST_CLICKS or run[-1].onset - run[0].onset < duration / 2:
            continue
        if found is None or len(run) > found[1]:
            found = pitch, len(run)
    return found


def _longest_run(notes: list[Note]) -> list[Note]:
    """The most notes in a row that are equally loud, and equally far from each other."""
    longest: list[Note] = []
    start = 0
    for stop in range(1, len(notes) + 1):
        while not _is_regular(notes[start:stop]):
            start += 1
        if stop - start > len(longest):
            longest = notes[start:stop]
    return longest


def _is_regular(notes: list[Note]) -> bool:
    if len(notes) < 2:
        return True
    # The last few are enough: those before them were regular already.
    recent = notes[-2 * _LEAST_CLICKS :]
    distances = np.diff([note.onset for note in recent])
    velocities = [note.velocity for note in recent]
    shortest, longest = _PERIODS
    return bool(
        shortest <= distances.min()
        and distances.max() <= longest
        and np.ptp(distances) <= 2 * _JITTER
        and max(velocities) - min(velocities) <= _VELOCITIES
    )
