"""MIDI files that are written tick for tick, as notation programs write them."""

from __future__ import annotations

from collections.abc import Iterable

from transcribe.midi_file import NOTE_OFF, NOTE_ON, midi_file_bytes, tempo_event

QUARTER, EIGHTH = 480, 240


def exact_midi(
    strikes: Iterable[int],
    *head: tuple[int, bytes],
    tempo: int = 400_000,
    division: int = QUARTER,
) -> bytes:
    """A file with its head and eighths struck at the given ticks."""
    keys = [(tick, 60 + n % 5) for n, tick in enumerate(strikes)]
    events = [(tick, bytes((NOTE_ON, key, 80))) for tick, key in keys]
    events += [(tick + division // 2 - 1, bytes((NOTE_OFF, key, 0))) for tick, key in keys]
    first = sorted([(0, tempo_event(tempo)), *head], key=lambda event: event[0])
    return midi_file_bytes(division, (first, sorted(events, key=lambda event: event[0])))
