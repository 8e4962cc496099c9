"""The archivist's report as one page that needs nothing else: no script, no network."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from functools import partial
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined

from transcribe.archive.diagnosis import TUNING, WARNINGS, kind_of
from transcribe.archive.escaping import escaped
from transcribe.archive.progress import count_of, hours, span
from transcribe.archive.report import Tally
from transcribe.archive.rows import DONE

_MOST_LISTED = 500
"""Lines of a list; the tables beside the page have them all."""
_MOST_OPEN = 8
"""Lines of a list that are seen without opening the rest."""
_MOST_SLOW = 15
"""Recordings that took longest."""
_MOST_ENDINGS = 12
"""Of names of ignored files, the commonest."""


def as_page(tally: Tally, destination: str, outputs: str | None = "..") -> str:
    """The report as HTML.

    Parameters
    ----------
    tally : Tally
    destination : str
        Where the outputs are, for people.
    outputs : str or None
        How links to outputs begin: where the page's folder sees the destination, as a relative
        path or an address; None where no browser could follow them.
    """
    environment = Environment(
        loader=PackageLoader("transcribe.archive"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "count_of": count_of,
        "escaped": escaped,
        "hours": hours,
        "quote": partial(quote, errors="surrogateescape"),
        "span": span,
    }
    page = environment.get_template("report.html").render(
        **_figures(tally), destination=destination, outputs=outputs
    )
    return page.encode("utf-8", "backslashreplace").decode("utf-8")  # a name may be no Unicode


def _figures(tally: Tally) -> dict[str, Any]:
    """What the page says, by the names that the template has for it."""
    done, failures = tally.of(DONE), tally.failures
    detuned = [row for row in done if TUNING in map(kind_of, row.warnings)]
    most = max((n for _, n in tally.causes), default=0)
    return {
        "tally": tally,
        "headline": _headline(tally),
        "shares": _shares(tally),
        "done": done,
        "n_notes": sum(row.notes or 0 for row in done),
        "failures": failures,
        "causes": [{"name": cause, "n": n, "percent": 100 * n / most} for cause, n in tally.causes],
        "doubtful": tally.doubtful,
        "warnings": [
            {"kind": kind, "meaning": WARNINGS.get(kind, ""), "n": n} for kind, n in tally.warnings
        ],
        "tunings": [row.tuning or 0.0 for row in detuned],
        "slowest": tally.slowest[:_MOST_SLOW],
        "ignored": tally.listing.ignored.most_common(_MOST_ENDINGS),
        "n_gone": len(tally.rows) - len(tally.here),
        "models": sorted({row.model for row in done if row.model}),
        "now": datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "most_listed": _MOST_LISTED,
        "most_open": _MOST_OPEN,
    }


def _headline(tally: Tally) -> str:
    n_here, n_done = len(tally.here), len(tally.of(DONE))
    if tally.is_complete:
        return f"All {count_of(n_here, 'recording')} transcribed"
    return f"{n_done:,} of {count_of(n_here, 'recording')} transcribed"


@dataclass(frozen=True, slots=True)
class _Share:
    """A part of the recordings: its class in the style sheet, its name, how many."""

    kind: str
    what: str
    n: int


def _shares(tally: Tally) -> list[_Share]:
    n_doubtful, n_failed = len(tally.doubtful), len(tally.failures)
    n_done = len(tally.of(DONE))
    shares = [
        _Share("done", "transcribed, nothing to check", n_done - n_doubtful),
        _Share("doubt", "transcribed, worth checking by ear", n_doubtful),
        _Share("failed", "could not be transcribed", n_failed),
        _Share("waiting", "not done yet", len(tally.here) - n_done - n_failed),
    ]
    return [share for share in shares if share.n]
