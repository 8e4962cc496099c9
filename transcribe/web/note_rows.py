"""A note as the page knows it: ``[id, onset, pitch, offset, velocity, confidence, hand]``.

The id of a note that the model found is made of the frame in which its onset peaks and of
its pitch (``m1234.60``). No setting moves a peak, so the id stays the same however the
slider is moved, and what was done to a note by hand finds it again. Where the recording is
transcribed again, a part of it or with other weights, a peak may move to the next frame; one key
hardly ever has two notes in neighbouring frames, as strikes are more than a frame apart, so where a
note's own frame has none, that of the next is taken for it (`present_id`). A note added by hand is
named by the step that added it (``h5.0``).
"""

from __future__ import annotations

import re
from collections.abc import Container
from typing import Any

from transcribe.notes import Note

Row = list[Any]
BY_MODEL, BY_HAND = 0, 1


def model_id(peak: int, pitch: int) -> str:
    """The id of a note that the model found."""
    return f"m{peak}.{pitch}"


def is_model_id(name: str) -> bool:
    """Whether a note that the model found could have this id."""
    return re.fullmatch(r"m\d{1,9}\.\d{1,3}", name, re.ASCII) is not None


def present_id(name: str, present: Container[str]) -> str:
    """The id among those present of the note that had this one, or this one if there is none."""
    if name in present or not is_model_id(name):
        return name
    peak, pitch = map(int, name[1:].split("."))
    near = (model_id(other, pitch) for other in (peak - 1, peak + 1))
    return next((each for each in near if each in present), name)


def as_row(struck: tuple[int, Note]) -> Row:
    """A note that the model found, with the frame of its peak, as `Decoder.struck` gives it."""
    peak, note = struck
    return note_row(model_id(peak, note.pitch), note, BY_MODEL)


def note_row(name: str, note: Note, hand: int) -> Row:
    """A note with its id, and whether it was changed or added by hand."""
    confidence = None if hand else round(note.confidence, 3)
    times = round(note.onset, 4), round(note.offset, 4)
    return [name, times[0], note.pitch, times[1], note.velocity, confidence, hand]
