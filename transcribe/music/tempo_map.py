"""Where beats and bars lie, as a MIDI file says it: tempos and time signatures.

A sequencer counts bars from the start of its file. What sounds before the first beat becomes
lead-in: whole beats at about the first tempo, so that bars begin where the music's do; where
they can't fill whole bars, the first bar has a time signature of its own.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from transcribe.midi_file import KEY_SIGNATURE, meta_event, metre_event, tempo_event
from transcribe.music.beat_grid import Metre
from transcribe.music.key import Key

_AT_ONCE = 0.02
"""Seconds; a first beat before that is the start of the file."""
_MOST_STRETCHED = 1.5
"""How much faster or slower than the first beats a lead-in may be counted."""
LONGEST_BEAT = 15.0
"""Seconds a quarter: more than a MIDI file can say. A longer lead-in has more bars."""


@dataclass(frozen=True, slots=True)
class TempoMap:
    """Seconds to quarters and back, and the signatures on the way."""

    seconds: tuple[float, ...]
    """Of the places below; from 0, rising."""
    quarters: tuple[Fraction, ...]
    """Places from the start of the file, rising; between two of them the tempo is even, after
    the last it goes on."""
    metres: tuple[tuple[Fraction, Metre], ...]
    """Places of time signatures, the first at 0."""
    keys: tuple[tuple[Fraction, Key], ...] = ()

    def ticks(self, division: int) -> tuple[list[int], list[int]]:
        """Ticks of the places, and the microseconds a quarter from each on.

        What rounding loses of one tempo, the next makes up for, so that times stay exact.
        """
        at = [round(place * division) for place in self.quarters]
        tempos, reached = [], 0.0
        for index in range(len(at) - 1):
            n_ticks = at[index + 1] - at[index]
            tempo = round((self.seconds[index + 1] - reached) * 1e6 * division / n_ticks)
            tempos.append(min(max(tempo, 1), 0xFFFFFF))
            reached += tempos[-1] / 1e6 * n_ticks / division
        return at, [*tempos, tempos[-1]]

    def clock(self, division: int) -> _Clock:
        """Seconds to ticks, as a reader of the file turns them back."""
        at, tempos = self.ticks(division)
        times = [0.0]
        for index, tempo in enumerate(tempos[:-1]):
            times.append(times[-1] + (at[index + 1] - at[index]) * tempo / 1e6 / division)
        return _Clock(at, times, [tempo / 1e6 / division for tempo in tempos])

    def events(self, division: int) -> list[tuple[int, bytes]]:
        """Tempos, time and key signatures, for the first track of a file."""
        at, tempos = self.ticks(division)
        found = [
            (tick, 2, tempo_event(tempo))
            for index, (tick, tempo) in enumerate(zip(at, tempos, strict=True))
            if index == 0 or tempo != tempos[index - 1]
        ]
        found += [
            (round(place * division), 0, metre_event(metre.numerator, metre.denominator))
            for place, metre in self.metres
        ]
        found += [
            (
                round(place * division),
                1,
                meta_event(KEY_SIGNATURE, bytes((key.fifths & 0xFF, key.is_minor))),
            )
            for place, key in self.keys
        ]
        return [(tick, event) for tick, _, event in sorted(found)]


@dataclass(frozen=True, slots=True)
class _Clock:
    at: list[int]
    times: list[float]
    scales: list[float]

    def tick(self, seconds: float) -> int:
        """The tick that is nearest."""
        index = max(bisect_right(self.times, seconds) - 1, 0)
        return self.at[index] + round((seconds - self.times[index]) / self.scales[index])


def tempo_map(
    beats: Sequence[float],
    first_downbeat: int,
    metres: Sequence[tuple[int, Metre]],
    keys: Sequence[tuple[int, Key]] = (),
) -> TempoMap:
    """The tempo map of beats.

    Parameters
    ----------
    beats : sequence of float
        Seconds, rising, two or more.
    first_downbeat : int
        Index of the first that begins a bar; those before it are the upbeat.
    metres, keys : sequence of (index, signature)
        From which beat on each holds, the first for the upbeat too.
    """
    metre = metres[0][1]
    beat = metre.quarters_per_beat
    n_lead, lead_metre = _lead_in(beats, first_downbeat, metre)
    start = n_lead * beat
    seconds, quarters = ([0.0], [Fraction(0)]) if n_lead else ([], [])
    place, changes = start, {index: each for index, each in metres if index > 0}
    places = []
    current = metre
    for index, time in enumerate(beats):
        current = changes.get(index, current)
        seconds.append(time if seconds else 0.0)
        quarters.append(place)
        places.append(place)
        place += current.quarters_per_beat
    signatures = [(Fraction(0), metre)]
    if lead_metre is not None:
        signatures = [(Fraction(0), lead_metre), (places[first_downbeat], metre)]
    signatures += [(places[index], each) for index, each in sorted(changes.items())]
    named = [(places[index] if index > 0 else Fraction(0), key) for index, key in keys]
    return TempoMap(tuple(seconds), tuple(quarters), tuple(signatures), tuple(named))


def _lead_in(beats: Sequence[float], first_downbeat: int, metre: Metre) -> tuple[int, Metre | None]:
    """Beats before the first, and the time signature of the bar that they and the upbeat
    make, where it is another than the music's."""
    n = metre.beats_per_bar
    missing = -first_downbeat % n
    if beats[0] < _AT_ONCE:
        return 0, _bar_of(first_downbeat, metre) if missing else None
    early = beats[: 2 * n + 1]
    wanted = beats[0] / ((early[-1] - early[0]) / (len(early) - 1))
    whole = missing + n * max(round((wanted - missing) / n), 0 if missing else 1)
    if 1 / _MOST_STRETCHED <= whole / wanted <= _MOST_STRETCHED:
        return whole, None
    fewest = int(beats[0] / LONGEST_BEAT) + 1
    n_lead = max(round(wanted), fewest)
    return n_lead, _bar_of(n_lead + first_downbeat, metre)


def _bar_of(n_beats: int, metre: Metre) -> Metre | None:
    """A bar of so many beats; None where it is a bar of the metre, or is none."""
    n_units = n_beats * (3 if metre.is_compound else 1)
    if n_units == metre.numerator or not 1 <= n_units <= 16:
        return None
    return Metre(n_units, metre.denominator)
