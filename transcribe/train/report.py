"""Curves, piano rolls and a table in the run's output folder, renewed after each validation.

- ``curves.png``: loss, validation and learning rate, over all starts of the run;
- ``rolls/NN.png``: what the network says of the first validation passages;
- ``table.md``: F1 of every passage, and the means as they developed.

All are made of the CSV log and of what validation transcribed; none is read again, so any may be
deleted.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
from torch import distributed

from transcribe.files.atomic import write_atomically
from transcribe.train.lit_transcriber import LitTranscriber
from transcribe.train.loggers import LOG
from transcribe.train.pictures import Curve, draw_curves, draw_roll

N_ROLLS = 4
"""Of so many passages a picture is drawn."""


class Report(pl.Callback):
    """Keeps what a person looks at up to date.

    Parameters
    ----------
    output : Path
        The run's output folder.
    """

    def __init__(self, output: Path) -> None:
        self.output = output
        self.passages: list[tuple[int, str, dict[str, float]]] = []

    def on_validation_epoch_start(self, trainer: pl.Trainer, _: pl.LightningModule) -> None:
        """Forget the last validation."""
        self.passages = []

    def on_validation_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Remember a passage's figures, if there was one; draw it if it is among the first."""
        assert isinstance(pl_module, LitTranscriber)
        if outputs is None:
            return
        piece, number = outputs["piece"], batch_idx * trainer.world_size + trainer.global_rank
        self.passages.append((number, piece.name, outputs["figures"]))
        if number < N_ROLLS:
            draw_roll(
                outputs["rolls"],
                pl_module.config.features.grid,
                piece.performance,
                outputs["est"],
                self.output / "rolls" / f"{number + 1:02d}.png",
                title=f"{piece.name}, step {trainer.global_step}",
            )

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write the table and the curves."""
        passages = _of_all_processes(self.passages)
        if trainer.is_global_zero and passages:
            curves = self._curves(trainer)
            table = markdown(sorted(passages), curves, trainer.global_step)
            write_atomically(self.output / "table.md", table)
            self._draw(curves, pl_module)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Draw the curves to their end, also of a run without validation."""
        if trainer.is_global_zero:
            self._draw(self._curves(trainer), pl_module)

    def _curves(self, trainer: pl.Trainer) -> dict[str, Curve]:
        for logger in trainer.loggers:
            logger.save()
        return read_curves(self.output)

    def _draw(self, curves: Mapping[str, Curve], pl_module: pl.LightningModule) -> None:
        assert isinstance(pl_module, LitTranscriber)
        draw_curves(curves, self.output / "curves.png", title=pl_module.config.name)


def read_curves(output: Path) -> dict[str, Curve]:
    """Every column of a run's CSV logs by name, as pairs of step and value.

    A run that was stopped and started again has a log for each start; from the first step
    of a later one, it replaces what the earlier had reached.
    """
    found: dict[str, dict[int, float]] = {}
    logs = (output / LOG).glob("version_*/metrics.csv")
    for path in sorted(logs, key=lambda path: int(path.parent.name.partition("_")[2])):
        with path.open(encoding="utf-8", newline="") as file:
            rows = [row for row in csv.DictReader(file) if row.get("step")]
        first = min((int(row["step"]) for row in rows), default=0)
        for name, points in found.items():
            found[name] = {step: value for step, value in points.items() if step < first}
        for row in rows:
            for name, value in row.items():
                if name not in ("step", "epoch") and value:
                    found.setdefault(name, {})[int(row["step"])] = float(value)
    return {name: sorted(points.items()) for name, points in found.items() if points}


def markdown(
    passages: Sequence[tuple[int, str, Mapping[str, float]]],
    curves: Mapping[str, Curve],
    step: int,
) -> str:
    """F1 in percent: passages in rows under each other, then the means by step."""
    names = list(dict.fromkeys(name for _, _, figures in passages for name in figures))
    heads = " | ".join(name.partition("/")[2].replace("_", " ") for name in names)
    rule = "|---|" + "--:|" * len(names)
    lines = [
        f"# Validation after {step} steps",
        "",
        "F1 in %, the median onset deviation of each passage taken off. Conventions are those "
        "of `transcribe/evaluation/metrics.py`.",
        "",
        f"| passage | {heads} |",
        rule,
    ]
    for number, title, figures in passages:
        cells = " | ".join(_percent(figures.get(name)) for name in names)
        lines.append(f"| {number + 1} {' '.join(title.split()).replace('|', '/')} | {cells} |")
    means = [
        np.mean([figures[name] for _, _, figures in passages if name in figures]) for name in names
    ]
    lines.append(f"| **mean** | {' | '.join(_percent(float(mean)) for mean in means)} |")
    history = {name: dict(curves.get(name, ())) for name in names}
    steps = sorted({each for points in history.values() for each in points})
    if steps:
        lines += ["", "## As it developed", "", f"| step | {heads} |", rule]
    for each in steps:
        cells = " | ".join(_percent(history[name].get(each)) for name in names)
        lines.append(f"| {each + 1} | {cells} |")
    return "\n".join(lines) + "\n"


def _percent(fraction: float | None) -> str:
    return "" if fraction is None else f"{100 * fraction:.1f}"


def _of_all_processes(passages: list[Any]) -> list[Any]:
    """What all processes of a distributed run transcribed."""
    if not (distributed.is_available() and distributed.is_initialized()):
        return passages
    gathered: list[Any] = [None] * distributed.get_world_size()
    distributed.all_gather_object(gathered, passages)
    return [each for part in gathered for each in part]
