"""The status of each transcription: one line in ``recordings.jsonl``."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transcribe.corpus.config import CorpusConfig
from transcribe.corpus.grouping import Groups, Pair, find_duplicates
from transcribe.corpus.reading import Reading
from transcribe.corpus.splits import decide
from transcribe.errors import DatasetError
from transcribe.files.atomic import write_atomically
from transcribe.files.json_text import parse_json

USED = "used"
STATUSES = {
    USED: "in the corpus",
    "duplicate": "the same performance as another, transcribed or saved twice",
    "held out": "of a piece that another split has",
    "doubtful": "nothing left of it once doubtful passages were cut out",
    "short": "every passage too short",
    "empty": "no notes",
    "unreadable": "not a MIDI file, or a broken one",
}
"""What may happen to a transcription."""
FILE_NAME = "recordings.jsonl"


@dataclass(frozen=True, slots=True)
class CorpusEntry:
    """One transcription and its status."""

    reading: Reading
    status: str
    """A key of `STATUSES`."""
    piece: str = ""
    """Equal for recordings that share music; the least of their checksums, shortened."""
    split: str = ""
    duplicate_of: str = ""
    """Name of another."""
    pair: Pair | None = None
    """What shows it to be a duplicate, if its notes are not simply equal."""

    def as_json(self) -> dict[str, Any]:
        """One object; what does not apply is left out."""
        reading = self.reading
        values: dict[str, Any] = {
            "source": reading.name,
            "status": self.status,
            "split": self.split,
            "piece": self.piece,
            "midi_sha256": reading.midi_sha256,
            "json_sha256": reading.json_sha256,
            "reason": reading.error,
            "duplicate_of": self.duplicate_of,
        }
        values = {key: value for key, value in values.items() if value}
        if self.pair is not None:
            likeness = self.pair.likeness
            values["likeness"] = {
                "semitones": abs(likeness.transposition),
                "landmarks_in_order": likeness.n_in_order,
                "steadiness": round(likeness.steadiness, 3),
                "tempo": round(likeness.tempo, 4),
            }
        if reading.error:
            return values
        values |= {"notes": reading.n_notes, "seconds": reading.seconds}
        if reading.has_confidences:
            values["confidence"] = round(reading.confidence, 3)
        for key in ("model", "weights_sha256"):
            if getattr(reading, key):
                values[key] = getattr(reading, key)
        if reading.remarks:
            values["remarks"] = list(reading.remarks)
        if self.status in (USED, "doubtful", "short"):
            cut = reading.cut
            values |= {"doubtful_notes": cut.n_doubtful, "short_notes": cut.n_short}
            values["passages"] = [[round(p.start, 4), round(p.stop, 4)] for p in cut.passages]
        return values


def settle(
    readings: Sequence[Reading],
    pairs: Iterable[Pair],
    assigned_before: Mapping[str, str],
    config: CorpusConfig,
) -> list[CorpusEntry]:
    """Decide the status of every transcription.

    Parameters
    ----------
    readings : sequence of Reading
        In the order of `Reading.order`.
    pairs : iterable of Pair
        Those of one piece, by places among the readings.
    assigned_before : mapping
        Splits by SHA-256 of MIDI files.
    config : CorpusConfig
        Shares and seed of the splits.
    """
    groups = Groups(len(readings))
    equal = _join_equal(readings, groups)
    pairs = list(pairs)
    for pair in pairs:
        groups.join(pair.first, pair.second)
    pairs_of: dict[int, list[Pair]] = {}
    for pair in pairs:
        pairs_of.setdefault(groups.find(pair.first), []).append(pair)
    entries: list[CorpusEntry] = []
    for root, members in groups.all().items():
        if readings[root].error or not readings[root].n_notes:
            entries += [
                CorpusEntry(readings[each], "unreadable" if readings[each].error else "empty")
                for each in members
            ]
        else:
            near = pairs_of.get(root, [])
            entries += _of_piece(root, members, near, equal, readings, assigned_before, config)
    return sorted(entries, key=lambda entry: entry.reading.name)


def _join_equal(readings: Sequence[Reading], groups: Groups) -> dict[int, int]:
    """Join readings of equal notes; of each but the first, the place of the first."""
    equal: dict[int, int] = {}
    first_of: dict[str, int] = {}
    for place, reading in enumerate(readings):
        if reading.music:
            first = first_of.setdefault(reading.music, place)
            if first != place:
                equal[place] = first
                groups.join(first, place)
    return equal


def _of_piece(
    root: int,
    members: Sequence[int],
    near: Sequence[Pair],
    equal: Mapping[int, int],
    readings: Sequence[Reading],
    assigned_before: Mapping[str, str],
    config: CorpusConfig,
) -> Iterator[CorpusEntry]:
    """The recordings of one piece: those of its split, and what is left out of them."""
    decision = decide([readings[each].midi_sha256 for each in members], assigned_before, config)
    held_out = {each for each in members if readings[each].midi_sha256 in decision.left_out}
    settled = held_out | equal.keys()
    near = [pair for pair in near if not settled & {pair.first, pair.second}]
    dropped = find_duplicates(near, {each: readings[each].n_notes for each in members})
    piece = readings[root].midi_sha256[:12]
    for each in members:
        status, other, shown = _passable(readings[each]), None, None
        split = decision.split
        if each in held_out:
            status, split = "held out", assigned_before[readings[each].midi_sha256]
        elif each in equal and equal[each] not in held_out:
            status, other = "duplicate", equal[each]
        elif each in dropped:
            shown = dropped[each]
            status, other = "duplicate", shown.first + shown.second - each
        name = "" if other is None else readings[other].name
        yield CorpusEntry(readings[each], status, piece, split, name, shown)


def _passable(reading: Reading) -> str:
    """Whether anything of it can be used, or why not."""
    if reading.cut.passages:
        return USED
    return "doubtful" if reading.cut.n_doubtful > reading.cut.n_short else "short"


def write_entries(entries: Iterable[CorpusEntry], path: Path) -> None:
    """Write one JSON object a line."""
    lines = [json.dumps(entry.as_json(), ensure_ascii=False) + "\n" for entry in entries]
    write_atomically(path, "".join(lines))


def read_earlier_splits(path: Path) -> dict[str, str]:
    """The splits that an earlier run gave, by SHA-256 of MIDI files; none without such a file.

    Raises
    ------
    DatasetError
        The file is damaged.
    """
    try:
        values = [parse_json(line) for line in path.read_text("utf-8").splitlines()]
        return {each["midi_sha256"]: each["split"] for each in values if each.get("split")}
    except FileNotFoundError:
        return {}
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise DatasetError(
            f"{path}: expected a line of JSON for each transcription, with the split that it was "
            f"given ({error}); put back a copy, or remove the file to give splits anew"
        ) from error
