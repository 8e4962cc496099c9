"""What a live transcription finds at each latency, when its notes come, and what it costs.

    python -m eval.performance.live --data maps-real-dev --out eval/results/live.json
    python -m eval.performance.live --data maps-real-dev --minutes 10 --latencies \\
        --out eval/results/live-timing.json

Three parts. *Accuracy*: every recording streamed frame by frame at each latency, and transcribed
as a whole beside it, from the same samples; with ``--onset-thresholds`` also at other thresholds
than those of `transcribe.live.latency`, to choose them on a validation split; ``--latencies`` with
nothing after it leaves this part out. *Real time*: the
recordings one after the other, played as if into a microphone for so many minutes; delays are
from when a key was struck, as heard, until the last output had its note, on the clock of the
wall. *Long*: so many hours of sound as fast as it goes, for growth of memory and drift.
"""

from __future__ import annotations

import argparse
import itertools
import os
import resource
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from eval.common.command import run
from eval.common.record import data_name
from eval.common.transcribing import (
    audio_path,
    cut_at_end,
    dataset_parser,
    describe,
    load_transcriber,
    recordings_with_audio,
)
from transcribe.audio.reader import read_audio
from transcribe.datasets import Recording
from transcribe.datasets.index import reference_performance
from transcribe.evaluation.matching import match_aligned
from transcribe.evaluation.metrics import note_f1, onset_f1
from transcribe.live.events import KeyDown
from transcribe.live.latency import LookAhead, window_frames
from transcribe.live.live_decoder import LiveDecoder
from transcribe.live.live_transcriber import LiveTranscriber
from transcribe.live.session import play
from transcribe.live.sources import PlayedSource
from transcribe.live.window import SlidingWindow
from transcribe.notes import Performance, sustained
from transcribe.options import number_from_0, probability, whole_number
from transcribe.transcriber import Transcriber

LATENCIES = (150, 200, 300, 500)
"""Milliseconds."""
OFFLINE = "offline"
_MINUTE = 60.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the arguments say."""
    parser = dataset_parser("eval.performance.live", __doc__)
    add = parser.add_argument
    add(
        "--latencies",
        type=whole_number,
        nargs="*",
        default=list(LATENCIES),
        help="ms; default: all four",
    )
    add("--onset-thresholds", type=probability, nargs="+", help="try these at every latency, too")
    add(
        "--minutes",
        type=number_from_0,
        default=0.0,
        help="of real time, at each of --timed; default: 0",
    )
    add("--timed", type=whole_number, nargs="+", default=[200], help="ms; default: 200")
    add("--hours", type=number_from_0, default=0.0, help="of sound in one go; default: 0")
    add("--first", type=whole_number, help="only so many recordings")
    return run(parser, measure, arguments, show=table)


def measure(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """The record, more and more complete."""
    transcriber = load_transcriber(options).transcriber
    recordings = recordings_with_audio(options)[: options.first]
    record: dict[str, Any] = {
        "system": describe(transcriber),
        "data": {
            "name": data_name(options.data),
            "split": options.split,
            "n_recordings": len(recordings),
            "max_seconds_each": options.max_seconds,
        },
        "window_frames": window_frames(transcriber.grid),
    }
    sounds = [_LabelledSound(each, transcriber, options.max_seconds) for each in recordings]
    if options.minutes:
        record["real_time"] = {
            str(ms): _real_time(sounds, transcriber, ms / 1000, options.minutes * _MINUTE)
            for ms in options.timed
        }
        yield record
    if options.hours:
        record["long"] = _long(sounds, transcriber, options.timed[0] / 1000, options.hours * 3600)
        yield record
    of_each: dict[str, list[dict[str, float]]] = {}
    for sound in sounds if options.latencies else ():
        for name, figures in _accuracy(sound, transcriber, options).items():
            of_each.setdefault(name, []).append(figures)
        shown = ", ".join(
            f"{name}: {100 * each[-1]['onset_f1']:.1f}" for name, each in of_each.items()
        )
        print(f"{sound.recording.name}: {shown}", file=sys.stderr, flush=True)
        record["accuracy"] = {name: _mean(each) for name, each in of_each.items()}
        record["n_done"] = len(of_each[OFFLINE])
        yield record


class _LabelledSound:
    """A recording as samples, and what was played."""

    def __init__(
        self, recording: Recording, transcriber: Transcriber, max_seconds: float | None
    ) -> None:
        rate = transcriber.grid.sample_rate
        self.recording = recording
        self.samples = read_audio(audio_path(recording), rate)
        if max_seconds is not None:
            self.samples = self.samples[: round(max_seconds * rate)]
        self.duration = len(self.samples) / rate
        played = reference_performance(recording)
        (self.played,) = cut_at_end([played], self.duration, max_seconds)


def _accuracy(
    sound: _LabelledSound, transcriber: Transcriber, options: argparse.Namespace
) -> dict[str, dict[str, float]]:
    """Figures by latency, and offline. One run of the network a frame serves all latencies, which
    differ in which of its frames they take."""
    grid = transcriber.grid
    found: dict[str, tuple[Performance, list[float]]] = {}
    streams: list[tuple[str, int, LiveDecoder, list[float]]] = []
    for ms in options.latencies:
        look_ahead = LookAhead.of(ms / 1000, grid)
        suited = look_ahead.thresholds(transcriber.decode)
        streams.append((str(ms), look_ahead.frames, LiveDecoder(grid, suited), []))
        for threshold in options.onset_thresholds or ():
            config = replace(suited, onset_threshold=threshold)
            name = f"{ms} at {threshold:g}"
            streams.append((name, look_ahead.frames, LiveDecoder(grid, config), []))
    window = SlidingWindow(
        transcriber.features, transcriber.checkpoint.model.activations, window_frames(grid)
    )
    hop = grid.hop_length
    for start in range(0, len(sound.samples), hop):
        part = sound.samples[start : start + hop]
        window.push(np.pad(part, (0, hop - len(part))))
        n_frames = window.n_frames
        first, activations = window.run(n_frames)
        last = start + hop >= len(sound.samples)
        for _, ahead, decoder, waits in streams:
            stop = n_frames if last else n_frames - ahead
            for event in decoder.take(activations, first, stop):
                if isinstance(event, KeyDown) and not last:
                    waits.append(grid.seconds(n_frames) - event.time)
    for name, _, decoder, waits in streams:
        decoder.finish()
        found[name] = (decoder.performance, waits)
    found[OFFLINE] = (transcriber(sound.samples, sample_rate=grid.sample_rate), [])
    return {name: _figures(sound, *each) for name, each in found.items()}


def _figures(sound: _LabelledSound, est: Performance, waits: list[float]) -> dict[str, float]:
    matched = match_aligned(sound.played, est)
    minutes = sound.duration / _MINUTE
    figures = {
        "onset_f1": onset_f1(sound.played, est, aligned=True),
        "onset_f1_as_found": onset_f1(sound.played, est),
        "key_onset_offset_f1": note_f1(sound.played, est, aligned=True),
        "missed_a_minute": (len(sound.played.notes) - len(matched.pairs)) / minutes,
        "false_a_minute": (len(est.notes) - len(matched.pairs)) / minutes,
    }
    if sound.played.pedal:
        figures["sustained_onset_offset_f1"] = note_f1(
            sustained(sound.played), sustained(est), aligned=True
        )
    if waits:
        figures["listening_median"] = float(np.median(waits))
        figures["listening_99"] = float(np.quantile(waits, 0.99))
    return figures


def _mean(figures: Sequence[dict[str, float]]) -> dict[str, float]:
    names = dict.fromkeys(itertools.chain.from_iterable(figures))
    return {
        name: float(np.mean([each[name] for each in figures if name in each])) for name in names
    }


def _real_time(
    sounds: Sequence[_LabelledSound], transcriber: Transcriber, latency: float, seconds: float
) -> dict[str, Any]:
    live = LiveTranscriber(transcriber, latency=latency)
    parts = (each.samples for each in itertools.cycle(sounds))
    source = PlayedSource(parts, live.sample_rate, name="recordings")
    live_memory = _resident()
    figures = play(source, live, [], longest=seconds)
    return {
        "seconds": figures.seconds,
        "n_notes": figures.n_notes,
        "delay_median": figures.delay(0.5),
        "delay_99": figures.delay(0.99),
        "delay_longest": figures.delay(1.0),
        "load": figures.load,
        "n_late": figures.n_late,
        "longest_wait": figures.longest_wait,
        "grown_mb": (_resident() - live_memory) / 1e6,
        "other_load": os.getloadavg()[1],
    }


def _long(
    sounds: Sequence[_LabelledSound], transcriber: Transcriber, latency: float, seconds: float
) -> dict[str, Any]:
    """As fast as it goes: time and memory of the first tenth and of the last."""
    live = LiveTranscriber(transcriber, latency=latency)
    hop = live.grid.hop_length
    memory: list[float] = []
    began = time.process_time()
    worked: list[float] = []
    for sound in itertools.cycle(sounds):
        for start in range(0, len(sound.samples) - hop + 1, hop):
            live.push(sound.samples[start : start + hop])
        memory.append(_resident() / 1e6)
        worked.append((time.process_time() - began) / live.seconds)
        if live.seconds >= seconds:
            break
    at_end = live.seconds
    live.finish()
    return {
        "seconds": at_end,
        "n_notes": len(live.performance.notes),
        "load": worked[-1],
        "load_at_first": worked[0],
        "memory_mb_at_first": memory[0],
        "memory_mb_at_last": memory[-1],
        "last_offset": live.performance.duration,
    }


def _resident() -> int:
    """Bytes of memory that this process holds now; the most it ever held where that is unknown."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return pages * os.sysconf("SC_PAGE_SIZE")


def table(record: dict[str, Any]) -> str:
    """What a person reads."""
    lines = [
        "| latency | onset F1 | key+offset F1 | missed a minute | false a minute |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name, each in record.get("accuracy", {}).items():
        lines.append(
            f"| {name} | {100 * each['onset_f1']:.1f} | {100 * each['key_onset_offset_f1']:.1f} | "
            f"{each['missed_a_minute']:.1f} | {each['false_a_minute']:.1f} |"
        )
    for ms, each in record.get("real_time", {}).items():
        lines.append(
            f"{ms} ms for {each['seconds'] / _MINUTE:.0f} min: "
            f"delay {1000 * each['delay_median']:.0f} ms, 99 % {1000 * each['delay_99']:.0f} ms; "
            f"load {100 * each['load']:.0f} %"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
