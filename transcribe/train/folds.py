"""Pieces parted into folds, so that networks can be asked about pieces that they have not seen.

    python -m transcribe.train.folds midi/asap.csv midi/piano-midi-de.csv -o outputs/folds

Writes ``fold-0.csv`` and so on, as `ScoreDataConfig.split` wants them: the pieces of the fold are
for ``validation``, those that are kept out of training anyway for ``test``. A piece that shares
music with one of an index before, whatever it is called there, is in its fold.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Collection, Sequence
from pathlib import Path

from transcribe.datasets import Recording, load_dataset
from transcribe.errors import TranscribeError
from transcribe.files.atomic import write_csv
from transcribe.options import whole_number
from transcribe.train.held_out import HeldOut
from transcribe.train.score_data import SPLIT_COLUMNS, read_split

Piece = tuple[str, str, str]
"""Index, composer and title."""
N_FOLDS = 4


def folds_of(
    indices: Sequence[Path], kept: Collection[Piece], n_folds: int, cache: Path
) -> dict[Piece, int]:
    """The fold of each piece, from 0 on.

    Parameters
    ----------
    indices : sequence of Path
        CSV files with MAESTRO's columns.
    kept : collection of Piece
        Pieces that are in no fold.
    n_folds : int
    cache : Path
        Where landmarks are kept; see `held_out`.
    """
    fold: dict[Piece, int] = {}
    earlier: dict[Piece, Recording] = {}
    for index in indices:
        own: dict[Piece, Recording] = {}
        for recording in load_dataset(index, split="train"):
            own.setdefault((index.stem, recording.composer, recording.title), recording)
        piece_of = {id(recording): piece for piece, recording in earlier.items()}
        found = HeldOut(tuple(earlier.values()), cache).find(index.stem, tuple(own.values()))
        same = {id(each.recording): piece_of[id(each.tested)] for each in found}
        n_new = 0
        for piece in sorted(own):
            if piece in kept:
                continue
            twin = same.get(id(own[piece]))
            if twin is not None and twin in fold:
                fold[piece] = fold[twin]
            else:
                fold[piece] = n_new % n_folds
                n_new += 1
        earlier |= own
    return fold


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the folds; 1 with one line where that can't be done."""
    parser = argparse.ArgumentParser(
        prog="python -m transcribe.train.folds",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("index", type=Path, nargs="+", help="CSV files with MAESTRO's columns")
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder to write")
    parser.add_argument("--split", type=Path, default=Path("recipes/score/split.csv"))
    parser.add_argument("--folds", type=whole_number, default=N_FOLDS, help=f"default: {N_FOLDS}")
    parser.add_argument("--cache", type=Path, default=Path("outputs/cache"))
    options = parser.parse_args(arguments)
    try:
        kept = [piece for piece, part in read_split(options.split).items() if part != "train"]
        fold = folds_of(options.index, kept, options.folds, options.cache)
        options.output.mkdir(parents=True, exist_ok=True)
        for number in range(options.folds):
            inside = [(*piece, "validation") for piece, each in fold.items() if each == number]
            rows = [SPLIT_COLUMNS, *inside, *((*piece, "test") for piece in kept)]
            write_csv(options.output / f"fold-{number}.csv", rows)
    except TranscribeError as error:
        print(f"transcribe.train.folds: {error}", file=sys.stderr)
        return 1
    print(f"{options.output}: {len(fold)} pieces in {options.folds} folds")
    return 0


if __name__ == "__main__":
    sys.exit(main())
