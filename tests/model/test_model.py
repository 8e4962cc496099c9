"""The network: shapes, sharing over pitch, inference equal to the module, both settings."""

from __future__ import annotations

import copy
import dataclasses

import numpy as np
import pytest
import torch
from paper_settings import SMALL_PAPER, mel_features, paper_model
from safetensors import safe_open

from transcribe.features import FeatureConfig
from transcribe.model.config import ModelConfig
from transcribe.model.harmonic import IntervalNorm
from transcribe.model.onsets_and_frames import OnsetsAndFrames
from transcribe.notes import N_PITCHES
from transcribe.rolls import N_ACTIVATIONS, Rolls
from transcribe.weights_file import PACKAGED_CHECKPOINT

SMALL = ModelConfig(conv_channels=6, width=8, n_blocks=1, lstm_size=8, context_size=4, pedal_size=4)


def small_network(architecture: str = "harmonic") -> OnsetsAndFrames:
    torch.manual_seed(0)
    if architecture == "paper":
        return OnsetsAndFrames(SMALL_PAPER, mel_features()).eval()
    return OnsetsAndFrames(SMALL, FeatureConfig()).eval()


def random_frames(network: OnsetsAndFrames, n_frames: int) -> np.ndarray:
    features = network.features
    shape = (n_frames, features.n_channels, features.n_bins)
    return np.random.default_rng(1).random(shape).astype(np.float32)


@pytest.mark.parametrize("architecture", ["harmonic", "paper"])
def test_frames_in_activations_out(architecture):
    network = small_network(architecture)
    activations = network.activations(random_frames(network, 40))
    assert activations.shape == (40, N_ACTIVATIONS)
    rolls = Rolls.unstack(activations)
    assert 0 < rolls.onset.min() <= rolls.onset.max() < 1
    assert -1 < rolls.onset_shift.min() <= rolls.onset_shift.max() < 1
    assert rolls.onset_shift.min() < 0


def test_the_paper_network_has_the_paper_size():
    network = OnsetsAndFrames(paper_model(), mel_features())
    n_parameters = sum(parameter.numel() for parameter in network.parameters())
    assert 22e6 < n_parameters < 32e6


def test_parameters_keep_the_names_that_weights_files_have():
    """Renamed, and files and checkpoints of before would no longer load."""
    with safe_open(PACKAGED_CHECKPOINT, framework="pt") as file:
        stored = set(file.keys())
    harmonic = OnsetsAndFrames(ModelConfig(), FeatureConfig()).state_dict()
    assert set(harmonic) == stored
    paper = {name.removeprefix("network.") for name in small_network("paper").state_dict()}
    assert {name.rsplit(".", 1)[0] for name in paper} == {
        *(f"{plane}_stack.project" for plane in ("onset", "offset", "frame", "velocity")),
        *(
            f"{plane}_stack.layers.{index}.{part}"
            for plane in ("onset", "offset", "frame", "velocity")
            for index in (0, 1, 4)
            for part in ("conv", "norm")
        ),
        *(f"{plane}_sequence.lstm" for plane in ("onset", "offset", "frame", "pedal")),
        *(f"{plane}_head.linear" for plane in ("onset", "offset", "frame", "velocity")),
        "frame_hint",
        "pedal_head",
    }


def test_the_packaged_size_is_small():
    network = OnsetsAndFrames(ModelConfig(), FeatureConfig())
    assert sum(parameter.numel() for parameter in network.parameters()) < 1e6


@pytest.mark.parametrize("architecture", ["harmonic", "paper"])
def test_inference_says_what_the_module_says(architecture):
    """Folding the normalisation and computing in bfloat16 change little."""
    network = small_network(architecture)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.uniform_(-0.2, 0.2)
            module.running_var.uniform_(0.5, 1.5)
    frames = random_frames(network, 24)
    with torch.no_grad():
        expected = network(torch.from_numpy(frames)[None]).activations()[0].numpy()
    np.testing.assert_allclose(network.activations(frames), expected, atol=0.03)


def test_a_pitch_higher_by_a_semitone_moves_one_column():
    """What is learnt on one key holds for all: shifting the input shifts the output."""
    network = small_network()
    bins = network.features.bins_per_semitone
    frames = np.zeros((16, network.features.n_channels, network.features.n_bins), np.float32)
    low, high = frames.copy(), frames.copy()
    low[6:12, :, 120] = 0.8
    high[6:12, :, 120 + bins] = 0.8
    with torch.no_grad():
        of_low = network(torch.from_numpy(low)[None]).onset[0]
        of_high = network(torch.from_numpy(high)[None]).onset[0]
    middle = slice(30, 60)
    np.testing.assert_allclose(of_low[:, middle], of_high[:, 31:61], atol=1e-5)
    assert (of_low[:, middle] - of_high[:, middle]).abs().max() > 1e-3


@pytest.mark.parametrize("n_frames", [1, 2, 5])
def test_very_short_windows(n_frames):
    network = small_network()
    assert network.activations(random_frames(network, n_frames)).shape[0] == n_frames


def test_a_key_hears_its_harmonic_intervals_and_no_other_distant_key():
    """Without context: what sounds an octave away matters, what sounds a tritone away not."""
    config = dataclasses.replace(SMALL, context_size=0, harmonics=[[1.0], [1.0]], intervals=[12])
    torch.manual_seed(0)
    network = OnsetsAndFrames(config, FeatureConfig()).eval()
    bins = network.features.bins_per_semitone

    def onset_at_middle(sounding_key: int) -> torch.Tensor:
        frames = torch.zeros(1, 8, network.features.n_channels, network.features.n_bins)
        frames[..., sounding_key * bins + 1] = 1.0
        with torch.no_grad():
            return network(frames).onset[0, :, 44]

    silence = onset_at_middle(0)
    assert (onset_at_middle(44 + 12) - silence).abs().max() > 1e-4
    assert torch.equal(onset_at_middle(44 + 18), silence)


def test_weights_with_a_middle_in_every_interval_are_read_as_they_were_meant():
    """Before the key itself had a kernel, each of an interval's three keys was one of three."""
    torch.manual_seed(0)
    network = IntervalNorm(4, [12, 19]).eval()
    wide = [torch.randn(4, 4, 1, 3) for _ in network.convs]
    state = {name: value for name, value in network.state_dict().items() if "norm" in name}
    state |= {f"convs.{index}.weight": kernel for index, kernel in enumerate(wide)}
    network.load_state_dict(state)
    x = torch.randn(2, 4, 5, 88)
    expected = sum(
        torch.nn.functional.conv2d(x, kernel, padding=(0, n), dilation=(1, n))
        for kernel, n in zip(wide, [12, 19], strict=True)
    )
    torch.testing.assert_close(network(x), network.norm(expected).relu())


def test_context_lets_every_key_hear_the_whole_keyboard():
    frames = torch.zeros(1, 8, FeatureConfig().n_channels, FeatureConfig().n_bins)
    loud = frames.clone()
    loud[..., 200:210] = 1.0
    network = small_network()
    with torch.no_grad():
        assert not torch.equal(network(frames).onset[0, :, 5], network(loud).onset[0, :, 5])


def test_only_velocities_come_from_the_touch():
    """Its parameters move the velocity plane and no other."""
    network = small_network()
    frames = torch.rand(1, 8, FeatureConfig().n_channels, FeatureConfig().n_bins)
    with torch.no_grad():
        before = network(frames)
        for parameter in network.network.touch.parameters():
            parameter += 0.1
        after = network(frames)
    moved = [
        name
        for name in before._fields
        if not torch.equal(*(getattr(x, name) for x in (before, after)))
    ]
    assert moved == ["velocity"]


@pytest.mark.parametrize("n_frames", [7, 8])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_the_keys_are_followed_in_strides(stride, n_frames):
    """Whatever the stride, every frame has its own say."""
    config = dataclasses.replace(SMALL, lstm_stride=stride)
    torch.manual_seed(0)
    network = OnsetsAndFrames(config, FeatureConfig()).eval()
    frames = torch.from_numpy(random_frames(network, n_frames))[None]
    with torch.no_grad():
        onset = network(frames).onset[0]
    assert onset.shape == (n_frames, 88)
    assert len(onset.unique(dim=0)) == n_frames


@pytest.mark.parametrize(
    ("intervals", "n_left"),
    [([12, 19, 24, 28], 2), ([12, 24, 36], 0), ([19, 12, 24], 2), ([7, 7], 1), ([], 0)],
)
def test_intervals_that_are_joined_for_inference_say_what_they_said_apart(intervals, n_left):
    """The first one and its multiples in a row; the others stay."""
    apart = IntervalNorm(8, intervals).eval()
    apart.norm.running_mean.normal_()
    apart.norm.running_var.uniform_(0.5, 2)
    joined = copy.deepcopy(apart)
    joined.fuse()
    assert len(joined.convs) == n_left
    keys = torch.randn(2, 8, 5, N_PITCHES)
    with torch.no_grad():
        torch.testing.assert_close(joined(keys), apart(keys), atol=1e-5, rtol=1e-4)


def test_training_and_inference_do_not_disturb_each_other():
    """Weights changed after an inference are used by the next one."""
    network = small_network()
    frames = random_frames(network, 8)
    before = network.activations(frames)
    network.train()
    with torch.no_grad():
        network.network.head.linear.bias.add_(3.0)
    network.eval()
    assert np.all(Rolls.unstack(network.activations(frames)).onset > Rolls.unstack(before).onset)


def test_inference_leaves_the_module_as_it_was():
    """What inference prepares is no part of the module: not saved, not averaged."""
    network = small_network()
    keys = list(network.state_dict())
    network.activations(random_frames(network, 8))
    assert list(network.state_dict()) == keys


def test_every_parameter_learns():
    for architecture in ("harmonic", "paper"):
        network = small_network(architecture).train()
        frames = torch.from_numpy(random_frames(network, 12))[None]
        loss = sum(plane.square().mean() for plane in network(frames))
        loss.backward()
        for name, parameter in network.named_parameters():
            assert parameter.grad is not None, name
            assert parameter.grad.abs().max() > 0, name


def test_features_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="log-frequency"):
        OnsetsAndFrames(SMALL, mel_features())
    with pytest.raises(ValueError, match="one list a window"):
        OnsetsAndFrames(dataclasses.replace(SMALL, harmonics=[[1.0]]), FeatureConfig())
    with pytest.raises(ValueError, match="architecture"):
        OnsetsAndFrames(dataclasses.replace(SMALL, architecture="transformer"), FeatureConfig())
