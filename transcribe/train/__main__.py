"""``python -m transcribe.train experiment=NAME``: settings in, weights out.

Settings that begin in ``conf/train.yaml`` train a network that transcribes; with ``--config-name
continue`` they begin in ``conf/continue.yaml``, and train the one that continues music; with
``--config-name score`` in ``conf/score.yaml``, for the four behind sheet music.

A run writes to its output folder and resumes from what it finds there: kill it, start it again
with the same command, and it goes on from the last finished epoch; under other settings it is
refused (`trainer`). Beside the weights, ``last.safetensors``, it leaves Lightning's logs and, for
a network that transcribes, ``curves.png``, ``table.md`` and ``rolls/`` (`report`).
"""

from __future__ import annotations

from pathlib import Path

from transcribe.train.config import GeneratorTrainConfig, ScoreTrainConfig, TrainConfig
from transcribe.train.lit_generator import GeneratorData, LitGenerator
from transcribe.train.lit_score import LitScore, ScoreData
from transcribe.train.lit_transcriber import LitTranscriber
from transcribe.train.report import Report
from transcribe.train.trainer import Jobs, fit
from transcribe.train.transcriber_data import TranscriberData


def train(config: TrainConfig | GeneratorTrainConfig | ScoreTrainConfig) -> Path:
    """Train the network that the settings are for; returns the path of its averaged weights."""
    if isinstance(config, GeneratorTrainConfig):
        return fit(config, LitGenerator, GeneratorData)
    if isinstance(config, ScoreTrainConfig):
        return fit(config, LitScore, ScoreData)
    return fit(config, LitTranscriber, TranscriberData, Report(Path(config.output)))


def main() -> None:
    """Read the command line, train, and exit with 1 if a run could not be trained."""
    Jobs((TrainConfig, GeneratorTrainConfig, ScoreTrainConfig), train).main("train")


if __name__ == "__main__":
    main()
