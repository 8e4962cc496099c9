"""``transcribe continue``: a recording or a MIDI file, and music that goes on from it."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from transcribe.errors import TranscribeError
from transcribe.options import (
    DONE,
    Subparsers,
    add_checkpoint,
    add_command,
    add_device,
    add_output,
    add_overwrite,
    add_quiet,
    add_threads,
    file_name,
    positive_moment,
    positive_seconds,
    usage_errors,
)
from transcribe.outputs import check_output, midi_output
from transcribe.terminal import progress_of, say
from transcribe.version import __version__
from transcribe.wording import absence, clock, count

if TYPE_CHECKING:
    from transcribe.generate import Continued

SECONDS_BETWEEN_WRITES = 1.0
"""Of the file that grows, at the least."""
_ENDING = ".continued.mid"
_SHARE_OF_WRITING = 0.2
"""Of the time, at most; a long opening is written less often."""


def add_parser(subparsers: Subparsers) -> None:
    """The options of ``transcribe continue``."""
    parser = add_command(
        subparsers,
        "continue",
        run,
        description="Continue the music: write what was played in a recording or a MIDI file, "
        "followed by a continuation in its style.",
        epilog="The file grows while the music is generated, and can be opened at any time. The "
        "same seed gives the same notes; another seed gives another continuation.",
    )
    add = parser.add_argument
    add("source", metavar="SOURCE", type=file_name, help="a recording or a MIDI file")
    group = parser.add_argument_group("output")
    add_output(
        group,
        "MIDI",
        help="MIDI file to write (default: the name of the source with .continued.mid)",
    )
    add_overwrite(group)
    _add_generation(parser.add_argument_group("generation"))
    group = parser.add_argument_group("run")
    add_checkpoint(group, help="weights of the transcriber to use instead of the packaged ones")
    add_device(
        group,
        help="where to transcribe; the continuation is generated on the CPU (default: auto)",
    )
    add_threads(group)
    add_quiet(group)


def _add_generation(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add(
        "--seconds",
        metavar="SECONDS",
        type=positive_seconds,
        default=30.0,
        help="length of the continuation (default: 30)",
    )
    add(
        "--at",
        metavar="TIME",
        type=positive_moment,
        help="continue from this time, in seconds or as 1:30, and drop what was played after it "
        "(default: from the last note)",
    )
    add(
        "--temperature",
        metavar="T",
        type=float,
        default=1.0,
        help="randomness of the sampling: above 1 more surprising, below 1 more predictable "
        "(default: 1)",
    )
    add(
        "--top-p",
        metavar="P",
        type=float,
        default=1.0,
        help="nucleus sampling: draw only from the most likely events whose probabilities add up "
        "to P (default: 1, from all)",
    )
    add(
        "--tame",
        metavar="T",
        type=float,
        default=0.5,
        help="how closely it keeps to the key and the figures of what was played: 0 as the network "
        "has learnt, 1 closest (default: 0.5)",
    )
    add("--seed", metavar="N", type=int, default=0, help="random seed (default: 0)")
    add(
        "--generator",
        metavar="FILE",
        help="weights of the generator to use instead of the packaged ones",
    )


def run(options: argparse.Namespace) -> int:
    """Read or transcribe the source, continue it, write."""
    source: Path = options.source
    with usage_errors():
        output = midi_output(options.output, source, ending=_ENDING)
    if not source.exists():
        raise TranscribeError(f"{source}: {absence(source)}", kind="not_found")
    with usage_errors():
        check_output(output, [source], overwrite=options.overwrite)

    from transcribe.generate import Continuer, Sampling
    from transcribe.reading import PerformanceReader

    with usage_errors():
        sampling = Sampling(options.temperature, options.top_p, options.seed, options.tame)
    continuer = Continuer.load(options.generator)
    performance = PerformanceReader("transcribe continue", options).read(source)
    started = time.monotonic()
    growing = continuer.stream(
        performance, seconds=options.seconds, at=options.at, sampling=sampling
    )
    text = (
        f"Continued by {continuer.name} (transcribe {__version__}), seed {sampling.seed}, "
        f"temperature {sampling.temperature:g}, top-p {sampling.top_p:g}, tame {sampling.tame:g}"
    )
    try:
        last = write_growing(_with_progress(growing, options), output, text=text)
    except ValueError as error:  # nothing to go on from
        raise TranscribeError(f"{source}: {error}") from error
    if not options.quiet:
        notes = count(len(last.continuation.notes), "note")
        say(
            f"{output}: {notes} from {clock(last.start)} on, {options.seconds:g} s of music in "
            f"{time.monotonic() - started:.1f} s (seed {sampling.seed})",
            sys.stdout,
        )
    return DONE


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


def _with_progress(
    growing: Iterator[Continued], options: argparse.Namespace
) -> Iterator[Continued]:
    """The same, with a progress bar."""
    name = f"continuing {options.source.name}"
    with progress_of(name, options.seconds, quiet=options.quiet) as progress:
        for continued in growing:
            if progress is not None:
                progress(max(0.0, continued.continuation.duration - continued.start))
            yield continued
