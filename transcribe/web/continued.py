"""Music that goes on from a transcription, made by the command in a process of its own."""

from __future__ import annotations

import asyncio
import re
import secrets
import sys
import tempfile
from pathlib import Path

from starlette.responses import Response

from transcribe.midi import write_midi
from transcribe.web.errors import RefusedError
from transcribe.web.library import LibraryEntry
from transcribe.web.names import disposition, download_name
from transcribe.web.note_service import NoteService

KIND = "continued.mid"
SECONDS = 30
"""Of music that is added."""
_MOST_SEEDS = 10_000
_ONE_AT_A_TIME = asyncio.Semaphore(1)


async def response(note_service: NoteService, entry: LibraryEntry) -> Response:
    """A MIDI file of what was played with another continuation every time.

    Its name holds the seed, so that ``transcribe continue --seed`` makes the same again.

    Raises
    ------
    RefusedError
        There are no notes to go on from.
    """
    performance = await asyncio.to_thread(note_service.performance, entry)
    if not performance.notes:
        raise RefusedError(
            409, "There are no notes to go on from.", "Move the slider to more notes."
        )
    seed = secrets.randbelow(_MOST_SEEDS)
    with tempfile.TemporaryDirectory() as folder:
        played, continued = Path(folder) / "played.mid", Path(folder) / "continued.mid"
        await asyncio.to_thread(write_midi, performance, played)
        async with _ONE_AT_A_TIME:
            await _run(
                *("continue", str(played), "--output", str(continued), "--quiet"),
                *("--seconds", str(SECONDS), "--seed", str(seed), "--threads", "1"),
            )
        content = continued.read_bytes()
    name = download_name(entry.name, f".continued-{seed}.mid")
    return Response(
        content, media_type="audio/midi", headers={"Content-Disposition": disposition(name)}
    )


async def _run(*words: str) -> None:
    """Do what the command does; it ends with the request."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "transcribe",
        *words,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        _, errors = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    if process.returncode:
        reason = re.sub(r"^transcribe[^:]*: ", "", errors.decode("utf-8", "replace").strip())
        raise RefusedError(
            500, f"The music could not be continued: {reason or 'no reason given'}", "Try again."
        )
