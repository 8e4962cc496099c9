"""Where the figures of a run go: always CSV, TensorBoard and Weights and Biases on request."""

from __future__ import annotations

import os
import sys
import uuid
from importlib.util import find_spec
from pathlib import Path

from pytorch_lightning.loggers import CSVLogger, Logger

from transcribe.errors import TranscribeError
from transcribe.files.atomic import write_atomically
from transcribe.train.config import RunConfig

LOG = "log"
"""Folder of the CSV logs in a run's output; each start of the run adds a ``version_N``."""


def make_loggers(config: RunConfig) -> list[Logger]:
    """The loggers that the settings ask for, CSV first.

    TensorBoard writes to ``tensorboard/`` and Weights and Biases to ``wandb/`` in the output
    folder. The latter also sends what it writes, unless ``WANDB_MODE=offline`` is set; its
    project is ``WANDB_PROJECT`` or ``transcribe``, and a run that is resumed goes on under
    the same id.

    Raises
    ------
    TranscribeError
        A logger's package is not installed; says how to install it.
    """
    output, settings = Path(config.output), config.trainer
    for package in ("tensorboard", "wandb"):
        if getattr(settings, package) and not _is_installed(package):
            raise TranscribeError(
                f"trainer.{package}=true needs {package}, and there is none: "
                f"pip install 'transcribe[{package}]'"
            )
    loggers: list[Logger] = [CSVLogger(output, name=LOG)]
    if settings.tensorboard:
        from pytorch_lightning.loggers import TensorBoardLogger

        loggers.append(TensorBoardLogger(output, name="tensorboard"))
    if settings.wandb:
        from pytorch_lightning.loggers import WandbLogger

        loggers.append(
            WandbLogger(
                name=config.name,
                save_dir=output,
                project=os.environ.get("WANDB_PROJECT", "transcribe"),
                id=_run_id(output),
                resume="allow",
            )
        )
    return loggers


def _is_installed(package: str) -> bool:
    if package in sys.modules:
        return sys.modules[package] is not None
    return find_spec(package) is not None


def _run_id(output: Path) -> str:
    """Made on the first start and kept in the output folder for the next."""
    path = output / "wandb-id.txt"
    if not path.is_file():
        output.mkdir(parents=True, exist_ok=True)
        write_atomically(path, uuid.uuid4().hex[:12] + "\n")
    return path.read_text(encoding="utf-8").strip()
