"""Music that goes on from a transcription, made by the command in a process of its own.

It is heard on the page before it is kept: a page asks for its notes, and if they please for the
file with the same seed, which is made again.
"""

from __future__ import annotations

import asyncio
import re
import secrets
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from starlette.responses import Response

from transcribe.midi import read_midi, write_midi
from transcribe.notes import Performance
from transcribe.web.errors import RefusedError
from transcribe.web.library_entry import LibraryEntry
from transcribe.web.names import disposition, download_name
from transcribe.web.note_rows import BY_MODEL, note_row
from transcribe.web.note_service import NoteService
from transcribe.web.request_body import number
from transcribe.web.wanted import Gone, while_wanted

KIND = "continued.mid"
_LONGEST = 300.0
"""Seconds of a continuation."""
_FIRST = 0.001
"""Seconds at which one may begin at the earliest."""
_MOST_SEEDS = 10_000
_ONE_AT_A_TIME = asyncio.Semaphore(1)


@dataclass(frozen=True, slots=True)
class ContinuationWishes:
    """What is asked of a continuation."""

    seconds: float = 30.0
    """Of music that is added."""
    at: float | None = None
    """Seconds; where it begins, in place of what was played. None: after the last note. After
    the music's end, which is where the playhead stays, it is that end."""
    tame: float = 0.5
    """0 to 1: how closely it keeps to what was played."""
    seed: int | None = None
    """None for another one every time."""

    @classmethod
    def of(cls, content: Mapping[str, Any]) -> ContinuationWishes:
        """Read what a page asks for; what is left out or null is as above.

        Raises
        ------
        RefusedError
            A value is out of range.
        """
        said = {name: _as_number(content[name]) for name in content if content[name] != ""}
        seed = number(said, "seed", 0.0, _MOST_SEEDS)
        given = {
            "seconds": number(said, "seconds", 1.0, _LONGEST),
            "at": number(said, "at", 0.0, 1e6),
            "tame": number(said, "tame", 0.0, 1.0),
        }
        kept = {name: value for name, value in given.items() if value is not None}
        return cls(**kept, seed=None if seed is None else int(seed))


def _as_number(value: Any) -> Any:
    """A number, also where it was a word of an address."""
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value


async def shown(
    note_service: NoteService, entry: LibraryEntry, wanted: ContinuationWishes, gone: Gone
) -> dict[str, Any]:
    """What would be added to the notes, as plain data; see ``docs/web.md``."""
    seed = _seed(wanted)
    played, whole = await _made(note_service, entry, wanted, seed, gone)
    known = {(note.onset, note.pitch) for note in played.notes}
    presses = {press.onset for press in played.pedal}
    notes = [note for note in whole.notes if (note.onset, note.pitch) not in known]
    return {
        "seed": seed,
        "start": played.notes[-1].onset if wanted.at is None else _begins(played, wanted.at),
        "notes": [note_row(f"c{index}", note, BY_MODEL) for index, note in enumerate(notes)],
        "pedal": [
            [round(press.onset, 4), round(press.offset, 4)]
            for press in whole.pedal
            if press.onset not in presses
        ],
    }


async def response(
    note_service: NoteService, entry: LibraryEntry, wanted: ContinuationWishes, gone: Gone
) -> Response:
    """A MIDI file of what was played with its continuation.

    Its name holds the seed, so that ``transcribe continue --seed`` makes the same again.

    Raises
    ------
    RefusedError
        There are no notes to go on from, or none before where it begins.
    """
    seed = _seed(wanted)
    content = await _file(note_service, entry, wanted, seed, gone)
    name = download_name(entry.name, f".continued-{seed}.mid")
    return Response(
        content, media_type="audio/midi", headers={"Content-Disposition": disposition(name)}
    )


def _seed(wanted: ContinuationWishes) -> int:
    return secrets.randbelow(_MOST_SEEDS) if wanted.seed is None else wanted.seed


async def _made(
    note_service: NoteService,
    entry: LibraryEntry,
    wanted: ContinuationWishes,
    seed: int,
    gone: Gone,
) -> tuple[Performance, Performance]:
    """What was played and what came of it, both as a MIDI file has them."""
    content = await _file(note_service, entry, wanted, seed, gone)
    performance = await asyncio.to_thread(note_service.performance, entry)
    with tempfile.TemporaryDirectory() as folder:
        played, continued = Path(folder) / "played.mid", Path(folder) / "continued.mid"
        await asyncio.to_thread(write_midi, performance, played)
        continued.write_bytes(content)
        return read_midi(played), read_midi(continued)


async def _file(
    note_service: NoteService,
    entry: LibraryEntry,
    wanted: ContinuationWishes,
    seed: int,
    gone: Gone,
) -> bytes:
    performance = await asyncio.to_thread(note_service.performance, entry)
    if not performance.notes:
        raise RefusedError(
            409,
            "There are no notes to go on from.",
            "Move the slider to more notes.",
            kind="no_notes_to_continue",
        )
    at: tuple[str, ...] = ()
    if wanted.at is not None:
        if performance.notes[0].onset >= wanted.at:
            raise RefusedError(
                409,
                "Nothing was played yet where the music is to go on.",
                "Move the playhead behind the first notes, or let it go on after the end.",
                kind="no_notes_before",
            )
        at = ("--at", f"{_begins(performance, wanted.at):.4f}")
    with tempfile.TemporaryDirectory() as folder:
        played, continued = Path(folder) / "played.mid", Path(folder) / "continued.mid"
        await asyncio.to_thread(write_midi, performance, played)
        async with _ONE_AT_A_TIME:
            if await gone():  # while others had their turn
                raise _not_continued("")
            await _run(
                gone,
                *("continue", str(played), "--output", str(continued), "--quiet"),
                *("--seconds", f"{wanted.seconds:g}", "--seed", str(seed), "--threads", "1"),
                *("--tame", f"{wanted.tame:g}", *at),
            )
        return continued.read_bytes()


def _begins(played: Performance, at: float) -> float:
    """Where it begins; no later than the music's end, and never at 0."""
    return max(min(at, played.duration), _FIRST)


async def _run(gone: Gone, *words: str) -> None:
    """Do what the command does; it ends when nobody waits for it any more."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "transcribe",
        *words,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )

    def stop() -> None:
        with suppress(ProcessLookupError):
            process.kill()

    try:
        _, errors = await while_wanted(process.communicate(), gone, stop)
    finally:
        if process.returncode is None:
            process.kill()
    if process.returncode:
        *_, last = errors.decode("utf-8", "replace").strip().splitlines() or [""]
        reason = re.sub(r"^transcribe[^:]*: (error: )?(\S*played\.mid: )?", "", last)
        raise _not_continued(reason)


def _not_continued(reason: str) -> RefusedError:
    return RefusedError(
        500,
        f"The music could not be continued: {reason or 'no reason given'}",
        "Try again.",
        kind="not_continued",
        values={"reason": reason},
    )
