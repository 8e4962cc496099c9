"""The whole way from a performance to the page, for the command and the page of the server."""

from __future__ import annotations

from transcribe.notes import Performance
from transcribe.score.analysis import analyse
from transcribe.score.engraving import engrave
from transcribe.score.melodies import with_melodies
from transcribe.score.musicxml import musicxml
from transcribe.score.notation import write
from transcribe.score.own_places import with_own_places
from transcribe.score.score import Hints, Score
from transcribe.score.trills import with_trills
from transcribe.score.voices import with_voices


def make_score(performance: Performance, hints: Hints | None = None) -> Score:
    """The score of a performance with a note at least; what `hints` say is obeyed."""
    return arranged(analyse(performance, hints))


def arranged(score: Score) -> Score:
    """What `analysis.analyse` gives, with trills, places and voices as they are written."""
    return with_voices(with_melodies(with_own_places(with_trills(score))))


def sheet_bytes(score: Score, *, with_pedal: bool = False) -> bytes:
    """The MusicXML of a score."""
    return musicxml(write(score, with_pedal=with_pedal))


def pages(
    score: Score, xml: bytes, *, paper: str = "a4", width: int | None = None
) -> tuple[str, ...]:
    """The engraved pages of a score and its MusicXML, as SVG; see `engraving.engrave`."""
    return engrave(xml, title=score.title, composer=score.composer, paper=paper, width=width)
