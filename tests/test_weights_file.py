"""The file that all weights are kept in: what goes in comes out, checked, without torch."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from transcribe.checkpoint import load_checkpoint
from transcribe.errors import CheckpointError
from transcribe.generate.weights import PACKAGED as GENERATOR
from transcribe.weights_file import (
    PACKAGED,
    Provenance,
    read_provenance,
    read_weights,
    write_weights,
)


@dataclass
class _Size:
    width: int = 3

    def check(self) -> None:
        if self.width < 1:
            raise ValueError(f"width is 1 or more; found {self.width}")


def write(path, **settings):
    arrays = {"b": np.arange(6, dtype=np.float16).reshape(2, 3).T, "a": np.array(7, np.int64)}
    write_weights(path, "test-1", arrays, settings, {"name": "small", "version": "2"})
    return arrays


def test_arrays_settings_and_metadata_come_back(tmp_path):
    arrays = write(tmp_path / "new folder" / "w", size=_Size(5))
    weights = read_weights(tmp_path / "new folder" / "w", "test-1")
    assert weights.arrays.keys() == arrays.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(weights.arrays[name], array, strict=True)
    assert weights.settings(_Size, "size") == _Size(5)
    content = b"a" + (7).to_bytes(8, "little") + b"b" + arrays["b"].tobytes()
    sha256 = hashlib.sha256(content).hexdigest()
    assert weights.metadata("size") == {"name": "small", "version": "2", "sha256": sha256}
    assert read_provenance(tmp_path / "new folder" / "w") == Provenance("small 2", sha256)


def test_others_may_read_weights_as_they_may_any_file(tmp_path):
    """safetensors' own writing lets nobody but its user read them."""
    write(tmp_path / "w")
    (tmp_path / "other").write_bytes(b"")
    assert (tmp_path / "w").stat().st_mode == (tmp_path / "other").stat().st_mode


def test_settings_that_are_not_there_or_can_not_be_used_are_refused_in_words(tmp_path):
    write(tmp_path / "w", size=_Size(0))
    weights = read_weights(tmp_path / "w", "test-1")
    with pytest.raises(CheckpointError, match=r"its size settings can't be used .width is 1 or"):
        weights.settings(_Size, "size")
    with pytest.raises(CheckpointError, match="expected decode settings"):
        weights.settings(_Size, "decode")


def test_weights_for_another_task_are_refused():
    with pytest.raises(CheckpointError, match=r"expected .*'transcribe-1', found 'transcribe-gen"):
        load_checkpoint(GENERATOR)


def test_a_missing_file_is_to_be_looked_for_or_installed_again(tmp_path):
    with pytest.raises(CheckpointError, match="no such weights file; check the path"):
        read_weights(tmp_path / "w", "test-1")
    with pytest.raises(CheckpointError, match="no such weights file; reinstall transcribe"):
        read_provenance(PACKAGED.with_name("gone.safetensors"))


@pytest.mark.parametrize("name", ["w", "w.onnx"])
def test_weights_that_may_not_be_read_are_no_damaged_ones(tmp_path, monkeypatch, name):
    path = tmp_path / name
    path.touch()

    def refuse(self, *_, **__):
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(CheckpointError) as found:
        read_provenance(path)
    assert str(found.value) == f"{path}: can't be read: permission denied"


def test_a_folder_that_can_not_be_written_to_is_said(tmp_path):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(CheckpointError, match="the weights could not be written"):
        write(tmp_path / "file" / "w")


def test_reading_needs_no_torch():
    code = (
        "import sys; from transcribe.weights_file import *; "
        "assert len(read_weights(PACKAGED_CHECKPOINT, 'transcribe-1').arrays) > 50; "
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
