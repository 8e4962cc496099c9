"""Two files, or two folders of files, compared: which is the transcription of which, how good.

Conventions
-----------
- Files are read and paired as `pairing` says. A reference without estimate is *missing*, an
  estimate without reference *surplus*, a file that can't be read *unreadable*. None is passed
  over in silence: all are listed, and figures of the pairs that are there are followed by
  figures in which each missing or unreadable estimate counts as one without a note.
- Where the recording itself lies beside the reference, or its length is given, both sides
  are cut where it ends: labels that go on have no sound, and a pedal held to the
  end would otherwise sustain the last notes of each side to another end.
- The references know the pedal if any of their MIDI files has a press, and are otherwise
  taken to know nothing about it; one knows velocities if it has two different ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from transcribe.errors import AudioError, TranscribeError
from transcribe.evaluation.aggregate import Summary, aggregate
from transcribe.evaluation.counts import Scores
from transcribe.evaluation.error_types import Mistakes, find_mistakes
from transcribe.evaluation.metrics import score
from transcribe.evaluation.pairing import (
    Pairing,
    PerformanceFiles,
    find_recordings,
    find_sources,
    named_source,
    pair,
    pair_sides,
)
from transcribe.evaluation.shift import shift_of
from transcribe.midi_reading import MidiReading
from transcribe.notes import Performance

_LONG_HELD = 10.0
"""Seconds after the last key is released; a pedal that is down longer was not lifted in time."""


@dataclass(frozen=True, slots=True)
class Reference:
    """What was played, what the reference knows of it, and how long its recording is."""

    source: PerformanceFiles
    performance: Performance
    has_pedal: bool
    has_velocity: bool
    seconds: float | None

    def cut(self, performance: Performance) -> Performance:
        """What of a performance lies within the recording."""
        return performance if self.seconds is None else first_seconds(performance, self.seconds)


@dataclass(frozen=True, slots=True)
class Piece:
    """One reference and its estimate, compared."""

    name: str
    scores: Scores
    mistakes: Mistakes
    reference: Reference
    estimate: PerformanceFiles | None
    """None: compared with no notes."""

    @property
    def f1(self) -> float:
        """Of onsets within 50 ms, aligned."""
        return self.scores.ratios["aligned/onset"].f1

    def as_json(self) -> dict[str, Any]:
        """Every metric and mistake."""
        return {
            "name": self.name,
            "reference_has_pedal": self.reference.has_pedal,
            "reference_has_velocity": self.reference.has_velocity,
            "seconds_of_recording": self.reference.seconds,
            "scores": self.scores.as_json(),
            "mistakes": self.mistakes.as_json(),
        }


@dataclass(frozen=True, slots=True)
class Evaluation:
    """All pieces compared, and what could not be."""

    pieces: tuple[Piece, ...]
    missing: tuple[Piece, ...] = ()
    """References without a readable estimate, compared with no notes."""
    surplus: tuple[str, ...] = ()
    unreadable: dict[str, str] = field(default_factory=dict)
    """Names and reasons, of references and estimates, and of folders."""
    left_out: dict[str, int] = field(default_factory=dict)
    """Number of the folders' files that are no performances, by their endings."""
    warnings: tuple[str, ...] = ()
    """What the figures should not be read without, each with the name of its piece."""

    @property
    def complete(self) -> bool:
        """Whether every file of both sides was compared."""
        return not (self.missing or self.surplus or self.unreadable)

    def summary(self, *, with_missing: bool = False) -> dict[str, Summary]:
        """Metrics over the pieces; missing estimates left out, or as without a note."""
        return aggregate([each.scores for each in self._chosen(with_missing)])

    def mistakes(self, *, with_missing: bool = False) -> Mistakes:
        """The mistakes of all pieces together; missing estimates left out, or all missed."""
        first, *others = (each.mistakes for each in self._chosen(with_missing))
        return sum(others, first)

    def _chosen(self, with_missing: bool) -> tuple[Piece, ...]:
        return self.pieces + (self.missing if with_missing else ())

    def as_json(self) -> dict[str, Any]:
        """Everything, by piece and together."""
        found: dict[str, Any] = {
            "n_compared": len(self.pieces),
            "missing": [each.name for each in self.missing],
            "surplus": list(self.surplus),
            "unreadable": dict(self.unreadable),
            "left_out": dict(self.left_out),
            "warnings": list(self.warnings),
            "summary": _plain(self.summary()),
            "mistakes": self.mistakes().as_json(),
            "mistakes_summary": _plain(
                aggregate([each.mistakes.as_scores() for each in self.pieces])
            ),
        }
        if self.missing:
            found["summary_with_missing"] = _plain(self.summary(with_missing=True))
            found["mistakes_with_missing"] = self.mistakes(with_missing=True).as_json()
        return found | {"pieces": [each.as_json() for each in self.pieces]}


def evaluate(
    ref: Path,
    est: Path,
    *,
    split: str | None = None,
    est_suffix: str = "",
    seconds: float | None = None,
    progress: Callable[[float], None] | None = None,
) -> Evaluation:
    """Compare a file with a file, or a folder with a folder.

    Parameters
    ----------
    ref, est : Path
        Both files or both folders; a reference may also be a data set (`load_dataset`) if
        a split is given.
    split : str, optional
        Which part of that data set.
    est_suffix : str
        What the estimates' names have more than the references', such as ``_basic_pitch``.
    seconds : float, optional
        Where the recordings end, for references without a recording beside them: of both
        sides, only what lies before is compared.
    progress : callable, optional
        Called with the seconds of music that are done.

    Raises
    ------
    TranscribeError
        A single file can't be read, or no file of one folder belongs to one of the other.
    """
    pairing = pair(ref, est, split=split, est_suffix=est_suffix)
    estimates = {known.name: estimate for known, estimate in pairing.pairs}
    unreadable: dict[str, str] = {}
    is_single = not est.is_dir()
    read = []
    sources = (*(known for known, _ in pairing.pairs), *pairing.missing)
    for source in sorted(sources, key=lambda each: each.name):
        with _noted(source.name, unreadable, is_single=is_single):
            read.append((source, source.read(), _least(source.seconds, seconds)))
    knows_pedal = any(reading.performance.pedal for _, reading, _ in read)
    warnings = list(pairing.ambiguous)
    pieces: list[Piece] = []
    missing: list[Piece] = []
    done = 0.0
    for source, reading, end in read:
        warnings += _warnings(f"{source.name} (reference)", reading, end)
        estimate, found = estimates.get(source.name), None
        if estimate is not None:
            with _noted(source.name, unreadable, is_single=is_single):
                found = estimate.read()
        reference = _reference(source, reading.performance, end, knows_pedal=knows_pedal)
        if estimate is None or found is None:
            missing.append(compare(reference, None, Performance()))
        else:
            warnings += _warnings(f"{source.name} (estimate)", found, end)
            pieces.append(compare(reference, estimate, found.performance))
            warnings += _shifted(pieces[-1], found.performance)
        done += reading.performance.duration if end is None else end
        if progress is not None:
            progress(done)
    if not pieces:
        first = next(iter(unreadable.values()), "")
        raise TranscribeError(f"none of the {len(pairing.pairs)} pairs could be read: {first}")
    unreadable |= pairing.unreadable
    surplus = tuple(each.name for each in pairing.surplus)
    left_out = dict(pairing.left_out)
    return Evaluation(tuple(pieces), tuple(missing), surplus, unreadable, left_out, tuple(warnings))


@contextmanager
def _noted(name: str, unreadable: dict[str, str], *, is_single: bool) -> Iterator[None]:
    """Note why a file can't be read, unless it is the only one."""
    try:
        yield
    except TranscribeError as error:
        if is_single:
            raise
        unreadable[name] = str(error)


def _reference(
    source: PerformanceFiles, performance: Performance, end: float | None, *, knows_pedal: bool
) -> Reference:
    return Reference(
        source,
        performance,
        has_pedal=knows_pedal and source.midi is not None,
        has_velocity=len({note.velocity for note in performance.notes}) > 1,
        seconds=end,
    )


def _least(*seconds: float | None) -> float | None:
    return min((each for each in seconds if each is not None), default=None)


def _warnings(name: str, read: MidiReading, end: float | None) -> list[str]:
    """What a file's reader warns of, and a pedal whose end is only that of the file."""
    warnings = [f"{name}: {each}" for each in read.warnings]
    performance = read.performance
    last_key_up = max((note.offset for note in performance.notes), default=0.0)
    stays_down = bool(performance.pedal) and (
        read.is_pedal_held or performance.pedal[-1].offset > last_key_up + _LONG_HELD
    )
    if stays_down and end is None:
        press = performance.pedal[-1]
        n_notes = sum(note.offset >= press.onset for note in performance.notes)
        warnings.append(
            f"{name}: the pedal is held from {press.onset:.1f} s to the end, {press.offset:.1f} s, "
            f"and {n_notes} notes last with it: pedal-extended figures depend on where the file "
            "ends; put the recording beside it, or say with --seconds where it ends"
        )
    return warnings


def _shifted(piece: Piece, est: Performance) -> list[str]:
    """That an estimate is early or late throughout."""
    played = piece.reference.cut(piece.reference.performance)
    shift = shift_of(played, est, n_matched=piece.scores.ratios["aligned/onset"].n_matched)
    if shift is None:
        return []
    size = f"{1000 * abs(shift):.0f} ms" if abs(shift) < 1 else f"{abs(shift):.2f} s"
    return [
        f"{piece.name} (estimate): all of it is about {size} "
        f"{'late' if shift > 0 else 'early'}, which is more than 'aligned' takes off; move it by "
        "that, or see whether one of the two was cut at its beginning"
    ]


def compare(reference: Reference, source: PerformanceFiles | None, est: Performance) -> Piece:
    """Every metric and mistake of one piece."""
    ref, est = reference.cut(reference.performance), reference.cut(est)
    pedal, velocity = reference.has_pedal, reference.has_velocity
    return Piece(
        reference.source.name,
        score(ref, est, ref_has_pedal=pedal, ref_has_velocity=velocity),
        find_mistakes(ref, est, ref_has_pedal=pedal, ref_has_velocity=velocity),
        reference,
        source,
    )


def first_seconds(performance: Performance, seconds: float) -> Performance:
    """What begins before a moment, cut off there."""
    return Performance(
        tuple(
            replace(note, offset=min(note.offset, seconds))
            for note in performance.notes
            if note.onset < seconds
        ),
        tuple(
            replace(press, offset=min(press.offset, seconds))
            for press in performance.pedal
            if press.onset < seconds
        ),
    )


def _plain(summaries: dict[str, Summary]) -> dict[str, Any]:
    return {name: each.as_json() for name, each in summaries.items()}


@dataclass(frozen=True, slots=True)
class FalseNotes:
    """What was transcribed in recordings without a piano."""

    recordings: tuple[tuple[str, int, float], ...]
    """Name, notes, seconds."""
    missing: tuple[str, ...] = ()
    """Recordings without an estimate: no statement is made about them."""
    surplus: tuple[str, ...] = ()
    unreadable: dict[str, str] = field(default_factory=dict)
    left_out: dict[str, int] = field(default_factory=dict)
    """Number of the folders' other files, by their endings."""

    @property
    def complete(self) -> bool:
        """Whether there was an estimate for every recording and no other."""
        return not (self.missing or self.surplus or self.unreadable)

    def as_json(self) -> dict[str, Any]:
        """All together and each, as in a benchmark's record."""
        n_notes = sum(n for _, n, _ in self.recordings)
        seconds = sum(each for _, _, each in self.recordings)
        return {
            "n_recordings": len(self.recordings),
            "seconds": round(seconds, 1),
            "false_notes_per_minute": round(60 * n_notes / seconds, 2),
            "missing": list(self.missing),
            "surplus": list(self.surplus),
            "unreadable": dict(self.unreadable),
            "left_out": dict(self.left_out),
            "recordings": [
                {
                    "name": name,
                    "n_notes": n,
                    "duration": round(each, 3),
                    "per_minute": round(60 * n / each, 2),
                }
                for name, n, each in self.recordings
            ],
        }


def evaluate_without_piano(recordings: Path, est: Path, *, est_suffix: str = "") -> FalseNotes:
    """Count what was transcribed in recordings without a piano, a file or a folder of them.

    Raises
    ------
    TranscribeError
        A single file can't be read, or no estimate belongs to any recording.
    """
    is_single = not recordings.is_dir()
    if is_single:
        sound = PerformanceFiles(recordings.stem, audio=recordings)
        pairing = Pairing(((sound, named_source(est)),))
    else:
        sounds = find_recordings(recordings, without=[est])
        estimates = find_sources(est, without=[recordings], name_suffix=est_suffix)
        expected = "recordings and MIDI files"
        pairing = pair_sides(recordings, sounds, est, estimates, expected)
    found: list[tuple[str, int, float]] = []
    unreadable: dict[str, str] = {}
    for sound, estimate in pairing.pairs:
        with _noted(sound.name, unreadable, is_single=is_single):
            seconds = sound.seconds
            if not seconds:
                raise AudioError(
                    f"{sound.audio}: expected a duration in its header; found none",
                    kind="damaged",
                )
            n_notes = len(first_seconds(estimate.read().performance, seconds).notes)
            found.append((sound.name, n_notes, seconds))
    if not found:
        raise TranscribeError(f"none could be read: {next(iter(unreadable.values()), est)}")
    unreadable |= pairing.unreadable
    return FalseNotes(
        tuple(found),
        tuple(each.name for each in pairing.missing),
        tuple(each.name for each in pairing.surplus),
        unreadable,
        dict(pairing.left_out),
    )
