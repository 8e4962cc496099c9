"""A network that was exported to ONNX, run on the CPU by ONNX Runtime."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from transcribe.hardware import n_cores
from transcribe.onnx_runtime import onnxruntime

_INPUT, _OUTPUT = "frames", "activations"
_ERRORS_ONLY = 3


class OnnxNetwork:
    """Runs one graph; see `network.Network`.

    Parameters
    ----------
    content : bytes
        An ONNX file, made by `transcribe.model.onnx_graph`.
    threads : int, optional
        How many cores one window may take; all of this process's if left out.

    Raises
    ------
    ValueError
        The file is no such graph, or needs a newer ONNX Runtime.

    Its calls raise RuntimeError where ONNX Runtime fails, such as for want of memory.
    """

    device_name = "cpu"

    def __init__(self, content: bytes, *, threads: int | None = None) -> None:
        options = onnxruntime.SessionOptions()
        # More than there are cores would wait for each other at full load.
        options.intra_op_num_threads = min(threads or n_cores(), n_cores())
        options.log_severity_level = _ERRORS_ONLY
        # A plan of memory for each length of window costs a sixth more memory, and no time less.
        options.enable_mem_pattern = False
        try:
            self._session = onnxruntime.InferenceSession(
                content, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # ONNX Runtime raises classes of its own, without a base
            raise ValueError(f"ONNX Runtime {onnxruntime.__version__}: {error}") from error
        found = [each.name for each in (*self._session.get_inputs(), *self._session.get_outputs())]
        if found != [_INPUT, _OUTPUT]:
            raise ValueError(f"expected a graph from {_INPUT} to {_OUTPUT}, found {found}")

    def activations(self, frames: NDArray[np.float32]) -> NDArray[np.float32]:
        """One window; see `network.Network`."""
        return self.batch_activations(frames[np.newaxis])[0]

    def batch_activations(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Windows of one length; see `network.Network`."""
        try:
            found: NDArray[np.float32] = self._session.run([_OUTPUT], {_INPUT: windows})[0]
        except Exception as error:  # as above
            raise RuntimeError(f"ONNX Runtime: {error}") from error
        return found
