"""The archivist's report as one page that needs nothing else: no script, no network."""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timezone
from urllib.parse import quote

from transcribe.archive import manifest as m
from transcribe.archive.diagnosis import TUNING, WARNINGS, kind_of
from transcribe.archive.manifest import Row, escaped
from transcribe.archive.progress import count_of, hours, span
from transcribe.archive.report import Tally

_MOST_LISTED = 500
"""Lines of a list; the tables beside the page have them all."""
_MOST_OPEN = 8
"""Lines of a list that are seen without opening the rest."""
_MOST_SLOW = 15

_STYLE = """
:root { color-scheme: light dark; --paper: #faf7f2; --surface: #fffefc; --ink: #1c2126;
  --muted: #59626c; --line: #e2dbd0; --accent: #0f6d7a; --tint: #e2eff0; --doubt: #c98a1b;
  --danger: #a3262a; --waiting: #b9b2a6; }
@media (prefers-color-scheme: dark) { :root { --paper: #111417; --surface: #171b1f;
  --ink: #eeebe5; --muted: #a7afb8; --line: #2d343b; --accent: #6fd0da; --tint: #1b3237;
  --doubt: #f5b95a; --danger: #ff9189; --waiting: #4a525a; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); line-height: 1.5;
  font-family: system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", sans-serif; }
main { max-width: 62rem; margin: 0 auto; padding: 2.5rem 1.25rem 4rem; }
h1, .figure { font-family: "Iowan Old Style", "Palatino Linotype", Palatino, "URW Palladio L",
  Georgia, serif; font-weight: 400; margin: 0; }
h1 { font-size: 2rem; line-height: 1.25; text-wrap: balance; }
h2 { font-size: 1.05rem; margin: 2.75rem 0 0.25rem; }
p { margin: 0.25rem 0 0.75rem; max-width: 46rem; }
.quiet, caption, footer { color: var(--muted); }
.bar { display: flex; gap: 2px; height: 0.9rem; margin: 1.5rem 0 0.5rem; border-radius: 0.45rem;
  overflow: hidden; }
.bar i { display: block; min-width: 4px; }
.done { background: var(--accent); } .doubt { background: var(--doubt); }
.failed { background: var(--danger); } .waiting { background: var(--waiting); }
.key { display: flex; flex-wrap: wrap; gap: 0.25rem 1.25rem; font-size: 0.9rem; padding: 0;
  margin: 0; list-style: none; }
.key i { display: inline-block; width: 0.7rem; height: 0.7rem; border-radius: 2px;
  margin-right: 0.4rem; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(10rem, 1fr)); gap: 1rem;
  margin: 1.75rem 0 0; }
.figures div { background: var(--surface); border: 1px solid var(--line); border-radius: 0.6rem;
  padding: 0.8rem 1rem; }
.figure { font-size: 1.7rem; line-height: 1.2; }
.figures span { color: var(--muted); font-size: 0.875rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 0.9rem; margin-top: 0.5rem; }
th { text-align: left; font-weight: 600; color: var(--muted); }
th, td { padding: 0.4rem 1rem 0.4rem 0; border-bottom: 1px solid var(--line);
  vertical-align: top; }
td:first-child { overflow-wrap: anywhere; min-width: 14rem; width: 42%; }
summary { cursor: pointer; color: var(--accent); margin-top: 0.75rem; font-size: 0.9rem; }
.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
td .meter { display: block; height: 0.35rem; border-radius: 0.2rem; background: var(--danger);
  min-width: 2px; }
td.wide { width: 40%; vertical-align: middle; }
a { color: var(--accent); }
footer { margin-top: 3rem; font-size: 0.85rem; }
@media print { body { background: none; } .figures div { break-inside: avoid; } }
"""


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
    body = [
        f"<h1>{_text(_headline(tally))}</h1>",
        f'<p class="quiet">{_text(tally.listing.source)} → {_text(destination)}</p>',
        *_bar(tally),
        *_figures(tally),
        *_failures(tally),
        *_doubtful(tally, outputs),
        *_lost(tally),
        *_slowest(tally, outputs),
        *_ignored(tally),
        _foot(tally),
    ]
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{_text(_headline(tally))}</title>\n<style>{_STYLE}</style>\n</head>\n"
        "<body>\n<main>\n" + "\n".join(body) + "\n</main>\n</body>\n</html>\n"
    )


def _headline(tally: Tally) -> str:
    n_here, n_done = len(tally.here), len(tally.of(m.DONE))
    if tally.is_complete:
        return f"All {count_of(n_here, 'recording')} transcribed"
    return f"{n_done:,} of {count_of(n_here, 'recording')} transcribed"


def _shares(tally: Tally) -> list[tuple[str, str, int]]:
    """What the recordings are, as class, words and number."""
    n_doubtful, n_failed = len(tally.doubtful), len(tally.failures)
    n_done = len(tally.of(m.DONE))
    shares = [
        ("done", "transcribed, nothing remarkable", n_done - n_doubtful),
        ("doubt", "transcribed, worth a human ear", n_doubtful),
        ("failed", "could not be transcribed", n_failed),
        ("waiting", "not done yet", len(tally.here) - n_done - n_failed),
    ]
    return [share for share in shares if share[2]]


def _bar(tally: Tally) -> Iterator[str]:
    shares = _shares(tally)
    words = "; ".join(f"{n:,} {what}" for _, what, n in shares)
    parts = "".join(f'<i class="{kind}" style="flex:{n}"></i>' for kind, _, n in shares)
    yield f'<div class="bar" role="img" aria-label="{_text(words)}">{parts}</div>'
    items = "".join(f'<li><i class="{kind}"></i>{n:,} {what}</li>' for kind, what, n in shares)
    yield f'<ul class="key">{items}</ul>'


def _figures(tally: Tally) -> Iterator[str]:
    done = tally.of(m.DONE)
    figures = [(hours(tally.seconds_heard), "of music transcribed")]
    if done:
        figures.append((f"{sum(row.notes or 0 for row in done):,}", "notes"))
    if tally.seconds_spent > 0:
        rate = tally.seconds_heard / tally.seconds_spent
        figures.append((span(tally.seconds_spent), "of work, all workers together"))
        figures.append((f"{rate:.0f} ×", "real time, each worker"))
    cells = (f'<div><p class="figure">{a}</p><span>{b}</span></div>' for a, b in figures)
    yield f'<div class="figures">{"".join(cells)}</div>'


def _failures(tally: Tally) -> Iterator[str]:
    if not tally.failures:
        return
    yield f"<h2>Could not be transcribed: {len(tally.failures):,}</h2>"
    yield (
        "<p>The next run leaves these alone, unless the file changes, you say "
        "<code>--retry</code>, or it says here that it tries again. <em>Quarantined</em> "
        "recordings ended the program that read them, each time that it tried.</p>"
    )
    most = tally.causes[0][1]
    yield from _table(
        ("Cause", "n:Recordings", ""),
        (
            (
                _text(cause),
                f"{n:,}",
                f'<span class="meter" style="width:{100 * n / most:.1f}%"></span>',
            )
            for cause, n in tally.causes
        ),
        last="wide",
    )
    yield from _table(
        ("Recording", "What", "Reason"),
        (
            (_text(escaped(row.name)), _state(row), _reason(row))
            for row in tally.failures[:_MOST_LISTED]
        ),
    )
    yield from _rest(len(tally.failures))


def _state(row: Row) -> str:
    words = f", {row.attempts} attempts" if row.attempts > 1 else ""
    return _text(f"{row.state}{words}")


def _reason(row: Row) -> str:
    passing = "; the next run tries again" if row.may_pass and row.state == m.FAILED else ""
    return _text(row.error + passing)


def _doubtful(tally: Tally, outputs: str | None) -> Iterator[str]:
    if tally.doubtful:
        yield f"<h2>Worth a human ear: {len(tally.doubtful):,}</h2>"
        yield "<p>Transcribed, but something about them is doubtful; the most doubtful first.</p>"
        yield from _table(
            ("Recording", "n:Confidence", "Why"),
            (
                (
                    _link(row, outputs),
                    "" if row.confidence is None else f"{row.confidence:.2f}",
                    "<br>".join(map(_text, _doubts(row))),
                )
                for row in tally.doubtful[:_MOST_LISTED]
            ),
        )
        yield from _rest(len(tally.doubtful))
    if tally.warnings:
        yield "<h2>Remarks by kind</h2>"
        yield from _table(
            ("Remark", "Meaning", "n:Recordings"),
            ((_text(kind), _text(WARNINGS.get(kind, "")), f"{n:,}") for kind, n in tally.warnings),
        )
    detuned = [row for row in tally.of(m.DONE) if TUNING in map(kind_of, row.warnings.split("\n"))]
    if detuned:
        tunings = sorted(row.tuning or 0.0 for row in detuned)
        yield (
            f'<p class="quiet">Out of tune, from {tunings[0]:+.0f} to {tunings[-1]:+.0f} cents: '
            "a tape at the wrong speed, or a piano left alone. Notes are found all the same.</p>"
        )


def _doubts(row: Row) -> Sequence[str]:
    return row.warnings.splitlines() or ["low confidence: some notes may be wrong or missing"]


def _lost(tally: Tally) -> Iterator[str]:
    if tally.lost:
        yield f"<h2>Could not be looked into: {len(tally.lost):,}</h2>"
        yield "<p>There may be recordings here that nobody has counted.</p>"
        lines = ((_text(escaped(name) or "."), _text(why)) for name, why in tally.lost)
        yield from _table(("Place in the source", "Reason"), lines)


def _slowest(tally: Tally, outputs: str | None) -> Iterator[str]:
    slow = tally.slowest[:_MOST_SLOW]
    if slow:
        yield "<h2>Took longest</h2>"
        yield from _table(
            ("Recording", "n:Music", "n:Work", "n:× real time"),
            (
                (
                    _link(row, outputs),
                    hours(row.duration or 0.0),
                    span(row.seconds or 0.0),
                    f"{(row.duration or 0.0) / row.seconds:.0f}" if row.seconds else "",
                )
                for row in slow
            ),
        )


def _ignored(tally: Tally) -> Iterator[str]:
    ignored = tally.listing.ignored
    if ignored:
        kinds = ", ".join(
            f"{n:,} {kind or 'without ending'}" for kind, n in ignored.most_common(12)
        )
        yield "<h2>Not taken for recordings</h2>"
        yield f"<p>{count_of(ignored.total(), 'file')}: {_text(kinds)}.</p>"
    gone = len(tally.rows) - len(tally.here)
    if gone:
        words = count_of(gone, "recording")
        yield f"<p>{words} of earlier runs are no longer in the source; the outputs are kept.</p>"


def _foot(tally: Tally) -> str:
    models = sorted({row.model for row in tally.of(m.DONE) if row.model})
    by = f"Transcribed by {', '.join(models)}. " if models else ""
    now = datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    return (
        f"<footer>{_text(by)}All of this, for every recording, is in "
        '<a href="manifest.csv">manifest.csv</a> and manifest.sqlite; what needs attention is in '
        f'<a href="report.csv">report.csv</a>. {now}.</footer>'
    )


# --- HTML ---


def _table(
    titles: Sequence[str], lines: Iterable[Sequence[str]], *, last: str = ""
) -> Iterator[str]:
    """A table of cells that are HTML; a title that begins with ``n:`` is of numbers."""
    kinds = ["n" if title.startswith("n:") else "" for title in titles]
    kinds[-1] = kinds[-1] or last
    head = zip(titles, kinds, strict=True)
    cells = "".join(_cell("th", kind, title.removeprefix("n:")) for title, kind in head)
    rows = []
    for line in lines:
        row = "".join(_cell("td", kind, cell) for kind, cell in zip(kinds, line, strict=True))
        rows.append(f"<tr>{row}</tr>")
    start = f'<div class="scroll"><table><thead><tr>{cells}</tr></thead><tbody>'
    end = "</tbody></table></div>"
    n_open = _MOST_OPEN if len(rows) > 2 * _MOST_OPEN else len(rows)
    yield start + "\n".join(rows[:n_open]) + end
    if rows[n_open:]:
        words = f"{len(rows) - n_open:,} more"
        yield f"<details><summary>{words}</summary>{start}" + "\n".join(rows[n_open:]) + end
        yield "</details>"


def _cell(tag: str, kind: str, content: str) -> str:
    return f'<{tag} class="{kind}">{content}</{tag}>' if kind else f"<{tag}>{content}</{tag}>"


def _rest(n: int) -> Iterator[str]:
    if n > _MOST_LISTED:
        rest = n - _MOST_LISTED
        yield f'<p class="quiet">and {rest:,} more, in <a href="report.csv">report.csv</a></p>'


def _link(row: Row, outputs: str | None) -> str:
    """A recording's name, linked to its MIDI file."""
    name = _text(escaped(row.name))
    if outputs is None:
        return name
    return f'<a href="{outputs}/{quote(row.stem, errors="surrogateescape")}.mid">{name}</a>'


def _text(text: str) -> str:
    return html.escape(text.encode("utf-8", "backslashreplace").decode("utf-8"))
