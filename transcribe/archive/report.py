"""What an archivist wants to know of a run: in figures, as a table, in a few lines."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from transcribe.archive.diagnosis import TUNING, kind_of
from transcribe.archive.escaping import cell, escaped
from transcribe.archive.listing import Listing
from transcribe.archive.progress import count_of, hours
from transcribe.archive.rows import DONE, FAILED, QUARANTINED, Row

DOUBTFUL_CONFIDENCE = 0.9
"""Mean confidence below which a transcription is worth checking by ear; most have 0.95 or more."""
PROBLEM_COLUMNS = ("recording", "state", "what", "remark", "confidence", "outputs")


@dataclass(frozen=True, slots=True)
class Tally:
    """An archive in figures."""

    rows: Sequence[Row]
    listing: Listing

    def of(self, state: str) -> list[Row]:
        """Recordings of a state."""
        return [row for row in self.rows if row.state == state and row.present]

    @property
    def here(self) -> list[Row]:
        """Recordings that are in the source now."""
        return [row for row in self.rows if row.present]

    @property
    def failures(self) -> list[Row]:
        """Recordings that failed or are quarantined."""
        return [row for row in self.here if row.state in (FAILED, QUARANTINED)]

    @property
    def causes(self) -> list[tuple[str, int]]:
        """Causes of failures, most frequent first."""
        return Counter(row.cause for row in self.failures).most_common()

    @property
    def doubtful(self) -> list[Row]:
        """Transcriptions worth checking by ear, most doubtful first; tuning alone is no doubt."""
        doubts = [row for row in self.of(DONE) if _doubt(row)]
        return sorted(doubts, key=lambda row: (row.confidence or 0.0, row.name))

    @property
    def warnings(self) -> list[tuple[str, int]]:
        """Kinds of warnings, most frequent first."""
        kinds = [kind_of(line) for row in self.of(DONE) for line in row.warnings]
        return Counter(kinds).most_common()

    @property
    def slowest(self) -> list[Row]:
        """Recordings that took longest, longest first."""
        return sorted(self.of(DONE), key=lambda row: -(row.seconds or 0.0))

    @property
    def lost(self) -> list[tuple[str, str]]:
        """Parts of the source that could not be read, with the reason."""
        return [(each.name, each.reason) for each in self.listing.troubles if each.is_loss]

    @property
    def seconds_of_music(self) -> float:
        """Seconds of music of all that is done."""
        return sum(row.duration or 0.0 for row in self.of(DONE))

    @property
    def seconds_spent(self) -> float:
        """Seconds that workers spent on all that is done."""
        return sum(row.seconds or 0.0 for row in self.of(DONE))

    @property
    def is_complete(self) -> bool:
        """Whether every recording is done, and nothing of the source is hidden."""
        return len(self.of(DONE)) == len(self.here) and not self.lost


def _doubt(row: Row) -> bool:
    warned = any(kind_of(line) != TUNING for line in row.warnings)
    return warned or row.confidence is None or row.confidence < DOUBTFUL_CONFIDENCE


def summary_lines(tally: Tally) -> list[str]:
    """A summary of some lines."""
    lines = [
        f"{len(tally.of(DONE)):,} of {count_of(len(tally.here), 'recording')} done, "
        f"{hours(tally.seconds_of_music)} of music"
    ]
    waiting = len(tally.here) - len(tally.of(DONE)) - len(tally.failures)
    if waiting:
        lines.append(f"{waiting:,} not done yet; the same command continues")
    if tally.failures:
        causes = ", ".join(f"{cause} ({n})" for cause, n in tally.causes)
        lines.append(f"{len(tally.failures):,} failed: {causes}")
    if tally.lost:
        lines.append(f"{count_of(len(tally.lost), 'place')} could not be read")
    if tally.doubtful:
        lines.append(f"{len(tally.doubtful):,} worth checking by ear")
    return lines


def as_csv(tally: Tally) -> bytes:
    """What did not go as it should, one line each: failures, then doubts, then lost places."""
    table = io.StringIO(newline="")
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(PROBLEM_COLUMNS)
    for row in tally.failures:
        writer.writerow(_line(row, row.cause, row.error))
    for row in tally.doubtful:
        warnings = row.warnings or ["low confidence: some notes may be wrong"]
        kinds = ", ".join(map(kind_of, warnings))
        writer.writerow(_line(row, kinds, "; ".join(warnings)))
    for name, reason in tally.lost:
        writer.writerow([cell(escaped(name)), "not read", "", cell(reason), "", ""])
    return table.getvalue().encode("utf-8")


def _line(row: Row, what: str, remark: str) -> list[str]:
    confidence = "" if row.confidence is None else f"{row.confidence:.3f}"
    stem = row.stem if row.state == DONE else ""
    return [
        cell(escaped(row.name)),
        row.state,
        what,
        cell(remark),
        confidence,
        cell(escaped(stem)),
    ]
