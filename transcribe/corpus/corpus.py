"""A corpus that is written: its entries, shards and counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from transcribe.corpus.entries import USED, CorpusEntry
from transcribe.corpus.shards import Shard, ShardCounts
from transcribe.corpus.splits import Assigned


@dataclass(frozen=True, slots=True)
class Corpus:
    """A corpus that is written."""

    folder: Path
    entries: tuple[CorpusEntry, ...]
    """One a transcription, by name."""
    shards: tuple[Shard, ...]
    counts: Mapping[str, ShardCounts]
    """By split; those without a recording are absent."""
    assigned: Assigned
    """Splits that the user decided."""
    unreadable: Mapping[str, str]
    """Folders of the transcriptions that can't be read, and why."""

    @property
    def statuses(self) -> Counter[str]:
        """How many transcriptions became what."""
        return Counter(entry.status for entry in self.entries)

    def n_recordings(self, split: str) -> int:
        """Recordings in a split."""
        return sum(entry.status == USED and entry.split == split for entry in self.entries)

    def n_pieces(self, split: str) -> int:
        """Pieces in a split."""
        used = (entry for entry in self.entries if entry.status == USED)
        return len({entry.piece for entry in used if entry.split == split})
