"""Changes made to notes and pedal by hand, applied on top of the model's notes.

An edit is a list of changes, which are done and undone together:

- ``{"do": "add", "onset", "pitch", "offset", "velocity"}``, with the ``id`` of a faint note of the
  model if it is that, so that it is not there twice when the slider brings it back
- ``{"do": "change", "id", and any of "onset", "pitch", "offset", "velocity"}``
- ``{"do": "delete", "id"}``
- ``{"do": "pedal", "onset", "offset", "down"}``: from one time to another the pedal is down, or up

The model's own notes are never written over. A change keeps the whole note as it became,
so it stays when the slider would hide the note it came from; a deleted note stays deleted
when the slider would bring it back.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeGuard

from transcribe.notes import HIGHEST_PITCH, LOWEST_PITCH, Note, PedalPress
from transcribe.web.errors import RefusedError
from transcribe.web.library_entry import Edit
from transcribe.web.note_rows import is_model_id, present_id

_FIELDS = ("onset", "pitch", "offset", "velocity")
LONGEST = 24 * 3600.0
"""Seconds; the latest time a note may have in a recording of unknown duration."""
_MOST = 1e9
"""Of any number; NaN and integers that no float holds are beyond it too."""
_AFTER_END = 60.0
"""Seconds by which a note may outlast its recording."""
_SHORTEST_PRESS = 0.01
"""Seconds."""

ByHand = dict[str, "Note | None"]
"""The edited note by the id of the original; None where it was removed."""


def by_hand(edits: Iterable[Edit], present: Container[str] = ()) -> ByHand:
    """The outcome of all edits, each in its turn, by the ids that their notes have at present.

    Those of a note that is not there at present go by the first id that it had.
    """
    outcome: ByHand = {}
    for edit in edits:
        for index, change in enumerate(edit.changes):
            if "pedal" in change:
                continue
            name = present_id(change.get("id", f"h{edit.step}.{index}"), present)
            if name not in present:
                name = present_id(name, outcome)
            note = change.get("note")
            outcome[name] = None if note is None else Note(**note)
    return outcome


def pedal_by_hand(edits: Iterable[Edit], pedal: Sequence[PedalPress]) -> tuple[PedalPress, ...]:
    """The pedal after all edits: what was said last of a time holds.

    >>> lifted = Edit(1, [{"pedal": {"onset": 1.0, "offset": 2.0, "down": False}}])
    >>> pedal_by_hand([lifted], [PedalPress(onset=0.5, offset=3.0)])
    (PedalPress(onset=0.5, offset=1.0), PedalPress(onset=2.0, offset=3.0))
    """
    spans = [(press.onset, press.offset) for press in pedal]
    for edit in edits:
        for change in edit.changes:
            if "pedal" in change:
                spans = _painted(spans, **change["pedal"])
    return tuple(PedalPress(onset=onset, offset=offset) for onset, offset in spans)


def _painted(
    spans: Sequence[tuple[float, float]], onset: float, offset: float, down: bool
) -> list[tuple[float, float]]:
    """Times apart and in order, with another one joined to them or cut out of them."""
    touching = [span for span in spans if span[0] <= offset and onset <= span[1]]
    others = [span for span in spans if span not in touching]
    if down:
        first = min([onset, *(start for start, _ in touching)])
        last = max([offset, *(stop for _, stop in touching)])
        return sorted([*others, (first, last)])
    left = [part for a, b in touching for part in ((a, min(b, onset)), (max(a, offset), b))]
    return sorted([*others, *((a, b) for a, b in left if b - a > _SHORTEST_PRESS)])


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
        for a deleted one: what `by_hand` reads; or ``{"pedal": ...}``, for `pedal_by_hand`.

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
            added: dict[str, Any] = {"note": _as_json(_changed(None, change, duration))}
            if change.get("id") is not None:
                added["id"] = _faint_id(change["id"], current)
                current[added["id"]] = Note(**added["note"])
            found.append(added)
            continue
        if what == "pedal":
            found.append({"pedal": _pedal(change, duration)})
            continue
        name = change.get("id")
        note = current.get(name) if isinstance(name, str) else None
        if note is None:
            raise RefusedError(
                409,
                "A note to be changed is not there any more.",
                "Load the page again.",
                kind="note_gone",
            )
        if what == "delete":
            current[str(name)] = None
            found.append({"id": name, "note": None})
        elif what == "change":
            changed = _changed(note, change, duration)
            current[str(name)] = changed
            found.append({"id": name, "note": _as_json(changed)})
        else:
            raise _nonsense("a change is one of add, delete, change, pedal")
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
        if not _is_number(value):
            raise _nonsense(f"{name} is a number")
        if not abs(value) <= _MOST:
            raise _nonsense(f"{name} is out of range")
        if name == "onset" and value > duration:
            raise RefusedError(
                422,
                f"A note can't start after the recording ends: {value:g} s of {duration:.3f} s. "
                "Nothing was changed.",
                f"Choose a start from 0 to {duration:.3f} s.",
                kind="note_after_end",
                values={"start": round(value, 3), "duration": round(duration, 3)},
            )
        if name == "offset" and value > duration + _AFTER_END:
            raise RefusedError(
                422,
                f"A note can't last more than {_AFTER_END:g} s beyond the recording's end. "
                "Nothing was changed.",
                "Make it shorter.",
                kind="note_too_long",
                values={"seconds": _AFTER_END},
            )
        values[name] = float(value) if name in ("onset", "offset") else round(value)
    try:
        return Note(**values) if note is None else replace(note, **values, confidence=1.0)
    except ValueError as error:
        raise RefusedError(
            422,
            f"A note can't be like that: {error}.",
            f"It must start before it ends, on a key from {LOWEST_PITCH} to {HIGHEST_PITCH}.",
            kind="no_note",
            values={"lowest": LOWEST_PITCH, "highest": HIGHEST_PITCH},
        ) from error


def _faint_id(name: Any, notes: Mapping[str, Note | None]) -> str:
    """The id of a note that the model found, but that is not among the notes."""
    if not isinstance(name, str) or not is_model_id(name):
        raise _nonsense("a note is added with an id of the model, or without one")
    if notes.get(name) is not None:
        raise RefusedError(
            409, "This note is there already.", "Load the page again.", kind="note_there"
        )
    return name


def _pedal(change: Mapping[str, Any], duration: float) -> dict[str, Any]:
    """When the pedal is to be down or up."""
    onset, offset, down = (change.get(name) for name in ("onset", "offset", "down"))
    if not (_is_number(onset) and _is_number(offset) and isinstance(down, bool)):
        raise _nonsense("the pedal needs onset and offset, in seconds, and down, true or false")
    if not (abs(onset) <= _MOST and abs(offset) <= _MOST):
        raise _nonsense("onset or offset is out of range")
    start, stop = max(float(onset), 0.0), min(float(offset), duration + _AFTER_END)
    if stop - start < _SHORTEST_PRESS:
        raise RefusedError(
            422,
            f"The pedal can't be pressed or lifted for less than {_SHORTEST_PRESS:g} s; found "
            f"{start:g} to {stop:g} s.",
            "Drag further.",
            kind="press_too_short",
            values={"seconds": _SHORTEST_PRESS},
        )
    return {"onset": start, "offset": stop, "down": down}


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _as_json(note: Note) -> dict[str, Any]:
    return {name: getattr(note, name) for name in _FIELDS}


def _nonsense(reason: str) -> RefusedError:
    return RefusedError(
        422,
        f"The page asked for a change that makes no sense: {reason}.",
        "",
        kind="invalid",
    )
