"""A system for tests of the harness: what it hears lies ready in a folder.

Run by `eval.systems.peers.serve` like any other; only the standard library is used.
"""

import os
import shutil
import sys
from pathlib import Path


def load(n_threads, answers="", crash=""):
    """Hear ``NAME.wav`` as ``answers/NAME.mid`` says; end the process on the clip ``crash``."""
    print("a library that prints on loading")
    if crash == "load":
        sys.exit("no such weights")

    def transcribe(audio, midi):
        print(f"hearing {audio} on {n_threads} thread(s)")
        name = Path(audio).stem
        if name == "warm-up":
            if crash == name:
                sys.exit("no such instruction")
            return []
        with (Path(answers) / "heard.txt").open("a") as log:
            log.write(f"{name}\n")
        if name == crash:
            print("out of memory", file=sys.stderr, flush=True)
            os._exit(9)
        if (Path(answers) / f"{name}.mid").is_file():
            shutil.copy(Path(answers) / f"{name}.mid", midi)
        long = Path(answers) / f"{name}.sustained.mid"
        if long.is_file():
            shutil.copy(long, Path(midi).with_suffix(".sustained.mid"))
        return [f"{name} is quiet"]

    return transcribe
