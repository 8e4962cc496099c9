"""Does a corpus keep pieces apart? One command, one record.

    python -m eval.downstream.corpus --choose asap.csv --report maestro-v3.0.0.csv \\
        --heard TRANSCRIPTIONS --played maps-real-dev --out eval/results/corpus.json

Pairs of recordings are judged the same piece or not, as `transcribe.corpus` does. On the
data set after ``--choose``, whose folders name pieces, the threshold is chosen: as played, and
with every performance transposed, stretched and full of mistakes (one note in ten missed, one
in ten false, onsets off by 15 ms). It is then applied to the recordings of ``--report``: to the
validation split, whose titles were read by hand (`eval.data.maestro_works`), and to the train
split, where equal titles may be other movements and what is found is listed by composer.
Near-duplicates are counted among true performances (none is one), bad copies of them (all are)
and real recordings after ``--heard``, transcribed, beside what was ``--played``; there
doubtful passages are also compared with others.
"""

from __future__ import annotations

import argparse
import itertools
import random
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from eval.common.command import new_parser, run
from eval.data.maestro_works import MISTITLED, work_of
from transcribe.corpus.config import CorpusConfig
from transcribe.corpus.fingerprint import (
    SAME_PERFORMANCE,
    SAME_PIECE,
    Landmarks,
    Likeness,
    compare,
    find_landmarks,
)
from transcribe.corpus.grouping import Groups, find_pairs
from transcribe.corpus.passages import around
from transcribe.corpus.sources import TranscriptionSource, read_source
from transcribe.corpus.splits import decide
from transcribe.datasets.index import Recording, read_index
from transcribe.evaluation.matching import Events, match
from transcribe.midi import read_midi
from transcribe.notes import HIGHEST_PITCH, LOWEST_PITCH, Note, Performance

THRESHOLDS = (2.0, 4.0, 6.0, 8.0, 10.0, 12.0, 15.0, 20.0, 25.0, 30.0, 40.0)
CONFIDENCES = (0.8, 0.85, 0.9, 0.95)
Pairs = dict[tuple[int, int], Likeness]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the arguments say."""
    parser = new_parser("eval.downstream.corpus", __doc__)
    add = parser.add_argument
    add("--choose", type=Path, required=True, help="index whose titles are exact")
    add("--report", type=Path, required=True, help="index of MAESTRO")
    add("--heard", type=Path, help="folder of transcriptions with confidences")
    add("--played", type=Path, help="folder of what was played there, under the same names")
    return run(parser, measure, arguments)


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """All figures."""
    exact = read_index(options.choose)
    exact_notes = _notes_of(exact)
    labels: list[str | None] = [f"{each.composer}/{each.title}" for each in exact]
    as_played = [find_landmarks(notes) for notes in exact_notes]
    rng = random.Random(0)
    badly = [find_landmarks(heard_badly(notes, rng)) for notes in exact_notes]
    pairs = all_pairs(as_played)
    chosen_on = {
        "name": options.choose.stem,
        "recordings": len(exact),
        "as_played": sweep(pairs, labels),
        "heard_badly": sweep(all_pairs(badly), labels),
    }
    false_duplicates = [each for each in pairs.values() if each.is_same_performance]
    copies = [compare(a, b) for a, b in zip(as_played, badly, strict=True)]
    duplicates = {
        "threshold": SAME_PERFORMANCE,
        "performances_of_one_piece": sum(labels[i] == labels[j] for i, j in pairs),
        "of_these_called_duplicates": len(false_duplicates),
        "bad_copies": len(copies),
        "of_these_called_duplicates_too": sum(
            each is not None and each.is_same_performance for each in copies
        ),
    }
    maestro = read_index(options.report)
    sketches = [find_landmarks(notes) for notes in _notes_of(maestro)]
    found = {
        "threshold": SAME_PIECE,
        "chosen_on": chosen_on,
        "validation": report_validation(maestro, sketches),
        "train": report_train(maestro, sketches),
        "leakage": leakage(maestro, sketches),
        "duplicates": duplicates,
    }
    if options.heard and options.played:
        found["heard"] = report_heard(options.heard, options.played)
    return found


def heard_badly(notes: Sequence[Note], rng: random.Random) -> list[Note]:
    """Transposed, stretched, and with the mistakes of a bad transcription."""
    pitches = [note.pitch for note in notes]
    by = rng.randint(
        max(-3, LOWEST_PITCH - min(pitches)),
        min(3, HIGHEST_PITCH - max(pitches)),
    )
    stretch = rng.uniform(0.95, 1.05)
    found = []
    for note in notes:
        onset = max(0.0, note.onset * stretch + rng.gauss(0, 0.015))
        length = max(0.03, (note.offset - note.onset) * stretch)
        pitch = note.pitch + by
        if rng.random() >= 0.1:
            found.append(replace(note, onset=onset, offset=onset + length, pitch=pitch))
        if rng.random() < 0.1:
            other = pitch + rng.choice((-12, 12, 7, 19))
            onset = max(0.0, onset + rng.gauss(0, 0.1))
            if LOWEST_PITCH <= other <= HIGHEST_PITCH:
                found.append(replace(note, onset=onset, offset=onset + length, pitch=other))
    return sorted(found)


def all_pairs(sketches: Sequence[Landmarks]) -> Pairs:
    """Every pair that has enough in common to be compared, without the index."""
    found = {}
    for i, j in itertools.combinations(range(len(sketches)), 2):
        likeness = compare(sketches[i], sketches[j])
        if likeness is not None:
            found[i, j] = likeness
    return found


def sweep(pairs: Pairs, labels: Sequence[str | None]) -> dict[str, Any]:
    """Precision and recall at every threshold, and between which values none is wrong."""
    known = [i for i, label in enumerate(labels) if label is not None]
    same = _same(labels)
    judged = {
        (i, j): each.beyond_chance
        for (i, j), each in pairs.items()
        if labels[i] is not None and labels[j] is not None
    }
    rows = {}
    for threshold in THRESHOLDS:
        called = {pair for pair, beyond in judged.items() if beyond >= threshold}
        rows[f"{threshold:g}"] = _ratios(len(called & same), len(called), len(same))
    others = [beyond for pair, beyond in judged.items() if pair not in same]
    return {
        "pairs_of_one_piece": len(same),
        "pairs_of_two_pieces": len(known) * (len(known) - 1) // 2 - len(same),
        "least_of_one_piece": min(judged.get(pair, 0.0) for pair in same),
        "most_of_two_pieces": max(others, default=0.0),
        "by_threshold": rows,
    }


def report_validation(
    maestro: Sequence[Recording], sketches: Sequence[Landmarks]
) -> dict[str, Any]:
    """Pairs of the validation split, against titles read by hand."""
    places = [i for i, each in enumerate(maestro) if each.split == "validation"]
    labels = [work_of(maestro[i].composer, maestro[i].title) for i in places]
    corrected = [
        MISTITLED.get(maestro[i].name, label) for i, label in zip(places, labels, strict=True)
    ]
    pairs = {
        (pair.first, pair.second): pair.likeness
        for pair in find_pairs([sketches[i] for i in places])
    }
    called = {pair for pair in pairs if None not in (labels[pair[0]], labels[pair[1]])}
    same, same_corrected = _same(labels), _same(corrected)

    def listed(these: Iterable[tuple[int, int]]) -> list[dict[str, Any]]:
        return [
            {
                "titles": [maestro[places[i]].title for i in pair],
                "files": [maestro[places[i]].name for i in pair],
                "landmarks_in_order": pairs[pair].n_in_order if pair in pairs else 0,
            }
            for pair in sorted(these)
        ]

    return {
        "recordings": len(places),
        "titles_unclear": sum(label is None for label in labels),
        "pairs_of_one_work": len(same),
        **_ratios(len(called & same), len(called), len(same)),
        "called_one_piece_against_the_titles": listed(called - same),
        "missed": listed(same - called),
        "with_the_wrong_title_corrected": {
            "pairs_of_one_work": len(same_corrected),
            **_ratios(len(called & same_corrected), len(called), len(same_corrected)),
        },
    }


def _same(labels: Sequence[str | None]) -> set[tuple[int, int]]:
    """Pairs of one label, those without a label left out."""
    known = [i for i, label in enumerate(labels) if label is not None]
    return {(i, j) for i, j in itertools.combinations(known, 2) if labels[i] == labels[j]}


def report_train(maestro: Sequence[Recording], sketches: Sequence[Landmarks]) -> dict[str, Any]:
    """Pairs of the train split: whether titles or composers agree."""
    train = [i for i, each in enumerate(maestro) if each.split == "train"]
    found = list(find_pairs([sketches[i] for i in train]))
    recordings = [maestro[i] for i in train]
    called = {(pair.first, pair.second): pair.likeness for pair in found}
    titles = Counter((each.composer, each.title) for each in recordings)
    other_composer = [
        pair for pair in called if recordings[pair[0]].composer != recordings[pair[1]].composer
    ]
    equal = [
        (i, j)
        for i, j in itertools.combinations(range(len(train)), 2)
        if recordings[i].composer == recordings[j].composer
        and recordings[i].title == recordings[j].title
    ]
    assert len(equal) == sum(n * (n - 1) // 2 for n in titles.values())
    return {
        "recordings": len(train),
        "pairs_called_one_piece": len(called),
        "of_these_under_other_composers": [
            [f"{recordings[i].composer}: {recordings[i].title}" for i in pair]
            for pair in sorted(other_composer)
        ],
        "pairs_of_equal_titles": len(equal),
        "of_these_called_one_piece": sum(pair in called for pair in equal),
        "called_duplicates": sum(each.is_same_performance for each in called.values()),
    }


def leakage(maestro: Sequence[Recording], sketches: Sequence[Landmarks]) -> dict[str, Any]:
    """Held-out recordings of the validation split that share a work with what is trained on.

    The hundred or so recordings whose works are known are split at random by recording, and by
    piece as a corpus is, with a hundred seeds; half are held out.
    """
    places = [i for i, each in enumerate(maestro) if each.split == "validation"]
    works = [
        MISTITLED.get(maestro[i].name, work_of(maestro[i].composer, maestro[i].title))
        for i in places
    ]
    groups = Groups(len(places))
    for pair in find_pairs([sketches[i] for i in places]):
        groups.join(pair.first, pair.second)
    leaks: dict[str, list[float]] = {"by_recording": [], "by_piece": []}
    for seed in range(100):
        rng = random.Random(seed)
        config = CorpusConfig(test=0.5, validation=0.0, seed=seed)
        chance = ["test" if rng.random() < 0.5 else "train" for _ in places]
        pieces = [decide([str(groups.find(i))], {}, config).split for i in range(len(places))]
        for name, splits in (("by_recording", chance), ("by_piece", pieces)):
            trained = {work for work, split in zip(works, splits, strict=True) if split == "train"}
            held = [w for w, split in zip(works, splits, strict=True) if split == "test" and w]
            leaks[name].append(sum(work in trained for work in held) / max(1, len(held)))
    crossing = [
        pair
        for pair in find_pairs(sketches)
        if maestro[pair.first].split != maestro[pair.second].split
    ]
    return {
        "held_out_recordings_whose_work_is_trained_on": {
            name: float(np.mean(shares)) for name, shares in leaks.items()
        },
        "most_by_piece": max(leaks["by_piece"]),
        "pairs_across_the_published_splits": [
            [
                f"{maestro[i].split}: {maestro[i].composer}: {maestro[i].title}"
                for i in (pair.first, pair.second)
            ]
            for pair in crossing
        ],
    }


def report_heard(heard: Path, played: Path) -> dict[str, Any]:
    """Real recordings: transcription and truth are one performance; doubtful notes are wrong."""
    n_found = n_same_piece = n = 0
    confidences, right = [], []
    for path in sorted(heard.glob("*.mid")):
        truth = played / path.name
        if not truth.is_file():
            continue
        n += 1
        beside = path.with_suffix(".json")
        est = read_source(TranscriptionSource(path, path.name, beside)).performance.notes
        end = est[-1].onset + 1  # the recordings are the first minutes of what was played
        ref = tuple(note for note in read_midi(truth).notes if note.onset < end)
        likeness = compare(find_landmarks(est), find_landmarks(ref))
        n_same_piece += likeness is not None and likeness.is_same_piece
        n_found += likeness is not None and likeness.is_same_performance
        matched = _matched(ref, est)
        onsets = np.array([note.onset for note in est])
        confidences += around(onsets, np.array([note.confidence for note in est])).tolist()
        right += [j in matched for j in range(len(est))]
    near, right_array = np.array(confidences), np.array(right)
    rows = {}
    for threshold in CONFIDENCES:
        doubtful = near < threshold
        rows[f"{threshold:g}"] = {
            "share_doubtful": float(doubtful.mean()),
            "right_where_doubtful": float(right_array[doubtful].mean()) if doubtful.any() else None,
            "right_elsewhere": float(right_array[~doubtful].mean()),
        }
    return {
        "recordings": n,
        "called_one_piece": int(n_same_piece),
        "called_duplicates": int(n_found),
        "notes_by_confidence_around": rows,
    }


def _matched(ref: Sequence[Note], est: Sequence[Note]) -> set[int]:
    """Which estimated notes were played, the recording's median onset deviation taken off."""
    played, found = (Events.of_notes(Performance(tuple(notes))) for notes in (ref, est))
    pairs = match(played, found)
    late = found.intervals[pairs[:, 1], 0] - played.intervals[pairs[:, 0], 0]
    return set(match(played, found.moved(-float(np.median(late))))[:, 1].tolist())


def corpus_table(record: Mapping[str, Any]) -> str:
    """How well pieces and duplicates are distinguished, as Markdown."""
    threshold = f"{record['threshold']:g}"
    chosen, validation = record["chosen_on"], record["validation"]
    name = chosen["name"]
    rows = [
        (f"{name}, as played (threshold chosen here)", chosen["as_played"]),
        (
            f"{name}, transposed, stretched and badly transcribed (chosen here)",
            chosen["heard_badly"],
        ),
    ]
    lines = [
        "| pairs of recordings of one piece | pairs | precision, % | recall, % |",
        "|---|--:|--:|--:|",
    ]
    for label, each in rows:
        lines.append(_table_row(label, each["pairs_of_one_piece"], each["by_threshold"][threshold]))
    lines.append(
        _table_row("MAESTRO validation, by its titles", validation["pairs_of_one_work"], validation)
    )
    if "with_the_wrong_title_corrected" in validation:
        each = validation["with_the_wrong_title_corrected"]
        label = "MAESTRO validation, one wrong title corrected"
        lines.append(_table_row(label, each["pairs_of_one_work"], each))
    for words, listed in (
        ("Called one piece against their titles", "called_one_piece_against_the_titles"),
        ("Missed", "missed"),
    ):
        pairs = "; ".join(
            f"{' and '.join(each['titles'])} ({each['landmarks_in_order']} landmarks in order)"
            for each in validation[listed]
        )
        lines += ["", f"{words}: {pairs or 'none'}."]
    lines[-1] += (
        ' One file that is called "Nocturne in Db" holds Islamey (`eval/data/maestro_works.py` '
        "says why)."
    )
    leaks = record["leakage"]["held_out_recordings_whose_work_is_trained_on"]
    copies, train = record["duplicates"], record["train"]
    lines += [
        "",
        f"Of held-out recordings of MAESTRO validation, split at random in two, "
        f"{100 * leaks['by_recording']:.0f} % share their work with what is trained on if "
        f"recordings are drawn, {100 * leaks['by_piece']:.1f} % if pieces are, as a corpus does "
        "(mean of 100 seeds). "
        f"In MAESTRO's train split {train['pairs_called_one_piece']} pairs are called one piece, "
        f"{len(train['of_these_under_other_composers'])} of them under two composers' names; the "
        "record lists them, and all are arrangements or wrong names. "
        f"Near-duplicates: of {copies['performances_of_one_piece']} pairs of performances of one "
        f"piece in {name} {copies['of_these_called_duplicates']} are called one performance, of "
        f"{copies['bad_copies']} bad copies {copies['of_these_called_duplicates_too']}.",
    ]
    if "heard" in record:
        heard = record["heard"]
        doubt = heard["notes_by_confidence_around"]["0.9"]
        lines[-1] += (
            f" Of {heard['recordings']} transcriptions of real recordings, beside what was played "
            f"there, {heard['called_one_piece']} are called one piece and "
            f"{heard['called_duplicates']} one performance; "
            f"{100 * doubt['share_doubtful']:.2f} % of their notes lie in doubtful passages "
            f"(confidence below 0.9), of which {100 * doubt['right_where_doubtful']:.0f} % are "
            f"right, of the others {100 * doubt['right_elsewhere']:.0f} %."
        )
    return "\n".join(lines)


def _table_row(label: str, n_pairs: int, ratios: Mapping[str, Any]) -> str:
    precision, recall = 100 * ratios["precision"], 100 * ratios["recall"]
    return f"| {label} | {n_pairs} | {precision:.1f} | {recall:.1f} |"


def _ratios(n_right: int, n_called: int, n_true: int) -> dict[str, float | int]:
    precision = n_right / n_called if n_called else 1.0
    recall = n_right / n_true if n_true else 1.0
    f1 = 2 * n_right / (n_called + n_true) if n_called + n_true else 1.0
    return {"called": n_called, "precision": precision, "recall": recall, "f1": f1}


def _notes_of(recordings: Sequence[Recording]) -> list[tuple[Note, ...]]:
    paths = [each.midi_path for each in recordings]
    with ProcessPoolExecutor(2) as pool:
        return list(pool.map(_read, paths, chunksize=16))


def _read(path: Path) -> tuple[Note, ...]:
    return read_midi(path).notes


if __name__ == "__main__":
    sys.exit(main())
