"""Changes made to notes by hand, applied on top of the model's notes.

An edit is a list of changes, which are done and undone together:

- ``{"do": "add", "onset", "pitch", "offset", "velocity"}``
- ``{"do": "change", "id", and any of "onset", "pitch", "offset", "velocity"}``
- ``{"do": "delete", "id"}``

The model's own notes are never written over. A change keeps the whole note as it became,
so it stays when the slider would hide the note it came from; a deleted note stays deleted
when the slider would bring it back.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from transcribe.notes import HIGHEST_PITCH, LOWEST_PITCH, Note
from transcribe.web.errors import RefusedError
from transcribe.web.library import Edit

_FIELDS = ("onset", "pitch", "offset", "velocity")
LONGEST = 24 * 3600.0
"""Seconds; the latest time a note may have in a recording of unknown duration."""
_AFTER_END = 60.0
"""Seconds by which a note may outlast its recording."""

ByHand = dict[str, "Note | None"]
"""The edited note by the id of the original; None where it was removed."""


def by_hand(edits: Iterable[Edit]) -> ByHand:
    """The outcome of all edits, each in its turn."""
    outcome: ByHand = {}
    for edit in edits:
        for index, change in enumerate(edit.changes):
            name = change.get("id", f"h{edit.step}.{index}")
            note = change.get("note")
            outcome[name] = None if note is None else Note(**note)
    return outcome


def resolved(
    changes: Any, notes: Mapping[str, Note], duration: float = LONGEST
) -> list[dict[str, Any]]:
    """Check what the page asks for, and say of every change what the note becomes.

    Parameters
    ----------
    changes : any
        As it came; see the module's docstring.
    notes : mapping
        The notes that there are, by id.
    duration : float
        Seconds of the recording; a note starts no later.

    Returns
    -------
    list of dict
        ``{"id": ..., "note": ...}``, without ``id`` for an added note, with the note None
        for a deleted one: what `by_hand` reads.

    Raises
    ------
    RefusedError
        For changes that make no sense; none of them is done.
    """
    if not isinstance(changes, Sequence) or isinstance(changes, str) or not changes:
        raise _nonsense("expected a list of changes")
    current: dict[str, Note | None] = dict(notes)
    found: list[dict[str, Any]] = []
    for change in changes:
        if not isinstance(change, dict):
            raise _nonsense("a change is an object")
        what = change.get("do")
        if what == "add":
            found.append({"note": _as_json(_changed(None, change, duration))})
            continue
        name = change.get("id")
        note = current.get(name) if isinstance(name, str) else None
        if note is None:
            raise RefusedError(
                409, "A note to be changed is not there any more.", "Load the page again."
            )
        if what == "delete":
            current[str(name)] = None
            found.append({"id": name, "note": None})
        elif what == "change":
            changed = _changed(note, change, duration)
            current[str(name)] = changed
            found.append({"id": name, "note": _as_json(changed)})
        else:
            raise _nonsense("a change is one of add, delete, change")
    return found


def _changed(note: Note | None, change: Mapping[str, Any], duration: float) -> Note:
    """A note with the values of a change, or a new one made of them."""
    values: dict[str, Any] = {}
    for name in _FIELDS:
        value = change.get(name)
        if value is None:
            if note is None:
                raise _nonsense(f"a new note needs {', '.join(_FIELDS)}")
            continue
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise _nonsense(f"{name} is a number")
        if not math.isfinite(value) or abs(value) > 1e9:
            raise _nonsense(f"{name} is out of range")
        if name == "onset" and value > duration:
            raise RefusedError(
                422,
                f"A note can't start after the recording ends: {value:g} s of {duration:.3f} s. "
                "Nothing was changed.",
                f"Choose a start from 0 to {duration:.3f} s.",
            )
        if name == "offset" and value > duration + _AFTER_END:
            raise RefusedError(
                422,
                f"A note can't last more than {_AFTER_END:g} s beyond the recording's end. "
                "Nothing was changed.",
                "Make it shorter.",
            )
        values[name] = float(value) if name in ("onset", "offset") else round(value)
    try:
        return Note(**values) if note is None else replace(note, **values, confidence=1.0)
    except ValueError as error:
        raise RefusedError(
            422,
            f"A note can't be like that: {error}.",
            f"It must start before it ends, on a key from {LOWEST_PITCH} to {HIGHEST_PITCH}.",
        ) from error


def _as_json(note: Note) -> dict[str, Any]:
    return {name: getattr(note, name) for name in _FIELDS}


def _nonsense(reason: str) -> RefusedError:
    return RefusedError(422, f"The page asked for a change that makes no sense: {reason}.", "")
