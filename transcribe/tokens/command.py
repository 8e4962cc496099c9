"""``transcribe tokens``: recordings, MIDI files or folders into what generators read."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from transcribe.errors import TranscribeError
from transcribe.files.endings import in_words
from transcribe.options import (
    DONE,
    FAILED,
    Subparsers,
    add_checkpoint,
    add_command,
    add_device,
    add_output,
    add_overwrite,
    add_quiet,
    add_verbose,
    metre,
    tempo,
    usage_errors,
)
from transcribe.outputs import check_distinct, check_folder
from transcribe.terminal import reported, say
from transcribe.tokens.targets import TARGETS, encode
from transcribe.wording import absence, count

if TYPE_CHECKING:
    from transcribe.reading import PerformanceReader
    from transcribe.tokens.encoded import Settings
    from transcribe.tokens.sources import TokenSource

PROG = "transcribe tokens"


def add_parser(subparsers: Subparsers) -> None:
    """The options of ``transcribe tokens``."""
    width = max(map(len, TARGETS))
    names = "\n".join(f"  {target.name:{width}}  {target.reads}" for target in TARGETS.values())
    parser = add_command(
        subparsers,
        "tokens",
        run,
        description="Encode recordings, MIDI files, or folders of them for generators of music.\n"
        "Recordings are transcribed first.",
        epilog=f"names for --for:\n{names}\n\n"
        "Each source gets FOLDER/NAME/SOURCE.json, which lists the files beside it and states\n"
        "the grid and where in the recording each file starts and ends.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
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
        help="the generator to encode for; repeat the option for several",
    )
    group = parser.add_argument_group("output")
    add_output(group, "FOLDER", default=Path("tokens"), help="folder to write to (default: tokens)")
    add_overwrite(group)
    add_beats(parser.add_argument_group("beats"))
    group = parser.add_argument_group("run")
    add_checkpoint(group)
    add_device(group)
    add_quiet(group)
    add_verbose(group)


def add_beats(group: argparse._ArgumentGroup) -> None:
    """Options for what the user knows of the beats."""
    add = group.add_argument
    add(
        "--tempo",
        metavar="BPM",
        type=tempo,
        help="beats per minute, constant throughout (default: as a MIDI file states whose "
        "notes lie on its beats, otherwise estimated)",
    )
    add("--metre", metavar="N/M", type=metre, help="such as 3/4 (default: likewise)")
    add("--follow", action="store_true", help="let the beats follow the player around BPM")


def run(options: argparse.Namespace) -> int:
    """Encode one source after the other."""
    from transcribe.reading import PerformanceReader
    from transcribe.tokens.encoded import Settings
    from transcribe.tokens.sources import find_sources

    targets = list(dict.fromkeys(options.targets))
    folders = [options.output / target for target in targets]
    with usage_errors():
        settings = Settings(tempo=options.tempo, metre=options.metre, follow=options.follow)
        found = find_sources(options.sources, without=[options.output, *folders])
        check_distinct(
            (each.path, [_description(folder, each) for folder in folders])
            for each in found.sources
        )
    for target in targets:
        TARGETS[target].check_installed()
    if found.left_out:
        n_files = count(found.left_out.total(), "file")
        kinds = in_words(found.left_out)
        say(f"{PROG}: ignored {n_files}, neither recordings nor MIDI ({kinds})", sys.stderr)
    if found.n_beside_midi:
        n_files = count(found.n_beside_midi, "recording")
        say(f"{PROG}: ignored {n_files} with a MIDI file of the same name", sys.stderr)
    for folder, why in found.unreadable.items():
        say(f"{PROG}: {folder}: {why}", sys.stderr)
    reader = PerformanceReader(PROG, options)
    n_done = 0
    for source in found.sources:
        path = source.path
        with reported(PROG, str(path), about=path, verbose=options.verbose):
            _one(source, targets, settings, reader, options)
            n_done += 1
    return DONE if n_done == len(found.sources) and not found.unreadable else FAILED


def _one(
    source: TokenSource,
    targets: Sequence[str],
    settings: Settings,
    reader: PerformanceReader,
    options: argparse.Namespace,
) -> None:
    """Read one source and write what every target makes of it."""
    from transcribe.score.file_beats import beats_of

    if not source.path.exists():
        raise TranscribeError(absence(source.path), kind="not_found")
    for target in targets:
        folder = options.output / target / source.name.parent
        check_folder(folder)
        description = _description(options.output / target, source)
        if description.exists() and not options.overwrite:
            raise TranscribeError(f"{description} already exists; use --overwrite to replace it")
    performance = reader.read(source.path)
    settings = replace(settings, own=beats_of(source.path))
    about: dict[str, Any] = {"file": source.path.name}
    if reader.transcriber is not None and not source.is_midi:
        about["transcribed_by"] = reader.transcriber.name
    for target in targets:
        encoded = encode(target, performance, settings)
        folder = options.output / target / source.name.parent
        folder.mkdir(parents=True, exist_ok=True)
        found = {**about, **_path_from(folder, source.path)}
        written = encoded.write(folder, source.name.name, source=found)
        for remark in encoded.remarks:
            say(f"{PROG}: {source.path}: {target}: {remark}", sys.stderr)
        if not options.quiet:
            say(
                f"{written[0]}: {count(len(encoded.items), 'item')}{_grid(encoded.about)}",
                sys.stdout,
            )


def _description(folder: Path, source: TokenSource) -> Path:
    """The file that lists what is made of a source."""
    return folder / source.name.parent / f"{source.name.name}.json"


def _path_from(folder: Path, path: Path) -> dict[str, str]:
    """Where a description finds its source, for `transcribe place`; not across drives."""
    try:
        relative = os.path.relpath(path.resolve(), folder.resolve())
    except ValueError:
        return {}
    return {"path": Path(relative).as_posix()}


def _grid(about: Any) -> str:
    grid = about.get("grid", {})
    if "tempo_is" not in grid:
        return ""
    return (
        f", {grid['tempo']:.0f} beats per minute ({grid['tempo_is']}), "
        f"{grid['metre']} ({grid['metre_is']})"
    )
