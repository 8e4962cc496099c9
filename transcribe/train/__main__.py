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
from hydra.core.config_store import ConfigStore
from omegaconf import DictConfig, OmegaConf

from transcribe.train.config import TrainConfig
from transcribe.train.lit_module import LitData, LitTranscriber
from transcribe.train.report import Report
from transcribe.train.trainer import checkpoint_to_resume, make_trainer

logger = logging.getLogger(__name__)
CONF = Path(__file__).resolve().parents[2] / "conf"
"""The settings of every published run; they live beside the package in a checkout."""
ConfigStore.instance().store(name="train_schema", node=TrainConfig)


def train(config: TrainConfig) -> Path:
    """Train from settings; returns the path of the averaged weights."""
    trainer = make_trainer(config, Report(Path(config.output)))
    lit_module = LitTranscriber(config)
    trainer.fit(
        lit_module, LitData(config), ckpt_path=checkpoint_to_resume(config), weights_only=False
    )
    weights = Path(config.output) / "last.safetensors"
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
