"""What runs the networks leaves no trace and reports to nobody."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

_TOLD_TO_BE_SILENT = ("ORT_DISABLE_TELEMETRY", "ORT_RUNNING_UNIT_TESTS", "CI", "GITHUB_ACTIONS")
"""What keeps ONNX Runtime silent by itself, so that a test would pass for no merit of ours."""


@pytest.mark.parametrize("module", ["model.onnx_network", "score.networks", "train.export"])
def test_onnx_runtime_keeps_no_identity_of_the_device_and_no_events_to_send(module, tmp_path):
    """Its builds from 1.29 on do both as soon as they are imported, unless they are told not to."""
    silent = {name: text for name, text in os.environ.items() if name not in _TOLD_TO_BE_SILENT}
    homes = {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path), "TMPDIR": str(tmp_path)}
    subprocess.run(
        [sys.executable, "-c", f"from transcribe.{module} import onnxruntime"],
        env=silent | homes,
        check=True,
    )
    left = [path.name for path in tmp_path.rglob("*") if path.is_file()]
    assert not {".ses", "deviceid", "onnxruntime.db"} & set(left)
