"""Plans with the manifests named on stdin and writes to them, and says how each ended.

A process of its own for `fuzzing`. A manifest lies in ``DEST/_transcribe`` beside the folder
``source``. Each answer is one line of JSON: ``used``, or ``refused`` with the message of a
ManifestError, or ``failed`` with any other exception, which is a bug.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from pathlib import Path

from transcribe.archive.listing import Patterns, list_source
from transcribe.archive.manifest import Manifest, ManifestError
from transcribe.archive.plan import Wanted, make_plan
from transcribe.archive.rows import export_csv
from transcribe.archive.storage.local import LocalStore

WANTED = Wanted(kinds=("mid",), model="tone 1", model_sha256="aa", settings="{}")


def answer(path: Path) -> dict[str, object]:
    """What comes of one manifest."""
    destination = path.parent.parent
    has_written = False
    try:
        with contextlib.closing(Manifest(path)) as manifest:
            source, out = LocalStore(destination.parent / "source"), LocalStore(destination)
            listing = list_source(str(source.root), Patterns(), out)
            plan = make_plan(listing, manifest, source, out, WANTED)
            rows, outputs = list(manifest.rows()), manifest.outputs()
            export_csv(rows)
            has_written = True
            for row in rows:
                manifest.finish(row, outputs.get(row.number, ()))
            manifest.set_about("source", "elsewhere")
            return {"used": len(list(manifest.rows())), "todo": len(plan.todo)}
    except ManifestError as error:
        return {"refused": str(error), "has_written": has_written}
    except BaseException as error:
        return {"failed": f"{type(error).__name__}: {error}"}


if __name__ == "__main__":
    for line in sys.stdin:
        path = os.fsdecode(bytes.fromhex(line.strip()))
        print(json.dumps(answer(Path(path)) if path else {}), flush=True)
