"""Pieces whose bars are known, with the beats that networks find which have not seen them.

    python -m transcribe.train.found_beats --asap midi/asap.csv \\
        --sequenced midi/piano-midi-de.csv -o outputs/found \\
        --fold outputs/folds/fold-0.csv outputs/fold-0 --fold …

Bars are asked of found beats, which miss some, are too many elsewhere, or are twice as fast for a
while: what is learnt from annotated beats alone is not ready for that. So here the beats of a
performance are those that are found, each with the metre of the nearest annotated one, and a
downbeat where that is one and lies within 70 ms. Writes ``outputs/found/asap.csv`` and so on,
sources of kind ``labelled``.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from transcribe.datasets.annotated import UNKNOWN, AnnotatedPerformance
from transcribe.datasets.index import COLUMNS
from transcribe.errors import TranscribeError
from transcribe.files.atomic import write_csv
from transcribe.score.bar_grid import find_beats
from transcribe.score.beats import BeatSettings
from transcribe.score.networks import ScoreNetworks
from transcribe.score.onset_features import NoteArrays
from transcribe.score.score import Hints
from transcribe.train.score_data import ScoreDataConfig, ScoreSourceConfig

_SAME = 0.07
"""Seconds between a found beat and the annotated one that it is, at most."""
_BEYOND = 1.0
"""Seconds before the first annotated beat, and after the last, of which anything is known."""
_AT_ONCE = 0.05
"""Seconds; annotated beats that are closer are those of a passage that was left out."""
_FEWEST_BEATS = 16
_MOST = 3
"""Performances of a piece: the first, the last, and one between."""


def with_found_beats(
    each: AnnotatedPerformance, networks: ScoreNetworks, settings: BeatSettings
) -> AnnotatedPerformance:
    """The performance with the beats that are found, and what is known of them."""
    notes = NoteArrays.of(each.performance)
    found, _ = find_beats(networks.hear(notes), notes, Hints(), settings)
    first = np.flatnonzero(np.diff(each.beats, prepend=-np.inf) > _AT_ONCE)
    beats = each.beats[first]
    found = found[(found > beats[0] - _BEYOND) & (found < beats[-1] + _BEYOND)]
    after = np.clip(np.searchsorted(beats, found), 1, len(beats) - 1)
    nearest = after - (found - beats[after - 1] <= beats[after] - found)
    is_same = np.abs(found - beats[nearest]) < _SAME
    of_beat = first[nearest]
    return replace(
        each,
        beats=found,
        is_down=each.is_down[of_beat] & is_same,
        numerator=each.numerator[of_beat],
        denominator=each.denominator[of_beat],
        fifths=each.fifths[of_beat],
        beat=np.full(len(each.onset), UNKNOWN),
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Find beats and write them; 1 with one line where that can't be done."""
    parser = argparse.ArgumentParser(
        prog="python -m transcribe.train.found_beats",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--asap", type=Path, help="CSV file of performances as ASAP has them")
    parser.add_argument("--sequenced", type=Path, help="CSV file of music that is sequenced")
    parser.add_argument(
        "--fold",
        type=Path,
        nargs=2,
        action="append",
        required=True,
        metavar=("SPLIT", "WEIGHTS"),
        help="what `transcribe.train.folds` wrote, and networks that have not seen it",
    )
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder to write")
    parser.add_argument("--cache", type=Path, default=Path("outputs/cache"))
    options = parser.parse_args(arguments)
    try:
        _write(options)
    except TranscribeError as error:
        print(f"transcribe.train.found_beats: {error}", file=sys.stderr)
        return 1
    return 0


def _write(options: argparse.Namespace) -> None:
    settings = BeatSettings()
    options.output.mkdir(parents=True, exist_ok=True)
    for kind in ("asap", "sequenced"):
        index: Path | None = getattr(options, kind)
        if index is None:
            continue
        source = {index.stem: ScoreSourceConfig(index=str(index), kind=kind)}
        rows: list[Sequence[object]] = []
        for split, weights in options.fold:
            networks = ScoreNetworks(weights)
            data = ScoreDataConfig(sources=source, split=str(split), cache=str(options.cache))
            for piece in data.pieces("validation"):
                _, composer, title = piece.name.split("/", 2)
                performances = piece.performances
                some = np.linspace(0, len(performances) - 1, min(_MOST, len(performances)))
                for number in some.astype(int).tolist():
                    each = with_found_beats(performances[number], networks, settings)
                    if len(each.beats) >= _FEWEST_BEATS:
                        name = f"{index.stem}-{len(rows):04}.npz"
                        each.save(options.output / name)
                        rows.append((composer, title, "train", "", name, "", each.offset.max()))
        write_csv(options.output / index.name, [COLUMNS, *rows])
        print(f"{options.output / index.name}: {len(rows)} performances")


if __name__ == "__main__":
    sys.exit(main())
