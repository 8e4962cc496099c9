"""``transcribe render MIDI``: a MIDI file played on a sampled instrument."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from transcribe.errors import MidiError
from transcribe.files.names import output_stem
from transcribe.options import (
    DONE,
    Subparsers,
    UsageError,
    add_command,
    add_output,
    add_overwrite,
    add_quiet,
    file_name,
    path_name,
    usage_errors,
)
from transcribe.outputs import check_output
from transcribe.terminal import say
from transcribe.wording import clock

SOUNDFONT_SUFFIXES = (".sf2", ".sf3")


def add_parser(subparsers: Subparsers) -> None:
    """The options of ``transcribe render``."""
    parser = add_command(
        subparsers,
        "render",
        run,
        description="Play a MIDI file on a sampled piano and write the sound.",
    )
    parser.add_argument("midi", metavar="MIDI", type=file_name, help="the MIDI file to play")
    parser.add_argument(
        "--instrument",
        metavar="PATH",
        type=path_name,
        help="the folder of a sample bank (with its manifest.json), or a SoundFont (.sf2, .sf3; "
        "needs FluidSynth) (default: the grand piano in the package)",
    )
    add_output(
        parser, "WAV", help="WAV file to write (default: the name of the MIDI file with .wav)"
    )
    add_overwrite(parser)
    add_quiet(parser)


def run(options: argparse.Namespace) -> int:
    """Check the output, render, write."""
    stem = output_stem(options.midi.name, room=len(".wav"))
    output: Path = options.output or options.midi.with_name(f"{stem}.wav")
    if output.suffix.lower() != ".wav":
        raise UsageError(f"-o expects a file name that ends in .wav; found {output}")
    with usage_errors():
        check_output(output, [options.midi], overwrite=options.overwrite)

    from transcribe.audio.wav import check_wav_length, write_wav_blocks
    from transcribe.midi import load_midi
    from transcribe.synthesis.fluidsynth import render_soundfont_blocks
    from transcribe.synthesis.render import n_rendered, render_blocks
    from transcribe.synthesis.sample_bank import SampleBank, packaged_piano

    instrument: Path | None = options.instrument
    if instrument is not None and instrument.suffix.lower() in SOUNDFONT_SUFFIXES:
        sample_rate = 44100
        blocks = render_soundfont_blocks(options.midi, instrument, sample_rate=sample_rate)
        n_samples = write_wav_blocks(output, blocks, sample_rate)
    else:
        bank = packaged_piano() if instrument is None else SampleBank.load(instrument)
        read = load_midi(options.midi)
        for warning in read.warnings:
            say(f"transcribe render: {options.midi}: warning: {warning}", sys.stderr)
        if not read.performance.notes:
            raise MidiError(f"{options.midi}: expected notes to play, found none")
        sample_rate, n_samples = bank.sample_rate, n_rendered(read.performance, bank)
        check_wav_length(output, n_samples, sample_rate)
        write_wav_blocks(output, render_blocks(read.performance, bank), sample_rate)
    if not options.quiet:
        say(f"{output}: {clock(n_samples / sample_rate)} of music", sys.stdout)
    return DONE
