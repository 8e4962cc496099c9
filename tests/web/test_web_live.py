"""Notes while the page records: pieces of sound in, events out."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import melody_samples
from web_server import serving

from transcribe.transcriber import Transcriber
from transcribe.web import live_service


@pytest.fixture
def client(monkeypatch, tmp_path, tone_checkpoint):
    monkeypatch.setattr(
        Transcriber, "load", classmethod(lambda cls, *_, **__: cls(tone_checkpoint))
    )
    with serving(tmp_path / "library") as client:
        yield client


def opened(client, query: str = ""):
    answer = client.ask("POST", f"/api/live{query}")
    assert answer.status == 201
    return answer.json


def test_every_piece_is_answered_with_what_it_decides(client):
    draft = opened(client, "?latency=300")
    assert draft["sample_rate"] == 16000
    assert draft["wait"] == pytest.approx(0.256)
    rows = []
    samples = melody_samples()
    for start in range(0, len(samples), 4096):
        content = samples[start : start + 4096].astype("<f4").tobytes()
        answer = client.ask("POST", f"/api/live/{draft['id']}", content).json
        rows += answer["events"]
    assert answer["seconds"] == pytest.approx(3.0)
    rows += client.ask("DELETE", f"/api/live/{draft['id']}").json["events"]
    downs = [row for row in rows if row[0] == "down"]
    ups = [row for row in rows if row[0] == "up"]
    assert [row[2:4] for row in downs] == [[81, 64], [84, 64], [88, 64], [93, 64], [81, 64]]
    np.testing.assert_allclose([row[1] for row in downs], [0.0, 0.5, 1.0, 1.0, 2.0], atol=0.064)
    assert sorted(row[2] for row in ups) == [81, 81, 84, 88, 93]


def test_a_draft_that_has_ended_is_gone(client):
    draft = opened(client)
    assert client.ask("DELETE", f"/api/live/{draft['id']}").status == 200
    for method, body in (("POST", b""), ("DELETE", None)):
        answer = client.ask(method, f"/api/live/{draft['id']}", body)
        assert answer.status == 404
        assert answer.json["error"] == "This draft has ended."


@pytest.mark.parametrize("latency", ["100", "501", "soon"])
def test_a_latency_out_of_range_is_refused(client, latency):
    answer = client.ask("POST", f"/api/live?latency={latency}")
    assert answer.status == 400
    assert answer.json["error"] == "A latency is 150 to 500 ms."


@pytest.mark.parametrize("content", [b"123", bytes(live_service.MOST_BYTES + 4)])
def test_what_is_no_sound_is_refused(client, content):
    draft = opened(client)
    assert client.ask("POST", f"/api/live/{draft['id']}", content).status == 400


def test_no_more_pages_than_a_computer_can_bear_and_idle_ones_make_room(client, monkeypatch):
    for _ in range(live_service.MOST_DRAFTS):
        opened(client)
    answer = client.ask("POST", "/api/live")
    assert answer.status == 503
    assert "4 other pages" in answer.json["error"]
    monkeypatch.setattr(live_service, "IDLE_SECONDS", -1.0)
    opened(client)


def test_another_site_can_begin_none(client):
    assert client.ask("POST", "/api/live", marked=False).status == 403
