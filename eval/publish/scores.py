"""Engrave the beginnings of pieces for the documentation: what ``transcribe score`` makes of them.

    python -m eval.publish.scores --out docs/scores NAME=SOURCE [NAME=SOURCE ...]

A SOURCE is a recording or a MIDI file, NAME the name of its picture (PNG). Nothing is chosen or
corrected by hand: no tempo, metre, key or downbeat is given. The pieces on show are in no
training: performances of ASAP whose pieces `recipes/score/split.csv` keeps aside, transcribed
or as they were recorded, and recordings of ``maps-real-dev``.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from transcribe.errors import TranscribeError
from transcribe.extras import needing
from transcribe.files.atomic import write_atomically
from transcribe.files.endings import is_midi
from transcribe.midi import read_midi
from transcribe.notes import Performance
from transcribe.score.engraving import PAPER
from transcribe.score.making import make_score, pages, sheet_bytes
from transcribe.terminal import say
from transcribe.transcriber import Transcriber

PIXELS_PER_INCH = 110
SHARE = 0.56
"""Of the page that is shown, from the top."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Engrave what the arguments name; 0, or 1 with a line where that can't be."""
    parser = argparse.ArgumentParser(
        prog="eval.publish.scores",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("sources", metavar="NAME=SOURCE", nargs="+", type=_named)
    parser.add_argument("--out", metavar="FOLDER", type=Path, required=True)
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    transcriber: Transcriber | None = None
    try:
        for name, source in options.sources:
            if is_midi(source):
                performance = read_midi(source)
            else:
                transcriber = transcriber or Transcriber.load()
                performance = transcriber.transcribe(source).performance
            path = options.out / f"{name}.png"
            write_atomically(path, picture(performance))
            say(str(path), sys.stdout)
    except TranscribeError as error:
        say(f"eval.publish.scores: {error}", sys.stderr)
        return 1
    return 0


def _named(text: str) -> tuple[str, Path]:
    name, separator, source = text.partition("=")
    if not (separator and name and source):
        raise argparse.ArgumentTypeError(f"expected NAME=SOURCE; found {text!r}")
    return name, Path(source)


def picture(performance: Performance) -> bytes:
    """The top of the first page, as PNG."""
    with needing("score", "typst"):
        import typst
    score = make_score(performance)
    first = pages(score, sheet_bytes(score))[0]
    width, height = PAPER["a4"]
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "page.svg").write_text(first, "utf-8")
        main = Path(folder) / "page.typ"
        main.write_text(
            f"#set page(width: {width}mm, height: {height * SHARE}mm, margin: 0mm, fill: white)\n"
            f'#place(image("page.svg", width: {width}mm, height: {height}mm))\n',
            "utf-8",
        )
        made = typst.compile(str(main), format="png", ppi=PIXELS_PER_INCH)
    return bytes(made if isinstance(made, bytes) else made[0])


if __name__ == "__main__":
    sys.exit(main())
