"""Which weights a file holds, read from its header without loading them, and without torch."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from transcribe.errors import CheckpointError
from transcribe.files.json_text import parse_json

PACKAGED = Path(__file__).parent / "weights" / "default.safetensors"
_LONGEST_HEADER = 1 << 24


@dataclass(frozen=True, slots=True)
class Provenance:
    """What a weights file says of itself; unchecked, as `checkpoint.load_checkpoint` checks."""

    name: str
    """With the version, as `Transcriber.name`."""
    sha256: str
    """Of the weights."""


def read_provenance(path: str | os.PathLike[str] | None = None) -> Provenance:
    """Read who a weights file says it is; the packaged weights if left out.

    Raises
    ------
    CheckpointError
        The file is missing or is no weights file.
    """
    path = PACKAGED if path is None else Path(path)
    try:
        with path.open("rb") as file:
            size = int.from_bytes(file.read(8), "little")
            header = parse_json(file.read(size)) if size < _LONGEST_HEADER else {}
        about = header["__metadata__"]
        name = f"{about.get('name', 'unnamed')} {about.get('version', '')}".strip()
        return Provenance(name, str(about["sha256"]))
    except OSError as error:
        raise CheckpointError(f"{path}: no such weights file ({error.strerror})") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(f"{path}: not a weights file of transcribe (safetensors)") from error
