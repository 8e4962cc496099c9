"""Every system that is measured, and the environment that each runs in.

Ours runs in the Python that runs the benchmark. A peer runs in an environment of its own,
made on first use from ``eval/systems/peers/NAME.txt``, which pins every package, in the
user's cache (or ``environments=FOLDER``), and reused until that file changes. With uv on the
path uv makes it, and finds the Python that the peer wants; otherwise `venv` and pip do, from a
Python of that version on the path.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from transcribe.errors import TranscribeError

PEERS = Path(__file__).resolve().parent / "peers"
_READY = "ready.json"

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class System:
    """What a system is called, how it is started and what its notes mean."""

    name: str
    title: str
    adapter: str
    """Module in ``folder`` that `eval.systems.peers.serve` loads."""
    folder: Path = PEERS
    requirements: str | None = None
    """File in ``folder`` that pins its packages; None: this Python has them."""
    with_dependencies: bool = True
    """Whether the file leaves packages out, such as a platform's own."""
    python: str = ""
    """The version that the pins were resolved for."""
    options: dict[str, str] = field(default_factory=dict)
    """Of the adapter's ``load``."""
    writes_pedal: bool = True
    """Whether its MIDI has the sustain pedal; pedal scores are left out where not."""
    conventions: str
    licence: str
    source: str

    @property
    def adapter_path(self) -> Path:
        """The file that `eval.systems.peers.serve` is given."""
        return self.folder / f"{self.adapter}.py"

    @property
    def pins(self) -> list[str]:
        """Its packages with their versions, for the record."""
        if self.requirements is None:
            return []
        lines = (self.folder / self.requirements).read_text("utf-8").splitlines()
        return [line for line in lines if line and not line.startswith("#")]

    @property
    def code_sha256(self) -> str:
        """Of all that decides what it answers, but the weights: its pins or our code."""
        files = [PEERS / "serve.py", self.adapter_path]
        if self.requirements is not None:
            files.append(self.folder / self.requirements)
        else:
            files += sorted((PEERS.parents[2] / "transcribe").rglob("*.py"))
        digest = hashlib.sha256()
        for path in files:
            digest.update(path.read_bytes())
        return digest.hexdigest()

    def as_json(self) -> dict[str, Any]:
        """What a record says about the system."""
        said = ("name", "title", "conventions", "licence", "source", "writes_pedal")
        found: dict[str, Any] = {name: getattr(self, name) for name in said}
        if self.requirements is not None:
            found |= {"packages": self.pins, "python_wanted": self.python}
        return found


SYSTEMS = {
    each.name: each
    for each in (
        System(
            name="ours",
            title="this project",
            adapter="ours",
            conventions="Key releases, velocities and CC64; pedal-extended offsets are the "
            "network's own, as `--offsets sustained` writes them, in a second file.",
            licence="code Apache-2.0, weights CC BY-NC-SA 4.0",
            source="this checkout",
        ),
        System(
            name="transkun",
            title="transkun 2.0.1",
            adapter="transkun_pip",
            requirements="transkun.txt",
            python="3.11",
            conventions="As its command writes: key releases, velocities and CC64; "
            "pedal-extended offsets follow from them by `transcribe.notes.sustained`.",
            licence="MIT",
            source="transkun 2.0.1 from the Python package index, weights inside",
        ),
        System(
            name="basic-pitch",
            title="basic-pitch 0.4.0",
            adapter="basic_pitch_onnx",
            requirements="basic-pitch.txt",
            with_dependencies=False,
            python="3.11",
            writes_pedal=False,
            conventions="A transcriber of any instrument with its default settings and ONNX "
            "weights: offsets are where the sound ends, there is no pedal, velocity is its note "
            "amplitude times 127; pitch bends are left out, a note's pitch is its key. The same "
            "notes are scored against key releases and against pedal-extended offsets.",
            licence="Apache-2.0",
            source="basic-pitch 0.4.0 from the Python package index, weights inside",
        ),
        *(
            System(
                name=f"harmonica-{size}",
                title=f"harmonica-amt 0.3.0, {size}",
                adapter="harmonica_pip",
                requirements="harmonica-amt.txt",
                python="3.12",
                options={"size": size},
                writes_pedal=False,
                conventions="A transcriber of any one pitched instrument with its default settings "
                "and thresholds, in bfloat16 as it ships: offsets are pedal-extended ones, "
                "velocities are the network's own, there is no pedal. The same notes are scored "
                "against key releases and against pedal-extended offsets.",
                licence="not stated; used here for comparison only",
                source="harmonica-amt 0.3.0 from the Python package index, weights inside",
            )
            for size in ("medium", "x-large")
        ),
    )
}


def find_systems(words: str) -> list[System]:
    """Those of a comma separated list, in its order; ``all`` is every one."""
    names = list(SYSTEMS) if words == "all" else [name for name in words.split(",") if name]
    unknown = [name for name in names if name not in SYSTEMS]
    if unknown or not names:
        raise TranscribeError(
            f"expected systems among {', '.join(SYSTEMS)}, comma separated, or all; found "
            f"{', '.join(unknown) or 'none'}"
        )
    return [SYSTEMS[name] for name in dict.fromkeys(names)]


def default_environments() -> Path:
    """Where peers' environments are kept: in the user's cache."""
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "transcribe" / "peers"


def python_of(system: System, environments: Path) -> Path:
    """The Python to run a system with; its environment is made if there is none.

    Raises
    ------
    TranscribeError
        It can't be made: says what was tried and what the tool said.
    """
    if system.requirements is None:
        return Path(sys.executable)
    folder = _folder(system, environments)
    python = _python_in(folder)
    if (folder / _READY).is_file():
        return python
    if folder.exists():
        shutil.rmtree(folder)  # half made
    log.warning("making an environment for %s in %s; this takes minutes", system.title, folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    for words in environment_commands(system, folder, python, uv=shutil.which("uv")):
        _run(words, system)
    (folder / _READY).write_text(json.dumps({"packages": system.pins}) + "\n", "utf-8")
    return python


def is_made(system: System, environments: Path) -> bool:
    """Whether `python_of` has its environment already."""
    return system.requirements is None or (_folder(system, environments) / _READY).is_file()


def _folder(system: System, environments: Path) -> Path:
    """Systems of one package share an environment."""
    assert system.requirements is not None
    pins = (system.folder / system.requirements).read_bytes()
    name = Path(system.requirements).stem
    return environments / f"{name}-{hashlib.sha256(pins).hexdigest()[:8]}"


def _python_in(folder: Path) -> Path:
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def environment_commands(
    system: System, folder: Path, python: Path, *, uv: str | None
) -> list[list[str]]:
    """What makes a peer's environment, with uv if its path is given."""
    pins = ["-r", str(system.folder / (system.requirements or ""))]
    if not system.with_dependencies:
        pins.append("--no-deps")
    if uv is not None:
        return [
            [uv, "venv", "--quiet", "--python", system.python, str(folder)],
            [uv, "pip", "install", "--quiet", "--python", str(python), *pins],
        ]
    own = "{}.{}".format(*sys.version_info[:2]) == system.python
    found = sys.executable if own else shutil.which(f"python{system.python}")
    if found is None:
        raise TranscribeError(
            f"{system.title} runs on Python {system.python}; found neither uv nor "
            f"python{system.python} on the path. Install one of them, or leave {system.name} out"
        )
    return [
        [found, "-m", "venv", str(folder)],
        [str(python), "-m", "pip", "install", "--quiet", *pins],
    ]


def _run(words: Sequence[str], system: System) -> None:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise TranscribeError(
            f"the environment of {system.title} can't be made: {' '.join(words)} ended with "
            f"{done.returncode}: {done.stderr.strip()[-1000:]}"
        )
