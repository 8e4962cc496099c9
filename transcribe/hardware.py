"""What this computer has to work with: cores, memory, GPUs; found without torch."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from pathlib import Path

_CGROUP = Path("/sys/fs/cgroup")


def n_cores() -> int:
    """Processors that this process may use: its affinity, and its container's share."""
    if hasattr(os, "sched_getaffinity"):
        n = len(os.sched_getaffinity(0))
    else:
        n = os.cpu_count() or 1
    quota, _, period = _read(_CGROUP / "cpu.max").partition(" ")
    if quota.isdecimal() and period.strip().isdecimal():
        n = min(n, math.ceil(int(quota) / int(period)))
    return max(n, 1)


def free_memory() -> int | None:
    """Bytes that can be had without swapping, of the computer or of the container."""
    found = []
    for line in _read(Path("/proc/meminfo")).splitlines():
        if line.startswith("MemAvailable:"):
            found.append(int(line.split()[1]) * 1024)
    limit, used = (_read(_CGROUP / name).strip() for name in ("memory.max", "memory.current"))
    if limit.isdecimal() and used.isdecimal():
        found.append(max(int(limit) - int(used), 0))
    if not found and hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        found.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2)
    return min(found, default=None)


def resident_memory(pid: int) -> int | None:
    """Bytes of memory that a process holds; None where that is unknown."""
    pages = _read(Path(f"/proc/{pid}/statm")).split()
    if len(pages) > 1:
        return int(pages[1]) * os.sysconf("SC_PAGE_SIZE")
    if sys.platform == "darwin":
        answer = _output_of("ps", "-o", "rss=", "-p", str(pid)).strip()
        return int(answer) * 1024 if answer.isdecimal() else None
    return None


def peak_memory() -> int | None:
    """Most bytes of memory that this process has held; None where that is unknown."""
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def n_gpus() -> int:
    """NVIDIA GPUs that programs started here may use; a driver is needed to see them."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None and visible.strip() in ("", "-1"):
        return 0
    n = sum(line.startswith("GPU ") for line in _output_of("nvidia-smi", "-L").splitlines())
    return n if visible is None else min(n, len(visible.split(",")))


def go_first() -> None:
    """If memory runs out, let this process be the one that ends."""
    try:
        Path("/proc/self/oom_score_adj").write_text("500", encoding="ascii")
    except OSError:
        return  # no Linux, or not allowed: it is only a wish


def _read(path: Path) -> str:
    try:
        return path.read_text("ascii", "replace")
    except OSError:
        return ""


def _output_of(*command: str) -> str:
    """What a program prints; nothing where there is no such program."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout
