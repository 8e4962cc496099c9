"""The roll on pages of A4, as files: PDF, SVG and PNG.

PDF holds all pages; of SVG and PNG there is one file a page, and several of them are given
together, in a ZIP archive.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass

from transcribe.score.engraving import pdf, pngs
from transcribe.web.names import download_name

PDF, SVG, PNG = "roll.pdf", "roll.svg", "roll.png"
KINDS = (PDF, SVG, PNG)
"""Downloads, by the end of their address."""
_TYPES = {PDF: "application/pdf", SVG: "image/svg+xml", PNG: "image/png"}
_TIME = (1980, 1, 1, 0, 0, 0)
"""Of files in an archive: the same notes make the same bytes."""


@dataclass(frozen=True, slots=True)
class RollFile:
    """A file to be taken away."""

    data: bytes
    media_type: str
    name: str


def roll_file(pages: Sequence[str], kind: str, recording: str) -> RollFile:
    """Make a file of the pages of a roll.

    Parameters
    ----------
    pages : sequence of str
        As of `roll_pages`; one or more.
    kind : str
        One of `KINDS`.
    recording : str
        The name of what was transcribed; the file's is made of it.

    Raises
    ------
    TranscribeError
        PDF and PNG: Typst is not installed.
    """
    if kind == PDF:
        return RollFile(pdf(pages), _TYPES[kind], download_name(recording, f".{kind}"))
    each = [page.encode() for page in pages] if kind == SVG else pngs(pages)
    if len(each) == 1:
        return RollFile(each[0], _TYPES[kind], download_name(recording, f".{kind}"))
    ending = kind.removeprefix("roll.")
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as opened:
        for number, data in enumerate(each, 1):
            name = download_name(recording, f".roll-{number:0{len(str(len(each)))}}.{ending}")
            opened.writestr(zipfile.ZipInfo(name, _TIME), data, zipfile.ZIP_DEFLATED)
    return RollFile(
        archive.getvalue(), "application/zip", download_name(recording, f".roll-{ending}.zip")
    )
