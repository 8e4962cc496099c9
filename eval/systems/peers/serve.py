"""One transcription system behind a narrow protocol, whatever its libraries.

    python eval/systems/peers/serve.py ADAPTER THREADS CORES OPTIONS

``ADAPTER`` is a Python file with ``load(n_threads, **options)``, which imports and
loads the system once and returns a function of two paths, audio and MIDI, that transcribes
the one into the other. ``CORES`` are the only ones that this process may use, as ``0,1``
(empty: any); ``OPTIONS`` is a JSON object. Only the standard library is used here, so that
any Python from 3.8 runs it.

Requests come on stdin, answers go to stdout, one JSON object a line. The first answer says
that the system is loaded; then each ``{"audio": PATH, "midi": PATH}`` is answered with the
seconds it took. Whatever else libraries print goes to stderr. Times of start-up are not in
those of clips; memory is the peak of this process so far. A clip that the system fails on
ends this process, with the reason on stderr; whoever asked starts another.
"""

from __future__ import annotations

import importlib.util
import json
import os
import resource
import sys
import time
from pathlib import Path
from typing import IO, Any

THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
)


def main(words: list[str]) -> int:
    """Serve until stdin ends."""
    started = time.perf_counter()
    adapter, n_threads, cores, options = words[0], int(words[1]), words[2], json.loads(words[3])
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # a library that prints can't break the protocol
    pinned = pin(cores)
    for variable in THREAD_VARIABLES:
        os.environ[variable] = str(n_threads)
    spec = importlib.util.spec_from_file_location("adapter", adapter)
    if spec is None or spec.loader is None:
        raise ValueError(f"expected a Python file; found {adapter}")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    transcribe = module.load(n_threads, **options)
    answer(
        answers,
        {
            "ready": True,
            "load_seconds": time.perf_counter() - started,
            "peak_bytes": peak_bytes(),
            "pinned": pinned,
            "versions": versions(),
        },
    )
    for line in sys.stdin:
        request = json.loads(line)
        wall, cpu = time.perf_counter(), time.process_time()
        remarks = transcribe(request["audio"], request["midi"])
        answer(
            answers,
            {
                "warnings": list(remarks or ()),
                "wall_seconds": time.perf_counter() - wall,
                "cpu_seconds": time.process_time() - cpu,
                "peak_bytes": peak_bytes(),
            },
        )
    return 0


def answer(answers: IO[str], content: dict[str, Any]) -> None:
    """One line, at once."""
    answers.write(json.dumps(content) + "\n")
    answers.flush()


def pin(cores: str) -> bool:
    """Allow this process these cores only; whether the system knows how."""
    if not (cores and hasattr(os, "sched_setaffinity")):
        return False
    os.sched_setaffinity(0, {int(core) for core in cores.split(",")})
    return True


def peak_bytes() -> int:
    """Peak resident size of this process alone.

    ``getrusage`` counts what the parent held at the fork; ``VmHWM`` does not, where it is.
    """
    try:
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def versions() -> dict[str, str]:
    """Every package that is imported by now and has a version, and Python's own."""
    found = {"python": "{}.{}.{}".format(*sys.version_info[:3])}
    for name in ("torch", "numpy", "onnxruntime", "librosa", "scipy", "pretty_midi"):
        module = sys.modules.get(name)
        if module is not None and hasattr(module, "__version__"):
            found[name] = module.__version__
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
