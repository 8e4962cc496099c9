"""``python -m transcribe.train experiment=NAME``: settings in, weights out.

A run writes to its output folder and goes on from what it finds there: kill it, start
it again with the same command, and it resumes from the last finished epoch; under other
settings it is refused (`trainer`). Beside the weights, ``last.safetensors``, it leaves what
a person looks at: ``curves.png``, ``table.md`` and ``rolls/`` (`report`).
"""

from __future__ import annotations

from pathlib import Path

from transcribe.train.config import TrainConfig
from transcribe.train.lit_transcriber import LitTranscriber
from transcribe.train.report import Report
from transcribe.train.trainer import Jobs, fit
from transcribe.train.transcriber_data import TranscriberData


def train(config: TrainConfig) -> Path:
    """Train from settings; returns the path of the averaged weights."""
    return fit(config, LitTranscriber, TranscriberData, Report(Path(config.output)))


def main() -> None:
    """Read the command line, train, and exit with 1 if a run could not be trained."""
    Jobs(TrainConfig, train).main("train")


if __name__ == "__main__":
    main()
