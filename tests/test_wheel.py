"""The package as it is installed from a wheel, without a checkout beside it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[1]


@pytest.mark.slow
def test_training_finds_its_settings_in_an_installed_package(tmp_path):
    """A wheel is built from a copy, unpacked, and composes an experiment of conf/."""
    source = tmp_path / "source"
    source.mkdir()
    about = ("README.md", "LICENSE", "MODEL_CARD.md")
    for name in ("pyproject.toml", "setup.py", "MANIFEST.in", *about):
        shutil.copy(CHECKOUT / name, source)
    ignored = shutil.ignore_patterns("__pycache__", "node_modules")
    for name in ("transcribe", "conf"):
        shutil.copytree(CHECKOUT / name, source / name, ignore=ignored)
    build = f"from setuptools.build_meta import build_wheel; build_wheel({str(tmp_path)!r})"
    subprocess.run([sys.executable, "-c", build], cwd=source, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    assert {path.name for path in (tmp_path / "site").iterdir()} == {
        "transcribe",
        wheel.name.removesuffix("-py3-none-any.whl") + ".dist-info",
    }
    (info,) = (tmp_path / "site").glob("*.dist-info")
    metadata = (info / "METADATA").read_text("utf-8").splitlines()
    assert "License-Expression: Apache-2.0 AND CC-BY-NC-SA-4.0" in metadata
    assert {path.name for path in (info / "licenses").iterdir()} == {"LICENSE", "MODEL_CARD.md"}
    assert (tmp_path / "site/transcribe/py.typed").is_file()
    assert (tmp_path / "site/transcribe/synthesis/piano/manifest.json").is_file()
    web = tmp_path / "site/transcribe/web"
    assert (web / "built/index.html").is_file() == (source / "transcribe/web/built").is_dir()
    assert not (web / "tab").exists()
    shutil.rmtree(source)

    ran = subprocess.run(
        [sys.executable, "-m", "transcribe", "train", "experiment=tiny", "seed=7", "--cfg", "job"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path / "site")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert "name: tiny\n" in ran.stdout
    assert "seed: 7\n" in ran.stdout
