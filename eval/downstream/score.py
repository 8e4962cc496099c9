"""How well scores are read off performances: beats, bars, metres, keys, hands, rhythm.

    python -m eval.downstream.score --data FOLDER --out eval/results/score.json

``FOLDER`` holds ``midi/`` with ASAP, its match files and MusicXML unpacked into one folder, and
``instruments/``. Scored are the pieces that ``recipes/score/split.csv`` keeps for a part
(``test``; ``validation`` is what settings were chosen on), two performances of each at most,
from the first note to the end or for ``--seconds``. A piece's figure is the mean over its
performances; means and 95 % intervals are over pieces.

- ``beats``, ``downbeats``: F1 within 70 ms (`mir_eval.beat.f_measure`, nothing trimmed);
- ``metre``, ``key``: whether the first time signature and the first key signature are those of
  the published score (sharps modulo 12: F sharp and G flat are one);
- ``hand``: share of notes in the right hand's or left hand's staff as in the published score;
- ``place``, ``value``: given the annotated beats, bars and metre, share of notes, grace notes
  aside, at the published place within their beat, and of the published written length; a note
  that is taken for a grace note has the wrong length;
- ``place_found``, ``value_found``: the same with beats, bars and metre as found. A place is
  right if the note is as far into its beat as in the published score.

``rules`` is what `transcribe.score.plain` does without learning. With ``--told`` they are scored
once more with what ``--metre`` and ``--key`` would say, the published first signatures, which are
right then whatever the music. With ``--recorded SECONDS`` the
same performances, cut there, are also played on an instrument that the transcriber's training
held out, transcribed, and scored: notes are those that were heard within 50 ms.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import mir_eval
import numpy as np
from numpy.typing import NDArray

from eval.common.command import new_parser, run
from transcribe.datasets import load_dataset
from transcribe.datasets.annotated import NO_KEY, UNKNOWN, AnnotatedPerformance, read_asap
from transcribe.evaluation.aggregate import aggregate
from transcribe.evaluation.counts import Mean, Scores
from transcribe.music.beat_grid import DENOMINATORS, Metre
from transcribe.music.key import Key
from transcribe.notes import Performance
from transcribe.options import positive_seconds, whole_number
from transcribe.score import plain
from transcribe.score.analysis import analyse
from transcribe.score.networks import ScoreNetworks
from transcribe.score.score import RIGHT, Hints, Score
from transcribe.synthesis.render import render
from transcribe.synthesis.sample_bank import SampleBank
from transcribe.train.score_data import read_split
from transcribe.train.validation_pieces import VALIDATION_RENDER
from transcribe.transcriber import Transcriber

SPLIT = Path("recipes/score/split.csv")
INSTRUMENT = "splendid_steinway"
"""Held out of the transcriber's training."""
NAMES = (
    "beats",
    "downbeats",
    "metre",
    "key",
    "hand",
    "place",
    "value",
    "place_found",
    "value_found",
)
_HEARD = 0.05
"""Seconds."""
_SAME_PLACE = 0.012
"""Beats."""


@dataclass(frozen=True)
class Case:
    """What is scored: a performance, and what is known of its notes."""

    piece: str
    midi: Path
    """The published score lies beside it."""
    performance: Performance
    truth: AnnotatedPerformance
    note: NDArray[np.int64]
    """Of each note of the performance which one of the truth it is, or -1."""


def cases(
    data: Path, split: Path, part: str, *, most: int, seconds: float | None
) -> Iterator[Case]:
    """Performances of a part, at most so many a piece."""
    wanted = {
        (composer, title)
        for (index, composer, title), where in read_split(split).items()
        if where == part and index == "asap"
    }
    taken: dict[tuple[str, str], int] = {}
    for recording in load_dataset(data / "midi" / "asap.csv", split="train"):
        piece = (recording.composer, recording.title)
        if piece not in wanted or taken.get(piece, 0) >= most or recording.midi_path is None:
            continue
        taken[piece] = taken.get(piece, 0) + 1
        truth = read_asap(recording.midi_path)
        if seconds is not None:
            truth = truth.until(max(truth.onset[0], truth.beats[0]) + seconds)
        yield Case(
            "/".join(piece),
            recording.midi_path,
            truth.performance,
            truth,
            np.arange(len(truth.onset)),
        )


def transcribed(case: Case, transcriber: Transcriber, bank: SampleBank) -> Case:
    """The same as heard from a recording of it."""
    samples = render(case.performance, bank, VALIDATION_RENDER, rng=np.random.default_rng(0))
    heard = transcriber.transcribe(samples, sample_rate=bank.sample_rate).performance
    truth, used = case.truth, set()
    note = np.full(len(heard.notes), -1)
    for index, each in enumerate(heard.notes):
        first, last = np.searchsorted(truth.onset, [each.onset - _HEARD, each.onset + _HEARD])
        near = [i for i in range(first, last) if truth.pitch[i] == each.pitch and i not in used]
        if near:
            note[index] = min(near, key=lambda i: abs(truth.onset[i] - each.onset))
            used.add(int(note[index]))
    return Case(case.piece, case.midi, heard, truth, note)


def measured(case: Case, read: Callable[..., Score], *, with_notes: bool) -> dict[str, float]:
    """The figures of one performance."""
    truth = case.truth
    score = read(case.performance)
    found = score.metres[0].metre
    figures = {
        "beats": float(mir_eval.beat.f_measure(truth.beats, np.array(score.beats))),
        "downbeats": float(
            mir_eval.beat.f_measure(truth.beats[truth.is_down], np.array(score.downbeats))
        ),
        "metre": float(
            (found.numerator, found.denominator) == (truth.numerator[0], truth.denominator[0])
        ),
        "key": float(score.keys[0].key.fifths % 12 == truth.fifths[0] % 12),
    }
    figures |= _of_notes(score, case, hand=True, ending="_found")
    if with_notes:
        figures |= _of_notes(read(case.performance, _known(truth)), case)
    return {name: value for name, value in figures.items() if name in NAMES}


def _known(truth: AnnotatedPerformance) -> Hints:
    """The annotated beats, and the metre where there is only one."""
    metres = set(zip(truth.numerator.tolist(), truth.denominator.tolist(), strict=True))
    numerator, denominator = metres.pop()
    is_one = not metres and denominator in DENOMINATORS
    return Hints(
        beats=tuple(truth.beats.tolist()),
        downbeats=tuple(truth.beats[truth.is_down].tolist()),
        metre=Metre(numerator, denominator) if is_one else None,
    )


def _of_notes(
    score: Score, case: Case, *, hand: bool = False, ending: str = ""
) -> dict[str, float]:
    """Shares of notes that are right, of those whose truth is known."""
    truth = case.truth
    hands, places, values = [], [], []
    for written, index in zip(score.notes, case.note.tolist(), strict=True):
        if index < 0:
            continue
        if truth.hand[index] != UNKNOWN:
            hands.append((written.hand == RIGHT) == (truth.hand[index] == 1))
        if truth.beat[index] != UNKNOWN and truth.length[index] > 0:
            quarters = float(score.metre(written.bar).quarters_per_beat)
            apart = (float(written.beat) / quarters - truth.place[index] + 0.5) % 1 - 0.5
            places.append(abs(apart) < _SAME_PLACE)
            is_right = abs(float(written.length) - truth.length[index]) < 0.02 * written.length
            values.append(is_right and not written.is_grace)
    columns = {f"place{ending}": places, f"value{ending}": values}
    if hand:
        columns["hand"] = hands
    return {name: float(np.mean(column)) for name, column in columns.items() if column}


def over_pieces(rows: Sequence[tuple[str, Mapping[str, float]]]) -> dict[str, Any]:
    """Means over pieces with their intervals, and the figures of every piece."""
    pieces: dict[str, dict[str, float]] = {}
    for piece in dict.fromkeys(name for name, _ in rows):
        own = [figures for name, figures in rows if name == piece]
        pieces[piece] = {
            name: float(np.mean([each[name] for each in own if name in each]))
            for name in NAMES
            if any(name in each for each in own)
        }
    summaries = {}
    for name in NAMES:
        scores = [
            Scores.of({}, {name: Mean.of([each[name]])}) for each in pieces.values() if name in each
        ]
        if scores:
            found = aggregate(scores)[name]
            summaries[name] = {
                "mean": found.mean,
                "interval_95": list(found.interval) if found.interval else None,
                "n_pieces": found.n_recordings,
            }
    return {"summary": summaries, "pieces": pieces}


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """All figures."""
    everything = list(
        cases(
            options.data,
            options.split,
            options.part,
            most=options.performances,
            seconds=options.seconds,
        )
    )
    networks = ScoreNetworks(options.weights) if options.weights else ScoreNetworks()

    def read(performance: Performance, hints: Hints | None = None) -> Score:
        return analyse(performance, hints, networks=networks)

    record: dict[str, Any] = {"part": options.part, "n_performances": len(everything)}
    played, rules, told = [], [], []
    spent = music = 0.0
    for case in everything:
        started = time.perf_counter()
        read(case.performance)
        spent += time.perf_counter() - started
        music += case.performance.notes[-1].onset - case.performance.notes[0].onset
        played.append((case.piece, measured(case, read, with_notes=True)))
        rules.append((case.piece, measured(case, plain.analyse, with_notes=False)))
        if options.told:
            hints = first_signatures(case.truth)
            obeying = partial(analyse, hints=hints, networks=networks)
            told.append((case.piece, measured(case, obeying, with_notes=False)))
        print(case.piece, _line(played[-1][1]), file=sys.stderr, flush=True)
    record["seconds_an_hour"] = spent / music * 3600
    record |= over_pieces(played)
    record["rules_from_midi"] = over_pieces(rules)
    if told:
        record["told_metre_and_key"] = over_pieces(told)
    if options.recorded:
        bank = SampleBank.load(options.data / "instruments" / INSTRUMENT)
        transcriber = Transcriber.load()
        rows = []
        for case in cases(
            options.data, options.split, options.part, most=1, seconds=options.recorded
        ):
            heard = transcribed(case, transcriber, bank)
            rows.append((case.piece, measured(heard, read, with_notes=True)))
            print("recorded", case.piece, _line(rows[-1][1]), file=sys.stderr, flush=True)
        record["from_recordings"] = over_pieces(rows)
        record["recorded_seconds"] = options.recorded
        record["instrument"] = INSTRUMENT
    return record


def first_signatures(truth: AnnotatedPerformance) -> Hints:
    """The published first metre and key signature; modes are not annotated."""
    key = Key(7 * int(truth.fifths[0]) % 12) if truth.fifths[0] != NO_KEY else None
    return Hints(metre=Metre(int(truth.numerator[0]), int(truth.denominator[0])), key=key)


def _line(figures: Mapping[str, float]) -> str:
    return " ".join(f"{name} {100 * value:.0f}" for name, value in figures.items())


def _shown(record: Mapping[str, Any]) -> str:
    lines = [f"seconds an hour {record['seconds_an_hour']:.1f}"]
    sources = {"from MIDI": record} | {
        name.replace("_", " "): record[name]
        for name in ("rules_from_midi", "told_metre_and_key", "from_recordings")
        if name in record
    }
    for source, figures in sources.items():
        for name, each in figures["summary"].items():
            low, high = each["interval_95"] or (float("nan"), float("nan"))
            lines.append(
                f"{source:16} {name:12} {100 * each['mean']:5.1f} "
                f"[{100 * low:.1f}, {100 * high:.1f}] (n {each['n_pieces']})"
            )
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; 0, or 1 with one line."""
    parser = new_parser("eval.downstream.score", __doc__)
    parser.add_argument("--data", type=Path, required=True, help="holds midi/ and instruments/")
    parser.add_argument("--weights", type=Path, help="folder of other weights than the package's")
    parser.add_argument("--split", type=Path, default=SPLIT, help=f"default: {SPLIT}")
    parser.add_argument("--part", choices=("test", "validation"), default="test")
    parser.add_argument(
        "--performances", type=whole_number, default=2, help="of a piece; default: 2"
    )
    parser.add_argument(
        "--seconds", type=positive_seconds, help="from the first note; default: all"
    )
    parser.add_argument("--told", action="store_true", help="also with metre and key told")
    parser.add_argument(
        "--recorded", type=positive_seconds, help="score recordings of so many seconds, too"
    )
    return run(parser, measure, arguments, show=_shown)


if __name__ == "__main__":
    sys.exit(main())
