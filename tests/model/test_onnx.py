"""An exported network computes what the network in torch does, and is refused if damaged."""

from __future__ import annotations

import dataclasses

import numpy as np
import onnx
import pytest
import torch
from paper_settings import SMALL_PAPER, mel_features

from tests.model.test_quantisation import largest_sum_of_two
from transcribe.checkpoint import Checkpoint, load_checkpoint, save_checkpoint, save_exported
from transcribe.decode.config import DecodeConfig
from transcribe.errors import CheckpointError, SettingsError
from transcribe.features import FeatureConfig
from transcribe.hardware import n_cores
from transcribe.model.config import ModelConfig
from transcribe.model.onnx_export import LIKELY_ONSET, as_onnx
from transcribe.model.onnx_graph import Graph
from transcribe.model.onnx_network import OnnxNetwork
from transcribe.model.onsets_and_frames import OnsetsAndFrames
from transcribe.model.quantisation import Spread
from transcribe.onnx_runtime import onnxruntime
from transcribe.rolls import PITCH_PLANES, Rolls
from transcribe.train import export
from transcribe.weights_file import read_provenance
from transcribe.windows import WindowConfig

HARMONIC = ModelConfig(
    conv_channels=6, width=8, n_blocks=2, lstm_size=8, context_size=4, pedal_size=4, lstm_stride=3
)
VARIANTS = {
    "harmonic": (HARMONIC, FeatureConfig()),
    "without context": (dataclasses.replace(HARMONIC, context_size=0), FeatureConfig()),
    "without a velocity head": (dataclasses.replace(HARMONIC, velocity_size=0), FeatureConfig()),
    "without blocks": (dataclasses.replace(HARMONIC, n_blocks=0), FeatureConfig()),
    "intervals that are no multiples": (
        dataclasses.replace(HARMONIC, intervals=[7, 19]),
        FeatureConfig(),
    ),
    "paper": (SMALL_PAPER, mel_features()),
}


def checkpoint_of(name: str) -> Checkpoint:
    config, features = VARIANTS[name]
    torch.manual_seed(0)
    network = OnsetsAndFrames(config, features)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.uniform_(-0.2, 0.2)
            module.running_var.uniform_(0.5, 1.5)
    metadata = {"name": "small", "version": "3", "licence": "CC0", "sha256": "of the arrays"}
    return Checkpoint(network.eval(), features, WindowConfig(), DecodeConfig(), metadata)


def random_windows(network: OnsetsAndFrames, n_windows: int, n_frames: int) -> np.ndarray:
    features = network.features
    shape = (n_windows, n_frames, features.n_channels, features.n_bins)
    return np.random.default_rng(1).random(shape, np.float32)


def in_torch(network: OnsetsAndFrames, windows: np.ndarray) -> np.ndarray:
    """Activations, without the velocities that an exported network leaves out."""
    with torch.no_grad():
        activations = network(torch.from_numpy(windows)).activations().numpy()
    if getattr(network.network, "touch", None) is not None:
        for window in activations:
            rolls = Rolls.unstack(window)
            rolls.velocity[rolls.onset < LIKELY_ONSET] = 0
    return activations


@pytest.mark.parametrize("name", VARIANTS)
def test_any_number_of_windows_of_any_length(name):
    """One graph for all of them, with lengths that the strides do and do not divide."""
    network = checkpoint_of(name).trainable
    exported = OnnxNetwork(as_onnx(network)[0].SerializeToString(), threads=1)
    for n_windows, n_frames in [(1, 1), (1, 7), (3, 8), (2, 30)]:
        windows = random_windows(network, n_windows, n_frames)
        expected = in_torch(network, windows)
        np.testing.assert_allclose(exported.batch_activations(windows), expected, atol=1e-5)
        np.testing.assert_allclose(exported.activations(windows[0]), expected[0], atol=1e-5)


def test_a_network_takes_no_more_threads_than_there_are_cores(monkeypatch):
    graph = as_onnx(checkpoint_of("harmonic").trainable)[0].SerializeToString()
    taken = []
    session = onnxruntime.InferenceSession

    def watched(content, options, **words):
        taken.append(options.intra_op_num_threads)
        return session(content, options, **words)

    monkeypatch.setattr(onnxruntime, "InferenceSession", watched)
    for threads in (None, 1, n_cores() + 8):
        OnnxNetwork(graph, threads=threads)
    assert taken == [n_cores(), 1, n_cores()]


@pytest.mark.parametrize("name", [name for name in VARIANTS if name != "paper"])
def test_eight_bits_change_little(name):
    checkpoint = checkpoint_of(name)
    network = checkpoint.trainable
    windows = random_windows(network, 2, 31)
    graph, _ = as_onnx(network, export.measure(checkpoint, windows))
    assert any(node.op_type == "QLinearConv" for node in graph.graph.node)
    found = OnnxNetwork(graph.SerializeToString(), threads=1).batch_activations(windows)
    expected = in_torch(network, windows)
    for plane in PITCH_PLANES:
        ours, theirs = (getattr(Rolls.unstack(each[0]), plane) for each in (found, expected))
        assert np.abs(ours - theirs).max() < 0.02, plane


@pytest.mark.parametrize("in_8_bits", [False, True])
@pytest.mark.parametrize(("typical", "shares"), [(1e-9, (0.0, 0.0)), (LIKELY_ONSET, (0.3, 0.7))])
def test_velocities_are_computed_where_an_onset_is_likely(typical, shares, in_8_bits):
    """And nowhere if there is no such place."""
    checkpoint = checkpoint_of("harmonic")
    network = checkpoint.trainable
    windows = random_windows(network, 2, 31)
    with torch.no_grad():
        head = network.network.head
        median = network(torch.from_numpy(windows)).onset.median()
        head.linear.bias[head.names.index("onset")] += torch.logit(torch.tensor(typical)) - median
    spreads = export.measure(checkpoint, windows) if in_8_bits else None
    exported = OnnxNetwork(as_onnx(network, spreads)[0].SerializeToString(), threads=1)
    found = exported.batch_activations(windows)
    for activations, expected in zip(found, in_torch(network, windows), strict=True):
        ours, theirs = Rolls.unstack(activations), Rolls.unstack(expected)
        is_computed = ours.onset >= LIKELY_ONSET
        assert shares[0] <= is_computed.mean() <= shares[1]
        assert (ours.velocity[ours.onset < LIKELY_ONSET - 1e-6] < 1e-9).all()
        both = np.minimum(ours.onset, theirs.onset) >= LIKELY_ONSET + 1e-6
        assert both.any() == (shares[1] > 0)
        np.testing.assert_allclose(ours.velocity[both], theirs.velocity[both], atol=0.02)


def test_what_rounding_takes_from_a_channel_is_given_back_to_its_bias():
    """Rounded weights shift what a layer comes to on average; the shift is known beforehand."""
    torch.manual_seed(3)
    conv = torch.nn.Conv2d(16, 4, 1)
    x = 3 + torch.rand(1, 16, 20, 88)
    with torch.no_grad():
        conv.bias.fill_(8.0)
        expected = conv(x).relu().numpy()
    spreads = {
        "x": Spread(0.0, 4.0, x.mean((0, 2, 3)).numpy()),
        "y": Spread(0.0, float(expected.max()), np.zeros(4)),
    }
    graph = Graph(spreads)
    small = graph.convolution_in_8_bits(graph.quantised("x", "x"), "x", "y", conv)
    found = run_graph(graph, graph.dequantised(small, "y"), x.permute(0, 2, 3, 1).numpy())
    shift = found.mean((0, 1, 2)) - expected.mean((0, 2, 3))
    step = expected.max() / 255
    assert np.abs(shift).max() < 0.2 * step


def run_graph(graph: Graph, output: str, x: np.ndarray) -> np.ndarray:
    """What a graph without its usual input and output computes of ``x``."""
    made = onnx.helper.make_graph(
        graph.nodes,
        "part",
        [onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, x.shape)],
        [onnx.helper.make_tensor_value_info(output, onnx.TensorProto.FLOAT, None)],
        graph.initializers,
    )
    opsets = [onnx.helper.make_opsetid("", 17), onnx.helper.make_opsetid("com.microsoft", 1)]
    model = onnx.helper.make_model(made, opset_imports=opsets, ir_version=8)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    return session.run(None, {"x": x})[0]


def test_no_weights_of_a_network_in_8_bits_overflow_16():
    """Processors without VNNI add two products in 16 bits."""
    checkpoint = checkpoint_of("harmonic")
    windows = random_windows(checkpoint.trainable, 1, 9)
    model, _ = as_onnx(checkpoint.trainable, export.measure(checkpoint, windows))
    constants = {each.name: onnx.numpy_helper.to_array(each) for each in model.graph.initializer}
    lstm = {1: 1, 2: 1}
    axes = {"QLinearConv": {3: 1}, "DynamicQuantizeMatMul": {1: 0}, "DynamicQuantizeLSTM": lstm}
    n_checked = dict.fromkeys(axes, 0)
    for node in model.graph.node:
        for place, axis in axes.get(node.op_type, {}).items():
            assert largest_sum_of_two(constants[node.input[place]], axis) <= 32767, node.name
            n_checked[node.op_type] += 1
    assert min(n_checked.values()) > 0


@pytest.fixture
def exported(tmp_path):
    checkpoint = checkpoint_of("harmonic")
    path = tmp_path / "folder" / "small.onnx"
    save_exported(checkpoint, as_onnx(checkpoint.trainable)[0].SerializeToString(), path)
    return path


def test_an_exported_file_is_all_that_is_needed(exported):
    loaded, expected = load_checkpoint(exported), checkpoint_of("harmonic")
    assert loaded.features == expected.features
    assert loaded.windows == expected.windows
    assert loaded.decode == expected.decode
    assert loaded.model.device_name == "cpu"
    assert {**loaded.metadata, "graph_sha256": ""} == {**expected.metadata, "graph_sha256": ""}
    assert read_provenance(exported).name == "small 3"
    assert read_provenance(exported).sha256 == "of the arrays"
    windows = random_windows(expected.trainable, 1, 9)
    np.testing.assert_allclose(
        loaded.model.batch_activations(windows), in_torch(expected.trainable, windows), atol=1e-5
    )


def test_an_exported_file_is_read_by_onnx(exported):
    model = onnx.load(exported)
    onnx.checker.check_model(model)
    assert {each.key: each.value for each in model.metadata_props}["licence"] == "CC0"


@pytest.mark.parametrize("place", [40, -1500, 0.5])
def test_a_changed_byte_is_found(exported, place):
    content = bytearray(exported.read_bytes())
    content[int(place * len(content)) if isinstance(place, float) else place] ^= 1
    exported.write_bytes(content)
    with pytest.raises(CheckpointError, match="get it again"):
        load_checkpoint(exported)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.999])
def test_a_truncated_file_is_refused(exported, share):
    content = exported.read_bytes()
    exported.write_bytes(content[: int(share * len(content))])
    with pytest.raises(CheckpointError, match=r"get it again|another program"):
        load_checkpoint(exported)


@pytest.mark.parametrize("content", [b"not a model", b"\x00" * 100, b"RIFF1234WAVEfmt "])
def test_what_is_no_model_is_refused(tmp_path, content):
    path = tmp_path / "song.onnx"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"not a readable weights file .ONNX."):
        load_checkpoint(path)


def test_a_model_of_another_program_is_refused(tmp_path):
    path = tmp_path / "other.onnx"
    path.write_bytes(as_onnx(checkpoint_of("harmonic").trainable)[0].SerializeToString())
    with pytest.raises(CheckpointError, match=r"expected .*'transcribe-onnx-1', found 'none'"):
        load_checkpoint(path)


def test_an_exported_network_neither_trains_nor_runs_on_a_gpu(exported, tmp_path):
    with pytest.raises(CheckpointError, match=r"runs on the CPU only, not on 'cuda'"):
        load_checkpoint(exported, device="cuda")
    with pytest.raises(CheckpointError, match=r"expected weights as training writes them"):
        save_checkpoint(load_checkpoint(exported), tmp_path / "again.safetensors")


@pytest.mark.parametrize(
    ("f1", "velocity_error", "is_refused"),
    [(0.949, 6.4, False), (0.947, 6.0, True), (0.960, 6.6, True)],
)
def test_an_export_that_transcribes_worse_is_refused(monkeypatch, f1, velocity_error, is_refused):
    qualities = iter([export.Quality(0.95, 6.0), export.Quality(f1, velocity_error)])
    monkeypatch.setattr(export, "quality", lambda *_: next(qualities))
    checkpoint = checkpoint_of("harmonic")
    graph = as_onnx(checkpoint.trainable)[0].SerializeToString()
    if is_refused:
        with pytest.raises(SettingsError, match="transcribes worse than its checkpoint"):
            export.check(checkpoint, graph, [object()])
    else:
        export.check(checkpoint, graph, [object()])


def test_an_export_that_can_not_be_compared_is_refused():
    with pytest.raises(SettingsError, match="found none: name data that has some"):
        export.check(checkpoint_of("harmonic"), b"", [])
