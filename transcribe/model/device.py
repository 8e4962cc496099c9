"""Where a network may run: the CPU, which needs no torch, or a GPU, which does."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

from transcribe.extras import needing
from transcribe.hardware import n_gpus

DEVICES = ("auto", "cpu", "cuda", "mps")
_AMD_DRIVER = Path("/dev/kfd")


def find_device(name: str) -> str:
    """The device of a name, as torch writes it; ``"auto"`` is CUDA, else MPS, else the CPU.

    Torch is imported only where there may be a GPU, as that takes seconds.

    Raises
    ------
    ValueError
        There is no device of that name here.
    TranscribeError
        A GPU is asked for and torch is not installed.
    """
    if name == "auto" and (find_spec("torch") is None or not _may_have_gpu()):
        return "cpu"
    kind, _, index = name.partition(":")
    if name != "auto" and (kind not in DEVICES[1:] or (index and not index.isdecimal())):
        raise ValueError(f"a device is one of {', '.join(DEVICES)}; found {name!r}")
    if name in ("cpu", "cpu:0"):
        return "cpu"
    with needing("gpu", "torch"):
        import torch
    has_cuda, has_mps = torch.cuda.is_available(), torch.backends.mps.is_available()
    if name == "auto":
        return "cuda" if has_cuda else "mps" if has_mps else "cpu"
    n_devices = {
        "cpu": 1,
        "cuda": torch.cuda.device_count() if has_cuda else 0,
        "mps": int(has_mps),
    }
    if int(index or 0) >= n_devices[kind]:
        there = " and ".join(each for each, n in n_devices.items() if n)
        raise ValueError(f"no device {name!r} here; there is {there}")
    return name


def _may_have_gpu() -> bool:
    return sys.platform == "darwin" or _AMD_DRIVER.exists() or n_gpus() > 0
