"""The record of the generators: who is in it, and what the recipe makes of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from eval.downstream.continuations import copied_table, main, summary, table
from recipes.check import verdict
from transcribe.datasets.index import COLUMNS
from transcribe.generate.config import GeneratorConfig
from transcribe.generate.model import EventModel
from transcribe.generate.weights import GeneratorWeights, save_generator
from transcribe.midi import write_midi
from transcribe.notes import Note, Performance


def waltz(transposed: int) -> Performance:
    notes = [
        Note(
            onset=0.4 * i,
            pitch=48 + transposed + (0, 16, 19)[i % 3],
            offset=0.4 * i + 0.3,
            velocity=70,
        )
        for i in range(60)
    ]
    return Performance(tuple(notes))


@pytest.fixture
def index(tmp_path: Path) -> Path:
    rows = [",".join(COLUMNS)]
    for number, split in enumerate(("train", "train", "train", "validation")):
        write_midi(waltz(number), tmp_path / f"{number}.mid")
        rows.append(f"Nobody,Waltz,{split},2018,{number}.mid,,24.0")
    path = tmp_path / "index.csv"
    path.write_text("\n".join(rows) + "\n")
    return path


def test_a_record_its_table_and_the_recipe_s_verdict(index, tmp_path, capsys):
    torch.manual_seed(0)
    weights, out = tmp_path / "small.safetensors", tmp_path / "record.json"
    save_generator(GeneratorWeights(EventModel(GeneratorConfig(16, 1, 2, 16))), weights)
    words = ["--data", str(index), "--opening", "8", "--following", "5", "--out", str(out)]
    assert main([*words, "--orders", "2", "3"]) == 0
    alone = json.loads(out.read_text())
    names = ["what really followed", "the opening's end again", "Markov chain"]
    assert list(alone["generators"]) == names
    assert alone["summary"] == {}
    # A waltz that only repeats itself goes on exactly as it began.
    for name in names[:2]:
        assert alone["generators"][name]["within"]["pitch_classes"] == 1
    words.append("--copied")
    assert main([*words, "--add", "--generator", f"continue={weights}"]) == 0
    record = json.loads(out.read_text())
    assert list(record["generators"]) == [*names, "continue"]
    assert record["ranges"] == alone["ranges"]
    # The same waltz in another key was learnt, so all of what really followed is a copy.
    copied = {name: row.get("copied") for name, row in record["generators"].items()}
    assert copied["what really followed"]["longest"] == 13
    assert copied["Markov chain"] is None
    assert 1 <= copied["continue"]["mean"] < 13
    bits = {name: record["generators"][name]["bits_per_note"]["all"] for name in names[2:]}
    assert 0 < bits["Markov chain"] < record["generators"]["continue"]["bits_per_note"]["all"]
    assert "| Markov chain | " in table(record)
    assert "| what really followed | 13.0 | 13 | 13 |" in copied_table(record)
    assert "Markov chain" not in copied_table(record)

    expected = tmp_path / "expected.json"
    wanted = {"bits_saved_on_markov_chain": {"mean": 0.2, "tolerance": 0.01}}
    expected.write_text(json.dumps({"source": "a test", "metrics": wanted}))
    assert verdict(expected, out) == 1
    assert "bits_saved_on_markov_chain: expected 0.2000" in capsys.readouterr().out

    assert main([*words, "--add", "--temperature", "0.9"]) == 1
    assert "expected a record with the settings" in capsys.readouterr().err


def test_bits_saved_are_a_share():
    rows = {
        "continue": {"bits_per_note": {"all": 15.0}, "within": {"all": 0.5}},
        "Markov chain": {"bits_per_note": {"all": 20.0}},
    }
    assert summary(rows) == {
        "bits_saved_on_markov_chain": {"mean": 0.25},
        "within/all": {"mean": 0.5},
    }
