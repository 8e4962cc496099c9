"""Endings of file names: which files are taken for recordings, MIDI files and labels.

The one list of them. An ending decides only what is taken from a folder or found beside
another file; a file that is named itself is tried whatever it is called.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from itertools import product
from pathlib import Path, PurePath

RECORDING_SUFFIXES = tuple(
    f".{ending}"
    for ending in (
        *("wav", "wave", "bwf", "rf64", "bw64", "w64", "aiff", "aif", "aifc", "au", "snd", "caf"),
        *("flac", "wv", "tta", "ape"),
        *("mp3", "mp2", "mpga", "ogg", "oga", "opus", "spx", "ogx", "wma", "asf", "aac", "adts"),
        *("m4a", "m4b", "m4r", "qta", "amr", "3ga", "ac3", "eac3", "ec3", "mka", "weba"),
        *("mp4", "m4v", "mov", "qt", "3gp", "3gpp", "3g2", "webm", "mkv", "avi", "wmv", "flv"),
        *("f4v", "ogv", "mpg", "mpeg", "vob", "ts", "mts", "m2ts", "m2t"),
    )
)
"""Of recordings and of videos with sound; where several lie beside a MIDI file, the first
of these is its recording."""
WRITTEN_MIDI_SUFFIXES = (".mid", ".midi", ".kar", ".smf")
"""Of MIDI files as they are written."""
MIDI_SUFFIXES = (*WRITTEN_MIDI_SUFFIXES, ".rmi")
"""Of MIDI files as they are read: in RIFF's clothes, too."""
MIDI_IS_NO_RECORDING = (
    "expected a recording; MIDI files are read by transcribe score, render, continue and tokens"
)
"""What to say of a MIDI file where sound is wanted."""
LABEL_SUFFIXES = (".tsv", ".txt")
"""Of notes as text (`transcribe.datasets.labels`)."""


def is_recording(path: PurePath) -> bool:
    """Whether a file's name is that of a recording."""
    return path.suffix.lower() in RECORDING_SUFFIXES


def is_midi(path: PurePath) -> bool:
    """Whether a file's name is that of a MIDI file."""
    return path.suffix.lower() in MIDI_SUFFIXES


def beside(path: Path, suffixes: Iterable[str]) -> Path | None:
    """The file of the same name with the first of these endings, in small letters or capitals.

    However its accents are composed: Macs write them apart (Unicode NFD), others as one (NFC).
    """
    return next(_beside(path, suffixes), None)


def _beside(path: Path, suffixes: Iterable[str]) -> Iterator[Path]:
    stem = path.name[: len(path.name) - len(path.suffix)]
    stems = dict.fromkeys([stem, *(unicodedata.normalize(form, stem) for form in ("NFC", "NFD"))])
    for suffix, same, case in product(suffixes, stems, (str.lower, str.upper)):
        other = path.with_name(same + case(suffix))
        if os.path.isfile(other):  # which says no, too, where the name is too long
            yield other


def in_words(n_files: Mapping[str, int], *, most: int = 8) -> str:
    """How many files there are of each ending, the most frequent first: ``3 .pdf, 1 .docx``."""
    ranked = sorted(n_files.items(), key=lambda each: (-each[1], each[0]))
    told = [f"{n:,} {ending or 'without ending'}" for ending, n in ranked[:most]]
    rest = sum(n for _, n in ranked[most:])
    return ", ".join([*told, *([f"{rest:,} others"] if rest else [])])
