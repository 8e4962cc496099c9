"""Magenta's own code for tests: an environment of 1.5 GB, which is used where it is made."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

import pytest

from eval.downstream.readers import MAGENTA
from eval.systems.registry import default_environments, is_made, python_of


@cache
def magenta_python() -> Path:
    """The Python that Magenta is installed for; skips where it is not, and is not asked for."""
    environments = default_environments()
    if not is_made(MAGENTA, environments) and not os.environ.get("TRANSCRIBE_MAGENTA"):
        pytest.skip("Magenta is not installed (1.5 GB, Python 3.8); TRANSCRIBE_MAGENTA=1 does it")
    return python_of(MAGENTA, environments)
