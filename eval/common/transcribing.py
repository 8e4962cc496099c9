"""What every command shares that transcribes a data set: options, the transcriber, workers."""

from __future__ import annotations

import argparse
import dataclasses
import multiprocessing
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeAlias, TypeVar

from eval.common.command import device, new_parser
from eval.common.record import data_name
from transcribe.audio.reader import AudioReader
from transcribe.datasets import Recording, load_dataset
from transcribe.errors import DatasetError
from transcribe.evaluation.evaluate import first_seconds
from transcribe.notes import Performance
from transcribe.options import positive_seconds, whole_number
from transcribe.transcriber import Transcriber
from transcribe.transcription import Transcription

Transcribe: TypeAlias = Callable[[Path], Transcription]
Outcome = TypeVar("Outcome")


class Timed(Protocol):
    """An outcome that says how much music it is of."""

    @property
    def duration(self) -> float:
        """Seconds."""


TimedOutcome = TypeVar("TimedOutcome", bound=Timed)


@dataclass(frozen=True)
class FileTranscriber:
    """A `Transcriber` of files, or of at most the first so many seconds of each."""

    transcriber: Transcriber
    max_seconds: float | None = None

    @classmethod
    def load(
        cls, checkpoint: Path | None, device: str, threads: int, max_seconds: float | None
    ) -> FileTranscriber:
        """Load the weights in this process, with this number of threads."""
        return cls(Transcriber.load(checkpoint, device=device, threads=threads), max_seconds)

    def __call__(self, path: Path) -> Transcription:
        """The notes of a recording."""
        if self.max_seconds is None:
            return self.transcriber.transcribe(path)
        sample_rate = self.transcriber.checkpoint.features.sample_rate
        n_samples = round(self.max_seconds * sample_rate)
        blocks = _first_samples(AudioReader(path, sample_rate), n_samples)
        return self.transcriber.transcribe(blocks)

    def describe(self) -> dict[str, Any]:
        """Weights and settings, for the record."""
        return describe(self.transcriber)


def describe(transcriber: Transcriber) -> dict[str, Any]:
    """Which weights, on which device, in which precision, with which settings."""
    checkpoint = transcriber.checkpoint
    return {
        "name": transcriber.name,
        "weights_sha256": checkpoint.metadata.get("sha256"),
        "n_parameters": checkpoint.n_parameters,
        "device": transcriber.device,
        "precision": checkpoint.precision,
        "decode": dataclasses.asdict(transcriber.decode),
        "windows": dataclasses.asdict(checkpoint.windows),
    }


def dataset_parser(
    module: str,
    description: str | None,
    *,
    data_required: bool = True,
    out: str = "write the record here (.json)",
) -> argparse.ArgumentParser:
    """The options that say which recordings are transcribed, and how."""
    parser = new_parser(module, description, out=out)
    add = parser.add_argument
    data_help = "folder of a data set, or an index (.csv), with audio"
    add("--data", type=Path, required=data_required, help=data_help)
    add("--split", default="test", help="default: test")
    add("--checkpoint", "--weights", type=Path, help="default: the packaged weights")
    add("--device", type=device, default="cpu", help="default: cpu")
    add("--threads", type=whole_number, default=1, help="of each worker; default: 1")
    add("--workers", type=whole_number, default=1, help="processes; default: 1")
    add("--max-seconds", type=positive_seconds, help="use only the beginning of each recording")
    return parser


def load_transcriber(options: argparse.Namespace) -> FileTranscriber:
    """The weights that the options name, in this process."""
    return FileTranscriber.load(
        options.checkpoint, options.device, options.threads, options.max_seconds
    )


def measure_each(
    job: Callable[[Recording, Transcribe], TimedOutcome],
    options: argparse.Namespace,
    *,
    conventions: str | None,
    line: Callable[[TimedOutcome], str],
) -> tuple[list[TimedOutcome], dict[str, Any]]:
    """Do a job for every recording of the data set, as `for_each`; with the record's beginning."""
    recordings = recordings_with_audio(options)
    transcribe = load_transcriber(options)
    outcomes = for_each(job, recordings, transcribe, options, line=line)
    record = {
        "system": transcribe.describe(),
        "threads": options.threads,
        "workers": options.workers,
        "conventions": " ".join((conventions or "").split()),
        "data": {
            "name": data_name(options.data),
            "split": options.split,
            "n_recordings": len(outcomes),
            "seconds": round(sum(each.duration for each in outcomes), 1),
            "max_seconds_each": options.max_seconds,
        },
    }
    return outcomes, record


def recordings_with_audio(options: argparse.Namespace) -> list[Recording]:
    """Those of the data set; raises DatasetError if there are none."""
    recordings = load_dataset(options.data, split=options.split)
    with_audio = [each for each in recordings if each.audio_path is not None]
    if not with_audio:
        raise DatasetError(
            f"{options.data} has no audio for any of its {len(recordings)} recordings; "
            "`transcribe render` makes some"
        )
    return with_audio


def audio_path(recording: Recording) -> Path:
    """Where its sound is; raises ValueError for a recording without."""
    if recording.audio_path is None:
        raise ValueError(f"{recording.name} has no audio; render it first")
    return recording.audio_path


def cut_at_end(
    performances: Sequence[Performance], duration: float, max_seconds: float | None
) -> list[Performance]:
    """Cut at a limit, and where the audio ends: what labels say of later can't be transcribed."""
    last = duration if max_seconds is None else min(duration, max_seconds)
    return [first_seconds(each, last) for each in performances]


def for_each(
    job: Callable[[Recording, Transcribe], Outcome],
    recordings: Sequence[Recording],
    transcribe: FileTranscriber,
    options: argparse.Namespace,
    *,
    line: Callable[[Outcome], str],
) -> list[Outcome]:
    """Do a job for every recording, in ``options.workers`` processes, in order.

    ``job`` is picklable; ``line`` makes of each outcome what is printed to stderr.
    """
    if options.workers == 1:
        return _printed((job(each, transcribe) for each in recordings), line)
    with ProcessPoolExecutor(
        options.workers,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_start_worker,
        initargs=(options.checkpoint, options.device, options.threads, options.max_seconds),
    ) as pool:
        jobs = [pool.submit(_in_worker, job, each) for each in recordings]
        return _printed((each.result() for each in jobs), line)


def _printed(outcomes: Iterable[Outcome], line: Callable[[Outcome], str]) -> list[Outcome]:
    done = []
    for each in outcomes:
        print(line(each), file=sys.stderr)
        done.append(each)
    return done


def _first_samples(blocks: Iterable[Any], n_samples: int) -> Iterator[Any]:
    for block in blocks:
        yield block[:n_samples]
        n_samples -= len(block)
        if n_samples <= 0:
            return


_of_worker: FileTranscriber | None = None


def _start_worker(
    checkpoint: Path | None, device: str, threads: int, max_seconds: float | None
) -> None:
    global _of_worker
    _of_worker = FileTranscriber.load(checkpoint, device, threads, max_seconds)


def _in_worker(job: Callable[[Recording, Transcribe], Outcome], recording: Recording) -> Outcome:
    if _of_worker is None:
        raise RuntimeError("the worker has no weights; it must be started by _start_worker")
    return job(recording, _of_worker)
