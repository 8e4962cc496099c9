"""What a target is given: items, each one file, with where in the recording it lies."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from transcribe.files.atomic import naming, remove_file, write_atomically
from transcribe.files.json_text import parse_json
from transcribe.files.names import unfinished_name
from transcribe.files.ordinary import read_ordinary
from transcribe.files.relative import inside
from transcribe.music.beat_grid import TEMPO_RANGE, BeatGrid, Metre
from transcribe.notes import Performance
from transcribe.score.beat_grid import find_grid
from transcribe.score.score import Hints

FORMAT = "transcribe tokens 1"
"""First line of a description, so that readers know what they have."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the user may know better than the notes do; every target takes the same."""

    tempo: float | None = None
    """Beats a minute, see `transcribe.music.beat_grid`; estimated if left out."""
    metre: Metre | None = None
    """Estimated if left out."""
    follow: bool = False
    """Whether a given tempo is kept to only roughly, following the player."""
    grid: BeatGrid | None = None
    """The beats themselves, if they are known; then tempo and metre are not looked at."""
    own: Hints | None = None
    """Beats that the file states itself (`transcribe.score.file_beats`); what the user knows of
    tempo or metre goes before them."""

    def __post_init__(self) -> None:
        lowest, highest = TEMPO_RANGE
        if self.tempo is not None and not lowest <= self.tempo <= highest:
            raise ValueError(
                f"expected a tempo of {lowest:g} to {highest:g} beats per minute; "
                f"found {self.tempo:g}"
            )

    def grid_of(self, performance: Performance) -> BeatGrid:
        """The grid to lay under a performance."""
        if self.grid is not None:
            return self.grid
        return find_grid(
            performance, tempo=self.tempo, metre=self.metre, follow=self.follow, own=self.own
        )


@dataclass(frozen=True, slots=True)
class Item:
    """One file as the target's users load it."""

    name: str
    """Tells it from the others of one source: ``"melody"``, ``"2bar-003"``; no dots, no
    slashes."""
    suffix: str
    """``".mid"``, ``".json"``, ``".abc"``, ``".npz"``."""
    content: bytes
    """The whole file."""
    start: float
    """Seconds of the recording at which it begins."""
    stop: float
    about: Mapping[str, Any] = field(default_factory=dict)
    """What else there is to know to read it or to put it back; plain data for JSON."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """All that one performance gives one target."""

    target: str
    """A name of `transcribe.tokens.targets.TARGETS`."""
    items: tuple[Item, ...]
    """In the order of time; none where the performance has nothing the target can read."""
    about: Mapping[str, Any] = field(default_factory=dict)
    """What holds for all items, such as ``"grid"``; plain data for JSON."""
    remarks: tuple[str, ...] = ()
    """What was left out and why, for the user to read."""

    def write(
        self,
        folder: str | os.PathLike[str],
        stem: str,
        *,
        source: Mapping[str, Any] | None = None,
    ) -> tuple[Path, ...]:
        """Write the items and, last, a description of them as ``STEM.json``.

        A description that is there names whole files. One that is interrupted by Ctrl-C is
        finished first; what one that was killed has left is replaced or removed by the next.

        Parameters
        ----------
        folder : path
            It must exist. Files of these names are replaced; those that an older
            description of this stem lists and that are not made again are removed.
        stem : str
            Items are called ``STEM.NAME.SUFFIX``.
        source : mapping, optional
            What the performance was read from, plain data.

        Returns
        -------
        tuple of Path
            The description, then the items.

        Raises
        ------
        OSError
            A file can't be written.
        """
        folder = Path(folder)
        paths = [folder / f"{stem}.{item.name}{item.suffix}" for item in self.items]
        description = folder / f"{stem}.json"
        made = self.describe(stem, source=source)
        try:
            self._lay(description, paths, made)
        except KeyboardInterrupt:
            self._lay(description, paths, made)
            raise
        return (description, *paths)

    def _lay(self, description: Path, paths: Sequence[Path], made: Mapping[str, Any]) -> None:
        """Replace an older description and its items, with a list of all until that is done."""
        folder, stem = description.parent, description.stem
        begun = folder / unfinished_name(description.name, "items")
        new = {path.name for path in paths}
        stale = (_listed(description, stem) | _listed(begun, stem)) - new
        listed = [{"file": name} for name in sorted(stale | new)]
        with naming(description):
            write_atomically(begun, json.dumps({"format": FORMAT, "items": listed}))
        description.unlink(missing_ok=True)
        for path, item in zip(paths, self.items, strict=True):
            write_atomically(path, item.content)
        for name in stale:
            remove_file(folder / name)
        text = json.dumps(made, ensure_ascii=False, indent=1)
        write_atomically(description, text + "\n")
        begun.unlink(missing_ok=True)

    def describe(self, stem: str, *, source: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The description that `write` writes: target, source, grid, and where items lie."""
        return {
            "format": FORMAT,
            "target": self.target,
            "source": dict(source or {}),
            **self.about,
            "remarks": list(self.remarks),
            "items": [
                {
                    "file": f"{stem}.{item.name}{item.suffix}",
                    "start": round(item.start, 5),
                    "stop": round(item.stop, 5),
                    **item.about,
                }
                for item in self.items
            ],
        }


def read_items(description: str | os.PathLike[str]) -> tuple[Item, ...]:
    """Read back what `Encoded.write` wrote, from its description.

    Raises
    ------
    OSError
        A file can't be read.
    ValueError
        The description is none, or names a file outside its folder.
    """
    path = Path(description)
    content = parse_json(read_ordinary(path))
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise ValueError(f"{path}: expected a description that begins with {FORMAT!r}")
    items = []
    for entry in content["items"]:
        name = str(entry["file"])
        middle, dot, suffix = name.removeprefix(path.stem + ".").rpartition(".")
        items.append(
            Item(
                name=middle,
                suffix=dot + suffix,
                content=inside(path.parent, name).read_bytes(),
                start=entry["start"],
                stop=entry["stop"],
                about={k: v for k, v in entry.items() if k not in ("file", "start", "stop")},
            )
        )
    return tuple(items)


def _listed(description: Path, stem: str) -> set[str]:
    """Names of the items in an older description of this stem; none if it is not ours."""
    try:
        content = parse_json(read_ordinary(description))
        items: Sequence[Any] = content["items"] if content["format"] == FORMAT else ()
        names = {str(item["file"]) for item in items}
    except (OSError, ValueError, TypeError, KeyError):
        return set()
    return {name for name in names if name.startswith(f"{stem}.") and Path(name).name == name}
