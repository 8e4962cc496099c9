"""Which file is the transcription of which: performances in files, found and paired.

Conventions
-----------
- In a folder a performance is all files of one path without their endings, as `datasets`
  reads them: notes come from ``NAME.tsv`` if there is one, otherwise from ``NAME.mid``,
  otherwise from ``NAME.txt``, the pedal from ``NAME.mid``. A file that is named itself shows
  the notes whatever lies beside it.
- The recording is the sound file of that name, if there is one.
- Two folders' performances belong together, subfolders included, that have one path without
  their endings, or else one name that neither folder has twice (`transcribe.files.names`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from transcribe.audio.reader import measured_seconds
from transcribe.datasets import load_dataset
from transcribe.datasets.labels import labels_beside, load_labels
from transcribe.errors import TranscribeError
from transcribe.files.endings import (
    LABEL_SUFFIXES,
    MIDI_SUFFIXES,
    RECORDING_SUFFIXES,
    beside,
    is_midi,
    is_recording,
)
from transcribe.files.names import as_typed, decode_text, match_names, stem_of
from transcribe.files.walking import walk
from transcribe.midi import load_midi
from transcribe.midi_reading import MidiReading
from transcribe.notes import Performance

_LOOKED_AT = 65536
"""Bytes at the beginning of a text that are looked at for labels."""


@dataclass(frozen=True, slots=True)
class PerformanceFiles:
    """The files of one performance."""

    name: str
    """Path within the folder, without its ending."""
    midi: Path | None = None
    labels: Path | None = None
    audio: Path | None = None

    def read(self) -> MidiReading:
        """Notes and pedal, with warnings; raises a `TranscribeError` for what can't be read."""
        midi = MidiReading(Performance()) if self.midi is None else load_midi(self.midi)
        if self.labels is None:
            return midi
        labels = load_labels(self.labels)
        return MidiReading(
            Performance(labels.notes, midi.performance.pedal),
            (*midi.warnings, *labels.warnings),
            midi.is_pedal_held,
        )

    @property
    def seconds(self) -> float | None:
        """How long the recording beside it is, by decoding it; None if there is none."""
        return None if self.audio is None else measured_seconds(self.audio)


@dataclass(frozen=True, slots=True)
class Pairing:
    """What belongs together, and what is left over."""

    pairs: tuple[tuple[PerformanceFiles, PerformanceFiles], ...]
    missing: tuple[PerformanceFiles, ...] = ()
    """References without an estimate."""
    surplus: tuple[PerformanceFiles, ...] = ()
    """Estimates without a reference."""
    left_out: Counter[str] = field(default_factory=Counter)
    """Other files of the folders, by their endings."""
    ambiguous: tuple[str, ...] = ()
    """A sentence for each that was not paired because it could belong to two."""
    unreadable: dict[str, str] = field(default_factory=dict)
    """Folders that can't be read, and why."""


@dataclass(frozen=True, slots=True)
class Side:
    """What one of two folders holds."""

    sources: Sequence[PerformanceFiles] = ()
    left_out: Counter[str] = field(default_factory=Counter)
    """Files that belong to none of the performances, by their endings."""
    unreadable: dict[Path, str] = field(default_factory=dict)
    """Folders that can't be read, and why."""


def pair(ref: Path, est: Path, *, split: str | None = None, est_suffix: str = "") -> Pairing:
    """Find what belongs together; raises TranscribeError if nothing does."""
    if split is None and not ref.is_dir():
        return Pairing(((named_source(ref), named_source(est)),))
    if split is not None and not est.is_dir():
        raise TranscribeError(f"{est}: expected a folder with a transcription of each recording")
    estimates = find_sources(est, without=[ref], name_suffix=est_suffix)
    if split is None:
        return pair_sides(ref, find_sources(ref, without=[est]), est, estimates, "files")
    references = [
        PerformanceFiles(each.name, each.midi_path, each.labels_path, each.audio_path)
        for each in load_dataset(ref, split=split)
    ]
    return pair_sides(ref, Side(references), est, estimates, "files")


def find_sources(folder: Path, *, without: Iterable[Path] = (), name_suffix: str = "") -> Side:
    """The performances in a folder and its subfolders but some, sorted by name.

    Names are given without a suffix that they may have, such as ``_basic_pitch``. Hidden
    files are left out, and text that doesn't look like labels.
    """
    if not folder.is_dir():
        raise TranscribeError(f"{folder}: expected a folder, as the other is one")
    found: dict[str, PerformanceFiles] = {}
    files, unreadable = walk(folder, without=without)
    for path in files:
        suffix = path.suffix.lower()
        if suffix not in MIDI_SUFFIXES + LABEL_SUFFIXES:
            continue
        if suffix == ".txt" and not _looks_like_labels(path):
            continue
        name = path.relative_to(folder).with_suffix("").as_posix()
        if as_typed(name) not in found:
            found[as_typed(name)] = _found_source(path, name)
    sources = [replace(each, name=each.name.removesuffix(name_suffix)) for each in found.values()]
    used = {path for each in sources for path in (each.midi, each.labels, each.audio)}
    return Side(sources, _by_ending(set(files) - used), unreadable)


def find_recordings(folder: Path, *, without: Iterable[Path] = ()) -> Side:
    """The sound files in a folder and its subfolders but some, sorted by name."""
    files, unreadable = walk(folder, without=without)
    sources = [
        PerformanceFiles(path.relative_to(folder).with_suffix("").as_posix(), audio=path)
        for path in files
        if is_recording(path)
    ]
    return Side(sources, _by_ending(path for path in files if not is_recording(path)), unreadable)


def _by_ending(files: Iterable[Path]) -> Counter[str]:
    return Counter(path.suffix.lower() for path in files)


def named_source(path: Path) -> PerformanceFiles:
    """One performance: the file's notes, and if it is text, the pedal of the MIDI beside it."""
    if path.suffix.lower() not in LABEL_SUFFIXES:
        return PerformanceFiles(stem_of(path.name), path, audio=beside(path, RECORDING_SUFFIXES))
    midi = beside(path, MIDI_SUFFIXES)
    return PerformanceFiles(stem_of(path.name), midi, path, beside(path, RECORDING_SUFFIXES))


def _found_source(path: Path, name: str) -> PerformanceFiles:
    """One performance, from whichever of its files."""
    midi = path if is_midi(path) else beside(path, MIDI_SUFFIXES)
    labels = labels_beside(path, has_midi=midi is not None)
    return PerformanceFiles(name, midi, labels, beside(path, RECORDING_SUFFIXES))


def pair_sides(ref: Path, references: Side, est: Path, estimates: Side, expected: str) -> Pairing:
    """Pair what two folders hold; raises TranscribeError if nothing belongs together."""
    pairing = pair_sources(references.sources, estimates.sources)
    unreadable = references.unreadable | estimates.unreadable
    if not pairing.pairs:
        unsure = [*pairing.ambiguous, *(f"{folder}: {why}" for folder, why in unreadable.items())]
        raise TranscribeError(
            f"expected {expected} of the same names in {ref} and {est}; found "
            f"{_some(references.sources)} and {_some(estimates.sources)}"
            + "".join(f"; {each}" for each in unsure[:3])
        )
    return replace(
        pairing,
        left_out=references.left_out + estimates.left_out,
        unreadable={str(folder): why for folder, why in unreadable.items()},
    )


def pair_sources(
    references: Sequence[PerformanceFiles], estimates: Sequence[PerformanceFiles]
) -> Pairing:
    """Pair by name; what could belong to two is left over on both sides."""
    found = match_names([each.name for each in references], [each.name for each in estimates])
    paired_ref = {i for i, _ in found.pairs}
    paired_est = {j for _, j in found.pairs}
    pairs = [(references[i], estimates[j]) for i, j in found.pairs]
    return Pairing(
        tuple(sorted(pairs, key=lambda each: each[0].name)),
        tuple(each for i, each in enumerate(references) if i not in paired_ref),
        tuple(each for j, each in enumerate(estimates) if j not in paired_est),
        ambiguous=found.ambiguous,
    )


def _looks_like_labels(path: Path) -> bool:
    """Whether the first line that is no comment begins with three columns of numbers."""
    try:
        with path.open("rb") as file:
            lines = decode_text(file.read(_LOOKED_AT)).splitlines()
        for line in lines:
            columns = line.replace(",", "\t").split()
            if columns[:1] == ["OnsetTime"]:
                return True
            if columns and not line.startswith("#"):
                return len([float(column) for column in columns[:3]]) == 3
    except (OSError, ValueError):
        return False
    return False


def _some(sources: Sequence[PerformanceFiles]) -> str:
    """How many, and the first."""
    return f"{len(sources)} (the first is {sources[0].name})" if sources else "none"
