"""Labels for recordings that have none: what another transcriber finds, and where we doubt it.

    python -m recipes.second_opinion RECORDINGS --out FOLDER --validation NAME \\
        --leave-out NAME

Beside each recording of the folder lies what another transcriber made of it,
``NAME.teacher.mid``: no truth, but from a model that learnt on other pianos than ours. The
weights transcribe the same recording. Notes that both have (one pitch, onsets within 50 ms once
their median difference is off) are labels; those that only one has become doubts, of which training
learns nothing (`transcribe.train.doubts`). With ``--faint P`` the other's notes are labels where
the weights hear that much of them. Pedal, key releases and velocities are the other's, its times
moved to our clock.

In ``FOLDER`` come an index of MAESTRO's columns, copies of the recordings, ``NAME.mid`` and
``NAME.doubts.tsv``.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from transcribe.audio.reader import read_audio
from transcribe.datasets.index import COLUMNS
from transcribe.decode.decoder import Decoder
from transcribe.decode.events import Candidates
from transcribe.errors import DatasetError, TranscribeError
from transcribe.evaluation.matching import match_aligned
from transcribe.files.atomic import write_csv
from transcribe.files.endings import is_recording
from transcribe.midi import read_midi, write_midi
from transcribe.notes import PedalPress, Performance, sustained
from transcribe.options import probability
from transcribe.train.doubts import Doubt, doubts_beside, write_doubts
from transcribe.transcriber import Transcriber
from transcribe.transcription import Transcription
from transcribe.unfinished import ResumePoint

TEACHER = ".teacher.mid"
_BEFORE, _AFTER = 0.1, 0.2
"""Seconds around a note that only one of the two has, in which its key is in doubt."""


def agreed(
    teacher: Performance,
    ours: Performance,
    ours_sustained: Performance,
    ours_faint: Performance | None = None,
) -> tuple[Performance, tuple[Doubt, ...]]:
    """The teacher's performance on our clock, and where it and ours differ.

    Parameters
    ----------
    teacher, ours : Performance
        Offsets are key releases.
    ours_sustained : Performance
        Our notes as long as they sound.
    ours_faint : Performance, optional
        Ours and what we hear faintly, where that is enough to believe the teacher.

    Returns
    -------
    performance : Performance
        All that the teacher found.
    doubts : tuple of Doubt
        One for each note that only one of the two has, and the teacher's only if we do not hear
        it faintly, either; sorted.
    """
    matched = match_aligned(ours, teacher)
    labels = moved(teacher, -matched.deviation)
    believed = matched if ours_faint is None else match_aligned(ours_faint, labels)
    doubts = []
    long_notes = sustained(labels).notes, ours_sustained.notes
    for notes, found in zip(long_notes, (believed.pairs[:, 1], matched.pairs[:, 0]), strict=True):
        for index in np.setdiff1d(np.arange(len(notes)), found).tolist():
            note = notes[index]
            doubts.append(Doubt(note.onset - _BEFORE, note.offset + _AFTER, note.pitch))
    return labels, tuple(sorted(doubts, key=lambda each: (each.onset, each.pitch)))


def moved(performance: Performance, seconds: float) -> Performance:
    """The same, later; what would begin before the recording begins with it."""
    notes, pedal = [], []
    for note in performance.notes:
        if note.offset + seconds > 0:
            onset, offset = max(note.onset + seconds, 0.0), note.offset + seconds
            notes.append(replace(note, onset=onset, offset=offset))
    for press in performance.pedal:
        if press.offset + seconds > 0:
            onset = max(press.onset + seconds, 0.0)
            pedal.append(PedalPress(onset=onset, offset=press.offset + seconds))
    return Performance(tuple(notes), tuple(pedal))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the arguments say; 0, or 1 with one line if a file is not as promised."""
    parser = argparse.ArgumentParser(
        prog="recipes.second_opinion",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("recordings", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--checkpoint", type=Path, help="default: the packaged weights")
    parser.add_argument(
        "--faint",
        type=probability,
        metavar="P",
        help="onset probability with which we hear enough of the other's note to believe it",
    )
    parser.add_argument("--validation", nargs="*", default=[], help="names, without suffix")
    parser.add_argument("--leave-out", nargs="*", default=[], help="names of test music")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    try:
        _write(options)
    except TranscribeError as error:
        print(f"recipes.second_opinion: {error}", file=sys.stderr)
        return 1
    return 0


def _write(options: argparse.Namespace) -> None:
    paths = recordings_with_teacher(options.recordings)
    for name in (*options.validation, *options.leave_out):
        if name not in paths:
            raise DatasetError(
                f"{options.recordings}: expected a recording {name!r} with {name}{TEACHER} beside "
                f"it; found {', '.join(sorted(paths))}"
            )
    transcriber = Transcriber.load(options.checkpoint, device="cpu")
    sample_rate = transcriber.checkpoint.features.sample_rate
    options.out.mkdir(parents=True, exist_ok=True)
    rows: list[Sequence[object]] = [COLUMNS]
    for name, audio in sorted(paths.items()):
        if name in options.leave_out:
            continue
        samples = read_audio(audio, sample_rate)
        ours, faint = _heard(transcriber, samples, sample_rate, options.faint)
        teacher = read_midi(audio.with_name(name + TEACHER))
        labels, doubts = agreed(teacher, ours.performance, ours.sustained, faint)
        midi = options.out / f"{name}.mid"
        write_midi(labels, midi, text="what another transcriber finds")
        write_doubts(doubts, doubts_beside(midi))
        split = "validation" if name in options.validation else "train"
        duration = f"{len(samples) / sample_rate:.3f}"
        shutil.copyfile(audio, options.out / audio.name)
        rows.append(("", name, split, "", midi.name, audio.name, duration))
        print(f"{name}: {len(labels.notes)} notes, {len(doubts)} doubts")
    write_csv(options.out / "index.csv", rows)


def _heard(
    transcriber: Transcriber, samples: NDArray[np.float32], sample_rate: int, faint: float | None
) -> tuple[Transcription, Performance | None]:
    """A recording's notes, and those that are found when onsets of probability ``faint`` count."""
    if faint is None:
        return transcriber.transcribe(samples, sample_rate=sample_rate), None
    lower = Decoder(transcriber.grid, replace(transcriber.decode, onset_threshold=faint))

    def take(piece: Candidates, _: Decoder, __: ResumePoint | None) -> None:
        lower.take(piece)

    ours = transcriber.transcribe(
        samples, sample_rate=sample_rate, candidates=take, candidate_threshold=faint
    )
    return ours, lower.finish()


def recordings_with_teacher(folder: Path) -> dict[str, Path]:
    """Recordings of a folder by name, each with the teacher's MIDI beside it.

    Raises DatasetError where there is none.
    """
    found = {
        path.stem: path
        for path in (folder.iterdir() if folder.is_dir() else ())
        if is_recording(path) and path.with_name(path.stem + TEACHER).is_file()
    }
    if not found:
        raise DatasetError(
            f"{folder}: expected recordings with NAME{TEACHER} beside them; found none"
        )
    return found


if __name__ == "__main__":
    sys.exit(main())
