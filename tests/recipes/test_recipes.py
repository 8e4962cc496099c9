"""Recipes run from data to verdict, say the truth about it, and come out the same again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from recipes import gather, miniature
from recipes.average import main as average_main
from recipes.check import main, misses
from recipes.gather import Run, by_value_and_metric, point, varied_by, write_tables
from recipes.studies import study
from transcribe.audio.reader import read_audio
from transcribe.checkpoint import PACKAGED, PACKAGED_CHECKPOINT, load_checkpoint, save_checkpoint
from transcribe.datasets import load_dataset
from transcribe.evaluation.metrics import onset_f1
from transcribe.features import Features
from transcribe.midi import read_midi
from transcribe.notes import Note, Performance
from transcribe.rolls import Rolls, encode
from transcribe.train.conf import CONF

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
RECIPES = ("continue", "default", "maestro", "maps", "rendered", "score", "sweep", "tiny")
EXPECTED = {"metrics": {"aligned/onset": {"mean": 0.9, "tolerance": 0.01}}}
SMALL = (
    "model.width=8",
    "model.conv_channels=4",
    "model.lstm_size=4",
    "model.pedal_size=4",
    "trainer=cpu",
    "trainer.max_steps=2",
    "trainer.progress_bar=false",
    "data.windows_per_epoch=4",
    "data.batch_size=2",
    "data.window_frames=32",
    "data.n_workers=0",
    "data.n_synthetic_noises=0",
    "data.validation_windows=1",
)


def record(mean: float) -> dict:
    return {"summary": {"aligned/onset": {"mean": mean}}}


def run_recipe(name: str, *overrides: str, **environment: Path) -> subprocess.CompletedProcess:
    """What a person would type, with this interpreter."""
    return subprocess.run(
        ["bash", str(ROOT / "recipes" / name / "run.sh"), *overrides],
        env={**recipe_environment(), **{key: str(value) for key, value in environment.items()}},
        capture_output=True,
        text=True,
        check=False,
    )


def recipe_environment() -> dict[str, str]:
    return {**os.environ, "PYTHON": sys.executable, "DEVICE": "cpu", "OMP_NUM_THREADS": "1"}


class TestCheck:
    @pytest.mark.parametrize(
        ("content", "message"),
        [(None, "No such file"), ("{", "as JSON"), ("[]", "'summary'"), ('{"summary": 1}', "none")],
    )
    def test_what_is_no_record_is_refused_in_a_line(self, tmp_path, capsys, content, message):
        paths = [tmp_path / "expected.json", tmp_path / "record.json"]
        paths[0].write_text(json.dumps(EXPECTED))
        if content is not None:
            paths[1].write_text(content)
        assert main([str(path) for path in paths]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith(f"recipes.check: {paths[1]}: expected a record")
        assert message in line

    @pytest.mark.parametrize(
        ("mean", "reproduced"),
        [(0.9, True), (0.891, True), (0.95, True), (0.889, False), (0.885, False), (0.88, False)],
    )
    def test_within_the_tolerance_is_reproduced(self, tmp_path, capsys, mean, reproduced):
        paths = [tmp_path / "expected.json", tmp_path / "record.json"]
        for path, content in zip(paths, (EXPECTED, record(mean)), strict=True):
            path.write_text(json.dumps(content))
        assert main([str(path) for path in paths]) == (0 if reproduced else 1)
        assert capsys.readouterr().out.endswith("not reproduced\n") is not reproduced
        page = (tmp_path / "record.md").read_text()
        assert page.startswith("# reproduced" if reproduced else "# not reproduced")
        cells = f"| aligned/onset | 90.0 | 1.0 | {100 * mean:.1f} |  | {100 * mean - 90:+.1f} |"
        assert cells in page

    def test_a_metric_that_was_not_measured_is_a_miss(self):
        assert misses(EXPECTED, {"summary": {}}) == [
            "aligned/onset: expected 0.9000, the record has none"
        ]

    def test_by_how_much_it_missed(self):
        assert misses(EXPECTED, record(0.87)) == [
            "aligned/onset: expected 0.9000 within 0.0100, found 0.8700, 0.0300 short"
        ]


class TestFolders:
    def test_there_are_these_and_no_others(self):
        found = {path.name for path in (ROOT / "recipes").iterdir() if path.is_dir()}
        assert found - {"__pycache__"} == set(RECIPES)

    @pytest.mark.parametrize("name", RECIPES)
    def test_page_experiment_figures_and_command(self, name):
        folder = ROOT / "recipes" / name
        assert (folder / "README.md").read_text("utf-8").startswith(f"# {name}: ")
        root = CONF / f"{name}.yaml"  # of a run that is no transcriber's
        assert root.is_file() or (CONF / "experiment" / f"{name}.yaml").is_file()
        expected = json.loads((folder / "expected.json").read_text("utf-8"))
        assert expected["source"]
        for wanted in expected["metrics"].values():
            assert 0 < wanted["tolerance"] < wanted["mean"] < 1
        script = folder / "run.sh"
        assert os.access(script, os.X_OK)
        assert subprocess.run(["bash", "-n", str(script)], check=False).returncode == 0
        assert f"({name}/README.md)" in (ROOT / "recipes" / "README.md").read_text("utf-8")

    @pytest.mark.parametrize(
        ("name", "variable"), [("maestro", "MAESTRO"), ("maps", "MAPS"), ("continue", "PIANO_DATA")]
    )
    def test_data_that_nobody_named_is_asked_for(self, name, variable, monkeypatch):
        monkeypatch.delenv(variable, raising=False)
        done = run_recipe(name)
        assert done.returncode != 0
        assert f"{variable}: set it to the folder that holds" in done.stderr


class TestMiniatures:
    def test_a_study_is_one_for_every_seed(self):
        assert study(3) == study(3)
        assert study(3) != study(4)

    def test_studies_have_what_a_transcriber_must_know(self):
        notes = [note for seed in range(16) for note in study(seed).notes]
        velocities = [note.velocity for note in notes]
        assert len(notes) > 1000
        assert min(velocities) < 40
        assert max(velocities) > 95
        assert len({note.pitch for note in notes}) > 50
        assert sum(len(study(seed).pedal) for seed in range(16)) > 40

    def test_the_test_is_of_other_music_on_another_instrument(self, studies):
        parts = {s: load_dataset(studies / "studies.csv", split=s) for s in miniature.N_STUDIES}
        assert {split: len(part) for split, part in parts.items()} == miniature.N_STUDIES
        heard = [read_midi(each.midi_path).notes for part in parts.values() for each in part]
        assert len(set(heard)) == len(heard)
        assert all(each.audio_path for each in parts["test"])
        assert not any(each.audio_path for each in (*parts["train"], *parts["validation"]))
        chosen = (CONF / "data" / "studies.yaml").read_text("utf-8")
        assert miniature.HELD_OUT not in chosen

    def test_what_is_there_is_kept_and_what_another_made_is_not(self, tmp_path):
        words = ["maps", str(tmp_path / "maps")]
        assert miniature.main(words) == 0
        (wav,) = (tmp_path / "maps").rglob("*bor_ps6*.wav")
        wav.write_bytes(b"")
        assert miniature.main(words) == 0
        assert not wav.read_bytes()
        (tmp_path / "maps" / "complete.txt").write_text("maps 0\n")
        assert miniature.main(words) == 0
        assert wav.stat().st_size > 100_000

    def test_a_set_that_is_none_is_refused(self, capsys):
        assert miniature.main(["kiel", "nowhere"]) == 2
        assert "studies|maestro|maps" in capsys.readouterr().err


class TestPublished:
    """The steps that a researcher would run, on seconds in place of hours."""

    def test_maestro(self, tmp_path):
        miniature.write_maestro(tmp_path / "maestro")
        self.check("maestro", tmp_path, ["Study 5"], MAESTRO=tmp_path / "maestro")

    def test_maps(self, tmp_path):
        miniature.write_maps(tmp_path / "maps")
        trained = load_dataset(tmp_path / "maps", split="train")
        assert {each.title for each in trained} == {"alb_se3", "bor_ps6"}
        self.check("maps", tmp_path, ["mz_1", "mz_1"], MAPS=tmp_path / "maps")

    def check(self, name: str, folder: Path, tested: list[str], **environment: Path) -> None:
        out = folder / "out"
        done = run_recipe(name, *SMALL, f"data.cache={folder / 'cache'}", OUTPUT=out, **environment)
        expected_path = ROOT / "recipes" / name / "expected.json"
        expected = json.loads(expected_path.read_text("utf-8"))
        assert done.stdout.endswith("\nnot reproduced\n"), done.stderr
        assert done.returncode == 1
        for metric in expected["metrics"]:
            assert f"{metric}: expected" in done.stdout
        written = json.loads((out / "test.json").read_text("utf-8"))
        assert [each["title"] for each in written["recordings"]] == tested
        assert load_checkpoint(out / "last.safetensors").model.config.architecture == "paper"
        assert (out / "curves.png").is_file()
        for metric in expected["metrics"]:
            written["summary"][metric]["mean"] = expected["metrics"][metric]["mean"]
        (out / "as-published.json").write_text(json.dumps(written))
        assert main([str(expected_path), str(out / "as-published.json")]) == 0


@pytest.fixture(scope="module")
def studies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("studies")
    assert miniature.main(["studies", str(folder)]) == 0
    return folder


@pytest.fixture(scope="module")
def once(studies, tmp_path_factory) -> tuple[subprocess.CompletedProcess, Path]:
    """The recipe `tiny` as it stands, from data to verdict, and its folder."""
    out = tmp_path_factory.mktemp("once")
    return run_recipe("tiny", "trainer.progress_bar=false", OUTPUT=out, STUDIES=studies), out


class TestTiny:
    def test_from_data_to_verdict(self, once):
        done, out = once
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stdout.endswith("\nreproduced\n")
        for name in ("curves.png", "table.md", "rolls/01.png", "test.json", "test.md"):
            assert (out / name).stat().st_size > 100, name

    def test_onsets_and_releases_were_taught_to_their_own_heads(self, once, studies):
        """Notes would end nearly as well without releases; so the head itself is asked.

        After so few steps it is sure of none, but says four times as much of a release at a
        release as at an onset; taught onsets, it says a tenth.
        """
        checkpoint = load_checkpoint(once[1] / "last.safetensors")
        tested = load_dataset(studies / "studies.csv", split="test")[0]
        samples = read_audio(tested.audio_path, checkpoint.features.sample_rate)
        frames = Features(checkpoint.features).whole(samples)
        said = Rolls.unstack(checkpoint.model.activations(frames))
        played = encode(read_midi(tested.midi_path), checkpoint.features.grid, len(said))
        at_onsets, at_releases = played.onset > 0, played.offset > 0
        assert said.onset[at_onsets].mean() > 4 * said.onset[at_releases].mean()
        assert said.offset[at_releases].mean() > 2 * said.offset[at_onsets].mean()

    def test_it_has_learnt_what_no_guess_knows(self, once, studies):
        """On music and an instrument it never heard, far above the best constant guess."""
        found = json.loads((once[1] / "test.json").read_text("utf-8"))
        learnt = found["summary"]["as_found/onset"]["mean"]
        pieces = [read_midi(each.midi_path) for each in load_dataset(studies / "studies.csv")]
        tested = pieces[-miniature.N_STUDIES["test"] :]
        struck = [note.pitch for piece in pieces for note in piece.notes]
        common = np.argsort(np.bincount(struck))[::-1]
        guesses = []
        for n_pitches in (2, 4, 8, 16):
            for step in (0.1, 0.2, 0.4):
                guess = constant_guess(common[:n_pitches].tolist(), step)
                guesses.append(np.mean([onset_f1(piece, guess) for piece in tested]))
        assert max(guesses) == pytest.approx(0.026, abs=0.001)
        assert learnt > max(guesses) + 0.5

    def test_killed_and_resumed_it_is_the_same_to_the_last_digit(self, once, studies, tmp_path):
        words = ["experiment=tiny", f"output={tmp_path}", "trainer.progress_bar=false"]
        command = [sys.executable, "-m", "transcribe.train", *words]
        last = tmp_path / "last.ckpt"
        environment = {**recipe_environment(), "STUDIES": str(studies)}
        with subprocess.Popen(command, cwd=ROOT, env=environment) as run:
            while not last.exists() and run.poll() is None:
                time.sleep(0.1)
            time.sleep(1.0)
            run.kill()
        assert run.returncode == -signal.SIGKILL
        done = run_recipe("tiny", words[-1], OUTPUT=tmp_path, STUDIES=studies)
        assert done.returncode == 0, done.stdout + done.stderr
        first, second = (
            json.loads((folder / "test.json").read_text("utf-8")) for folder in (once[1], tmp_path)
        )
        assert first["summary"] == second["summary"]
        weights = [load_checkpoint(folder / "last.safetensors") for folder in (once[1], tmp_path)]
        assert weights[0].metadata["sha256"] == weights[1].metadata["sha256"]
        assert len(list((tmp_path / "log").iterdir())) == 2


def constant_guess(pitches: list[int], step: float) -> Performance:
    """The same keys, over and over."""
    return Performance(
        [
            Note(onset=float(onset), pitch=pitch, offset=float(onset) + 0.09, velocity=64)
            for onset in np.arange(0, miniature.STUDY_SECONDS, step)
            for pitch in pitches
        ]
    )


class TestSweep:
    def test_the_interval_is_students(self):
        """Three seeds at 0.4, 0.5 and 0.6: t = 4.3027 for two degrees, 0.1 / sqrt(3) each."""
        each = point([0.4, 0.5, 0.6])
        assert (each.n_seeds, each.mean) == (3, pytest.approx(0.5))
        assert each.interval == pytest.approx((0.5 - 0.248414, 0.5 + 0.248414), abs=1e-5)
        assert point([0.7, 0.8, 0.9]).interval == (pytest.approx(0.8 - 0.248414, abs=1e-5), 1.0)
        assert point([0.7]).interval is None

    def test_names_of_runs(self):
        assert varied_by("learning_rate=0.003,seed=1") == {"learning_rate": "0.003", "seed": "1"}
        assert varied_by("hydra") is None

    def test_seeds_are_gathered_and_values_are_in_order(self, tmp_path):
        runs = [
            Run({"rate": rate, "seed": str(seed)}, dict.fromkeys(gather.METRICS, mean + seed / 10))
            for rate, mean in (("0.01", 0.6), ("0.003", 0.5))
            for seed in (0, 1)
        ]
        points = by_value_and_metric(runs)
        assert list(points) == ["rate=0.003", "rate=0.01"]
        assert points["rate=0.01"]["as_found/onset"].mean == pytest.approx(0.65)
        text = write_tables(runs, points, tmp_path)
        assert "| rate=0.003 | 2 | 55.0 [0.0, 100.0] |" in text
        rows = (tmp_path / "table.csv").read_text().splitlines()
        assert rows[1] == "rate=0.003,as_found/onset,2,0.550000,0.000000,1.000000"
        assert (tmp_path / "runs.csv").read_text().splitlines()[1].startswith("0.003,0,0.500000")

    def test_a_folder_without_runs_says_what_it_should_have(self, tmp_path, capsys):
        assert gather.main([str(tmp_path), "--data", str(tmp_path)]) == 1
        assert "learning_rate=0.003,seed=1" in capsys.readouterr().err

    def test_from_data_to_verdict(self, studies, tmp_path):
        """Two rates, two seeds and two steps: everything is written, and nothing was learnt."""
        done = run_recipe(
            "sweep",
            *SMALL,
            "optimizer.learning_rate=1e-3,1e-2",
            "seed=0,1",
            SWEEP=tmp_path,
            STUDIES=studies,
        )
        assert done.stdout.endswith("\nnot reproduced\n"), done.stderr
        assert done.returncode == 1
        for name in ("table.md", "sweep.png", "record.json"):
            assert (tmp_path / name).stat().st_size > 100, name
        rows = (tmp_path / "runs.csv").read_text().splitlines()
        assert [row.rsplit(",", 4)[0] for row in rows] == [
            "learning_rate,seed",
            "0.001,0",
            "0.001,1",
            "0.01,0",
            "0.01,1",
        ]


def test_weights_between_two(tmp_path, random_checkpoint):
    before, after = load_checkpoint(random_checkpoint), load_checkpoint(random_checkpoint)
    for tensor in after.model.state_dict().values():
        if tensor.is_floating_point():
            tensor.add_(1.0)
    for checkpoint, steps, name in ((before, "100", "before"), (after, "50", "after")):
        checkpoint.metadata.update(steps=steps, hours_of_music="1.5", name=name)
        save_checkpoint(checkpoint, tmp_path / f"{name}.safetensors")
    files = [str(tmp_path / f"{name}.safetensors") for name in ("before", "after", "mean")]
    assert average_main([*files[:2], "--share", "0.75", "--out", files[2]]) == 0
    mean = load_checkpoint(Path(files[2]))
    assert mean.name == "after"
    assert (mean.metadata["steps"], mean.metadata["hours_of_music"]) == ("150", "3.0")
    old = load_checkpoint(random_checkpoint).model.state_dict()
    for name, tensor in mean.model.state_dict().items():
        if tensor.is_floating_point():
            torch.testing.assert_close(tensor, old[name] + 0.75, atol=2e-3, rtol=2e-3)


def test_there_is_nothing_between_two_kinds_of_networks(tmp_path, random_checkpoint, capsys):
    words = [
        str(PACKAGED_CHECKPOINT),
        str(random_checkpoint),
        "--out",
        str(tmp_path / "mean.safetensors"),
    ]
    assert average_main(words) == 1
    assert "two networks" in capsys.readouterr().err
    assert not (tmp_path / "mean.safetensors").exists()


def test_exported_weights_are_not_averaged(tmp_path, capsys):
    out = tmp_path / "mean.safetensors"
    assert average_main([str(PACKAGED), str(PACKAGED_CHECKPOINT), "--out", str(out)]) == 1
    assert "found an exported network" in capsys.readouterr().err
    assert not out.exists()
