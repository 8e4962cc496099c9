"""A performance to a score without voices: beats, bars, metres, keys, hands, places, lengths.

Four small networks say how likely everything is: of each onset, whether it is a beat
(`networks.ScoreNetworks.hear`); with the beats decided, of each beat, whether it starts a bar
(`hear_bars`); with the bars decided, of each note its hand and its place (`read`); with those
decided, its length (`write`). The likeliest whole is found by dynamic programming (`bar_grid`,
`rhythm`, `keys`). What is known of the piece is obeyed. Music that is swung is straightened once
its beats are known, and read again (`swing`).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from transcribe.music.beat_grid import COMMON_TIME
from transcribe.music.key import Key
from transcribe.notes import Note, Performance
from transcribe.score.bar_grid import BarGrid, find_bars
from transcribe.score.beats import BeatSettings, OnsetEvidence
from transcribe.score.keys import KeyProfiles, key_of, key_signatures
from transcribe.score.length_features import length_features
from transcribe.score.networks import ScoreNetworks, packaged_networks
from transcribe.score.note_features import PLACES
from transcribe.score.onset_features import NoteArrays, onset_groups, sounding_until
from transcribe.score.rhythm import Places, as_held, read_lengths, read_places
from transcribe.score.score import (
    LEFT,
    RIGHT,
    Hints,
    KeyChange,
    MetreChange,
    Score,
    ScoreNote,
)
from transcribe.score.spelling import spell
from transcribe.score.swing import Swung, can_swing, find_swing, told_swing

Array = NDArray[np.float64]

DOUBTS = {
    "beats": "The beats are uncertain; a tempo (--tempo) may help.",
    "bars": "Where bars start is uncertain; the start of one (--downbeat) and the metre (--metre) "
    "may help.",
    "tempo": "The beats are uncertain; another tempo (--tempo) may help.",
    "downbeat": "Where bars start is uncertain; the start of one (--downbeat) may help.",
    "key": "The key is uncertain; --key says it.",
    "rhythm": "The rhythm is uncertain in many places.",
}
"""What may be uncertain in a score, by kind: a sentence for the person."""
GRACE_LENGTH = Fraction(1, 2)
"""Grace notes are written as eighths."""
_UNSURE = 0.6
"""Mean probability of what was decided below which a doubt is told."""
_UNSURE_OF_PLACES = 0.75
"""The same, of where notes stand between the beats."""
_SIX = 6
"""Sharps or flats of the one signature that is written both ways."""
_FAR_FEWER = 3
"""Times as many double signs as the other way, from which on that is taken."""
_FEWEST_BEATS, _FEWEST_BARS = 8, 4
"""That are on onsets; of fewer, a doubt is told too."""


def analyse(
    performance: Performance,
    hints: Hints | None = None,
    *,
    networks: ScoreNetworks | None = None,
    settings: BeatSettings | None = None,
) -> Score:
    """Read a performance as a musician would write it down; voices are all 0.

    Parameters
    ----------
    performance : Performance
        One note or more.
    hints : Hints, optional
        What is known of the piece, which is obeyed.
    networks : ScoreNetworks, optional
        Other weights than those of the package.
    settings : BeatSettings, optional
        How evidence for beats and bars is weighed.

    Raises
    ------
    ValueError
        There are no notes.
    CheckpointError
        The weights can't be read.
    """
    if not performance.notes:
        raise ValueError("expected a performance with notes to make a score of; found none")
    hints = hints or Hints()
    networks = networks or packaged_networks()
    settings = settings or BeatSettings()
    notes = NoteArrays.of(performance)
    evidence = networks.hear(notes)
    grid = find_bars(evidence, notes, hints, networks, settings)
    swung = _swung(notes, grid, hints)
    if swung is not None:  # the networks know straight music
        notes = swung.straightened(notes)
        evidence = networks.hear(notes)
        grid = find_bars(evidence, notes, _with_beats(hints, swung), networks, settings)
    written, sure_of_places = _written(performance, notes, grid, networks)
    keys, sure_of_key = _keys(performance, notes, grid, networks.key_profiles, hints)
    return Score(
        beats=tuple(grid.times.tolist()),
        first_downbeat=grid.starts[0],
        metres=_metre_changes(grid),
        keys=keys,
        notes=written,
        pedal=performance.pedal,
        bar_starts=grid.starts,
        swing=None if swung is None else swung.swing,
        doubts=_doubts(evidence, grid, sure_of_places, sure_of_key, hints),
    )


def _swung(notes: NoteArrays, grid: BarGrid, hints: Hints) -> Swung | None:
    """Swing where it is heard or told, unless the beats are said to be other than quarters."""
    told = hints.metres or (hints.metre or COMMON_TIME,)
    if hints.swing is False or not can_swing(told):
        return None
    is_pulse_known = hints.beats is not None or hints.tempo is not None
    in_threes = 2 * sum(metre.is_compound for metre in grid.metres) > len(grid.metres)
    find = told_swing if hints.swing else find_swing
    return find(notes.onset, grid.times, is_pulse_known=is_pulse_known, in_threes=in_threes)


def _with_beats(hints: Hints, swung: Swung) -> Hints:
    """What is known of swung music once its beats are."""
    beats = hints.beats or tuple(swung.beats.tolist())
    return replace(hints, beats=beats, swing=True)


def _written(
    performance: Performance,
    notes: NoteArrays,
    grid: BarGrid,
    networks: ScoreNetworks,
) -> tuple[tuple[ScoreNote, ...], float]:
    """Every note with its hand, bar, place and length; and how sure the places are."""
    beats = grid.beat_arrays
    read = networks.read(notes, beats)
    grace, right = np.exp(read["grace"]), np.exp(read["hand"])
    at = beats.position(notes.onset)
    places = read_places(at, onset_groups(notes.onset), read["place"], grace)
    beat, place = _within(places, len(grid.times) - 1)
    is_right = right >= 0.5
    quarters = beats.quarters[beat]
    starts = np.concatenate([[0.0], np.cumsum(beats.quarters)])
    part = np.array(PLACES, float)[place]
    position = starts[beat] + part * quarters
    held, sounding = (
        (beats.position(until) - at) * quarters for until in (notes.offset, sounding_until(notes))
    )
    said = networks.write(
        length_features(position, is_right, notes.pitch, held, sounding, place, quarters)
    )
    lengths, likely = read_lengths(said, position, place, is_right)
    to_beat = np.where(part > 0.5, (1 - part) * quarters, np.inf)
    lengths = as_held(lengths, position, to_beat, held, is_right)
    is_grace = grace > 0.5
    sure = np.maximum(right, 1 - right) * places.probability * np.where(is_grace, grace, likely)
    written = []
    for index, note in enumerate(performance.notes):
        bar, from_bar = _place_in_bar(grid, int(beat[index]), PLACES[place[index]])
        written.append(
            ScoreNote(
                note=note,
                hand=RIGHT if is_right[index] else LEFT,
                bar=bar,
                beat=from_bar,
                length=GRACE_LENGTH if is_grace[index] else lengths[index],
                is_grace=bool(is_grace[index]),
                confidence=float(np.clip(sure[index], 0, 1)),
            )
        )
    return tuple(written), float(places.probability.mean())


def _place_in_bar(grid: BarGrid, beat: int, place: Fraction) -> tuple[int, Fraction]:
    """The number of the bar that a beat is in, and quarters from its start to a place in it."""
    bar = min(bisect_right(grid.starts, beat), len(grid.starts) - 1)
    metre = grid.metres[max(bar - 1, 0)]
    start = grid.starts[bar - 1] if bar else grid.starts[0] - metre.beats_per_bar
    return bar, (beat - start + place) * metre.quarters_per_beat


def _within(places: Places, n_beats: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Beats and places; what would lie before the first beat or after the last is on its border."""
    beat = np.clip(places.beat, 0, n_beats - 1)
    place = np.where(places.beat < 0, 0, places.place)
    return beat, np.where(places.beat >= n_beats, len(PLACES) - 1, place)


def _metre_changes(grid: BarGrid) -> tuple[MetreChange, ...]:
    first = 0 if grid.starts[0] else 1
    changes = [MetreChange(float(grid.times[0]), first, grid.metres[0])]
    for number, metre in enumerate(grid.metres, 1):
        if metre != changes[-1].metre:
            changes.append(MetreChange(float(grid.times[grid.starts[number - 1]]), number, metre))
    return tuple(changes)


def _keys(
    performance: Performance,
    notes: NoteArrays,
    grid: BarGrid,
    profiles: KeyProfiles,
    hints: Hints,
) -> tuple[tuple[KeyChange, ...], float]:
    """Key signatures, each from the bar that is nearest to where it comes, and how sure."""
    first = 0 if grid.starts[0] else 1
    if hints.key is not None:
        return (KeyChange(float(grid.times[0]), first, hints.key),), 1.0
    signatures, sure = key_signatures(notes, profiles, likely=hints.likely_key)
    bounds = [time for time, _ in signatures] + [np.inf]
    bar_times = grid.times[list(grid.starts)]
    changes: list[KeyChange] = []
    for (time, signature), stop in zip(signatures, bounds[1:], strict=True):
        inside = np.searchsorted(notes.onset, [time, stop])
        key = key_of(signature, performance.notes[inside[0] : inside[1]])
        if not changes:
            told = hints.likely_key
            if told is not None and told.fifths % 12 == signature:
                key = told
            elif abs(key.fifths) == _SIX:
                key = _more_readable(key, performance.notes[inside[0] : inside[1]])
            changes.append(KeyChange(float(grid.times[0]), first, key))
            continue
        bar = int(np.abs(bar_times[:-1] - time).argmin()) + 1
        if bar <= changes[-1].bar:
            continue
        if abs(key.fifths) == _SIX:  # sharps after sharps, flats after flats
            key = min(key.names, key=lambda way: abs(way.fifths - changes[-1].key.fifths))
        if changes[-1].key.fifths != key.fifths:
            changes.append(KeyChange(float(bar_times[bar - 1]), bar, key))
    return tuple(changes), sure


def _more_readable(key: Key, notes: Sequence[Note]) -> Key:
    """A key of six sharps or flats, or of the others where those need far fewer double signs."""
    pitches, onsets = [note.pitch for note in notes], [note.onset for note in notes]
    usual, other = (
        sum(abs(name.alter) == 2 for name in spell(pitches, [way.fifths] * len(notes), onsets))
        for way in key.names
    )
    return key.names[1] if usual > _FAR_FEWER * (other + 1) else key


def _doubts(
    evidence: OnsetEvidence,
    grid: BarGrid,
    sure_of_places: float,
    sure_of_key: float,
    hints: Hints,
) -> tuple[str, ...]:
    """What is uncertain, a sentence each; what was said already is not asked for."""
    doubts = []
    on = grid.onset[grid.onset >= 0]
    if hints.beats is None:
        sure = 1 / (1 + np.exp(-evidence.beat[on]))
        if len(on) < _FEWEST_BEATS or sure.mean() < _UNSURE:
            doubts.append(DOUBTS["beats" if hints.tempo is None else "tempo"])
    starts = [grid.onset[start] for start in grid.starts[:-1] if grid.onset[start] >= 0]
    if hints.downbeats is None and hints.downbeat is None:
        sure = 1 / (1 + np.exp(-evidence.down[starts]))
        if len(starts) < _FEWEST_BARS or sure.mean() < _UNSURE:
            doubts.append(DOUBTS["bars" if hints.metre is None else "downbeat"])
    if sure_of_key < _UNSURE:
        doubts.append(DOUBTS["key"])
    if sure_of_places < _UNSURE_OF_PLACES:
        doubts.append(DOUBTS["rhythm"])
    return tuple(doubts)
