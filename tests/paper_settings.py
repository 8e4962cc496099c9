"""The settings of Onsets and Frames as published, as ``conf/model/paper.yaml`` has them."""

from __future__ import annotations

from typing import Any, cast

from omegaconf import OmegaConf

from transcribe.features import FeatureConfig
from transcribe.model.config import PAPER, ModelConfig
from transcribe.train.conf import CONF

SMALL_PAPER = ModelConfig(
    architecture=PAPER, conv_channels=4, width=16, lstm_size=8, pedal_size=4, dropout=0.0
)
"""As the published network, in sizes small enough to wait for."""


def paper_model() -> ModelConfig:
    """Its network."""
    return ModelConfig(**_stated("model"))


def mel_features() -> FeatureConfig:
    """Its input: one mel spectrum."""
    return FeatureConfig(**_stated("features"))


def _stated(group: str) -> dict[str, Any]:
    stated = OmegaConf.load(CONF / "model" / "paper.yaml")[group]
    return cast("dict[str, Any]", OmegaConf.to_container(stated))
