"""A performance to a score without voices: beats, bars, metres, keys, hands, places, lengths.

Four small networks say how likely everything is: of each onset, whether it is a beat
(`networks.ScoreNetworks.hear`); with the beats decided, of each beat, whether it starts a bar
(`hear_bars`); with the bars decided, of each note its hand and its place (`read`); with those
decided, its length (`write`). The likeliest whole is found by dynamic
programming (`beats`, `rhythm`, `keys`). What a person knows is obeyed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from transcribe.music.beat_grid import COMMON_TIME, DEFAULT_TEMPO, Metre
from transcribe.notes import Performance
from transcribe.score.bars import BarEvidence, Bars, track_bars
from transcribe.score.beat_targets import METRES as METRE_CLASSES
from transcribe.score.beat_targets import PLACES as BEAT_PLACES
from transcribe.score.beats import BeatSettings, OnsetEvidence, track_beats
from transcribe.score.keys import KeyProfiles, key_of, key_signatures
from transcribe.score.length_features import length_features
from transcribe.score.networks import ScoreNetworks, packaged_networks
from transcribe.score.note_features import PLACES, BeatArrays
from transcribe.score.onset_features import NoteArrays, onset_groups, sounding_until
from transcribe.score.rhythm import Places, read_lengths, read_places
from transcribe.score.score import (
    LEFT,
    RIGHT,
    Hints,
    KeyChange,
    MetreChange,
    Score,
    ScoreNote,
)

Array = NDArray[np.float64]

METRES = tuple(
    Metre.parse(text)
    for text in ("4/4", "3/4", "2/4", "6/8", "2/2", "3/8", "12/8", "9/8", "3/2", "5/4")
)
"""Those that are found."""
DOUBTS = {
    "beats": "The beats are uncertain; a tempo (--tempo) may help.",
    "bars": "Where bars start is uncertain; the start of one (--downbeat) and the metre (--metre) "
    "may help.",
    "key": "The key is uncertain; --key says it.",
    "rhythm": "The rhythm is uncertain in many places.",
}
"""What may be uncertain in a score, by kind: a sentence for the person."""
GRACE_LENGTH = Fraction(1, 2)
"""Grace notes are written as eighths."""
_EARLY = 0.25
"""Beats before a beat within which what is struck belongs to it."""
_SLOWEST_IN_THREES = 0.8
"""Seconds; beats in three that are longer may be the bars of a waltz."""
_THREES = 0.65
"""How likely three beats a bar then have to be."""
_SLOWEST_IN_TWOS = 60 / 45
"""Seconds; beats of 2/4 that are longer are halves of 4/4."""
_OTHER_DIVISION = 0.2
"""How much likelier the network's places are to be those of the metre that is given."""
_UNSURE = 0.6
"""Mean probability of what was decided below which a doubt is told."""


@dataclass(frozen=True, slots=True)
class _Grid:
    """Beats with their bars; the last beat ends the last bar."""

    times: Array
    onset: NDArray[np.int64]
    """Of each beat the onset that it is on, or -1."""
    bars: Bars
    starts: tuple[int, ...]
    """Indices of the starts of bars 1, 2, ..., and of the end of the last."""
    metres: tuple[Metre, ...]
    """Of each bar from 1 on."""

    @property
    def arrays(self) -> BeatArrays:
        """As the network of notes is told them."""
        of_beat = [self.metres[0]] * self.starts[0]
        for metre, start, stop in zip(self.metres, self.starts, self.starts[1:], strict=False):
            of_beat += [metre] * (stop - start)
        of_beat += [self.metres[-1]] * (len(self.times) - len(of_beat))
        in_bar = np.concatenate(
            [
                np.arange(-self.starts[0], 0) + of_beat[0].beats_per_bar,
                *(
                    np.arange(stop - start)
                    for start, stop in zip(self.starts, self.starts[1:], strict=False)
                ),
                [0],
            ]
        )[: len(self.times)]
        return BeatArrays(
            times=self.times,
            in_bar=in_bar.astype(np.int64),
            per_bar=np.array([metre.beats_per_bar for metre in of_beat]),
            quarters=np.array([float(metre.quarters_per_beat) for metre in of_beat]),
        )


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
    grid = _grid(evidence, notes, hints, networks, settings)
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
        doubts=_doubts(evidence, grid, sure_of_places, sure_of_key, hints),
    )


def _grid(
    evidence: OnsetEvidence,
    notes: NoteArrays,
    hints: Hints,
    networks: ScoreNetworks,
    settings: BeatSettings,
) -> _Grid:
    """Beats and bars from the first note to beyond the last."""
    first, last = float(notes.onset[0]), float(notes.onset[-1])
    metres = _possible_metres(hints)
    times, onset = _beats(evidence, hints, settings, first, last)
    heard = networks.hear_bars(notes, times)
    is_free = hints.metre is None and hints.tempo is None and hints.beats is None
    if is_free and float(np.median(np.diff(times))) > _SLOWEST_IN_THREES:
        finer, on_finer = _thirds(times, onset, evidence.times, first, last)
        of_finer = networks.hear_bars(notes, finer)
        if _in_threes(of_finer):
            times, onset, heard = finer, on_finer, of_finer
    on_onset = np.where(onset >= 0, evidence.down[np.maximum(onset, 0)], settings.missing_down)
    down = settings.onset_share * on_onset + (1 - settings.onset_share) * heard.down
    bars = track_bars(
        BarEvidence(down, heard.metre),
        times,
        settings,
        [(each.numerator, each.denominator, each.beats_per_bar) for each in metres],
        downbeat=hints.downbeat,
        is_down=_known_downbeats(hints, times),
        metre=_known_metres(hints, times, metres),
    )
    if is_free:
        times, onset, bars = _without_halves(times, onset, bars, evidence.times)
    starts = np.flatnonzero(bars.in_bar == 0).tolist()
    if not starts:
        starts = [0]
    of_bar = [metres[bars.metre[start]] for start in starts]
    # The last bar is filled up, with the tempo as it was.
    gap = times[-1] - times[-2]
    is_over = len(starts) > 1 and starts[-1] == len(times) - 1 and last < times[-1] - _EARLY * gap
    missing = 0 if is_over else starts[-1] + of_bar[-1].beats_per_bar - (len(times) - 1)
    if missing > 0:
        times = np.concatenate([times, times[-1] + gap * np.arange(1, missing + 1)])
        onset = np.concatenate([onset, np.full(missing, -1)])
    end = len(times) - 1
    if len(starts) > 1 and starts[-1] == end:
        of_bar.pop()
    else:
        starts.append(end)
    return _Grid(times, onset, bars, tuple(starts), tuple(of_bar))


def _beats(
    evidence: OnsetEvidence, hints: Hints, settings: BeatSettings, first: float, last: float
) -> tuple[Array, NDArray[np.int64]]:
    """Beats from the first note to beyond the last, and on which onset each is, or -1."""
    if hints.beats is not None and len(hints.beats) >= 2:
        times = np.array(hints.beats)
        onset = _nearest_onsets(evidence.times, times)
    elif len(evidence.times) >= 2 and last - first > 2 * settings.shortest:
        if hints.metre is not None:
            evidence = _divided(evidence, in_threes=hints.metre.is_compound)
        times, onset = track_beats(evidence, settings, tempo=hints.tempo, downbeat=hints.downbeat)
    else:
        gap = 60 / (hints.tempo or DEFAULT_TEMPO)
        times = np.asarray(first + gap * np.arange(max(int((last - first) / gap) + 1, 1) + 1))
        onset = _nearest_onsets(evidence.times, times)
    return _covering(times, onset, first, last)


def _known_downbeats(hints: Hints, times: Array) -> NDArray[np.bool_] | None:
    if hints.downbeats is None or hints.beats is None:
        return None
    known = np.array(hints.downbeats)
    return np.array([np.abs(known - time).min(initial=np.inf) < 1e-3 for time in times])


def _possible_metres(hints: Hints) -> tuple[Metre, ...]:
    if hints.metre is not None:
        return (hints.metre,)
    return METRES if hints.metres is None else tuple(dict.fromkeys(hints.metres))


def _known_metres(
    hints: Hints, times: Array, metres: tuple[Metre, ...]
) -> NDArray[np.int64] | None:
    """Of each beat which of the metres it is in; beyond them the nearest's."""
    if hints.metres is None or hints.beats is None or hints.metre is not None:
        return None
    known = np.array([metres.index(metre) for metre in hints.metres])
    last = np.searchsorted(hints.beats, times + 1e-3, side="right") - 1
    return known[np.clip(last, 0, len(known) - 1)]


def _nearest_onsets(onsets: Array, times: Array) -> NDArray[np.int64]:
    """Of each time the onset within 70 ms of it, or -1."""
    near = np.clip(np.searchsorted(onsets, times), 1, max(len(onsets) - 1, 1))
    near -= np.abs(times - onsets[near - 1]) <= np.abs(
        times - onsets[np.minimum(near, len(onsets) - 1)]
    )
    return np.where(np.abs(onsets[near] - times) < 0.07, near, -1)


def _thirds(
    times: Array, onset: NDArray[np.int64], onsets: Array, first: float, last: float
) -> tuple[Array, NDArray[np.int64]]:
    """Three beats for each of those that may be the bars of a waltz, as many as there are notes."""
    position = np.arange(3 * (len(times) - 1) + 1) / 3
    finer = np.interp(position, np.arange(len(times)), times)
    near = _nearest_onsets(onsets, finer)
    near[::3] = onset
    finer = np.where(near >= 0, onsets[np.maximum(near, 0)], finer)
    gap = finer[1] - finer[0]
    start = max(int(np.searchsorted(finer, first + _EARLY * gap)) - 1, 0)
    stop = max(int(np.searchsorted(finer, last, side="right")) + 1, start + 2)
    return finer[start:stop], near[start:stop]


def _in_threes(heard: BarEvidence) -> bool:
    """Whether these beats are very likely three to a bar."""
    three = [METRE_CLASSES[3, 4], METRE_CLASSES[3, 8]]
    return bool(np.logaddexp.reduce(heard.metre[:, three], axis=1).mean() > np.log(_THREES))


def _without_halves(
    times: Array, onset: NDArray[np.int64], bars: Bars, onsets: Array
) -> tuple[Array, NDArray[np.int64], Bars]:
    """With two beats for each where slow ones of 2/4 are more likely the halves of 4/4."""
    in_twos = bars.metre == METRES.index(Metre(2, 4))
    gaps = np.diff(times, append=2 * times[-1] - times[-2])
    is_half = np.zeros(len(times), bool)
    bounds = np.flatnonzero(np.diff(in_twos, prepend=False, append=False))
    for start, stop in zip(bounds[::2], bounds[1::2], strict=True):
        is_half[start:stop] = np.median(gaps[start:stop]) > _SLOWEST_IN_TWOS
    if not is_half.any():
        return times, onset, bars
    halves = np.flatnonzero(is_half[:-1])  # nothing comes after the last beat
    between = times[halves] + gaps[halves] / 2
    near = _nearest_onsets(onsets, between)
    between = np.where(near >= 0, onsets[np.maximum(near, 0)], between)
    common = METRES.index(COMMON_TIME)
    return (
        np.insert(times, halves + 1, between),
        np.insert(onset, halves + 1, near),
        Bars(
            np.insert(np.where(is_half, 2, 1) * bars.in_bar, halves + 1, 1),
            np.insert(np.where(is_half, common, bars.metre), halves + 1, common),
        ),
    )


def _divided(evidence: OnsetEvidence, *, in_threes: bool) -> OnsetEvidence:
    """With the places in a beat likelier that beats in three, or in two, have."""
    thirds = np.abs(BEAT_PLACES * 6 - np.round(BEAT_PLACES * 6)) < 1e-6
    eighths = np.abs(BEAT_PLACES * 8 - np.round(BEAT_PLACES * 8)) < 1e-6
    fits = np.append(thirds if in_threes else eighths, True)
    place = evidence.place * np.where(fits, 1.0, _OTHER_DIVISION)
    return replace(evidence, place=place / place.sum(axis=1, keepdims=True))


def _covering(
    times: Array, onset: NDArray[np.int64], first: float, last: float
) -> tuple[Array, NDArray[np.int64]]:
    """With beats before the first note, and one after the last."""
    gap = times[1] - times[0]
    n_before = max(int(np.ceil((times[0] - first) / gap - _EARLY)), 0)
    before = times[0] - gap * np.arange(n_before, 0, -1)
    gap = times[-1] - times[-2]
    n_after = max(int(np.floor((last - times[-1]) / gap + _EARLY)) + 1, 0)
    after = times[-1] + gap * np.arange(1, n_after + 1)
    none = np.full(n_before, -1), np.full(n_after, -1)
    onset = np.concatenate([none[0], onset, none[1]])
    return np.concatenate([before, times, after]), onset


def _written(
    performance: Performance,
    notes: NoteArrays,
    grid: _Grid,
    networks: ScoreNetworks,
) -> tuple[tuple[ScoreNote, ...], float]:
    """Every note with its hand, bar, place and length; and how sure the places are."""
    beats = grid.arrays
    read = networks.read(notes, beats)
    grace, right = np.exp(read["grace"]), np.exp(read["hand"])
    at = beats.position(notes.onset)
    places = read_places(at, onset_groups(notes.onset), read["place"], grace)
    beat, place_index = _within(places, len(grid.times) - 1)
    quarters = beats.quarters[beat]
    starts = np.concatenate([[0.0], np.cumsum(beats.quarters)])
    place = np.array(PLACES, float)[place_index]
    said = networks.write(
        length_features(
            starts[beat] + place * quarters,
            right >= 0.5,
            notes.pitch,
            (beats.position(notes.offset) - at) * quarters,
            (beats.position(sounding_until(notes)) - at) * quarters,
            place_index,
            quarters,
        )
    )
    lengths, likely = read_lengths(said)
    bar = np.searchsorted(grid.starts, beat, side="right")
    bar = np.minimum(bar, len(grid.starts) - 1)
    written = []
    for index, note in enumerate(performance.notes):
        number = int(bar[index])
        metre = grid.metres[max(number - 1, 0)]
        start = grid.starts[number - 1] if number else grid.starts[0] - metre.beats_per_bar
        from_bar = int(beat[index]) - start + PLACES[place_index[index]]
        is_grace = bool(grace[index] > 0.5)
        is_right = bool(right[index] >= 0.5)
        sure = max(right[index], 1 - right[index]) * places.probability[index]
        sure *= grace[index] if is_grace else likely[index]
        written.append(
            ScoreNote(
                note=note,
                hand=RIGHT if is_right else LEFT,
                bar=number,
                beat=from_bar * metre.quarters_per_beat,
                length=GRACE_LENGTH if is_grace else lengths[index],
                is_grace=is_grace,
                confidence=float(np.clip(sure, 0, 1)),
            )
        )
    return tuple(written), float(places.probability.mean())


def _within(places: Places, n_beats: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Beats and places; what would lie before the first beat or after the last is on its border."""
    beat = np.clip(places.beat, 0, n_beats - 1)
    place = np.where(places.beat < 0, 0, places.place)
    return beat, np.where(places.beat >= n_beats, len(PLACES) - 1, place)


def _metre_changes(grid: _Grid) -> tuple[MetreChange, ...]:
    first = 0 if grid.starts[0] else 1
    changes = [MetreChange(float(grid.times[0]), first, grid.metres[0])]
    for number, metre in enumerate(grid.metres, 1):
        if metre != changes[-1].metre:
            changes.append(MetreChange(float(grid.times[grid.starts[number - 1]]), number, metre))
    return tuple(changes)


def _keys(
    performance: Performance,
    notes: NoteArrays,
    grid: _Grid,
    profiles: KeyProfiles,
    hints: Hints,
) -> tuple[tuple[KeyChange, ...], float]:
    """Key signatures, each from the bar that is nearest to where it comes, and how sure."""
    first = 0 if grid.starts[0] else 1
    if hints.key is not None:
        return (KeyChange(float(grid.times[0]), first, hints.key),), 1.0
    signatures, sure = key_signatures(notes, profiles)
    bounds = [time for time, _ in signatures] + [np.inf]
    bar_times = grid.times[list(grid.starts)]
    changes: list[KeyChange] = []
    for (time, signature), stop in zip(signatures, bounds[1:], strict=True):
        inside = np.searchsorted(notes.onset, [time, stop])
        key = key_of(signature, performance.notes[inside[0] : inside[1]])
        if not changes:
            changes.append(KeyChange(float(grid.times[0]), first, key))
            continue
        bar = int(np.abs(bar_times[:-1] - time).argmin()) + 1
        if bar <= changes[-1].bar:
            continue
        if changes[-1].key.fifths != key.fifths:
            changes.append(KeyChange(float(bar_times[bar - 1]), bar, key))
    return tuple(changes), sure


def _doubts(
    evidence: OnsetEvidence,
    grid: _Grid,
    sure_of_places: float,
    sure_of_key: float,
    hints: Hints,
) -> tuple[str, ...]:
    """What is uncertain, a sentence each."""
    doubts = []
    on = grid.onset[grid.onset >= 0]
    if hints.beats is None:
        sure = 1 / (1 + np.exp(-evidence.beat[on]))
        if len(on) < 8 or sure.mean() < _UNSURE:
            doubts.append(DOUBTS["beats"])
    starts = [grid.onset[start] for start in grid.starts[:-1] if grid.onset[start] >= 0]
    if hints.downbeats is None and hints.downbeat is None:
        sure = 1 / (1 + np.exp(-evidence.down[starts]))
        if len(starts) < 4 or sure.mean() < _UNSURE:
            doubts.append(DOUBTS["bars"])
    if sure_of_key < _UNSURE:
        doubts.append(DOUBTS["key"])
    if sure_of_places < 0.75:
        doubts.append(DOUBTS["rhythm"])
    return tuple(doubts)
