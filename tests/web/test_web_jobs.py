"""What is transcribed: the command's own notes, while it goes on and after what cuts it short."""

from __future__ import annotations

import io
import json
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import wave
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
from conftest import SAMPLE_RATE, melody_samples, write_pcm
from web_server import PATIENCE, Client, command, serving, wait_until

from transcribe.audio.reader import read_audio
from transcribe.cli import main
from transcribe.errors import AudioError
from transcribe.midi import read_midi
from transcribe.notes import Note
from transcribe.web import waiting

pytestmark = pytest.mark.slow

PRELUDE = Path(__file__).parents[1] / "data" / "prelude.mp3"
KINDS = {"mid": "prelude.mid", "csv": "prelude.csv", "json": "prelude.json"}


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    return tmp_path_factory.mktemp("library")


@pytest.fixture(scope="module")
def client(library):
    """A server that hears with the packaged weights."""
    with serving(library, n_jobs=1, options=("--device", "cpu", "--threads", "1")) as client:
        yield client


@pytest.fixture(scope="module")
def prelude(client):
    """The prelude, transcribed; with the events that were sent meanwhile."""
    name = client.upload(PRELUDE.read_bytes(), PRELUDE.name).json["id"]
    events = listen(client, name)
    return client.wait(name), events


def listen(client: Client, name: str) -> list[tuple[str, dict]]:
    """The events of a recording until it is done or has failed."""
    events: list[tuple[str, dict]] = []
    data = b""
    with socket.create_connection(("127.0.0.1", client.port), timeout=PATIENCE) as sock:
        request = f"GET /api/recordings/{name}/events HTTP/1.0\r\nHost: 127.0.0.1:{client.port}"
        sock.sendall(f"{request}\r\n\r\n".encode())
        while True:
            data += sock.recv(1 << 16)
            *whole, data = data.split(b"\n\n")
            for text in whole:
                lines = text.decode().splitlines()
                if lines[-1].startswith("data: "):
                    content = json.loads(lines[-1].removeprefix("data: "))
                    events.append((lines[-2].removeprefix("event: "), content))
            if events and events[-1][1].get("state") in ("done", "failed"):
                return events


@pytest.fixture(scope="module")
def by_command(tmp_path_factory):
    """What the command writes of the prelude."""
    folder = tmp_path_factory.mktemp("command")
    words = [str(PRELUDE), "-o", f"{folder}/", "--csv", "--json", "--quiet", "--device", "cpu"]
    assert main([*words, "--threads", "1"]) == 0
    assert main([*words, "--threads", "1", "--offsets", "sustained", "-o", f"{folder}/s/"]) == 0
    return folder


def test_downloads_are_what_the_command_writes(client, prelude, by_command):
    recording, _ = prelude
    assert recording["state"] == "done"
    for kind, name in KINDS.items():
        answer = client.get(f"/api/recordings/{recording['id']}/download/{kind}")
        assert answer.status == 200
        assert answer.body == (by_command / name).read_bytes()
        assert f'filename="{name}"' in answer.headers["content-disposition"]
    answer = client.get(f"/api/recordings/{recording['id']}/download/sustained.mid")
    assert answer.body == (by_command / "s" / "prelude.mid").read_bytes()


def test_what_was_told_meanwhile_ends_as_what_is_kept(client, prelude):
    recording, events = prelude
    heard: dict[str, list] = {}
    for kind, content in events:
        if kind == "notes":
            heard.update({row[0]: row for row in content["notes"]})
    notes = client.get(f"/api/recordings/{recording['id']}/notes").json["notes"]
    assert len(notes) == recording["n_notes"] > 150
    assert set(heard) >= {row[0] for row in notes}
    onsets = {row[0]: row[1:3] for row in notes}
    assert {name: row[1:3] for name, row in heard.items() if name in onsets} == onsets
    told = [content["heard_seconds"] for kind, content in events if kind == "progress"]
    assert told == sorted(told)
    states = [content["state"] for kind, content in events if kind == "state"]
    assert states[-1] == "done"
    assert recording["duration"] == pytest.approx(40.767, abs=0.001)
    assert recording["heard_seconds"] == pytest.approx(recording["duration"], abs=0.001)
    assert recording["warnings"] == []
    assert recording["settings"] == recording["settings_default"]


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


def notes_of(midi: bytes) -> tuple[Note, ...]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.mid"
        path.write_bytes(midi)
        return read_midi(path).notes


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


def test_the_sound_can_be_fetched_in_parts(client, prelude):
    address = f"/api/recordings/{prelude[0]['id']}/sound"
    whole = client.get(address)
    assert whole.headers["accept-ranges"] == "bytes"
    with wave.open(io.BytesIO(whole.body)) as file:
        assert (file.getnchannels(), file.getframerate(), file.getsampwidth()) == (1, 16000, 2)
        assert file.getnframes() / 16000 == pytest.approx(40.77, abs=0.01)
    size = len(whole.body)
    for asked, start, stop in (
        ("bytes=0-99", 0, 100),
        ("bytes=1000-", 1000, size),
        ("bytes=-44", size - 44, size),
        (f"bytes=5-{size + 9}", 5, size),
    ):
        part = client.get(address, Range=asked)
        assert part.status == 206
        assert part.headers["content-range"] == f"bytes {start}-{stop - 1}/{size}"
        assert part.body == whole.body[start:stop]
    assert client.get(address, Range=f"bytes={size}-").status == 416
    for ignored in ("bytes=9-5", "bytes=-", "seconds=1-2", "bytes=0-1,5-6"):
        assert client.get(address, Range=ignored).body == whole.body


def test_the_waveform_is_that_of_the_sound(client, prelude):
    address = f"/api/recordings/{prelude[0]['id']}"
    answer = client.get(f"{address}/waveform")
    assert answer.headers["x-pairs-per-second"] == "50"
    pairs = np.frombuffer(answer.body, np.int8).reshape(-1, 2)
    with wave.open(io.BytesIO(client.get(f"{address}/sound").body)) as file:
        samples = np.frombuffer(file.readframes(10**9), "<i2") / 32767
    assert len(pairs) == -(-len(samples) // 320)
    whole = samples[: len(samples) // 320 * 320].reshape(-1, 320)
    assert np.abs(pairs[: len(whole), 0] / 127 - whole.min(axis=1)).max() < 0.005
    assert np.abs(pairs[: len(whole), 1] / 127 - whole.max(axis=1)).max() < 0.005


def test_the_transcription_can_be_heard_and_seen(client, prelude):
    recording, _ = prelude
    address = f"/api/recordings/{recording['id']}/download"
    answer = client.get(f"{address}/wav")
    assert int(answer.headers["content-length"]) == len(answer.body)
    with wave.open(io.BytesIO(answer.body)) as file:
        samples = np.frombuffer(file.readframes(10**9), "<i2") / 32767
        seconds = len(samples) / file.getframerate()
    assert recording["duration"] - 2 < seconds < recording["duration"] + 8
    assert 0.02 < np.sqrt(np.mean(samples**2)) < 0.3
    picture = client.get(f"{address}/svg")
    assert picture.headers["content-type"] == "image/svg+xml"
    drawn = picture.body.decode()
    assert drawn.count("v5h") == recording["n_notes"]
    assert "<script" not in drawn
    assert client.get(f"{address}/exe").status == 404


def test_midi_with_bars_is_what_the_command_writes_and_follows_what_is_known(
    client, prelude, tmp_path
):
    recording, _ = prelude
    where = f"/api/recordings/{recording['id']}"
    words = [str(PRELUDE), "-o", f"{tmp_path}/", "--beats", "--quiet", "--device", "cpu"]
    assert main([*words, "--threads", "1"]) == 0
    taken = client.get(f"{where}/download/bars.mid")
    assert taken.body == (tmp_path / "prelude.mid").read_bytes()
    assert "prelude.bars.mid" in taken.headers["content-disposition"]
    found = client.get(f"{where}/beats").json
    half = {"tempo": found["tempo"] / 2}
    assert client.ask("PUT", f"{where}/wishes", half).status == 200
    try:
        slower = client.get(f"{where}/beats").json
        assert slower["tempo"] == pytest.approx(found["tempo"] / 2, rel=0.1)
        assert client.get(f"{where}/download/bars.mid").body != taken.body
        assert client.get(f"{where}/beats?tempo=").json == found
    finally:
        client.ask("PUT", f"{where}/wishes", {})


def test_the_music_goes_on(client, prelude, tmp_path):
    recording, _ = prelude
    address = f"/api/recordings/{recording['id']}/download"
    answer = client.get(f"{address}/continued.mid")
    assert re.search(r'"prelude\.continued-\d+\.mid"', answer.headers["content-disposition"])
    paths = [tmp_path / "played.mid", tmp_path / "continued.mid"]
    for path, body in zip(paths, (client.get(f"{address}/mid").body, answer.body), strict=True):
        path.write_bytes(body)
    played, continued = map(read_midi, paths)
    n_played = len(played.notes)
    before = [(note.pitch, note.velocity) for note in continued.notes[: n_played // 2]]
    assert before == [(note.pitch, note.velocity) for note in played.notes[: n_played // 2]]
    end = played.notes[-1].onset
    added = [note for note in continued.notes if note.onset > end + 0.05]
    assert len(added) > 10
    assert end + 15 < added[-1].onset < end + 45


def test_a_continuation_is_heard_before_it_is_kept(client, prelude, tmp_path):
    address = f"/api/recordings/{prelude[0]['id']}"
    wanted = {"seconds": 5, "at": 10.0, "tame": 1}
    heard = client.ask("POST", f"{address}/continuation", wanted).json
    assert heard["start"] == 10.0
    assert heard["notes"]
    assert all(10.0 <= row[1] < 15.0 for row in heard["notes"])
    query = f"seconds=5&at=10&tame=1&seed={heard['seed']}"
    kept = client.get(f"{address}/download/continued.mid?{query}")
    assert f"continued-{heard['seed']}.mid" in kept.headers["content-disposition"]
    later = [[note.onset, note.pitch] for note in notes_of(kept.body) if note.onset >= 10.0]
    assert [[row[1], row[2]] for row in heard["notes"]] == [
        [pytest.approx(onset, abs=1e-4), pitch] for onset, pitch in later
    ]
    for nonsense in ({"seconds": 0}, {"tame": 2}, {"at": "soon"}):
        assert client.ask("POST", f"{address}/continuation", nonsense).status == 422


def test_the_page_has_a_piano_to_play_with(client):
    samples = client.get("/api/piano").json["samples"]
    assert {sample["pitch"] for sample in samples} == set(range(21, 109, 3))
    assert sorted({sample["velocity"] for sample in samples}) == [67, 100, 127]
    (url,) = [s["url"] for s in samples if (s["pitch"], s["velocity"]) == (60, 127)]
    with wave.open(io.BytesIO(client.get(url).body)) as file:
        assert file.getnframes() / file.getframerate() <= 4
        sound = np.frombuffer(file.readframes(10**9), "<i2") / 32767
    assert 0.1 < np.abs(sound).max() < 1
    none = client.get("/api/piano/9999.wav")
    assert (none.status, none.json["error"]) == (404, "The piano has no such sound.")


# --- recordings that are none, or not as they should be ---


def wav_of(samples: np.ndarray, tmp_path: Path) -> bytes:
    return write_pcm(tmp_path / "x.wav", samples).read_bytes()


def test_junk_is_named_and_the_next_recording_is_transcribed(client, tmp_path):
    junk = {
        "text": (b"this is no sound\n" * 100, "This is not a recording."),
        "zip": (b"PK\x03\x04" + bytes(500), "This is not a recording."),
        "wav without sound": (wav_of(np.zeros(0), tmp_path), "This recording is empty."),
        "m4a cut off": (
            b"\0\0\0\x20ftypM4A " + bytes(200),
            "This recording was cut off before it was finished, so it can't be opened.",
        ),
    }
    names = {}
    for kind, (data, _) in junk.items():
        names[kind] = client.upload(data, f"{kind}.mp3").json["id"]
    last = client.upload(wav_of(melody_samples(), tmp_path), "melody.wav").json["id"]
    assert client.wait(last)["state"] == "done"
    for kind, (_, error) in junk.items():
        found = client.get(f"/api/recordings/{names[kind]}").json
        assert (found["state"], found["error"]) == ("failed", error)
        assert found["hint"]
        assert str(tmp_path) not in found["error"] + found["hint"]
        answer = client.get(f"/api/recordings/{names[kind]}/download/mid")
        assert answer.status in (200, 409)


def test_silence_noise_truncation_and_clipping_are_said_plainly(client, tmp_path):
    from transcribe.web.messages import as_sentence

    rng = np.random.default_rng(0)
    melody = np.tile(melody_samples(), 3)
    whole = wav_of(melody, tmp_path)
    cases = {
        "silent": (
            wav_of(np.zeros(5 * SAMPLE_RATE), tmp_path),
            "No notes: the recording is silent",
        ),
        "noise": (
            wav_of(0.05 * rng.standard_normal(8 * SAMPLE_RATE), tmp_path),
            "No piano notes were found",
        ),
        "cut": (whole[: len(whole) * 2 // 3], "Truncated or damaged: 3.0 s of the 9.0 s"),
        "clipped": (wav_of(5 * melody, tmp_path), "Distorted: "),
    }
    names = {
        kind: client.upload(data, f"{kind}.wav").json["id"] for kind, (data, _) in cases.items()
    }
    for kind, (_, sentence) in cases.items():
        found = client.wait(names[kind])
        assert found["state"] == "done", found
        assert [w for w in found["warnings"] if w.startswith(sentence)], (kind, found["warnings"])
        answer = client.get(f"/api/recordings/{names[kind]}/download/json")
        told = [as_sentence(warning["message"]) for warning in answer.json["warnings"]]
        assert told == found["warnings"]
    silent = client.get(f"/api/recordings/{names['silent']}/notes").json
    assert silent["notes"] == silent["pedal"] == []
    more = client.ask(
        "PUT", f"/api/recordings/{names['silent']}/settings", {"threshold": 0.05}
    ).json
    assert more["notes"] == []
    answer = client.get(f"/api/recordings/{names['silent']}/download/wav")
    assert (answer.status, answer.json["error"]) == (409, "There are no notes to play or to draw.")


def long_wav(tmp_path: Path, minutes: int = 15) -> bytes:
    """The prelude's first half minute, over and over."""
    half_minute = read_audio(PRELUDE, SAMPLE_RATE)[: 30 * SAMPLE_RATE]
    return wav_of(np.tile(half_minute, 2 * minutes), tmp_path)


def test_the_work_can_be_cancelled_and_begun_again(client, tmp_path, monkeypatch):
    monkeypatch.setattr(waiting, "SHORT", 0.0)  # so that the second one waits
    data = long_wav(tmp_path)
    first = client.upload(data, "long.wav").json["id"]
    client.until(first, lambda found: found["heard_seconds"] > 0)
    second = client.upload(wav_of(melody_samples(), tmp_path), "short.wav").json["id"]
    assert client.get(f"/api/recordings/{second}").json["state"] == "queued"
    begun = time.monotonic()
    answer = client.ask("POST", f"/api/recordings/{first}/cancel").json
    assert time.monotonic() - begun < 5
    assert answer["state"] == "cancelled"
    assert 0 < answer["heard_seconds"] < answer["duration"] == 900
    # What was transcribed stays, and the next one is transcribed.
    notes = client.get(f"/api/recordings/{first}/notes").json["notes"]
    assert 0 < len(notes) == client.get(f"/api/recordings/{first}").json["n_notes"]
    assert client.wait(second)["state"] == "done"
    again = client.ask("POST", f"/api/recordings/{first}/again").json
    assert again["state"] in ("queued", "working")
    client.until(first, lambda found: found["heard_seconds"] > 0)
    assert client.ask("DELETE", f"/api/recordings/{first}").status == 204
    assert client.get(f"/api/recordings/{first}").status == 404


def children(process_id: int) -> list[int]:
    found = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(process_id)], capture_output=True, text=True, check=False
    )
    return [int(line) for line in found.stdout.split()]


@pytest.mark.parametrize("header_tells", [True, False])
def test_hours_of_silence_in_a_small_file_are_refused(
    tmp_path, tone_checkpoint, monkeypatch, header_tells
):
    """Here hours are of ten seconds; the header tells, or the sound goes on and on."""
    from transcribe.audio.reader import AudioReader
    from transcribe.transcriber import Transcriber
    from transcribe.web import transcription_job
    from transcribe.web.messages import user_message

    monkeypatch.setattr(transcription_job, "LONGEST", 120.0)
    path = tmp_path / "long.flac"
    with av.open(str(path), "w", format="flac") as out:
        stream = out.add_stream("flac", rate=8000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 8000 * 300), np.int16), "s16", "mono")
        frame.rate = 8000
        out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    assert path.stat().st_size < 300 * 8000 * 2 / 50
    if not header_tells:
        info = AudioReader(path).info
        monkeypatch.setattr(AudioReader, "info", replace(info, duration=None), raising=False)
    told: list[dict] = []
    with pytest.raises(AudioError) as raised:
        transcription_job.transcribe_into(
            Transcriber(tone_checkpoint), path, tmp_path / "heard", told.append
        )
    words = user_message(raised.value, path)
    assert words.error.startswith("This recording is longer than 0.0333333 hours")
    assert "cut it into parts" in words.error
    assert not [message for message in told if message["kind"] == "done"]
    sound = tmp_path / "heard" / "sound.wav"
    assert not sound.exists() or sound.stat().st_size < 2 * 16000 * 150


def test_a_full_disk_ends_the_work_and_says_so(tmp_path, tone_checkpoint, monkeypatch):
    """In this process, so that the disk can be made to look full."""
    import shutil
    from collections import namedtuple

    from transcribe.transcriber import Transcriber
    from transcribe.web.kept_sound import SPARE_DISK
    from transcribe.web.messages import user_message
    from transcribe.web.transcription_job import transcribe_into

    usage = namedtuple("usage", "total used free")
    told: list[dict] = []
    path = write_pcm(tmp_path / "song.wav", np.tile(melody_samples(), 20))
    calls = iter([10**12, 10**12, SPARE_DISK - 1])
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**12, 0, next(calls)))
    with pytest.raises(OSError) as raised:  # noqa: PT011
        transcribe_into(Transcriber(tone_checkpoint), path, tmp_path / "heard", told.append)
    words = user_message(raised.value, path)
    assert words.error == "The disk is full."
    assert "make room" in words.hint
    with wave.open(str(tmp_path / "heard" / "sound.wav")) as file:
        # Two blocks of ten seconds, to the next packet; the header is right.
        assert file.getnframes() == pytest.approx(20 * SAMPLE_RATE, rel=0.05)


# --- the command ---


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C is sent as a signal")
def test_the_command_ends_cleanly_and_goes_on_after_a_kill(tmp_path, random_checkpoint):
    folder = tmp_path / "library"
    words = ("--checkpoint", str(random_checkpoint), "--device", "cpu", "--threads", "1")
    with command(folder, *words) as (process, client):
        name = client.upload(long_wav(tmp_path, 30), "long.wav").json["id"]
        client.until(name, lambda found: found["heard_seconds"] > 0)
        edit = {"do": "add", "onset": 1.0, "pitch": 21, "offset": 1.5, "velocity": 99}
        answer = client.ask("POST", f"/api/recordings/{name}/edits", {"changes": [edit]})
        assert answer.status == 200
        workers = children(process.pid)
        process.kill()
        process.wait()
    wait_until(lambda: not any(Path(f"/proc/{worker}").exists() for worker in workers))

    with command(folder, *words) as (process, client):
        found = client.get(f"/api/recordings/{name}").json
        assert found["state"] in ("queued", "working")
        assert found["warnings"] == [
            "The program ended while this was being transcribed; it goes on where it was."
        ]
        client.until(name, lambda found: found["state"] == "working" and found["heard_seconds"] > 0)
        notes = client.get(f"/api/recordings/{name}/notes").json
        assert [row[2] for row in notes["notes"] if row[6]] == [21]
        assert notes["can_undo"]
        assert [path.name for path in folder.glob("recordings/*/heard-*")] == ["heard-1"]

        # A second one on the same folder points to the first.
        second = subprocess.run(
            [sys.executable, "-m", "transcribe", "serve", "--no-browser", "--folder", str(folder)],
            capture_output=True,
            text=True,
            check=True,
        )
        assert (
            f"already running, with the recordings in {folder}: http://127.0.0.1:" in second.stdout
        )
        assert str(client.port) in second.stdout

        # While a page is open, Ctrl-C still ends it at once.
        with socket.create_connection(("127.0.0.1", client.port)) as sock:
            sock.sendall(
                f"GET /api/events HTTP/1.1\r\nHost: 127.0.0.1:{client.port}\r\n\r\n".encode()
            )
            sock.recv(100)
            process.send_signal(signal.SIGINT)
            output, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    assert "Traceback" not in output
    assert output.splitlines()[-1].startswith("transcribe: stopped; recordings and notes are kept")
    assert f"open http://127.0.0.1:{client.port}/" in output
    assert not (folder / "server.json").exists()
    with sqlite3.connect(folder / "library.sqlite") as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
