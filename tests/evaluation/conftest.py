"""Folders of references and estimates, and the command that judges them."""

import pytest

from transcribe.cli import main
from transcribe.midi import write_midi

from .playing import PLAYED, first


@pytest.fixture
def folders(tmp_path):
    """Three pieces, all heard, the second only in half."""
    for side in ("ref", "est"):
        (tmp_path / side / "sonatas").mkdir(parents=True)
    for name in ("a", "b", "sonatas/c"):
        write_midi(PLAYED, tmp_path / "ref" / f"{name}.mid")
        heard = first(5) if name == "b" else PLAYED
        write_midi(heard, tmp_path / "est" / f"{name}.mid")
    return tmp_path / "ref", tmp_path / "est"


@pytest.fixture
def run(capsys):
    """Exit code, stdout and stderr of ``transcribe evaluate``."""

    def call(*words):
        code = main(["evaluate", *map(str, words)])
        return code, *capsys.readouterr()

    return call
