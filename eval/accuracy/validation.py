"""Score weights on an experiment's validation passages: one command, one record.

    python -m eval.accuracy.validation --out eval/results/validation.json experiment=default

For the default experiment these are passages of MAESTRO's validation MIDI, played on a
grand and an upright that training never uses, without room or noise. Thresholds are
chosen on the same passages (`eval.accuracy.thresholds`), so this says how well the network knows
music that it has not seen, not how well it does on real recordings.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from hydra import compose, initialize_config_dir

from eval.common.command import new_parser, run
from eval.common.tables import metrics_table
from eval.common.transcribing import describe
from transcribe.evaluation.aggregate import aggregate
from transcribe.evaluation.metrics import score
from transcribe.options import whole_number
from transcribe.train.conf import CONF
from transcribe.train.config import TrainConfig, plain
from transcribe.train.validation_pieces import ValidationPieces
from transcribe.transcriber import Transcriber


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the arguments say."""
    parser = new_parser("eval.accuracy.validation", __doc__)
    parser.add_argument("--checkpoint", type=Path, help="default: the packaged weights")
    parser.add_argument("--passages", type=whole_number, default=24, help="default: 24")
    parser.add_argument("--threads", type=whole_number, default=1, help="default: 1")
    parser.add_argument("overrides", nargs="*", help="Hydra overrides that name the data")
    return run(
        parser,
        validation,
        arguments,
        show=lambda record: metrics_table(record["summary"]),
        positional=["overrides"],
    )


def train_config(overrides: Sequence[str]) -> TrainConfig:
    """The settings of ``conf/train.yaml`` with overrides."""
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = plain(compose("train", overrides=list(overrides)))
    assert isinstance(config, TrainConfig)
    return config


def validation(options: argparse.Namespace) -> dict[str, Any]:
    """Score every passage."""
    torch.set_num_threads(options.threads)  # for rendering the passages
    config = train_config(options.overrides)
    config.data.validation_windows = options.passages
    transcriber = Transcriber.load(options.checkpoint, threads=options.threads)
    sample_rate = transcriber.checkpoint.features.sample_rate
    pieces = ValidationPieces(config.data, transcriber.checkpoint.features)
    scores, passages = [], []
    for index in range(len(pieces)):
        piece = pieces[index]
        found = transcriber.transcribe(piece.samples, sample_rate=sample_rate)
        scores.append(
            score(
                piece.performance,
                found.performance,
                est_sustained=found.sustained,
                ref_has_pedal=piece.has_pedal,
            )
        )
        duration = len(piece.samples) / sample_rate
        passages.append({"title": piece.name, "duration": round(duration, 3)})
        print(f"{index + 1}/{len(pieces)} {piece.name}", file=sys.stderr)
    return {
        "system": describe(transcriber),
        "instruments": list(config.data.validation_instruments),
        "passages": passages,
        "summary": {name: each.as_json() for name, each in aggregate(scores).items()},
        "scores": [each.as_json() for each in scores],
    }


if __name__ == "__main__":
    sys.exit(main())
