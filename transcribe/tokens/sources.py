"""What the user names, recordings, MIDI files or folders of them, as one list of sources."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from transcribe.pairing import MIDI_SUFFIXES, RECORDING_SUFFIXES


@dataclass(frozen=True, slots=True)
class Source:
    """One piece to turn into tokens."""

    path: Path
    name: Path
    """Folder below the output and stem of what is written: ``sonatas/opus-2``."""

    @property
    def is_midi(self) -> bool:
        """Whether its notes can be read; otherwise they are heard."""
        return self.path.suffix.lower() in MIDI_SUFFIXES


def find_sources(named: Sequence[str]) -> tuple[Source, ...]:
    """The sources in what was named, those of a folder in the order of their names.

    A file that is named is tried whatever its ending. Folders are searched through all
    levels; hidden files are left out. Of a recording and
    the MIDI file beside it, as ``transcribe`` leaves them, the MIDI file is taken.

    Raises
    ------
    ValueError
        A folder holds none, or two sources would be written under one name.
    """
    found: dict[Path, Source] = {}
    for text in named:
        path = Path(text)
        sources = list(_in_folder(path)) if path.is_dir() else [Source(path, Path(path.stem))]
        if not sources:
            raise ValueError(f"{path}: no recordings and no MIDI files in this folder")
        for source in sources:
            other = found.setdefault(source.name, source)
            if other.path != source.path:
                raise ValueError(
                    f"{other.path} and {source.path} would both be written as {source.name}; "
                    "give them one at a time, with --out"
                )
    return tuple(found.values())


def _in_folder(folder: Path) -> Iterator[Source]:
    taken: dict[Path, Path] = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).with_suffix("")
        suffix = path.suffix.lower()
        if any(part.startswith(".") for part in path.relative_to(folder).parts):
            continue
        if suffix in RECORDING_SUFFIXES:
            taken.setdefault(name, path)
        elif suffix in MIDI_SUFFIXES:
            taken[name] = path
    for name, path in taken.items():
        yield Source(path, name)
