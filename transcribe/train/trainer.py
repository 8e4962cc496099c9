"""Lightning's trainer as every run here has it: checkpoints that a stopped run goes on from."""

from __future__ import annotations

import logging
from pathlib import Path

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback, LearningRateMonitor, ModelCheckpoint

from transcribe.model import fast_bfloat16
from transcribe.train.config import Run
from transcribe.train.loggers import make_loggers

logger = logging.getLogger(__name__)


def make_trainer(config: Run, *callbacks: Callback) -> pl.Trainer:
    """Seed everything, make the output folder, and set a trainer up for it."""
    output = Path(config.output)
    output.mkdir(parents=True, exist_ok=True)
    settings = config.trainer
    pl.seed_everything(config.seed, workers=True, verbose=False)
    precision = settings.precision
    if settings.accelerator == "cpu" or not torch.cuda.is_available():
        torch.set_num_threads(settings.n_threads)
        if precision == "bf16-mixed" and not fast_bfloat16(torch.device("cpu")):
            logger.info("this processor has no bfloat16 of its own: training in float32")
            precision = "32-true"
    return pl.Trainer(
        accelerator=settings.accelerator,
        devices=settings.devices,
        strategy=settings.strategy,
        precision=precision,  # type: ignore[arg-type]
        max_steps=settings.max_steps,
        max_epochs=-1,
        gradient_clip_val=settings.gradient_clip_val,
        check_val_every_n_epoch=settings.check_val_every_n_epoch,
        log_every_n_steps=settings.log_every_n_steps,
        enable_progress_bar=settings.progress_bar,
        use_distributed_sampler=False,
        benchmark=settings.accelerator == "gpu",  # windows are of one length
        num_sanity_val_steps=0,
        logger=make_loggers(config),
        callbacks=[
            # At the epoch's very end: saved after validation, it would go on a step off.
            ModelCheckpoint(
                output,
                filename="epoch",
                save_last=True,
                save_top_k=1,
                save_on_train_epoch_end=True,
            ),
            LearningRateMonitor("step"),
            *callbacks,
        ],
        default_root_dir=output,
    )


def checkpoint_to_resume(config: Run) -> Path | None:
    """The last checkpoint in the output folder, if there is one and the run is to go on."""
    last = Path(config.output) / "last.ckpt"
    if not (config.resume and last.is_file()):
        return None
    logger.info("resuming from %s", last)
    return last
