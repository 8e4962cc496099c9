"""Every configuration composes, and everything that trains takes one step."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from eval.data.synthetic_bank import write_synthetic_bank
from recipes.miniature import write_maestro, write_maps
from transcribe.audio.wav import write_wav
from transcribe.checkpoint import load_checkpoint
from transcribe.datasets.index import COLUMNS
from transcribe.midi import write_midi
from transcribe.notes import Note, PedalPress, Performance
from transcribe.train.__main__ import train
from transcribe.train.conf import CONF
from transcribe.train.config import ScoreTrainConfig, TrainConfig
from transcribe.train.lit_score import kind_of

EXPERIMENTS = sorted(path.stem for path in (CONF / "experiment").glob("*.yaml"))
NETWORKS = sorted(path.stem for path in (CONF / "network").glob("*.yaml"))
ABLATIONS = sorted(path.stem for path in (CONF / "ablation").glob("*.yaml"))
CHOICES = [
    *([f"experiment={name}"] for name in EXPERIMENTS),
    *(["experiment=rendered", f"ablation={name}"] for name in ABLATIONS),
    *(
        [f"{group}={path.stem}"]
        for group in ("data", "model", "augment")
        for path in sorted((CONF / group).glob("*.yaml"))
    ),
]
SMALL = (
    "model.width=8",
    "model.conv_channels=4",
    "model.lstm_size=4",
    "model.pedal_size=4",
    "trainer.max_steps=1",
    "trainer.accelerator=cpu",
    "trainer.strategy=auto",
    "trainer.devices=1",
    "trainer.progress_bar=false",
    "data.windows_per_epoch=2",
    "data.batch_size=2",
    "data.window_frames=16",
    "data.n_workers=0",
    "data.n_synthetic_noises=0",
    "data.validation_windows=0",
)
"""What makes a step of any of them quick; what it sees and how it learns stay."""
PIECE = Performance(
    [Note(onset=0.3 * i, pitch=50 + i, offset=0.3 * i + 0.25, velocity=80) for i in range(10)],
    [PedalPress(onset=0.5, offset=1.5)],
)


def settings(*overrides: str) -> TrainConfig:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = OmegaConf.to_object(compose("train", overrides=list(overrides)))
    assert isinstance(config, TrainConfig)
    config.data.check()
    config.decode.check()
    config.windows.check()
    return config


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Whatever the configurations look for, in miniature: the environment that names it."""
    folder = tmp_path_factory.mktemp("data")
    write_maestro(folder / "maestro")
    write_maps(folder / "maps")
    names, indexes, left_out, held_out = set(), {"studies.csv"}, set(), set()
    with pytest.MonkeyPatch.context() as patch:
        for variable in ("MAESTRO", "MAPS", "PIANO_DATA", "STUDIES"):
            patch.delenv(variable, raising=False)
        configs = [settings(f"data={path.stem}").data for path in (CONF / "data").glob("*.yaml")]
    for config in configs:
        left_out |= {*config.noises_left_out}
        names |= {*config.instrument_weights, *config.validation_instruments}
        for source in (*config.sources.values(), *config.validation_sources.values()):
            place = Path(source.index)
            if place.suffix == ".csv" and not place.is_absolute():
                indexes.add(str(Path(*place.parts[1:])))
        held_out |= {str(Path(*Path(each.index).parts[1:])) for each in config.held_out.values()}
    bank = write_synthetic_bank(folder / "bank")
    (folder / "instruments").mkdir()
    for name in names:
        (folder / "instruments" / name).symlink_to(bank, target_is_directory=True)
    decay = np.exp(-np.arange(4000) / 800) * np.random.default_rng(0).standard_normal(4000)
    for kind, kinds in (("rooms", {"hall"}), ("noise", {"rain", *left_out})):
        (folder / kind).mkdir()
        for name in kinds:
            write_wav(folder / kind / f"{name}.wav", 0.1 * decay.astype(np.float32), 16000)
    for releases in {config.releases for config in configs if config.releases}:
        place = folder / Path(*Path(releases).parts[1:])
        place.mkdir(parents=True)
        write_wav(place / "rel40.wav", 0.1 * decay.astype(np.float32), 16000)
    for index in indexes | held_out:
        path = folder / index
        path.parent.mkdir(parents=True, exist_ok=True)
        rows = [",".join(COLUMNS)]
        for split in ("test",) if index in held_out else ("train", "validation"):
            write_midi(PIECE, path.parent / f"{split}.mid")
            rows.append(f"Nobody,Study,{split},2018,{split}.mid,,4.0")
        path.write_text("\n".join(rows) + "\n")
    return {
        "MAESTRO": str(folder / "maestro"),
        "MAPS": str(folder / "maps"),
        "PIANO_DATA": str(folder),
        "STUDIES": str(folder),
    }


@pytest.mark.parametrize("chosen", CHOICES, ids="+".join)
def test_takes_one_step(chosen, data, tmp_path, monkeypatch):
    for name, folder in data.items():
        monkeypatch.setenv(name, folder)
    config = settings(*chosen, *SMALL, f"output={tmp_path}", f"data.cache={tmp_path / 'cache'}")
    weights = load_checkpoint(train(config))
    assert weights.metadata["steps"] == "1"
    assert weights.model.config.architecture == config.model.architecture


@pytest.mark.parametrize("trainer", sorted(path.stem for path in (CONF / "trainer").glob("*.yaml")))
def test_a_trainer_composes(trainer):
    config = settings(f"trainer={trainer}")
    assert config.trainer.accelerator in ("cpu", "gpu")


@pytest.mark.parametrize("network", NETWORKS)
def test_a_network_of_scores_has_its_own_settings(network, monkeypatch):
    monkeypatch.setenv("PIANO_DATA", "data")
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = OmegaConf.to_object(compose("score", overrides=[f"network={network}"]))
    assert isinstance(config, ScoreTrainConfig)
    assert config.network == network.removesuffix("_again")
    assert set(config.data.sources) >= {"asap", "piano-midi-de"}
    assert kind_of(config).settings(config).width > 0


def test_every_file_is_tried():
    """A new group can't be forgotten."""
    tried = {word for choice in CHOICES for word in choice}
    tried |= {f"trainer={path.stem}" for path in (CONF / "trainer").glob("*.yaml")}
    tried |= {f"network={network}" for network in NETWORKS}
    for path in CONF.glob("*/*.yaml"):
        assert f"{path.parent.name}={path.stem}" in tried, path


@pytest.mark.parametrize("name", ABLATIONS)
def test_an_ablation_changes_the_recipe_and_its_folder(name):
    """So that it can't go on from, or write over, the run that it is compared with."""
    plain, changed = (
        settings("experiment=rendered"),
        settings("experiment=rendered", f"ablation={name}"),
    )
    assert changed.output != plain.output
    changed.name, changed.output = plain.name, plain.output
    assert changed != plain


def test_no_two_ablations_are_the_same():
    configs = [settings("experiment=rendered", f"ablation={name}") for name in ABLATIONS]
    for config in configs:
        config.name = config.output = ""
    for one, other in itertools.combinations(configs, 2):
        assert one != other
