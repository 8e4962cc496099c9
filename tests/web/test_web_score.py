"""The score of a recording, as the page gets it and takes it away."""

from __future__ import annotations

import json

import pytest
import web_server
from starlette.datastructures import QueryParams

from transcribe.music.beat_grid import Metre
from transcribe.music.key import Key
from transcribe.notes import Note, Performance
from transcribe.score.analysis import DOUBTS
from transcribe.score.score import Hints
from transcribe.web.errors import RefusedError
from transcribe.web.score_service import _beats, _file, _shown, hints_of


@pytest.fixture(scope="module")
def waltz() -> Performance:
    notes = [
        Note(onset=0.5 * i, offset=0.5 * i + 0.4, pitch=72 - i % 3 * 5, velocity=90 - i % 3 * 20)
        for i in range(24)
    ]
    return Performance(notes)


def test_wishes_are_words_of_the_address():
    query = QueryParams("tempo=72&metre=3/4&key=Ebm&downbeat=1.5")
    assert hints_of(query) == Hints(
        tempo=72.0, metre=Metre(3, 4), key=Key(3, is_minor=True), downbeat=1.5
    )
    assert hints_of(QueryParams("tempo=")) == Hints()


@pytest.mark.parametrize(
    "query", ["metre=waltz", "tempo=0", "tempo=fast", "tempo=nan", "downbeat=-1", "key=H"]
)
def test_what_cannot_be_meant_is_refused(query):
    name, _, value = query.partition("=")
    with pytest.raises(RefusedError, match=f"{name}: expected .*; found .*{value}") as refused:
        hints_of(QueryParams(query))
    assert refused.value.status == 422


def test_the_page_gets_bars_and_their_times(waltz):
    pytest.importorskip("verovio")
    shown = json.loads(_shown(waltz, Hints(metre=Metre(3, 4), downbeat=1.5, key=Key(0)), 900))
    assert (shown["metre"], shown["key"]) == ("3/4", "C major")
    starts = [seconds for _, seconds in shown["bars"]]
    assert any(abs(seconds - 1.5) < 0.05 for seconds in starts)
    (page,) = shown["pages"]
    assert 'id="n23"' in page
    assert "<style" not in page  # the page's policy forbids it
    said = [doubt["message"] for doubt in shown["doubts"]]
    assert "--" not in "".join(said)  # options are for the command line
    assert {doubt["kind"] for doubt in shown["doubts"]} <= set(DOUBTS)


def test_what_is_taken_away_is_what_the_command_writes(waltz):
    xml = _file(waltz, Hints(metre=Metre(3, 4)), "musicxml", "Walzer")
    assert b"<work-title>Walzer</work-title>" in xml
    assert b"<beats>3</beats>" in xml


def test_the_roll_gets_beats_and_which_of_them_begin_bars(waltz):
    found = json.loads(_beats(waltz, Hints(metre=Metre(3, 4), tempo=120, downbeat=1.5)))
    assert (found["metre"], found["tempo"]) == ("3/4", pytest.approx(120, abs=2))
    at = {number: found["beats"][index] for number, index in found["bars"]}
    assert min(abs(seconds - 1.5) for seconds in at.values()) < 0.05
    assert at[2] - at[1] == pytest.approx(1.5, abs=0.05)
    slower = json.loads(_beats(waltz, Hints(tempo=60)))
    assert slower["tempo"] == pytest.approx(60, abs=2)


def test_what_is_known_of_a_piece_is_kept(tmp_path):
    known = {"tempo": "72.0", "metre": "3/4", "downbeat": "1.5"}
    with web_server.serving(tmp_path) as client:
        where = f"/api/recordings/{client.upload(b'RIFF0000WAVE').json['id']}"
        answer = client.ask("PUT", f"{where}/wishes", {**known, "tempo": 72.0, "key": ""})
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
