"""Choose the decoder's thresholds on an experiment's validation passages.

    python -m eval.accuracy.thresholds --checkpoint LAST.safetensors --out CHOSEN.safetensors \\
        --recorded audio/ddsp-piano/index.csv --second-opinion second-opinion/index.csv \\
        experiment=default

The network runs on every passage once; then each threshold in turn takes the value with the
best mean F1 of what it decides (or the middle of those that are as good), the others staying:
onsets, key releases, ends of sound, pedal; and velocities the tilt with the highest correlation.
Sampled pianos are not all there is: pedal and velocities are judged on the validation recordings of
``--recorded`` as well, and on the recordings of ``--second-opinion`` with what another transcriber
hears in them, each set counting as much as the passages. Confidences are then scaled so that of
the notes found in the passages that say 0.8, eight in ten are right. No test recording is touched.
The weights are written again with the thresholds.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from eval.accuracy.validation import train_config
from eval.common.command import new_parser, run
from eval.common.logistic import fit_logistic
from transcribe.audio.reader import read_audio
from transcribe.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from transcribe.datasets import load_dataset
from transcribe.datasets.index import reference_performance
from transcribe.decode.config import DecodeConfig
from transcribe.decode.decoder import Decoder
from transcribe.errors import DatasetError
from transcribe.evaluation.counts import Correlation
from transcribe.evaluation.matching import match_aligned
from transcribe.evaluation.metrics import Scores, frame_f1, note_f1, onset_f1, score
from transcribe.features import Features, FrameGrid
from transcribe.notes import KEY, SUSTAINED, Performance, sustained
from transcribe.options import whole_number
from transcribe.rolls import Rolls
from transcribe.train.validation_pieces import ValidationPiece, ValidationPieces
from transcribe.windows import apply_in_windows

CANDIDATES = tuple(np.round(np.arange(0.15, 0.81, 0.05), 2).tolist())
_SUREST = 1e-6
"""Confidences are held so far from 0 and 1 where their odds are taken."""
AS_GOOD = 0.001
"""By how much less of F1 a threshold is taken to do as well as another."""
Judge = Callable[[ValidationPiece, Performance, Performance], float]


def _onsets(piece: ValidationPiece, est: Performance, _: Performance) -> float:
    return onset_f1(piece.performance, est)


def _releases(piece: ValidationPiece, est: Performance, _: Performance) -> float:
    """Of notes and of frames, which the threshold decides alike."""
    played = piece.performance
    return (note_f1(played, est) + frame_f1(played, est)) / 2


def _sounds(piece: ValidationPiece, _: Performance, est_sustained: Performance) -> float:
    """Likewise, where sound ends."""
    played = sustained(piece.performance)
    return (note_f1(played, est_sustained) + frame_f1(played, est_sustained)) / 2


def _pedal(piece: ValidationPiece, est: Performance, _: Performance) -> float:
    scores: Scores = score(piece.performance, est)
    return scores.ratios["as_found/pedal/onset_offset"].f1


def _velocities(piece: ValidationPiece, est: Performance, _: Performance) -> float:
    """Their correlation; of notes that were all struck alike there is none, and nothing is said."""
    played = piece.performance
    pairs = match_aligned(played, est).pairs
    wanted = np.array([played.notes[index].velocity for index in pairs[:, 0]], np.float64)
    heard = np.array([est.notes[index].velocity for index in pairs[:, 1]], np.float64)
    return Correlation.of(wanted, heard).value or 0.0


DECIDES: dict[str, Judge] = {
    "onset_threshold": _onsets,
    "frame_threshold": _releases,
    "offset_threshold": _releases,
    "sounding_threshold": _sounds,
    "pedal_threshold": _pedal,
}
"""Which figure each threshold is chosen by, in the order in which they are chosen."""
REFINES: dict[str, tuple[Sequence[float], Judge]] = {
    "pedal_hysteresis": ((0.02, 0.05, 0.1, 0.15), _pedal),
    "minimum_press": ((0.03, 0.05, 0.08, 0.12, 0.16, 0.2), _pedal),
    "velocity_tilt": (tuple(np.arange(-1.0, 4.1, 0.5).tolist()), _velocities),
}
"""How else the rolls are read, what is tried and what by; each stays where no other is better."""
Heard = tuple[ValidationPiece, Rolls]


def middle_of_the_best(figures: Mapping[float, float]) -> float:
    """Of the candidates that do as well as the best, or less than `AS_GOOD` worse, the one
    nearest the middle between the lowest and the highest; of two, the one nearest a half."""
    best = max(figures.values())
    good = [each for each, f1 in figures.items() if f1 > best - AS_GOOD]
    middle = (min(good) + max(good)) / 2
    return min(good, key=lambda each: (round(abs(each - middle), 6), abs(each - 0.5)))


def choose(
    passages: Sequence[Heard],
    grid: FrameGrid,
    start: DecodeConfig,
    candidates: Sequence[float] = CANDIDATES,
    *,
    recorded: Sequence[Sequence[Heard]] = (),
) -> tuple[DecodeConfig, dict[str, dict[float, float]]]:
    """The best thresholds, and every candidate's mean F1 by threshold.

    Of those that do as well, or less than a tenth of a point worse, the middle one is chosen:
    a few passages don't separate them, and music that is not theirs is likelier to want more
    or less. Ties go to the candidate nearest one half. Pedal and velocities are judged on each set
    of ``recorded`` as well, which then counts as much as all passages.
    """
    chosen = start
    table: dict[str, dict[float, float]] = {}

    def try_all(name: str, values: Sequence[float], judge: Judge) -> dict[float, float]:
        sets = [passages, *recorded] if judge in (_pedal, _velocities) else [passages]
        table[name] = {}
        for value in values:
            config = _with(chosen, name, value)
            means = [np.mean([_judged(heard, grid, config, judge) for heard in of]) for of in sets]
            table[name][value] = float(np.mean(means))
        return table[name]

    for name, judge in DECIDES.items():
        nearest = middle_of_the_best(try_all(name, candidates, judge))
        chosen = _with(chosen, name, nearest)
    for name, (values, judge) in REFINES.items():
        now = getattr(chosen, name)
        below = chosen.pedal_threshold if name == "pedal_hysteresis" else np.inf
        tried = {now, *(each for each in values if each < below)}
        figures = try_all(name, sorted(tried), judge)
        if figures[now] <= max(figures.values()) - AS_GOOD:
            chosen = _with(chosen, name, middle_of_the_best(figures))
    return chosen, table


def _with(config: DecodeConfig, name: str, value: float) -> DecodeConfig:
    changed: dict[str, Any] = {name: value}
    return dataclasses.replace(config, **changed)


def _judged(heard: Heard, grid: FrameGrid, config: DecodeConfig, judge: Judge) -> float:
    piece, rolls = heard
    decoder = Decoder(grid, config)
    decoder.push(rolls)
    return judge(piece, decoder.finish(KEY), decoder.finish(SUSTAINED))


def calibrate(passages: Sequence[Heard], grid: FrameGrid, config: DecodeConfig) -> DecodeConfig:
    """Scale confidences so that they say how often notes are right (`decode.calibrated`).

    Slope and shift are those of a logistic regression on the log odds of the notes of all
    passages together. Where all notes or none are right, nothing can be said and the settings
    stay as they are.
    """
    raw = dataclasses.replace(config, confidence_slope=1.0, confidence_shift=0.0)
    confidences, rights = [], []
    for piece, of_piece in passages:
        decoder = Decoder(grid, raw)
        decoder.push(of_piece)
        est = decoder.finish(KEY)
        right = np.zeros(len(est.notes), np.bool_)
        right[match_aligned(piece.performance, est).pairs[:, 1]] = True
        rights.append(right)
        confidences.append(np.array([note.confidence for note in est.notes], np.float64))
    confidence, right = np.concatenate(confidences), np.concatenate(rights)
    if right.all() or not right.any():
        return config
    bounded = np.clip(confidence, _SUREST, 1 - _SUREST)
    slope, shift = fit_logistic(np.log(bounded / (1 - bounded))[:, None], right, ridge=1e-3)
    if slope <= 0:
        return config
    return dataclasses.replace(
        config, confidence_slope=round(float(slope), 3), confidence_shift=round(float(shift), 3)
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the arguments say."""
    out = "write the weights with the thresholds here"
    parser = new_parser("eval.accuracy.thresholds", __doc__, out=out)
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--passages", type=whole_number, default=24, help="default: 24")
    parser.add_argument(
        "--recorded",
        type=Path,
        help="index of recordings whose validation split is listened to as well",
    )
    parser.add_argument(
        "--second-opinion",
        type=Path,
        help="index of recordings, of any split, with what another transcriber hears in them",
    )
    parser.add_argument("overrides", nargs="*", help="Hydra overrides that name the data")
    return run(parser, thresholds, arguments, positional=["overrides"])


def thresholds(options: argparse.Namespace) -> None:
    """Choose, print, and write the weights."""
    torch.set_num_threads(1)
    config = train_config(options.overrides)
    config.data.validation_windows = options.passages
    checkpoint = load_checkpoint(options.checkpoint, threads=1)
    pieces = ValidationPieces(config.data, checkpoint.features)
    passages = [_heard(checkpoint, pieces[index]) for index in range(len(pieces))]
    recorded = [
        [_heard(checkpoint, piece) for piece in _recordings(index, split, checkpoint)]
        for index, split in ((options.recorded, "validation"), (options.second_opinion, None))
        if index is not None
    ]
    grid = checkpoint.features.grid
    chosen, table = choose(passages, grid, checkpoint.decode, recorded=recorded)
    chosen = calibrate(passages, grid, chosen)
    for name, figures in table.items():
        line = ", ".join(f"{each:.2f}: {100 * f1:.1f}" for each, f1 in figures.items())
        print(f"{name} {getattr(chosen, name):.2f}  (F1 {line})")
    print(f"confidence: slope {chosen.confidence_slope}, shift {chosen.confidence_shift}")
    if options.out is not None:
        checkpoint.decode = chosen
        save_checkpoint(checkpoint, options.out)


def _heard(checkpoint: Checkpoint, piece: ValidationPiece) -> Heard:
    frames = Features(checkpoint.features).whole(piece.samples)
    windows = dataclasses.asdict(checkpoint.windows)
    return piece, Rolls.unstack(apply_in_windows(checkpoint.model.activations, frames, **windows))


def _recordings(
    index: Path, split: str | None, checkpoint: Checkpoint
) -> Iterator[ValidationPiece]:
    """The recordings of an index; raises DatasetError where one has no audio."""
    for recording in load_dataset(index, split=split):
        if recording.audio_path is None:
            raise DatasetError(f"{index}: expected recordings; found no audio of {recording.title}")
        samples = read_audio(recording.audio_path, checkpoint.features.sample_rate)
        played = reference_performance(recording)
        yield ValidationPiece(recording.title, samples, played, has_pedal=True)


if __name__ == "__main__":
    sys.exit(main())
