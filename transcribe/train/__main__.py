"""``python -m transcribe.train experiment=NAME``: settings in, weights out.

A run writes to its output folder and goes on from what it finds there: kill it, start
it again with the same command, and it resumes from the last finished epoch; under other
settings it is refused (`trainer`). Beside the weights, ``last.safetensors``, it leaves what
a person looks at: ``curves.png``, ``table.md`` and ``rolls/`` (`report`).
"""

from __future__ import annotations

from pathlib import Path

import hydra

from transcribe.train.conf import CONF
from transcribe.train.config import TrainConfig
from transcribe.train.lit_transcriber import LitData, LitTranscriber
from transcribe.train.report import Report
from transcribe.train.trainer import Jobs, fit


def train(config: TrainConfig) -> Path:
    """Train from settings; returns the path of the averaged weights."""
    return fit(config, LitTranscriber, LitData, Report(Path(config.output)))


def main() -> None:
    """Read the command line, train, and exit with 1 if a run could not be trained."""
    jobs = Jobs(TrainConfig, train)
    hydra.main(version_base="1.3", config_path=str(CONF), config_name="train")(jobs.run)()
    jobs.end()


if __name__ == "__main__":
    main()
