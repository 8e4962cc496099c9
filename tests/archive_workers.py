"""Workers for tests of archives: what they make of a recording is in its name.

They are made in processes of their own, so they stand in a module that these can import.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from transcribe.archive.jobs import DONE, FAILED, Outcome, Output
from transcribe.archive.storage.opening import open_store


@dataclass
class ByName:
    """Ends, hangs, swells or fails as a recording's name begins; else writes its outputs.

    Every attempt leaves a line in the file ``log``.
    """

    log: str
    seconds: float = 0.0

    def __call__(self, job, beat=None):
        with Path(self.log).open("a") as file:
            how = "alone" if job.isolated else "shared"
            name = job.name.replace(" ", "_")
            file.write(f"{name} {job.attempt} {how} {os.getpid()}\n")
        name = Path(job.name).name
        time.sleep(self.seconds)
        if name.startswith("crash") or (name.startswith("once") and job.attempt == 1):
            os._exit(7)
        if "fetched" in name:
            Path(tempfile.gettempdir(), "fetched").write_bytes(b"a recording")
        if name.startswith("hang"):
            time.sleep(600)
        if name.startswith("swell"):
            held = bytearray(b"1") * 300_000_000
            time.sleep(600 + len(held))
        if name.startswith("bad"):
            return Outcome(state=FAILED, cause="not a recording", error="it is bad")
        if name.startswith("weighs"):
            mega = int(Path(name).stem.partition(" ")[2])
            return Outcome(state=FAILED, cause="not a recording", peak_memory=mega * 1_000_000)
        if name.startswith("flaky") and job.attempt < 3:
            return Outcome(state=FAILED, cause="can't be read", error="no answer", may_pass=True)
        if name.startswith("full"):
            return Outcome(state=FAILED, cause="disk full", error="no space left", may_pass=True)
        found = open_store(job.source).stat(job.place)
        with open_store(job.source).fetch(job.place) as path:
            content = path.read_bytes()
        outputs = []
        for kind, output in job.outputs:
            made = b"transcribed " + content
            put = open_store(job.destination).put(output, made)
            digest = hashlib.sha256(made).hexdigest()
            outputs.append(Output(kind, output, len(made), digest, put.modified))
        return Outcome(
            state=DONE,
            sha256=hashlib.sha256(content).hexdigest(),
            recording=found,
            duration=60.0,
            confidence=0.97,
            outputs=tuple(outputs),
            seconds=1.0,
        )


def unfit():
    """A worker that can't be made."""
    raise ValueError("no such weights")


def stillborn():
    """A worker that ends before it is ready."""
    os._exit(3)
