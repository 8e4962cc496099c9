"""``transcribe continue``: a recording or a MIDI file, and music that goes on from it."""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from transcribe import __version__
from transcribe.errors import MidiError, TranscribeError
from transcribe.files.names import output_stem
from transcribe.terminal import progress_of, say
from transcribe.wording import clock, count, one_line

if TYPE_CHECKING:
    from transcribe.generate import Continued
    from transcribe.notes import Performance

SECONDS_BETWEEN_WRITES = 1.0
_ENDING = ".continued.mid"
_SHARE_OF_WRITING = 0.2
"""Of the time, at most; a long opening is written less often."""


def main(words: Sequence[str]) -> int:
    """Do what the words after ``transcribe continue`` say; returns the exit code."""
    parser = _parser()
    options = parser.parse_args(words)
    from transcribe.files.endings import MIDI_SUFFIXES

    source: Path = options.source
    stem = output_stem(source.name, room=len(_ENDING))
    output: Path = options.output or source.with_name(stem + _ENDING)
    if output.suffix.lower() not in MIDI_SUFFIXES:
        parser.error(one_line(f"-o needs a name that ends in .mid; found {output}"))
    if not source.exists():
        raise MidiError(f"{source}: there is no such file")
    if output.exists() and source.samefile(output):
        parser.error(one_line(f"-o {output}: the source would be written over"))
    if output.exists() and not options.overwrite:
        raise MidiError(f"{output} is there already; --overwrite replaces it")
    if not output.parent.is_dir():
        raise MidiError(f"{output.parent}: no such folder to write into")

    from transcribe.generate import Continuer, Sampling

    try:
        sampling = Sampling(options.temperature, options.top_p, options.seed)
    except ValueError as error:
        parser.error(str(error))
    if options.threads:
        import torch

        torch.set_num_threads(options.threads)
    continuer = Continuer.load(options.generator)
    performance = _performance(options)
    started = time.monotonic()
    growing = continuer.stream(
        performance, seconds=options.seconds, at=options.at, sampling=sampling
    )
    text = (
        f"Continued by {continuer.name} (transcribe {__version__}), seed {sampling.seed}, "
        f"temperature {sampling.temperature:g}, top-p {sampling.top_p:g}"
    )
    try:
        last = write_growing(_told(growing, options), output, text=text)
    except ValueError as error:  # nothing to go on from
        raise TranscribeError(f"{source}: {error}") from error
    if not options.quiet:
        notes = count(len(last.continuation.notes), "note")
        say(
            f"{output}: {notes} from {clock(last.start)} on, {options.seconds:g} s of music in "
            f"{time.monotonic() - started:.1f} s (seed {sampling.seed})",
            sys.stdout,
        )
    return 0


def write_growing(growing: Iterator[Continued], path: Path, *, text: str) -> Continued:
    """Write what there is about once a second, and all of it at the end; returns that.

    The file is whole whenever it is looked at.
    """
    from transcribe.midi import write_midi

    last: Continued | None = None
    due = 0.0
    for last in growing:
        begun = time.monotonic()
        if begun >= due:
            write_midi(last.whole, path, text=text)
            done = time.monotonic()
            due = done + max(SECONDS_BETWEEN_WRITES, (done - begun) / _SHARE_OF_WRITING)
    if last is None:
        raise ValueError("nothing was continued")
    write_midi(last.whole, path, text=text)
    return last


def _told(growing: Iterator[Continued], options: argparse.Namespace) -> Iterator[Continued]:
    """The same, with the progress told."""
    name = f"continuing {options.source.name}"
    with progress_of(name, options.seconds, quiet=options.quiet) as progress:
        for continued in growing:
            if progress is not None:
                progress(max(0.0, continued.continuation.duration - continued.start))
            yield continued


def _performance(options: argparse.Namespace) -> Performance:
    """What was played: read from a MIDI file, or heard."""
    from transcribe.files.endings import MIDI_SUFFIXES

    source: Path = options.source
    if source.suffix.lower() in MIDI_SUFFIXES:
        from transcribe.midi import load_midi

        read = load_midi(source)
        for told in read.warnings:
            say(f"transcribe continue: {source}: warning: {told}", sys.stderr)
        return read.performance
    from transcribe.audio.reader import probe
    from transcribe.transcriber import Transcriber

    duration = probe(source).duration
    transcriber = Transcriber.load(options.checkpoint, device=options.device)
    with progress_of(source.name, duration, quiet=options.quiet) as progress:
        heard = transcriber.transcribe(source, progress=progress)
    for warning in heard.warnings:
        say(f"transcribe continue: {source}: warning: {warning}", sys.stderr)
    return heard.performance


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="transcribe continue",
        description="Let the music go on: write what was played in a recording or a MIDI file, "
        "with a continuation in its style.",
        epilog="The file grows as the music is made, and can be opened at any time. The same "
        "seed gives the same notes; another gives another continuation.",
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("source", metavar="SOURCE", type=Path, help="a recording or a MIDI file")
    add(
        "-o",
        "--output",
        metavar="MIDI",
        type=Path,
        help="default: the source's name with .continued.mid",
    )
    add(
        "--seconds",
        metavar="S",
        type=_positive,
        default=30.0,
        help="how long the continuation is; default: 30",
    )
    add(
        "--at",
        metavar="S",
        type=_positive,
        help="go on from this second, in place of what was played after it; default: from the "
        "last key that was struck",
    )
    add(
        "--temperature",
        metavar="T",
        type=float,
        default=1.0,
        help="above 1 more daring, below 1 tamer; default: 1",
    )
    add(
        "--top-p",
        metavar="P",
        type=float,
        default=1.0,
        help="draw from the likeliest that come to this probability; default: 1, from all",
    )
    add("--seed", metavar="N", type=int, default=0, help="which continuation; default: 0")
    add("--overwrite", action="store_true", help="replace an existing output")
    add("--generator", metavar="FILE", help="weights that continue, in place of the packaged ones")
    add("--checkpoint", metavar="FILE", help="weights that transcribe, likewise")
    add(
        "--device",
        choices=("auto", "cpu", "cuda", "mps"),
        default="auto",
        help="where to transcribe; the continuation is made on the CPU",
    )
    add("--threads", metavar="N", type=int, help="CPU threads to use")
    add("--quiet", action="store_true", help="print warnings and failures only")
    return parser


def _positive(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"expected seconds, more than 0; found {text!r}")
    return value
