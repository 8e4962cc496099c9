"""``python -m transcribe.train.generator``: train the network that continues music.

As `transcribe.train`, a run goes on from what it finds in its output folder. It leaves
``last.safetensors`` and Lightning's logs.
"""

from __future__ import annotations

from pathlib import Path

from transcribe.train.config import GeneratorTrainConfig
from transcribe.train.lit_generator import GeneratorData, LitGenerator
from transcribe.train.trainer import Jobs, fit


def train(config: GeneratorTrainConfig) -> Path:
    """Train from settings; returns the path of the weights."""
    return fit(config, LitGenerator, GeneratorData)


def main() -> None:
    """Read the command line, train, and exit with 1 if a run could not be trained."""
    Jobs(GeneratorTrainConfig, train).main("continue")


if __name__ == "__main__":
    main()
