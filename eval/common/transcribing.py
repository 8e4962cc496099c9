"""What every command shares that hears a data set: its options, the ear, its workers."""

from __future__ import annotations

import argparse
import dataclasses
import multiprocessing
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import torch

from eval.common.record import command, data_name, provenance
from transcribe.audio.reader import AudioReader
from transcribe.datasets import Recording, load_dataset
from transcribe.errors import DatasetError
from transcribe.evaluation.evaluate import first_seconds
from transcribe.notes import Performance
from transcribe.transcriber import Transcriber, Transcription

Hear: TypeAlias = Callable[[Path], Transcription]
Outcome = TypeVar("Outcome")


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


def hearing_parser(
    module: str,
    description: str | None,
    *,
    data_required: bool = True,
    out: str = "write the record here (.json)",
) -> argparse.ArgumentParser:
    """The options of `eval.accuracy.benchmark` that say what is heard, with what."""
    parser = argparse.ArgumentParser(
        prog=f"python -m {module}",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--data",
        type=Path,
        required=data_required,
        help="folder of a data set, or an index (.csv), with audio",
    )
    parser.add_argument("--split", default="test", help="default: test")
    parser.add_argument(
        "--checkpoint", "--weights", type=Path, help="default: the packaged weights"
    )
    parser.add_argument("--device", default="cpu", help="default: cpu")
    parser.add_argument("--threads", type=int, default=1, help="of each worker; default: 1")
    parser.add_argument("--workers", type=int, default=1, help="processes; default: 1")
    parser.add_argument(
        "--max-seconds", type=float, help="hear and judge only the beginning of each recording"
    )
    parser.add_argument("--out", type=Path, help=out)
    return parser


def load_ear(options: argparse.Namespace) -> Ear:
    """The weights that the options name, in this process."""
    return Ear.load(options.checkpoint, options.device, options.threads, options.max_seconds)


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


def as_heard(
    performances: Sequence[Performance], duration: float, max_seconds: float | None
) -> list[Performance]:
    """Cut at a limit, and where the audio ends: of labels that go on, nothing can be heard."""
    last = duration if max_seconds is None else min(duration, max_seconds)
    return [first_seconds(each, last) for each in performances]


def for_each(
    job: Callable[[Recording, Hear], Outcome],
    recordings: Sequence[Recording],
    ear: Ear,
    options: argparse.Namespace,
    *,
    tell: Callable[[Outcome], str],
) -> list[Outcome]:
    """Do a job for every recording, in ``options.workers`` processes, in order.

    ``job`` is picklable; ``tell`` makes of each outcome the line that goes to stderr.
    """
    if options.workers == 1:
        return _told((job(each, ear) for each in recordings), tell)
    with ProcessPoolExecutor(
        options.workers,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_start_worker,
        initargs=(options.checkpoint, options.device, options.threads, options.max_seconds),
    ) as pool:
        jobs = [pool.submit(_in_worker, job, each) for each in recordings]
        return _told((each.result() for each in jobs), tell)


def opening(
    module: str,
    conventions: str | None,
    options: argparse.Namespace,
    ear: Ear,
    outcomes: Sequence[Any],
) -> dict[str, Any]:
    """What a record says before its figures; outcomes have a ``duration``."""
    return {
        "system": ear.describe(),
        **provenance(),
        "command": command(module, options),
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


def _told(outcomes: Iterable[Outcome], tell: Callable[[Outcome], str]) -> list[Outcome]:
    told = []
    for each in outcomes:
        print(tell(each), file=sys.stderr)
        told.append(each)
    return told


def _first_samples(blocks: Iterable[Any], n_samples: int) -> Iterator[Any]:
    for block in blocks:
        yield block[:n_samples]
        n_samples -= len(block)
        if n_samples <= 0:
            return


_worker_ear: Ear | None = None


def _start_worker(
    checkpoint: Path | None, device: str, threads: int, max_seconds: float | None
) -> None:
    global _worker_ear
    _worker_ear = Ear.load(checkpoint, device, threads, max_seconds)


def _in_worker(job: Callable[[Recording, Hear], Outcome], recording: Recording) -> Outcome:
    if _worker_ear is None:
        raise RuntimeError("the worker has no weights; it must be started by _start_worker")
    return job(recording, _worker_ear)
