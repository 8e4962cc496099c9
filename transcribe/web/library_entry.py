"""A recording of the library: what is known of it, and the steps of editing it.

It is being transcribed or waits for it, rests or is done; `packed` writes it as the
database of `library` keeps it, `unpacked` reads what this or an earlier version wrote.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from transcribe.excerpt import Excerpt
from transcribe.web.messages import UserMessage

QUEUED, WORKING, PAUSED, DONE = "queued", "working", "paused", "done"
FAILED, CANCELLED = "failed", "cancelled"

Part: TypeAlias = "list[float | None]"
"""From where to where, in seconds; None for where a recording begins or ends."""


def as_excerpt(part: Part | None) -> Excerpt:
    """A part as the transcriber takes it."""
    start, stop = part or (None, None)
    return Excerpt(start or 0.0, math.inf if stop is None else stop)


@dataclass(slots=True)
class LibraryEntry:
    """One recording of the library."""

    id: str
    name: str
    """As the person named the file; for showing, never part of a path."""
    created: float
    """Seconds since 1970."""
    n_bytes: int
    number: int = 0
    """Counts up in the order in which they are transcribed."""
    state: str = QUEUED
    attempt: int = 0
    """How often transcribing it was begun; names the folder."""
    duration: float | None = None
    n_notes: int = 0
    error: str = ""
    hint: str = ""
    error_kind: str = ""
    error_values: dict[str, Any] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    """For the person, a sentence each."""
    remarks: list[dict[str, Any]] = field(default_factory=list)
    """The same, as `AudioWarning.as_json` gives them: what each is about, for programs."""
    model: str = ""
    decode: dict[str, Any] = field(default_factory=dict)
    """Settings of the model, as `DecodeConfig` has them; empty before it is first transcribed."""
    sample_rate: int = 16000
    hop_length: int = 512
    threshold: float | None = None
    """Chosen by the person; None for the model's own."""
    minimum_duration: float | None = None
    wishes: dict[str, str] = field(default_factory=dict)
    """What the person knows of the piece, as `score_service.wishes_of` gives it."""
    part: Part | None = None
    """From where to where it is to be transcribed; None for all of it."""

    @property
    def span(self) -> Excerpt:
        """What of it is transcribed."""
        return as_excerpt(self.part)

    @property
    def seconds_of_work(self) -> float | None:
        """How much music is to be transcribed, where that is known."""
        end = min(self.span.stop, math.inf if self.duration is None else self.duration)
        return None if end == math.inf else max(end - self.span.start, 0.0)

    def fail(self, message: UserMessage) -> None:
        """Say why it can't be transcribed."""
        self.state, self.error, self.hint = FAILED, message.error, message.hint
        self.error_kind, self.error_values = message.kind, dict(message.values)

    def warn(self, kind: str, words: str) -> None:
        """Say this about it, and nothing else."""
        self.warnings = [words]
        self.remarks = [{"kind": kind, "message": words, "values": {}}]


@dataclass(frozen=True, slots=True)
class Edit:
    """One step of editing by hand."""

    step: int
    changes: list[dict[str, Any]]


_COLUMNS = ("id", "number", "state", "attempt")


def packed(entry: LibraryEntry) -> str:
    """What has no column of its own, as JSON."""
    names = [name for name in entry.__dataclass_fields__ if name not in _COLUMNS]
    return json.dumps({name: getattr(entry, name) for name in names})


def unpacked(name: str, number: int, state: str, attempt: int, content: str) -> LibraryEntry:
    """The recording of a row of the database."""
    values = json.loads(content)
    # An earlier version kept sentences.
    values["remarks"] = [each for each in values["remarks"] if isinstance(each, dict)]
    return LibraryEntry(id=name, number=number, state=state, attempt=attempt, **values)
