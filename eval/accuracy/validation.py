"""Score weights on an experiment's validation passages: one command, one record.

    python -m eval.accuracy.validation --out eval/results/validation.json experiment=default

For the default experiment these are passages of MAESTRO's validation MIDI, played on a
grand and an upright that training never hears, without room or noise. Thresholds are
chosen on the same passages (`eval.accuracy.thresholds`), so this says how well the network knows
music that it has not seen, not how well it does on real recordings.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from eval.common.record import command, provenance, rounded, write_record
from eval.publish.tables import metrics_table
from transcribe.errors import TranscribeError
from transcribe.evaluation.aggregate import aggregate
from transcribe.evaluation.metrics import score
from transcribe.train.conf import CONF
from transcribe.train.config import TrainConfig
from transcribe.train.validation_pieces import ValidationPieces
from transcribe.transcriber import Transcriber


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the arguments say."""
    parser = argparse.ArgumentParser(
        prog="python -m eval.accuracy.validation",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--checkpoint", type=Path, help="default: the packaged weights")
    parser.add_argument("--passages", type=int, default=24, help="default: 24")
    parser.add_argument("--out", type=Path, help="write the record here (.json)")
    parser.add_argument("overrides", nargs="*", help="Hydra overrides that name the data")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    with initialize_config_dir(str(CONF), version_base="1.3"):
        settings = compose("train", overrides=options.overrides)
    config = OmegaConf.to_object(settings)
    assert isinstance(config, TrainConfig)
    config.data.validation_windows = options.passages
    try:
        record = validation(config, options)
        if options.out is not None:
            write_record(record, options.out)
    except TranscribeError as error:
        print(f"eval.accuracy.validation: {error}", file=sys.stderr)
        return 1
    return 0


def validation(config: TrainConfig, options: argparse.Namespace) -> dict[str, Any]:
    """Score, print the table, and return the record."""
    transcriber = Transcriber.load(options.checkpoint)
    sample_rate = transcriber.checkpoint.features.sample_rate
    pieces = ValidationPieces(config.data, transcriber.checkpoint.features)
    scores, passages = [], []
    for index in range(len(pieces)):
        piece = pieces[index]
        heard = transcriber.transcribe(piece.samples, sample_rate=sample_rate)
        scores.append(
            score(
                piece.performance,
                heard.performance,
                est_sustained=heard.sustained,
                ref_has_pedal=piece.has_pedal,
            )
        )
        duration = len(piece.samples) / sample_rate
        passages.append({"title": piece.name, "duration": round(duration, 3)})
        print(f"{index + 1}/{len(pieces)} {piece.name}", file=sys.stderr)
    summary = aggregate(scores)
    print(metrics_table(summary))
    return {
        "system": {
            "name": transcriber.name,
            "weights_sha256": transcriber.checkpoint.metadata.get("sha256"),
            "decode": dataclasses.asdict(transcriber.decode),
        },
        **provenance(),
        "command": command("eval.accuracy.validation", options, positional=["overrides"]),
        "instruments": list(config.data.validation_instruments),
        "passages": passages,
        "summary": rounded({name: each.as_json() for name, each in summary.items()}),
        "scores": [rounded(each.as_json()) for each in scores],
    }


if __name__ == "__main__":
    sys.exit(main())
