"""Whether the first metre is found, of works of MAESTRO whose metre is known.

    python -m eval.downstream.metres --data maestro-v3.0.0.csv --out eval/results/metres.json

One performance of each work in `eval.data.maestro_metres`, from the train and validation splits,
from its first note for so many seconds; without music of pieces that the recipe of the score
keeps for validation or test. ``first`` is the share with the time signature as published.

How strongly beats are taken for downbeats, how likely 6/8 is and which beats of 2/4 are halves of
4/4 (`transcribe.score.beats.BeatSettings`, `transcribe.score.analysis`) were chosen on these works
and on the recipe's validation pieces: of those settings this is no test.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from eval.common.command import new_parser, run
from eval.data.maestro_metres import known_metre
from transcribe.datasets import load_dataset
from transcribe.datasets.index import Recording, reference_performance
from transcribe.evaluation.aggregate import aggregate
from transcribe.evaluation.counts import Scores
from transcribe.evaluation.evaluate import first_seconds
from transcribe.options import positive_seconds
from transcribe.score.analysis import analyse
from transcribe.train.beat_labels import held_out_pieces
from transcribe.train.held_out import HeldOut


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the arguments say."""
    parser = new_parser("eval.downstream.metres", __doc__)
    parser.add_argument("--data", type=Path, required=True, help="index of MAESTRO's MIDI files")
    parser.add_argument("--split", type=Path, default=Path("recipes/score/split.csv"))
    parser.add_argument("--seconds", type=positive_seconds, default=75.0, help="default: 75")
    parser.add_argument("--cache", type=Path, default=Path("outputs/cache"))
    return run(parser, measure, arguments)


def works(index: Path, split: Path, cache: Path) -> list[tuple[Recording, str]]:
    """One performance of each work, and its metre."""
    chosen: dict[str, tuple[Recording, str]] = {}
    for part in ("train", "validation"):
        for recording in load_dataset(index, split=part):
            known = known_metre(recording.composer, recording.title)
            if known is not None:
                chosen.setdefault(known[1], (recording, known[0]))
    tested = HeldOut(held_out_pieces(split, index.parent), cache)
    found = tested.find(index.stem, [recording for recording, _ in chosen.values()])
    left_out = {each.recording for each in found}
    return [each for each in chosen.values() if each[0] not in left_out]


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """The figures of the record."""
    rows: list[dict[str, Any]] = []
    confused: Counter[str] = Counter()
    for recording, metre in works(options.data, options.split, options.cache):
        performance = first_seconds(reference_performance(recording), options.seconds)
        score = analyse(performance)
        found = str(score.metre(1))
        confused[f"{metre} as {found}"] += 1
        rows.append(
            {
                "composer": recording.composer,
                "title": recording.title,
                "metre": metre,
                "found": found,
                "tempo": round(score.usual_tempo, 1),
            }
        )
    scores = [Scores({}, {"first": float(row["metre"] == row["found"])}) for row in rows]
    first = aggregate(scores)["first"]
    return {
        "seconds": options.seconds,
        "n_works": len(rows),
        "first": {"mean": first.mean, "interval_95": list(first.interval or ())},
        "found": dict(confused.most_common()),
        "works": rows,
    }


if __name__ == "__main__":
    sys.exit(main())
