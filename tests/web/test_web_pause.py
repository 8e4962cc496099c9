"""Pause and go on, also after the server has ended: the notes are those of an unpaused run."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from conftest import SAMPLE_RATE, melody_samples, write_pcm
from web_server import Client, serving

from transcribe.audio.reader import read_audio
from transcribe.excerpt import Excerpt
from transcribe.transcriber import Transcriber
from transcribe.web.kept_sound import KeptSound
from transcribe.web.library import RecordingLibrary
from transcribe.web.note_rows import present_id
from transcribe.web.note_service import read_candidates
from transcribe.web.transcription_job import transcribe_into
from transcribe.web.unfinished import is_unfinished

PRELUDE = Path(__file__).parents[1] / "data" / "prelude.mp3"
WORKERS = {"n_jobs": 1, "options": ("--device", "cpu", "--threads", "1")}


class PausedError(Exception):
    """In place of the end of the process."""


@pytest.fixture
def recording(tmp_path):
    return write_pcm(tmp_path / "song.wav", np.tile(melody_samples(), 12))


def pausing(n: int):
    """A receiver of messages that ends the work with the n-th that tells how far it is."""
    told: list[dict] = []

    def send(message: dict) -> None:
        told.append(message)
        if sum(each["kind"] == "heard" and bool(each["seconds"]) for each in told) == n:
            raise PausedError

    return told, send


@pytest.fixture(autouse=True)
def tell_everything(monkeypatch):
    monkeypatch.setattr("transcribe.web.transcription_job._BETWEEN_MESSAGES", 0.0)


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("excerpt", [Excerpt(), Excerpt(5.0, 30.0)])
def test_what_is_kept_in_the_end_is_the_same(tmp_path, tone_checkpoint, recording, excerpt):
    transcriber = Transcriber(tone_checkpoint)
    whole: list[dict] = []
    transcribe_into(transcriber, recording, tmp_path / "whole", whole.append, excerpt)
    folder = tmp_path / "paused"
    for _ in range(3):
        told, send = pausing(4)
        with pytest.raises(PausedError):
            transcribe_into(transcriber, recording, folder, send, excerpt)
        assert is_unfinished(folder)
    rest: list[dict] = []
    transcribe_into(transcriber, recording, folder, rest.append, excerpt)
    # The third time it began where the second had ended.
    assert told[0]["seconds"] > 4
    assert rest[0]["seconds"] > told[0]["seconds"]
    heard = [each["seconds"] for each in rest if each["kind"] == "heard" and each["seconds"]]
    assert heard[0] > rest[0]["seconds"]
    assert heard == sorted(heard)
    assert rest[-1] == whole[-1]
    assert files_of(folder) == files_of(tmp_path / "whole")
    # What was settled before is not told again.
    n_notes = len({row[0] for each in rest if each["kind"] == "heard" for row in each["notes"]})
    assert 0 < n_notes < whole[-1]["n_notes"] - 5


def test_what_was_begun_otherwise_begins_again(tmp_path, tone_checkpoint, recording):
    folder = tmp_path / "heard"
    _, send = pausing(4)
    with pytest.raises(PausedError):
        transcribe_into(Transcriber(tone_checkpoint), recording, folder, send)
    begun: list[dict] = []
    other = Transcriber(tone_checkpoint, a4=415.0)
    transcribe_into(other, recording, folder, begun.append)
    assert begun[0]["seconds"] == 0
    transcribe_into(other, recording, tmp_path / "fresh", lambda _: None)
    assert files_of(folder) == files_of(tmp_path / "fresh")


@pytest.mark.parametrize("name", ["unfinished", "events", "pedal"])
def test_what_is_damaged_begins_again(tmp_path, tone_checkpoint, recording, name):
    transcriber, folder = Transcriber(tone_checkpoint), tmp_path / "heard"
    _, send = pausing(6)
    with pytest.raises(PausedError):
        transcribe_into(transcriber, recording, folder, send)
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[: len(content) // 2])
    told: list[dict] = []
    transcribe_into(transcriber, recording, folder, told.append)
    assert told[0]["seconds"] == 0
    assert told[-1]["n_notes"] == 60


def test_what_was_written_after_the_point_is_written_once(tmp_path, tone_checkpoint, recording):
    """A process that is killed has written more than it could say."""
    transcriber, folder = Transcriber(tone_checkpoint), tmp_path / "heard"
    _, send = pausing(6)
    with pytest.raises(PausedError):
        transcribe_into(transcriber, recording, folder, send)
    for name in ("events", "pedal", "sound.wav", "waveform"):
        with (folder / name).open("ab") as file:
            file.write(b"\0" * (3 if name in ("events", "pedal") else 1))
    transcribe_into(transcriber, recording, folder, lambda _: None)
    transcribe_into(transcriber, recording, tmp_path / "fresh", lambda _: None)
    assert files_of(folder) == files_of(tmp_path / "fresh")
    assert len(read_candidates(folder).pedal) == 1125


def test_sound_that_is_kept_already_stays(tmp_path):
    samples = melody_samples()

    class Reader:
        sample_rate, seconds_read, warnings = SAMPLE_RATE, 3.0, ()

        def __init__(self, size: int) -> None:
            self.size = size

        def __iter__(self):
            return iter([samples[i : i + self.size] for i in range(0, len(samples), self.size)])

    with KeptSound(tmp_path, Reader(1001)) as sound:
        blocks = iter(sound)
        for _ in range(20):
            next(blocks)
    with KeptSound(tmp_path, Reader(7919)) as sound:
        assert sound.drain() == 3.0
    np.testing.assert_allclose(read_audio(tmp_path / "sound.wav"), samples, atol=1e-4)
    pairs = np.frombuffer((tmp_path / "waveform").read_bytes(), "i1").reshape(-1, 2)
    expected = samples.reshape(-1, SAMPLE_RATE // 50)
    np.testing.assert_array_equal(pairs[:, 1], np.round(expected.max(axis=1) * 127))
    np.testing.assert_array_equal(pairs[:, 0], np.round(expected.min(axis=1) * 127))


# --- the server ---


@pytest.fixture(scope="module")
def long_wav(tmp_path_factory) -> Path:
    """The prelude four times: 2:43, six windows."""
    path = tmp_path_factory.mktemp("long") / "long.wav"
    return write_pcm(path, np.tile(read_audio(PRELUDE, SAMPLE_RATE), 4))


def pause_soon(client: Client, name: str) -> dict:
    client.until(name, lambda found: found["heard_seconds"] > 0)
    answer = client.ask("POST", f"/api/recordings/{name}/pause")
    assert answer.status == 200
    return answer.json


def notes_of(client: Client, name: str) -> list:
    return client.get(f"/api/recordings/{name}/notes").json["notes"]


@pytest.mark.slow
def test_paused_it_lets_others_pass_and_goes_on_after_a_restart(tmp_path, long_wav):
    with serving(tmp_path, **WORKERS) as client:
        name = client.upload(long_wav.read_bytes(), "long.wav").json["id"]
        paused = pause_soon(client, name)
        assert paused["state"] == "paused"
        assert 0 < paused["heard_seconds"] < paused["duration"] - 60
        assert len(notes_of(client, name)) > 50
        # What was found so far can be taken away, and another recording has its turn.
        assert client.get(f"/api/recordings/{name}/download/mid").status == 200
        other = client.upload(PRELUDE.read_bytes(), "prelude.mp3").json["id"]
        assert client.wait(other)["state"] == "done"
        assert client.get(f"/api/recordings/{name}").json["state"] == "paused"

    with serving(tmp_path, **WORKERS) as client:
        found = client.get(f"/api/recordings/{name}").json
        assert (found["state"], found["warnings"]) == ("paused", [])
        assert found["heard_seconds"] == paused["heard_seconds"]
        assert client.ask("POST", f"/api/recordings/{name}/again").status == 200
        client.wait(name, "working")
        seen = client.until(name, lambda found: found["heard_seconds"] > 0)
        assert seen["heard_seconds"] >= paused["heard_seconds"]
        assert client.wait(name)["state"] == "done"
        fresh = client.upload(long_wav.read_bytes(), "long.wav").json["id"]
        assert client.wait(fresh)["state"] == "done"
        assert notes_of(client, name) == notes_of(client, fresh)
        midi = [client.get(f"/api/recordings/{each}/download/mid").body for each in (name, fresh)]
        assert midi[0] == midi[1]
        # Nothing is left that was only needed to go on, and nothing was transcribed twice.
        library = RecordingLibrary(tmp_path)
        entry = library.entry(name)
        assert entry.attempt == 1
        assert not is_unfinished(library.transcription(entry))
        library.close()
        # Done, it can't be paused.
        assert client.ask("POST", f"/api/recordings/{name}/pause").status == 409


@pytest.mark.slow
def test_a_server_that_ends_goes_on_where_it_was(tmp_path, long_wav):
    with serving(tmp_path, **WORKERS) as client:
        name = client.upload(long_wav.read_bytes(), "long.wav").json["id"]
        left = client.until(name, lambda found: found["heard_seconds"] > 0)
        assert left["state"] == "working"
    with serving(tmp_path) as client:  # nothing is transcribed here
        found = client.get(f"/api/recordings/{name}").json
        assert found["state"] == "queued"
        assert found["warnings"] == [
            "The program ended while this was being transcribed; it goes on where it was."
        ]
        # What waits can be paused, too, and stopped for good.
        assert client.ask("POST", f"/api/recordings/{name}/pause").json["state"] == "paused"
        assert client.ask("POST", f"/api/recordings/{name}/cancel").json["state"] == "cancelled"
        assert client.ask("POST", f"/api/recordings/{name}/again").json["state"] == "queued"
    with serving(tmp_path, **WORKERS) as client:
        done = client.wait(name)
        assert (done["state"], done["warnings"]) == ("done", [])
        once = client.upload(PRELUDE.read_bytes(), "prelude.mp3").json["id"]
        n_notes = client.wait(once)["n_notes"]
        assert done["n_notes"] == pytest.approx(4 * n_notes, abs=12)


# --- a part ---


@pytest.mark.slow
def test_a_part_has_the_recordings_times_and_all_of_its_sound(tmp_path):
    with serving(tmp_path, **WORKERS) as client:
        name = client.upload(PRELUDE.read_bytes(), "prelude.mp3").json["id"]
        address = f"/api/recordings/{name}"
        assert client.wait(name)["part"] is None
        whole = notes_of(client, name)
        sound = client.get(f"{address}/sound").body
        waveform = client.get(f"{address}/waveform").body
        edit = {"do": "delete", "id": next(row[0] for row in whole if 15 < row[1] < 20)}
        client.ask("POST", f"{address}/edits", {"changes": [edit]})

        answer = client.ask("PUT", f"{address}/part", {"from": 10, "to": 25.5})
        assert (answer.status, answer.json["part"]) == (200, [10, 25.5])
        done = client.wait(name)
        assert (done["state"], done["part"]) == ("done", [10, 25.5])
        assert done["duration"] == pytest.approx(40.767, abs=0.001)
        part = notes_of(client, name)
        assert all(10 <= row[1] < 25.5 for row in part)
        inside = [row[0] for row in whole if 10.1 < row[1] < 25.4]
        # Ids are those of the whole or of the next frame: what was changed by hand is as it was.
        found = [row[0] for row in part if 10.1 < row[1] < 25.4]
        expected = [each for each in inside if each != edit["id"]]
        assert [present_id(each, set(found)) for each in expected] == found
        assert sum(a != b for a, b in zip(expected, found, strict=True)) <= 2
        assert client.get(f"{address}/sound").body == sound
        assert client.get(f"{address}/waveform").body == waveform

        answer = client.ask("PUT", f"{address}/part", {})
        assert answer.json["part"] is None
        client.wait(name)
        assert [row[0] for row in notes_of(client, name)] == [
            row[0] for row in whole if row[0] != edit["id"]
        ]


def test_a_part_that_is_none_is_refused(tmp_path):
    with serving(tmp_path) as client:
        name = client.upload(b"x").json["id"]
        address = f"/api/recordings/{name}/part"
        refused = ({"from": 5, "to": 5.1}, {"from": 9, "to": 3}, {"from": -1}, {"to": "x"})
        for part in (*refused, {"from": 10**400}, {"to": math.nan}):
            answer = client.ask("PUT", address, part)
            assert answer.status == 422, part
        assert (
            "lasts 0.5 s or more" in client.ask("PUT", address, {"from": 9, "to": 3}).json["error"]
        )
        assert client.get(f"/api/recordings/{name}").json["part"] is None
        # A part can be chosen while it waits, also to the end of what is not known yet.
        assert client.ask("PUT", address, {"from": 90}).json["part"] == [90, None]
        assert client.get(f"/api/recordings/{name}").json["state"] == "queued"
        assert client.ask("PUT", address, {"from": 0, "to": None}).json["part"] is None
