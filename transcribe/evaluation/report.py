"""An `evaluate.Evaluation` as tables a person reads, and as files: JSON, CSV and Markdown.

The CSV has one line for each figure, to be filtered or pivoted: ``scope`` is ``piece``,
``mean`` or ``pooled`` (and the last two again with ``, missing counted`` where estimates are
missing), ``metric`` a name of `metrics.score`, or of `Mistakes.as_scores` after
``mistakes/``. Fractions are 0 to 1, times are seconds.
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote_to_bytes

from transcribe.evaluation.aggregate import Summary, aggregate
from transcribe.evaluation.counts import Scores
from transcribe.evaluation.error_types import Mistakes
from transcribe.evaluation.evaluate import Evaluation, FalseNotes
from transcribe.evaluation.tables import tables_of
from transcribe.export import no_formula
from transcribe.files.atomic import write_atomically
from transcribe.version import __version__
from transcribe.wording import count, one_line

CSV_COLUMNS = (
    *("scope", "piece", "metric", "value", "precision", "recall", "f1"),
    *("low_95", "high_95", "n_ref", "n_est", "n_matched"),
)

_PAGE = "evaluation.md"
_LINKED = re.compile(r"^!\[.*\]\((pianoroll-[^/\\\n]*\.png)\)$", re.MULTILINE)


def remarks(evaluation: Evaluation | FalseNotes) -> list[str]:
    """What was not compared, a line each; nothing if all was."""
    missing = [each if isinstance(each, str) else each.name for each in evaluation.missing]
    return [
        *(
            f"{name}: missing; there is no estimate of it"
            for name in missing
            if name not in evaluation.unreadable
        ),
        *(f"{name}: surplus; it has no reference" for name in evaluation.surplus),
        *(f"{name}: unreadable: {why}" for name, why in evaluation.unreadable.items()),
    ]


def as_text(evaluation: Evaluation) -> str:
    """All tables, for a terminal."""
    shown = [compared(evaluation), *(table.text() for table in tables_of(evaluation))]
    return "\n\n".join(shown)


def compared(evaluation: Evaluation) -> str:
    """What the figures are of, in a sentence or two."""
    pieces = evaluation.pieces
    notes = evaluation.mistakes().notes
    sentences = [
        f"{count(len(pieces), 'piece')}, {count(notes.n_ref, 'note')} played, "
        f"{notes.n_est} transcribed."
    ]
    for words, these in (
        ("no pedal known of", [each for each in pieces if not each.reference.has_pedal]),
        ("no velocities known of", [each for each in pieces if not each.reference.has_velocity]),
        ("cut where the recording ends", [each for each in pieces if each.reference.seconds]),
    ):
        if these:
            sentences.append(f"{words}: {len(these)} of {len(pieces)}.".capitalize())
    return " ".join(sentences)


def as_markdown(evaluation: Evaluation, title: str, *, pictures: Sequence[str] = ()) -> str:
    """All tables as a page, what was not compared, the conventions and the pictures."""
    from transcribe.evaluation import error_types, metrics

    sections = [f"# {title}"]
    sections.append(compared(evaluation))
    left_out = remarks(evaluation)
    if evaluation.warnings:
        sections += ["Warnings:", "\n".join(f"- {line}" for line in evaluation.warnings)]
    if left_out:
        sections += ["Not compared:", "\n".join(f"- {line}" for line in left_out)]
    sections += [table.markdown() for table in tables_of(evaluation)]
    sections += [f"![{one_line(Path(name).stem)}]({quote(os.fsencode(name))})" for name in pictures]
    sections += [
        "### Conventions",
        _conventions(metrics.__doc__),
        _conventions(error_types.__doc__),
    ]
    return "\n\n".join(sections) + "\n"


def as_json(evaluation: Evaluation | FalseNotes) -> str:
    """Every figure of every piece and of all together."""
    record = {"version": __version__} | evaluation.as_json()
    return json.dumps(record, indent=1, allow_nan=False, ensure_ascii=False) + "\n"


def as_csv(evaluation: Evaluation) -> str:
    """One line a figure, as this module's opening says."""
    table = io.StringIO(newline="")
    writer = csv.DictWriter(table, CSV_COLUMNS, lineterminator="\n", restval="")
    writer.writeheader()
    pieces = evaluation.pieces
    for piece in pieces:
        for scores in (piece.scores, _named(piece.mistakes)):
            writer.writerows(_lines(piece.name, scores))
    every = [
        ("", evaluation.summary()),
        ("", aggregate([_named(each.mistakes) for each in pieces])),
    ]
    if evaluation.missing:
        all_pieces = (*pieces, *evaluation.missing)
        every.append((", missing counted", evaluation.summary(with_missing=True)))
        every.append((", missing counted", aggregate([_named(p.mistakes) for p in all_pieces])))
    for which, summaries in every:
        writer.writerows(_summary_lines(which, summaries))
    return table.getvalue()


def write_report(
    evaluation: Evaluation, folder: Path, title: str, *, pictures: Sequence[str] = ()
) -> list[Path]:
    """Write ``evaluation.json``, ``.csv`` and ``.md``; pictures lie in the folder already."""
    contents = {
        "evaluation.json": as_json(evaluation),
        "evaluation.csv": as_csv(evaluation),
        _PAGE: as_markdown(evaluation, title, pictures=pictures),
    }
    for name, text in contents.items():
        write_atomically(folder / name, text)
    return [folder / name for name in contents]


def linked_pictures(folder: Path) -> set[str]:
    """Names of the pictures that the report in a folder shows; none where there is no report."""
    try:
        linked = _LINKED.findall((folder / _PAGE).read_text("utf-8", "replace"))
    except OSError:
        return set()
    names = (os.fsdecode(unquote_to_bytes(name)) for name in linked)
    return {name for name in names if not re.search(r"[/\\]", name)}


def _named(mistakes: Mistakes) -> Scores:
    scores = mistakes.as_scores()
    return Scores(
        {f"mistakes/{name}": each for name, each in scores.ratios.items()},
        {f"mistakes/{name}": each for name, each in scores.numbers.items()},
        {f"mistakes/{name}": each for name, each in scores.sums.items()},
    )


def _lines(piece: str, scores: Scores) -> Iterator[dict[str, Any]]:
    piece = no_formula(piece)
    for name, ratio in scores.ratios.items():
        yield {"scope": "piece", "piece": piece, "metric": name} | ratio.as_json()
    for name, number in scores.numbers.items():
        value = "" if number is None else number
        yield {"scope": "piece", "piece": piece, "metric": name, "value": value}


def _summary_lines(which: str, summaries: Mapping[str, Summary]) -> Iterator[dict[str, Any]]:
    for name, each in summaries.items():
        mean = {"scope": f"mean{which}", "metric": name} | _edges(each.interval)
        pooled = {"scope": f"pooled{which}", "metric": name} | _edges(each.pooled_interval)
        if each.pooled is not None:
            parts = {"precision": each.mean_precision, "recall": each.mean_recall, "f1": each.mean}
            yield mean | parts
            yield pooled | each.pooled.as_json()
            continue
        yield mean | {"value": each.mean}
        if each.pooled_number is not None:
            yield pooled | {"value": each.pooled_number}


def _edges(interval: tuple[float, float] | None) -> dict[str, Any]:
    return {} if interval is None else {"low_95": interval[0], "high_95": interval[1]}


def _conventions(doc: str | None) -> str:
    """A module's conventions, as Markdown understands them."""
    text = (doc or "").partition("-----------\n")[2]
    return text.partition("\n\nEvery function takes")[0].strip()
