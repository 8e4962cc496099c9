"""The archivist's report as one page that needs nothing else."""

from __future__ import annotations

from transcribe.archive.report import Tally


def as_page(tally: Tally, destination: str) -> str:
    """The page."""
    return "<!doctype html><title>report</title>"
