"""Sequenced music with what its ticks say of the score.

Where they are the score (piano-midi.de), beats, bars and hands are exact; lengths are not, since
they are those of the touch. Of steady music (POP909) only beats are known.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from transcribe.datasets.annotated import (
    NO_KEY,
    UNKNOWN,
    AnnotatedPerformance,
    note_finder,
    quarters_per_beat,
    unlabelled,
    without_labels,
)
from transcribe.errors import DatasetError
from transcribe.midi import performance_of
from transcribe.midi_file import KEY_SIGNATURE, NOTE_ON, TEMPO, MidiFile
from transcribe.midi_parser import parse_midi
from transcribe.wording import count

_ON_SIXTEENTH, _MOST, _COMMONER = 0.2, 0.9, 1.25
"""Steady music: sixteenths from the grid, the share of notes that are within that, and how much
commoner the beat is than other sixteenths."""


class UnsteadyError(DatasetError):
    """Music whose ticks don't say where its beats are."""


def read_sequenced(midi: Path) -> AnnotatedPerformance:
    """Sequenced music whose ticks are its score, with a track for each hand.

    Raises
    ------
    DatasetError
        Its ticks divide seconds in place of quarters, it names no metre, or there are no notes.
    """
    file = parse_midi(midi.read_bytes())
    quarter = file.ticks_a_quarter
    if quarter is None or not file.metres():
        raise DatasetError(f"{midi}: expected ticks a quarter and a time signature; found none")
    clock = file.clock()
    performance = performance_of(file).performance
    if not performance.notes:
        raise DatasetError(f"{midi}: expected notes; found none")
    beats = _beats(file, quarter)
    ticks = [beat.tick for beat in beats]
    seconds = np.array([clock(tick) for tick in ticks])
    result = unlabelled(
        performance,
        seconds,
        np.array([beat.is_down for beat in beats]),
        np.array([beat.metre for beat in beats]),
        np.array(_fifths(file, ticks)),
    )
    hand, beat_of, place = result.hand.copy(), result.beat.copy(), result.place.copy()
    find = note_finder(result)
    for tick, pitch, side in _strikes(file):
        index = find(clock(tick), pitch)
        if index is not None:
            number = bisect_right(ticks, tick) - 1
            length = quarter * quarters_per_beat(*beats[number].metre)
            hand[index], beat_of[index] = side, number
            place[index] = (tick - ticks[number]) / length
    known = (place >= 0) & (place < 1)
    labelled = replace(
        result,
        hand=hand,
        beat=np.where(known, beat_of, UNKNOWN),
        place=np.where(known, place, 0.0),
    )
    # From the beat that the first note is in to the one after the last note.
    first = int(np.searchsorted(seconds, result.onset[0] + 1e-2)) - 1
    stop = int(np.searchsorted(seconds, result.onset[-1] + 1e-3)) + 1
    return _with_beats(labelled, max(first, 0), stop)


class _Beat(NamedTuple):
    tick: int
    is_down: bool
    metre: tuple[int, int]


def _beats(file: MidiFile, quarter: int) -> list[_Beat]:
    """Of all bars up to the last event; before the first time signature its metre counts."""
    last = max(tick for track in file.tracks for tick, *_ in track.messages)
    changes = {tick: (numerator, denominator) for tick, numerator, denominator in file.metres()}
    metre = next(iter(changes.values()))
    beats = []
    for start, stop in pairwise([*file.bars(), file.end + 1]):
        metre = changes.get(start, metre)
        length = round(quarter * quarters_per_beat(*metre))
        beats += [
            _Beat(tick, tick == start, metre)
            for tick in range(start, min(stop, last + length), length)
        ]
    return beats


def _fifths(file: MidiFile, ticks: Sequence[int]) -> list[int]:
    """Sharps above 0, flats below, of the key signature at each tick."""
    keys = sorted(
        (tick, int.from_bytes(content[:1], "big", signed=True))
        for track in file.tracks
        for tick, kind, content in track.metas
        if kind == KEY_SIGNATURE and content
    )
    if not keys:
        return [NO_KEY] * len(ticks)
    key_ticks = [tick for tick, _ in keys]
    return [keys[max(bisect_right(key_ticks, tick) - 1, 0)][1] for tick in ticks]


def _strikes(file: MidiFile) -> list[tuple[int, int, int]]:
    """Tick, pitch and hand of every note, in order."""
    return sorted(
        (tick, pitch, _hand_of(track.name))
        for track in file.tracks
        for tick, status, pitch, velocity in track.messages
        if status & 0xF0 == NOTE_ON and velocity
    )


def read_steady(midi: Path) -> AnnotatedPerformance:
    """Sequenced music of one tempo whose grid of sixteenths is somewhere between its ticks.

    As in POP909, where the tempo is right and the first beat is anywhere: beats are where most
    notes start, of the four sixteenths of a quarter. Bars and metre are not known.

    Raises
    ------
    UnsteadyError
        The tempo changes, notes are not on such a grid, or no sixteenth is the commonest.
    DatasetError
        Its ticks divide seconds in place of quarters, or there are no notes.
    """
    file = parse_midi(midi.read_bytes())
    quarter = file.ticks_a_quarter
    played = np.array([tick for tick, _, _ in _strikes(file)])
    if quarter is None or not len(played):
        raise DatasetError(f"{midi}: expected ticks a quarter, and notes; found none")
    n_tempos = sum(kind == TEMPO for track in file.tracks for _, kind, _ in track.metas)
    counts = np.bincount(played % quarter, minlength=quarter).astype(float)
    near = np.exp(-0.5 * (np.arange(-30, 31) * 60 / quarter) ** 2)
    smooth = np.convolve(np.tile(counts, 3), near, "same")[quarter : 2 * quarter]
    phase = int(smooth.argmax())
    off_grid = np.abs(((played - phase) / quarter * 4 + 0.5) % 1 - 0.5)
    others = [smooth[(phase + k * quarter // 4) % quarter] for k in (1, 2, 3)]
    off_grid_share = float((off_grid >= _ON_SIXTEENTH).mean())
    is_on_grid = off_grid_share <= 1 - _MOST
    if n_tempos != 1 or not is_on_grid or smooth[phase] < _COMMONER * max(others):
        raise UnsteadyError(
            f"{midi}: expected one tempo, and a grid of sixteenths of which one is the beat; found "
            f"{count(n_tempos, 'tempo')} and {off_grid_share:.0%} of the notes off such a grid"
        )
    clock = file.clock()
    start = played[0] - (played[0] - phase) % quarter
    beats = np.array([clock(int(tick)) for tick in range(start, played[-1] + quarter, quarter)])
    n = len(beats)
    result = without_labels(performance_of(file).performance, beats)
    position = np.round((result.onset - beats[0]) / (beats[1] - beats[0]) * 12) / 12
    beat = np.floor(position + 1e-6).astype(int)
    known = (beat >= 0) & (beat < n)
    place = np.maximum(position - beat, 0.0)
    return replace(result, beat=np.where(known, beat, UNKNOWN), place=np.where(known, place, 0.0))


def _hand_of(name: str) -> int:
    name = name.lower()
    if "right" in name or "rechts" in name:
        return 1
    return 0 if "left" in name or "links" in name else UNKNOWN


def _with_beats(each: AnnotatedPerformance, start: int, stop: int) -> AnnotatedPerformance:
    names = ("beats", "is_down", "numerator", "denominator", "fifths")
    cut: dict[str, Any] = {name: getattr(each, name)[start:stop] for name in names}
    inside = (each.beat >= start) & (each.beat < stop)
    return replace(each, **cut, beat=np.where(inside, each.beat - start, UNKNOWN))
