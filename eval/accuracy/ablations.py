"""What each choice is worth: short trainings at equal compute, scored on validation.

    python -m eval.accuracy.ablations --minutes 6 --pool POOL --out eval/results/ablations.json
    python -m eval.accuracy.ablations --rows adamw,half-width --minutes 6 --pool POOL \\
        --out ABLATIONS.json

Every row of ``conf/ablations.yaml`` changes one thing of a base. Each is trained for the
same processor time on one thread, seeing the same windows in the same order, its rate
rising for 60 steps and falling over the second half; what is slower sees less music. Only
the training counts as compute: the windows are rendered once, into ``--pool``. Rows that
are in the record already are replaced, the others stay.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import json
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from torch import Tensor

from eval.accuracy.validation import train_config
from eval.common.command import new_parser, run
from eval.common.record import command, provenance
from eval.common.tables import SHORT_ROWS, markdown
from transcribe.decode.config import DecodeConfig
from transcribe.decode.decoder import Decoder
from transcribe.errors import TranscribeError
from transcribe.evaluation.metrics import Scores, score
from transcribe.evaluation.tables import NUMBERS, RATIOS
from transcribe.features import Features
from transcribe.files.atomic import atomic_path
from transcribe.model.onsets_and_frames import OnsetsAndFrames
from transcribe.model.planes import Planes
from transcribe.notes import KEY, SUSTAINED
from transcribe.options import positive_number, whole_number
from transcribe.rolls import Rolls
from transcribe.train.conf import CONF
from transcribe.train.config import TrainConfig
from transcribe.train.lit_transcriber import LitTranscriber
from transcribe.train.losses import total, transcription_loss
from transcribe.train.training_windows import TrainingWindows
from transcribe.train.validation_pieces import ValidationPieces
from transcribe.windows import apply_in_windows

ROWS_PATH = CONF / "ablations.yaml"
SEED = 77
_WARMUP_STEPS = 60
_DECODE = DecodeConfig(
    onset_threshold=0.4,
    offset_threshold=0.3,
    frame_threshold=0.4,
    sounding_threshold=0.4,
    pedal_threshold=0.45,
)
"""For every row alike: networks that have seen little music are unsure."""
FIGURES = SHORT_ROWS
"""Of the record."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the arguments say."""
    parser = new_parser("eval.accuracy.ablations", __doc__)
    parser.add_argument("--rows", help="names, separated by commas; default: all")
    parser.add_argument(
        "--minutes", type=positive_number, default=6.0, help="of processor time a row"
    )
    parser.add_argument(
        "--windows", type=whole_number, default=3200, help="rendered; default: 3200"
    )
    parser.add_argument(
        "--passages", type=whole_number, default=10, help="of validation; default: 10"
    )
    parser.add_argument("--workers", type=whole_number, default=2, help="that render")
    parser.add_argument("--pool", type=Path, required=True, help="folder for rendered windows")
    return run(parser, ablations, arguments, show=table)


def ablations(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """The rows so far, those of an earlier record too."""
    torch.set_num_threads(1)
    plan = yaml.safe_load(ROWS_PATH.read_text(encoding="utf-8"))
    names = options.rows.split(",") if options.rows else list(plan["rows"])
    unknown = [name for name in names if name not in plan["rows"]]
    if unknown:
        raise TranscribeError(f"no row {unknown} in {ROWS_PATH.name}")
    rows: dict[str, Any] = {}
    if options.out is not None and options.out.is_file():
        rows = json.loads(options.out.read_text(encoding="utf-8"))["rows"]
    made = {"command": command("eval.accuracy.ablations", options), **provenance()}
    for name in names:
        print(f"{name} ...", file=sys.stderr, flush=True)
        overrides = [*plan["base"], *plan["rows"][name]["overrides"]]
        figures = run_row(train_config(["experiment=rendered", *overrides]), options)
        learned = plan["rows"][name]["learned"]
        rows[name] = {"overrides": overrides, "learned": learned, **figures, **made}
        yield {"rows": rows}


def run_row(config: TrainConfig, options: argparse.Namespace) -> dict[str, Any]:
    """Train and score one row."""
    paths = rendered_windows(config, options.pool, options.windows, options.workers)
    torch.manual_seed(SEED)
    lit_module = LitTranscriber(config)
    n_steps, loss = train_for(lit_module, paths, 60 * options.minutes)
    n_windows = n_steps * config.data.batch_size
    seconds = n_windows * config.features.grid.seconds(config.data.window_frames)
    scores = validate(lit_module.model, config, options.passages)
    return {
        "minutes": options.minutes,
        "n_parameters": sum(p.numel() for p in lit_module.model.parameters()),
        "n_steps": n_steps,
        "hours_of_music": seconds / 3600,
        "saw_every_window": n_windows + config.data.batch_size > len(paths),
        "loss": loss,
        "f1": {name: [each.ratios[f"aligned/{name}"].f1 for each in scores] for name in FIGURES},
        "velocity_correlation": [each.numbers["aligned/velocity_correlation"] for each in scores],
    }


def rendered_windows(config: TrainConfig, pool: Path, n_windows: int, n_workers: int) -> list[Path]:
    """Paths of training windows, rendered where they are not there yet."""
    settings = [dataclasses.asdict(each) for each in (config.data, config.augment, config.features)]
    for unrelated in ("batch_size", "windows_per_epoch", "n_workers", "validation_windows"):
        del settings[0][unrelated]
    key = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:12]
    folder = pool / key
    folder.mkdir(parents=True, exist_ok=True)
    shares = [range(first, n_windows, n_workers) for first in range(n_workers)]
    with ProcessPoolExecutor(n_workers) as executor:
        list(executor.map(_render, [config] * n_workers, [folder] * n_workers, shares))
    return [folder / f"{index:05d}.pt" for index in range(n_windows)]


def _render(config: TrainConfig, folder: Path, indexes: range) -> None:
    missing = [index for index in indexes if not (folder / f"{index:05d}.pt").is_file()]
    if not missing:
        return
    torch.set_num_threads(1)
    windows = TrainingWindows(config.data, config.augment, config.features, seed=SEED)
    for index in missing:
        window = {key: value.half() for key, value in windows[index].items()}
        with atomic_path(folder / f"{index:05d}.pt") as temporary:
            torch.save(window, temporary)


def train_for(
    lit_module: LitTranscriber, paths: Sequence[Path], seconds: float
) -> tuple[int, dict[str, float]]:
    """Train for so much processor time; the steps taken, and the loss over the last of them."""
    config, network = lit_module.config, lit_module.model.train()
    optimizer = lit_module.configure_optimizers()["optimizer"]
    n_batch, n_steps = config.data.batch_size, 0
    terms_seen: list[dict[str, float]] = []
    began = time.process_time()
    while (n_steps + 1) * n_batch <= len(paths):
        done = (time.process_time() - began) / seconds
        if done >= 1:
            break
        for group in optimizer.param_groups:
            warm = min(1.0, (n_steps + 1) / _WARMUP_STEPS)
            group["lr"] = config.optimizer.learning_rate * warm * min(1.0, 2 * (1 - done))
        batch = _batch(paths[n_steps * n_batch : (n_steps + 1) * n_batch])
        with torch.autocast("cpu", torch.bfloat16):
            logits = network(batch["frames"])
        terms = transcription_loss(
            logits,
            Planes.unstack(batch["targets"]),
            config.loss,
            pedal_mask=batch["pedal_known"],
            velocity_mask=batch["velocity_known"],
        )
        optimizer.zero_grad()
        total(terms).backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), config.trainer.gradient_clip_val)
        optimizer.step()
        terms_seen.append({name: float(term.detach()) for name, term in terms.items()})
        n_steps += 1
    recent = terms_seen[-max(1, 240 // n_batch) :]
    return n_steps, {name: float(np.mean([each[name] for each in recent])) for name in recent[0]}


def _batch(paths: Sequence[Path]) -> dict[str, Tensor]:
    windows = [torch.load(path, weights_only=True) for path in paths]
    return {key: torch.stack([window[key] for window in windows]).float() for key in windows[0]}


def validate(network: OnsetsAndFrames, config: TrainConfig, n_passages: int) -> list[Scores]:
    """Scores of the validation passages, at thresholds that are the same for every row."""
    network.train(False)
    features = Features(config.features)
    data = dataclasses.replace(config.data, validation_windows=n_passages)
    scores = []
    pieces = ValidationPieces(data, config.features)
    for index in range(len(pieces)):
        piece = pieces[index]
        frames = features.whole(piece.samples)
        windows = dataclasses.asdict(config.windows)
        activations = apply_in_windows(network.activations, frames, **windows)
        decoder = Decoder(config.features.grid, _DECODE)
        decoder.push(Rolls.unstack(activations))
        est, est_sustained = decoder.finish(KEY), decoder.finish(SUSTAINED)
        scores.append(score(piece.performance, est, est_sustained=est_sustained))
    return scores


def table(record: dict[str, Any]) -> str:
    """The record as Markdown: mean F1 in percent over the validation passages."""
    head = ["row", "parameters", "hours", *(RATIOS[name] for name in FIGURES)]
    rows = []
    for name, row in record["rows"].items():
        known = [each for each in row["velocity_correlation"] if each is not None]
        rows.append(
            [
                name,
                f"{row['n_parameters'] / 1e3:,.0f} k",
                f"{row['hours_of_music']:.1f}",
                *(f"{100 * np.mean(row['f1'][figure]):.1f}" for figure in FIGURES),
                f"{np.mean(known) if known else float('nan'):.2f}",
            ]
        )
    learned = [f"- **{name}**: {row['learned']}" for name, row in record["rows"].items()]
    table = markdown([*head, NUMBERS["velocity_correlation"]], rows)
    return "\n".join([table, "", *learned])


if __name__ == "__main__":
    sys.exit(main())
