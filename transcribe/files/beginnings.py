"""How files begin: what a file that is named itself holds, whatever it is called."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

from transcribe.files.endings import is_midi

_LONGEST = 12
"""Bytes that tell one kind from another."""
_MIDI = re.compile(rb"MThd|RIFF....RMID", re.DOTALL)
_RECORDING = re.compile(
    rb"(?:RIFF|RIFX|RF64|BW64)....(?:WAVE|AVI )|FORM....AIF[FC]|....ftyp|fLaC|OggS|ID3|wvPk|caff"
    rb"|\x1a\x45\xdf\xa3|\x30\x26\xb2\x75|\xff[\xe2-\xe7\xf1-\xff]",
    re.DOTALL,
)
"""The last three: Matroska, ASF (wma), and a packet of mp3 or aac."""


def begins_midi(head: bytes) -> bool:
    """Whether a file's first bytes are those of MIDI."""
    return _MIDI.match(head) is not None


def begins_recording(head: bytes) -> bool:
    """Whether a file's first bytes are those of a recording."""
    return _RECORDING.match(head) is not None


def holds_midi(path: Path) -> bool:
    """Whether a file is MIDI, as it begins; where that says nothing, as it is called."""
    head = b""
    with contextlib.suppress(OSError):  # which whoever reads it reports
        if path.is_file():
            with path.open("rb") as file:
                head = file.read(_LONGEST)
    return begins_midi(head) or (is_midi(path) and not begins_recording(head))
