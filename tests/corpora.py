"""Transcriptions in files, and what a corpus holds of them."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

from transcribe.corpus import CorpusConfig
from transcribe.export import JSON, export_bytes
from transcribe.files.atomic import write_atomically
from transcribe.midi import write_midi
from transcribe.notes import Performance

FEW = CorpusConfig(copies=1)


def save(path: Path, notes, *, pedal=(), json_too=False) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    performance = Performance(tuple(notes), tuple(pedal))
    write_midi(performance, path)
    if json_too:
        content = export_bytes(
            performance,
            JSON,
            recording=f"{path.stem}.mp3",
            model="an ear 1",
            duration=performance.duration,
        )
        write_atomically(path.with_suffix(".json"), content)
    return path


def records(folder: Path, split: str) -> list[dict]:
    found = []
    for path in sorted((folder / "data").glob(f"{split}-*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            found += map(json.loads, lines)
    return found


def entries(folder: Path) -> dict[str, dict]:
    lines = (folder / "recordings.jsonl").read_text("utf-8").splitlines()
    return {each["source"]: each for each in map(json.loads, lines)}
