"""The way back: what a generator wrote, laid on the recording that it was given.

A generator that counts in beats (MelodyRNN, MusicVAE, GrooVAE, Coconet, character networks)
writes them at a tempo of its own. Its beats are laid on those of the recording, from where the
item that it was given begins; beyond the last beat the grid goes on at the pace of the last
few. A generator that counts in seconds (Performance RNN, Music Transformer) is laid where its
item begins, second for second.

>>> from transcribe.tokens import Anchor, place
>>> anchor = Anchor.of_item("tokens/melody-rnn/song.phrase-001.mid")
>>> placed = place(open("generated.mid", "rb").read(), anchor)
>>> whole = placed.merged(performance)
"""

from __future__ import annotations

import itertools
import os
import statistics
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from transcribe.files.json_text import parse_json
from transcribe.files.ordinary import read_ordinary
from transcribe.midi import InstrumentPart, parts_midi_bytes
from transcribe.midi_file import DamagedError
from transcribe.music.beat_grid import BeatGrid, Metre
from transcribe.notes import (
    HIGHEST_PITCH,
    LOWEST_PITCH,
    Note,
    Performance,
    without_overlaps,
)
from transcribe.tokens.encoded import FORMAT
from transcribe.tokens.score_midi import StepNote, read_score_midi
from transcribe.wording import count

N_LAST_BEATS = 8
"""The pace beyond the grid is the median of so many of its beats."""
_N_NEIGHBOURS = 12
"""Of the player's notes, those whose velocities are asked."""
_SECONDS_AN_OCTAVE = 0.5
"""What counts as near among them."""
_SHORTEST = 0.001
"""Seconds of a note, and by how much one may begin before the primer's end."""


@dataclass(frozen=True, slots=True)
class Anchor:
    """Where in a recording a generator's file begins, and what its beats are there."""

    start: float
    """Seconds of the recording; may be below 0, for an upbeat before its beginning."""
    grid: BeatGrid | None = None
    """None where the generator counts in seconds."""
    first_step: float = 0.0
    """Sixteenth notes of the grid at which it begins."""
    stop: float | None = None
    """Seconds; where the item ends that the generator was given, if it was given one."""
    source: Path | None = None
    """The MIDI file or recording that the item was made of, as its description names it."""

    @classmethod
    def of_item(cls, path: str | os.PathLike[str], name: str | None = None) -> Anchor:
        """Where an item lies that ``transcribe tokens`` wrote.

        Parameters
        ----------
        path : path
            The item itself, or the description beside it (``NAME.json``).
        name : str, optional
            Which item of a description, such as ``"phrase-001"``; needed where it lists several.

        Raises
        ------
        ValueError
            There is no such item, or no description of it.
        OSError
            A file can't be read.
        """
        path = Path(path)
        description = path if path.suffix == ".json" and _is_description(path) else None
        if description is None:
            description = described_by(path)
            name = path.name
        if description is None:
            raise ValueError(
                f"{path}: expected an item that transcribe tokens wrote, with its description "
                "NAME.json beside it; found no description that lists it"
            )
        content = parse_json(read_ordinary(description))
        entry = _entry(content["items"], name, description)
        source = content.get("source", {}).get("path")
        return cls._of(
            entry, content.get("grid"), None if source is None else description.parent / source
        )

    @classmethod
    def _of(cls, entry: Mapping[str, Any], grid: Any, source: Path | None) -> Anchor:
        start, stop = float(entry["start"]), float(entry["stop"])
        if "beats" not in entry:
            return cls(start, stop=stop, source=source)
        metre = Metre.parse(entry.get("metre") or (grid or {}).get("metre", "4/4"))
        if "step_0" in entry:  # the whole grid is in the item
            first_step = float(entry["step_0"])
            beats, first_downbeat = entry["beats"], entry["first_downbeat"]
        elif grid and "beats" in grid:
            first_step = float(entry.get("first_step", 0))
            if "first_bar" in entry:
                first_step = float(entry["first_bar"] * metre.steps_per_bar)
            beats, first_downbeat = grid["beats"], grid["first_downbeat"]
        else:  # written before descriptions had all beats
            first_step, beats, first_downbeat = 0.0, entry["beats"], 0
        found = BeatGrid(tuple(beats), metre, first_downbeat)
        return cls(_seconds(found, first_step), found, first_step, stop, source)

    @classmethod
    def at(cls, grid: BeatGrid, seconds: float | None = None) -> Anchor:
        """The bar line of a grid that is nearest to a moment; its first downbeat if left out.

        Raises
        ------
        ValueError
            The moment is more than a bar after the last beat, where nothing is played.
        """
        step = 0.0
        if seconds is not None:
            per_bar = grid.metre.steps_per_bar
            last = _seconds(grid, _step(grid, grid.beats[-1]) + per_bar)
            if round(seconds, 1) > round(last, 1):
                raise ValueError(
                    f"expected a time at most a bar after the recording's last beat, until "
                    f"{last:.1f} s; found {seconds:g} s"
                )
            step = float(round(_step(grid, seconds) / per_bar) * per_bar)
        return cls(_seconds(grid, step), grid, step)

    def after(self) -> Anchor:
        """The same recording from where the item ends, for generators that leave out the primer."""
        if self.stop is None:
            raise ValueError("expected the anchor of an item; found one without an end")
        if self.grid is None:
            return replace(self, start=self.stop)
        step = float(round(_step(self.grid, self.stop)))
        return replace(self, start=_seconds(self.grid, step), first_step=step)

    def seconds(self, step: float) -> float:
        """Time of a position in the generator's file, in sixteenth notes, on its grid."""
        if self.grid is None:
            raise ValueError("expected an anchor on beats; found one in seconds")
        return _seconds(self.grid, self.first_step + step)


@dataclass(frozen=True, slots=True)
class Placed:
    """A generator's voices where they belong in the recording."""

    voices: tuple[InstrumentPart, ...]
    """In the order of the file; times are the recording's."""
    remarks: tuple[str, ...] = ()
    """Damage, what was left out, and what was taken for something."""

    @property
    def performance(self) -> Performance:
        """All voices but drums on one piano."""
        notes = [n for v in self.voices if not v.is_drum for n in v.performance.notes]
        return Performance(without_overlaps(notes))

    @property
    def n_notes(self) -> int:
        """Of all voices."""
        return sum(len(voice.performance.notes) for voice in self.voices)

    def merged(self, recording: Performance) -> Performance:
        """With the recording's notes and pedal, on one piano.

        A key that the pianist holds is not struck again: there the generated note is left out.
        """
        return Performance(
            (*recording.notes, *_beside(self.performance, recording).notes), recording.pedal
        )

    def midi(self, *, recording: Performance | None = None, text: str = "") -> bytes:
        """A MIDI file with a track a voice, and one of the recording before them if given."""
        voices = list(self.voices)
        if recording is not None:
            voices = [
                InstrumentPart("Recording", recording),
                *(
                    voice
                    if voice.is_drum
                    else replace(voice, performance=_beside(voice.performance, recording))
                    for voice in voices
                ),
            ]
        return parts_midi_bytes(voices, text=text)


def place(
    generated: bytes,
    anchor: Anchor,
    *,
    player: Performance | None = None,
    without_primer: bool = False,
    read_at: float | None = None,
) -> Placed:
    """Lay a generator's MIDI file on a recording.

    Parameters
    ----------
    generated : bytes
        A MIDI file of any type, division and tempo.
    anchor : Anchor
        Where it begins.
    player : Performance, optional
        The recording. If given, notes are as loud as the pianist is near them, in time and
        pitch; if left out, as loud as the generator says.
    without_primer : bool
        Leave out what begins before `Anchor.stop`: the item itself, which some generators
        repeat before they go on.
    read_at : float, optional
        Quarter notes a minute. If given, beats are counted by the file's seconds, whatever its
        own tempo says: some programs write steps of a quarter of a second into a file that says
        120.

    Raises
    ------
    ValueError
        It is no MIDI file.
    """
    try:
        score = read_score_midi(generated)
    except DamagedError as error:
        raise ValueError(str(error)) from error
    clock = _clock(score.tempos)

    def when(step: float) -> float:
        if anchor.grid is None:
            return anchor.start + clock(step)
        return anchor.seconds(step if read_at is None else clock(step) * read_at / 15)

    n_off = n_early = 0
    voices = []
    for number, track in enumerate(score.tracks, 1):
        playable = [note for note in track.notes if LOWEST_PITCH <= note.pitch <= HIGHEST_PITCH]
        n_off += len(track.notes) - len(playable)
        timed = [(when(note.step), when(note.step + note.n_steps), note) for note in playable]
        if without_primer and anchor.stop is not None:
            timed = [each for each in timed if each[0] >= anchor.stop - _SHORTEST]
        heard = [each for each in timed if each[1] > 0]
        n_early += len(timed) - len(heard)
        kept = without_overlaps(_note(*each) for each in heard)
        if player is not None:
            kept = as_loud_as(player, kept)
        if kept:
            name = track.name or f"Generated {number}"
            voices.append(InstrumentPart(name, Performance(kept), track.program, track.is_drum))
    told = list(score.doubts)
    if n_off:
        told.append(f"{count(n_off, 'note')} off the keyboard (below A0 or above C8) left out")
    if n_early:
        told.append(f"{count(n_early, 'note')} before the recording begins left out")
    return Placed(tuple(voices), tuple(told))


def _note(onset: float, offset: float, note: StepNote) -> Note:
    """At these seconds, of which the first may be before the recording."""
    onset = max(onset, 0.0)
    offset = max(offset, onset + _SHORTEST)
    return Note(onset=onset, pitch=note.pitch, offset=offset, velocity=note.velocity)


def as_loud_as(player: Performance, notes: Sequence[Note]) -> tuple[Note, ...]:
    """Notes with the median velocity of what the pianist plays nearest to each.

    An octave counts as much as half a second.
    """
    import numpy as np

    if not player.notes:
        return tuple(notes)
    played = np.array([(note.onset, note.pitch, note.velocity) for note in player.notes])
    found = []
    for note in notes:
        away = np.abs(played[:, 0] - note.onset)
        away = away + np.abs(played[:, 1] - note.pitch) * (_SECONDS_AN_OCTAVE / 12)
        nearest = np.argsort(away, kind="stable")[:_N_NEIGHBOURS]
        found.append(replace(note, velocity=round(float(np.median(played[nearest, 2])))))
    return tuple(found)


def described_by(path: Path) -> Path | None:
    """The description beside an item that lists it; None if there is none."""
    parts = path.name.split(".")
    for n_parts in range(len(parts) - 2, 0, -1):
        candidate = path.with_name(".".join(parts[:n_parts]) + ".json")
        if candidate != path and _is_description(candidate):
            entries = parse_json(read_ordinary(candidate))["items"]
            if any(entry["file"] == path.name for entry in entries):
                return candidate
    return None


def _is_description(path: Path) -> bool:
    try:
        content = parse_json(read_ordinary(path))
    except (OSError, ValueError):
        return False
    return isinstance(content, dict) and content.get("format") == FORMAT


def _entry(
    entries: Sequence[Mapping[str, Any]], name: str | None, description: Path
) -> Mapping[str, Any]:
    """The item of a name, of a file's name, or the only one."""
    stem = description.stem + "."
    names = [str(entry["file"]).removeprefix(stem) for entry in entries]
    if name is None and len(entries) == 1:
        return entries[0]
    for entry, own in zip(entries, names, strict=True):
        if name is not None and name in (entry["file"], own, own.rpartition(".")[0]):
            return entry
    wanted = "one item" if name is None else f"an item {name!r}"
    listed = ", ".join(own.rpartition(".")[0] for own in names) or "none"
    raise ValueError(f"{description}: expected {wanted}; it lists {listed}")


def _clock(tempos: Sequence[tuple[float, float]]) -> Callable[[float], float]:
    """From a file's sixteenth notes to its seconds; steps and quarter notes a minute."""
    steps = [step for step, _ in tempos]
    scales = [15 / quarters_a_minute for _, quarters_a_minute in tempos]
    seconds = [0.0]
    for n, step in enumerate(steps[1:]):
        seconds.append(seconds[-1] + (step - steps[n]) * scales[n])

    def convert(step: float) -> float:
        n = max(bisect_right(steps, step) - 1, 0)
        return seconds[n] + (step - steps[n]) * scales[n]

    return convert


def _seconds(grid: BeatGrid, step: float) -> float:
    position = step / grid.metre.steps_per_beat + grid.first_downbeat
    last = len(grid.beats) - 1
    if position > last:
        return grid.beats[-1] + (position - last) * _pace(grid.beats[-N_LAST_BEATS - 1 :])
    if position < 0:
        return grid.beats[0] + position * _pace(grid.beats[: N_LAST_BEATS + 1])
    return grid.seconds(position)


def _step(grid: BeatGrid, seconds: float) -> float:
    last, first = grid.beats[-1], grid.beats[0]
    position = grid.position(seconds)
    if seconds > last:
        pace = _pace(grid.beats[-N_LAST_BEATS - 1 :])
        position = len(grid.beats) - 1 + (seconds - last) / pace
    elif seconds < first:
        position = (seconds - first) / _pace(grid.beats[: N_LAST_BEATS + 1])
    return (position - grid.first_downbeat) * grid.metre.steps_per_beat


def _pace(beats: Sequence[float]) -> float:
    """Seconds a beat, the median."""
    return statistics.median(b - a for a, b in itertools.pairwise(beats))


def _beside(generated: Performance, recording: Performance) -> Performance:
    """The generated notes whose keys the pianist doesn't hold meanwhile."""
    held: dict[int, list[Note]] = {}
    for note in recording.notes:
        held.setdefault(note.pitch, []).append(note)
    return Performance(
        tuple(
            note
            for note in generated.notes
            if not any(
                other.onset < note.offset and note.onset < other.offset
                for other in held.get(note.pitch, ())
            )
        )
    )
