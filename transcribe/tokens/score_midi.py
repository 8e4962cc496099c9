"""Notes in musical time as a standard MIDI file: tempo, metre and tracks of one voice each.

`transcribe.midi` reads and writes performances, in seconds; here times are sixteenth notes,
whatever the tempo, so that a reader quantises to the steps that are meant. Written is a
quarter note of `TICKS` ticks, read is what generators of music write, with any division.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from transcribe.midi_file import (
    CONTROL,
    DEFAULT_TEMPO,
    DRUM_CHANNEL,
    NOTE_OFF,
    NOTE_ON,
    PROGRAM,
    TEXT,
    TRACK_NAME,
    MidiFile,
    MidiTrack,
    metre_event,
    midi_file_bytes,
    smpte_rate,
    tempo_event,
    text_event,
)
from transcribe.midi_parser import parse_midi
from transcribe.midi_reading import NOTES_OFF, doubts_of
from transcribe.music.beat_grid import Metre

TICKS = 480
"""A quarter note; a sixteenth is 120."""
STEP_TICKS = TICKS // 4
_MOST_BARS = 100_000
"""More are damage, not music."""


@dataclass(frozen=True, slots=True, order=True)
class StepNote:
    """A note in sixteenth notes from the start of its file; they need not be whole."""

    step: float
    pitch: int
    n_steps: float
    velocity: int = 80


@dataclass(frozen=True, slots=True)
class Track:
    """One voice."""

    name: str
    notes: Sequence[StepNote]
    program: int = 0
    """General MIDI, from 0."""
    is_drum: bool = False


@dataclass(frozen=True, slots=True)
class StepMidi:
    """A MIDI file in musical time; steps are sixteenth notes from its start."""

    tracks: tuple[Track, ...]
    """Those with notes or a program: each channel of each track, in the order of the file."""
    tempos: tuple[tuple[float, float], ...]
    """Step, rising, and quarter notes a minute from there on; the first at step 0."""
    metres: tuple[tuple[float, str], ...]
    """Step and time signature, such as ``"6/8"``; empty where the file has none."""
    bars: tuple[float, ...]
    """Steps at which bars begin, up to the end."""
    doubts: tuple[str, ...] = ()
    """Damage, and what was left out or taken for something; a phrase each."""

    @property
    def notes(self) -> tuple[StepNote, ...]:
        """Of all voices, sorted; none where nothing was generated."""
        return tuple(sorted(note for track in self.tracks for note in track.notes))


def score_midi(
    tracks: Iterable[Track], *, quarters_a_minute: float, metre: Metre, text: str = ""
) -> bytes:
    """A type 1 file: a track with tempo, metre and text, then a track for each voice."""
    head = [
        (0, tempo_event(round(60e6 / quarters_a_minute))),
        (0, metre_event(metre.numerator, metre.denominator)),
    ]
    if text:
        head.insert(0, (0, text_event(TEXT, text)))
    voices = []
    channels = [channel for channel in range(16) if channel != DRUM_CHANNEL]
    for track in tracks:
        channel = DRUM_CHANNEL if track.is_drum else channels.pop(0)
        voices.append(_events(track, channel))
    return midi_file_bytes(TICKS, (head, *voices))


def _events(track: Track, channel: int) -> list[tuple[int, bytes]]:
    events = [
        (0, text_event(TRACK_NAME, track.name)),
        (0, bytes((PROGRAM | channel, track.program))),
    ]
    timed = []
    for note in track.notes:
        onset = round(note.step * STEP_TICKS)
        offset = max(round((note.step + note.n_steps) * STEP_TICKS), onset + 1)
        timed.append((onset, 1, bytes((NOTE_ON | channel, note.pitch, note.velocity))))
        timed.append((offset, 0, bytes((NOTE_OFF | channel, note.pitch, 0))))
    return events + [(tick, event) for tick, _, event in sorted(timed)]


def read_score_midi(content: bytes) -> StepMidi:
    """The voices of a MIDI file in sixteenth notes, with its tempo map and bars.

    Each channel of each track is a voice, so that a file of type 0 keeps its voices apart.

    A key that is never released lasts to the end of its track. Where ticks divide seconds
    (SMPTE) a file has no beats; then a quarter note is taken for half a second.

    Raises
    ------
    midi_file.DamagedError
        It is no MIDI file.
    """
    file = parse_midi(content)
    step_ticks = _step_ticks(file)
    read = [_TrackReading(track, step_ticks) for track in file.tracks]
    tempos = dict(file.tempos()) if file.ticks_a_quarter is not None else {}
    return StepMidi(
        tracks=tuple(voice for each in read for voice in each.voices()),
        tempos=tuple(
            (tick / step_ticks, 60e6 / tempo)
            for tick, tempo in sorted(({0: DEFAULT_TEMPO} | tempos).items())
        ),
        metres=tuple((tick / step_ticks, f"{n}/{d}") for tick, n, d in file.metres()),
        bars=tuple(tick / step_ticks for tick in islice(file.bars(), _MOST_BARS)),
        doubts=doubts_of(
            file,
            n_empty=sum(each.n_empty for each in read),
            n_held=sum(each.n_held for each in read),
            n_playing=sum(any(each.notes.values()) for each in read),
        ),
    )


def _step_ticks(file: MidiFile) -> float:
    """Ticks of a sixteenth note."""
    quarter = file.ticks_a_quarter
    if quarter is None:
        return smpte_rate(file.division) * DEFAULT_TEMPO / 1e6 / 4
    return quarter / 4


class _TrackReading:
    """The strikes and releases of a track, joined channel by channel."""

    def __init__(self, track: MidiTrack, step_ticks: float) -> None:
        self._track, self._step_ticks = track, step_ticks
        self._programs: dict[int, int] = {}
        self._held: dict[tuple[int, int], tuple[int, int]] = {}
        self.notes: dict[int, list[StepNote]] = {}
        self.n_empty = 0
        for tick, status, first, second in track.messages:
            self._read(tick, status & 0xF0, status & 0x0F, first, second)
        self.n_held = len(self._held)
        for key in list(self._held):
            self._release(key, track.end)

    def _read(self, tick: int, kind: int, channel: int, first: int, second: int) -> None:
        if kind == CONTROL and first in NOTES_OFF:
            for key in [key for key in self._held if key[0] == channel]:
                self._release(key, tick)
        if kind not in (NOTE_ON, NOTE_OFF, PROGRAM):
            return
        self.notes.setdefault(channel, [])
        if kind == PROGRAM:
            self._programs[channel] = first
            return
        key = channel, first
        if key in self._held:
            self._release(key, tick)
        if kind == NOTE_ON and second:
            self._held[key] = tick, second

    def _release(self, key: tuple[int, int], tick: int) -> None:
        onset, velocity = self._held.pop(key)
        if tick > onset:
            start, length = onset / self._step_ticks, (tick - onset) / self._step_ticks
            self.notes[key[0]].append(StepNote(start, key[1], length, velocity))
        else:
            self.n_empty += 1

    def voices(self) -> Iterator[Track]:
        """One for each channel; none of a track without, such as that of the tempo."""
        for channel, found in sorted(self.notes.items()):
            program, is_drum = self._programs.get(channel, 0), channel == DRUM_CHANNEL
            yield Track(self._track.name, tuple(sorted(found)), program, is_drum)
