"""What a person reads of an `evaluate.Evaluation`: tables, for a terminal or a page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from transcribe.evaluation.aggregate import Summary
from transcribe.evaluation.counts import Scores
from transcribe.evaluation.error_types import FALSE, MISSED, Mistakes
from transcribe.evaluation.evaluate import Evaluation, FalseNotes, Piece
from transcribe.wording import count, one_line

_ENDINGS = {"": "50 ms", "_20ms": "20 ms", "_10ms": "10 ms"}
_CONVENTIONS = {"key": "key release", "sustained": "pedal-extended"}
RATIOS = (
    {f"onset{ending}": f"onset, {words}" for ending, words in _ENDINGS.items()}
    | {
        f"{convention}/{name}{ending}": f"{what}, {words}, {meaning}"
        for convention, meaning in _CONVENTIONS.items()
        for name, what in (
            ("onset_offset", "onset + offset"),
            ("onset_offset_velocity", "onset + offset + velocity"),
        )
        for ending, words in _ENDINGS.items()
    }
    | {
        "key/frame": "frame (10 ms grid), key release",
        "sustained/frame": "frame (10 ms grid), pedal-extended",
        "pedal/onset": "pedal onset, 50 ms",
        "pedal/onset_offset": "pedal onset + offset, 50 ms",
        "pedal/frame": "pedal frame (10 ms grid)",
    }
)
"""Names of `metrics.score` without alignment, in words and in the order of a table."""
NUMBERS = {
    "velocity_error": "velocity error, raw, MIDI steps",
    "velocity_correlation": "velocity correlation, raw",
} | {
    f"{convention}/overlap{kind}": f"overlap of {what}, {meaning}"
    for convention, meaning in _CONVENTIONS.items()
    for kind, what in (
        ("", "notes matched by onset"),
        ("_onset_offset", "notes matched by onset + offset"),
    )
}
DEVIATIONS = {
    "onset_deviation/median": "median onset deviation, ms (above 0: late)",
    "onset_deviation/spread": "its interquartile range, ms",
}
"""Names that no alignment changes; seconds in the scores, milliseconds in tables."""
PIECE_COLUMNS = {
    "onset": "onset",
    "key/onset_offset": "key",
    "sustained/onset_offset": "pedal",
}
"""Short for onset; onset + offset, key release; onset + offset, pedal-extended."""


class Table(NamedTuple):
    """Rows of text under a heading; all columns but the first are right-aligned.

    What can't be printed, as a file's name may have it, is shown escaped.
    """

    title: str
    head: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]

    def text(self) -> str:
        """In columns, for a terminal."""
        rows = self._printable()
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [
            row[0].ljust(widths[0])
            + "".join(f"  {cell:>{width}}" for cell, width in zip(row[1:], widths[1:], strict=True))
            for row in rows
        ]
        return "\n".join([self.title, *("  " + line.rstrip() for line in lines)])

    def markdown(self) -> str:
        """For a page; without its title where that is empty."""
        rule = "|".join(["---", *["--:"] * (len(self.head) - 1)])
        cells = (
            "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |"
            for row in self._printable()
        )
        head, *rows = cells
        heading = [f"### {self.title}", ""] if self.title else []
        return "\n".join([*heading, head, f"|{rule}|", *rows])

    def _printable(self) -> list[list[str]]:
        return [[one_line(cell) for cell in row] for row in (self.head, *self.rows)]


def tables_of(evaluation: Evaluation) -> Iterator[Table]:
    """Everything that is shown of an evaluation, in order."""
    pieces = evaluation.pieces
    if len(pieces) + len(evaluation.missing) == 1:
        yield from _tables_of_one(pieces[0])
    else:
        yield _by_piece(evaluation)
        yield from _means(evaluation.summary(), f"mean over {count(len(pieces), 'piece')}")
        yield from _mean_measures(evaluation.summary())
        if evaluation.missing:
            title = f"mean with {count(len(evaluation.missing), 'missing piece')} as unheard"
            yield from _means(evaluation.summary(with_missing=True), title)
    yield from mistake_tables(evaluation.mistakes())


def _tables_of_one(piece: Piece) -> Iterator[Table]:
    scores = piece.scores
    rows = [
        (label, *(_cells(scores, f"as_found/{name}")), *(_cells(scores, f"aligned/{name}")))
        for name, label in RATIOS.items()
        if f"as_found/{name}" in scores.ratios
    ]
    head = ("", "prec.", "recall", "F1", "aligned: prec.", "recall", "F1")
    yield Table("notes and pedal, percent", head, rows)
    numbers = [
        (label, *(_number(scores.numbers[f"{each}/{name}"]) for each in ("as_found", "aligned")))
        for name, label in NUMBERS.items()
        if f"as_found/{name}" in scores.numbers
    ]
    numbers += [
        (label, _number(scores.numbers[name], 1000, 1), "") for name, label in DEVIATIONS.items()
    ]
    yield Table("measures", ("", "as found", "aligned"), numbers)


def _by_piece(evaluation: Evaluation) -> Table:
    labels = tuple(PIECE_COLUMNS.values())
    head = ("F1, percent", *labels, f"aligned: {labels[0]}", *labels[1:], "late by, ms")
    rows = []
    for piece in (*evaluation.pieces, *evaluation.missing):
        scores = piece.scores
        names = [f"{each}/{name}" for each in ("as_found", "aligned") for name in PIECE_COLUMNS]
        cells = [f"{100 * scores.ratios[n].f1:.1f}" if n in scores.ratios else "" for n in names]
        late = _number(scores.numbers["onset_deviation/median"], 1000, 1)
        name = piece.name
        if piece.estimate is None:
            name += " (unreadable)" if name in evaluation.unreadable else " (missing)"
        rows.append((name, *cells, late))
    title = "by piece: onset; onset + offset, key release and pedal-extended"
    return Table(title, head, rows)


def _means(summaries: Mapping[str, Summary], title: str) -> Iterator[Table]:
    head = (*("F1, percent", "pieces", "mean", "95 %", "pooled"), "aligned: mean", "95 %", "pooled")
    rows = []
    for name, label in RATIOS.items():
        both = [summaries.get(f"{each}/{name}") for each in ("as_found", "aligned")]
        cells = [cell for each in both if each is not None for cell in _mean_cells(each, 100, 1)]
        if both[0] is not None and both[1] is not None:
            rows.append((label, str(both[0].n_recordings), *cells))
    yield Table(f"{title}: notes and pedal", head, rows)


def _mean_measures(summaries: Mapping[str, Summary]) -> Iterator[Table]:
    head = ("", "pieces", "mean", "95 %", "pooled", "aligned: mean", "95 %", "pooled")
    rows = []
    for name, label in NUMBERS.items():
        both = [summaries.get(f"{each}/{name}") for each in ("as_found", "aligned")]
        cells = [cell for each in both if each is not None for cell in _mean_cells(each, 1, 2)]
        if both[0] is not None and both[1] is not None:
            rows.append((label, str(both[0].n_recordings), *cells))
    for name, label in DEVIATIONS.items():
        each = summaries.get(name)
        if each is not None:
            rows.append((label, str(each.n_recordings), *_mean_cells(each, 1000, 1), "", "", ""))
    yield Table("mean over pieces: measures", head, rows)


def mistake_tables(mistakes: Mistakes) -> Iterator[Table]:
    """Missed and false notes by kind, and by what was played."""
    notes = mistakes.notes
    for title, total, kinds, words in (
        (
            f"missed: {notes.n_missed} of {notes.n_ref} notes",
            notes.n_missed,
            mistakes.missed,
            MISSED,
        ),
        (f"false: {notes.n_false} of {notes.n_est} notes", notes.n_false, mistakes.false, FALSE),
    ):
        rows = [
            (words[kind], str(n), f"{100 * n / total:.1f}" if total else "")
            for kind, n in kinds.items()
        ]
        yield Table(f"{title}, aligned", ("", "notes", "percent"), rows)
    for name, classes in mistakes.breakdowns.items():
        by_class = [
            (
                label,
                *(str(r.n_ref), str(r.n_missed), _percent(r.n_missed, r.n_ref)),
                *(str(r.n_false), f"{100 * r.f1:.1f}" if r.n_ref else ""),
            )
            for label, r in classes.items()
            if r.n_ref or r.n_est
        ]
        head = (f"by {name}", "played", "missed", "percent", "false", "F1")
        yield Table(f"onsets by {name}, aligned", head, by_class)


def false_note_table(found: FalseNotes) -> Table:
    """False notes a minute where nobody plays."""
    record = found.as_json()
    rows = [
        (each["name"], str(each["n_notes"]), f"{each['duration']:.1f}", f"{each['per_minute']:.2f}")
        for each in record["recordings"]
    ]
    n_notes = sum(each["n_notes"] for each in record["recordings"])
    total = f"{record['false_notes_per_minute']:.2f}"
    rows.append(("all together", str(n_notes), f"{record['seconds']:.1f}", total))
    return Table("no piano", ("recording", "false notes", "seconds", "a minute"), rows)


def _cells(scores: Scores, name: str) -> tuple[str, str, str]:
    ratio = scores.ratios[name]
    precision, recall, f1 = (
        f"{100 * part:.1f}" for part in (ratio.precision, ratio.recall, ratio.f1)
    )
    return precision, recall, f1


def _mean_cells(each: Summary, scale: float, digits: int) -> tuple[str, str, str]:
    pooled = each.pooled.f1 if each.pooled is not None else each.pooled_number
    interval = (
        ""
        if each.interval is None
        else " to ".join(f"{scale * edge:.{digits}f}" for edge in each.interval)
    )
    return _number(each.mean, scale, digits), interval, _number(pooled, scale, digits)


def _number(value: float | None, scale: float = 1.0, digits: int = 2) -> str:
    return "" if value is None else f"{scale * value:.{digits}f}"


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f}" if whole else ""
