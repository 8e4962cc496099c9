"""``transcribe tokens``: recordings, MIDI files or folders into what generators read."""

from __future__ import annotations

import argparse
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from transcribe.errors import TranscribeError
from transcribe.files.endings import in_words
from transcribe.music.beat_grid import Metre
from transcribe.notes import Performance
from transcribe.terminal import progress_of, say
from transcribe.tokens.encoded import Settings
from transcribe.tokens.targets import TARGETS, encode
from transcribe.wording import count, one_line, reason

if TYPE_CHECKING:
    from transcribe.tokens.sources import Source
    from transcribe.transcriber import Transcriber

ALL_DONE, SOME_FAILED = 0, 1
_FAILURES = (TranscribeError, OSError, MemoryError)
_UNEXPECTED = (RuntimeError, ValueError, TypeError, ArithmeticError, LookupError)


def main(words: Sequence[str]) -> int:
    """Do what the words after ``transcribe tokens`` say; returns the exit code."""
    parser = _parser()
    options = parser.parse_args(words)
    from transcribe.tokens.sources import find_sources

    try:
        settings = Settings(tempo=options.tempo, metre=options.metre, follow=options.follow)
        found = find_sources(options.sources)
    except ValueError as error:
        parser.error(one_line(str(error)))
    targets = list(dict.fromkeys(options.targets))
    for target in targets:
        TARGETS[target].check_installed()
    if found.left_out:
        n_files = count(found.left_out.total(), "file")
        told = f"left out, neither recording nor MIDI: {n_files} ({in_words(found.left_out)})"
        say(f"transcribe tokens: {told}", sys.stderr)
    if found.n_beside_midi:
        n_files = count(found.n_beside_midi, "recording")
        say(f"transcribe tokens: left out for the MIDI file beside: {n_files}", sys.stderr)
    reader = _Reader(options)
    n_failed = 0
    for source in found.sources:
        try:
            _one(source, targets, settings, reader, options)
        except _FAILURES as error:
            if options.verbose:
                traceback.print_exc()
            say(f"transcribe tokens: {source.path}: {reason(error, about=source.path)}", sys.stderr)
            n_failed += 1
        except _UNEXPECTED as error:
            if options.verbose:
                traceback.print_exc()
            say(
                f"transcribe tokens: {source.path}: unexpected {type(error).__name__}: {error} "
                "(--verbose shows where)",
                sys.stderr,
            )
            n_failed += 1
    return SOME_FAILED if n_failed else ALL_DONE


def _one(
    source: Source,
    targets: Sequence[str],
    settings: Settings,
    reader: _Reader,
    options: argparse.Namespace,
) -> None:
    """Read one source and write what every target makes of it."""
    if not source.path.exists():
        raise TranscribeError("there is no such file")
    for target in targets:
        description = options.out / target / source.name.parent / f"{source.name.name}.json"
        if description.exists() and not options.overwrite:
            raise TranscribeError(f"{description} is there already; --overwrite replaces it")
    performance, about = reader.read(source)
    for target in targets:
        encoded = encode(target, performance, settings)
        folder = options.out / target / source.name.parent
        folder.mkdir(parents=True, exist_ok=True)
        written = encoded.write(folder, source.name.name, source=about)
        for remark in encoded.remarks:
            say(f"transcribe tokens: {source.path}: {target}: {remark}", sys.stderr)
        if not options.quiet:
            say(
                f"{written[0]}: {count(len(encoded.items), 'item')}{_grid(encoded.about)}",
                sys.stdout,
            )


def _grid(about: Any) -> str:
    grid = about.get("grid", {})
    if "tempo_is" not in grid:
        return ""
    return (
        f", {grid['tempo']:.0f} beats a minute ({grid['tempo_is']}), "
        f"{grid['metre']} ({grid['metre_is']})"
    )


class _Reader:
    """Reads MIDI, hears recordings; loads the network when the first recording comes."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.transcriber: Transcriber | None = None

    def read(self, source: Source) -> tuple[Performance, dict[str, Any]]:
        """The performance of a source and, as plain data, where it is from."""
        if source.is_midi:
            from transcribe.midi import load_midi

            read = load_midi(source.path)
            for told in read.warnings:
                say(f"transcribe tokens: {source.path}: warning: {told}", sys.stderr)
            return read.performance, {"file": source.path.name}
        if self.transcriber is None:
            from transcribe.transcriber import Transcriber

            self.transcriber = Transcriber.load(self.options.checkpoint, device=self.options.device)
        with progress_of(source.path.name, None, quiet=self.options.quiet) as progress:
            heard = self.transcriber.transcribe(source.path, progress=progress)
        for warning in heard.warnings:
            say(f"transcribe tokens: {source.path}: warning: {warning}", sys.stderr)
        return heard.performance, {
            "file": source.path.name,
            "transcribed_by": self.transcriber.name,
        }


def _parser() -> argparse.ArgumentParser:
    width = max(map(len, TARGETS))
    names = "\n".join(f"  {target.name:{width}}  {target.reads}" for target in TARGETS.values())
    parser = argparse.ArgumentParser(
        prog="transcribe tokens",
        description="Turn recordings, MIDI files, or folders of them into what generators of\n"
        "music read. Recordings are transcribed first.",
        epilog=f"names for --for:\n{names}\n\n"
        "Written are FOLDER/NAME/SOURCE.json, which says what was made, on which grid and\n"
        "where in the recording, and beside it the files it lists.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("sources", metavar="SOURCE", nargs="+", help="a recording, a MIDI file, or a folder")
    add(
        "--for",
        dest="targets",
        metavar="NAME",
        action="append",
        required=True,
        choices=list(TARGETS),
        help="what to feed; may be given several times",
    )
    add("-o", "--out", metavar="FOLDER", type=Path, default=Path("tokens"), help="default: tokens")
    add(
        "--tempo",
        metavar="BPM",
        type=float,
        help="beats a minute, kept throughout; estimated if left out",
    )
    add("--metre", metavar="N/M", type=_metre, help="such as 3/4; estimated if left out")
    add("--follow", action="store_true", help="follow the player where the tempo strays from BPM")
    add("--overwrite", action="store_true", help="replace what is there")
    add("--checkpoint", metavar="FILE", help="weights to use in place of the packaged ones")
    add("--device", choices=("auto", "cpu", "cuda", "mps"), default="auto", help="where to compute")
    add("--quiet", action="store_true", help="print warnings and failures only")
    add("--verbose", action="store_true", help="print where failures come from")
    return parser


def _metre(text: str) -> Metre:
    try:
        return Metre.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
