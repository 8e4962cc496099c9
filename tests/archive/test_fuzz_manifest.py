"""A damaged manifest is used as far as it is whole, or refused in words; nothing else changes.

A few hundred in every run, the same ones; ``FUZZ_CASES=100000 FUZZ_SEED=1`` looks at more
and at others.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from fuzzing import Child, mutated

from transcribe.archive.jobs import Output
from transcribe.archive.manifest import Manifest
from transcribe.archive.rows import DONE, STATES, Row

N_CASES = int(os.environ.get("FUZZ_CASES", "300"))
SEED = int(os.environ.get("FUZZ_SEED", "0"))
TIME_LIMIT = 30.0


def write_archive(folder: Path) -> Path:
    """A source, transcriptions and a manifest of them, in all states; the manifest."""
    manifest = Manifest(folder / "out" / "_transcribe" / "manifest.sqlite")
    for number, state in enumerate(STATES * 3):
        name = f"shelf {number % 2}/take {number}.wav"
        for place, content in (("source", b"sound"), ("out", b"notes")):
            path = folder / place / (name if place == "source" else name.replace(".wav", ".mid"))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        row = Row(name=name, place=name, state=state, stem=name[:-4], size=5, sha256="ab" * 32)
        row.duration, row.confidence, row.warnings = 61.5, 0.9, ("truncated: 3 s", "clipped: often")
        manifest.save([row])
        if state == DONE:
            manifest.finish(row, [Output("mid", f"{name[:-4]}.mid", 5, "cd" * 32, 1.5)])
    manifest.set_about("source", "/tapes")
    manifest.close()
    return manifest.path


def others(folder: Path, manifest: Path) -> dict[Path, bytes]:
    """All files but the manifest and what SQLite keeps beside it."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path: path.read_bytes() for path in files if not path.name.startswith(manifest.name)}


def test_a_damaged_manifest_is_used_or_refused_and_nothing_is_lost(tmp_path: Path) -> None:
    manifest = write_archive(tmp_path)
    whole, beside = manifest.read_bytes(), others(tmp_path, manifest)
    n_used = n_refused = 0
    with Child("manifest_child.py", TIME_LIMIT) as child:
        for case in range(N_CASES):
            damaged = mutated(whole, np.random.default_rng((SEED, case)))
            manifest.write_bytes(damaged)
            answer = child.ask(manifest)
            assert "used" in answer or "refused" in answer, f"{SEED}, {case}: {answer}"
            if "refused" in answer:
                n_refused += 1
                assert str(manifest) in answer["refused"] or "manifest" in answer["refused"]
                # Whoever has a tool can still mend it.
                assert answer["has_written"] or manifest.read_bytes() == damaged
            n_used += "used" in answer
            for path in manifest.parent.glob(f"{manifest.name}?*"):
                path.unlink()
    assert others(tmp_path, manifest) == beside
    assert min(n_used, n_refused) > N_CASES // 20


def test_what_is_no_manifest_is_refused_and_left_alone(tmp_path: Path) -> None:
    manifest = write_archive(tmp_path)
    manifest.write_bytes(b"Dear diary, today I archived for two hours.\n" * 100)
    with Child("manifest_child.py", TIME_LIMIT) as child:
        assert "move it away to begin anew" in child.ask(manifest)["refused"]
    assert manifest.read_bytes().startswith(b"Dear diary")
