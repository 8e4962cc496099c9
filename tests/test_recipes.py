"""A recipe knows whether it came out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from recipes.check import main, misses

EXPECTED = {"metrics": {"aligned/onset": {"mean": 0.9, "tolerance": 0.01}}}


def record(mean: float) -> dict:
    return {"summary": {"aligned/onset": {"mean": mean}}}


@pytest.mark.parametrize(
    ("mean", "reproduced"), [(0.9, True), (0.891, True), (0.95, True), (0.88, False)]
)
def test_within_the_tolerance_is_reproduced(tmp_path, capsys, mean, reproduced):
    paths = [tmp_path / "expected.json", tmp_path / "record.json"]
    for path, content in zip(paths, (EXPECTED, record(mean)), strict=True):
        path.write_text(json.dumps(content))
    assert main([str(path) for path in paths]) == (0 if reproduced else 1)
    assert capsys.readouterr().out.endswith("not reproduced\n") is not reproduced


def test_a_metric_that_was_not_measured_is_a_miss():
    assert misses(EXPECTED, {"summary": {}}) == [
        "aligned/onset: expected 0.9000, the record has none"
    ]


def test_every_recipe_has_its_page_its_command_and_its_figures():
    for folder in (Path(__file__).parents[1] / "recipes").iterdir():
        if folder.is_dir() and folder.name != "__pycache__":
            assert (folder / "README.md").read_text("utf-8").startswith("# ")
            assert (folder / "run.sh").read_text("utf-8").startswith("#!/usr/bin/env bash")
            assert json.loads((folder / "expected.json").read_text("utf-8"))["metrics"]
