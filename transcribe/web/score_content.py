"""What the page gets of scores, beats and rolls on paper, made of notes and what is known of them.

It takes seconds, so `score_service` has it done in a process of its own: what is given and taken is
picklable.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from transcribe.files.names import stem_of
from transcribe.music.tempo_map import TempoMap
from transcribe.notes import Performance
from transcribe.score.analysis import DOUBTS, analyse
from transcribe.score.engraving import pdf
from transcribe.score.making import make_score, pages, sheet_bytes
from transcribe.score.marks import told_tempo
from transcribe.score.midi_beats import beats_for_midi
from transcribe.score.score import Hints, Score
from transcribe.score.titles import title_from_name
from transcribe.web.roll_file import RollFile, roll_file
from transcribe.web.roll_pages import RollBar, roll_pages
from transcribe.web.score_process import Tell

_ANALYSED, _WRITTEN, _ENGRAVED = 0.35, 0.45, 0.9
"""How much of the work on a score is done, about, once it is known, MusicXML, and pages."""


def beats_content(performance: Performance, hints: Hints) -> bytes:
    """Beats and bars for the roll, as JSON; see ``docs/web.md``."""
    score = analyse(performance, hints)
    bars = list(zip(range(1, score.n_bars + 1), score.bar_starts, strict=False))
    if score.first_downbeat:
        bars.insert(0, (0, 0))
    content = {
        "beats": [round(seconds, 4) for seconds in score.beats],
        "bars": [[number, index] for number, index in bars],
        **_tempos(score),
        "metre": str(score.metre(1)),
        "swing": _ratio(score),
        "doubts": _for_page(score.doubts),
    }
    return json.dumps(content).encode()


def _tempos(score: Score) -> dict[str, float]:
    """Beats a minute: as they were found, and as they are told."""
    return {"tempo": round(score.usual_tempo, 1), "told_tempo": round(told_tempo(score))}


def _ratio(score: Score) -> float | None:
    """Of swung eighths; None of straight ones."""
    return None if score.swing is None else round(score.swing.ratio, 2)


def tempo_map(performance: Performance, hints: Hints) -> TempoMap:
    """Beats and bars for a MIDI file."""
    return beats_for_midi(analyse(performance, hints))


def _for_page(doubts: Iterable[str]) -> list[dict[str, str]]:
    """Kind and sentence of each, without the options of the command line."""
    kinds = {sentence: kind for kind, sentence in DOUBTS.items()}
    return [
        {"kind": kinds.get(doubt, ""), "message": re.sub(r" \(--\w+\)|; --\w+ says it", "", doubt)}
        for doubt in doubts
    ]


def shown_content(
    performance: Performance, hints: Hints, width: int, *, tell: Tell = lambda share: None
) -> bytes:
    """The engraved score for the page, as JSON; see ``docs/web.md``. ``width`` is in pixels."""
    score = make_score(performance, hints)
    tell(_ANALYSED)
    sheet = sheet_bytes(score)
    tell(_WRITTEN)
    engraved = list(pages(score, sheet, width=width))
    tell(_ENGRAVED)
    first = 0 if score.first_downbeat and any(note.bar == 0 for note in score.notes) else 1
    bars = list(range(first, score.n_bars + 1))
    content = {
        "pages": engraved,
        "bars": [[bar, round(score.seconds(bar, _bar_start(score, bar)), 4)] for bar in bars],
        **_tempos(score),
        "metre": str(score.metre(1)),
        "key": str(score.key(1)),
        "swing": _ratio(score),
        "trills": [
            [played, note.trill_of]
            for played, note in enumerate(score.notes)
            if note.trill_of is not None
        ],
        "doubts": _for_page(score.doubts),
    }
    return json.dumps(content).encode()


def _bar_start(score: Score, bar: int) -> Any:
    """Where the music of a bar starts, in quarters: later in an upbeat."""
    if bar > 0:
        return 0
    return min(note.beat for note in score.notes if note.bar == 0)


def score_file(performance: Performance, hints: Hints, kind: str, name: str) -> bytes:
    """The score of a recording as ``"musicxml"`` or ``"score.pdf"``."""
    if kind == "score.pdf":
        return pdf(score_pages(performance, hints, name))
    return sheet_bytes(_titled(performance, hints, name))


def score_pages(performance: Performance, hints: Hints, name: str) -> tuple[str, ...]:
    """The engraved pages of A4, as SVG."""
    score = _titled(performance, hints, name)
    return pages(score, sheet_bytes(score))


def _titled(performance: Performance, hints: Hints, name: str) -> Score:
    return replace(make_score(performance, hints), title=title_from_name(name))


def roll_of(performance: Performance, hints: Hints | None, name: str, kind: str) -> RollFile:
    """The roll of a recording as a file of one of `roll_file.KINDS`."""
    return roll_file(roll_drawn(performance, hints, name), kind, name)


def roll_drawn(performance: Performance, hints: Hints | None, name: str) -> tuple[str, ...]:
    """The roll of a recording on pages; with bars where there are hints, be they empty."""
    bars: list[RollBar] = []
    if hints is not None:
        score = analyse(performance, hints)
        starts = zip(range(1, score.n_bars + 1), score.bar_starts, strict=False)
        bars = [RollBar(number, score.beats[index]) for number, index in starts]
    return roll_pages(performance, stem_of(name), bars)
