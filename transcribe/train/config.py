"""Every setting of a training run, gathered from beside the code that it sets."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any

from hydra.core.config_store import ConfigStore
from omegaconf import DictConfig, OmegaConf

from transcribe.decode.config import DecodeConfig
from transcribe.errors import SettingsError
from transcribe.features import FeatureConfig
from transcribe.generate.config import GeneratorConfig
from transcribe.model.config import ModelConfig
from transcribe.train.augment.config import AugmentConfig
from transcribe.train.beat_network import BarNetworkConfig, BeatNetworkConfig
from transcribe.train.checking import refuse_outside
from transcribe.train.data import DataConfig
from transcribe.train.event_windows import EventDataConfig
from transcribe.train.length_network import LengthNetworkConfig
from transcribe.train.losses import LossConfig
from transcribe.train.note_network import NoteNetworkConfig
from transcribe.train.score_data import ScoreDataConfig
from transcribe.windows import WindowConfig


@dataclass
class OptimizerConfig:
    """AdamW, or Muon with AdamW; the rate warms up, stays, and falls to nothing at the very end.

    Because it stays, a run can be stopped, and `TrainerConfig.max_steps` raised, with
    nothing lost: only the fall has to be run again.
    """

    muon: bool = False
    """`muon.MuonAdamW` instead of AdamW alone."""
    learning_rate: float = 2e-3
    weight_decay: float = 1e-2
    warmup_steps: int = 200
    decay_steps: int = 1000
    """Steps before `TrainerConfig.max_steps` over which the rate falls linearly."""
    decay_share: float = 0.0
    """If above 0, in place of ``decay_steps``: the share of the run over which it falls."""
    ema_decay: float = 0.998
    """Weights are averaged over about 1 / (1 - ema_decay) steps; the average is kept."""
    frozen: list[str] = field(default_factory=list)
    """Parts of the network that stay as they are, by their names (``network.stack``,
    ``network.stack.key_bias``), with what their normalisation has seen."""

    def check(self) -> None:
        """Raise SettingsError for rates and shares that teach nothing."""
        steps = dict.fromkeys(("warmup_steps", "decay_steps"), (0, math.inf))
        refuse_outside("optimizer", self, learning_rate=(0, 100), weight_decay=(0, 100), **steps)
        refuse_outside("optimizer", self, decay_share=(0, 1), ema_decay=(0, 1))

    def schedule(self, max_steps: int) -> Callable[[int], float]:
        """From a step's number to what its learning rate is multiplied by."""
        decay = self.decay_share * max_steps or self.decay_steps

        def factor(step: int) -> float:
            return self.warm(step) * _share((max_steps - step) / max(1, decay))

        return factor

    def timed_schedule(self, done: Callable[[], float]) -> Callable[[int], float]:
        """The same for a run that ends by the clock; ``done`` says which share of it is over."""

        def factor(step: int) -> float:
            return self.warm(step) * _share((1 - done()) / self.decay_share)

        return factor

    def warm(self, step: int) -> float:
        """Rises from nothing to 1 over the first steps."""
        return min(1.0, (step + 1) / max(1, self.warmup_steps))


def _share(value: float) -> float:
    return max(0.0, min(1.0, value))


@dataclass
class TrainerConfig:
    """Where and for how long; the names are Lightning's."""

    accelerator: str = "auto"
    devices: int = 1
    strategy: str = "auto"
    precision: str = "bf16-mixed"
    max_steps: int = 10000
    """-1: as many as there is time for."""
    max_minutes: float = 0.0
    """If above 0, the run ends by the clock, or after ``max_steps`` if that is sooner; time before
    it was stopped and started again counts."""
    gradient_clip_val: float = 1.0
    n_threads: int = 1
    """Of a CPU run, for each process; more help only where cores are free."""
    check_val_every_n_epoch: int = 1
    log_every_n_steps: int = 20
    tensorboard: bool = False
    """Also log for TensorBoard (the extra of this name)."""
    wandb: bool = False
    """Also log to Weights and Biases (the extra of this name); see `loggers`."""
    progress_bar: bool = True

    def check(self) -> None:
        """Raise SettingsError for a run that doesn't begin or doesn't end."""
        counts = dict.fromkeys(("n_threads", "check_val_every_n_epoch"), (1, math.inf))
        amounts = dict.fromkeys(("gradient_clip_val", "log_every_n_steps"), (0, math.inf))
        refuse_outside("trainer", self, max_minutes=(0, math.inf), **counts, **amounts)
        least = -1 if self.max_minutes > 0 else 0
        refuse_outside("trainer", self, max_steps=(least, math.inf))


@dataclass
class RunConfig:
    """The settings that every run has, whatever it trains."""

    name: str = "unnamed"
    """Of the run and of the weights that come out."""
    output: str = "outputs/${name}"
    """Folder for checkpoints, logs and weights; a run resumes from what it finds there."""
    seed: int = 0
    resume: bool = True
    """Go on from the last checkpoint in the output folder, if there is one."""
    licence: str = "CC BY-NC-SA 4.0"
    """Of the weights; MAESTRO, ASAP and what derives from them allow no freer one."""
    data: Any = None
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    trainer: TrainerConfig = field(default_factory=TrainerConfig)

    def check(self) -> None:
        """Raise SettingsError for a seed that there isn't, or a clock without a rate for it."""
        if not 0 <= self.seed < 1 << 32:
            raise SettingsError(f"seed is 0 to 4294967295; found {self.seed}")
        if self.trainer.max_minutes > 0 and not self.optimizer.decay_share > 0:
            raise SettingsError(
                "a run that ends by the clock (trainer.max_minutes) needs optimizer.decay_share "
                f"above 0; found {self.optimizer.decay_share}"
            )


@dataclass
class TrainConfig(RunConfig):
    """A run of ``python -m transcribe.train``: a network that transcribes."""

    initial_weights: str = ""
    """Weights file to start from, or empty; its network has all that ``model`` says, or more."""
    features: FeatureConfig = field(default_factory=FeatureConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    windows: WindowConfig = field(default_factory=WindowConfig)
    decode: DecodeConfig = field(default_factory=DecodeConfig)
    data: DataConfig = field(default_factory=DataConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    experiment: Any = None
    """Chosen from ``conf/experiment``."""


@dataclass
class GeneratorTrainConfig(RunConfig):
    """A run of ``python -m transcribe.train --config-name continue``."""

    name: str = "generator"
    initial_weights: str = ""
    """Weights file to start from, of a network of the same sizes, or empty."""
    model: GeneratorConfig = field(default_factory=GeneratorConfig)
    data: EventDataConfig = field(default_factory=EventDataConfig)


@dataclass
class ScoreTrainConfig(RunConfig):
    """A run of ``python -m transcribe.train --config-name score``."""

    name: str = "score-${network}"
    network: str = "beats"
    """``"beats"``, ``"bars"``, ``"notes"`` or ``"lengths"``."""
    beats: BeatNetworkConfig = field(default_factory=BeatNetworkConfig)
    bars: BarNetworkConfig = field(default_factory=BarNetworkConfig)
    notes: NoteNetworkConfig = field(default_factory=NoteNetworkConfig)
    lengths: LengthNetworkConfig = field(default_factory=LengthNetworkConfig)
    data: ScoreDataConfig = field(default_factory=ScoreDataConfig)


def plain(settings: DictConfig) -> Any:
    """The dataclass that composed settings are of.

    Raises
    ------
    SettingsError
        ``+NAME=VALUE`` added a setting that nothing reads, or one is out of range.
    """
    try:
        config = OmegaConf.to_object(settings)
    except ValueError as error:
        raise SettingsError(str(error)) from error
    unknown = sorted(_unknown(config))
    if unknown:
        raise SettingsError(
            f"expected settings that there are; found {', '.join(unknown)}: write it without the "
            "+ and spelt as `transcribe train --cfg job` lists it"
        )
    return config


def _unknown(config: Any, prefix: str = "") -> Iterator[str]:
    """Names of what is no field of a dataclass, with those of the dataclasses in it."""
    if isinstance(config, Mapping):
        for name, value in config.items():
            yield from _unknown(value, f"{prefix}{name}.")
    if not is_dataclass(config):
        return
    known = {each.name for each in fields(config)}
    for name, value in getattr(config, "__dict__", {}).items():
        if name not in known:
            yield prefix + name
        else:
            yield from _unknown(value, f"{prefix}{name}.")


# Whoever composes a file of conf/ checks it against these settings.
ConfigStore.instance().store(name="train_schema", node=TrainConfig)
ConfigStore.instance().store(name="generator_schema", node=GeneratorTrainConfig)
ConfigStore.instance().store(name="score_schema", node=ScoreTrainConfig)
