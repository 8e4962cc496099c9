"""The page of `transcribe site` in headless Chromium: are its notes the command's, how fast is it?

    python -m eval.performance.site RECORDING --minutes 40 --agree-on FOLDER \\
        --out eval/results/site.json

Three things are measured. *Weight*: the bytes of a first visit, and how soon the page can be
used. *Long*: the recording, repeated to a length and written as m4a, is put in; the time to the
first notes and to the last, the processor time of the worker that transcribes, the memory of
the tab (resident bytes of its process, sampled twice a second), frames a second while it is
scrolled, and the tasks of the page's own thread from beginning to end (`main_thread`): how long
by the clock and of a processor, and for how long together that thread ran, and was ready to run
while other work had the processors.
*Agreement*: every recording of a folder with labels, through the tab and through the command: F1
of the onsets at 5 ms between the two, and the scores of each.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from mir_eval.transcription import match_notes
from numpy.typing import NDArray

from eval.common.command import new_parser, run
from eval.data.recordings import encode
from eval.performance.browser import HOW_TO, browser, chromium, static_host
from eval.performance.main_thread import summary, traced
from eval.performance.page import FRAMES
from transcribe.audio.reader import read_audio
from transcribe.datasets.labels import read_labels
from transcribe.errors import TranscribeError
from transcribe.evaluation.metrics import note_f1, onset_f1
from transcribe.midi import read_midi
from transcribe.notes import Performance
from transcribe.options import number_from_0
from transcribe.transcriber import Transcriber
from transcribe.web.site import write_site

PATIENCE = 4 * 3600_000
"""Milliseconds after which nothing more is expected."""
SOON = 120_000
CLOSE = 0.005
"""Seconds within which the tab's onsets and the command's are the same."""
RATE = 44_100
_TICKS = os.sysconf("SC_CLK_TCK")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print and record; 1 with one line where there is no browser."""
    parser = new_parser("eval.performance.site", __doc__)
    parser.add_argument("recording", type=Path, help="a recording to repeat")
    parser.add_argument(
        "--minutes", type=number_from_0, default=40, help="default: 40; 0 leaves it out"
    )
    parser.add_argument("--agree-on", type=Path, help="folder of .flac with labels as .tsv")
    parser.add_argument("--threads", action="store_true", help="let the network take all cores")
    return run(parser, measure, arguments, show=_shown, positional=["recording"])


def _shown(record: Mapping[str, Any]) -> str:
    return json.dumps({key: record.get(key) for key in ("weight", "long", "agreement")}, indent=1)


def measure(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """One part after the other; each is recorded as soon as it is there."""
    if chromium() is None:
        raise TranscribeError(HOW_TO)
    with tempfile.TemporaryDirectory() as name, browser() as started:
        folder = Path(name)
        write_site(folder / "site")
        with static_host(folder / "site") as address:
            record: dict[str, Any] = {"browser": f"headless Chromium {started.version}"}
            with visited(started, address) as page:
                record["weight"] = weight(page, address)
                yield record
            if options.minutes:
                recording = folder / "long.m4a"
                write_m4a(options.recording, 60 * options.minutes, recording)
                with visited(started, address, threads=options.threads) as page:
                    record["long"] = long(page, address, recording, 60 * options.minutes)
                yield record
            if options.agree_on is not None:
                with visited(started, address) as page:
                    record["agreement"] = agreement(page, address, options.agree_on, folder)
                yield record


@contextmanager
def visited(started: Any, address: str, *, threads: bool = True) -> Iterator[Any]:
    """A new page of the site, kept for use without a network if it may use several cores."""
    context = started.new_context(
        viewport={"width": 1280, "height": 800},
        service_workers="allow" if threads else "block",
    )
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    page.goto(address)
    page.locator("#list-empty").wait_for()
    if threads:
        page.locator("body[data-kept]").wait_for(timeout=SOON)  # loaded once more, for all cores
    try:
        yield page
    finally:
        context.close()


def weight(page: Any, address: str) -> dict[str, Any]:
    """Bytes of everything that a first visit fetches, and how soon the page can be used."""
    sizes = page.evaluate(
        """async () => {
          const names = await caches.keys();
          const kept = await (await caches.open(names[0])).matchAll();
          const sizes = await Promise.all(kept.map(async (each) =>
            [new URL(each.url).pathname, (await each.blob()).size]));
          return Object.fromEntries(sizes);
        }"""
    )
    timing = page.evaluate("performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd")
    large = sorted(sizes.items(), key=lambda item: -item[1])[:4]
    return {
        "n_bytes": sum(sizes.values()),
        "n_files": len(sizes),
        "largest": {Path(path).name: size for path, size in large},
        "n_bytes_of_the_page": sum(
            size
            for path, size in sizes.items()
            if Path(path).suffix in (".html", ".css", ".svg") or path.endswith("/page.js")
        ),
        "milliseconds_to_usable": round(timing),
    }


def write_m4a(recording: Path, seconds: float, path: Path) -> None:
    """The recording repeated to a length, as a phone would keep it."""
    samples = read_audio(recording, RATE)
    n_samples = round(seconds * RATE)
    repeated = np.resize(samples, n_samples)
    encode(path, "aac", repeated, RATE, layout="mono")


def long(page: Any, address: str, recording: Path, seconds: float) -> dict[str, Any]:
    """Put a long recording in and watch until it is done."""
    isolated = page.evaluate("crossOriginIsolated")
    with watched(page) as seen, traced(page) as tasks:
        began = time.monotonic()
        page.set_input_files("#files", recording)
        page.locator("#n-notes", has_text=re.compile("^[1-9]")).wait_for()
        first = time.monotonic() - began
        page.wait_for_timeout(5000)
        gaps = np.diff(
            page.evaluate(FRAMES, {"dy": 40, "zoom": False, "swing": True, "seconds": 5})
        )
        page.locator("#progress").wait_for(state="hidden")
        took = time.monotonic() - began
        page.wait_for_timeout(3000)
    return {
        "minutes": seconds / 60,
        "n_bytes": recording.stat().st_size,
        "is_isolated": isolated,
        "seconds_to_first_notes": round(first, 1),
        "seconds": round(took, 1),
        "times_real_time": round(seconds / took, 2),
        "processor_seconds_of_workers": round(seen.worker_seconds, 1),
        "times_real_time_of_processor": round(seconds / max(seen.worker_seconds, 1e-9), 2),
        "load_average": round(os.getloadavg()[0], 1),
        "megabytes_at_most": round(max(seen.bytes) / 1e6),
        "megabytes_at_quarters": [
            round(float(np.median(part)) / 1e6) for part in np.array_split(seen.bytes, 4)
        ],
        "page_tasks": summary(tasks),
        "page_thread_seconds": {
            "running": round(seen.page_seconds[0], 1),
            "waiting_for_a_processor": round(seen.page_seconds[1], 1),
        },
        "frames_a_second": round(1000 / float(gaps.mean()), 1),
        "n_notes": int(re.sub(r"\D", "", page.locator("#n-notes").text_content())),
    }


class Seen:
    """The process of a tab, sampled."""

    def __init__(self) -> None:
        self.bytes: list[int] = []
        self.worker_seconds = 0.0
        self.page_seconds = np.zeros(2)
        """Of the pages' main threads: running, and ready to run but waiting for a processor."""


@contextmanager
def watched(page: Any) -> Iterator[Seen]:
    """Sample the memory of the largest tab's process, and the processor time of all workers."""
    session = page.context.browser.new_browser_cdp_session()
    processes = session.send("SystemInfo.getProcessInfo")["processInfo"]
    program = next(each["id"] for each in processes if each["type"] == "browser")
    seen, done = Seen(), threading.Event()
    before = sum(map(_worker_seconds, _renderers(program)))
    page_before = sum(map(_page_seconds, _renderers(program)), np.zeros(2))

    def sample() -> None:
        while not done.wait(0.5):
            renderers = _renderers(program)
            seen.bytes.append(max(map(_resident, renderers), default=0))
            so_far = sum(map(_worker_seconds, renderers)) - before
            seen.worker_seconds = max(seen.worker_seconds, so_far)
            page_so_far = sum(map(_page_seconds, renderers), np.zeros(2)) - page_before
            seen.page_seconds = np.maximum(seen.page_seconds, page_so_far)

    sampling = threading.Thread(target=sample, daemon=True)
    sampling.start()
    try:
        yield seen
    finally:
        done.set()
        sampling.join()


def _renderers(program: int) -> list[int]:
    """The processes of a browser in which pages run."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if b"--type=renderer" not in (folder / "cmdline").read_bytes():
                continue
            process = int(folder.name)
            while process > 1 and process != program:
                status = Path(f"/proc/{process}/stat").read_text()
                process = int(status.rpartition(")")[2].split()[1])
        except OSError:
            continue  # it has ended
        if process == program:
            found.append(int(folder.name))
    return found


def _resident(process: int) -> int:
    try:
        pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    except OSError:
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def _page_seconds(process: int) -> NDArray[np.float64]:
    """For how long its main thread has run, and has waited for a processor."""
    try:
        running, waiting, _ = Path(f"/proc/{process}/task/{process}/schedstat").read_text().split()
    except OSError:
        return np.zeros(2)
    return np.array([int(running), int(waiting)]) / 1e9


def _worker_seconds(process: int) -> float:
    total = 0
    for task in Path(f"/proc/{process}/task").glob("*/stat"):
        try:
            name, _, rest = task.read_text().partition("(")[2].rpartition(")")
        except OSError:
            continue
        if name.startswith("DedicatedWorker"):
            total += sum(map(int, rest.split()[11:13]))
    return total / _TICKS


def agreement(page: Any, address: str, folder: Path, work: Path) -> dict[str, Any]:
    """Every recording through the tab and through the command."""
    transcriber = Transcriber.load()
    rows: list[dict[str, Any]] = []
    for recording in sorted(folder.glob("*.flac")):
        ref = Performance(read_labels(recording.with_suffix(".tsv")))
        by_command = transcriber(recording)
        by_tab = through_tab(page, address, recording, work)
        rows.append(
            {
                "recording": recording.stem,
                "n_notes": len(by_command.notes),
                "onset_f1_at_5_ms": close_f1(by_command, by_tab),
                "onset_f1": [onset_f1(ref, by_command), onset_f1(ref, by_tab)],
                "note_f1": [note_f1(ref, by_command), note_f1(ref, by_tab)],
            }
        )
        print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
    agree = [row["onset_f1_at_5_ms"] for row in rows]
    mean = {
        name: np.mean([row[name] for row in rows], axis=0).tolist()
        for name in ("onset_f1", "note_f1")
    }
    return {
        "n_recordings": len(rows),
        "onset_f1_at_5_ms": {"mean": float(np.mean(agree)), "least": float(np.min(agree))},
        "command_and_tab": mean,
        "recordings": rows,
    }


def through_tab(page: Any, address: str, recording: Path, work: Path) -> Performance:
    """What the tab makes of a recording, as its MIDI file says it."""
    page.goto(address)
    page.locator("#list-section li, #list-empty:not([hidden])").first.wait_for()
    page.set_input_files("#files", recording)
    page.wait_for_url("**/#/recording/*")
    page.locator("#n-notes", has_text=re.compile("^[0-9]")).wait_for()
    ended = "#progress[hidden], #progress-again:not([hidden])"
    page.locator(ended).first.wait_for(state="attached")
    if page.locator("#progress").is_visible():
        said = page.locator("#progress").inner_text()
        raise TranscribeError(f"{recording}: the tab could not transcribe it: {said}")
    page.click("#download")
    with page.expect_download(timeout=SOON) as downloading:
        page.click("[data-kind=mid]")
    path = work / "tab.mid"
    downloading.value.save_as(path)
    return read_midi(path)


def close_f1(first: Performance, second: Performance) -> float:
    """F1 of the notes with the same pitch and onsets within `CLOSE`, in percent."""
    if not first.notes and not second.notes:
        return 100.0
    intervals = [
        np.array([(note.onset, note.offset) for note in each.notes]).reshape(-1, 2)
        for each in (first, second)
    ]
    hertz = [
        np.array([440 * 2 ** ((note.pitch - 69) / 12) for note in each.notes])
        for each in (first, second)
    ]
    matched = match_notes(
        intervals[0], hertz[0], intervals[1], hertz[1], onset_tolerance=CLOSE, offset_ratio=None
    )
    return 200 * len(matched) / (len(first.notes) + len(second.notes))


if __name__ == "__main__":
    sys.exit(main())
