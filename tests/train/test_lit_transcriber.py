"""One step and one export: what is taught, what is kept, and what is left to chance."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from transcribe.checkpoint import load_checkpoint
from transcribe.model.config import ModelConfig
from transcribe.model.planes import Planes
from transcribe.rolls import PLANES, Rolls
from transcribe.train.config import TrainConfig
from transcribe.train.lit_transcriber import LitTranscriber

from .test_losses import OTHERS, ROLLS, certain

TINY = ModelConfig(conv_channels=2, width=4, n_blocks=1, lstm_size=2, context_size=2, pedal_size=2)


@pytest.fixture
def module(tmp_path) -> LitTranscriber:
    torch.manual_seed(0)
    return LitTranscriber(TrainConfig(model=TINY, output=str(tmp_path), name="study"))


def test_what_is_kept_is_the_average_of_the_weights_and_not_the_last_ones(module, tmp_path):
    module.average.update(module.model)
    averaged = {name: each.clone() for name, each in module.average.module.state_dict().items()}
    with torch.no_grad():
        for parameter in module.model.parameters():
            parameter.add_(1.0)
    module.export(tmp_path / "kept.safetensors")
    kept = load_checkpoint(tmp_path / "kept.safetensors").model.state_dict()
    for name, weights in kept.items():
        torch.testing.assert_close(weights, averaged[name], atol=2e-3, rtol=2e-3)


class Says(torch.nn.Module):
    """A network that says the same whatever it hears."""

    def __init__(self, logits: Planes) -> None:
        super().__init__()
        self.logits = logits

    def forward(self, frames: torch.Tensor) -> Planes:
        return self.logits


def terms_of_a_step(module: LitTranscriber, says: Rolls, labels: Rolls, monkeypatch) -> dict:
    terms: dict[str, float] = {}
    module.model = Says(certain(says))
    monkeypatch.setattr(module, "log", lambda *_, **__: None)
    monkeypatch.setattr(module, "log_dict", terms.update)
    batch = {
        "frames": torch.zeros(1),
        "targets": torch.from_numpy(labels.stack())[None],
        "pedal_known": torch.ones(1),
        "velocity_known": torch.ones(1),
        "loudness_known": torch.ones(1),
        "notes_known": torch.ones(1, *labels.onset.shape, dtype=torch.bool),
        "releases_known": torch.ones(1, *labels.onset.shape, dtype=torch.bool),
    }
    loss = module.training_step(batch, 0)
    assert float(loss) == pytest.approx(sum(map(float, terms.values())))
    return {name.removeprefix("loss/"): float(value) for name, value in terms.items()}


def test_a_network_that_says_its_labels_has_nothing_to_learn(module, monkeypatch):
    """Each head is compared with the labels of its own plane, the offsets' with offsets."""
    right = terms_of_a_step(module, ROLLS, ROLLS, monkeypatch)
    wrong = terms_of_a_step(module, OTHERS, ROLLS, monkeypatch)
    for name in ("onset", "offset", "frame", "sounding", "pedal", "shift", "velocity"):
        assert right[name] < 0.03 < wrong[name], name
        assert right[name] < 0.02 * wrong[name], name


def test_planes_keep_their_places_from_labels_to_heads_and_back():
    """Whatever the network says in one plane is decoded as that plane."""
    stacked = np.zeros((3, Rolls.empty(3).stack().shape[1]), np.float32)
    planes = Planes.unstack(torch.from_numpy(stacked)[None])
    for number, name in enumerate(PLANES, start=1):
        getattr(planes, name).fill_(number)
    said = Planes.unstack(torch.from_numpy(stacked)[None])._asdict()
    rolls = Rolls.unstack(stacked)
    for number, name in enumerate(PLANES, start=1):
        assert (said[name] == number).all(), name
        assert (getattr(rolls, name) == number).all(), name


def test_chance_in_the_network_is_of_the_seed_the_epoch_and_the_process(module):
    def drawn(seed: int, epoch: int, rank: int) -> float:
        module.config.seed = seed
        module._trainer = SimpleNamespace(current_epoch=epoch, global_rank=rank)
        module.on_train_epoch_start()
        return float(torch.rand(1))

    places = [(0, 0, 0), (0, 1, 0), (0, 2, 0), (1, 0, 0), (0, 0, 1)]
    assert len({drawn(*place) for place in places}) == len(places)
    assert [drawn(*place) for place in places] == [drawn(*place) for place in places]
