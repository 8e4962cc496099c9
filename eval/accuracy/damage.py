"""How often a musician would complain about the transcriptions of a data set.

    python -m eval.accuracy.damage --data maps-real-dev --split test --out after.json
    python -m eval.accuracy.damage --compare before.json after.json

Every figure is damage: 0 is none, less is better. It is the number of damaged notes per 100
of the notes that the complaint is about, so a *missed* figure is 100 minus the recall in
percent, and an *extra* figure can exceed 100. Which notes are missed or false, of which kind and
in which class, is what `transcribe.evaluation.error_types` says, times aligned:

- ``missed``, ``extra``: of all reference notes; false notes per 100 reference notes. What
  the other figures are parts of.
- ``mistimed``, ``doubled``, ``octave_ghosts``: the kinds mistimed, split and octave ghost, per
  100 reference notes.
- ``repeated_missed``, ``very_short_missed``, ``low_bass_missed``: of the reference notes struck at
  most 0.25 s after the last stroke of their key, held for at most 0.1 s, or below C2, those missed.
  ``very_short_extra``: false notes as short, per 100 reference notes. ``low_bass``: 100 minus the
  onset F1 in percent of the notes below C2.
- ``too_long_pedal``: of matched notes that the reference's pedal keeps sounding after the
  key is up, those that sound longer than in the reference by over 100 ms and over 20 % of
  the reference's sound. ``too_short_pedal``: shorter by as much. ``too_long_key``,
  ``too_short_key``: the same of key releases, of all matched notes.
- ``soft_inner_missed``: a chord is the reference notes struck within 50 ms of its first. Of
  the notes of chords that are neither the highest nor the lowest, and softer than the
  loudest by 15 MIDI steps or more, those missed.
- ``sharp``, ``flat``: points of onset F1 (in percent) that are lost when the recording is
  played faster or slower, so that the piano is 30 cents (``--cents``) sharp or flat, and the
  labels are moved with it. May be below 0.

Labels that go on after the end of the audio are cut there. A figure's mean weighs recordings
equally, leaves out those that have no such notes, and has the 95 % interval of
`transcribe.evaluation.aggregate`; *pooled* weighs notes equally. A comparison takes the
differences recording by recording, so its interval is of the change.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eval.common.command import run
from eval.common.tables import markdown, mean_cell
from eval.common.transcribing import (
    Transcribe,
    audio_path,
    cut_at_end,
    dataset_parser,
    measure_each,
)
from transcribe.audio.reader import read_audio
from transcribe.audio.wav import write_wav
from transcribe.datasets import Recording, has_pedal, has_velocity, reference_performance
from transcribe.errors import TranscribeError
from transcribe.evaluation import error_types
from transcribe.evaluation.aggregate import Summary, aggregate
from transcribe.evaluation.error_types import find_mistakes
from transcribe.evaluation.matching import match_aligned
from transcribe.evaluation.metrics import Scores, onset_f1
from transcribe.evaluation.note_table import NoteTable
from transcribe.notes import Performance, sustained
from transcribe.options import number_from_0
from transcribe.train.augment.detuning import detune, scale_performance

LABELS = {
    "missed": "any note missed",
    "extra": "any extra note, per 100 played",
    "mistimed": "50 to 100 ms early or late",
    "too_long_pedal": "too long under the pedal",
    "too_short_pedal": "too short under the pedal",
    "too_long_key": "key released too late",
    "too_short_key": "key released too early",
    "repeated_missed": "repeated note missed",
    "doubled": "note doubled, per 100 played",
    "octave_ghosts": "octave or twelfth ghost, per 100 played",
    "soft_inner_missed": "soft inner voice missed",
    "very_short_missed": "very short note missed",
    "very_short_extra": "very short extra note, per 100 played",
    "low_bass_missed": "low bass missed",
    "low_bass": "low bass, 100 - onset F1",
}
DETUNED_LABELS = {
    "sharp": "piano {cents:g} cents sharp, points of onset F1 lost",
    "flat": "piano {cents:g} cents flat, points of onset F1 lost",
}
DETUNED_SAMPLE_RATE = 44100
DEFINITIONS = 2
"""Records are compared if they count the same; older ones, which counted otherwise, have none."""


@dataclass(frozen=True, slots=True)
class Count:
    """So many notes are damaged, of so many that could be."""

    n_damaged: int
    n_notes: int

    @property
    def per_100(self) -> float | None:
        """None where there is no such note."""
        return 100 * self.n_damaged / self.n_notes if self.n_notes else None

    def __add__(self, other: Count) -> Count:
        return Count(self.n_damaged + other.n_damaged, self.n_notes + other.n_notes)


@dataclass(frozen=True, slots=True)
class Damage:
    """One recording's damage."""

    name: str
    duration: float
    counts: dict[str, Count]
    onset_f1: dict[str, float]
    """``as_recorded`` and, where asked for, ``sharp`` and ``flat``; 0 to 1."""

    @property
    def figures(self) -> dict[str, float | None]:
        """All damage by name; what the labels don't hold is absent."""
        as_recorded = self.onset_f1["as_recorded"]
        return {name: count.per_100 for name, count in self.counts.items()} | {
            name: 100 * (as_recorded - self.onset_f1[name])
            for name in DETUNED_LABELS
            if name in self.onset_f1
        }

    def as_json(self) -> dict[str, Any]:
        """Figures, and the counts they come from."""
        counts = {name: [each.n_damaged, each.n_notes] for name, each in self.counts.items()}
        return {
            "name": self.name,
            "duration": round(self.duration, 3),
            "onset_f1": self.onset_f1,
            "figures": self.figures,
            "damaged_of": counts,
        }


LONGER, LONGER_SHARE = 0.1, 0.2
"""Seconds, and share of the duration, by which a note is too long or short."""
CHORD, SOFTER = 0.05, 15


def find_damage(
    ref: Performance,
    est: Performance,
    *,
    est_sustained: Performance | None = None,
    ref_has_pedal: bool = True,
    ref_has_velocity: bool = True,
) -> dict[str, Count]:
    """Count the damage of one recording.

    Parameters
    ----------
    ref, est : Performance
        What was played and what was transcribed; offsets are key releases.
    est_sustained : Performance, optional
        The estimate's notes as long as they sound; by default they follow from ``est`` by
        `notes.sustained`, as the reference's do.
    ref_has_pedal, ref_has_velocity : bool
        Whether the reference knows them; what needs them is left out otherwise.

    Returns
    -------
    dict of Count
        By the names in this module's opening, without ``sharp`` and ``flat``.
    """
    known = {"ref_has_pedal": ref_has_pedal, "ref_has_velocity": ref_has_velocity}
    mistakes = find_mistakes(ref, est, **known)
    n_ref = mistakes.notes.n_ref
    repeated, short, low = (
        next(iter(mistakes.breakdowns[name].values()))  # the lowest class
        for name in ("repetition", "length", "register")
    )
    pairs, deviation = match_aligned(ref, est)
    played = NoteTable.of(ref, sustained(ref) if ref_has_pedal else ref)
    est_long = sustained(est) if est_sustained is None else est_sustained
    found = NoteTable.of(est, est_long, -deviation)
    counts = {
        "missed": Count(mistakes.notes.n_missed, n_ref),
        "extra": Count(mistakes.notes.n_false, n_ref),
        "mistimed": Count(mistakes.missed["mistimed"], n_ref),
        "doubled": Count(mistakes.false["split"], n_ref),
        "octave_ghosts": Count(mistakes.false["octave_ghost"], n_ref),
        "repeated_missed": Count(repeated.n_missed, repeated.n_ref),
        "very_short_missed": Count(short.n_missed, short.n_ref),
        "very_short_extra": Count(short.n_false, n_ref),
        "low_bass_missed": Count(low.n_missed, low.n_ref),
        # 1 - F1 is what both sides have unmatched, of what both sides have.
        "low_bass": Count(low.n_missed + low.n_false, low.n_ref + low.n_est),
    }
    if ref_has_pedal:
        held = pairs[(played.sound_end > played.release)[pairs[:, 0]]]
        late = found.sound_end[held[:, 1]] - played.sound_end[held[:, 0]]
        counts |= _wrong_ends("pedal", late, (played.sound_end - played.onset)[held[:, 0]])
    late = found.release[pairs[:, 1]] - played.release[pairs[:, 0]]
    counts |= _wrong_ends("key", late, (played.release - played.onset)[pairs[:, 0]])
    if ref_has_velocity:
        missed = np.ones(n_ref, bool)
        missed[pairs[:, 0]] = False
        inner = _soft_inner(played)
        counts["soft_inner_missed"] = Count(int((missed & inner).sum()), int(inner.sum()))
    return {name: counts[name] for name in LABELS if name in counts}


def _wrong_ends(
    which: str, late: NDArray[np.float64], duration: NDArray[np.float64]
) -> dict[str, Count]:
    tolerance = np.maximum(LONGER, LONGER_SHARE * duration)
    return {
        f"too_long_{which}": Count(int((late > tolerance).sum()), len(late)),
        f"too_short_{which}": Count(int((late < -tolerance).sum()), len(late)),
    }


def _soft_inner(notes: NoteTable) -> NDArray[np.bool_]:
    """Which notes are within a chord, and much softer than its loudest."""
    found = np.zeros(len(notes.onset), bool)
    start = 0
    while start < len(notes.onset):
        stop = int(np.searchsorted(notes.onset, notes.onset[start] + CHORD, side="right"))
        pitch, velocity = notes.pitch[start:stop], notes.velocity[start:stop]
        inner = (pitch > pitch.min()) & (pitch < pitch.max())
        found[start:stop] = inner & (velocity <= velocity.max() - SOFTER)
        start = stop
    return found


def damage_of(
    recording: Recording, transcribe: Transcribe, *, max_seconds: float | None, cents: float
) -> Damage:
    """Transcribe a recording, as it is and detuned, and count the damage."""
    path = audio_path(recording)
    transcription = transcribe(path)
    ref = reference_performance(recording)
    parts = cut_at_end(
        (ref, transcription.performance, transcription.sustained),
        transcription.duration,
        max_seconds,
    )
    counts = find_damage(
        parts[0],
        parts[1],
        est_sustained=parts[2],
        ref_has_pedal=has_pedal(recording),
        ref_has_velocity=has_velocity(recording),
    )
    figures = {"as_recorded": onset_f1(parts[0], parts[1], aligned=True)}
    if cents:
        samples = read_audio(path, DETUNED_SAMPLE_RATE)
        for name, change in (("sharp", cents), ("flat", -cents)):
            moved, time_scale = detune(samples, change)
            moved /= max(1.0, float(np.abs(moved).max(initial=0)))
            with tempfile.TemporaryDirectory() as folder:
                detuned = Path(folder) / f"{recording.name}.wav"
                write_wav(detuned, moved, DETUNED_SAMPLE_RATE)
                moved_est = transcribe(detuned)
            moved_ref = scale_performance(ref, time_scale)
            both = cut_at_end((moved_ref, moved_est.performance), moved_est.duration, max_seconds)
            figures[name] = onset_f1(*both, aligned=True)
    return Damage(recording.name, transcription.duration, counts, figures)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the arguments say; 0, or 1 with one line if a file is not as promised."""
    parser = dataset_parser("eval.accuracy.damage", __doc__, data_required=False)
    parser.add_argument(
        "--cents",
        type=number_from_0,
        default=30.0,
        help="of the detuned piano; 0: none; default: 30",
    )
    parser.add_argument(
        "--compare", type=Path, nargs=2, metavar=("BEFORE", "AFTER"), help="two records (.json)"
    )
    return run(parser, damage, arguments, show=damage_table)


def damage(options: argparse.Namespace) -> dict[str, Any] | None:
    """Count the damage of every recording; or compare two records, and record nothing."""
    if (options.data is None) == (options.compare is None):
        raise argparse.ArgumentError(None, "give either --data or --compare")
    if options.compare is not None:
        before, after = map(read_record, options.compare)
        print(comparison_table(before, after))
        return None
    found, record = measure_each(
        partial(damage_of, max_seconds=options.max_seconds, cents=options.cents),
        options,
        conventions=f"{error_types.__doc__} {__doc__}",
        line=lambda each: f"{each.name}: aligned onset F1 {100 * each.onset_f1['as_recorded']:.1f}",
    )
    record["data"] |= {"cents": options.cents, "definitions": DEFINITIONS}
    pooled: dict[str, Count] = {}
    for each in found:
        for name, count in each.counts.items():
            pooled[name] = pooled.get(name, Count(0, 0)) + count
    record["summary"] = {
        name: summary.as_json() | _pooled_json(pooled.get(name))
        for name, summary in _means([each.figures for each in found]).items()
    }
    means = _means([each.onset_f1 for each in found])
    record["onset_f1"] = {name: summary.as_json() for name, summary in means.items()}
    record["recordings"] = [each.as_json() for each in found]
    return record


def damage_table(record: Mapping[str, Any]) -> str:
    """A record's figures as Markdown."""
    rows = []
    for name, each in record["summary"].items():
        pooled, counts = "", ""
        if each.get("pooled") is not None:
            pooled, counts = f"{each['pooled']:.2f}", f"{each['n_damaged']} of {each['n_notes']}"
        mean = mean_cell(each, 1, 2)
        rows.append([_label(name, record), str(each["n_recordings"]), mean, pooled, counts])
    head = ("damage, less is better", "recordings", "mean over recordings", "pooled", "damaged of")
    f1 = {name: f"{100 * each['mean']:.1f} %" for name, each in record["onset_f1"].items()}
    means = ", ".join(f"{name.replace('_', ' ')} {mean}" for name, mean in f1.items())
    return f"{markdown(head, rows)}\n\nAligned onset F1: {means}."


def comparison_table(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """Two records of the same recordings as Markdown, with the change of every figure.

    Raises
    ------
    TranscribeError
        They are of different recordings, of other parts of them, or detuned otherwise.
    """
    for what in ("name", "split", "max_seconds_each", "cents", "definitions"):
        found = [record["data"].get(what) for record in (before, after)]
        if found[0] != found[1]:
            raise TranscribeError(
                f"expected two records of the same data; their {what} is {found[0]} and {found[1]}"
            )
    figures = [
        {each["name"]: each["figures"] for each in record["recordings"]}
        for record in (before, after)
    ]
    if figures[0].keys() != figures[1].keys():
        one_sided = ", ".join(sorted(figures[0].keys() ^ figures[1].keys()))
        raise TranscribeError(f"expected records of the same recordings; not in both: {one_sided}")
    changes = [
        {
            name: None if value is None or old.get(name) is None else value - old[name]
            for name, value in figures[1][recording].items()
        }
        for recording, old in figures[0].items()
    ]
    systems = [record["system"]["name"] for record in (before, after)]
    lines = [
        f"| damage, less is better | before: {systems[0]} | after: {systems[1]} | change | |",
        "|---|--:|--:|--:|---|",
    ]
    for name, change in _means(changes).items():
        cells = [
            mean_cell(record["summary"][name], 1, 2, interval=False) for record in (before, after)
        ]
        summary = change.as_json()
        cells.append(mean_cell(summary, 1, 2, signed=True))
        line = f"| {_label(name, after)} | {' | '.join(cells)} |"
        lines.append(f"{line} {_verdict(summary['interval_95'])} |".replace("  |", " |"))
    return "\n".join(lines)


def read_record(path: Path) -> dict[str, Any]:
    """A record of this command; raises TranscribeError for anything else."""
    try:
        record = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise TranscribeError(f"{path}: can't be read: {error.strerror}") from error
    except ValueError as error:
        raise TranscribeError(f"{path}: expected a record (JSON); {error}") from error
    recordings = record.get("recordings") if isinstance(record, dict) else None
    if not recordings or any("figures" not in each for each in recordings):
        raise TranscribeError(
            f"{path}: expected a record that eval.accuracy.damage --out has written; found another"
        )
    return record


def _means(figures: Sequence[Mapping[str, float | None]]) -> dict[str, Summary]:
    return aggregate([Scores({}, dict(each)) for each in figures])


def _pooled_json(count: Count | None) -> dict[str, Any]:
    if count is None:
        return {}
    return {"pooled": count.per_100, "n_damaged": count.n_damaged, "n_notes": count.n_notes}


def _label(name: str, record: Mapping[str, Any]) -> str:
    return LABELS.get(name) or DETUNED_LABELS[name].format(cents=record["data"]["cents"])


def _verdict(interval: Sequence[float] | None) -> str:
    """In a word, where the interval of the change leaves no doubt."""
    if interval is None or interval[0] <= 0 <= interval[1]:
        return ""
    return "better" if interval[1] < 0 else "worse"


if __name__ == "__main__":
    sys.exit(main())
