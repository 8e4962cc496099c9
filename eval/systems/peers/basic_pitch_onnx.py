"""basic-pitch with its ONNX weights and its own default settings.

It transcribes any instrument: it writes offsets of what sounds, no pedal, and pitch bends, which
the reader leaves out, since a note's pitch is that of its key.
"""

from __future__ import annotations

from collections.abc import Callable


def load(n_threads: int) -> Callable[[str, str], None]:
    """Load the network once; onnxruntime takes every core unless it is limited."""
    import basic_pitch
    import onnxruntime
    from basic_pitch.inference import Model, predict

    path = basic_pitch.build_icassp_2022_model_path(basic_pitch.FilenameSuffix.onnx)
    model = Model(path)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = n_threads
    options.inter_op_num_threads = 1
    model.model = onnxruntime.InferenceSession(
        str(path), options, providers=["CPUExecutionProvider"]
    )

    def transcribe(audio: str, midi: str) -> None:
        predict(audio, model)[1].write(midi)

    return transcribe
