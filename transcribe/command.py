"""``transcribe RECORDING ...``: recordings in, MIDI files out."""

from __future__ import annotations

import argparse
import logging
import math
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from transcribe.excerpt import Excerpt
from transcribe.options import (
    DONE,
    FAILED,
    NO_ADDRESSES,
    Subparsers,
    UsageError,
    add_command,
    add_device,
    add_formats,
    add_output,
    add_overwrite,
    add_quiet,
    add_threads,
    add_transcription,
    add_verbose,
    is_address,
    moment,
    usage_errors,
)
from transcribe.outputs import WRITTEN_MIDI_SUFFIXES, RecordingPlan, checked, plan
from transcribe.terminal import progress_of, reported, say
from transcribe.wording import clock, count

if TYPE_CHECKING:
    from transcribe.music.tempo_map import TempoMap
    from transcribe.notes import Performance
    from transcribe.transcriber import Transcriber

NAME = "recordings"
"""Of the parser; nobody types it."""
STREAM, STANDARD_INPUT = "-", "standard input"
"""How standard input and output are written among the arguments, and what the first is called."""
EXAMPLES = """\
examples:
  transcribe song.mp3                      writes song.mid beside it
  transcribe a.wav b.m4a -o out/           writes out/a.mid and out/b.mid
  transcribe song.mp3 -o take1.mid --csv   writes take1.mid and take1.csv
  transcribe song.mp3 --from 1:30 --to 2:45    only this part
  transcribe - < song.mp3 > song.mid       from standard input to standard output"""


def add_parser(subparsers: Subparsers, *, epilog: str) -> None:
    """The options of transcribing."""
    parser = add_command(
        subparsers,
        NAME,
        run,
        prog="transcribe",
        usage="transcribe [options] RECORDING [RECORDING ...]\n"
        "       transcribe COMMAND [options] ...",
        description="Transcribe piano recordings to MIDI files: notes with key releases and\n"
        "velocities, and the sustain pedal. Reads wav, flac, mp3, ogg, opus, m4a, aiff, wma\n"
        "and the audio track of videos.",
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "recordings",
        metavar="RECORDING",
        nargs="*",
        help="an audio or video file, or - for standard input",
    )
    group = parser.add_argument_group("output")
    add_output(
        group,
        "PATH",
        type=str,
        help="a folder (created if missing), or for one recording a file name ending in .mid, "
        "or - for standard output (default: next to each recording)",
    )
    add_formats(group)
    add_overwrite(group)
    add_transcription(parser)
    group = parser.add_argument_group("a part of the recording")
    group.add_argument(
        "--from",
        dest="start",
        metavar="TIME",
        type=moment,
        default=0.0,
        help="leave out what is struck before, in seconds or as 1:30; times in the files stay "
        "those of the recording",
    )
    group.add_argument(
        "--to",
        dest="stop",
        metavar="TIME",
        type=moment,
        default=math.inf,
        help="end here, in seconds or as 2:45",
    )
    group = parser.add_argument_group("beats")
    group.add_argument(
        "--beats",
        action="store_true",
        help="write the beats and bars that are found into the MIDI file as tempos and time "
        "signatures, so that a sequencer's grid fits; no note moves",
    )
    group.add_argument(
        "--quantise",
        metavar="STRENGTH",
        type=_strength,
        default=0.0,
        help="also draw notes to their places in the bar, above 0 (a little) to 1 (fully)",
    )
    group = parser.add_argument_group("run")
    add_device(group)
    add_threads(group)
    add_quiet(group)
    add_verbose(group)


def run(options: argparse.Namespace) -> int:
    """Plan all outputs, then transcribe one recording after the other."""
    if not options.recordings:
        raise UsageError("name at least one recording (transcribe --help shows how)")
    if "" in options.recordings:
        raise UsageError("the name of a recording is empty")
    for name in filter(is_address, options.recordings):
        raise UsageError(f"{name}: {NO_ADDRESSES}")
    with usage_errors():
        options.excerpt = Excerpt(options.start, options.stop)
    if options.verbose:
        logging.basicConfig(level=logging.INFO, format="%(name)s: %(message)s")
    with _standard_files(options):
        with usage_errors():
            jobs = plan(options.recordings, options.output, csv=options.csv, json=options.json)
        ready: list[RecordingPlan] = []
        for job in jobs:
            with _reported(job, options):
                ready.append(checked(job, overwrite=options.overwrite))
        n_done = 0
        if ready:
            transcriber = _load(options)
            for job in ready:
                with _reported(job, options):
                    _transcribe_one(job, transcriber, options)
                    n_done += 1
        return DONE if n_done == len(jobs) else FAILED


@contextmanager
def _standard_files(options: argparse.Namespace) -> Iterator[None]:
    """Replace standard input and output, written ``-``, by temporary files.

    A recording is read more than once, which a pipe does not allow; and standard output gets
    the whole MIDI file or nothing.
    """
    reads = STREAM in options.recordings
    writes = options.output == STREAM or (reads and options.output is None)
    if reads and options.recordings.count(STREAM) > 1:
        raise UsageError("standard input (-) holds one recording")
    if writes and len(options.recordings) > 1:
        raise UsageError(
            "standard output (-) takes the MIDI file of one recording; give a folder, -o"
        )
    if writes and (options.csv or options.json):
        raise UsageError("standard output (-) takes the MIDI file alone; name a file with -o")
    if reads and not writes and Path(options.output).suffix.lower() not in WRITTEN_MIDI_SUFFIXES:
        raise UsageError(
            "a recording from standard input has no name; name its MIDI file, such as -o take.mid"
        )
    for used, stream, how in (
        (reads, sys.stdin, "pipe a recording in"),
        (writes, sys.stdout, "a MIDI file is no text: redirect it, or name a file with -o"),
    ):
        if used and stream.isatty():
            raise UsageError(f"- is a terminal here; {how}")
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


def _load(options: argparse.Namespace) -> Transcriber:
    """The transcriber that the options describe."""
    from transcribe.model.device import find_device
    from transcribe.transcriber import Transcriber

    with usage_errors():
        device = find_device(options.device)
    transcriber = Transcriber.load(
        options.checkpoint, device=device, a4=options.a4, threads=options.threads
    )
    chosen = {
        "onset_threshold": options.onset_threshold,
        "frame_threshold": options.frame_threshold,
        "minimum_duration": options.minimum_note,
        "offsets": options.offsets,
    }
    chosen = {name: value for name, value in chosen.items() if value is not None}
    transcriber.decode = replace(transcriber.decode, **chosen)
    return transcriber


def _transcribe_one(
    job: RecordingPlan, transcriber: Transcriber, options: argparse.Namespace
) -> None:
    """Transcribe one recording, write its files and print a line."""
    from transcribe.export import CSV, JSON, MIDI, export_bytes
    from transcribe.files.atomic import write_atomically

    started = time.monotonic()
    end = min(job.duration or math.inf, options.excerpt.stop)
    known = None if end == math.inf else end
    with progress_of(job.recording.name, known, quiet=options.quiet) as progress:
        transcription = transcriber.transcribe(
            job.recording, progress=progress, excerpt=options.excerpt
        )
    performance, beats = _with_beats(transcription.performance, job.recording, options)
    for kind, path in ((MIDI, job.midi), (CSV, job.csv), (JSON, job.json)):
        if path is not None:
            data = export_bytes(
                performance,
                kind,
                recording=job.recording.name,
                model=transcriber.name,
                duration=transcription.duration,
                excerpt=options.excerpt,
                offsets=options.offsets,
                warnings=transcription.warnings,
                beats=beats,
            )
            write_atomically(path, data)
    for warning in transcription.warnings:
        say(f"transcribe: {_shown(job.recording)}: warning: {warning}", sys.stderr)
    if not options.quiet:
        to_stream = options.notices is sys.stderr
        names = "standard output" if to_stream else ", ".join(map(str, job.outputs))
        n_presses = 0 if options.offsets == "sustained" else len(transcription.performance.pedal)
        say(
            f"{names}: {count(len(transcription.performance.notes), 'note')}, "
            f"{count(n_presses, 'pedal press', 'pedal presses')}, "
            f"{clock(transcription.duration)} of music in {time.monotonic() - started:.1f} s",
            options.notices,
        )


def _with_beats(
    performance: Performance, recording: Path, options: argparse.Namespace
) -> tuple[Performance, TempoMap | None]:
    """The notes as they are to be written, and the beats if they are wanted."""
    if not performance.notes or not (options.beats or options.quantise):
        return performance, None
    from transcribe.score.analysis import analyse
    from transcribe.score.midi_beats import beats_for_midi, quantised
    from transcribe.score.score import Hints
    from transcribe.score.titles import title_of, with_title

    score = analyse(performance, with_title(Hints(), title_of(recording)))
    if options.quantise:
        performance = quantised(performance, score, options.quantise)
    return performance, beats_for_midi(score)


def _strength(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= 1:
        raise argparse.ArgumentTypeError(f"expected a number above 0, at most 1; found {text!r}")
    return value


def _reported(job: RecordingPlan, options: argparse.Namespace) -> AbstractContextManager[None]:
    return reported(
        "transcribe", _shown(job.recording), about=job.recording, verbose=options.verbose
    )
