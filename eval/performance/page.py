"""How soon the page shows notes of a long recording, and how smoothly it moves with many.

    python -m eval.performance.page RECORDING --minutes 60 --notes 50000 \\
        --out eval/results/page.json

First the page is loaded twice: how many requests and bytes that takes, and how long.
The recording, repeated to a length, is put in through the page in headless Chromium; the
time is from the end of the upload to the first notes on the page. Then the page is given
synthetic notes, as many as asked for, and scrolls and zooms with every frame: near, over
two minutes, over everything. Frames a second are from the frames' own times in the page.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from eval.common.command import new_parser, run
from eval.performance.browser import HOW_TO, browser, chromium, serving
from eval.performance.speed import write_repeated
from transcribe.errors import TranscribeError
from transcribe.options import positive_number, positive_seconds, whole_number

PATIENCE = 600_000
"""Milliseconds after which nothing more is expected."""
AT_REST = 12_000
"""Milliseconds after which everything that comes with a recording is loaded."""
FRAMES = """async ({dy, zoom, swing, seconds}) => {
  const roll = document.getElementById("roll");
  const { left, top } = roll.getBoundingClientRect();
  const times = [];
  await new Promise((done) => {
    const frame = (time) => {
      times.push(time);
      const back = swing && Math.floor(times.length / 60) % 2 ? -1 : 1;
      roll.dispatchEvent(new WheelEvent("wheel", { cancelable: true, clientX: left + 600,
        clientY: top + 300, deltaY: dy * back, ctrlKey: zoom }));
      if (time - times[0] > 1000 * seconds) done();
      else requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  });
  return times;
}"""
"""Turn the wheel with every frame; the times of the frames in milliseconds."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print and record; 1 with one line where there is no browser."""
    parser = new_parser("eval.performance.page", __doc__)
    parser.add_argument("recording", type=Path, help="a recording to repeat")
    parser.add_argument("--minutes", type=positive_number, default=60, help="default: 60")
    parser.add_argument("--notes", type=whole_number, default=50_000, help="default: 50000")
    parser.add_argument(
        "--seconds", type=positive_seconds, default=5, help="of each movement; default: 5"
    )
    return run(parser, measure, arguments, show=_shown, positional=["recording"])


def _shown(record: Mapping[str, Any]) -> str:
    return json.dumps(
        {key: record[key] for key in ("browser", "weight", "first_notes", "frames")}, indent=1
    )


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """First notes of the long recording, then frames a second with many notes."""
    if chromium() is None:
        raise TranscribeError(HOW_TO)
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder) / "served") as address:
        long = Path(folder) / "long.wav"
        write_repeated(options.recording, 60 * options.minutes, long)
        with browser() as started:
            weighed = weight(started, address)
            page = started.new_page(viewport={"width": 1280, "height": 800})
            page.set_default_timeout(PATIENCE)
            first = first_notes(page, address, long)
            page.click("#progress-cancel")
            page.locator("#progress-words", has_text="Stopped after").wait_for()
            frames = movements(page, options.notes, 60 * options.minutes, options.seconds)
            version = started.version
    return {
        "browser": f"headless Chromium {version}",
        "weight": weighed,
        "first_notes": first,
        "frames": frames,
    }


def weight(started: Any, address: str) -> dict[str, dict[str, Any]]:
    """Requests, bytes that were sent and seconds until the list is there; then once more."""
    context = started.new_context()
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    session = context.new_cdp_session(page)
    session.send("Network.enable")
    sizes: list[float] = []
    session.on("Network.loadingFinished", lambda told: sizes.append(told["encodedDataLength"]))
    measured = {}
    for name in ("first visit", "second visit"):
        sizes.clear()
        began = time.perf_counter()
        page.goto(address)
        page.locator("#list-empty").wait_for()
        seconds = time.perf_counter() - began
        page.wait_for_timeout(1000)
        measured[name] = {
            "requests": sum(size > 0 for size in sizes),  # none for what the browser has kept
            "kilobytes": round(sum(sizes) / 1000, 1),
            "seconds": round(seconds, 2),
        }
        page.goto("about:blank")
    context.close()
    return measured


def first_notes(page: Any, address: str, recording: Path) -> dict[str, Any]:
    """Seconds from the upload's end to the first notes on the page."""
    page.goto(address)
    page.locator("#list-empty").wait_for()
    ended: list[float] = []

    def note_the_end(answer: Any) -> None:
        if answer.request.method == "POST":
            ended.append(time.perf_counter())

    page.on("response", note_the_end)
    began = time.perf_counter()
    page.set_input_files("#files", recording)
    page.locator("#n-notes", has_text=re.compile("^[1-9]")).wait_for()
    shown = time.perf_counter()
    return {
        "upload_bytes": recording.stat().st_size,
        "upload_seconds": round(ended[0] - began, 2),
        "seconds_after_upload": round(shown - ended[0], 2),
    }


def movements(page: Any, n_notes: int, duration: float, seconds: float) -> dict[str, Any]:
    """Frames a second while scrolling and zooming through synthetic notes."""
    notes = json.dumps(synthetic(n_notes, duration))
    page.route("**/notes?*", lambda route: route.fulfill(body=notes))
    page.reload()
    page.locator("#n-notes", has_text=f"{n_notes:,} notes").wait_for()
    page.wait_for_timeout(AT_REST)
    measured = {}
    for name, clicks, wheel in (
        ("scrolling near", 0, {"dy": 40}),
        ("scrolling over two minutes", 5, {"dy": 40}),
        ("scrolling over most of it", 3, {"dy": 40, "swing": True}),
        ("zooming from everything", None, {"dy": -16, "zoom": True, "swing": True}),
    ):
        for _ in range(clicks or 0):
            page.click("#zoom-out")
        if clicks is None:
            page.click("#zoom-all")
        turned = {"swing": False, "zoom": False, **wheel, "seconds": seconds}
        gaps = np.diff(page.evaluate(FRAMES, turned))
        measured[name] = {
            "frames_a_second": round(1000 / float(gaps.mean()), 1),
            "longest_frame_of_twenty_ms": round(float(np.percentile(gaps, 95)), 1),
            "longest_frame_ms": round(float(gaps.max()), 1),
        }
    return measured


def synthetic(n_notes: int, duration: float) -> dict[str, Any]:
    """Notes as the server gives them: any time, any key, some doubtful, some by hand."""
    random = np.random.default_rng(0)
    onsets = np.sort(random.uniform(0, duration - 5, n_notes))
    pitches = np.clip(random.normal(62, 14, n_notes), 21, 108).astype(int)
    lengths = 0.05 + random.exponential(0.3, n_notes)
    velocities = random.integers(20, 120, n_notes)
    confidences = random.beta(20, 1, n_notes)
    rows = [
        [str(i), round(on, 3), int(pitch), round(on + length, 3), int(velocity), round(sure, 3), 0]
        for i, (on, pitch, length, velocity, sure) in enumerate(
            zip(onsets.tolist(), pitches, lengths.tolist(), velocities, confidences, strict=True)
        )
    ]
    pedal = [[start, start + 1.5] for start in np.arange(0, duration - 2, 2.0).tolist()]
    return {
        "version": "synthetic",
        "n_notes": n_notes,
        "notes": rows,
        "pedal": pedal,
        "settings": {"threshold": 0.5, "minimum_duration": 0},
        "can_undo": False,
        "can_redo": False,
    }


if __name__ == "__main__":
    sys.exit(main())
