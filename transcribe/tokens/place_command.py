"""``transcribe place``: what a generator wrote, put back onto the recording it was primed with."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from transcribe.errors import MidiError, OutputError, TranscribeError
from transcribe.files.names import output_stem
from transcribe.notes import Performance
from transcribe.options import (
    DONE,
    Subparsers,
    UsageError,
    add_checkpoint,
    add_command,
    add_device,
    add_output,
    add_overwrite,
    add_quiet,
    add_verbose,
    seconds,
    usage_errors,
)
from transcribe.terminal import say
from transcribe.tokens.command import add_beats
from transcribe.wording import clock, count

if TYPE_CHECKING:
    from transcribe.tokens.encoded import Settings
    from transcribe.tokens.placing import Anchor

PROG = "transcribe place"
_ENDING = ".placed.mid"


def add_parser(subparsers: Subparsers) -> None:
    """The options of ``transcribe place``."""
    parser = add_command(
        subparsers,
        "place",
        run,
        description="Put what a music generator wrote back onto a recording: its beats on the "
        "recording's beats, from where the generator's primer was taken.",
        epilog="Beyond the recording's end the beats go on at its last pace. Each voice of "
        "GENERATED keeps a track of its own.",
    )
    add = parser.add_argument
    add("generated", metavar="GENERATED", type=Path, help="the MIDI file that a generator wrote")
    add(
        "--onto",
        metavar="SOURCE",
        type=Path,
        required=True,
        help="the file that the generator was given, as transcribe tokens wrote it, or its "
        "NAME.json; or any recording or MIDI file",
    )
    add("--item", metavar="ITEM", help="which item of NAME.json, such as phrase-001")
    add(
        "--at",
        metavar="SECONDS",
        type=seconds,
        help="begin on the bar line nearest to this time of the recording (default: where the "
        "item begins; without an item, the first bar line)",
    )
    add(
        "--merge",
        action="store_true",
        help="also write the recording's own notes; keys that the pianist holds are not struck "
        "again",
    )
    add(
        "--recording",
        metavar="FILE",
        type=Path,
        help="the recording or MIDI file of an item (default: where NAME.json says it is)",
    )
    add(
        "--velocities",
        choices=("keep", "player"),
        default="keep",
        help="how loud: keep, as the generator says; player, as the pianist plays near each note "
        "(default: keep)",
    )
    add(
        "--without-primer",
        action="store_true",
        help="leave out what lies before the item's end: the primer, where the generator "
        "repeats it",
    )
    group = parser.add_argument_group("output")
    add_output(
        group,
        "MIDI",
        help="MIDI file to write (default: the name of GENERATED with .placed.mid)",
    )
    add_overwrite(group)
    add_beats(parser.add_argument_group("beats, where SOURCE is no item"))
    group = parser.add_argument_group("run")
    add_checkpoint(group, help="weights of the transcriber to use instead of the packaged ones")
    add_device(group)
    add_quiet(group)
    add_verbose(group)


def run(options: argparse.Namespace) -> int:
    """Find the anchor, place, write."""
    from transcribe.files.atomic import write_atomically
    from transcribe.tokens.encoded import Settings
    from transcribe.tokens.placing import Anchor, place

    generated: Path = options.generated
    output = _output(options)
    try:
        content = generated.read_bytes()
    except OSError as error:
        raise MidiError(f"{generated}: can't be read: {error.strerror}") from error
    with usage_errors():
        settings = Settings(tempo=options.tempo, metre=options.metre, follow=options.follow)
    anchor, played = _anchor(options, settings)
    if options.at is not None:
        if anchor.grid is None:
            anchor = Anchor(options.at, stop=anchor.stop, source=anchor.source)
        else:
            anchor = Anchor.at(anchor.grid, options.at)
    if played is None and (options.merge or options.velocities == "player"):
        played = _recording(anchor.source, options)
    try:
        placed = place(
            content,
            anchor,
            player=played if options.velocities == "player" else None,
            without_primer=options.without_primer,
        )
    except ValueError as error:
        raise MidiError(f"{generated}: {error}") from error
    for remark in placed.remarks:
        say(f"{PROG}: {generated}: warning: {remark}", sys.stderr)
    if not placed.n_notes:
        raise MidiError(f"{generated}: expected notes to place, found none")
    text = f"{generated.name} placed onto {options.onto.name}"
    midi = placed.midi(recording=played if options.merge else None, text=text)
    try:
        write_atomically(output, midi)
    except OSError as error:
        raise OutputError(f"{output}: can't be written: {error.strerror}") from error
    if not options.quiet:
        onsets = [voice.performance.notes[0].onset for voice in placed.voices]
        ends = [voice.performance.duration for voice in placed.voices]
        say(
            f"{output}: {count(placed.n_notes, 'note')} from {clock(min(onsets))} to "
            f"{clock(max(ends))} of the recording",
            sys.stdout,
        )
    return DONE


def _output(options: argparse.Namespace) -> Path:
    from transcribe.files.endings import MIDI_SUFFIXES

    generated: Path = options.generated
    stem = output_stem(generated.name, room=len(_ENDING))
    output: Path = options.output or generated.with_name(stem + _ENDING)
    if output.suffix.lower() not in MIDI_SUFFIXES:
        raise UsageError(f"-o expects a file name that ends in .mid; found {output}")
    for path in (generated, options.onto):
        if not path.exists():
            raise TranscribeError(f"{path}: no such file")
        if output.exists() and path.samefile(output):
            raise UsageError(f"-o {output}: {path} would be overwritten")
    if output.exists() and not options.overwrite:
        raise OutputError(f"{output} already exists; use --overwrite to replace it")
    if not output.parent.is_dir():
        raise OutputError(f"{output.parent}: no such folder")
    return output


def _anchor(options: argparse.Namespace, settings: Settings) -> tuple[Anchor, Performance | None]:
    """Where GENERATED begins; and the recording, where it had to be read for that."""
    from transcribe.tokens.placing import Anchor, described_by

    onto: Path = options.onto
    if onto.suffix == ".json" or options.item is not None or described_by(onto) is not None:
        try:
            return Anchor.of_item(onto, options.item), None
        except ValueError as error:
            raise TranscribeError(str(error)) from error
    if options.recording is not None:
        raise UsageError("--recording is for an item that transcribe tokens wrote; --onto is none")
    played = _recording(onto, options)
    return Anchor.at(settings.grid_of(played), options.at), played


def _recording(path: Path | None, options: argparse.Namespace) -> Performance:
    """What was played, heard or read."""
    from transcribe.reading import PerformanceReader

    path = options.recording or path
    if path is None or not path.exists():
        found = "says nowhere" if path is None else f"names {path}, which is not there"
        raise TranscribeError(
            f"{options.onto}: expected the recording that the item is of, but its description "
            f"{found}; name it with --recording"
        )
    return PerformanceReader(PROG, options).read(path)
