"""The commands that stand beside transcribing: archive, continue, corpus, evaluate, render, serve,
tokens, train.

Each takes the words after its name and returns an exit code, as `cli.main` does; what
it raises, `cli.main` turns into a line.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from transcribe.errors import InstrumentError, TranscribeError
from transcribe.extras import needing
from transcribe.files.endings import in_words
from transcribe.files.names import output_stem
from transcribe.terminal import progress_of, say
from transcribe.wording import clock, count

SOUNDFONT_SUFFIXES = (".sf2", ".sf3")


def train(words: Sequence[str]) -> int:
    """``transcribe train``: hand the overrides to Hydra."""
    with needing("train", "hydra", "omegaconf", "pytorch_lightning", "matplotlib"):
        from transcribe.train.__main__ import main as train_main

    sys.argv = ["transcribe train", *words]
    train_main()
    return 0


def evaluate(words: Sequence[str]) -> int:
    """``transcribe evaluate REF EST``: compare two performances, or two folders of them."""
    parser = _evaluate_parser()
    options = parser.parse_args(words)
    if options.ref.is_dir() != options.est.is_dir() and options.split is None:
        parser.error("REF and EST are two files or two folders; found one of each")
    if options.no_piano and (options.split or options.output):
        parser.error("--no-piano takes neither --split nor --output; --json prints its figures")
    if not options.row_seconds > 0:
        parser.error(f"--row-seconds is above 0; found {options.row_seconds:g}")
    if options.seconds is not None and not 0 < options.seconds < math.inf:
        parser.error(f"--seconds is above 0; found {options.seconds:g}")
    if options.seconds is not None and options.no_piano:
        parser.error("--no-piano takes no --seconds: the recordings tell")
    with needing("eval", "mir_eval", "matplotlib"):
        from transcribe.evaluation import report, tables
        from transcribe.evaluation.evaluate import evaluate as compare
        from transcribe.evaluation.evaluate import evaluate_without_piano

        if options.output and options.pictures != "none":
            import matplotlib  # noqa: F401

    if options.no_piano:
        found = evaluate_without_piano(options.ref, options.est, est_suffix=options.est_suffix)
        text = report.as_json(found) if options.json else tables.false_note_table(found).text()
        print(text.rstrip("\n"))
        return _told_left_out(report.remarks(found), found.left_out)
    if options.output is not None:
        _check_report_folder(options.output, overwrite=options.overwrite)
    with progress_of(f"comparing with {options.ref.name}", None) as progress:
        evaluation = compare(
            options.ref,
            options.est,
            split=options.split,
            est_suffix=options.est_suffix,
            seconds=options.seconds,
            progress=progress,
        )
    for warning in evaluation.warnings:
        say(f"transcribe evaluate: warning: {warning}", sys.stderr)
    title = f"{options.est.name} compared with {options.ref.name}"
    print(report.as_json(evaluation) if options.json else report.as_text(evaluation))
    if options.output is not None:
        options.output.mkdir(parents=True, exist_ok=True)
        pictures: list[str] = []
        if options.pictures != "none":
            from transcribe.evaluation.pictures import draw_pictures

            few = options.pictures == "few"
            pictures = draw_pictures(
                evaluation, options.output, seconds=options.row_seconds, few=few
            )
        written = report.write_report(evaluation, options.output, title, pictures=pictures)
        names = ", ".join(map(str, written))
        if not options.json:
            say(f"wrote {names} and {count(len(pictures), 'picture')}", sys.stdout)
    return _told_left_out(report.remarks(evaluation), evaluation.left_out)


def _told_left_out(remarks: Sequence[str], left_out: Mapping[str, int]) -> int:
    """Say on stderr what was not compared; the exit code."""
    for line in remarks:
        say(f"transcribe evaluate: {line}", sys.stderr)
    if left_out:
        n_files = count(sum(left_out.values()), "file")
        say(
            f"transcribe evaluate: left out, no notes beside or in them: {n_files} "
            f"({in_words(left_out)})",
            sys.stderr,
        )
    if remarks:
        say(f"transcribe evaluate: {count(len(remarks), 'file')} not compared", sys.stderr)
    return 1 if remarks else 0


def _check_report_folder(folder: Path, *, overwrite: bool) -> None:
    """Before anything slow is done, see that the report can be written."""
    if folder.exists() and not folder.is_dir():
        raise TranscribeError(f"{folder}: expected a folder for the report, found a file")
    if (folder / "evaluation.json").exists() and not overwrite:
        raise TranscribeError(f"{folder} has a report already; --overwrite replaces it")


def _evaluate_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="transcribe evaluate",
        description="Compare what was heard with what was played, two files or two folders: "
        "precision, recall and F1 of notes and pedal, as found and with the median onset "
        "deviation taken off ('aligned'), for key releases and with notes as long as the pedal "
        "lets them sound ('pedal-extended'); and the mistakes by kind. What the reference does "
        "not tell, pedal or velocities, is left out.",
        epilog="In folders, subfolders included, files are paired by their names without "
        "endings. A reference without estimate, an estimate without reference and a file that "
        "can't be read are listed, and the exit code is 1; the figures are of the others, and a "
        "second mean counts what is missing as transcriptions without a note. Where the "
        "recording lies beside the reference, both sides are cut where it ends.",
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("ref", metavar="REF", type=Path, help="what was played: MIDI, or labels (.tsv, .txt)")
    add("est", metavar="EST", type=Path, help="what was heard: MIDI of any program")
    add(
        "-o",
        "--output",
        metavar="FOLDER",
        type=Path,
        help="also write evaluation.json, .csv and .md there, and piano rolls of hits, misses "
        "and false notes",
    )
    add(
        "--pictures",
        choices=("few", "all", "none"),
        default="few",
        help="of several pieces, draw the best, the median and the worst (few, default), or all",
    )
    add(
        "--row-seconds",
        metavar="SECONDS",
        type=float,
        default=30.0,
        help="of music in a row of a picture; default: 30",
    )
    add("--json", action="store_true", help="print every figure, as JSON, in place of the tables")
    add("--overwrite", action="store_true", help="replace a report that is there")
    add(
        "--split",
        choices=("train", "validation", "test"),
        help="REF is a data set (MAESTRO, MAPS, or an index); compare with this part of it",
    )
    add(
        "--est-suffix",
        metavar="TEXT",
        default="",
        help="what the names in EST have more than those in REF, such as _basic_pitch",
    )
    add(
        "--seconds",
        metavar="S",
        type=float,
        help="compare only what lies before; where a recording lies beside the reference, its "
        "end counts if it is earlier",
    )
    add(
        "--no-piano",
        action="store_true",
        help="REF is a recording in which nobody plays the piano, or a folder of them: count "
        "false notes a minute",
    )
    return parser


def render(words: Sequence[str]) -> int:
    """``transcribe render MIDI``: play a MIDI file on a sampled instrument."""
    parser = argparse.ArgumentParser(
        prog="transcribe render",
        description="Play a MIDI file on a sampled piano and write the sound.",
        allow_abbrev=False,
    )
    parser.add_argument("midi", metavar="MIDI", type=Path, help="MIDI file to play")
    parser.add_argument(
        "--instrument",
        metavar="PATH",
        type=Path,
        required=True,
        help="folder of a sample bank (with its manifest.json), or a SoundFont (.sf2, .sf3; "
        "needs FluidSynth)",
    )
    parser.add_argument(
        "-o", "--output", metavar="WAV", type=Path, help="default: the MIDI file's name with .wav"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace an existing output")
    parser.add_argument("--quiet", action="store_true", help="print failures only")
    options = parser.parse_args(words)
    stem = output_stem(options.midi.name, room=len(".wav"))
    output: Path = options.output or options.midi.with_name(f"{stem}.wav")
    if output.suffix.lower() != ".wav":
        parser.error(f"-o needs a name that ends in .wav; found {output}")
    if output.exists() and not options.overwrite:
        raise InstrumentError(f"{output} is there already; --overwrite replaces it")
    if not output.parent.is_dir():
        raise InstrumentError(f"{output.parent}: no such folder to write into")

    from transcribe.audio.reader import write_wav
    from transcribe.midi import load_midi
    from transcribe.synthesis.fluidsynth import render_soundfont
    from transcribe.synthesis.render import render as play
    from transcribe.synthesis.sample_bank import SampleBank

    if options.instrument.suffix.lower() in SOUNDFONT_SUFFIXES:
        sample_rate = 44100
        samples = render_soundfont(options.midi, options.instrument, sample_rate=sample_rate)
    else:
        bank = SampleBank.load(options.instrument)
        read = load_midi(options.midi)
        for warning in read.warnings:
            say(f"transcribe render: {options.midi}: warning: {warning}", sys.stderr)
        sample_rate, samples = bank.sample_rate, play(read.performance, bank)
    write_wav(output, samples, sample_rate)
    if not options.quiet:
        say(f"{output}: {clock(len(samples) / sample_rate)} of music", sys.stdout)
    return 0


def serve(words: Sequence[str]) -> int:
    """``transcribe serve``: a page in the browser that does all this."""
    from transcribe.web.serve import main as serve_main

    return serve_main(words)


def archive(words: Sequence[str]) -> int:
    """``transcribe archive SOURCE``: thousands of recordings, unattended."""
    from transcribe.archive.command import main as archive_main

    return archive_main(words)


def tokens(words: Sequence[str]) -> int:
    """``transcribe tokens SOURCE --for NAME``: what generators of music read."""
    from transcribe.tokens.command import main as tokens_main

    return tokens_main(words)


def corpus(words: Sequence[str]) -> int:
    """``transcribe corpus SOURCE -o FOLDER``: a training set of many transcriptions."""
    from transcribe.corpus.command import main as corpus_main

    return corpus_main(words)


def go_on(words: Sequence[str]) -> int:
    """``transcribe continue SOURCE``: what was played, and music that goes on from it."""
    from transcribe.generate.command import main as continue_main

    return continue_main(words)


COMMANDS: dict[str, Callable[[Sequence[str]], int]] = {
    "archive": archive,
    "continue": go_on,
    "corpus": corpus,
    "evaluate": evaluate,
    "render": render,
    "serve": serve,
    "tokens": tokens,
    "train": train,
}
"""What the first word of the command line may ask for instead of transcribing."""
