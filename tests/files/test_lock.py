"""One process at a time: who holds a lock, and when it is free again."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import filelock
import pytest

from transcribe.files.lock import BusyError, NoLockError, locked


def test_a_lock_is_held_by_one_who_is_named(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "lock"
    with (
        locked(path),
        pytest.raises(BusyError, match=rf"process {os.getpid()} on .* holds this lock"),
        locked(path),
    ):
        pass
    with locked(path):
        pass


def test_a_process_that_is_killed_holds_no_lock(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    code = (
        "import sys, time; from pathlib import Path\n"
        "from transcribe.files.lock import locked\n"
        "with locked(Path(sys.argv[1])):\n"
        "    print('held', flush=True); time.sleep(60)\n"
    )
    words = [sys.executable, "-c", code, str(path)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(BusyError, match=f"process {other.pid} on "), locked(path):
            pass
        other.kill()
        other.wait()
    with locked(path):
        pass


@pytest.mark.parametrize(
    ("number", "expected"), [(errno.ENOLCK, NoLockError), (errno.EACCES, PermissionError)]
)
def test_a_disk_without_locks_is_told_from_one_that_refuses(
    number: int,
    expected: type[Exception],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(self: filelock.FileLock) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(filelock.FileLock, "acquire", refuse)
    with pytest.raises(expected), locked(tmp_path / "lock"):
        pass
