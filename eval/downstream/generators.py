"""Generators' own programs, untrained, play on from a recording, and what they write is put back.

    python -m eval.downstream.generators SONG --out eval/results/generators.json

The commands are those of ``docs/plays-on.md``, run in a shell as they stand there, but for the
recording's name and MusicVAE's smaller network. Magenta's code is in an environment of its own
(`eval.downstream.readers.MAGENTA`), its weights are random (``magenta/untrained.py``). magenta.js
plays in Chromium (`eval.downstream.browser_generators`). Recorded is, for each program, whether it
took the file, how many notes it wrote, how many were put back, and how far the farthest of them is
from the 16th grid on the recording's beats, in seconds; programs that count in seconds have none,
nor has GrooVAE, whose hits are off the grid on purpose.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eval.common.command import new_parser, run
from eval.common.tables import ABSENT, markdown
from eval.downstream import browser_generators
from eval.downstream.readers import MAGENTA, READERS
from eval.systems.registry import default_environments, python_of
from transcribe.errors import TranscribeError
from transcribe.evaluation.evaluate import first_seconds
from transcribe.files.endings import MIDI_SUFFIXES
from transcribe.midi import read_midi, write_midi
from transcribe.tokens import Anchor, place
from transcribe.tokens.score_midi import read_score_midi
from transcribe.transcriber import Transcriber

PAGE = Path(__file__).resolve().parents[2] / "docs" / "plays-on.md"
IN_PYTHON = ("MelodyRNN", "MusicVAE", "Performance RNN and Music Transformer", "Coconet")
"""Headings of the page whose commands are Magenta's."""
IN_BROWSER = ("melody-rnn", "music-vae", "groovae", "coconet")
"""Targets whose files magenta.js is given."""
SECONDS = 20.0
"""Of the source; a primer of Performance RNN's is as long."""
_ITERATIONS = 2
"""Of Coconet's sampling, which by default are 96."""
_PLACE = re.compile(
    r"transcribe place (?P<made>\S+) --onto (?P<item>\S+)(?P<words>.*) -o (?P<out>\S+)"
)


@dataclass(frozen=True)
class Played:
    """What came of one program."""

    n_written: int
    """Notes in its file."""
    n_placed: int
    off_grid: float | None
    """Seconds, at most; None where the program counts in seconds or leaves the grid itself."""

    def as_json(self) -> dict[str, Any]:
        """As the record has it."""
        return {"notes": self.n_written, "placed": self.n_placed, "off_grid": self.off_grid}


def commands(heading: str, page: str | None = None) -> list[str]:
    """The lines of the first shell block under a heading of the page."""
    text = PAGE.read_text("utf-8") if page is None else page
    section = re.split(rf"^## {re.escape(heading)}$", text, flags=re.MULTILINE)[1].split("\n## ")[0]
    block = re.search(r"```sh\n(.*?)```", section, re.DOTALL)
    assert block is not None, heading
    return block[1].splitlines()


def untrained(folder: Path) -> Path:
    """A folder to run the page's commands in: Magenta as ``magenta``, its weights, untrained."""
    python = python_of(MAGENTA, default_environments())
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "magenta").symlink_to(python.parents[1], target_is_directory=True)
    _ran([str(python), str(READERS / "untrained.py"), str(folder)], folder)
    return folder


def in_shell(lines: Sequence[str], folder: Path) -> None:
    """Run commands of the page on ``song.mid`` in a folder.

    Raises
    ------
    TranscribeError
        One of them ended badly; with the last it said.
    """
    for line in lines:
        line = line.replace("song.mp3", "song.mid --metre 4/4 --quiet --overwrite")
        line = line.replace("eval/downstream/magenta/", f"{READERS}/")
        line = line.replace("cat-mel_2bar_big", "cat-mel_2bar_small")
        line = line.replace("python -m eval", f"{sys.executable} -m eval")
        _ran(["bash", "-c", line], folder)


def checked(lines: Sequence[str], folder: Path) -> Played:
    """What the program of some commands wrote, and where the last of them put it.

    Raises
    ------
    TranscribeError
        Nothing came out, or more than one file, or notes are not where the recording's beats are.
    """
    found = _PLACE.search(lines[-1])
    assert found is not None, lines[-1]
    made = sorted(folder.glob(found["made"]))
    if len(made) != 1:
        raise TranscribeError(
            f"{found['made']}: expected one file of the program; found {len(made)}"
        )
    anchor = Anchor.of_item(folder / found["item"])
    words = found["words"]
    read_at = float(words.split("--read-at ")[1].split()[0]) if "--read-at" in words else None
    content = made[0].read_bytes()
    without_primer = "--without-primer" in words
    if "--after" in words:
        anchor = anchor.after()
    return placed_on(content, anchor, without_primer=without_primer, read_at=read_at)


def placed_on(
    content: bytes, anchor: Anchor, *, as_long: bool = False, on_grid: bool = True, **how: Any
) -> Played:
    """How a generator's file lies on the recording.

    Parameters
    ----------
    content : bytes
        MIDI.
    anchor : Anchor
        Of the item that the generator was given.
    as_long : bool, default False
        The generator makes something as long as the item: all of it must lie within.
    on_grid : bool, default True
        False for a generator that plays off the grid.
    **how
        For `place`.

    Raises
    ------
    TranscribeError
        There is nothing to put back, or notes do not lie where they should.
    """
    n_written = len(read_score_midi(content).notes)
    placed = place(content, anchor, **how)
    onsets = [note.onset for voice in placed.voices for note in voice.performance.notes]
    if not onsets:
        raise TranscribeError(f"expected notes to put back; found none of {n_written} written")
    if how.get("without_primer") and anchor.stop is not None and min(onsets) < anchor.stop - 0.01:
        raise TranscribeError(
            f"expected notes from {anchor.stop:.2f} s on; found {min(onsets):.2f}"
        )
    if as_long and anchor.stop is not None:
        first, last = min(onsets), max(onsets)
        if first < anchor.start - 0.01 or last >= anchor.stop:
            raise TranscribeError(
                f"expected notes from {anchor.start:.2f} to {anchor.stop:.2f} s; "
                f"found {first:.2f} to {last:.2f}"
            )
    off_grid = None
    if anchor.grid is not None and on_grid:
        last = max(onsets)
        lines = [anchor.seconds(0)]
        while lines[-1] <= last:
            lines.append(anchor.seconds(len(lines)))
        off_grid = max(min(abs(onset - line) for line in lines) for onset in onsets)
    return Played(n_written, placed.n_notes, off_grid)


def in_browser(tokens: Path) -> dict[str, Played]:
    """What models of magenta.js make of the files of a folder of tokens, by tool.

    Interpolated is from the first melody of four bars to the last, which in a short piece is the
    same. Coconet samples less often than it would to sound well.

    Raises
    ------
    TranscribeError
        A file is not there, as of less than eight bars, or what comes out is not where it belongs.
    """

    def written(target: str, name: str) -> list[str]:
        found = sorted((tokens / target).glob(f"song.{name}.mid"))
        if not found:
            raise TranscribeError(
                f"{target}: expected song.{name}.mid, as of eight bars of 4/4 or more; found none"
            )
        return [f"tokens/{target}/{path.name}" for path in found]

    (primer,) = written("melody-rnn", "primer-4bar")
    melodies = written("music-vae", "melody-4bar-*")
    tap, *_ = written("groovae", "tap-2bar-*")
    drums, *_ = written("groovae", "drums-2bar-*")
    soprano, *_ = written("coconet", "soprano-*")
    voices, *_ = written("coconet", "voices-*")
    one, other = melodies[0], melodies[-1]
    calls: dict[str, tuple[Any, ...]] = {
        "Continue": ("continued", "models/melody_rnn", primer, 64),
        "Interpolate": ("interpolated", "models/mel_4bar", one, other, 3),
        "Drumify": ("grooved", "models/groovae_tap2bar", tap),
        "Groove": ("grooved", "models/groovae_2bar_humanize", drums),
        "Coconet, a melody": ("infilled", "models/coconet", soprano, _ITERATIONS),
        "Coconet, four voices": ("infilled", "models/coconet", voices, _ITERATIONS),
    }
    found = {}
    with browser_generators.generators(tokens) as page:
        for tool, (what, *words) in calls.items():
            files = browser_generators.played(page, what, *words)
            anchor = Anchor.of_item(tokens / str(words[1]).removeprefix("tokens/"))
            made = files[len(files) // 2]
            if tool == "Continue":
                found[tool] = placed_on(made, anchor.after())
            else:
                found[tool] = placed_on(made, anchor, as_long=True, on_grid=what != "grooved")
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the arguments say."""
    parser = new_parser("eval.downstream.generators", __doc__)
    parser.add_argument("source", type=Path, help="a recording or a MIDI file")
    parser.add_argument(
        "--magenta",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="Magenta's programs too, in an environment of 1.5 GB that is made if it is not there",
    )
    return run(parser, measure, arguments, positional=["source"])


def measure(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """More and more programs."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if options.source.suffix.lower() in MIDI_SUFFIXES:
            shutil.copy(options.source, folder / "song.mid")
        else:
            write_midi(Transcriber.load()(options.source), folder / "song.mid")
        write_midi(first_seconds(read_midi(folder / "song.mid"), SECONDS), folder / "song.mid")
        rows: dict[str, Any] = {}
        folder = untrained(folder) if options.magenta else folder
        record = {"source": options.source.name, "seconds": SECONDS, "generators": rows}
        targets = " ".join(f"--for {each}" for each in IN_BROWSER)
        in_shell([f"transcribe tokens song.mp3 {targets}"], folder)
        for tool, played in in_browser(folder / "tokens").items():
            rows[f"magenta.js 1.23.1: {tool}"] = played.as_json()
        yield record
        for heading in IN_PYTHON if options.magenta else ():
            lines = commands(heading)
            in_shell(lines, folder)
            tool = heading.partition(" and ")[0]
            rows[f"Magenta 2.1.4: {tool}"] = checked(lines, folder).as_json()
            yield record


def table(record: Mapping[str, Any]) -> str:
    """The programs as Markdown."""
    rows = []
    for name, row in record["generators"].items():
        off = ABSENT if row["off_grid"] is None else f"{1000 * row['off_grid']:.1f}"
        rows.append([name, str(row["notes"]), str(row["placed"]), off])
    head = (
        f"with random weights, on {record['seconds']:.0f} s of {record['source']}",
        "notes written",
        "put back",
        "off the grid, ms",
    )
    return "\n".join(
        [
            markdown(head, rows),
            "",
            "Each took the file as `transcribe tokens` wrote it. Written is with the primer where "
            "the program repeats it; put back is what follows. Random weights make no music: this "
            "is about files.",
        ]
    )


def _ran(words: Sequence[str], folder: Path) -> None:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""}
    home = str(PAGE.parents[1])
    done = subprocess.run(
        words,
        cwd=folder,
        env={
            **os.environ,
            **quiet,
            "PATH": path,
            "PYTHONPATH": home if "eval" in words[-1] else "",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise TranscribeError(f"{words[-1]} ended with {done.returncode}: {done.stderr[-1500:]}")


if __name__ == "__main__":
    sys.exit(main())
