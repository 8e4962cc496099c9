"""What the network of beats says of each onset, in which order."""

from __future__ import annotations

import numpy as np

N_PERIODS = 32
PERIODS = np.geomspace(0.2, 3.0, N_PERIODS)
"""Seconds a beat, of the classes of tempo."""
METRE_NAMES = ((2, 4), (3, 4), (4, 4), (6, 8), (2, 2), (3, 8), (12, 8), (9, 8), (6, 4), (3, 2))
"""Time signatures that are told apart."""
METRES = {metre: number for number, metre in enumerate(METRE_NAMES)}
METRES |= {(6, 16): 3, (12, 16): 6, (4, 8): 0, (5, 4): -1, (8, 4): 2, (2, 8): 0}
"""The class of a time signature; rarer ones count as their nearest."""
N_KEYS = 12
"""Key signatures by their sharps, modulo 12."""
OUTPUTS = {"beat": 1, "down": 1, "period": N_PERIODS, "metre": len(METRE_NAMES), "key": N_KEYS}
"""Heads and how many logits each has. That of keys only helps to learn the others; keys are found
by `keys`, which knows them better."""
