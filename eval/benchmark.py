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
import dataclasses
import multiprocessing
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

import torch

from eval.record import command, data_name, provenance, rounded, write_record
from eval.tables import metrics_table, noise_table
from transcribe import metrics
from transcribe.audio import AudioReader
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
from transcribe.notes import Performance
from transcribe.summary import aggregate
from transcribe.transcriber import Transcriber, Transcription

Hear: TypeAlias = Callable[[Path], Transcription]

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
    parser = argparse.ArgumentParser(prog="python -m eval.benchmark", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument(
        "--data", type=Path, help="folder of a data set, or an index (.csv), with audio"
    )
    parser.add_argument("--split", default="test", help="default: test")
    parser.add_argument("--noise", type=Path, help="folder of recordings without any piano")
    parser.add_argument("--checkpoint", type=Path, help="default: the packaged weights")
    parser.add_argument("--device", default="cpu", help="default: cpu")
    parser.add_argument("--threads", type=int, default=1, help="of each worker; default: 1")
    parser.add_argument("--workers", type=int, default=1, help="processes; default: 1")
    parser.add_argument(
        "--max-seconds", type=float, help="hear and score only the beginning of each recording"
    )
    parser.add_argument("--midi-out", type=Path, help="folder for what was heard, as MIDI")
    parser.add_argument("--out", type=Path, help="write the record here (.json)")
    return parser


def benchmark(options: argparse.Namespace) -> dict[str, Any]:
    """Score, print the tables, and return the record."""
    ear = Ear.load(options.checkpoint, options.device, options.threads, options.max_seconds)
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
        with_audio = [each for each in recordings if each.audio_path is not None]
        if not with_audio:
            raise DatasetError(
                f"{options.data} has no audio for any of its {len(recordings)} recordings; "
                "`transcribe render` makes some"
            )
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


@dataclass(frozen=True)
class Ear:
    """A `Transcriber` that hears at most the first so many seconds."""

    transcriber: Transcriber
    max_seconds: float | None = None

    @classmethod
    def load(
        cls, checkpoint: Path | None, device: str, threads: int, max_seconds: float | None
    ) -> Ear:
        """Load the weights in this process, with this number of threads."""
        torch.set_num_threads(threads)
        return cls(Transcriber.load(checkpoint, device=device), max_seconds)

    def __call__(self, path: Path) -> Transcription:
        """What is heard of a recording."""
        if self.max_seconds is None:
            return self.transcriber.transcribe(path)
        sample_rate = self.transcriber.checkpoint.features.sample_rate
        n_samples = round(self.max_seconds * sample_rate)
        blocks = _first_samples(AudioReader(path, sample_rate), n_samples)
        return self.transcriber.transcribe(blocks)

    def describe(self) -> dict[str, Any]:
        """Weights and settings, for the record."""
        checkpoint = self.transcriber.checkpoint
        return {
            "name": self.transcriber.name,
            "weights_sha256": checkpoint.metadata.get("sha256"),
            "n_parameters": sum(each.numel() for each in checkpoint.model.parameters()),
            "device": str(self.transcriber.device),
            "decode": dataclasses.asdict(self.transcriber.decode),
            "windows": dataclasses.asdict(checkpoint.windows),
        }


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
        Reference and estimate are cut here; `ear` should hear no more.
    midi_out : Path, optional
        An existing folder to write what was heard into.
    """
    if recording.audio_path is None:
        raise ValueError(f"{recording.name} has no audio; render it first")
    started = time.perf_counter()
    transcription = ear(recording.audio_path)
    wall_seconds = time.perf_counter() - started
    ref, est = reference_performance(recording), transcription.performance
    est_sustained = transcription.sustained
    if max_seconds is not None:
        ref, est, est_sustained = (
            first_seconds(each, max_seconds) for each in (ref, est, est_sustained)
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


def first_seconds(performance: Performance, seconds: float) -> Performance:
    """What begins before a moment, cut off there."""
    return Performance(
        tuple(
            replace(note, offset=min(note.offset, seconds))
            for note in performance.notes
            if note.onset < seconds
        ),
        tuple(
            replace(press, offset=min(press.offset, seconds))
            for press in performance.pedal
            if press.onset < seconds
        ),
    )


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
    settings = {"max_seconds": options.max_seconds, "midi_out": options.midi_out}
    if options.workers == 1:
        return _reported(hear(each, ear, **settings) for each in recordings)
    with ProcessPoolExecutor(
        options.workers,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_start_worker,
        initargs=(options.checkpoint, options.device, options.threads, options.max_seconds),
    ) as pool:
        jobs = [pool.submit(_hear_in_worker, each, settings) for each in recordings]
        return _reported(job.result() for job in jobs)


def _reported(outcomes: Iterable[Heard]) -> list[Heard]:
    """The outcomes, each told on stderr as it comes."""
    heard = []
    for each in outcomes:
        onset = each.scores.ratios["aligned/onset"].f1
        remarks = "".join(f"; {warning}" for warning in each.warnings)
        print(
            f"{each.recording.name}: aligned onset F1 {100 * onset:.1f}{remarks}", file=sys.stderr
        )
        heard.append(each)
    return heard


_worker_ear: Ear | None = None


def _start_worker(
    checkpoint: Path | None, device: str, threads: int, max_seconds: float | None
) -> None:
    global _worker_ear
    _worker_ear = Ear.load(checkpoint, device, threads, max_seconds)


def _hear_in_worker(recording: Recording, settings: dict[str, Any]) -> Heard:
    if _worker_ear is None:
        raise RuntimeError("the worker has no weights; it must be started by _start_worker")
    return hear(recording, _worker_ear, **settings)


def _first_samples(blocks: Iterable[Any], n_samples: int) -> Iterator[Any]:
    for block in blocks:
        yield block[:n_samples]
        n_samples -= len(block)
        if n_samples <= 0:
            return


if __name__ == "__main__":
    sys.exit(main())
