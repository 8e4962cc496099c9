"""The commands that stand beside transcribing: evaluate, render, train.

Each takes the words after its name and returns an exit code, as `cli.main` does; what
it raises, `cli.main` turns into a line.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from transcribe.console import clock, count, say
from transcribe.errors import InstrumentError, TranscribeError

if TYPE_CHECKING:
    from transcribe.metrics import Scores

SOUNDFONT_SUFFIXES = (".sf2", ".sf3")


def train(words: Sequence[str]) -> int:
    """``transcribe train``: hand the overrides to Hydra."""
    with _needing("train", "hydra", "omegaconf", "pytorch_lightning"):
        from transcribe.train.__main__ import main as train_main

    sys.argv = ["transcribe train", *words]
    train_main()
    return 0


def evaluate(words: Sequence[str]) -> int:
    """``transcribe evaluate REF EST``: print a table of metrics."""
    parser = argparse.ArgumentParser(
        prog="transcribe evaluate",
        description="Compare a MIDI file with a reference: precision, recall and F1 of notes "
        "and pedal, in percent. The columns 'aligned' take the median onset deviation off "
        "first. What the reference does not tell, pedal or velocities, is left out.",
        allow_abbrev=False,
    )
    parser.add_argument("ref", metavar="REF", type=Path, help="MIDI file of what was played")
    parser.add_argument("est", metavar="EST", type=Path, help="MIDI file of what was heard")
    parser.add_argument("--json", action="store_true", help="print every metric, as JSON")
    options = parser.parse_args(words)
    with _needing("eval", "mir_eval"):
        from transcribe.metrics import score
    import json

    from transcribe.midi import read_midi

    ref, est = read_midi(options.ref), read_midi(options.est)
    scores = score(
        ref,
        est,
        ref_has_pedal=bool(ref.pedal),
        ref_has_velocity=len({note.velocity for note in ref.notes}) > 1,
    )
    if options.json:
        print(json.dumps(scores.as_json(), indent=1))
        return 0
    print("\n".join(_table(scores)))
    deviation = scores.numbers["onset_deviation/median"]
    print(
        f"{count(len(ref.notes), 'reference note')}, {len(est.notes)} estimated; median onset "
        + ("deviation unknown" if deviation is None else f"deviation {1000 * deviation:+.1f} ms")
    )
    return 0


def _table(scores: Scores) -> Iterator[str]:
    """One line a metric: percentages as found and aligned."""
    names = [name.partition("/")[2] for name in scores.ratios if name.startswith("as_found/")]
    width = max(len(name) for name in names)
    yield f"{'':{width}}   {'as found':^20}   {'aligned':^20}".rstrip()
    heads = f"{'prec.':>6} {'recall':>6} {'F1':>6}"
    yield f"{'':{width}}   {heads}   {heads}"
    for name in names:
        ratios = [scores.ratios[f"{alignment}/{name}"] for alignment in ("as_found", "aligned")]
        columns = [
            " ".join(f"{100 * part:6.1f}" for part in (ratio.precision, ratio.recall, ratio.f1))
            for ratio in ratios
        ]
        yield f"{name:{width}}   " + "   ".join(columns)


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
    output: Path = options.output or options.midi.with_suffix(".wav")
    if output.suffix.lower() != ".wav":
        parser.error(f"-o needs a name that ends in .wav; found {output}")
    if output.exists() and not options.overwrite:
        raise InstrumentError(f"{output} is there already; --overwrite replaces it")
    if not output.parent.is_dir():
        raise InstrumentError(f"{output.parent}: no such folder to write into")

    from transcribe.audio import write_wav
    from transcribe.render import SampleBank, render_midi, render_soundfont

    if options.instrument.suffix.lower() in SOUNDFONT_SUFFIXES:
        sample_rate = 44100
        samples = render_soundfont(options.midi, options.instrument, sample_rate=sample_rate)
    else:
        bank = SampleBank.load(options.instrument)
        sample_rate, samples = bank.sample_rate, render_midi(options.midi, bank)
    write_wav(output, samples, sample_rate)
    if not options.quiet:
        say(f"{output}: {clock(len(samples) / sample_rate)} of music", sys.stdout)
    return 0


COMMANDS: dict[str, Callable[[Sequence[str]], int]] = {
    "evaluate": evaluate,
    "render": render,
    "train": train,
}
"""What the first word of the command line may ask for instead of transcribing."""


@contextmanager
def _needing(extra: str, *packages: str) -> Iterator[None]:
    """Say which extra to install if an import fails for want of one of its packages."""
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in packages:
            raise
        raise TranscribeError(
            f"{error.name} is not installed; it comes with: pip install 'transcribe[{extra}]'"
        ) from error
