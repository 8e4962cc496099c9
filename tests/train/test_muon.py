"""Muon: steps of equal length in every direction, and a state that survives a stop."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from transcribe.train.muon import Muon, MuonAdamW, orthogonalised


@pytest.mark.parametrize("shape", [(24, 24), (16, 54), (96, 32)])
def test_singular_values_become_nearly_one(shape):
    torch.manual_seed(0)
    matrix = torch.randn(shape) * torch.logspace(0, -1.5, shape[1])
    values = torch.linalg.svdvals(orthogonalised(matrix))
    assert 0.4 < values.min() <= values.max() < 1.3
    assert torch.linalg.svdvals(matrix).max() / torch.linalg.svdvals(matrix).min() > 5


def test_the_directions_stay():
    torch.manual_seed(0)
    left, right = torch.linalg.qr(torch.randn(8, 8))[0], torch.linalg.qr(torch.randn(8, 8))[0]
    matrix = left @ torch.diag(torch.linspace(1, 3, 8)) @ right
    turned = left.T @ orthogonalised(matrix) @ right.T
    assert torch.allclose(turned, torch.diag(turned.diagonal()), atol=1e-3)


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.ModuleDict(
        {
            "conv": nn.Conv2d(3, 8, 3),
            "lstm": nn.LSTM(4, 4),
            "norm": nn.BatchNorm2d(8),
            "onset_head": nn.Linear(8, 2),
        }
    )


def test_matrices_go_to_muon_and_the_rest_to_adamw():
    parts = MuonAdamW(network(), lr=1e-3).parts
    n_parameters = [
        sum(p.numel() for g in part.param_groups for p in g["params"]) for part in parts
    ]
    assert n_parameters == [8 * 27 + 2 * 16 * 4, 8 + 32 + 16 + 18]


def test_a_convolution_is_stepped_as_the_matrix_it_is():
    torch.manual_seed(0)
    kernel = nn.Parameter(torch.zeros(8, 3, 3, 3))
    kernel.grad = torch.randn(8, 3, 3, 3)
    Muon([kernel], lr=0.1).step()
    values = torch.linalg.svdvals(kernel.detach().flatten(1))
    # 0.1 of the rate, 0.2 of AdamW's typical entry, square root of the longer side.
    assert torch.allclose(values, torch.full((8,), 0.1 * 0.2 * 27**0.5), rtol=0.35)


def test_the_momentum_is_nesterovs():
    """A step looks ahead: the gradient counts once more beside the momentum it has entered."""
    torch.manual_seed(0)
    weights = nn.Parameter(torch.zeros(6, 6))
    first, second = torch.randn(6, 6), torch.randn(6, 6)
    optimizer = Muon([weights], lr=1.0, momentum=0.9)
    weights.grad = first.clone()
    optimizer.step()
    before = weights.detach().clone()
    weights.grad = second.clone()
    optimizer.step()
    momentum = 0.9 * 0.1 * first + 0.1 * second
    ahead = 0.1 * second + 0.9 * momentum
    expected = -0.2 * 6**0.5 * orthogonalised(ahead)
    torch.testing.assert_close(weights.detach() - before, expected)
    assert (orthogonalised(ahead) - orthogonalised(momentum)).norm() > 0.1


def test_descends_and_decays():
    torch.manual_seed(0)
    layer, target = nn.Linear(8, 8, bias=False), torch.randn(8, 8)
    optimizer = Muon([layer.weight], lr=0.1)
    first = (layer.weight - target).norm().item()
    for _ in range(100):
        optimizer.zero_grad()
        (layer.weight - target).square().sum().backward()
        optimizer.step()
    assert (layer.weight - target).norm().item() < 0.3 * first
    layer.weight.grad = torch.zeros(8, 8)
    still = Muon([layer.weight], lr=0.1, weight_decay=0.5)
    before = layer.weight.detach().clone()
    still.step()
    assert torch.allclose(layer.weight, before * 0.95, atol=1e-6)


def test_vectors_are_refused():
    with pytest.raises(ValueError, match="two or more"):
        Muon([nn.Parameter(torch.zeros(3))], lr=0.1)


def test_goes_on_where_it_was():
    """Stopped and loaded after two steps, the third is the same, the rate's schedule too."""

    def steps(module: nn.Module, optimizer: MuonAdamW, seeds: range) -> None:
        for seed in seeds:
            torch.manual_seed(seed)
            for parameter in module.parameters():
                parameter.grad = torch.randn_like(parameter)
            optimizer.step()

    whole, stopped = network(), network()
    optimizer = MuonAdamW(whole, lr=1e-2, weight_decay=0.1)
    steps(whole, optimizer, range(3))
    optimizer = MuonAdamW(stopped, lr=1e-2, weight_decay=0.1)
    steps(stopped, optimizer, range(2))
    resumed = MuonAdamW(stopped, lr=5.0, weight_decay=0.1)
    resumed.load_state_dict(optimizer.state_dict())
    assert {group["lr"] for group in resumed.param_groups} == {1e-2}
    steps(stopped, resumed, range(2, 3))
    for expected, found in zip(whole.parameters(), stopped.parameters(), strict=True):
        assert torch.equal(expected, found)
    for group in resumed.param_groups:
        group["lr"] = 0.0
    before = [parameter.clone() for parameter in stopped.parameters()]
    steps(stopped, resumed, range(1))
    assert all(map(torch.equal, before, stopped.parameters()))
