"""The README says what the records say, and its commands are the ones that work."""

from __future__ import annotations

import pytest

from eval.readme import README, REPORT, current, report, with_results


def test_the_figures_are_those_of_the_records():
    text = README.read_text("utf-8")
    assert with_results(text, current()) == text, "run python -m eval.readme"


def test_the_report_is_what_the_records_make():
    assert report() == REPORT.read_text("utf-8"), "run python -m eval.readme"


def test_a_readme_without_marks_is_refused():
    with pytest.raises(ValueError, match="marks"):
        with_results("# transcribe\n", "figures")


def test_quick_start_is_two_commands():
    quick_start = README.read_text("utf-8").partition("## Quick start")[2]
    block = quick_start.split("```")[1].strip().splitlines()
    assert len(block) == 2
    assert all(".venv/bin/" in line for line in block)
