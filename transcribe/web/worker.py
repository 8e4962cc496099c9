"""The process that transcribes recordings: jobs come in as lines of JSON, messages go out.

    python -m transcribe.web.worker [--device NAME] [--threads N] [--checkpoint FILE]

It loads the weights once, says ``{"kind": "ready"}``, and then takes one job a line,
``{"recording": path, "folder": path, "part": [from, to] or null}``. An error of a recording
is sent as ``{"kind": "failed"}``; whatever kills the process kills nothing else. It ends with
its input, or when nobody reads its messages.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import traceback
from pathlib import Path
from typing import Any

import numpy as np

from transcribe.errors import UNEXPECTED, TranscribeError
from transcribe.hardware import go_first
from transcribe.options import whole_number
from transcribe.web.library_entry import as_excerpt
from transcribe.web.messages import user_message
from transcribe.web.transcription_job import Send, transcribe_into


def main() -> int:
    """Take jobs until there are no more."""
    parser = argparse.ArgumentParser(prog="transcribe.web.worker")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=whole_number)
    parser.add_argument("--checkpoint")
    options = parser.parse_args()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server, which ends us
    go_first()
    out = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # whatever a library prints

    def send(message: dict[str, Any]) -> None:
        out.write(json.dumps(message) + "\n")
        out.flush()

    try:
        return _work(options, send)
    except BrokenPipeError:
        return 0


def _work(options: argparse.Namespace, send: Send) -> int:
    from transcribe.transcriber import Transcriber

    try:
        transcriber = Transcriber.load(
            options.checkpoint, device=options.device, threads=options.threads
        )
        second = np.zeros(transcriber.checkpoint.features.sample_rate, np.float32)
        transcriber([second])  # so that the first recording does not wait for it
    except (TranscribeError, OSError, ValueError, RuntimeError) as error:
        traceback.print_exc()
        words = f"The model could not be loaded: {error}"
        send({"kind": "unfit", "error": words, "reason": str(error)})
        return 1
    send({"kind": "ready"})
    for line in sys.stdin:
        job = json.loads(line)
        recording = Path(job["recording"])
        try:
            excerpt = as_excerpt(job.get("part"))
            transcribe_into(transcriber, recording, Path(job["folder"]), send, excerpt)
        except BrokenPipeError:
            raise
        except (TranscribeError, OSError, MemoryError, *UNEXPECTED) as error:
            traceback.print_exc()
            message = user_message(error, recording)
            send({"kind": "failed", **message.as_json()})
    return 0


if __name__ == "__main__":
    sys.exit(main())
