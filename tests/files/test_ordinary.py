"""What may never end is not read, whatever it is called."""

from __future__ import annotations

from pathlib import Path

import pytest

from transcribe import cli
from transcribe.midi import write_midi
from transcribe.notes import Note, Performance


@pytest.mark.skipif(not Path("/dev/null").is_char_device(), reason="there are no such devices here")
@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("evaluate device.txt a.mid", "device.txt: expected notes as text: no ordinary file"),
        ("archive device.txt -o out", "device.txt: can't be read: no ordinary file"),
        ("archive device -o out", "device: expected a folder, an address, a recording, or a list"),
    ],
)
def test_a_device_is_no_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys, words: str, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("device", "device.txt"):
        Path(name).symlink_to("/dev/null")
    write_midi(Performance([Note(onset=0, pitch=60, offset=1, velocity=64)]), "a.mid")
    assert cli.main(words.split()) == 1
    assert said in capsys.readouterr().err
