"""Transcribe a data set with the packaged weights and score it: one command, one record.

    python -m eval.benchmark --data maps-real-dev --split test --out eval/results/maps.json
    python -m eval.benchmark --noise noise

Every recording that has audio goes through `Transcriber`, the flow that ships, and is scored
by `transcribe.metrics`. The table goes to stdout, progress to stderr, the record to JSON:
per-recording scores, means, intervals, pooled scores, conventions, data, weights, commit,
command, machine and versions, and no path of the machine it ran on.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from eval.hearing import (
    Ear,
    Hear,
    as_heard,
    audio_path,
    for_each,
    hearing_parser,
    load_ear,
    recordings_with_audio,
)
from eval.record import command, data_name, provenance, rounded, write_record
from eval.tables import metrics_table, noise_table
from transcribe import metrics
from transcribe.datasets import (
    Recording,
    has_pedal,
    has_velocity,
    load_dataset,
    reference_performance,
)
from transcribe.errors import DatasetError, TranscribeError
from transcribe.metrics import Scores, false_notes_per_minute, score
from transcribe.midi import write_midi
from transcribe.summary import aggregate

AUDIO_SUFFIXES = frozenset(
    (".wav", ".flac", ".ogg", ".opus", ".mp3", ".m4a", ".aac", ".aiff", ".aif", ".wma", ".mp4")
)


@dataclass(frozen=True, slots=True)
class Heard:
    """One recording's outcome."""

    recording: Recording
    scores: Scores
    duration: float
    """Seconds of audio."""
    wall_seconds: float
    warnings: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Everything but paths."""
        path = self.recording.audio_path
        return {
            "name": self.recording.name,
            "composer": self.recording.composer,
            "title": self.recording.title,
            "duration": round(self.duration, 3),
            "wall_seconds": round(self.wall_seconds, 3),
            "warnings": [each.replace(str(path), self.recording.name) for each in self.warnings],
            "scores": rounded(self.scores.as_json()),
        }


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the arguments say; 0, or 1 with one line if a file is not as promised."""
    options = _parser().parse_args(arguments)
    if options.data is None and options.noise is None:
        _parser().error("give --data, --noise or both")
    try:
        record = benchmark(options)
        if options.out is not None:
            write_record(record, options.out)
    except TranscribeError as error:
        print(f"eval.benchmark: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = hearing_parser("eval.benchmark", __doc__, data_required=False)
    parser.add_argument("--noise", type=Path, help="folder of recordings without any piano")
    parser.add_argument("--midi-out", type=Path, help="folder for what was heard, as MIDI")
    return parser


def benchmark(options: argparse.Namespace) -> dict[str, Any]:
    """Score, print the tables, and return the record."""
    ear = load_ear(options)
    record: dict[str, Any] = {
        "system": ear.describe(),
        **provenance(),
        "command": command("eval.benchmark", options),
        "threads": options.threads,
        "workers": options.workers,
        "conventions": " ".join((metrics.__doc__ or "").partition("References")[0].split()),
    }
    if options.data is not None:
        recordings = load_dataset(options.data, split=options.split)
        with_audio = recordings_with_audio(options)
        heard = _hear_all(ear, with_audio, options)
        wall_seconds = sum(each.wall_seconds for each in heard)
        summaries = aggregate([each.scores for each in heard])
        print(metrics_table(summaries), end="\n\n")
        seconds = sum(each.duration for each in heard)
        record["data"] = {
            "name": data_name(options.data),
            "split": options.split,
            "n_recordings": len(heard),
            "n_without_audio": len(recordings) - len(heard),
            "n_without_pedal_labels": sum(not has_pedal(each) for each in with_audio),
            "n_without_velocities": sum(not has_velocity(each) for each in with_audio),
            "seconds": round(seconds, 1),
            "max_seconds_each": options.max_seconds,
        }
        record["times_real_time_each_worker"] = round(seconds / wall_seconds, 2)
        record["summary"] = rounded({name: each.as_json() for name, each in summaries.items()})
        record["recordings"] = [each.as_json() for each in heard]
    if options.noise is not None:
        record["noise"] = score_noise(audio_files(options.noise), ear)
        record["noise"]["name"] = options.noise.name
        print(noise_table(record["noise"]), end="\n\n")
    return record


def hear(
    recording: Recording,
    ear: Hear,
    *,
    max_seconds: float | None = None,
    midi_out: Path | None = None,
) -> Heard:
    """Transcribe one recording and score it against its labels.

    Parameters
    ----------
    recording : Recording
        With audio.
    ear : callable
        Turns the path of a recording into a `Transcription`.
    max_seconds : float, optional
        Reference and estimate are cut here, at the latest where the audio ends; `ear`
        should hear no more.
    midi_out : Path, optional
        An existing folder to write what was heard into.
    """
    started = time.perf_counter()
    transcription = ear(audio_path(recording))
    wall_seconds = time.perf_counter() - started
    ref, est = reference_performance(recording), transcription.performance
    est_sustained = transcription.sustained
    ref, est, est_sustained = as_heard(
        (ref, est, est_sustained), transcription.duration, max_seconds
    )
    if midi_out is not None:
        write_midi(est, midi_out / f"{recording.name}.mid")
    scores = score(
        ref,
        est,
        est_sustained=est_sustained,
        ref_has_pedal=has_pedal(recording),
        ref_has_velocity=has_velocity(recording),
    )
    return Heard(recording, scores, transcription.duration, wall_seconds, transcription.warnings)


def score_noise(paths: Sequence[Path], ear: Hear) -> dict[str, Any]:
    """False notes a minute in recordings without any piano, all together and each."""
    recordings = []
    n_notes, seconds = 0, 0.0
    for path in paths:
        transcription = ear(path)
        found = transcription.performance
        n_notes += len(found.notes)
        seconds += transcription.duration
        recordings.append(
            {
                "name": path.stem,
                "n_notes": len(found.notes),
                "duration": round(transcription.duration, 3),
                "per_minute": round(false_notes_per_minute(found, transcription.duration), 2),
            }
        )
    return {
        "n_recordings": len(recordings),
        "seconds": round(seconds, 1),
        "false_notes_per_minute": round(60 * n_notes / seconds, 2),
        "recordings": recordings,
    }


def audio_files(folder: Path) -> list[Path]:
    """The recordings in a folder, by their endings, sorted."""
    found = (
        sorted(path for path in folder.iterdir() if path.suffix.lower() in AUDIO_SUFFIXES)
        if folder.is_dir()
        else []
    )
    if not found:
        raise DatasetError(f"expected a folder of recordings; found none in {folder}")
    return found


def _hear_all(
    ear: Ear, recordings: Sequence[Recording], options: argparse.Namespace
) -> list[Heard]:
    if options.midi_out is not None:
        names = [each.name for each in recordings]
        if len(set(names)) < len(names):
            raise DatasetError(
                f"{data_name(options.data)} has recordings of one name in several folders; "
                "--midi-out would write one MIDI file over another"
            )
        options.midi_out.mkdir(parents=True, exist_ok=True)
    job = partial(hear, max_seconds=options.max_seconds, midi_out=options.midi_out)
    return for_each(job, recordings, ear, options, tell=_told)


def _told(heard: Heard) -> str:
    onset = heard.scores.ratios["aligned/onset"].f1
    remarks = "".join(f"; {warning}" for warning in heard.warnings)
    return f"{heard.recording.name}: aligned onset F1 {100 * onset:.1f}{remarks}"


if __name__ == "__main__":
    sys.exit(main())
