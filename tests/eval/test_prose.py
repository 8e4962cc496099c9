"""Figures in sentences, which no command writes, are those of the records."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


def record(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((ROOT / "eval" / "results" / f"{name}.json").read_text())
    return found


def means(summary: dict[str, Any], *names: str) -> list[str]:
    return [f"{100 * summary[name]['mean']:.0f}" for name in names]


def sentences() -> Iterator[tuple[str, str]]:
    """A page, and what the records have it say."""
    score = record("score")
    beats, downbeats, metre = means(score["summary"], "beats", "downbeats", "metre")
    rules = means(score["rules_from_midi"]["summary"], "beats", "downbeats", "metre")
    yield (
        "docs/generators.md",
        f"F1 of beats within 70 ms is {beats} %, of downbeats {downbeats} %, and the first metre "
        f"is right in {metre} of 100 (`eval/results/score.json`; by rules alone {rules[0]}, "
        f"{rules[1]} and {rules[2]})",
    )
    yield "recipes/score/README.md", f"F1 of beats {beats} % ("
    yield "recipes/score/README.md", f"of downbeats {downbeats} % ("
    yield "recipes/score/README.md", f"first metre {metre} % ("
    line, top = (record("melodies")["summary"][each]["f1"] for each in ("melody", "skyline"))
    yield (
        "docs/generators.md",
        f"F1 of its notes is {100 * line:.1f} %, of the plain top line {100 * top:.1f} %",
    )
    rows = record("continue-copied")["generators"]
    ours, real, chain = (
        rows[each]["copied"] for each in ("continue", "what really followed", "Markov chain")
    )
    copied = f"{ours['mean']:.1f} notes on average and {ours['longest']} at most"
    yield "docs/continue.md", copied
    yield "docs/continue.md", f"{real['mean']:.1f} and {real['longest']}"
    yield "docs/continue.md", f"{chain['mean']:.1f} and {chain['longest']}"
    yield "MODEL_CARD.md", copied
    rows = record("continue")["generators"]
    bits, before = (rows[each]["bits_per_note"]["all"] for each in ("continue", "LSTM, 13 minutes"))
    yield "MODEL_CARD.md", f"{bits:.1f} bits a note ({before:.1f} the weights before"
    error = record("calibration")["summary"]["expected_calibration_error"]
    yield "MODEL_CARD.md", f"expected calibration error {error:.3f}"
    speed = {
        each["runtime"]: each["times_real_time"]
        for each in record("runtime")["network"]
        if each["threads"] == 1
    }
    ratio = speed["default.onnx (int8)"] / speed["ONNX float32"]
    yield "MODEL_CARD.md", f"In 8 bits it is {ratio:.1f} times as fast as in float32"
    live = record("live")["accuracy"]
    f1 = [f"{100 * live[each]['onset_f1']:.1f}" for each in ("200", "offline")]
    yield "README.md", f"F1 {f1[0]} % as against {f1[1]}"
    for latency in ("150", "200", "300", "500"):
        heard = [1000 * live[latency][f"listening_{each}"] for each in ("median", "99")]
        yield (
            "docs/live.md",
            f"| {latency} ms | {heard[0]:.0f} ms | {heard[1]:.0f} ms | "
            f"{100 * live[latency]['onset_f1']:.1f} |",
        )


@pytest.mark.parametrize(("page", "sentence"), list(sentences()))
def test_a_figure_in_a_sentence_is_the_record_s(page, sentence):
    assert sentence in " ".join((ROOT / page).read_text("utf-8").split())


@pytest.mark.parametrize("recipe", ["tiny", "maestro", "maps"])
def test_a_recipe_s_page_has_what_is_expected(recipe):
    page = (ROOT / "recipes" / recipe / "README.md").read_text("utf-8")
    expected = json.loads((ROOT / "recipes" / recipe / "expected.json").read_text())
    for each in expected["metrics"].values():
        row = f"| {100 * each['mean']:.1f} | {100 * each['tolerance']:.1f} |"
        assert row in page.partition("## Expected")[2]
