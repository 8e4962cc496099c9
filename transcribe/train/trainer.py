"""Every training run, whatever it trains: from settings to weights, and on after a stop.

A run keeps its settings in each of its checkpoints, and beside them as ``settings.yaml``. It
goes on from a checkpoint only under these settings: others would end up beside weights that
were not trained with them. How long the run lasts may change, and what it says and how it is
fed (`FREE`).
"""

from __future__ import annotations

import dataclasses
import logging
import re
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, cast

import hydra
import pytorch_lightning as pl
import torch
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from pytorch_lightning.callbacks import Callback, LearningRateMonitor, ModelCheckpoint
from pytorch_lightning.utilities.exceptions import MisconfigurationException, SIGTERMException
from safetensors import SafetensorError, safe_open

from transcribe.errors import SettingsError, TranscribeError
from transcribe.files.atomic import write_atomically
from transcribe.model.onsets_and_frames import fast_bfloat16
from transcribe.train.checking import check_settings
from transcribe.train.conf import CONF
from transcribe.train.config import RunConfig, plain
from transcribe.train.loggers import make_loggers

WEIGHTS = "last.safetensors"
"""What a run leaves in its output folder."""
FREE = frozenset(
    {
        "output",
        "resume",
        "trainer.max_steps",
        "trainer.max_minutes",
        "trainer.n_threads",
        "trainer.log_every_n_steps",
        "trainer.progress_bar",
        "trainer.tensorboard",
        "trainer.wandb",
        "data.cache",
        "data.n_workers",
        "data.preload",
    }
)
"""Settings that may change when a run goes on: its length, and what no weight depends on."""
_N_SHOWN = 8
_CHECKPOINT_KEY = "transcribe_settings"

logger = logging.getLogger(__name__)


class ExportingModule(Protocol):
    """What `fit` asks of a Lightning module beside learning."""

    def export(self, path: Path) -> None:
        """Write the weights with their provenance."""


def fit(
    config: RunConfig,
    make_module: Callable[[Any], pl.LightningModule],
    make_data: Callable[[Any], pl.LightningDataModule],
    *callbacks: Callback,
) -> Path:
    """Train from settings, or go on training.

    Parameters
    ----------
    config : RunConfig
        The settings.
    make_module, make_data : callable
        Make the module (an `ExportingModule`) and the data of the settings; called once
        everything is seeded.
    callbacks : Callback
        More than those of `make_trainer`.

    Returns
    -------
    Path
        The weights. Those of a run that was finished already are left as they are.

    Raises
    ------
    SettingsError
        Some are out of range, or the output folder holds a run of others, or a longer one.
    """
    check_settings(config)
    weights = Path(config.output) / WEIGHTS
    last = checkpoint_to_resume(config)
    trainer = make_trainer(config, *callbacks)
    lit_module = make_module(config)
    if last is not None and _is_finished(last, config) and _steps(weights) == _reached(last):
        logger.info(
            "%s is finished after %d steps; ask for more with trainer.max_steps or max_minutes",
            config.output,
            _reached(last),
        )
        return weights
    try:
        trainer.fit(lit_module, make_data(config), ckpt_path=last, weights_only=False)
    except SIGTERMException as error:  # which would end in success
        logger.error("ended by a request; the same command goes on from the last epoch")
        raise SystemExit(128 + signal.SIGTERM) from error
    if trainer.is_global_zero:
        cast(ExportingModule, lit_module).export(weights)
    return weights


def make_trainer(config: RunConfig, *callbacks: Callback) -> pl.Trainer:
    """Seed everything, make the output folder, and set a trainer up for it.

    Raises
    ------
    SettingsError
        There is no such device, strategy or precision, here or at all.
    """
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
    every_callback = [
        # At the epoch's very end: saved after validation, it would go on a step off.
        ModelCheckpoint(
            output,
            filename="epoch",
            save_last=True,
            save_top_k=1,
            save_on_train_epoch_end=True,
            enable_version_counter=False,  # begun anew, it replaces what was there
        ),
        _KeepSettings(config),
        LearningRateMonitor("step"),
        *callbacks,
    ]
    loggers = make_loggers(config)
    try:
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
            logger=loggers,
            callbacks=every_callback,
            default_root_dir=output,
        )
    except (ValueError, ImportError, MisconfigurationException) as error:
        names = ("accelerator", "devices", "strategy", "precision")
        found = ", ".join(f"trainer.{name}={getattr(settings, name)}" for name in names)
        raise SettingsError(f"no run with {found}: {error}") from error


def checkpoint_to_resume(config: RunConfig) -> Path | None:
    """The last checkpoint in the output folder, if there is one and the run is to go on.

    Raises
    ------
    SettingsError
        It was made under other settings (`FREE` aside), or by a run that is longer already.
    """
    last = Path(config.output) / "last.ckpt"
    if not (config.resume and last.is_file()):
        return None
    advice = (
        "give this run a folder of its own with output=FOLDER, or set resume=false to begin "
        "anew in this one, which replaces what it holds"
    )
    before = _read(last).get(_CHECKPOINT_KEY)
    if before is None:
        raise SettingsError(f"{last} does not say which settings it was trained with; {advice}")
    after = as_plain(config)
    changed = [
        f"{name} was {_shown(before, name)} and is {_shown(after, name)}"
        for name in sorted(before.keys() | after.keys())
        if name not in FREE and before.get(name) != after.get(name)
    ]
    if changed:
        shown = "; ".join(changed[:_N_SHOWN])
        if len(changed) > _N_SHOWN:
            shown += f"; and {len(changed) - _N_SHOWN} more"
        raise SettingsError(
            f"{config.output} holds a run of other settings: {shown}. Set them back to go on "
            f"with it, {advice}"
        )
    reached = _reached(last)
    if reached > config.trainer.max_steps >= 0:
        raise SettingsError(
            f"{config.output} holds a run of {reached} steps, more than trainer.max_steps="
            f"{config.trainer.max_steps}; {advice}"
        )
    logger.info("resuming from %s, after %d steps", last, reached)
    return last


def as_plain(config: Any) -> dict[str, Any]:
    """Settings by their dotted names, as in an override: ``{"trainer.max_steps": 100, ...}``."""
    return dict(_leaves("", dataclasses.asdict(config)))


def _leaves(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping) and value:
        for key, each in value.items():
            yield from _leaves(f"{name}.{key}" if name else str(key), each)
    else:
        yield name, list(value) if isinstance(value, tuple) else value


def _shown(settings: Mapping[str, Any], name: str) -> str:
    return repr(settings[name]) if name in settings else "not set"


class _KeepSettings(Callback):
    """Writes the settings of a run into its checkpoints, and beside them for people."""

    def __init__(self, config: RunConfig) -> None:
        self.config = config

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        checkpoint[_CHECKPOINT_KEY] = as_plain(self.config)
        if trainer.is_global_zero:
            path = Path(self.config.output) / "settings.yaml"
            settings = OmegaConf.create(dataclasses.asdict(cast(Any, self.config)))
            write_atomically(path, OmegaConf.to_yaml(settings))


def _read(checkpoint: Path) -> dict[str, Any]:
    content: dict[str, Any] = torch.load(
        checkpoint, map_location="cpu", weights_only=False, mmap=True
    )
    return content


def _reached(checkpoint: Path) -> int:
    return int(_read(checkpoint)["global_step"])


def _is_finished(checkpoint: Path, config: RunConfig) -> bool:
    minutes, steps = config.trainer.max_minutes, config.trainer.max_steps
    content = _read(checkpoint)
    by_the_clock = minutes > 0 and content.get("seconds_trained", 0.0) >= 60 * minutes
    return by_the_clock or content["global_step"] >= steps >= 0


def _steps(weights: Path) -> int | None:
    """After how many steps weights were written; None where there are none that say it."""
    try:
        with safe_open(weights, framework="pt") as file:
            return int(file.metadata()["steps"])
    except (OSError, SafetensorError, KeyError, TypeError, ValueError):
        return None


class Jobs:
    """The runs that one command asks for: one, or those of a Hydra multirun.

    Parameters
    ----------
    kinds : tuple of types
        The dataclasses that their settings may be of.
    train : callable
        Settings to weights.
    """

    def __init__(self, kinds: tuple[type, ...], train: Callable[[Any], Path]) -> None:
        self.kinds, self.train = kinds, train
        self.n_failed = 0

    def run(self, settings: DictConfig) -> None:
        """One run: settings as plain dataclasses, a folder of its own, errors in one line."""
        try:
            config = plain(settings)
            if not isinstance(config, self.kinds):
                names = " or ".join(kind.__name__ for kind in self.kinds)
                raise SettingsError(
                    f"conf/{HydraConfig.get().job.config_name}.yaml holds no settings of a run "
                    f"({names}); choose another with --config-name"
                )
            own_folder(cast(RunConfig, config), str(OmegaConf.to_container(settings)["output"]))  # type: ignore[index, call-overload]
            logger.info("weights are in %s", self.train(config))
        except TranscribeError as error:
            logger.error("%s", error)
            self.n_failed += 1

    def main(self, config_name: str) -> None:
        """Train what the command line asks for; its settings begin in conf/``config_name``.yaml.

        Raises SystemExit if a run failed; the others of a multirun were trained all the same.
        """
        sys.argv[1:] = overrides_last(sys.argv[1:])
        hydra.main(version_base="1.3", config_path=str(CONF), config_name=config_name)(self.run)()
        if self.n_failed:
            raise SystemExit(1)


def overrides_last(words: Sequence[str]) -> list[str]:
    """A command line with its overrides after its options.

    Hydra takes them in one piece only, and not ``experiment=tiny -m seed=0,1,2``.
    """

    def is_override(word: str) -> bool:
        return not word.startswith("-") and ("=" in word or word.startswith("~"))

    return sorted(words, key=is_override)  # which keeps the order of either kind


def own_folder(config: RunConfig, template: str) -> None:
    """Give a job of a multirun its own output folder.

    Where ``output`` names settings of the job, as in ``sweep/seed=${seed}``, it is taken as it
    is; otherwise the job's number, counted from 0, is its folder's name in it.
    """
    hydra = HydraConfig.get()
    if hydra.mode is not RunMode.MULTIRUN:
        return
    if config.trainer.devices != 1:
        raise SettingsError(
            f"the runs of a multirun take one process each; found trainer.devices="
            f"{config.trainer.devices}: set it to 1, or start the runs one by one"
        )
    named = set(re.findall(r"\$\{([^:{}]+)\}", template)) - {"name"}
    if not named:
        config.output = str(Path(config.output) / str(hydra.job.num))
