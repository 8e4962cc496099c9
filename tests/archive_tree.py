"""A source of recordings and what runs made of it, for tests of plans."""

from __future__ import annotations

import hashlib
from pathlib import Path

from transcribe.archive import plan as p
from transcribe.archive.jobs import Output
from transcribe.archive.listing import Patterns, list_source
from transcribe.archive.manifest import Manifest
from transcribe.archive.plan import Wanted, apply, make_plan
from transcribe.archive.rows import (
    DONE,
)
from transcribe.archive.storage.local import LocalStore


def wanted(**changes) -> Wanted:
    settings = {"kinds": ("mid",), "model": "tone 1", "model_sha256": "aa", "settings": "{}"}
    return Wanted(**{**settings, **changes})


class Tree:
    """A source and what runs made of it; a run here only writes what it was given."""

    def __init__(self, folder: Path):
        self.source, self.out = LocalStore(folder / "source"), LocalStore(folder / "out")
        self.source.root.mkdir(exist_ok=True)
        self.manifest = Manifest(self.out.root / "_transcribe" / "manifest.sqlite")

    def add(self, name: str, content: str | None = None) -> Path:
        path = self.source.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name if content is None else content)
        return path

    def plan(self, **changes) -> p.Plan:
        listing = list_source(str(self.source.root), Patterns(), self.out)
        return make_plan(listing, self.manifest, self.source, self.out, wanted(**changes))

    def run(self, **changes) -> p.Plan:
        plan = self.plan(**changes)
        apply(plan, self.manifest, self.out)
        for row in plan.todo:
            content = (self.source.root / row.place).read_bytes()
            row.state, row.sha256 = DONE, hashlib.sha256(content).hexdigest()
            chosen = wanted(**changes)
            row.settings, row.model_sha256 = chosen.settings, chosen.model_sha256
            outputs = []
            for kind in chosen.kinds:
                name = f"{row.stem}.{kind}"
                put = self.out.put(name, b"of " + content)
                digest = hashlib.sha256(b"of " + content).hexdigest()
                outputs.append(Output(kind, name, len(content) + 3, digest, put.modified))
            self.manifest.finish(row, outputs)
        return plan

    def stems(self) -> dict[str, str]:
        return {row.name: row.stem for row in self.manifest.rows()}

    def outputs(self) -> set[str]:
        found = self.out.walk(skip=lambda name: name == "_transcribe")
        return {each.name for each in found}
