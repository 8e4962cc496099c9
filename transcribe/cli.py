"""The command line: arguments in, exit code out.

``transcribe song.mp3`` transcribes; a first word from `COMMANDS` does something else.
Exit codes: 0 all done; 1 some recordings failed, the others are written; 2 wrong usage;
130 interrupted. Results go to stdout; failures, warnings and progress to stderr.

Nothing heavy is imported before the arguments are understood, so that ``--help`` is
instant, and nothing slow is done before the outputs are known to be writable.
"""

from __future__ import annotations

import argparse
import logging
import shutil
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from transcribe import __version__
from transcribe.commands import COMMANDS
from transcribe.errors import TranscribeError
from transcribe.options import add_listening, add_outputs, whole_number
from transcribe.outputs import MIDI_SUFFIXES, Job, checked, plan
from transcribe.terminal import let_go, progress_of, say, standard_streams
from transcribe.wording import clock, count, one_line, reason

if TYPE_CHECKING:
    from transcribe.transcriber import Transcriber

ALL_DONE, SOME_FAILED, INTERRUPTED = 0, 1, 130
STREAM, STANDARD_INPUT = "-", "standard input"
"""How standard input and output are written among the arguments, and what the first is called."""

# What a recording may fail with while the others go on: a bad file, a full disk, no
# memory; torch says RuntimeError for the last, and a bug may say any of the second line.
_FAILURES = (TranscribeError, OSError, MemoryError)
_UNEXPECTED = (RuntimeError, ValueError, TypeError, ArithmeticError, LookupError)

_DESCRIPTION = """\
Turn piano recordings into MIDI files: notes with key releases and velocities, and
the sustain pedal. Reads wav, flac, mp3, ogg, opus, m4a, aiff, wma and the sound of
videos."""
_EPILOG = """\
commands, which come first (transcribe COMMAND --help tells more):
  archive SOURCE        thousands of recordings, unattended, in a folder of their own
  continue SOURCE       let the music of a recording or a MIDI file go on
  corpus SOURCE         make a training set of a folder of transcriptions
  evaluate REF EST      compare MIDI files, or folders of them, note by note
  render MIDI           turn MIDI into sound with a sampled piano
  serve                 open a page in the browser that does all this
  tokens SOURCE         turn recordings or MIDI into what generators of music read
  train                 train a network; takes Hydra overrides

A recording that is named like a command is written ./train.

examples:
  transcribe song.mp3                      writes song.mid beside it
  transcribe a.wav b.m4a -o out/           writes out/a.mid and out/b.mid
  transcribe song.mp3 -o take1.mid --csv   writes take1.mid and take1.csv
  transcribe - < song.mp3 > song.mid       from standard input to standard output

exit codes: 0 all done, 1 some recordings failed (the others are written), 2 wrong
usage, 130 interrupted."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the arguments say (``sys.argv`` if left out) and return the exit code.

    Wrong usage raises SystemExit(2), as argparse does.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    with standard_streams():
        try:
            return _run(words)
        except KeyboardInterrupt:
            say("transcribe: interrupted; nothing half-written is left", sys.stderr)
            return INTERRUPTED
        except BrokenPipeError:  # whoever read the results has enough
            let_go(sys.stdout)
            return SOME_FAILED
        except _FAILURES as error:
            if "--verbose" in words:
                traceback.print_exc()
            say(f"transcribe: {reason(error)}", sys.stderr)
            return SOME_FAILED


def _run(words: Sequence[str]) -> int:
    """The command that the first word names, or else transcribing."""
    if words and words[0] in COMMANDS:
        if Path(words[0]).is_file():
            _parser().error(
                f"{words[0]!r} is a command and also a file here; write ./{words[0]} to "
                "transcribe the file, or give the command in another folder"
            )
        return COMMANDS[words[0]](words[1:])
    return _transcribe(words)


def _transcribe(words: Sequence[str]) -> int:
    """The default command: plan all outputs, then hear one recording after the other."""
    parser = _parser()
    options = _parse(parser, words)
    if options.verbose:
        logging.basicConfig(level=logging.INFO, format="%(name)s: %(message)s")
    with _standard_files(options, parser):
        return _transcribe_all(options, parser)


def _transcribe_all(options: argparse.Namespace, parser: argparse.ArgumentParser) -> int:
    try:
        jobs = plan(options.recordings, options.output, csv=options.csv, json=options.json)
    except ValueError as error:
        parser.error(one_line(str(error)))
    ready: list[Job] = []
    for job in jobs:
        with _reported(job.recording, options.verbose):
            ready.append(checked(job, overwrite=options.overwrite))
    n_done = 0
    if ready:
        transcriber = _load(options, parser)
        for job in ready:
            with _reported(job.recording, options.verbose):
                _transcribe_one(job, transcriber, options)
                n_done += 1
    return ALL_DONE if n_done == len(jobs) else SOME_FAILED


@contextmanager
def _standard_files(options: argparse.Namespace, parser: argparse.ArgumentParser) -> Iterator[None]:
    """Have standard input and output, which ``-`` names, stand as files while all is done.

    A recording is read in more than one place, so that a pipe does not do; and what goes out is
    whole or nothing.
    """
    reads = STREAM in options.recordings
    writes = options.output == STREAM or (reads and options.output is None)
    if reads and options.recordings.count(STREAM) > 1:
        parser.error("standard input (-) holds one recording")
    if writes and len(options.recordings) > 1:
        parser.error("standard output (-) takes the MIDI file of one recording; give a folder, -o")
    if writes and (options.csv or options.json):
        parser.error("standard output (-) takes the MIDI file alone; name a file with -o")
    if reads and not writes and Path(options.output).suffix.lower() not in MIDI_SUFFIXES:
        parser.error(
            "a recording from standard input has no name; name its MIDI file, such as -o take.mid"
        )
    for used, stream, how in (
        (reads, sys.stdin, "pipe a recording in"),
        (writes, sys.stdout, "a MIDI file is no text: redirect it, or name a file with -o"),
    ):
        if used and stream.isatty():
            parser.error(f"- is a terminal here; {how}")
    options.notices = sys.stderr if writes else sys.stdout
    if not (reads or writes):
        yield
        return
    with tempfile.TemporaryDirectory(prefix="transcribe-") as folder:
        if reads:
            recording = Path(folder) / STANDARD_INPUT
            with recording.open("wb") as file:
                shutil.copyfileobj(sys.stdin.buffer, file)
            options.recordings[options.recordings.index(STREAM)] = str(recording)
        midi = Path(folder) / "out" / "transcription.mid"
        if writes:
            options.output = str(midi)
        yield
        if writes and midi.exists():
            sys.stdout.buffer.write(midi.read_bytes())
            sys.stdout.buffer.flush()


def _shown(recording: Path) -> str:
    """What a recording is called."""
    return STANDARD_INPUT if recording.name == STANDARD_INPUT else str(recording)


def _load(options: argparse.Namespace, parser: argparse.ArgumentParser) -> Transcriber:
    """The transcriber that the options describe; wrong usage if there is no such device."""
    import torch

    from transcribe.transcriber import Transcriber, find_device

    if options.threads:
        torch.set_num_threads(options.threads)
    try:
        device = find_device(options.device)
    except ValueError as error:
        parser.error(str(error))
    transcriber = Transcriber.load(options.checkpoint, device=str(device), a4=options.a4)
    chosen = {
        "onset_threshold": options.onset_threshold,
        "frame_threshold": options.frame_threshold,
        "minimum_duration": options.minimum_note,
        "offsets": options.offsets,
    }
    chosen = {name: value for name, value in chosen.items() if value is not None}
    transcriber.decode = replace(transcriber.decode, **chosen)
    return transcriber


def _transcribe_one(job: Job, transcriber: Transcriber, options: argparse.Namespace) -> None:
    """Hear one recording, write its files, say so."""
    from transcribe.export import CSV, JSON, MIDI
    from transcribe.files.atomic import write_atomically
    from transcribe.formats import content

    started = time.monotonic()
    with progress_of(job.recording.name, job.duration, quiet=options.quiet) as progress:
        heard = transcriber.transcribe(job.recording, progress=progress)
    for kind, path in ((MIDI, job.midi), (CSV, job.csv), (JSON, job.json)):
        if path is not None:
            data = content(
                kind,
                heard.performance,
                recording=job.recording.name,
                model=transcriber.name,
                duration=heard.duration,
                offsets=options.offsets,
                warnings=heard.warnings,
            )
            write_atomically(path, data)
    for warning in heard.warnings:
        say(f"transcribe: {_shown(job.recording)}: warning: {warning}", sys.stderr)
    if not options.quiet:
        to_stream = options.notices is sys.stderr
        names = "standard output" if to_stream else ", ".join(map(str, job.outputs))
        n_presses = 0 if options.offsets == "sustained" else len(heard.performance.pedal)
        say(
            f"{names}: {count(len(heard.performance.notes), 'note')}, "
            f"{count(n_presses, 'pedal press', 'pedal presses')}, "
            f"{clock(heard.duration)} of music in {time.monotonic() - started:.1f} s",
            options.notices,
        )


@contextmanager
def _reported(recording: Path, verbose: bool) -> Iterator[None]:
    """Tell in one line what one recording failed with, so that the others can go on."""
    try:
        yield
    except _FAILURES as error:
        if verbose:
            traceback.print_exc()
        say(f"transcribe: {_shown(recording)}: {reason(error, about=recording)}", sys.stderr)
    except _UNEXPECTED as error:
        if verbose:
            traceback.print_exc()
        say(
            f"transcribe: {_shown(recording)}: unexpected {type(error).__name__}: {error} "
            "(--verbose shows where)",
            sys.stderr,
        )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="transcribe",
        usage="transcribe [options] RECORDING [RECORDING ...]",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add(
        "recordings",
        metavar="RECORDING",
        nargs="*",
        help="a sound or video file; - for standard input",
    )
    add("--version", action="version", version=f"transcribe {__version__}")

    add = parser.add_argument_group("what is written").add_argument
    add(
        "-o",
        "--output",
        metavar="PATH",
        help="a folder (made if need be), or for one recording a name that ends in .mid, "
        "or - for standard output; without it, the MIDI file goes beside the recording",
    )
    add_outputs(add)
    add("--overwrite", action="store_true", help="replace outputs that exist")

    add_listening(parser)

    add = parser.add_argument_group("how it runs").add_argument
    add(
        "--device",
        choices=("auto", "cpu", "cuda", "mps"),
        default="auto",
        help="where to compute; auto (default) takes a GPU if there is one",
    )
    add("--threads", metavar="N", type=whole_number, help="CPU threads to use")
    add("--quiet", action="store_true", help="print warnings and failures only")
    add("--verbose", action="store_true", help="print details, and where failures come from")
    return parser


def _parse(parser: argparse.ArgumentParser, words: Sequence[str]) -> argparse.Namespace:
    """Options and recordings in any order; after ``--`` all are recordings."""
    words = list(words)
    stop = words.index("--") if "--" in words else len(words)
    options = parser.parse_intermixed_args(words[:stop])
    options.recordings += words[stop + 1 :]
    if not options.recordings:
        parser.error("name one recording or more (transcribe --help tells how)")
    if "" in options.recordings:
        parser.error("a recording's name may not be empty")
    return options
