"""Beats with the bars that they make, from what the networks hear and what is known."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from transcribe.music.beat_grid import COMMON_TIME, DEFAULT_TEMPO, Metre
from transcribe.score.bars import BarEvidence, Bars, track_bars
from transcribe.score.beat_targets import METRE_NAMES
from transcribe.score.beat_targets import METRES as METRE_CLASSES
from transcribe.score.beat_targets import PLACES as BEAT_PLACES
from transcribe.score.beats import BeatSettings, OnsetEvidence, track_beats
from transcribe.score.networks import ScoreNetworks
from transcribe.score.note_features import BeatArrays
from transcribe.score.onset_features import NoteArrays
from transcribe.score.pauses import in_pauses, played_gaps
from transcribe.score.score import Hints

Array = NDArray[np.float64]

METRES = tuple(
    Metre.parse(text)
    for text in ("4/4", "3/4", "2/4", "6/8", "2/2", "3/8", "12/8", "9/8", "3/2", "5/4")
)
"""Those that are found."""
SWUNG_METRES = tuple(map(Metre.parse, ("4/4", "3/4", "5/4")))
"""Those of swung music: it is counted in quarters, and nobody writes it in bars of two."""
_IN_TWO = Metre(2, 4)
_EARLY = 0.25
"""Beats before a beat within which what is struck belongs to it."""
_SLOWEST_IN_THREES = 0.8
"""Seconds; beats in three that are longer may be the bars of a waltz."""
_SLOWEST_IF_TOLD = 0.4
"""The same where the piece is known to be in three."""
_AT_PART = 0.07
"""Of a beat, from its half or third, within which an onset is there."""
_THREES = 0.64
"""How likely three beats a bar then have to be; less, where the network of onsets is sure."""
_AS_BEATS = 0.15
"""Added to that for each that the logarithm of their odds, as onsets, is above 0 on average."""
_SLOWEST_IN_TWOS = 60 / 45
"""Seconds; beats of 2/4 that are longer are halves of 4/4."""
_OTHER_DIVISION = 0.2
"""How much likelier the network's places are to be those of the metre that is given."""
_ON_BEAT = 0.07
"""Seconds from a beat within which an onset is on it."""
_SAME_TIME = 1e-3
"""Seconds between a beat and what is known of it, at the most."""


@dataclass(frozen=True, slots=True)
class BarGrid:
    """Beats with their bars; the last beat ends the last bar."""

    times: Array
    """Seconds, rising; two or more."""
    onset: NDArray[np.int64]
    """Of each beat the onset that it is on, or -1."""
    starts: tuple[int, ...]
    """Indices of the starts of bars 1, 2, ..., and of the end of the last."""
    metres: tuple[Metre, ...]
    """Of each bar from 1 on."""

    @property
    def beat_arrays(self) -> BeatArrays:
        """As the network of notes is told them."""
        of_beat = [self.metres[0]] * self.starts[0]
        in_bar = [np.arange(-self.starts[0], 0) + self.metres[0].beats_per_bar]
        for metre, (start, stop) in zip(self.metres, pairwise(self.starts), strict=True):
            of_beat += [metre] * (stop - start)
            in_bar.append(np.arange(stop - start))
        of_beat.append(self.metres[-1])  # of the beat that ends the last bar
        return BeatArrays(
            times=self.times,
            in_bar=np.append(np.concatenate(in_bar), 0).astype(np.int64),
            per_bar=np.array([metre.beats_per_bar for metre in of_beat]),
            quarters=np.array([float(metre.quarters_per_beat) for metre in of_beat]),
        )


def find_bars(
    evidence: OnsetEvidence,
    notes: NoteArrays,
    hints: Hints,
    networks: ScoreNetworks,
    settings: BeatSettings,
) -> BarGrid:
    """Beats and bars from the first note to beyond the last."""
    first, last = float(notes.onset[0]), float(notes.onset[-1])
    metres = _possible_metres(hints)
    times, onset = find_beats(evidence, notes, hints, settings)
    heard = _heard(networks, notes, times, evidence.times)
    is_paced = hints.tempo is not None or hints.beats is not None
    is_free = hints.metre is None and not is_paced
    is_in_three = all(metre.beats_per_bar == 3 and not metre.is_compound for metre in metres)
    pace = float(np.median(played_gaps(times, evidence.times)))
    slowest = _SLOWEST_IF_TOLD if is_in_three else _SLOWEST_IN_THREES
    may_be_bars = pace > slowest and _has_thirds(times, evidence.times)
    if may_be_bars and (is_free or (is_in_three and not is_paced)):
        finer, on_finer = _thirds(times, onset, evidence.times, first, last)
        of_finer = _heard(networks, notes, finer, evidence.times)
        threes = _threes(of_finer, finer, evidence.times)
        struck = evidence.beat[np.maximum(on_finer, 0)]
        as_beats = float(np.where(on_finer >= 0, struck, settings.missing).mean())
        are_beats = np.exp(threes) + _AS_BEATS * as_beats > _THREES
        if is_in_three:
            are_beats = threes > _threes(heard, times, evidence.times)
        if are_beats:
            times, onset, heard = finer, on_finer, of_finer
    n_told = _beats_back_to(hints.downbeat, times)
    if n_told:
        before = np.linspace(hints.downbeat or 0.0, times[0], n_told, endpoint=False)
        times, onset = np.append(before, times), np.append(np.full(n_told, -1), onset)
        heard = _heard(networks, notes, times, evidence.times)
    on_onset = np.where(onset >= 0, evidence.down[np.maximum(onset, 0)], settings.missing_down)
    down = settings.onset_share * on_onset + (1 - settings.onset_share) * heard.down
    down = np.where(in_pauses(times, evidence.times), -settings.down_bias, down)
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
        times, onset, bars = _without_halves(times, onset, bars, metres, evidence.times)
    silent = _silent_bars(times, bars, first) if n_told else 0
    bars = replace(bars, in_bar=bars.in_bar[silent:], metre=bars.metre[silent:])
    return _filled_up(times[silent:], onset[silent:], bars, metres, last)


def _beats_back_to(downbeat: float | None, times: Array) -> int:
    """How many beats the start of a bar is before the first; 0 where it is not."""
    if downbeat is None:
        return 0
    return max(round((times[0] - downbeat) / np.median(np.diff(times[:5]))), 0)


def _silent_bars(times: Array, bars: Bars, first: float) -> int:
    """How many beats from the first one on are bars that end before anything is struck."""
    struck = np.searchsorted(times, first + _EARLY * (times[1] - times[0])) - 1
    starts = np.flatnonzero(bars.in_bar == 0)
    return int(starts[starts <= max(struck, 0)].max(initial=0))


def _heard(networks: ScoreNetworks, notes: NoteArrays, times: Array, onsets: Array) -> BarEvidence:
    """What the network says of beats, of one piece after the other; nothing of those in pauses."""
    is_played = ~in_pauses(times, onsets)
    if is_played.all():
        return networks.hear_bars(notes, times)
    down, metre = np.zeros(len(times)), np.zeros((len(times), len(METRE_NAMES)))
    bounds = np.flatnonzero(np.diff(is_played, prepend=False, append=False))
    for start, stop in zip(bounds[::2], bounds[1::2], strict=True):
        if stop - start > 1:
            said = networks.hear_bars(notes, times[start:stop])
            down[start:stop], metre[start:stop] = said.down, said.metre
    return BarEvidence(down, metre)


def _filled_up(
    times: Array,
    onset: NDArray[np.int64],
    bars: Bars,
    metres: tuple[Metre, ...],
    last: float,
) -> BarGrid:
    """The grid of these beats, and as many more, at the last pace, as the last bar wants."""
    starts = np.flatnonzero(bars.in_bar == 0).tolist() or [0]
    of_bar = [metres[bars.metre[start]] for start in starts]
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
    return BarGrid(times, onset, tuple(starts), tuple(of_bar))


def find_beats(
    evidence: OnsetEvidence, notes: NoteArrays, hints: Hints, settings: BeatSettings
) -> tuple[Array, NDArray[np.int64]]:
    """Beats from the first note to beyond the last, and on which onset each is, or -1."""
    first, last = float(notes.onset[0]), float(notes.onset[-1])
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
    return np.array([np.abs(known - time).min(initial=np.inf) < _SAME_TIME for time in times])


def _possible_metres(hints: Hints) -> tuple[Metre, ...]:
    if hints.metre is not None:
        return (hints.metre,)
    if hints.metres is not None:
        return tuple(dict.fromkeys(hints.metres))
    found = SWUNG_METRES if hints.swing else METRES
    return tuple(each for each in found if each in (hints.likely_metres or found)) or found


def _known_metres(
    hints: Hints, times: Array, metres: tuple[Metre, ...]
) -> NDArray[np.int64] | None:
    """Of each beat which of the metres it is in; beyond them the nearest's."""
    if hints.metres is None or hints.beats is None or hints.metre is not None:
        return None
    known = np.array([metres.index(metre) for metre in hints.metres])
    last = np.searchsorted(hints.beats, times + _SAME_TIME, side="right") - 1
    return known[np.clip(last, 0, len(known) - 1)]


def _nearest_onsets(onsets: Array, times: Array) -> NDArray[np.int64]:
    """Of each time the nearest onset, if that is on it, or -1."""
    near = np.clip(np.searchsorted(onsets, times), 1, max(len(onsets) - 1, 1))
    near -= np.abs(times - onsets[near - 1]) <= np.abs(
        times - onsets[np.minimum(near, len(onsets) - 1)]
    )
    return np.where(np.abs(onsets[near] - times) < _ON_BEAT, near, -1)


def _has_thirds(times: Array, onsets: Array) -> bool:
    """Whether more is struck at thirds of beats than at their halves, as where they are bars."""
    part = np.interp(onsets, times, np.arange(len(times))) % 1
    half, *thirds = (np.abs(part - each) < _AT_PART for each in (1 / 2, 1 / 3, 2 / 3))
    return int(np.sum(thirds)) > int(half.sum())


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


def _threes(heard: BarEvidence, times: Array, onsets: Array) -> float:
    """Logarithm of how likely beats are three to a bar, by what is said of those in no pause."""
    of_beat = heard.metre[~in_pauses(times, onsets)]
    three = [METRE_CLASSES[3, 4], METRE_CLASSES[3, 8]]
    return float(np.logaddexp.reduce(of_beat[:, three], axis=1).mean())


def _without_halves(
    times: Array,
    onset: NDArray[np.int64],
    bars: Bars,
    metres: tuple[Metre, ...],
    onsets: Array,
) -> tuple[Array, NDArray[np.int64], Bars]:
    """With two beats for each where slow ones of 2/4 are more likely the halves of 4/4."""
    if not {_IN_TWO, COMMON_TIME} <= set(metres):
        return times, onset, bars
    in_twos = bars.metre == metres.index(_IN_TWO)
    ends = np.append(times, 2 * times[-1] - times[-2])
    gaps = np.diff(ends)
    is_half = np.zeros(len(times), bool)
    bounds = np.flatnonzero(np.diff(in_twos, prepend=False, append=False))
    for start, stop in zip(bounds[::2], bounds[1::2], strict=True):
        pace = float(np.median(played_gaps(ends[start : stop + 1], onsets)))
        is_half[start:stop] = pace > _SLOWEST_IN_TWOS
    if not is_half.any():
        return times, onset, bars
    halves = np.flatnonzero(is_half[:-1])  # nothing comes after the last beat
    between = times[halves] + gaps[halves] / 2
    near = _nearest_onsets(onsets, between)
    between = np.where(near >= 0, onsets[np.maximum(near, 0)], between)
    common = metres.index(COMMON_TIME)
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
