"""How scores are scored: a waltz with nothing told, and with its metre and key."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest
from played_pieces import waltz

from eval.downstream.score import Case, first_signatures, measured
from transcribe.datasets.annotated import unlabelled
from transcribe.music.beat_grid import Metre
from transcribe.score.analysis import analyse


@pytest.fixture
def case() -> Case:
    """Sixteen bars at 250 quarters a minute."""
    performance = waltz(quarter=0.24)
    beats = 0.5 + 0.24 * np.arange(48)
    truth = unlabelled(
        performance, beats, np.arange(48) % 3 == 0, np.full((48, 2), (3, 4)), np.zeros(48, int)
    )
    return Case("waltz", Path("waltz.mid"), performance, truth, np.arange(len(truth.onset)))


def test_bars_that_are_taken_for_beats_are_a_third_of_them(case):
    found = measured(case, analyse, with_notes=False)
    assert found["beats"] == pytest.approx(0.5, abs=0.1)
    assert found["key"] == 1


def test_with_its_first_signatures_told_a_waltz_is_right(case):
    hints = first_signatures(case.truth)
    assert hints.metre == Metre(3, 4)
    assert hints.key is not None
    assert hints.key.fifths == 0
    found = measured(case, partial(analyse, hints=hints), with_notes=False)
    assert found["beats"] > 0.95
    assert found["downbeats"] > 0.95
    assert found["metre"] == found["key"] == 1
