"""The score of a recording, as the page gets it and takes it away."""

from __future__ import annotations

import asyncio
import json
import os
import threading
from collections.abc import Iterator
from typing import Any, cast

import numpy as np
import pytest
import web_server
from starlette.datastructures import QueryParams

from transcribe.extras import needing
from transcribe.music.beat_grid import Metre
from transcribe.music.key import Key
from transcribe.notes import Note, Performance
from transcribe.score.analysis import DOUBTS
from transcribe.score.score import Hints
from transcribe.web.errors import RefusedError
from transcribe.web.note_service import NoteService
from transcribe.web.score_content import beats_content, score_file, score_pages, shown_content
from transcribe.web.score_service import BEATS, ROLL, SCORE, ScoreService, hints_of


@pytest.fixture(scope="module")
def waltz() -> Performance:
    notes = [
        Note(onset=0.5 * i, offset=0.5 * i + 0.4, pitch=72 - i % 3 * 5, velocity=90 - i % 3 * 20)
        for i in range(24)
    ]
    return Performance(notes)


def test_wishes_are_words_of_the_address():
    query = QueryParams("tempo=72&metre=3/4&key=Ebm&downbeat=1.5&swing=false")
    assert hints_of(query) == Hints(
        tempo=72.0, metre=Metre(3, 4), key=Key(3, is_minor=True), downbeat=1.5, swing=False
    )
    assert hints_of(QueryParams("tempo=")) == Hints()


@pytest.mark.parametrize(
    "query",
    ["metre=waltz", "tempo=0", "tempo=fast", "tempo=nan", "downbeat=-1", "key=H", "swing=yes"],
)
def test_what_cannot_be_meant_is_refused(query):
    name, _, value = query.partition("=")
    with pytest.raises(RefusedError, match=f"{name}: expected .*; found .*{value}") as refused:
        hints_of(QueryParams(query))
    assert refused.value.status == 422


def test_the_page_gets_bars_and_their_times(waltz):
    pytest.importorskip("verovio")
    shown = json.loads(
        shown_content(waltz, Hints(metre=Metre(3, 4), downbeat=1.5, key=Key(0)), 900)
    )
    assert (shown["metre"], shown["key"]) == ("3/4", "C major")
    starts = [seconds for _, seconds in shown["bars"]]
    assert any(abs(seconds - 1.5) < 0.05 for seconds in starts)
    (page,) = shown["pages"]
    assert 'id="n23"' in page
    assert "<style" not in page  # the page's policy forbids it
    said = [doubt["message"] for doubt in shown["doubts"]]
    assert "--" not in "".join(said)  # options are for the command line
    assert {doubt["kind"] for doubt in shown["doubts"]} <= set(DOUBTS)


def test_the_page_says_the_tempo_that_stands_in_the_score():
    """A metronome has 72 and 76; the beats of a pianist are none of them."""
    times = np.cumsum(60 / np.tile([71.0, 73.3, 75.2], 12))
    notes = [
        Note(onset=t, offset=t + 0.5, pitch=72 - i % 3 * 5, velocity=90 - i % 3 * 20)
        for i, t in enumerate(times)
    ]
    played, known = Performance(notes), Hints(metre=Metre(3, 4), tempo=73)
    found = json.loads(beats_content(played, known))
    mark = f"<per-minute>{found['told_tempo']}</per-minute>"
    assert mark.encode() in score_file(played, known, "musicxml", "")
    assert round(found["tempo"]) != found["told_tempo"]


@pytest.mark.parametrize(("told", "ratio"), [(None, None), (True, 2.0), (False, None)])
def test_the_page_is_told_whether_it_is_swung(waltz, told, ratio):
    hints = Hints(metre=Metre(3, 4), swing=told)
    assert json.loads(beats_content(waltz, hints))["swing"] == ratio


def test_what_is_taken_away_is_what_the_command_writes(waltz):
    xml = score_file(waltz, Hints(metre=Metre(3, 4)), "musicxml", "Walzer_in_A.mp3")
    assert b"<work-title>Walzer in A</work-title>" in xml
    assert b"<beats>3</beats>" in xml


def test_the_roll_gets_beats_and_which_of_them_begin_bars(waltz):
    found = json.loads(beats_content(waltz, Hints(metre=Metre(3, 4), tempo=120, downbeat=1.5)))
    assert (found["metre"], found["tempo"]) == ("3/4", pytest.approx(120, abs=2))
    at = {number: found["beats"][index] for number, index in found["bars"]}
    assert min(abs(seconds - 1.5) for seconds in at.values()) < 0.05
    assert at[2] - at[1] == pytest.approx(1.5, abs=0.05)
    slower = json.loads(beats_content(waltz, Hints(tempo=60)))
    assert slower["tempo"] == pytest.approx(60, abs=2)


def test_what_is_known_of_a_piece_is_kept(tmp_path):
    known = {"tempo": "72.0", "metre": "3/4", "downbeat": "1.5", "swing": "true"}
    with web_server.serving(tmp_path) as client:
        where = f"/api/recordings/{client.upload(b'RIFF0000WAVE').json['id']}"
        answer = client.ask(
            "PUT", f"{where}/wishes", {**known, "tempo": 72.0, "key": "", "swing": True}
        )
        assert answer.json["wishes"] == known
        for nonsense in ({"metre": "waltz"}, {"tempo": -1}, {"swing": "yes"}):
            assert client.ask("PUT", f"{where}/wishes", nonsense).status == 422
    with web_server.serving(tmp_path) as client:
        assert client.get(where).json["wishes"] == known


def test_without_notes_there_is_no_score(tmp_path):
    with web_server.serving(tmp_path) as client:
        name = client.upload(b"RIFF0000WAVE").json["id"]
        answer = client.get(f"/api/recordings/{name}/score")
        assert answer.status == 409
        assert "no notes" in answer.json["error"]


def broken() -> None:
    """What makes a score where the extra is missing."""
    with needing("score", "verovio"):
        raise ModuleNotFoundError("No module named 'verovio'", name="verovio")


def ending() -> None:
    os._exit(1)


def endless() -> None:
    """What takes so long that a person presses Stop."""
    threading.Event().wait()


async def wanted() -> bool:
    return False


@pytest.fixture(scope="module")
def service() -> Iterator[ScoreService]:
    service = ScoreService(cast(NoteService, None))
    yield service
    service.close()


@pytest.mark.parametrize("what", [SCORE, BEATS, ROLL])
def test_what_could_not_be_made_is_named(service, what):
    with pytest.raises(RefusedError) as refused:
        asyncio.run(service._run(what, wanted, broken))
    assert refused.value.status == 501
    assert str(refused.value).startswith(f"{what.words} can't be made: verovio is not")
    assert "pip install 'transcribe[score]'" in str(refused.value)
    assert refused.value.kind == f"{what.kind}_not_made"


def test_a_process_that_ends_says_so_and_the_next_has_another(service):
    with pytest.raises(RefusedError) as refused:
        asyncio.run(service._run(ROLL, wanted, ending))
    assert (refused.value.status, refused.value.kind) == (500, "no_roll")
    assert str(refused.value).startswith("The roll on pages could not be made")
    assert asyncio.run(service._run(ROLL, wanted, int, "7")) == 7


def test_what_nobody_waits_for_any_more_ends_and_is_not_begun(service):
    left: list[str] = []

    async def gone() -> bool:
        left.append("")
        return len(left) > 1  # not when it begins

    async def long_gone() -> bool:
        return True

    async def run() -> list[Any]:
        asked = [
            service._run(SCORE, gone, endless),
            service._run(SCORE, long_gone, endless),
            service._run(BEATS, wanted, int, "7"),
        ]
        return await asyncio.gather(*asked, return_exceptions=True)

    stopped, *others = asyncio.run(asyncio.wait_for(run(), web_server.PATIENCE))
    assert isinstance(stopped, RefusedError)
    assert len(left) == 2
    assert isinstance(others[0], RefusedError)
    assert others[1] == 7


def test_how_far_the_score_is_is_told(waltz):
    pytest.importorskip("verovio")
    told: list[float] = []
    shown_content(waltz, Hints(metre=Metre(3, 4)), 900, tell=told.append)
    assert told == sorted(told)
    assert 0 < told[0] < told[-1] < 1


def test_pages_of_a4_are_those_that_are_taken_away(waltz):
    pytest.importorskip("verovio")
    pages = score_pages(waltz, Hints(metre=Metre(3, 4)), "Walzer")
    assert all('width="2100"' in page or "210" in page[:600] for page in pages)
    assert "Walzer" in pages[0]


def test_without_notes_each_is_refused_by_its_name(tmp_path):
    with web_server.serving(tmp_path) as client:
        name = client.upload(b"RIFF0000WAVE").json["id"]
        for what, words in {
            "beats": "no notes to find bars in",
            "paper/score": "no notes to write a score of",
            "paper/roll": "no notes to play or to draw",
            "download/roll.png": "no notes to play or to draw",
            "download/bars.mid": "no notes to find bars in",
        }.items():
            answer = client.get(f"/api/recordings/{name}/{what}")
            assert answer.status == 409
            assert words in answer.json["error"]
        assert client.get(f"/api/recordings/{name}/paper/plane").status == 404
