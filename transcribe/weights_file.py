"""Files of network weights: what is in one, how it is written, read and checked.

A file is safetensors. It holds half-precision arrays, and in its header strings by name:
the ``format``, which says what the weights are for; the settings that belong to them, as
JSON objects; a SHA-256 of the arrays, so that a damaged file is refused instead of
transcribing nonsense; and what people want to know (name, version, licence, training).
Reading one runs no code from it and needs no torch.

What was exported to run without torch is an ONNX file instead, with the same strings in its
metadata. There ``sha256`` is that of the arrays it was exported from, which says what the
network has learnt whichever runtime it runs in, and ``graph_sha256`` that of the graph in
the file, by which damage is found.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from transcribe.errors import CheckpointError
from transcribe.files.atomic import write_atomically
from transcribe.files.json_text import parse_json, parse_settings
from transcribe.files.onnx_model import graph_checksum, metadata_of, with_metadata
from transcribe.wording import reason

if TYPE_CHECKING:
    from numpy.typing import NDArray

FOLDER = Path(__file__).parent / "weights"
"""Weights that are part of the package."""
PACKAGED = FOLDER / "default.onnx"
"""The network that transcribes, exported for the CPU."""
PACKAGED_CHECKPOINT = FOLDER / "default.safetensors"
"""What it was exported from: for GPUs, and for training to go on from."""
ONNX_ENDING = ".onnx"
"""Of exported networks; all other files are safetensors."""
_LONGEST_HEADER = 1 << 24
"""Bytes; what claims to be longer is no weights file."""


class _Checked(Protocol):
    def check(self) -> None: ...


_Settings = TypeVar("_Settings", bound=_Checked)


@dataclass(frozen=True, slots=True)
class Weights:
    """What a weights file holds, checked against its format and checksum."""

    path: Path
    header: Mapping[str, str]
    arrays: Mapping[str, NDArray[Any]]

    def settings(self, kind: type[_Settings], name: str) -> _Settings:
        """The settings of a name in the header, as a dataclass with a ``check`` method.

        Raises
        ------
        CheckpointError
            There are none, or they can't be used.
        """
        try:
            settings = parse_settings(kind, self.header[name])
            settings.check()
        except KeyError as error:
            raise CheckpointError(
                f"{self.path}: expected {name} settings in the file's header, found none; the file "
                "was written by another version of transcribe"
            ) from error
        except ValueError as error:
            raise CheckpointError(
                f"{self.path}: its {name} settings can't be used ({error}); the file is damaged or "
                "was written by another version of transcribe"
            ) from error
        return settings

    def metadata(self, *settings: str) -> dict[str, str]:
        """The header without its format and its settings of these names."""
        return {
            key: value for key, value in self.header.items() if key not in ("format", *settings)
        }


@dataclass(frozen=True, slots=True)
class Provenance:
    """Which weights a file claims to hold; `read_weights` checks the claim."""

    name: str
    """With the version, as `Transcriber.name`."""
    sha256: str
    """Of the weights."""
    decode: str = ""
    """Short checksum of the settings in the file that notes are read with, if it has any."""


def write_weights(
    path: str | os.PathLike[str],
    format_name: str,
    arrays: Mapping[str, NDArray[Any]],
    settings: Mapping[str, Any],
    metadata: Mapping[str, str],
) -> None:
    """Write a weights file; its folder is made if it is missing.

    Parameters
    ----------
    path : path
    format_name : str
        What the weights are for, and in which version.
    arrays : mapping
        By the names of the network's parameters.
    settings : mapping
        Dataclasses, by the names to give to `Weights.settings`.
    metadata : mapping
        For people: name, version, licence, provenance.

    Raises
    ------
    CheckpointError
        The file can't be written.
    """
    import numpy as np
    from safetensors.numpy import save

    # As save takes the bytes of an array for those of its transpose, where they lie so.
    arrays = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    header = _header(format_name, settings, metadata, sha256=checksum(arrays))
    _write(Path(path), save(arrays, metadata=header))


def read_weights(path: str | os.PathLike[str], format_name: str) -> Weights:
    """Read a weights file of a format.

    Raises
    ------
    CheckpointError
        The file is missing, damaged, or of another format.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    path = Path(path)
    header = _header_of_format(path, format_name)
    try:
        arrays = load_file(path)
    except (SafetensorError, OSError) as error:
        raise _unreadable(path, error) from error
    if header.get("sha256") != checksum(arrays):
        raise _damaged(path)
    return Weights(path, header, arrays)


def write_graph(
    path: str | os.PathLike[str],
    format_name: str,
    graph: bytes,
    settings: Mapping[str, Any],
    metadata: Mapping[str, str],
) -> None:
    """Write an exported network; its folder is made if it is missing.

    As `write_weights`, with the graph, an ONNX file without metadata, in place of the arrays;
    ``metadata`` has the ``sha256`` of the arrays that it was made from.
    """
    header = _header(format_name, settings, metadata, graph_sha256=graph_checksum(graph))
    _write(Path(path), with_metadata(graph, header))


def read_graph(path: str | os.PathLike[str], format_name: str) -> tuple[Weights, bytes]:
    """Read an exported network of a format: its header, without arrays, and the ONNX file.

    Raises
    ------
    CheckpointError
        The file is missing, damaged, or of another format.
    """
    path = Path(path)
    header = _header_of_format(path, format_name)
    try:
        content = path.read_bytes()
        found = graph_checksum(content)
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from error
    if header.get("graph_sha256") != found:
        raise _damaged(path)
    return Weights(path, header, {}), content


def _header(
    format_name: str, settings: Mapping[str, Any], metadata: Mapping[str, str], **checksums: str
) -> dict[str, str]:
    as_json = {name: json.dumps(dataclasses.asdict(each)) for name, each in settings.items()}
    return {**metadata, "format": format_name, **checksums, **as_json}


def _write(path: Path, content: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, content)
    except OSError as error:
        raise CheckpointError(
            f"{path}: the weights could not be written: {reason(error)}"
        ) from error


def _header_of_format(path: Path, format_name: str) -> dict[str, str]:
    header = read_header(path)
    if header.get("format") != format_name:
        raise CheckpointError(
            f"{path}: expected weights of format {format_name!r}, found "
            f"{header.get('format', 'none')!r}; the file was made for another task or another "
            "program"
        )
    return header


def _damaged(path: Path) -> CheckpointError:
    return CheckpointError(
        f"{path}: the weights do not match their checksum; the file is damaged, get it again"
    )


def read_provenance(path: str | os.PathLike[str] | None = None) -> Provenance:
    """Read from the header alone which weights a file holds; the packaged ones if left out.

    This takes no time, as not even NumPy is loaded for it.

    Raises
    ------
    CheckpointError
        The file is missing or is no weights file.
    """
    path = PACKAGED if path is None else Path(path)
    header = read_header(path)
    if "sha256" not in header:
        raise CheckpointError(f"{path}: not a weights file of transcribe: it has no checksum")
    name = f"{header.get('name', 'unnamed')} {header.get('version', '')}".strip()
    decode = header.get("decode", "")
    checksum_of_settings = hashlib.sha256(decode.encode()).hexdigest()[:8] if decode else ""
    return Provenance(name, header["sha256"], checksum_of_settings)


def packaged_settings(name: str) -> dict[str, Any]:
    """The settings of a name that the packaged weights carry, such as ``"decode"``."""
    settings: dict[str, Any] = parse_json(read_header(PACKAGED)[name])
    return settings


def read_header(path: Path) -> dict[str, str]:
    """The strings in the header of a safetensors file, or in the metadata of an ONNX file."""
    if not path.is_file():
        advice = "reinstall transcribe" if path.parent == FOLDER else "check the path"
        raise CheckpointError(f"{path}: no such weights file; {advice}")
    try:
        if path.suffix == ONNX_ENDING:
            return metadata_of(path.read_bytes())
        with path.open("rb") as file:
            size = int.from_bytes(file.read(8), "little")
            if size > _LONGEST_HEADER:
                raise ValueError("its header is too long")
            header = parse_json(file.read(size))
        return {str(key): str(value) for key, value in header.get("__metadata__", {}).items()}
    except (OSError, ValueError, AttributeError) as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> CheckpointError:
    if isinstance(error, OSError):
        return CheckpointError(f"{path}: can't be read: {reason(error, about=path)}")
    kind = "ONNX" if path.suffix == ONNX_ENDING else "safetensors"
    return CheckpointError(f"{path}: not a readable weights file ({kind}): {error}; get it again")


def checksum(arrays: Mapping[str, NDArray[Any]]) -> str:
    """SHA-256 of the names and bytes of arrays, in the order of their names."""
    digest = hashlib.sha256()
    for name in sorted(arrays):
        digest.update(name.encode())
        digest.update(arrays[name].tobytes())
    return digest.hexdigest()
