"""``python -m transcribe.train.key_profiles``: learn the profiles of key signatures.

    PIANO_DATA=FOLDER python -m transcribe.train.key_profiles -o score-keys.json

From the performances of ``conf/score.yaml`` that are trained on, every third second, each
piece as heavy as any other; from a third of them only the beginning is heard.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from hydra import compose, initialize_config_dir
from numpy.typing import NDArray
from torch import Tensor, nn

from transcribe.datasets.annotated import NO_KEY, AnnotatedPerformance
from transcribe.errors import TranscribeError
from transcribe.score.keys import N_CHROMAS, SHARPNESS, chromas_around
from transcribe.score.onset_features import NoteArrays
from transcribe.train.conf import CONF
from transcribe.train.config import ScoreTrainConfig, plain
from transcribe.train.score_data import AnnotatedPiece

N_PROFILES = 6
_STEP = 3.0
"""Seconds between places of a performance."""
_MOST = 3
"""Performances of a piece."""
_SHORTEST, _LONGEST = 20.0, 120.0
"""Seconds of a performance of which only the beginning is heard."""


class Profiles(nn.Module):
    """As `transcribe.score.keys.KeyProfiles`, to be learned."""

    def __init__(self) -> None:
        super().__init__()
        self.weights = nn.Parameter(0.1 * torch.randn(N_PROFILES, N_CHROMAS, 12))
        self.bias = nn.Parameter(torch.zeros(N_PROFILES))

    def forward(self, chromas: Tensor) -> Tensor:
        """Shape (n, N_CHROMAS, 12) to logits of the signatures, shape (n, 12)."""
        turned = torch.stack([chromas.roll(-(7 * key % 12), dims=-1) for key in range(12)], 1)
        fits = torch.einsum("nkcp,hcp->nkh", turned.sqrt(), self.weights) + self.bias
        return torch.logsumexp(SHARPNESS * fits, -1)


Examples = tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.float64]]


def examples(pieces: Sequence[AnnotatedPiece]) -> Examples:
    """Chromas, signatures and weights of places in performances."""
    rng = np.random.default_rng(0)
    chromas, signatures, weights = [], [], []
    for piece in pieces:
        for whole in piece.performances[:_MOST]:
            each = whole
            if rng.random() < 1 / 3:
                each = whole.until(whole.onset[0] + rng.uniform(_SHORTEST, _LONGEST))
            found = _of_performance(each)
            if found is not None:
                chromas.append(found[0])
                signatures.append(found[1])
                share = 1 / len(found[1]) / min(len(piece.performances), _MOST)
                weights.append(np.full(len(found[1]), share))
    weight = np.concatenate(weights)
    return np.concatenate(chromas), np.concatenate(signatures), weight / weight.mean()


def _of_performance(
    each: AnnotatedPerformance,
) -> tuple[NDArray[np.float64], NDArray[np.int64]] | None:
    if not len(each.beats) or not len(each.onset) or (each.fifths == NO_KEY).any():
        return None
    first = max(each.onset[0], each.beats[0]) + 1
    places = np.arange(first, min(each.onset[-1], each.beats[-1]), _STEP)
    if not len(places):
        return None
    at = np.clip(np.searchsorted(each.beats, places) - 1, 0, len(each.beats) - 1)
    return chromas_around(NoteArrays.of(each.performance), places), each.fifths[at] % 12


def fit(found: Examples, *, n_steps: int = 500) -> Profiles:
    """Learn by Adam, on 512 places a step."""
    torch.manual_seed(0)
    chromas, signatures, weights = (torch.from_numpy(np.asarray(each)) for each in found)
    chromas, weights = chromas.float(), weights.float()
    profiles = Profiles()
    optimizer = torch.optim.Adam(profiles.parameters(), lr=0.03)
    for _ in range(n_steps):
        drawn = torch.randint(0, len(chromas), (512,))
        nats = nn.functional.cross_entropy(
            profiles(chromas[drawn]), signatures[drawn], reduction="none"
        )
        loss = (nats * weights[drawn]).mean() + 2e-3 * (profiles.weights**2).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return profiles


def as_json(profiles: Profiles) -> str:
    """The content of ``weights/score-keys.json``."""
    content = {
        "about": "Profiles of key signatures, learned from ASAP and piano-midi.de "
        "(CC BY-NC-SA 4.0) by python -m transcribe.train.key_profiles.",
        "weights": np.round(profiles.weights.detach().double().numpy(), 3).tolist(),
        "bias": np.round(profiles.bias.detach().double().numpy(), 3).tolist(),
    }
    return json.dumps(content, separators=(",", ":")) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Learn and write; 1 with one line where that can't be done."""
    parser = argparse.ArgumentParser(
        prog="python -m transcribe.train.key_profiles",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("-o", "--output", type=Path, required=True, help="file to write (.json)")
    parser.add_argument("overrides", nargs="*", help="Hydra overrides that name the data")
    options = parser.parse_intermixed_args(arguments)
    with initialize_config_dir(str(CONF), version_base="1.3"):
        composed = compose("score", overrides=options.overrides)
    try:
        config = plain(composed)
        assert isinstance(config, ScoreTrainConfig)
        config.data.check()
        profiles = fit(examples(config.data.pieces("train")))
    except TranscribeError as error:
        print(f"transcribe.train.key_profiles: {error}", file=sys.stderr)
        return 1
    options.output.write_text(as_json(profiles), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
