"""Numbers that can't be are refused as they are read, by every command alike."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

import pytest

from eval.performance import soak, speed
from transcribe.options import natural_number, number_from_0, positive_number, whole_number

ROOT = Path(__file__).parents[2]
CHECKED_ELSEWHERE = {"--temperature", "--top-p", "--tame", "--seed", "--retries", "--keep"}
"""By what they set, which says what it takes."""


@pytest.mark.parametrize(
    ("kind", "right", "wrong"),
    [
        (whole_number, ["1", "12"], ["0", "-1", "1.5", "", "many"]),
        (natural_number, ["0", "12"], ["-1", "1.5", "", "many"]),
        (positive_number, ["0.5", "12"], ["0", "-1", "inf", "nan", ""]),
        (number_from_0, ["0", "0.5"], ["-0.1", "inf", "nan", ""]),
    ],
)
def test_a_number_is_of_its_kind(kind, right, wrong):
    assert [kind(text) for text in right] == [float(text) for text in right]
    for text in wrong:
        with pytest.raises(argparse.ArgumentTypeError, match=f"found '{text}'"):
            kind(text)


@pytest.mark.parametrize(
    ("main", "words"),
    [
        (soak.main, ["--files", "0"]),
        (soak.main, ["--kill-every", "-3"]),
        (speed.main, ["a.mp3", "--threads", "-1"]),
        (speed.main, ["a.mp3", "--minutes", "0"]),
    ],
)
def test_measuring_commands_refuse_what_can_not_be(main, words, capsys):
    with pytest.raises(SystemExit, match="2"):
        main(words)
    assert f"argument {words[-2]}: expected a" in capsys.readouterr().err


def test_no_option_takes_just_any_number():
    found = set()
    for path in (*ROOT.glob("eval/**/*.py"), *ROOT.glob("transcribe/**/*.py")):
        if "node_modules" not in path.parts:
            found |= set(re.findall(r'"(--[\w-]+)",[^"()]*type=(?:int|float)\b', path.read_text()))
    assert found - CHECKED_ELSEWHERE == set()
