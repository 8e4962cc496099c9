"""What every record in ``results/`` says beside its figures, and how it is written."""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from transcribe.files.atomic import write_atomically

RECORDED_PACKAGES = ("torch", "numpy", "mir_eval", "transcribe")


def provenance() -> dict[str, Any]:
    """Which code ran, when, and on what."""
    return {
        "commit": _commit(),
        "date": datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "machine": {
            "cpu": _cpu_name(),
            "cores": os.cpu_count(),
            "system": f"{platform.system()} {platform.machine()}",
            "cuda": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        },
        "versions": {
            "python": platform.python_version(),
            **{package: version(package) for package in RECORDED_PACKAGES},
        },
    }


def command(module: str, options: argparse.Namespace, *, positional: Sequence[str] = ()) -> str:
    """The command line that makes a record again; of paths only the names."""
    words = [f"python -m {module}"]
    for name, value in vars(options).items():
        if value is None or value is False or name in ("out", "midi_out", "draft"):
            continue
        if value is True:
            words.append(f"--{name.replace('_', '-')}")
            continue
        values = value if isinstance(value, list) else [value]
        shown = [data_name(each) if isinstance(each, Path) else _bare(each) for each in values]
        words += shown if name in positional else [f"--{name.replace('_', '-')}", *shown]
    return " ".join(words)


def _bare(word: object) -> str:
    """A word of a command line; of a setting that is a whole path (``a.b=/c/d``) its name."""
    setting, equals, value = str(word).partition("=")
    return f"{setting}={Path(value).name}" if equals and Path(value).is_absolute() else str(word)


def data_name(path: Path) -> str:
    """A data set's name: its folder's, or its index's."""
    path = path.resolve()
    return path.parent.name if path.name == "index.csv" else path.name


def rounded(value: Any) -> Any:
    """The same JSON with six digits after the point, which is more than is known."""
    if isinstance(value, float):
        return round(value, 6)
    if isinstance(value, dict):
        return {key: rounded(each) for key, each in value.items()}
    return [rounded(each) for each in value] if isinstance(value, list) else value


def write_record(record: Mapping[str, Any], path: Path) -> None:
    """Write JSON, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(record, indent=1, allow_nan=False, ensure_ascii=False)
    write_atomically(path, text + "\n")


def _commit() -> str | None:
    """The commit of the checkout, ``-dirty`` if it has changes; None outside of git."""
    folder = Path(__file__).resolve().parent
    try:
        head, changes = (
            subprocess.run(
                ["git", *words], cwd=folder, capture_output=True, text=True, check=True
            ).stdout.strip()
            for words in (["rev-parse", "HEAD"], ["status", "--porcelain", "-uno"])
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return head + "-dirty" if changes else head


def _cpu_name() -> str:
    """As the system names it, where it does."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()
