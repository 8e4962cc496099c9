"""How far written music is from the published score, beside plain readings of the same MIDI.

    pip install 'transcribe[musicdiff]'
    python -m eval.downstream.score_difference --data FOLDER --out RECORD.json

The pieces and performances are those of `eval.downstream.score`, one performance each, for so
many seconds, against as many bars of the MusicXML that ASAP has. ``difference`` is OMR-NED [1]_
by musicdiff: the symbols that have to be put in, taken away or changed, over the symbols of
both, from 0 (the same) to 100 %; of notes and rests with their values, clefs, keys and metres.
It was chosen over MV2H because it counts what stands on the page, symbol by symbol.

``ours`` is told nothing. ``music21`` and ``partitura`` read the same MIDI file, music21 on
sixteenths. Repeats that are played are not in the published bars and count against all.

References
----------
.. [1] J. C. Martinez-Sevilla et al., "Sheet Music Benchmark: Standardized Optical Music Recognition
   Evaluation", ISMIR 2025; F. Foscarin et al., "A diff procedure for music score files", DLfM 2019.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from eval.common.command import new_parser, run
from eval.downstream.score import SPLIT, Case, cases
from transcribe.evaluation.aggregate import aggregate
from transcribe.evaluation.counts import Mean, Scores
from transcribe.extras import needing
from transcribe.midi import write_midi
from transcribe.options import positive_seconds
from transcribe.score.making import make_score, sheet_bytes
from transcribe.terminal import say

_LONGEST = 240.0
"""Seconds that a comparison may take."""


def ours(midi: Path, case: Case) -> Path:
    """What `transcribe score` writes."""
    path = midi.with_suffix(".ours.musicxml")
    path.write_bytes(sheet_bytes(make_score(case.performance)))
    return path


def of_music21(midi: Path, _: Case) -> Path:
    """What music21 reads, on sixteenths."""
    import music21

    path = midi.with_suffix(".music21.musicxml")
    score = music21.converter.parse(
        str(midi), format="midi", quantizePost=True, quarterLengthDivisors=(4,)
    )
    score.write("musicxml", str(path))
    return path


def of_partitura(midi: Path, _: Case) -> Path:
    """What partitura reads."""
    import partitura

    path = midi.with_suffix(".partitura.musicxml")
    partitura.save_musicxml(partitura.load_score_midi(str(midi)), str(path))
    return path


SYSTEMS: dict[str, Callable[[Path, Case], Path]] = {
    "ours": ours,
    "music21": of_music21,
    "partitura": of_partitura,
}


def difference(published: Path, n_bars: int, written: Path) -> float:
    """OMR-NED of music and the first bars of a published score, from 0 to 1."""
    import music21
    from musicdiff import Comparison, DetailLevel
    from musicdiff.annotation import AnnScore

    detail = DetailLevel.NotesAndRests | DetailLevel.Signatures
    whole = music21.converter.parse(str(published))
    first = whole.parts[0].getElementsByClass("Measure")[0].number
    expected = AnnScore(whole.measures(first, first + n_bars - 1), detail)
    found = AnnScore(music21.converter.parse(str(written)), detail)
    _, cost = Comparison.annotated_scores_diff(expected, found)
    return float(cost / (expected.notation_size() + found.notation_size()))


def _send(pipe: Connection, published: Path, n_bars: int, written: Path) -> None:
    warnings.simplefilter("ignore")
    pipe.send(difference(published, n_bars, written))


def difference_in_time(published: Path, n_bars: int, written: Path) -> float | None:
    """`difference`, or None where it takes too long or fails: musicdiff does on some music."""
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(
        target=_send, args=(there, published, n_bars, written)
    )
    process.start()
    there.close()
    try:
        return float(here.recv()) if here.poll(_LONGEST) else None
    except EOFError:
        return None
    finally:
        process.kill()
        process.join()


def measure(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """The record, more complete with every piece."""
    with needing("musicdiff", "musicdiff", "music21", "partitura"):
        import musicdiff  # noqa: F401
        import partitura  # noqa: F401
    pieces: dict[str, dict[str, float | None]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for number, case in enumerate(
            cases(options.data, options.split, options.part, most=1, seconds=options.seconds)
        ):
            midi = Path(folder) / f"{number}.mid"
            write_midi(case.performance, midi)
            down = case.truth.is_down
            n_bars = int(down.sum()) + (not down[0])
            published = case.midi.with_name("xml_score.musicxml")
            pieces[case.piece] = {
                name: difference_in_time(published, n_bars, write(midi, case))
                for name, write in SYSTEMS.items()
            }
            say(f"{case.piece} {_told(pieces[case.piece])}", sys.stderr)
            yield {"part": options.part, "seconds": options.seconds} | summed_up(pieces)


def summed_up(pieces: Mapping[str, Mapping[str, float | None]]) -> dict[str, Any]:
    """Means over the pieces that all systems could be compared on, and all differences."""
    whole = [
        {name: value for name, value in row.items() if value is not None}
        for row in pieces.values()
        if None not in row.values()
    ]
    means = {}
    for name in SYSTEMS if whole else ():
        found = aggregate([Scores.of({}, {name: Mean.of([row[name]])}) for row in whole])[name]
        means[name] = {
            "mean": found.mean,
            "interval_95": list(found.interval) if found.interval else None,
            "n_pieces": found.n_recordings,
        }
    return {
        "n_ours_closest": sum(min(row, key=row.__getitem__) == "ours" for row in whole),
        "difference": means,
        "pieces": {piece: dict(row) for piece, row in pieces.items()},
    }


def _told(row: Mapping[str, float | None]) -> str:
    return " ".join(
        f"{name} {'-' if value is None else f'{100 * value:.0f}'}" for name, value in row.items()
    )


def shown(record: dict[str, Any]) -> str:
    """A line a system."""
    lines = [
        f"{name:<10} {100 * each['mean']:.1f} % (n {each['n_pieces']})"
        for name, each in record["difference"].items()
    ]
    return "\n".join([*lines, f"ours is the closest on {record['n_ours_closest']}"])


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare and record."""
    parser = new_parser("eval.downstream.score_difference", __doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder that holds midi/")
    parser.add_argument("--split", type=Path, default=SPLIT)
    parser.add_argument("--part", choices=("test", "validation"), default="test")
    parser.add_argument(
        "--seconds", type=positive_seconds, default=30.0, help="of each (default: 30)"
    )
    return run(parser, measure, arguments, show=shown)


if __name__ == "__main__":
    sys.exit(main())
