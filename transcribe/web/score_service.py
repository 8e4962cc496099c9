"""Sheet music and rolls on paper, for the page: made anew for every wish, in a process of its own.

Reading a long performance and engraving it takes seconds of a whole core, during which the
server has other questions to answer. It ends when nobody waits for it any more.
"""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from transcribe.errors import TranscribeError
from transcribe.export import MIDI
from transcribe.music.beat_grid import TEMPO_RANGE, Metre
from transcribe.music.key import Key
from transcribe.notes import Performance
from transcribe.score.score import Hints
from transcribe.score.titles import title_from_name, with_title
from transcribe.web.downloads import exported, sounding
from transcribe.web.errors import RefusedError
from transcribe.web.library_entry import LibraryEntry
from transcribe.web.names import disposition, download_name
from transcribe.web.note_service import NoteService
from transcribe.web.roll_file import KINDS as ROLLS
from transcribe.web.score_content import (
    beats_content,
    roll_drawn,
    roll_of,
    score_file,
    score_pages,
    shown_content,
    tempo_map,
)
from transcribe.web.score_process import ScoreProcess, Tell
from transcribe.web.wanted import Gone, while_wanted

BARS = "bars.mid"
_SCORES = {
    BARS: ("audio/midi", ".bars.mid"),
    "musicxml": ("application/vnd.recordare.musicxml+xml", ".musicxml"),
    "score.pdf": ("application/pdf", ".pdf"),
}
"""With their type and the end of their names."""
KINDS = (*_SCORES, *ROLLS)
"""Downloads, by the end of their address."""
_WIDTHS = (300, 4000)
"""Pixels a page may be wide."""


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What is asked for, as errors name it when it can't be had."""

    kind: str
    """In the kinds of those errors, for which the page's languages have words."""
    words: str
    needs_notes: str = ""
    """For which two notes are needed."""


SCORE = _Wanted("score", "The score", "write a score of")
BEATS = _Wanted("beats", "The bars", "find bars in")
ROLL = _Wanted("roll", "The roll on pages")
WISHES = ("tempo", "metre", "key", "downbeat", "swing")
"""What a person may say of a piece."""


def wishes_of(content: Mapping[str, Any]) -> dict[str, str]:
    """What a person says of a piece, checked, as it is kept; what is null or empty is left out.

    Raises
    ------
    RefusedError
        Something can't be understood.
    """
    unknown = sorted(set(content) - set(WISHES))
    if unknown:
        raise RefusedError(
            422,
            f"Expected {', '.join(WISHES)}; found {', '.join(unknown)}.",
            "",
            kind="invalid",
        )
    wishes = {name: _word(value) for name, value in content.items() if value not in (None, "")}
    hints_of(wishes)
    return wishes


def hints_of(query: Mapping[str, str]) -> Hints:
    """What a person says of the piece, from the words of an address.

    Raises
    ------
    RefusedError
        A word can't be understood.
    """
    return Hints(
        tempo=_read(query, "tempo", _tempo),
        metre=_read(query, "metre", Metre.parse),
        key=_read(query, "key", Key.parse),
        downbeat=_read(query, "downbeat", _seconds),
        swing=_read(query, "swing", _truth),
    )


class ScoreService:
    """Makes scores, one after the other; none that nobody waits for any more (`gone`)."""

    def __init__(self, note_service: NoteService) -> None:
        self._note_service = note_service
        self._process: ScoreProcess | None = None
        self._one_at_a_time = asyncio.Lock()

    async def shown(
        self, entry: LibraryEntry, query: Mapping[str, str], gone: Gone, tell: Tell
    ) -> dict[str, Any]:
        """The engraved score for the page, as plain data; see ``docs/web.md``."""
        hints = _hints(entry, query)
        width = _read(query, "width", _width) or 900
        by_id = await asyncio.to_thread(self._note_service.notes, entry)
        ordered = sorted(by_id.items(), key=lambda each: each[1])
        performance = await self._performance(entry, SCORE)
        made = await self._run(SCORE, gone, shown_content, performance, hints, width, tell=tell)
        return {**json.loads(made), "ids": [name for name, _ in ordered]}

    async def beats(
        self, entry: LibraryEntry, query: Mapping[str, str], gone: Gone
    ) -> dict[str, Any]:
        """Beats and bars for the roll, as plain data; see ``docs/web.md``."""
        hints = _hints(entry, query)
        performance = await self._performance(entry, BEATS)
        return dict(json.loads(await self._run(BEATS, gone, beats_content, performance, hints)))

    async def paper(
        self, entry: LibraryEntry, what: str, query: Mapping[str, str], gone: Gone
    ) -> dict[str, Any]:
        """Pages of A4 to print, ``score`` or ``roll``, as plain data; see ``docs/web.md``."""
        hints = _hints(entry, query)
        if what == SCORE.kind:
            performance = await self._performance(entry, SCORE)
            made = await self._run(SCORE, gone, score_pages, performance, hints, entry.name)
            return {"pages": made}
        if what != ROLL.kind:
            raise RefusedError(
                404,
                "There are no such pages.",
                f"There are {SCORE.kind} and {ROLL.kind}.",
                kind="no_download",
            )
        performance = await asyncio.to_thread(sounding, self._note_service, entry)
        barred = hints if query.get("bars") == "true" else None
        return {"pages": await self._run(ROLL, gone, roll_drawn, performance, barred, entry.name)}

    async def download(
        self, entry: LibraryEntry, kind: str, query: Mapping[str, str], gone: Gone
    ) -> Response:
        """The score, the notes on its beats, or the roll, as a file of one of `KINDS`."""
        hints = _hints(entry, query)
        if kind in ROLLS:
            barred = hints if query.get("bars") == "true" else None
            performance = await asyncio.to_thread(sounding, self._note_service, entry)
            made = await self._run(ROLL, gone, roll_of, performance, barred, entry.name, kind)
            return _attached(made.data, made.media_type, made.name)
        media_type, suffix = _SCORES[kind]
        if kind == BARS:
            performance = await self._performance(entry, BEATS)
            beats = await self._run(BEATS, gone, tempo_map, performance, hints)
            data = exported(entry, performance, MIDI, beats=beats)
        else:
            performance = await self._performance(entry, SCORE)
            name = entry.name
            data = await self._run(SCORE, gone, score_file, performance, hints, kind, name)
        return _attached(data, media_type, download_name(entry.name, suffix))

    def close(self) -> None:
        """End the process, whatever it does."""
        if self._process is not None:
            self._process.end()
            self._process = None

    async def _performance(self, entry: LibraryEntry, wanted: _Wanted) -> Performance:
        performance = await asyncio.to_thread(self._note_service.performance, entry)
        if len(performance.notes) < 2:
            raise RefusedError(
                409,
                f"There are no notes to {wanted.needs_notes}.",
                "Move the slider to more notes.",
                kind=f"no_notes_for_{wanted.kind}",
            )
        return performance

    async def _run(
        self,
        wanted: _Wanted,
        gone: Gone,
        make: Callable[..., Any],
        *arguments: Any,
        tell: Tell | None = None,
    ) -> Any:
        async with self._one_at_a_time:
            if await gone():  # while others had their turn
                raise _not_made(wanted)
            try:
                if self._process is None:
                    self._process = await asyncio.to_thread(ScoreProcess)
                making = asyncio.to_thread(self._process.make, make, arguments, tell)
                return await while_wanted(making, gone, self.close)
            except EOFError as error:
                self.close()
                raise _not_made(wanted) from error
            except TranscribeError as error:
                raise RefusedError(
                    501,
                    f"{wanted.words} can't be made: {error}",
                    "",
                    kind=f"{wanted.kind}_not_made",
                    values={"reason": str(error)},
                ) from error


def _not_made(wanted: _Wanted) -> RefusedError:
    return RefusedError(
        500, f"{wanted.words} could not be made.", "Try again.", kind=f"no_{wanted.kind}"
    )


def _attached(data: bytes, media_type: str, name: str) -> Response:
    headers = {"Content-Disposition": disposition(name)}
    return Response(data, media_type=media_type, headers=headers)


def _hints(entry: LibraryEntry, query: Mapping[str, str]) -> Hints:
    """What is known of a piece: as it is kept, unless the address says otherwise, and its title."""
    asked = {name: query[name] for name in WISHES if name in query}
    return with_title(hints_of({**entry.wishes, **asked}), title_from_name(entry.name))


# --- the words of an address ---


def _read(query: Mapping[str, str], name: str, parse: Callable[[str], Any]) -> Any:
    text = query.get(name, "")
    if not text:
        return None
    try:
        return parse(text)
    except ValueError as error:
        raise RefusedError(
            422,
            f"{name}: {error}.",
            "",
            kind="invalid",
        ) from error


def _word(value: object) -> str:
    """As it stands in an address."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _truth(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError(f"expected true or false; found {text!r}")
    return text == "true"


def _tempo(text: str) -> float:
    lowest, highest = TEMPO_RANGE
    return _number(text, lowest, highest, f"{lowest:g} to {highest:g} beats a minute")


def _seconds(text: str) -> float:
    return _number(text, 0, 1e6, "seconds, 0 or more")


def _width(text: str) -> int:
    lowest, highest = _WIDTHS
    return int(_number(text, lowest, highest, f"{lowest} to {highest} pixels"))


def _number(text: str, lowest: float, highest: float, expected: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not lowest <= value <= highest:
        raise ValueError(f"expected {expected}; found {text!r}")
    return value
