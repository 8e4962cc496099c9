"""``python -m transcribe.train experiment=NAME``: settings in, weights out.

A run writes to its output folder and goes on from what it finds there: kill it, start
it again with the same command, and it resumes from the last finished epoch. Beside the
weights, ``last.safetensors``, it leaves what a person looks at: ``curves.png``,
``table.md`` and ``rolls/`` (`report`).
"""

from __future__ import annotations

import logging
from pathlib import Path

import hydra
import pytorch_lightning as pl
import torch
from hydra.core.config_store import ConfigStore
from omegaconf import DictConfig, OmegaConf
from pytorch_lightning.callbacks import Callback, LearningRateMonitor, ModelCheckpoint

from transcribe.train.config import TrainConfig
from transcribe.train.lit_module import LitData, LitTranscriber
from transcribe.train.loggers import make_loggers
from transcribe.train.report import Report

logger = logging.getLogger(__name__)
CONF = Path(__file__).resolve().parents[2] / "conf"
"""The settings of every published run; they live beside the package in a checkout."""
ConfigStore.instance().store(name="train_schema", node=TrainConfig)


def train(config: TrainConfig) -> Path:
    """Train from settings; returns the path of the averaged weights."""
    output = Path(config.output)
    output.mkdir(parents=True, exist_ok=True)
    settings = config.trainer
    pl.seed_everything(config.seed, workers=True, verbose=False)
    if settings.accelerator == "cpu" or not torch.cuda.is_available():
        torch.set_num_threads(settings.n_threads)
    callbacks: list[Callback] = [
        # At the epoch's very end: saved after validation, it would go on a step off.
        ModelCheckpoint(
            output,
            filename="epoch",
            save_last=True,
            save_top_k=1,
            save_on_train_epoch_end=True,
        ),
        LearningRateMonitor("step"),
        Report(output),
    ]
    trainer = pl.Trainer(
        accelerator=settings.accelerator,
        devices=settings.devices,
        strategy=settings.strategy,
        precision=settings.precision,  # type: ignore[arg-type]
        max_steps=settings.max_steps,
        max_epochs=-1,
        gradient_clip_val=settings.gradient_clip_val,
        check_val_every_n_epoch=settings.check_val_every_n_epoch,
        log_every_n_steps=settings.log_every_n_steps,
        enable_progress_bar=settings.progress_bar,
        use_distributed_sampler=False,
        num_sanity_val_steps=0,
        logger=make_loggers(config),
        callbacks=callbacks,
        default_root_dir=output,
    )
    last = output / "last.ckpt"
    resume_from = last if config.resume and last.is_file() else None
    if resume_from is not None:
        logger.info("resuming from %s", resume_from)
    lit_module = LitTranscriber(config)
    trainer.fit(lit_module, LitData(config), ckpt_path=resume_from, weights_only=False)
    weights = output / "last.safetensors"
    if trainer.is_global_zero:
        lit_module.export(weights)
    return weights


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="train")
def main(settings: DictConfig) -> None:
    """Hydra's door: everything past it is plain dataclasses."""
    config = OmegaConf.to_object(settings)
    if not isinstance(config, TrainConfig):
        raise TypeError(f"expected settings of the schema TrainConfig; found {type(config)}")
    logger.info("weights written to %s", train(config))


if __name__ == "__main__":
    main()
