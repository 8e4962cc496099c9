"""Where the labels of a recording are not to be trusted.

Labels that no pianist made, such as those of another transcriber, are right about most notes
and wrong about some. Where two different ones agree, both are mostly right; where they
do not, nothing is learnt of the key for as long as the doubt lasts.

Beside the labels of a recording, ``NAME.mid``, its doubts lie in ``NAME.doubts.tsv``:
``onset, offset, note`` with a heading, tab-separated, in seconds and MIDI numbers.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from transcribe.errors import DatasetError
from transcribe.files.atomic import write_atomically
from transcribe.frames import FrameGrid
from transcribe.notes import HIGHEST_PITCH, LOWEST_PITCH, N_PITCHES
from transcribe.wording import reason

_HEADING = ("onset", "offset", "note")


@dataclass(frozen=True, slots=True)
class Doubt:
    """A key and the seconds in which what its labels say may be wrong."""

    onset: float
    offset: float
    pitch: int
    """MIDI number, 21 to 108."""

    def __post_init__(self) -> None:
        if not self.onset < self.offset:
            raise ValueError(
                f"a doubt begins before it ends; found {self.onset} s to {self.offset} s"
            )
        if not LOWEST_PITCH <= self.pitch <= HIGHEST_PITCH:
            raise ValueError(f"a pitch is a MIDI number from 21 to 108; found {self.pitch}")


def doubts_beside(labels: Path) -> Path:
    """Where the doubts about the labels in a file are written."""
    return labels.with_suffix(".doubts.tsv")


def read_doubts(path: Path) -> tuple[Doubt, ...]:
    """Read a file of doubts.

    Raises
    ------
    DatasetError
        The file can't be read, or a line is not as promised; it says which.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        why = reason(error, about=path)
        raise DatasetError(f"{path}: expected doubts as text; {why}") from error
    if not lines or tuple(lines[0].split("\t")) != _HEADING:
        found = lines[0] if lines else "an empty file"
        raise DatasetError(
            f"{path}: expected the columns {', '.join(_HEADING)}, tab-separated; found {found}"
        )
    doubts = []
    for number, line in enumerate(lines[1:], start=2):
        try:
            onset, offset, pitch = line.split("\t")
            doubts.append(Doubt(float(onset), float(offset), int(pitch)))
        except ValueError as error:
            raise DatasetError(f"{path}, line {number}: {error}") from error
    return tuple(doubts)


def write_doubts(doubts: Iterable[Doubt], path: Path) -> None:
    """Write a file that `read_doubts` reads; it appears under its name only when it is whole."""
    lines = ["\t".join(_HEADING)]
    lines += [f"{each.onset:.3f}\t{each.offset:.3f}\t{each.pitch}" for each in doubts]
    write_atomically(path, "\n".join(lines) + "\n")


def trusted(
    doubts: Iterable[Doubt],
    grid: FrameGrid,
    n_frames: int,
    *,
    start_frame: int = 0,
    stretch: float = 1.0,
) -> NDArray[np.bool_]:
    """The frames and keys of a window about which there is no doubt.

    Parameters
    ----------
    doubts : iterable of Doubt
    grid : FrameGrid
    n_frames : int
    start_frame : int
        The frame of the recording that becomes row 0.
    stretch : float
        By which the window's times are multiplied, as in a window that is detuned.

    Returns
    -------
    np.ndarray
        Shape (n_frames, 88); false on every frame that a doubt touches.
    """
    known = np.ones((n_frames, N_PITCHES), np.bool_)
    for doubt in doubts:
        first = int(np.floor(grid.position(doubt.onset * stretch))) - start_frame
        last = int(np.ceil(grid.position(doubt.offset * stretch))) - start_frame
        known[max(first, 0) : max(last + 1, 0), doubt.pitch - LOWEST_PITCH] = False
    return known
