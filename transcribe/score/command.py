"""``transcribe score``: a recording or MIDI file into sheet music."""

from __future__ import annotations

import argparse
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from transcribe.errors import OutputError, TranscribeError
from transcribe.files.atomic import write_atomically
from transcribe.files.beginnings import holds_midi
from transcribe.files.names import LONGEST_NAME, output_stem, shortened
from transcribe.options import (
    DONE,
    FAILED,
    Subparsers,
    UsageError,
    add_checkpoint,
    add_command,
    add_device,
    add_output,
    add_overwrite,
    add_quiet,
    add_verbose,
    file_name,
    metre,
    moment,
    tempo,
    usage_errors,
)
from transcribe.outputs import check_distinct, check_output
from transcribe.terminal import reported, say
from transcribe.wording import absence, count, reason

if TYPE_CHECKING:
    from collections.abc import Collection
    from contextlib import AbstractContextManager

    from transcribe.music.key import Key
    from transcribe.reading import PerformanceReader
    from transcribe.score.score import Hints, Score

PROG = "transcribe score"
SUFFIX = ".musicxml"
_XML_SUFFIXES = (SUFFIX, ".xml")
_JSON_ENDING = ".score.json"
_MOST_PAGES = 9999
"""For which a name leaves room."""
_FEWEST_NOTES = 2


def add_parser(subparsers: Subparsers) -> None:
    """The options of ``transcribe score``."""
    parser = add_command(
        subparsers,
        "score",
        run,
        description="Write sheet music of piano recordings or MIDI files: MusicXML, which\n"
        "notation programs open, and engraved pages. Recordings are transcribed first.",
        epilog="examples:\n"
        "  transcribe score song.mp3                      writes song.musicxml beside it\n"
        "  transcribe score song.mid --pdf --metre 3/4    also song.pdf, in 3/4\n"
        "  transcribe score a.mp3 b.mid -o scores/ --pdf  two scores and their pages\n"
        "  transcribe score song.mid --tempo 60 --downbeat 2.4 --key Eb",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "sources", metavar="SOURCE", nargs="+", type=file_name, help="a recording or a MIDI file"
    )
    group = parser.add_argument_group("output")
    add_output(
        group,
        "PATH",
        help="a folder (created if missing), or for one SOURCE a file name ending in .musicxml "
        "(default: next to SOURCE)",
    )
    add = group.add_argument
    add("--pdf", action="store_true", help="also write the engraved pages as PDF")
    add("--svg", action="store_true", help="also write the engraved pages as NAME-1.svg, ...")
    add(
        "--json",
        action="store_true",
        help="also write beats, bars and every note's place, hand and voice as NAME.score.json",
    )
    add("--paper", choices=("a4", "letter"), default="a4", help="size of the pages (default: a4)")
    add("--pedal", action="store_true", help="write the presses of the sustain pedal")
    add(
        "--title",
        metavar="TEXT",
        help="title, whose key or dance is used (default: the recording's, from its tags)",
    )
    add("--composer", metavar="TEXT", help="composer (default: from the recording's tags)")
    add_overwrite(group)
    add = parser.add_argument_group("music").add_argument
    add(
        "--tempo",
        metavar="BPM",
        type=tempo,
        help="beats per minute, roughly; says which pulse is the beat (default: found)",
    )
    add("--metre", metavar="N/M", type=metre, help="such as 3/4 (default: found)")
    add("--key", metavar="KEY", type=_key, help="such as Eb, F#m or 'c minor' (default: found)")
    add(
        "--downbeat",
        metavar="TIME",
        type=moment,
        help="where in the recording a bar starts, in seconds or as 1:30 (default: found)",
    )
    add(
        "--swing",
        action=argparse.BooleanOptionalAction,
        help="whether eighths that are played long and short are written as even ones, with "
        "'Swing' at the head (default: found)",
    )
    group = parser.add_argument_group("run")
    add_checkpoint(group)
    add_device(group)
    add_quiet(group)
    add_verbose(group)


def run(options: argparse.Namespace) -> int:
    """Read or transcribe the sources, and write their scores."""
    from transcribe.reading import PerformanceReader

    sources = options.sources
    _check_wishes(options)
    targets = [_target(source, options) for source in sources]
    with usage_errors():
        check_distinct(
            (source, _wanted(target, options))
            for source, target in zip(sources, targets, strict=True)
        )
    ready = []
    for source, target in zip(sources, targets, strict=True):
        with _reported(source, options):
            _check_ready(source, target, options)
            ready.append((source, target))
    reader = PerformanceReader(PROG, options)
    n_done = 0
    for source, target in ready:
        with _reported(source, options):
            _one(source, target, reader, options)
            n_done += 1
    return DONE if n_done == len(sources) else FAILED


def _check_wishes(options: argparse.Namespace) -> None:
    """That what is wished for makes sense."""
    if options.swing and options.metre is not None and options.metre.quarters_per_beat != 1:
        raise UsageError(
            "argument --swing: expected a metre in quarters, such as 4/4, whose eighths are "
            f"swung; found --metre {options.metre}"
        )
    n_sources = len(options.sources)
    for name in ("title", "downbeat"):
        if n_sources > 1 and getattr(options, name) is not None:
            raise UsageError(
                f"argument --{name}: expected one SOURCE, which it is said of; found {n_sources}"
            )


def _reported(source: Path, options: argparse.Namespace) -> AbstractContextManager[None]:
    return reported(PROG, str(source), about=source, verbose=options.verbose)


def _one(
    source: Path, target: Path, reader: PerformanceReader, options: argparse.Namespace
) -> None:
    score = _score(source, reader, options)
    made = _files(score, target, options)
    stale = _further_pages(target, made) if options.svg else []
    for path in (*made, *stale):
        check_output(path, overwrite=options.overwrite)
    for path, content in made.items():
        write_atomically(path, content)
    for path in stale:
        path.unlink(missing_ok=True)
    for doubt in score.doubts:
        say(f"{PROG}: {source}: uncertain: {doubt}", sys.stderr)
    if not options.quiet:
        say(f"{_names(list(made))}: {_summary(score)}", sys.stdout)


def _check_ready(source: Path, target: Path, options: argparse.Namespace) -> None:
    """Say what can be known to hinder the work before any is done."""
    if options.pdf or options.svg:
        _check_engraver(options)
    if not source.exists():
        raise TranscribeError(absence(source), kind="not_found")
    _make_folder(target.parent)
    for path in _wanted(target, options):
        check_output(path, overwrite=options.overwrite)


def _score(source: Path, reader: PerformanceReader, options: argparse.Namespace) -> Score:
    """The source's score, with its title and composer."""
    from transcribe.score.making import make_score
    from transcribe.score.titles import with_title

    performance = reader.read(source)
    if len(performance.notes) < _FEWEST_NOTES:
        found = "one note" if performance.notes else "no notes"
        raise TranscribeError(
            f"expected music of {_FEWEST_NOTES} notes or more, found {found}; there is nothing "
            "to write a score of",
            kind="no_notes",
        )
    last = performance.notes[-1].onset
    if options.downbeat is not None and options.downbeat > last:
        raise UsageError(
            f"argument --downbeat: expected seconds at which a bar starts, the last note's "
            f"({last:.1f}) at most; found {options.downbeat:g}"
        )
    title, composer = _tags(source, options)
    score = make_score(performance, with_title(_hints(source, options), title))
    return replace(score, title=title, composer=composer)


def _hints(source: Path, options: argparse.Namespace) -> Hints:
    """What the person knows; without a word on beats, those of a MIDI file that it states."""
    from transcribe.score.file_beats import beats_of
    from transcribe.score.score import Hints
    from transcribe.score.swing import can_swing

    told = (options.tempo, options.metre, options.downbeat)
    own = beats_of(source) if all(each is None for each in told) else None
    if own is not None and not (options.swing and own.metres and not can_swing(own.metres)):
        return replace(own, key=options.key, swing=options.swing)
    return Hints(
        tempo=options.tempo,
        metre=options.metre,
        key=options.key,
        downbeat=options.downbeat,
        swing=options.swing,
    )


def _files(score: Score, target: Path, options: argparse.Namespace) -> dict[Path, bytes | str]:
    """The content of every file to write."""
    from transcribe.score.making import pages, sheet_bytes

    xml = sheet_bytes(score, with_pedal=options.pedal)
    made: dict[Path, bytes | str] = {target: xml}
    if options.json:
        made[_beside(target, _JSON_ENDING)] = score.to_json()
    if not (options.pdf or options.svg):
        return made
    engraved = pages(score, xml, paper=options.paper)
    if options.svg:
        for number, page in enumerate(engraved, 1):
            made[_beside(target, _page_ending(number))] = page
    if options.pdf:
        from transcribe.score.engraving import pdf

        made[_beside(target, ".pdf")] = pdf(engraved, paper=options.paper)
    return made


def _names(written: list[Path]) -> str:
    if len(written) > 4:
        return f"{written[0]} and {len(written) - 1} more files"
    return ", ".join(map(str, written))


def _summary(score: Score) -> str:
    from transcribe.score.marks import told_tempo

    n_bars = max(note.bar for note in score.notes)
    tempo = told_tempo(score)
    pace = f"{tempo:.0f}" if tempo >= 1 else f"{tempo:.2g}"
    swung = "" if score.swing is None else ", swung"
    return (
        f"{count(n_bars, 'bar')} of {score.metre(1)} in {score.key(1)}, {pace} beats per minute"
        f"{swung}"
    )


def _target(source: Path, options: argparse.Namespace) -> Path:
    """The MusicXML file to write; the others are beside it."""
    room = max(map(len, (SUFFIX, _JSON_ENDING, _page_ending(_MOST_PAGES))))
    name = f"{output_stem(source.name, room=room)}{SUFFIX}"
    output = options.output
    if output is None:
        return source.with_name(name)
    if output.suffix.lower() in _XML_SUFFIXES and not output.is_dir():
        if len(options.sources) > 1:
            raise UsageError(
                f"-o {output}: {len(options.sources)} sources need a folder, found a file's name"
            )
        return Path(output)
    if output.suffix and not output.is_dir():
        raise UsageError(
            f"expected a folder or a file name ending in {SUFFIX}; found {str(output)!r}"
        )
    return Path(output / name)


def _beside(target: Path, ending: str) -> Path:
    stem = target.name[: len(target.name) - len(target.suffix)]
    return target.with_name(shortened(stem, LONGEST_NAME - len(ending)) + ending)


def _page_ending(number: int) -> str:
    return f"-{number}.svg"


def _further_pages(target: Path, made: Collection[Path]) -> list[Path]:
    """What an earlier, longer score of this name has after the last page of the new one."""
    from transcribe.score.engraving import is_engraved

    ending = re.compile(r"-([1-9]\d*)\.svg", re.ASCII)
    found = []
    for path in target.parent.iterdir():
        number = ending.search(path.name)
        if (
            number is not None
            and path == _beside(target, number[0])
            and path not in made
            and path.is_file()
            and is_engraved(path.read_bytes())
        ):
            found.append(path)
    return sorted(found)


def _wanted(target: Path, options: argparse.Namespace) -> list[Path]:
    """The files that will be written for sure, however many pages there are."""
    chosen = {_JSON_ENDING: options.json, ".pdf": options.pdf, _page_ending(1): options.svg}
    return [target, *(_beside(target, ending) for ending, is_wanted in chosen.items() if is_wanted)]


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"-o {folder}: {reason(error, about=folder)}") from error


def _check_engraver(options: argparse.Namespace) -> None:
    """Say that something is to be installed before anything is transcribed."""
    from transcribe.extras import needing

    with needing("score", "verovio", "typst"):
        import verovio  # noqa: F401

        if options.pdf:
            import typst  # noqa: F401


def _tags(source: Path, options: argparse.Namespace) -> tuple[str, str]:
    """Title and composer, as given or from the file; the file's name for want of a title."""
    from transcribe.audio.tags import read_tags
    from transcribe.score.titles import title_from_name

    tags = {} if holds_midi(source) else read_tags(source)
    title = options.title if options.title is not None else tags.get("title", "")
    composer = options.composer if options.composer is not None else tags.get("composer", "")
    if not title and options.title is None:
        title = title_from_name(source.name)
    return title, composer


def _key(text: str) -> Key:
    from transcribe.music.key import Key

    try:
        return Key.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
