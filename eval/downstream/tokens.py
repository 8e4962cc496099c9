"""Do generators' converters read what ``transcribe tokens`` writes? One command, one record.

    python -m eval.downstream.tokens --heard TRANSCRIPTIONS --played maestro-v3.0.0.csv \\
        --out eval/results/tokens.json

Every target of the registry gets the transcriptions of real recordings in a folder, and the
beginnings of performances of an index's validation split, all as the command line would
encode them: tempo and metre estimated. `eval.downstream.readers` shows what is written to the
target's own reader. The round trip compares the notes that the reader has with those that were
played: how far onsets move, and how many notes are lost. How well the melody and the beats are
found that some targets need is measured by `eval.downstream.melodies` and
`eval.downstream.beats`.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from eval.common.command import new_parser, run
from eval.common.tables import markdown
from eval.downstream.readers import Proof, ReaderMissingError, prove
from transcribe.datasets.index import read_index
from transcribe.errors import TranscribeError
from transcribe.evaluation.evaluate import first_seconds
from transcribe.evaluation.matching import Events, match
from transcribe.midi import read_midi
from transcribe.notes import Performance, sustained
from transcribe.options import positive_seconds, whole_number
from transcribe.tokens import TARGETS, Settings, encode

Array = np.ndarray[Any, Any]

ALL_NOTES = (
    "performance-rnn",
    "music-transformer",
    "remi",
    "tsd",
    "midi-like",
    "compound-word",
    "groovae",
)
"""Targets that keep every note, so that what is lost can be counted."""
_TOLERANCE = 0.1
"""Seconds that an onset may move and still be the same note's."""
_ABSENT = "–"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the arguments say."""
    parser = new_parser("eval.downstream.tokens", __doc__)
    add = parser.add_argument
    add("--heard", type=Path, required=True, help="folder of transcriptions")
    add("--played", type=Path, required=True, help="index of performances")
    add("--first", type=whole_number, default=20, help="performances of the index; default: 20")
    add("--seconds", type=positive_seconds, default=120.0, help="of each performance; default: 120")
    add("--targets", nargs="+", choices=list(TARGETS), default=list(TARGETS))
    return run(parser, measure, arguments)


def measure(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """All figures, more and more of them."""
    heard = {path.stem: read_midi(path) for path in sorted(options.heard.glob("*.mid"))}
    sources = {
        "heard": heard,
        "played": {
            each.name: first_seconds(read_midi(each.midi_path), options.seconds)
            for each in spread(
                [r for r in read_index(options.played) if r.split == "validation"], options.first
            )
            if each.midi_path is not None
        },
    }
    record: dict[str, Any] = {
        "sources": {
            "heard": {"name": options.heard.name, "n": len(sources["heard"])},
            "played": {
                "name": options.played.stem,
                "n": len(sources["played"]),
                "seconds": options.seconds,
            },
        },
        "targets": {},
    }
    for target in options.targets:
        record["targets"][target] = {
            name: of_target(target, performances) for name, performances in sources.items()
        }
        print(target, record["targets"][target], file=sys.stderr, flush=True)
        print(compared(target, record["targets"][target].values()), file=sys.stderr, flush=True)
        yield record


def compared(target: str, sides: Iterable[Mapping[str, Any]]) -> str:
    """How many of a target's items were compared, in a line."""
    sides = [side for side in sides if "items" in side]
    n_items, n_accepted = (sum(side[name] for side in sides) for name in ("items", "accepted"))
    n_left = sum(sum(side["not_compared"].values()) for side in sides)
    return (
        f"{target}: {n_items} items, {n_accepted} as written, "
        f"{n_items - n_accepted - n_left} not, {n_left} not compared"
    )


def spread(recordings: Sequence[Any], n: int) -> list[Any]:
    """So many of them, evenly through the list."""
    places = np.unique(np.linspace(0, len(recordings) - 1, n).round().astype(int))
    return [recordings[place] for place in places]


def of_target(target: str, performances: dict[str, Performance]) -> dict[str, Any]:
    """One target, some sources: what its reader says, and the round trip."""
    started = time.process_time()
    described: list[tuple[Performance, Path]] = []
    failed: dict[str, str] = {}
    without_items = 0
    with tempfile.TemporaryDirectory() as folder:
        for index, (name, performance) in enumerate(performances.items()):
            try:
                encoded = encode(target, performance, Settings())
            except ModuleNotFoundError:
                return {"not_written": "the target has no module yet"}
            except (ValueError, TranscribeError) as error:
                failed[name] = str(error)
                continue
            without_items += not encoded.items
            written = encoded.write(folder, f"source{index:03}")
            if encoded.items:
                described.append((performance, written[0]))
        seconds = time.process_time() - started
        try:
            proofs = prove(target, [path for _, path in described])
        except ReaderMissingError as error:
            return {"not_proved": str(error)}
    every = [proof for these in proofs for proof in these]
    n_accepted = sum(proof.accepted for proof in every)
    complaints = Counter(proof.complaint for proof in every if proof.complaint)
    not_compared = Counter(proof.not_compared for proof in every if proof.not_compared)
    found: dict[str, Any] = {
        "sources": len(performances),
        "sources_failed": failed,
        "sources_without_items": without_items,
        "items": len(every),
        "accepted": n_accepted,
        "share_accepted": n_accepted / len(every) if every else None,
        "not_compared": dict(not_compared),
        "complaints": dict(complaints.most_common(5)),
        "encoding_seconds": round(seconds, 1),
    }
    trips = [
        trip
        for (performance, _), these in zip(described, proofs, strict=True)
        if (trip := round_trip(target, performance, these)) is not None
    ]
    return found | ({"round_trip": _together(target, trips)} if trips else {})


def _together(target: str, trips: Sequence[tuple[Array, int, int, Array]]) -> dict[str, Any]:
    """The round trips of all performances as one."""
    errors, offset_errors = (np.concatenate([trip[i] for trip in trips]) for i in (0, 3))
    n_notes, n_without = (sum(trip[i] for trip in trips) for i in (1, 2))
    found = {
        "notes": n_notes,
        "median_onset_error": float(np.median(errors)),
        "onset_error_95": float(np.percentile(errors, 95)),
        "largest_onset_error": float(errors.max()),
    }
    if target not in ALL_NOTES:
        return {**found, "not_played": n_without}
    return {
        **found,
        "lost": n_without,
        "share_lost": n_without / n_notes,
        "offset_error_95": float(np.percentile(offset_errors, 95)),
        "largest_offset_error": float(offset_errors.max()),
    }


def round_trip(
    target: str, performance: Performance, proofs: Sequence[Proof]
) -> tuple[Array, int, int, Array] | None:
    """How far onsets move, of how many notes, how many have no partner; how far offsets move.

    For a target of `ALL_NOTES` these are notes that were played; for others the reader's,
    which are fewer. Offsets are those that the target keeps: of the key for GrooVAE, of the
    sound for others.
    """
    read = {note for proof in proofs for note in proof.notes or ()}
    if not any(proof.notes is not None for proof in proofs):
        return None
    kept = performance if target == "groovae" else sustained(performance)
    ref, est = Events.of_notes(kept), Events.of_notes(Performance(tuple(read)))
    pairs = match(ref, est, onset_tolerance=_TOLERANCE)
    errors = np.abs(ref.intervals[pairs[:, 0]] - est.intervals[pairs[:, 1]])
    n_notes = len(ref.pitches) if target in ALL_NOTES else len(est.pitches)
    return errors[:, 0], n_notes, n_notes - len(pairs), errors[:, 1]


def tokens_table(record: Mapping[str, Any]) -> str:
    """What the converters before every target's model make of its files, as Markdown."""
    heard, played = (record["sources"][name] for name in ("heard", "played"))
    head = ["for", f"{heard['n']} transcriptions: items", "as written, %"]
    head += [f"{played['n']} performances: items", "as written, %", "not compared"]
    head += ["onset error, ms: median", "95 %", "largest", "notes lost, %"]
    rows = []
    for target, sides in record["targets"].items():
        cells = []
        for side in ("heard", "played"):
            each = sides[side]
            share = each.get("share_accepted")
            cells += [
                str(each.get("items", _ABSENT)),
                _ABSENT if share is None else f"{100 * share:.1f}",
            ]
        left = [each["not_compared"] for each in sides.values() if "not_compared" in each]
        cells.append(str(sum(sum(each.values()) for each in left)) if left else _ABSENT)
        trips = [each["round_trip"] for each in sides.values() if "round_trip" in each]
        if trips:
            for name in ("median_onset_error", "onset_error_95", "largest_onset_error"):
                cells.append(f"{1000 * max(trip[name] for trip in trips):.1f}")
            lost = [trip for trip in trips if "lost" in trip]
            n_notes = sum(trip["notes"] for trip in lost)
            n_lost = sum(trip["lost"] for trip in lost)
            cells.append(f"{100 * n_lost / n_notes:.2f}" if n_notes else _ABSENT)
        else:
            cells += [_ABSENT] * 4
        rows.append([target, *cells])
    lines = [markdown(head, rows)]
    absent = [target for target in TARGETS if target not in record["targets"]]
    if absent:
        lines += ["", f"Not measured in this record: {', '.join(absent)}."]
    lines += [
        "",
        "Read by converters and parsers, not by generators: no model has played here. As written: "
        "the reader has the notes that the file is said to have, and not only raises nothing. "
        "Of errors the greater of the two kinds of sources. A dash: the reader makes tensors, not "
        "notes, or the target keeps a melody and not all notes.",
    ]
    return "\n".join(lines)


def line_and_grid(melodies: Mapping[str, Any], beats: Mapping[str, Any]) -> str:
    """How well the melody and the beats are found that targets on a grid rest on, as Markdown.

    Parameters
    ----------
    melodies, beats : mapping
        Records of `eval.downstream.melodies` and `eval.downstream.beats`.
    """
    sung, rhythm = melodies["summary"], beats["summary"]
    lines = [
        "| what targets on a grid rest on | F1, % | for comparison | F1, % |",
        "|---|--:|---|--:|",
        f"| melody, {melodies['n_songs']} songs of POP909 validation, MELODY track "
        f"| {100 * sung['melody']['f1']:.1f} | skyline | {100 * sung['skyline']['f1']:.1f} |",
        f"| beats, {rhythm['beats']['n']} pieces of ASAP | {100 * rhythm['beats']['mean']:.1f} "
        f"| 92 a minute throughout | {100 * rhythm['steady']['mean']:.1f} |",
        f"| downbeats, the same | {100 * rhythm['downbeats']['mean']:.1f} "
        f"| {_ABSENT} | {_ABSENT} |",
        "",
        "Neither was fitted on these songs and pieces. With `--tempo` and `--metre` nothing is "
        "estimated.",
        "",
        f"```\n{melodies['command']}\n{beats['command']}\n```",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
