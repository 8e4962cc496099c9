"""Two processes train together, whatever each of them has to validate on."""

from __future__ import annotations

import csv
import multiprocessing
import re
from pathlib import Path

import pytest

from transcribe.audio.wav import write_wav
from transcribe.datasets.index import COLUMNS
from transcribe.errors import SettingsError
from transcribe.synthesis.render import render
from transcribe.synthesis.sample_bank import SampleBank
from transcribe.train.__main__ import train
from transcribe.train.data_module import steps_of_epoch
from transcribe.train.sources import SourceConfig
from transcribe.train.transcriber_data import NoPiece, ProcessShare

from .training import SECONDS, random_piece, settings

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def without_pedal(pieces: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recording whose labels are text, and know of no pedal."""
    folder = tmp_path_factory.mktemp("text")
    piece = random_piece(3)
    bank = SampleBank.load(pieces / "instruments" / "synthetic")
    write_wav(folder / "a.wav", render(piece, bank, duration=SECONDS), bank.sample_rate)
    lines = [f"{n.onset}\t{n.offset}\t{n.pitch}\t{n.velocity}\n" for n in piece.notes]
    (folder / "a.tsv").write_text("".join(lines))
    row = f"Test,Study,validation,2026,,a.wav,{SECONDS}\n"
    (folder / "index.csv").write_text(",".join(COLUMNS) + "\n" + row)
    return folder / "index.csv"


@pytest.mark.parametrize("n_passages", [1, 2])
def test_processes_do_not_wait_for_what_one_does_not_have(
    pieces,
    without_pedal,
    tmp_path,
    n_passages,
):
    """Of two passages only the first has pedal labels; of one, the second process has none."""
    config = settings(
        pieces,
        tmp_path,
        "data.windows_per_epoch=8",
        "data.window_frames=16",
        f"data.validation_windows={n_passages}",
        "data.validation_seconds=2",
        "trainer.max_steps=1",
        "trainer.strategy=ddp_fork",
        "trainer.devices=2",
        "trainer.precision=32-true",
    )
    config.data.validation_sources["text"] = SourceConfig(str(without_pedal), "validation")
    run = multiprocessing.get_context("spawn").Process(target=train, args=(config,))
    run.start()
    run.join(timeout=100)
    if run.is_alive():
        run.kill()
        pytest.fail("the two processes wait for each other")
    assert run.exitcode == 0
    with next((tmp_path / "log").rglob("metrics.csv")).open() as file:
        validated = [row for row in csv.DictReader(file) if row.get("val/onset")]
    assert len(validated) == 1
    assert 0 <= float(validated[0]["val/pedal_onset_offset"]) <= 1
    table = (tmp_path / "table.md").read_text().splitlines()
    assert sum(re.match(r"\| \d Study", line) is not None for line in table) == n_passages


@pytest.mark.parametrize("n_passages", range(6))
def test_every_passage_is_in_one_share_and_shares_are_equally_long(n_passages):
    shares = [list(ProcessShare(list(range(n_passages)), rank, 3)) for rank in range(3)]
    assert len({len(share) for share in shares}) == 1
    heard = [each for share in shares for each in share if not isinstance(each, NoPiece)]
    assert sorted(heard) == list(range(n_passages))


def test_an_epoch_without_a_step_is_refused():
    assert steps_of_epoch(10, 2, 2) == 2
    with pytest.raises(SettingsError, match=r"windows_per_epoch=3 .* expected 4 windows or more"):
        steps_of_epoch(3, 2, 2)
