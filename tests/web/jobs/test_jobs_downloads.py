"""What the page's server gives away: files, sound, pictures, and music that goes on."""

from __future__ import annotations

import io
import re
import wave

import numpy as np
import pytest

from transcribe.cli import main
from transcribe.midi import read_midi

from .prelude import PRELUDE, notes_of

pytestmark = pytest.mark.slow

KINDS = {"mid": "prelude.mid", "csv": "prelude.csv", "json": "prelude.json"}


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


def test_a_dance_in_the_name_has_its_bars_at_every_door(client, prelude, tmp_path):
    recording, _ = prelude
    where = f"/api/recordings/{recording['id']}"
    assert client.get(f"{where}/beats").json["metre"] != "3/4"
    copy = tmp_path / "Waltz.mp3"
    copy.write_bytes(PRELUDE.read_bytes())
    assert main([str(copy), "--beats", "--quiet", "--device", "cpu", "--threads", "1"]) == 0
    assert client.ask("PATCH", where, {"name": "Waltz"}).status == 200
    try:
        assert client.get(f"{where}/beats").json["metre"] == "3/4"
        assert (
            client.get(f"{where}/download/bars.mid").body == (tmp_path / "Waltz.mid").read_bytes()
        )
    finally:
        client.ask("PATCH", where, {"name": "prelude"})


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
    # The playhead is where the page has put it: at the very beginning, or where all is over.
    for too_early in (0, 0.2):
        refused = client.ask("POST", f"{address}/continuation", {"seconds": 1, "at": too_early})
        assert (refused.status, refused.json["kind"]) == (409, "no_notes_before")
    played = client.get(f"{address}/notes").json
    end = max(row[3] for row in played["notes"])
    end = max(end, *(offset for _, offset in played["pedal"]))
    over = client.ask("POST", f"{address}/continuation", {"seconds": 5, "at": 500}).json
    assert over["start"] == pytest.approx(end, abs=0.01)
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
