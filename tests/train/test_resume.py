"""Going on after a stop: only under the settings that trained what is there."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from omegaconf import OmegaConf

from transcribe.checkpoint import load_checkpoint
from transcribe.errors import SettingsError
from transcribe.train.__main__ import main, train

from .training import SHORT, overrides, settings

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def finished(pieces: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output folder of a run of two steps."""
    output = tmp_path_factory.mktemp("finished")
    train(settings(pieces, output, *SHORT, "trainer.max_steps=2"))
    return output


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["seed=5"], "seed was 0 and is 5"),
        (["optimizer.learning_rate=1e-3"], r"optimizer\.learning_rate was 0\.006 and is 0\.001"),
        (["loss.pedal=0"], r"loss\.pedal was 1\.5 and is 0\.0"),
        (["+data.instrument_weights.other=1"], r"instrument_weights\.other was not set and is 1"),
        (["name=mine", "seed=2"], "name was 'tiny' and is 'mine'; seed was 0 and is 2"),
        (["trainer.max_steps=1"], r"2 steps, more than trainer\.max_steps=1"),
    ],
)
def test_a_run_does_not_go_on_under_other_settings(pieces, finished, words, message):
    """It would leave new settings beside old weights; the message says what to do."""
    before = {path: path.read_bytes() for path in finished.glob("last.*")}
    with pytest.raises(SettingsError, match=rf"{message}.*output=FOLDER.*resume=false"):
        train(settings(pieces, finished, *SHORT, "trainer.max_steps=2", *words))
    assert {path: path.read_bytes() for path in finished.glob("last.*")} == before
    assert "seed: 0\n" in (finished / "settings.yaml").read_text()


def test_a_checkpoint_that_does_not_say_its_settings_is_not_gone_on_with(pieces, tmp_path):
    torch.save({"global_step": 1}, tmp_path / "last.ckpt")
    with pytest.raises(SettingsError, match=r"does not say which settings.*resume=false"):
        train(settings(pieces, tmp_path, *SHORT, "trainer.max_steps=2"))


def test_a_finished_run_is_left_as_it_is(pieces, finished):
    """Logging and machinery may differ: nothing is trained, and nothing written anew."""
    changed = (finished / "last.safetensors").stat().st_mtime_ns
    words = ["trainer.log_every_n_steps=1", "data.preload=true"]
    train(settings(pieces, finished, *SHORT, "trainer.max_steps=2", *words))
    assert (finished / "last.safetensors").stat().st_mtime_ns == changed


def test_a_run_begun_anew_replaces_what_was_there(pieces, tmp_path):
    """And is what the next start goes on from."""
    train(settings(pieces, tmp_path, *SHORT, "trainer.max_steps=4"))
    anew = [*SHORT, "seed=7"]
    train(settings(pieces, tmp_path, *anew, "trainer.max_steps=2", "resume=false"))
    assert sorted(path.name for path in tmp_path.glob("*.ckpt")) == ["epoch.ckpt", "last.ckpt"]
    train(settings(pieces, tmp_path, *anew, "trainer.max_steps=4"))
    metadata = load_checkpoint(tmp_path / "last.safetensors").metadata
    assert (metadata["seed"], metadata["steps"]) == ("7", "4")


def test_every_run_of_a_multirun_has_a_folder_and_an_error_is_one_line(
    pieces,
    tmp_path,
    monkeypatch,
    capsys,
):
    """The first can't be trained; the others are, each with its own settings beside it."""
    words = overrides(pieces, tmp_path / "runs", *SHORT, "trainer.max_steps=1", "loss.pedal=0,1,2")
    terms = "onset offset frame sounding shift velocity velocity_relative"
    words += [f"loss.{term}=0" for term in terms.split()]
    monkeypatch.setattr("sys.argv", ["train", "-m", *words, f"hydra.sweep.dir={tmp_path}/hydra"])
    with pytest.raises(SystemExit, match="1"):
        main()
    said = "".join(capsys.readouterr())
    assert said.count("every weight of the loss is 0") == 1
    assert "Traceback" not in said
    trained = sorted((tmp_path / "runs").glob("*/last.safetensors"))
    assert [path.parent.name for path in trained] == ["1", "2"]
    for path, weight in zip(trained, (1.0, 2.0), strict=True):
        assert OmegaConf.load(path.with_name("settings.yaml")).loss.pedal == weight


def test_what_names_its_settings_is_a_folder_of_its_own_already(pieces, tmp_path, monkeypatch):
    made = []
    monkeypatch.setattr("transcribe.train.__main__.train", made.append)
    words = overrides(pieces, tmp_path, "seed=3,4", f"output='{tmp_path}/seed=${{seed}}'")
    monkeypatch.setattr("sys.argv", ["train", "-m", *words, f"hydra.sweep.dir={tmp_path}/hydra"])
    main()
    assert [config.output for config in made] == [f"{tmp_path}/seed=3", f"{tmp_path}/seed=4"]
