"""What is left to do: the source as it is, held against the manifest and the outputs.

Files on disk are the truth. A recording counts as done if its outputs are there as they
were written; one that changed is done again; one that moved takes its outputs along.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from transcribe.archive.jobs import Output
from transcribe.archive.listing import ListedRecording, Listing
from transcribe.archive.manifest import Manifest
from transcribe.archive.naming import folders, stems_of
from transcribe.archive.rows import DONE, FAILED, WAITING, WORKING, Row
from transcribe.archive.storage.base import OWN_FOLDER, Store, StoredFile, StoreError
from transcribe.files.checksum import sha256_of

NEW, CHANGED, LOST, INTERRUPTED = "new", "changed", "output lost or changed", "interrupted"
AGAIN, REDO, LEFT = "failed before", "done again", "left from before"
"""Why a recording is to be done."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What outputs are to be made, by which weights, and what is to be done again."""

    kinds: tuple[str, ...]
    model: str
    model_sha256: str
    settings: str
    """That bear on the outputs, as JSON; two runs agree if these are equal."""
    redo: bool = False
    """Do again what another model or other settings did."""
    retry: bool = False
    """Do again what failed or was quarantined."""


@dataclass(slots=True)
class Plan:
    """What a run would do."""

    todo: list[Row] = field(default_factory=list)
    """In order of their names."""
    why: Counter[str] = field(default_factory=Counter)
    n_finished: int = 0
    """Recordings that are done, or failed for good."""
    n_outdated: int = 0
    """Of the done ones, those that another model or other settings did."""
    n_gone: int = 0
    """Recordings of earlier runs that are no longer in the source."""
    moves: list[tuple[str, str]] = field(default_factory=list)
    """Outputs to rename, because their recordings were."""
    n_moved: int = 0
    moved_rows: list[tuple[Row, list[Output]]] = field(default_factory=list)
    """Moved recordings with their outputs' new names."""
    touched: list[Row] = field(default_factory=list)
    """All rows of recordings in the source, and of those that have gone."""

    def figures(self) -> dict[str, Any]:
        """In numbers, for a program."""
        return {
            "to_do": len(self.todo),
            "why": dict(self.why),
            "settled_before": self.n_finished,
            "outdated": self.n_outdated,
            "moved": self.n_moved,
            "gone": self.n_gone,
        }


def make_plan(
    listing: Listing,
    manifest: Manifest,
    source: Store,
    destination: Store,
    wanted: Wanted,
    *,
    on_read: Callable[[str], None] = lambda name: None,
) -> Plan:
    """Hold the source against the manifest and the disk; changes nothing.

    Parameters
    ----------
    listing : Listing
    manifest : Manifest
    source, destination : Store
    wanted : Wanted
    on_read : callable
        Called with the name of each recording whose content must be read to find out whether
        it changed or moved.

    Raises
    ------
    StoreError
        Every recording known from earlier runs is gone.
    """
    rows = {row.name: row for row in manifest.rows()}
    if rows and not listing.entries:
        raise StoreError(
            f"{listing.source}: none of the {len(rows)} recordings known from earlier runs is "
            "there; is the disk mounted?"
        )
    return _Planner(rows, manifest.outputs(), source, destination, wanted, on_read).plan(listing)


def apply(plan: Plan, manifest: Manifest, destination: Store) -> None:
    """Rename the outputs of what moved, and write the plan into the manifest."""
    for old, new in plan.moves:
        destination.rename(old, new)
    with manifest.transaction():
        manifest.save(plan.touched)
        for row, outputs in plan.moved_rows:
            manifest.finish(row, outputs)


class _Planner:
    def __init__(
        self,
        rows: Mapping[str, Row],
        outputs: Mapping[int, list[Output]],
        source: Store,
        destination: Store,
        wanted: Wanted,
        on_read: Callable[[str], None],
    ) -> None:
        self.rows, self.outputs = rows, dict(outputs)
        self.moved_from: dict[str, str] = {}
        self.source, self.destination, self.wanted = source, destination, wanted
        self.on_read = on_read
        self.on_disk = {
            found.name: found
            for found in destination.walk(skip=lambda name: name == OWN_FOLDER)
            if isinstance(found, StoredFile)
        }

    def plan(self, listing: Listing) -> Plan:
        plan = Plan()
        here = {entry.name for entry in listing.entries}
        absent = [row for row in self.rows.values() if row.name not in here]
        by_size: defaultdict[int, list[Row]] = defaultdict(list)
        for row in absent:
            row.present = False
            if row.sha256 is not None:
                by_size[row.size].append(row)
        fresh: list[Row] = []
        moved: list[tuple[Row, ListedRecording]] = []
        for entry in listing.entries:
            known = self.rows.get(entry.name)
            if known is not None:
                self._compare(known, entry, plan)
                continue
            original = self._original(entry, by_size[entry.size])
            if original is not None:
                by_size[entry.size].remove(original)
                moved.append((original, entry))
                continue
            row = Row(name=entry.name, place=entry.place, size=entry.size, modified=entry.modified)
            fresh.append(row)
            self._add(row, NEW, plan)
        went_on = {row.number for row, _ in moved}
        gone = [row for row in absent if row.number not in went_on]
        self._name_outputs(fresh, moved, plan)
        plan.n_gone = len(gone)
        plan.touched += gone
        for row in plan.todo:
            if not row.attempts:  # later, what is there may be of the attempt
                row.guarded = self._guarded(row)
        plan.todo.sort(key=lambda row: row.name)
        plan.n_finished = len(listing.entries) - len(plan.todo)
        return plan

    def _compare(self, row: Row, entry: ListedRecording, plan: Plan) -> None:
        """A recording that has a row."""
        row.present, row.place = True, entry.place
        touched = (row.size, row.modified) != (entry.size, entry.modified)
        same_size = row.size == entry.size
        row.size, row.modified = entry.size, entry.modified
        if touched and row.is_finished:
            same = same_size and row.sha256 is not None and self._digest(entry) == row.sha256
            if not same:
                _reset(row)
                self._add(row, CHANGED, plan)
                return
        self._decide(row, plan)

    def _decide(self, row: Row, plan: Plan) -> None:
        """Whether a recording, the same as ever, is done."""
        why = None
        if row.state == WORKING:
            why = INTERRUPTED
        elif row.state == WAITING:
            why = LEFT
        elif row.state == DONE:
            is_outdated = (row.model_sha256, row.settings) != (
                self.wanted.model_sha256,
                self.wanted.settings,
            )
            if not self._is_there(row):
                why = LOST
            elif is_outdated and self.wanted.redo:
                why = REDO
            plan.n_outdated += is_outdated and why is None
        elif self.wanted.retry or (row.state == FAILED and row.may_pass):
            why = AGAIN
        if why is None:
            plan.touched.append(row)
            return
        if why not in (INTERRUPTED, LEFT):
            _reset(row)
        self._add(row, why, plan)

    def _add(self, row: Row, why: str, plan: Plan) -> None:
        row.state = WAITING
        plan.why[why] += 1
        plan.todo.append(row)
        plan.touched.append(row)

    def _original(self, entry: ListedRecording, candidates: Sequence[Row]) -> Row | None:
        """The row of the recording that this one was before it got another name."""
        if not candidates:
            return None
        digest = self._digest(entry)
        return next((row for row in candidates if row.sha256 == digest), None)

    def _name_outputs(
        self, fresh: Sequence[Row], moved: Sequence[tuple[Row, ListedRecording]], plan: Plan
    ) -> None:
        """Give stems to new names, and move the outputs of those that had another."""
        moving = {row.number for row, _ in moved}
        given = [row.stem for row in self.rows.values() if row.number not in moving]
        names = [row.name for row in fresh] + [entry.name for _, entry in moved]
        on_disk = {folder for name in self.on_disk for folder in folders(name)}
        stems = stems_of(names, given, on_disk)
        for row in fresh:
            row.stem = stems[row.name]
        for row, entry in moved:
            row.name, row.place, row.present = entry.name, entry.place, True
            row.modified = entry.modified
            old, row.stem = row.stem, stems[entry.name]
            plan.n_moved += 1
            self._move_outputs(row, old, plan)
            self._decide(row, plan)

    def _move_outputs(self, row: Row, old_stem: str, plan: Plan) -> None:
        """Have the outputs of a moved recording move with it."""
        outputs = []
        for output in self.outputs.get(row.number, ()):
            name = row.stem + output.name.removeprefix(old_stem)
            found = self.on_disk.get(output.name)
            if name != output.name and found is not None and name not in self.on_disk:
                plan.moves.append((output.name, name))
                self.moved_from[name] = output.name
                self.on_disk[name] = StoredFile(name, found.size, found.modified)
                del self.on_disk[output.name]
            moved = Output(output.kind, name, output.size, output.sha256, output.modified)
            outputs.append(moved)
        self.outputs[row.number] = outputs
        plan.moved_rows.append((row, outputs))

    def _is_there(self, row: Row) -> bool:
        """Whether the outputs of a row are on the disk as they were written."""
        outputs = self.outputs.get(row.number, ())
        return bool(outputs) and all(map(self._is_ours, outputs))

    def _is_ours(self, output: Output) -> bool:
        found = self.on_disk.get(output.name)
        if found is None or found.size != output.size:
            return False
        if None in (found.modified, output.modified) or found.modified == output.modified:
            return True
        name = self.moved_from.get(found.name, found.name)
        return _digest_in(self.destination, name) == output.sha256

    def _guarded(self, row: Row) -> bool:
        """Whether something in the place of an output is not known to be this archive's."""
        ours = {output.name: output for output in self.outputs.get(row.number, ())}
        names = [f"{row.stem}.{kind}" for kind in self.wanted.kinds]
        return any(
            name in self.on_disk and not (name in ours and self._is_ours(ours[name]))
            for name in names
        )

    def _digest(self, entry: ListedRecording) -> str:
        """SHA-256 of a recording; of one that can't be read, none that any other has."""
        self.on_read(entry.name)
        try:
            return _digest_in(self.source, entry.place)
        except OSError:
            return ""


def _digest_in(store: Store, name: str) -> str:
    with store.fetch(name) as path:
        return sha256_of(path)


def _reset(row: Row) -> None:
    """Begin anew with a recording."""
    row.attempts = row.deaths = 0
    row.may_pass = row.guarded = False
    row.cause = row.error = ""
