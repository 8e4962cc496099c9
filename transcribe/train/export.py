"""Export a checkpoint for the CPU: a smaller and faster network that needs no torch.

    python -m transcribe.train.export last.safetensors -o default.onnx experiment=default

Convolutions and LSTMs are quantised to 8 bits. How far their activations spread is measured
on windows of the experiment's training data. The exported network must then transcribe the
experiment's validation passages as well as the checkpoint does, by the decoder that ships;
otherwise nothing is written. ``--precision float32`` quantises nothing: that file is for
where 8 bits bring nothing, such as a browser.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import onnx
from hydra import compose, initialize_config_dir
from numpy.typing import NDArray

from transcribe.checkpoint import Checkpoint, load_checkpoint, save_exported
from transcribe.errors import SettingsError, TranscribeError
from transcribe.evaluation.aggregate import aggregate
from transcribe.evaluation.metrics import score
from transcribe.model.onnx_export import as_onnx
from transcribe.model.onnx_graph import INPUT
from transcribe.model.onnx_network import OnnxNetwork
from transcribe.model.quantisation import Spread, Spreads
from transcribe.onnx_runtime import onnxruntime
from transcribe.options import whole_number
from transcribe.train.conf import CONF
from transcribe.train.config import TrainConfig, plain
from transcribe.train.training_windows import TrainingWindows
from transcribe.train.validation_pieces import ValidationPieces
from transcribe.transcriber import Transcriber

INT8, FLOAT32 = "int8", "float32"
OUTERMOST = 1e-6
"""Share of a tensor's values, at either end, that may lie beyond its 8-bit numbers."""
LARGEST_LOSS_OF_F1 = 0.002
"""Of notes by onset, mean over the validation passages."""
LARGEST_RISE_OF_VELOCITY_ERROR = 0.5
"""Of 127, mean over the validation passages."""


@dataclass(frozen=True)
class Quality:
    """How well a network transcribes the validation passages: means over them."""

    f1: float
    """Of notes by onset within 50 ms, 0 to 1."""
    velocity_error: float
    """Mean absolute error of matched notes, of 127."""

    def __str__(self) -> str:
        return f"note F1 {100 * self.f1:.2f} %, velocity error {self.velocity_error:.2f}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Export as the arguments say; 1 if the network could not be exported."""
    parser = argparse.ArgumentParser(
        prog="python -m transcribe.train.export",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("checkpoint", type=Path, help="weights file (.safetensors)")
    parser.add_argument("-o", "--output", type=Path, required=True, help="file to write (.onnx)")
    parser.add_argument("--precision", choices=(INT8, FLOAT32), default=INT8, help="default: int8")
    parser.add_argument(
        "--windows", type=whole_number, default=32, help="to measure on; default: 32"
    )
    parser.add_argument(
        "--passages", type=whole_number, default=24, help="to compare on; default: 24"
    )
    parser.add_argument("overrides", nargs="*", help="Hydra overrides that name the data")
    options = parser.parse_intermixed_args(arguments)
    if options.output.suffix != ".onnx":
        parser.error(f"the output is an .onnx file; found {options.output}")
    with initialize_config_dir(str(CONF), version_base="1.3"):
        composed = compose("train", overrides=options.overrides)
    try:
        config = plain(composed)
        assert isinstance(config, TrainConfig)
        config.data.validation_windows = options.passages
        checkpoint = load_checkpoint(options.checkpoint)
        spreads = None
        if options.precision == INT8:
            spreads = measure(checkpoint, training_frames(config, checkpoint, options.windows))
        graph = as_onnx(checkpoint.trainable, spreads or None)[0].SerializeToString()
        check(checkpoint, graph, ValidationPieces(config.data, checkpoint.features))
        checkpoint.metadata |= {
            "n_parameters": str(checkpoint.n_parameters),
            "precision": INT8 if spreads else FLOAT32,
        }
        save_exported(checkpoint, graph, options.output)
    except TranscribeError as error:
        print(f"transcribe.train.export: {error}", file=sys.stderr)
        return 1
    print(f"{options.output}: {options.output.stat().st_size / 1e6:.2f} MB")
    return 0


def training_frames(
    config: TrainConfig, checkpoint: Checkpoint, n_windows: int
) -> Iterable[NDArray[np.float32]]:
    """Feature frames of windows as training draws them, each of shape (n_frames, ...).

    Nothing is learnt from them, so no music is left out.
    """
    data = replace(config.data, on_device=False, reuse=1, preload=False, held_out={})
    windows = TrainingWindows(data, config.augment, checkpoint.features, seed=config.seed)
    return (windows[index]["frames"].numpy() for index in range(n_windows))


def measure(checkpoint: Checkpoint, windows: Iterable[NDArray[np.float32]]) -> Spreads:
    """How far every tensor spreads that will be quantised, over all windows.

    Of a window's values the outermost millionth at either end does not count.
    """
    model, measured = as_onnx(checkpoint.trainable)
    if not measured:
        return {}
    model.graph.output.extend(
        onnx.helper.make_tensor_value_info(tensor, onnx.TensorProto.FLOAT, None)
        for tensor in measured.values()
    )
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    found: dict[str, list[Spread]] = {name: [] for name in measured}
    for frames in windows:
        tensors = session.run(list(measured.values()), {INPUT: frames[np.newaxis]})
        for name, tensor in zip(measured, tensors, strict=True):
            n_left_out = round(OUTERMOST * tensor.size)
            ends = np.partition(tensor.ravel(), (n_left_out, -1 - n_left_out))
            least, greatest = float(ends[n_left_out]), float(ends[-1 - n_left_out])
            found[name].append(Spread(least, greatest, tensor.mean((0, 2, 3), dtype=np.float64)))
    return {
        name: Spread(
            min(each.least for each in spreads),
            max(each.greatest for each in spreads),
            np.mean([each.means for each in spreads], axis=0),
        )
        for name, spreads in found.items()
    }


def check(checkpoint: Checkpoint, graph: bytes, pieces: ValidationPieces) -> None:
    """Compare a graph with the network that it was made of.

    Raises
    ------
    SettingsError
        There is nothing to compare them on, or the graph transcribes noticeably worse.
    """
    if not len(pieces):
        raise SettingsError(
            "an exported network is compared with its checkpoint on validation passages; found "
            "none: name data that has some, such as experiment=default"
        )
    exported = replace(checkpoint, model=OnnxNetwork(graph))
    before, after = quality(checkpoint, pieces), quality(exported, pieces)
    print(f"checkpoint: {before}\nexported: {after}", file=sys.stderr)
    if (
        before.f1 - after.f1 > LARGEST_LOSS_OF_F1
        or after.velocity_error - before.velocity_error > LARGEST_RISE_OF_VELOCITY_ERROR
    ):
        raise SettingsError(
            f"the exported network transcribes worse than its checkpoint ({after}; the checkpoint: "
            f"{before}); at most {100 * LARGEST_LOSS_OF_F1:.1f} points of F1 and "
            f"{LARGEST_RISE_OF_VELOCITY_ERROR:g} of velocity may be lost: measure on more "
            "--windows, or use --precision float32"
        )


def quality(checkpoint: Checkpoint, pieces: ValidationPieces) -> Quality:
    """How well a checkpoint's network transcribes the passages."""
    transcriber = Transcriber(checkpoint)
    sample_rate = checkpoint.features.sample_rate
    scores = []
    for index in range(len(pieces)):
        piece = pieces[index]
        found = transcriber.transcribe(piece.samples, sample_rate=sample_rate)
        scores.append(score(piece.performance, found.performance))
    means = aggregate(scores)
    velocity = means.get("as_found/velocity_error")
    return Quality(means["as_found/onset"].mean, velocity.mean if velocity else 0.0)


if __name__ == "__main__":
    sys.exit(main())
