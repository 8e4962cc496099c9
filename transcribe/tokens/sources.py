"""What the user names, recordings, MIDI files or folders of them, as one list of sources."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from transcribe.files.beginnings import holds_midi
from transcribe.files.endings import is_midi, is_recording
from transcribe.files.names import LONGEST_NAME, output_stem, shortened
from transcribe.files.walking import walk

ROOM = 40
"""Bytes of a name left to those of the items: ``.trio-16bar-001.mid``."""


@dataclass(frozen=True, slots=True)
class TokenSource:
    """One piece to turn into tokens."""

    path: Path
    name: Path
    """Folder below the output and stem of what is written: ``sonatas/opus-2``."""

    @property
    def is_midi(self) -> bool:
        """Whether it is a MIDI file; otherwise it is transcribed."""
        return holds_midi(self.path)


@dataclass(frozen=True, slots=True)
class Found:
    """The sources in what was named, and what of the folders is none."""

    sources: tuple[TokenSource, ...] = ()
    left_out: Counter[str] = field(default_factory=Counter)
    """Number of other files, by their endings."""
    n_beside_midi: int = 0
    """Recordings that were left out for the MIDI file of their name beside them."""
    unreadable: dict[Path, str] = field(default_factory=dict)
    """Folders that can't be read, and why."""


def find_sources(named: Sequence[str], *, without: Sequence[Path] = ()) -> Found:
    """The sources in what was named, those of a folder in the order of their names.

    A file that is named is tried whatever its ending. Folders are searched through all
    levels; hidden files are left out. Of a recording and the MIDI file beside it, as
    ``transcribe`` leaves them, the MIDI file is taken. Files that differ only in their
    endings, such as ``a.wav`` and ``a.mp3``, keep them: ``a.wav`` and ``a.mp3`` are their names.
    What lies in the folders ``without``, as what was made before, is none.

    Raises
    ------
    ValueError
        A folder holds none, or a name is empty.
    """
    found: list[TokenSource] = []
    left_out: Counter[str] = Counter()
    n_beside_midi = 0
    unreadable: dict[Path, str] = {}
    for text in named:
        if not text:
            raise ValueError("the name of a source is empty")
        path = Path(text)
        inside = _in_folder(path, without) if path.is_dir() else Found((_named(path),))
        if not inside.sources and not inside.unreadable:
            raise ValueError(f"{path}: no recordings and no MIDI files in this folder")
        left_out += inside.left_out
        n_beside_midi += inside.n_beside_midi
        unreadable |= inside.unreadable
        found += inside.sources
    return Found(tuple(found), left_out, n_beside_midi, unreadable)


def _named(path: Path) -> TokenSource:
    return TokenSource(path, Path(output_stem(path.name, room=ROOM)))


def _in_folder(folder: Path, without: Sequence[Path]) -> Found:
    left_out: Counter[str] = Counter()
    n_beside_midi = 0
    by_name: dict[Path, list[Path]] = defaultdict(list)
    files, unreadable = walk(folder, without=without)
    for path in files:
        if is_midi(path) or is_recording(path):
            by_name[path.relative_to(folder).with_suffix("")].append(path)
        else:
            left_out[path.suffix.lower()] += 1
    sources = []
    for name, paths in by_name.items():
        taken = [path for path in paths if is_midi(path)] or paths
        n_beside_midi += len(paths) - len(taken)
        for path in taken:
            own = name if len(taken) == 1 else path.relative_to(folder)
            sources.append(
                TokenSource(path, own.with_name(shortened(own.name, LONGEST_NAME - ROOM)))
            )
    return Found(tuple(sources), left_out, n_beside_midi, unreadable)
