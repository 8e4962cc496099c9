"""What packages offer under a short name is there, and is what the name says."""

from __future__ import annotations

import ast
from collections import defaultdict
from importlib import import_module
from pathlib import Path
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


def test_a_class_name_has_one_meaning():
    root = Path(__file__).parents[1]
    places = defaultdict(list)
    for path in sorted([*root.glob("transcribe/**/*.py"), *root.glob("eval/**/*.py")]):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ClassDef):
                places[node.name].append(str(path.relative_to(root)))
    assert {name: where for name, where in places.items() if len(where) > 1} == {}
