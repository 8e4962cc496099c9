"""Notes and pedal of a recording on the page's server: decoded anew, and changed by hand."""

from __future__ import annotations

import json
import socket

import pytest
from web_server import PATIENCE

from transcribe.cli import main
from transcribe.midi import read_midi

from .prelude import PRELUDE, notes_of

pytestmark = pytest.mark.slow


def test_the_slider_decodes_as_the_command_would(client, prelude, tmp_path):
    recording, _ = prelude
    address = f"/api/recordings/{recording['id']}"
    words = [str(PRELUDE), "--quiet", "--device", "cpu", "--threads", "1"]
    chosen = ["--onset-threshold", "0.2", "--minimum-note", "0.1"]
    assert main([*words, *chosen, "-o", str(tmp_path / "more.mid")]) == 0
    settings = {"threshold": 0.2, "minimum_duration": 0.1}
    answer = client.ask("PUT", f"{address}/settings", settings)
    assert answer.json["settings"] == settings
    midi = client.get(f"{address}/download/mid").body
    assert midi == (tmp_path / "more.mid").read_bytes()
    assert client.get(address).json["n_notes"] == len(read_midi(tmp_path / "more.mid").notes)
    few = client.ask("PUT", f"{address}/settings", {"threshold": 0.95}).json["notes"]
    assert len(few) < recording["n_notes"]
    back = client.ask("PUT", f"{address}/settings", {"threshold": None, "minimum_duration": None})
    assert len(back.json["notes"]) == recording["n_notes"]
    for nonsense in (
        {"threshold": 0.01},
        {"threshold": "x"},
        {"minimum_duration": -1},
        {"threshold": True},
    ):
        assert client.ask("PUT", f"{address}/settings", nonsense).status == 422
    assert client.ask("PUT", f"{address}/settings", b"[]").status == 400
    assert client.ask("PUT", f"{address}/settings", b"{").status == 400


def test_edits_are_kept_apart_and_outlive_the_slider(client, prelude):
    recording, _ = prelude
    address = f"/api/recordings/{recording['id']}"
    before = client.get(f"{address}/notes").json
    assert (before["can_undo"], before["can_redo"]) == (False, False)
    first, second, *_ = before["notes"]
    added = {"do": "add", "onset": 1.0, "pitch": 21, "offset": 1.5, "velocity": 99}
    changes = [
        added,
        {"do": "delete", "id": first[0]},
        {"do": "change", "id": second[0], "pitch": second[2] + 1, "offset": 3.25},
    ]
    after = client.ask("POST", f"{address}/edits", {"changes": changes}).json
    notes = {row[0]: row for row in after["notes"]}
    assert first[0] not in notes
    assert notes[second[0]][1:] == [second[1], second[2] + 1, 3.25, second[4], None, 1]
    (mine,) = [row for row in after["notes"] if row[2] == 21]
    assert mine[1:] == [1.0, 21, 1.5, 99, None, 1]
    assert after["can_undo"]
    assert client.get(address).json["edited"]
    fewer = client.ask("PUT", f"{address}/settings", {"threshold": 0.95}).json["notes"]
    assert {mine[0], second[0]} <= {row[0] for row in fewer}
    more = client.ask("PUT", f"{address}/settings", {"threshold": 0.05}).json["notes"]
    assert first[0] not in {row[0] for row in more}
    client.ask("PUT", f"{address}/settings", {"threshold": None})
    midi = client.get(f"{address}/download/mid").body
    assert 21 in pitches(midi)
    sustained = client.get(f"{address}/download/sustained.mid").body
    assert 21 in pitches(sustained)

    again = client.ask("POST", f"{address}/edits", {"changes": [{"do": "delete", "id": mine[0]}]})
    assert 21 not in {row[2] for row in again.json["notes"]}
    undone = client.ask("POST", f"{address}/undo").json
    assert undone["notes"] == after["notes"]
    assert undone["can_redo"]
    assert client.ask("POST", f"{address}/redo").json["notes"] == again.json["notes"]
    client.ask("POST", f"{address}/undo")
    nothing = client.ask("POST", f"{address}/undo").json
    assert nothing["notes"] == before["notes"]
    assert not nothing["can_undo"]
    assert client.ask("POST", f"{address}/undo").status == 409
    assert not client.get(address).json["edited"]
    # A new step ends what could be redone.
    client.ask("POST", f"{address}/edits", {"changes": [added]})
    assert client.ask("POST", f"{address}/redo").status == 409
    client.ask("POST", f"{address}/undo")


def test_what_was_too_faint_can_be_added_and_is_not_there_twice(client, prelude):
    address = f"/api/recordings/{prelude[0]['id']}"
    before = client.get(f"{address}/notes").json["notes"]
    faint = client.get(f"{address}/faint").json["notes"]
    lowest = client.ask("PUT", f"{address}/settings", {"threshold": 0.05}).json["notes"]
    client.ask("PUT", f"{address}/settings", {"threshold": None})
    ids = {row[0] for row in before}
    assert {row[0] for row in faint} == {row[0] for row in lowest} - ids
    assert faint
    name, onset, pitch, offset, velocity, *_ = faint[0]
    note = {"onset": onset, "pitch": pitch, "offset": offset, "velocity": velocity}
    added = {"changes": [{"do": "add", "id": name, **note}]}
    after = client.ask("POST", f"{address}/edits", added).json["notes"]
    assert {row[0] for row in after} - ids == {name}
    assert name not in {row[0] for row in client.get(f"{address}/faint").json["notes"]}
    assert client.ask("POST", f"{address}/edits", added).status == 409
    low = client.ask("PUT", f"{address}/settings", {"threshold": 0.05}).json["notes"]
    client.ask("PUT", f"{address}/settings", {"threshold": None})
    client.ask("POST", f"{address}/undo")
    assert len(low) == len(lowest)


def test_the_pedal_is_changed_by_hand_and_notes_sound_accordingly(client, prelude):
    address = f"/api/recordings/{prelude[0]['id']}"
    before = client.get(f"{address}/notes").json
    lifted = {"do": "pedal", "onset": 0.0, "offset": 60.0, "down": False}
    where = f"{address}/edits?since={before['version']}"
    answer = client.ask("POST", where, {"changes": [lifted]}).json
    assert before["pedal"]
    assert (answer["pedal"], answer["changed"]) == ([], [])
    sounding = client.get(f"{address}/download/sustained.mid").body
    keys = client.get(f"{address}/download/mid").body
    client.ask("POST", f"{address}/undo")
    assert client.get(f"{address}/notes").json["pedal"] == before["pedal"]
    # Without a pedal nothing sounds longer than its key is held.
    assert lengths(sounding) == lengths(keys)
    assert sum(lengths(client.get(f"{address}/download/sustained.mid").body)) > 1.2 * sum(
        lengths(keys)
    )


def lengths(midi: bytes) -> list[float]:
    return sorted(round(note.offset - note.onset, 2) for note in notes_of(midi))


def test_a_page_that_has_the_notes_is_told_only_what_is_different(client, prelude):
    address = f"/api/recordings/{prelude[0]['id']}"
    whole = client.get(f"{address}/notes").json
    first, second, *_ = whole["notes"]
    changes = [
        {"do": "delete", "id": first[0]},
        {"do": "change", "id": second[0], "velocity": 100},
        {"do": "add", "onset": 1.0, "pitch": 21, "offset": 1.5, "velocity": 99},
    ]
    answer = client.ask(
        "POST", f"{address}/edits?since={whole['version']}", {"changes": changes}
    ).json
    assert answer["since"] == whole["version"] != answer["version"]
    assert answer["removed"] == [first[0]]
    assert answer["changed"][0][0] == second[0]
    assert [row[2] for row in answer["changed"]] == [second[2], 21]
    assert "notes" not in answer
    assert "pedal" not in answer
    assert 10 * len(json.dumps(answer)) < len(json.dumps(whole))
    assert answer["n_notes"] == len(whole["notes"])
    # Another page, which has not seen this, is told the same.
    assert client.get(f"{address}/notes?since={whole['version']}").json == answer
    now = client.get(f"{address}/notes?since={answer['version']}").json
    assert (now["changed"], now["removed"]) == ([], [])
    for settings in ({"threshold": 0.9}, {"threshold": None}):
        before = client.get(f"{address}/notes").json
        told = client.ask("PUT", f"{address}/settings?since={before['version']}", settings).json
        rows = {row[0]: row for row in before["notes"] if row[0] not in told["removed"]}
        rows.update({row[0]: row for row in told["changed"]})
        after = client.get(f"{address}/notes").json
        assert sorted(rows.values(), key=lambda row: (row[1], row[2])) == after["notes"]
    undone = client.ask("POST", f"{address}/undo?since={answer['version']}").json
    assert undone["version"] == whole["version"]
    assert client.get(f"{address}/notes").json["notes"] == whole["notes"]
    assert "notes" in client.get(f"{address}/notes?since=nonsense").json


def test_every_page_is_told_that_notes_were_edited(client, prelude):
    name = prelude[0]["id"]
    address = f"/api/recordings/{name}"
    with socket.create_connection(("127.0.0.1", client.port), timeout=PATIENCE) as sock:
        request = f"GET {address}/events HTTP/1.0\r\nHost: 127.0.0.1:{client.port}\r\n\r\n"
        sock.sendall(request.encode())
        text = sock.recv(1 << 16)
        added = {"do": "add", "onset": 1.0, "pitch": 21, "offset": 1.5, "velocity": 99}
        version = client.ask("POST", f"{address}/edits", {"changes": [added]}).json["version"]
        expected = f'event: edited\ndata: {{"version": "{version}"}}'.encode()
        while expected not in text:
            text += sock.recv(1 << 16)
    client.ask("POST", f"{address}/undo")


def test_a_note_can_not_start_after_the_recording_ends(client, prelude):
    address = f"/api/recordings/{prelude[0]['id']}"
    before = client.get(f"{address}/notes").json
    last = before["notes"][-1]
    for change, words in (
        ({"onset": 50_000, "offset": 50_001}, "after the recording ends: 50000 s of 40.76"),
        ({"onset": 1e6, "offset": 1e6 + 1}, "after the recording ends"),
        ({"offset": 400.0}, "60 s beyond the recording's end"),
    ):
        changes = [{"do": "change", "id": last[0], **change}]
        answer = client.ask("POST", f"{address}/edits", {"changes": changes})
        assert answer.status == 422
        assert words in answer.json["error"]
        assert "Nothing was changed." in answer.json["error"]
        assert answer.json["hint"]
    assert client.get(f"{address}/notes").json == before


def test_any_number_of_notes_can_be_changed_at_once(client, prelude):
    address = f"/api/recordings/{prelude[0]['id']}"
    n_notes = 25_000
    added = [
        {"do": "add", "onset": i / 1000, "pitch": 21, "offset": i / 1000 + 0.02, "velocity": 9}
        for i in range(n_notes)
    ]
    since = client.get(f"{address}/notes").json["version"]
    answer = client.ask("POST", f"{address}/edits?since={since}", {"changes": added})
    assert answer.status == 200
    ids = [row[0] for row in answer.json["changed"]]
    assert len(ids) == n_notes
    changes = [{"do": "delete", "id": name} for name in ids]
    answer = client.ask("POST", f"{address}/edits", {"changes": changes})
    assert answer.status == 200
    for _ in range(2):
        client.ask("POST", f"{address}/undo")
    assert not client.get(f"{address}/notes").json["can_undo"]


def pitches(midi: bytes) -> set[int]:
    return {note.pitch for note in notes_of(midi)}


@pytest.mark.parametrize(
    "change",
    [
        {"do": "delete", "id": "m1.1"},
        {"do": "change", "id": 5, "pitch": 60},
        {"do": "add", "onset": 1, "pitch": 60, "offset": 1, "velocity": 60},
        {"do": "add", "onset": 1, "pitch": 200, "offset": 2, "velocity": 60},
        {"do": "add", "onset": 1, "pitch": 60, "offset": 2, "velocity": 0},
        {"do": "add", "onset": -1, "pitch": 60, "offset": 2, "velocity": 60},
        {"do": "add", "onset": 1, "pitch": 60, "offset": 1e300, "velocity": 60},
        {"do": "add", "onset": "1", "pitch": 60, "offset": 2, "velocity": 60},
        {"do": "add", "onset": 1},
        {"do": "explode"},
        "delete",
        None,
    ],
)
def test_changes_that_make_no_sense_are_refused_whole(client, prelude, change):
    address = f"/api/recordings/{prelude[0]['id']}"
    good = {"do": "add", "onset": 1, "pitch": 21, "offset": 2, "velocity": 60}
    answer = client.ask("POST", f"{address}/edits", {"changes": [good, change]})
    assert answer.status in (409, 422)
    assert answer.json["error"].endswith(".")
    assert not client.get(f"{address}/notes").json["can_undo"]
