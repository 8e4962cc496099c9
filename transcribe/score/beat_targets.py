"""What the networks of onsets and of beats say of each, in which order."""

from __future__ import annotations

import numpy as np

N_PERIODS = 40
PERIODS = np.geomspace(0.16, 4.5, N_PERIODS)
"""Seconds a beat, of the classes of tempo."""
PLACES = np.array([0, 1 / 8, 1 / 6, 1 / 4, 1 / 3, 3 / 8, 1 / 2, 5 / 8, 2 / 3, 3 / 4, 5 / 6, 7 / 8])
"""Places in a beat that are told apart, in beats from its start."""
N_PLACES = len(PLACES) + 1
"""The last is any other."""
METRE_NAMES = ((2, 4), (3, 4), (4, 4), (6, 8), (2, 2), (3, 8), (12, 8), (9, 8), (6, 4), (3, 2))
"""Time signatures that are told apart."""
METRES = {metre: number for number, metre in enumerate(METRE_NAMES)}
METRES |= {(6, 16): 3, (12, 16): 6, (4, 8): 0, (5, 4): -1, (8, 4): 2, (2, 8): 0}
"""The class of a time signature; rarer ones count as their nearest."""
ONSET_OUTPUTS = {"beat": 1, "down": 1, "period": N_PERIODS, "place": N_PLACES}
"""Heads of the network of onsets, and how many logits each has."""
BEAT_OUTPUTS = {"down": 1, "metre": len(METRE_NAMES)}
"""Heads of the network of beats."""
