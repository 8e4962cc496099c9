"""A piece whose beats are known."""

from __future__ import annotations

import numpy as np

from transcribe import cli
from transcribe.music.beat_grid import BeatGrid, Metre
from transcribe.notes import Note, PedalPress, Performance, without_overlaps


def a_piece(n_bars: int = 20, *, delay: float = 0.0, seed: int = 1) -> tuple[Performance, BeatGrid]:
    """A tune over a bass in 4/4 around 100 beats a minute, played a little off the grid."""
    random = np.random.default_rng(seed)
    beats = 1.0 + delay + np.cumsum(0.6 + 0.03 * np.sin(np.arange(4 * n_bars + 1) / 7))
    grid = BeatGrid(tuple(beats.tolist()), Metre(4, 4))
    notes = []
    for step in range(0, 16 * n_bars, 2):
        if random.random() < 0.8 or step % 16 == 0:
            notes.append((step, int(random.choice((72, 74, 76, 79, 81, 84))), 2, 84))
        if step % 8 == 0:
            root = (48, 53, 55, 45)[step // 16 % 4]
            notes.append((step, root, 6, 62))
            notes.append((step + 4, root + 4, 3, 50))
            notes.append((step + 4, root + 7, 3, 50))
    played = []
    for step, pitch, n_steps, velocity in notes:
        late = random.uniform(-0.2, 0.2)
        onset = grid.step_seconds(step + late)
        offset = grid.step_seconds(step + late + n_steps * 0.8)
        played.append(Note(onset=onset, pitch=pitch, offset=offset, velocity=velocity))
    return Performance(without_overlaps(played), (PedalPress(onset=2, offset=2.5),)), grid


def ran(*words) -> int:
    try:
        return cli.main([str(word) for word in words])
    except SystemExit as leaving:
        return int(leaving.code)
