"""What packages offer under a short name is there, and is what the name says."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

import pytest

ROOMS = (
    "transcribe",
    "transcribe.audio",
    "transcribe.corpus",
    "transcribe.decode",
    "transcribe.evaluation",
    "transcribe.generate",
    "transcribe.music",
    "transcribe.synthesis",
    "transcribe.tokens",
)


@pytest.mark.parametrize("room", ROOMS)
def test_every_public_name_is_there_and_no_module_hides_it(room):
    package = import_module(room)
    for name in [*package.__all__, *package.__all__]:  # a second time: its module is loaded now
        assert not isinstance(getattr(package, name), ModuleType), name


def test_what_is_not_there_is_told_by_name():
    with pytest.raises(AttributeError, match=r"'transcribe\.audio' has no attribute 'prob'"):
        _ = import_module("transcribe.audio").prob
