"""The engine of the tab in Node.js: its rooms asked one by one, beside their Python originals."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from transcribe.web.site import HOW_TO_BUILD, SOURCE

HOW_TO = f"needs Node.js 20 or newer and its packages: {HOW_TO_BUILD}"


def needs_node() -> None:
    """Skip where the engine can't be built."""
    if shutil.which("node") is None or not (SOURCE / "node_modules").is_dir():
        pytest.skip(HOW_TO)


def build_checks(folder: Path) -> Path:
    """The script that answers `ask`."""
    script = folder / "checks.mjs"
    subprocess.run(["node", "build.mjs", "--checks", str(script)], cwd=SOURCE, check=True)
    return script


def ask(script: Path, *questions: dict[str, Any]) -> list[Any]:
    """What rooms of the engine make of what they are given; see ``tab/src/checks.ts``."""
    done = subprocess.run(
        ["node", str(script)],
        input=json.dumps(questions),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    answers: list[Any] = json.loads(done.stdout)
    return answers


def packed(array: NDArray[Any]) -> str:
    """Numbers in single precision as base64, in which they go to and fro."""
    return base64.b64encode(np.ascontiguousarray(array, np.float32).tobytes()).decode()


def unpacked(text: str) -> NDArray[np.float32]:
    """Numbers that came as base64."""
    return np.frombuffer(base64.b64decode(text), np.float32)
