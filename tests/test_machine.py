"""What the machine has, as far as that can be known without knowing the machine."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from transcribe import hardware

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="asks /proc")


@pytest.fixture
def container(tmp_path, monkeypatch):
    monkeypatch.setattr(hardware, "_CGROUP", tmp_path)
    return tmp_path


def test_a_container_s_share_counts(container):
    here = hardware.n_cores()
    (container / "cpu.max").write_text("max 100000\n")
    assert hardware.n_cores() == here
    (container / "cpu.max").write_text("50000 100000\n")
    assert hardware.n_cores() == 1


@on_linux
def test_memory_is_what_the_container_leaves(container):
    (container / "memory.max").write_text("max\n")
    free = hardware.free_memory()
    assert 0 < free < 1 << 50
    (container / "memory.max").write_text("5000000\n")
    (container / "memory.current").write_text("3000000\n")
    assert hardware.free_memory() == 2_000_000


@on_linux
def test_what_a_process_holds_is_seen_from_outside():
    code = "held = bytearray(b'1') * 200_000_000; print(len(held), flush=True); input()"
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", code], stdin=pipe, stdout=pipe) as child:
        child.stdout.readline()
        assert 200_000_000 < hardware.resident_memory(child.pid) < 400_000_000
        child.communicate(b"\n")
    assert hardware.peak_memory() >= hardware.resident_memory(os.getpid()) * 0.9
    assert hardware.resident_memory(child.pid) is None


def test_hidden_gpus_are_not_counted(monkeypatch):
    monkeypatch.setattr(hardware, "_output_of", lambda *_: "GPU 0: H200\nGPU 1: H200\n")
    for visible, n in ((None, 2), ("0", 1), ("", 0), ("-1", 0), ("0,1", 2)):
        if visible is None:
            monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
        else:
            monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
        assert hardware.n_gpus() == n
