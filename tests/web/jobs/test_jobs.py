"""Work on recordings by the page's server: refused, cancelled, begun again, and ended cleanly."""

from __future__ import annotations

import signal
import socket
import sqlite3
import subprocess
import sys
import time
import wave
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
from conftest import SAMPLE_RATE, melody_samples, write_pcm
from web_server import PATIENCE, command, wait_until

from transcribe.audio.reader import read_audio
from transcribe.errors import AudioError
from transcribe.web import waiting

from .prelude import PRELUDE

pytestmark = pytest.mark.slow


def wav_of(samples: np.ndarray, tmp_path: Path) -> bytes:
    return write_pcm(tmp_path / "x.wav", samples).read_bytes()


def test_junk_is_named_and_the_next_recording_is_transcribed(client, tmp_path):
    junk = {
        "text": (b"this is no sound\n" * 100, "This is not a recording."),
        "zip": (b"PK\x03\x04" + bytes(500), "This is not a recording."),
        "midi": (b"MThd" + bytes(500), "This is a MIDI file: it holds notes and no sound."),
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
