"""What the folder of a transcription in work holds, so that it goes on when it is interrupted.

After every window one small file, ``unfinished``, says where the work is: the point to go on
from, and how much of ``events`` and ``pedal`` belongs to it. It goes when the work is done.
"""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from transcribe.decode.events import EVENT, Candidates
from transcribe.rolls import Rolls
from transcribe.unfinished import ResumePoint, UnfinishedTranscription

_NAME = "unfinished"
_PEDAL = np.dtype("<f4")
_DAMAGED = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile)


def is_unfinished(folder: Path) -> bool:
    """Whether a folder holds a transcription that can go on."""
    return (folder / _NAME).is_file()


def forget_unfinished(folder: Path) -> None:
    """Let the next transcription begin at the beginning."""
    (folder / _NAME).unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class UnfinishedWork:
    """Where the work on a recording stands.

    Parameters
    ----------
    made_by : dict
        What the result depends on beside the recording: the weights, settings, the part. Work
        begun with others can't go on.
    n_events, n_frames : int
        Of the candidates that are kept.
    """

    made_by: dict[str, Any]
    point: ResumePoint
    n_events: int
    n_frames: int

    def write(self, folder: Path) -> None:
        """Keep it in a folder, in place of what was kept before."""
        temporary = folder / f"{_NAME}.part"
        with temporary.open("wb") as file:
            np.savez(
                file,
                made_by=np.array(json.dumps(self.made_by, sort_keys=True)),
                counts=np.array([self.point.n_windows, self.n_events, self.n_frames]),
                held=self.point.held.stack(),
            )
        temporary.replace(folder / _NAME)


def read_unfinished(folder: Path, made_by: dict[str, Any]) -> UnfinishedTranscription | None:
    """What goes on in a folder; None where nothing does, or what was begun otherwise.

    The files of candidates are cut to what belongs to the point.
    """
    try:
        with np.load(folder / _NAME, allow_pickle=False) as kept:
            if str(kept["made_by"]) != json.dumps(made_by, sort_keys=True):
                return None
            n_windows, n_events, n_frames = kept["counts"].tolist()
            held = Rolls.unstack(kept["held"])
        events = _cut(folder / "events", EVENT, n_events)
        pedal = _cut(folder / "pedal", _PEDAL, n_frames)
    except _DAMAGED:
        return None
    return UnfinishedTranscription(ResumePoint(n_windows, held), Candidates(events, pedal))


def _cut(path: Path, kind: np.dtype[Any], n: int) -> np.ndarray[Any, Any]:
    """The first records of a file, which are all that stay in it; ValueError where it has fewer."""
    with path.open("r+b") as file:
        data = file.read(n * kind.itemsize)
        if len(data) < n * kind.itemsize:
            raise ValueError(f"{path.name}: expected {n} records")
        file.truncate(len(data))
    return np.frombuffer(data, kind)
