"""How long a recording is, asked before its turn comes."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest
from conftest import SAMPLE_RATE, write_pcm

from transcribe.web import duration


@pytest.mark.parametrize(("n_samples", "expected"), [(3 * SAMPLE_RATE, 3.0), (None, None)])
def test_the_duration_in_the_header_is_printed(tmp_path, monkeypatch, capsys, n_samples, expected):
    path = tmp_path / "song.wav"
    if n_samples is None:
        path.write_text("Dear Clara,")
    else:
        write_pcm(path, np.zeros(n_samples))
    monkeypatch.setattr(sys, "argv", ["duration", str(path)])
    assert duration.main() == 0
    assert json.loads(capsys.readouterr().out) == expected
