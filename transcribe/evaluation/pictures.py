"""Piano rolls of the pieces of an `evaluate.Evaluation`, page by page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from transcribe.evaluation.evaluate import Evaluation, Piece
from transcribe.evaluation.pianoroll import best_median_worst, draw, panels, parts
from transcribe.files.names import LONGEST_NAME, shortened

ROWS_A_PAGE = 6

_ROOM = len("-1000.png")


def draw_pictures(
    evaluation: Evaluation, folder: Path, *, seconds: float, few: bool = True
) -> list[str]:
    """Draw pieces whole, as ``pianoroll-NAME.png`` or, on several pages, ``-1.png`` and on.

    Parameters
    ----------
    evaluation : Evaluation
        Its pieces are read again from their files.
    folder : Path
        An existing one.
    seconds : float
        Of music in a row; a page has `ROWS_A_PAGE`.
    few : bool
        Whether to draw of several pieces the best, the median and the worst alone.

    Returns
    -------
    list of str
        Names of the files within the folder.
    """
    chosen = best_median_worst(evaluation.pieces)
    if not few:
        labels = {each.name: label for label, each in chosen.items()}
        chosen = {labels.get(each.name, each.name): each for each in evaluation.pieces}
    names: list[str] = []
    for label, piece in chosen.items():
        stem = shortened("pianoroll-" + piece.name.replace("/", "-"), LONGEST_NAME - _ROOM)
        label = "" if label in (piece.name, "only") else f"{label}: "
        names += _draw_piece(piece, folder, stem, label, seconds, names)
    return names


def _draw_piece(
    piece: Piece, folder: Path, stem: str, label: str, seconds: float, taken: Sequence[str]
) -> list[str]:
    if piece.estimate is None:
        raise ValueError(f"{piece.name} has no estimate to draw")
    ref = piece.reference.cut(piece.reference.performance)
    est = piece.reference.cut(piece.estimate.read().performance)
    rows = panels(parts(ref, est), seconds, ref_has_pedal=piece.reference.has_pedal)
    pages = [rows[i : i + ROWS_A_PAGE] for i in range(0, len(rows), ROWS_A_PAGE)]
    ends = [".png"] if len(pages) == 1 else [f"-{n}.png" for n in range(1, len(pages) + 1)]
    while {(stem + end).casefold() for end in ends} & {name.casefold() for name in taken}:
        stem += "_"  # as of a-b beside a/b
    names = [stem + end for end in ends]
    for number, (page, name) in enumerate(zip(pages, names, strict=True), start=1):
        title = f"{label}{piece.name}, onset F1 {100 * piece.f1:.1f} %"
        if len(pages) > 1:
            title += f", page {number} of {len(pages)}"
        draw(page, folder / name, title=title)
    return names
