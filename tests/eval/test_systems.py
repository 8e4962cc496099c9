"""Peers' environments: which commands make them, that they are reused, and what errors say."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import pytest

from eval.systems import registry
from eval.systems.registry import SYSTEMS, environment_commands, find_systems, python_of
from transcribe.errors import TranscribeError


def test_systems_are_found_by_name_and_all_is_every_one():
    assert [each.name for each in find_systems("transkun,ours")] == ["transkun", "ours"]
    everyone = ["ours", "transkun", "basic-pitch", "harmonica-medium", "harmonica-x-large"]
    assert [each.name for each in find_systems("all")] == everyone
    for words in ("mozart", "ours,mozart", ""):
        with pytest.raises(TranscribeError, match="expected systems among ours, transkun"):
            find_systems(words)


def test_every_peer_pins_every_package_to_one_version():
    for peer in [each for each in SYSTEMS.values() if each.name != "ours"]:
        assert all("==" in pin for pin in peer.pins), peer.name
        assert peer.adapter_path.is_file()
        assert peer.as_json()["packages"] == peer.pins
    assert "transkun==2.0.1" in SYSTEMS["transkun"].pins
    assert {"torch==2.11.0", "torchaudio==2.11.0"} <= set(SYSTEMS["transkun"].pins)
    assert "basic-pitch==0.4.0" in SYSTEMS["basic-pitch"].pins
    assert not any("tensorflow" in pin for pin in SYSTEMS["basic-pitch"].pins)
    assert "harmonica-amt==0.3.0" in SYSTEMS["harmonica-medium"].pins
    assert SYSTEMS["ours"].pins == []


def test_two_sizes_of_a_network_share_an_environment_and_tell_their_adapter_which(
    monkeypatch, tmp_path
):
    monkeypatch.setattr(registry, "_run", lambda words, _: Path(words[-1]).mkdir(exist_ok=True))
    monkeypatch.setattr(registry.shutil, "which", lambda name: f"/bin/{name}")
    monkeypatch.setattr(registry, "environment_commands", lambda _, folder, *__, **___: [[folder]])
    medium, large = SYSTEMS["harmonica-medium"], SYSTEMS["harmonica-x-large"]
    assert python_of(medium, tmp_path) == python_of(large, tmp_path)
    assert (medium.options, large.options) == ({"size": "medium"}, {"size": "x-large"})


def test_ours_runs_in_this_python():
    assert python_of(SYSTEMS["ours"], Path("nowhere")) == Path(sys.executable)


def test_an_environment_is_made_with_uv_or_with_pip(monkeypatch, tmp_path):
    peer, python = SYSTEMS["basic-pitch"], tmp_path / "bin" / "python"
    first, second = environment_commands(peer, tmp_path, python, uv="/bin/uv")
    assert first == ["/bin/uv", "venv", "--quiet", "--python", "3.11", str(tmp_path)]
    assert second[-1] == "--no-deps"
    monkeypatch.setattr(registry.shutil, "which", lambda name: f"/usr/bin/{name}")
    here = "{}.{}".format(*sys.version_info[:2])
    own = dataclasses.replace(peer, python=here)
    assert environment_commands(own, tmp_path, python, uv=None)[0][0] == sys.executable
    other = dataclasses.replace(SYSTEMS["transkun"], python="3.99")
    commands = environment_commands(other, tmp_path, python, uv=None)
    assert commands[0][:3] == ["/usr/bin/python3.99", "-m", "venv"]
    assert "--no-deps" not in commands[1]
    monkeypatch.setattr(registry.shutil, "which", lambda _: None)
    with pytest.raises(TranscribeError, match=r"runs on Python 3\.99; found neither uv nor"):
        environment_commands(other, tmp_path, python, uv=None)


def test_an_environment_is_made_once_and_again_when_its_pins_change(monkeypatch, tmp_path):
    pins = tmp_path / "pins.txt"
    pins.write_text("# a comment\nwaltz==1.0\n")
    peer = dataclasses.replace(SYSTEMS["transkun"], folder=tmp_path, requirements="pins.txt")
    made: list[str] = []

    def make(words, system):
        made.append(words[-1])
        (tmp_path / "environments").mkdir(exist_ok=True)
        for folder in words[-1:]:
            if "environments" in folder:
                Path(folder).mkdir(parents=True)

    monkeypatch.setattr(registry, "_run", make)
    monkeypatch.setattr(registry.shutil, "which", lambda name: f"/bin/{name}")
    first = python_of(peer, tmp_path / "environments")
    assert python_of(peer, tmp_path / "environments") == first
    assert len(made) == 2
    pins.write_text("waltz==1.1\n")
    assert python_of(peer, tmp_path / "environments") != first
    assert len(made) == 4


def test_a_half_made_environment_is_made_anew_and_a_failure_is_told(monkeypatch, tmp_path):
    (tmp_path / "pins.txt").write_text("waltz==1.0\n")
    peer = dataclasses.replace(
        SYSTEMS["transkun"], folder=tmp_path, requirements="pins.txt", title="waltzes"
    )

    def no_index(system, folder, python, *, uv):
        folder.mkdir(parents=True)
        return [[sys.executable, "-c", "import sys; sys.exit('no such package')"]]

    monkeypatch.setattr(registry, "environment_commands", no_index)
    for _ in range(2):
        with pytest.raises(TranscribeError, match=r"waltzes can't be made.*no such package"):
            python_of(peer, tmp_path / "environments")
