"""What went wrong, as text that fits on one line."""

from __future__ import annotations

import errno
import os
import shutil

import pytest

from transcribe.wording import reason


def test_the_first_of_many_files_that_were_not_copied_says_why(tmp_path):
    (tmp_path / "from").mkdir()
    (tmp_path / "from" / "a").touch()

    def fail(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(shutil.Error) as caught:
        shutil.copytree(tmp_path / "from", tmp_path / "to", copy_function=fail)
    assert reason(caught.value) == f"[Errno {errno.ENOSPC}] No space left on device"
