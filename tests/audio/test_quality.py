"""Kinds of warnings and their sentences; the limits from which a recording gets one."""

from __future__ import annotations

import ast
import pickle
from pathlib import Path

import pytest

import transcribe
from transcribe.audio.quality import (
    KINDS,
    AudioWarning,
    is_distorted,
    is_no_piano,
    is_out_of_tune,
    most_serious_first,
)
from transcribe.errors import AudioError, CheckpointError


@pytest.mark.parametrize(
    ("kind", "values", "sentence"),
    [
        (
            "truncated",
            {"missing": 3.04, "promised": 9.0},
            "truncated or damaged: 3.0 s of the 9.0 s that the header promises are missing",
        ),
        (
            "truncated",
            {"missing": 75.0, "promised": 200.0},
            "truncated or damaged: 1 min 15 s of the 3 min 20 s that the header promises are "
            "missing",
        ),
        ("truncated", {}, "truncated: no end mark found; how much is missing is not known"),
        ("not_finite", {"n_samples": 4}, "4 NaN or infinite sample(s) replaced by 0"),
        ("tuning", {"cents": 18.0}, "tuned 18 cents above A = 440 Hz: A4 is at 444.6 Hz"),
    ],
)
def test_a_warning_says_its_figures(kind, values, sentence):
    warning = AudioWarning(kind, values)
    assert str(warning) == sentence
    assert warning.as_json() == {"kind": kind, "message": sentence, "values": values}


def test_a_warning_of_no_kind_or_with_other_figures_is_refused():
    with pytest.raises(ValueError, match=r"a warning is one of truncated, .*; found 'odd'"):
        AudioWarning("odd")
    with pytest.raises(ValueError, match="values of a warning 'clipped'"):
        AudioWarning("clipped", {"cents": 3.0})


def test_the_most_serious_comes_first():
    warnings = [
        AudioWarning("tuning", {"cents": 40.0}),
        AudioWarning("damaged", {"n_packets": 3}),
        AudioWarning("truncated"),
    ]
    found = most_serious_first(warnings)
    assert [warning.kind for warning in found] == ["truncated", "damaged", "tuning"]


def test_an_error_keeps_its_kind_and_values_on_the_way_to_another_process():
    error = pickle.loads(pickle.dumps(AudioError("too long", kind="too_long", duration=9.0)))
    assert (str(error), error.kind, error.values) == ("too long", "too_long", {"duration": 9.0})
    assert CheckpointError("damaged").kind == "unusable"


def _told_kinds(name: str) -> set[str]:
    """The kinds that the package gives to errors (``kind=``) or warnings of a class."""
    found = set()
    for path in Path(transcribe.__file__).parent.rglob("*.py"):
        text = path.read_text("utf-8")
        if name not in text:
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == name:
                given = [*node.args[:1], *(word.value for word in node.keywords)]
                found |= {each.value for each in given if isinstance(each, ast.Constant)}
    return found


def test_every_kind_of_warning_is_given_somewhere():
    assert _told_kinds("AudioWarning") == set(KINDS)


def test_every_kind_of_warning_is_in_the_docs_in_its_place():
    lines = (Path(__file__).parents[2] / "docs" / "warnings.md").read_text("utf-8").splitlines()
    rows = [line.split("`")[1] for line in lines if line.startswith("| `")]
    assert rows == list(KINDS)


@pytest.mark.parametrize(
    ("is_told", "is_not"),
    [
        (is_distorted(0.001), is_distorted(0.0004)),
        (is_no_piano(0.8, 300, 60.0), is_no_piano(0.9, 300, 60.0)),
        (is_no_piano(0.9, 3, 60.0), is_no_piano(0.95, 3, 60.0)),
        (is_out_of_tune(-15.0), is_out_of_tune(14.9)),
    ],
)
def test_from_where_on_a_recording_is_told_of(is_told, is_not):
    assert is_told
    assert not is_not
