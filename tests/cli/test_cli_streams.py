"""The command in a pipe: recordings from standard input, and streams that are closed."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from unittest.mock import ANY

import pytest

from transcribe import terminal


@pytest.mark.skipif(os.name != "posix", reason="a shell closes the streams")
@pytest.mark.parametrize("closed", ["0<&- 1>&- 2>&-", "2>&-", "2>/dev/full", "0<&- 2>&-"])
def test_closed_streams_cost_what_is_said_and_nothing_else(tmp_path, closed):
    """What is opened next must not get the number of a stream, or remarks go into it."""
    script = tmp_path / "command.py"
    script.write_text(
        "import os, subprocess, sys\n"
        "from transcribe import cli\n"
        "from transcribe.terminal import progress_of, say\n"
        "def run(options):\n"
        "    say('a remark', sys.stderr)\n"
        "    file = open(options.made, 'w')\n"
        "    assert file.fileno() > 2 and sys.stderr.isatty() is False\n"
        "    with progress_of('song', 10.0) as tell:\n"
        "        tell(5.0)\n"
        "    try: os.write(2, b'a library speaks')\n"
        "    except OSError: pass  # the disk of the log is full\n"
        "    print('result')\n"
        "    sys.stdin.read()\n"
        "    child = 'import os; [os.fstat(n) for n in range(3)]'\n"
        "    subprocess.run([sys.executable, '-S', '-c', child], check=True)\n"
        "    file.write('done')\n"
        "    return 0\n"
        "def add_parser(subparsers):\n"
        "    parser = subparsers.add_parser('work')\n"
        "    parser.add_argument('made')\n"
        "    parser.set_defaults(run=run)\n"
        "cli.COMMANDS['work'] = cli.Command('__main__', '', '')\n"
        "sys.exit(cli.main(['work', *sys.argv[1:]]))\n"
    )
    made = tmp_path / "made"
    if "full" in closed and not Path("/dev/full").exists():
        pytest.skip("no device that is always full")
    script_words = f'exec "$0" "$@" {closed}'
    words = ["sh", "-c", script_words, sys.executable, str(script), str(made)]
    ran = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    assert ran.returncode == 0
    assert made.read_text() == "done"


@pytest.mark.skipif(os.name != "posix", reason="pipes break so")
def test_a_reader_that_has_enough_ends_nothing_that_is_written(tmp_path):
    """``transcribe ... | head -1`` and a terminal that is closed."""
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as broken:
        for n in range(3):
            terminal.say(f"line {n}", broken)
        terminal.show("live", broken)
    ran = subprocess.run(
        ["sh", "-c", '"$0" -m transcribe --help | true', sys.executable],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in ran.stderr
    assert "Exception ignored" not in ran.stderr


class Stream(io.TextIOWrapper):
    def __init__(self, content: bytes = b"", *, terminal: bool = False):
        super().__init__(io.BytesIO(content), encoding="utf-8")
        self.terminal = terminal

    def isatty(self):
        return self.terminal

    @property
    def content(self) -> bytes:
        self.flush()
        return self.buffer.getvalue()


@pytest.fixture
def piped(run, monkeypatch):
    """Run with bytes on standard input; gives what ran and the bytes on standard output."""

    def call(*words, given=b"", terminal=False):
        out = Stream(terminal=terminal)
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdin", Stream(given, terminal=terminal))
            patch.setattr(sys, "stdout", out)
            ran = run(*words)
        return ran, out.content

    return call


def test_a_recording_comes_in_and_a_midi_file_goes_out(piped, run, melody_wav, tmp_path):
    song = melody_wav()
    assert run(song).code == 0
    midi = song.with_suffix(".mid").read_bytes()
    ran, written = piped("-", given=song.read_bytes())
    assert (ran.code, written) == (0, midi)
    assert ran.err.startswith("standard output: 5 notes, ")
    assert piped(song, "-o", "-") == ((0, "", ANY), midi)
    assert piped("-", "--quiet", given=song.read_bytes()) == ((0, "", ""), midi)
    ran, written = piped("-", "-o", tmp_path / "named.mid", "--json", given=song.read_bytes())
    assert (ran.code, (tmp_path / "named.mid").read_bytes()) == (0, midi)
    assert written.startswith(str(tmp_path / "named.mid").encode())
    heard = json.loads((tmp_path / "named.json").read_text())
    assert heard["recording"] == "standard input"


def test_what_comes_in_broken_is_told_and_nothing_goes_out(piped):
    ran, written = piped("-", given=b"no sound at all")
    assert (ran.code, written) == (1, b"")
    assert ran.err.startswith("transcribe: standard input: ")
    assert tempfile.gettempdir() not in ran.err
    assert piped("-")[0].code == 1


def test_streams_that_can_not_be_meant_are_refused(piped, melody_wav, tmp_path):
    song = melody_wav()
    for words, said in (
        (["-", "-"], "holds one recording"),
        (["-", song], "of one recording"),
        ([song, "-o", "-", "--csv"], "the MIDI file alone"),
        (["-", "-o", f"{tmp_path}/out/"], "has no name"),
    ):
        ran, written = piped(*words)
        assert (ran.code, written) == (2, b"")
        assert said in ran.err
    assert "is a terminal here" in piped("-", terminal=True)[0].err
    assert piped(song, "-o", "-", terminal=True)[0].code == 2
