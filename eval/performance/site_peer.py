"""basic-pitch in the tab, on the recording that `eval.performance.site` puts into ours.

    cd eval/performance/basic_pitch && npm ci && npm run build && cd -
    python -m eval.performance.site_peer RECORDING --minutes 40 --out eval/results/site-peer.json

It is used as its README says: the file is decoded as a whole and given to `evaluateModel`. It
has as long as `--patience` says; how far it came, what it took and how it ended are recorded.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from eval.common.command import new_parser, run
from eval.performance.browser import HOW_TO, browser, chromium, static_host
from eval.performance.site import watched, write_m4a
from transcribe.errors import TranscribeError
from transcribe.options import positive_number

SOURCE = Path(__file__).parent / "basic_pitch"
PAGE = (
    "<!doctype html><title>peer</title><input type=file><script type=module src=peer.js></script>"
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print and record; 1 with one line where something is missing."""
    parser = new_parser("eval.performance.site_peer", __doc__)
    parser.add_argument("recording", type=Path, help="a recording to repeat")
    parser.add_argument("--minutes", type=positive_number, default=40, help="default: 40")
    parser.add_argument("--patience", type=positive_number, default=20, help="minutes; default: 20")
    return run(parser, measure, arguments, show=_shown, positional=["recording"])


def _shown(record: Mapping[str, Any]) -> str:
    return json.dumps(record["basic-pitch"], indent=1)


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Give it the recording, and watch."""
    if chromium() is None:
        raise TranscribeError(HOW_TO)
    if not (SOURCE / "built/peer.js").is_file():
        raise TranscribeError("basic-pitch is not built; the top of site_peer.py says how")
    with tempfile.TemporaryDirectory() as name, browser() as started:
        folder = Path(name)
        shutil.copytree(SOURCE / "node_modules/@spotify/basic-pitch/model", folder / "model")
        shutil.copy(SOURCE / "built/peer.js", folder)
        (folder / "index.html").write_text(PAGE)
        recording = folder / "long.m4a"
        write_m4a(options.recording, 60 * options.minutes, recording)
        with static_host(folder) as address:
            page = started.new_page()
            crashed = []
            page.on("crash", lambda _: crashed.append(time.monotonic()))
            page.goto(address)
            page.set_input_files("input", recording)
            with watched(page) as seen:
                began = time.monotonic()
                page.evaluate("void window.hear(document.querySelector('input').files[0])")
                state: dict[str, Any] = {}
                while time.monotonic() - began < 60 * options.patience and not crashed:
                    page.wait_for_timeout(2000)
                    state = state if crashed else page.evaluate("window.state")
                    if state.get("error") or state.get("nNotes") is not None:
                        break
                took = time.monotonic() - began
    return {
        "basic-pitch": {
            "minutes": options.minutes,
            "seconds": round(took, 1),
            "has_crashed": bool(crashed),
            "error": state.get("error"),
            "share_done": state.get("share"),
            "n_notes": state.get("nNotes"),
            "megabytes_at_most": round(max(seen.bytes, default=0) / 1e6),
            "load_average": round(os.getloadavg()[0], 1),
        }
    }


if __name__ == "__main__":
    sys.exit(main())
