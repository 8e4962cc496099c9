"""Small pictures of notes for the list of recordings."""

from __future__ import annotations

import numpy as np

from transcribe.notes import Note
from transcribe.web.thumbnail import COLUMNS, ROWS, thumbnail


def cells(*notes: Note, duration: float = 12.0) -> np.ndarray:
    return np.frombuffer(thumbnail(notes, duration), np.uint8).reshape(ROWS, COLUMNS)


def test_highest_keys_are_on_top_and_time_goes_to_the_right():
    picture = cells(
        Note(onset=0, offset=1, pitch=108, velocity=50),
        Note(onset=6, offset=12, pitch=21, velocity=90),
    )
    assert [row.tolist() for row in np.argwhere(picture == 50)] == [[0, x] for x in range(10)]
    assert [row.tolist() for row in np.argwhere(picture == 90)] == [
        [ROWS - 1, x] for x in range(60, 120)
    ]


def test_the_loudest_shows_and_none_is_too_short_or_too_late_to_see():
    picture = cells(
        Note(onset=1, offset=1.001, pitch=60, velocity=40),
        Note(onset=1, offset=1.001, pitch=59, velocity=70),
        Note(onset=11.99, offset=15, pitch=80, velocity=33),
        Note(onset=13, offset=15, pitch=40, velocity=34),
    )
    assert picture[(108 - 60) // 3, 10] == 70
    assert sorted(picture[:, -1][picture[:, -1] > 0].tolist()) == [33, 34]
    assert np.count_nonzero(picture) == 3
