"""What is put in: within the limits, whole, and under a name that is only a name."""

from __future__ import annotations

import shutil
import socket
import threading
from collections import namedtuple
from concurrent.futures import ThreadPoolExecutor
from email.message import Message
from urllib.parse import unquote

import pytest
from web_server import PATIENCE, serving, wait_until

from transcribe.web.names import disposition, download_name, shown
from transcribe.web.note_service import NoteService
from transcribe.web.uploads import SPARE_DISK, UploadLimits

MEGABYTE = 1_000_000


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "library"


def kept(folder) -> list[str]:
    """Every file under the folder but the database."""
    paths = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return sorted(str(path) for path in paths if not path.name.startswith("library.sqlite"))


def test_a_recording_is_kept_byte_by_byte(folder):
    data = bytes(range(256)) * 20_000
    with serving(folder) as client:
        answer = client.upload(data, "Clair de lune.mp3")
        assert answer.status == 201
        recording = answer.json
        assert recording["name"] == "Clair de lune.mp3"
        assert recording["bytes"] == len(data)
        assert recording["state"] == "queued"
        original = client.get(f"/api/recordings/{recording['id']}/original")
        assert original.body == data
        assert 'filename="Clair de lune.mp3"' in original.headers["content-disposition"]
        assert client.recordings() == [recording]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("../../etc/passwd", "../../etc/passwd"),
        ("C:\\Windows\\x.mp3", "C:\\Windows\\x.mp3"),
        ("a\r\nSet-Cookie: x=y.mp3", "a Set-Cookie: x=y.mp3"),
        ("\N{MUSICAL KEYBOARD} Nocturne é.mp3", "\N{MUSICAL KEYBOARD} Nocturne é.mp3"),
        ("\0\x1b[31m.wav", "[31m.wav"),
        ("song\N{RIGHT-TO-LEFT OVERRIDE}3pm.exe", "song3pm.exe"),
        ("   ", "recording"),
        ("", "recording"),
        ("é" * 127 + ".mp3", "é" * 127 + ".mp3"),
        ("x" * 5000 + ".flac", "x" * 194 + "….flac"),
        ("<img src=x onerror=alert(1)>.wav", "<img src=x onerror=alert(1)>.wav"),
    ],
)
def test_a_name_never_becomes_a_path_or_a_header(folder, name, expected):
    with serving(folder) as client:
        recording = client.upload(b"junk", name).json
        assert recording["name"].replace("  ", " ").strip() == expected
        files = kept(folder)
        assert files == [f"recordings/{recording['id']}/original"]
        headers = client.get(f"/api/recordings/{recording['id']}/original").headers
        assert "set-cookie" not in headers
        saved = offered_name(headers["content-disposition"])
        assert not set(saved) & set('/\\:*?"<>|\r\n\0')
        assert saved not in ("", ".", "..")
        assert len(saved.encode()) <= 255


def offered_name(header: str) -> str:
    """The name a browser would save under."""
    return unquote(header.partition("filename*=UTF-8''")[2])


def test_names_of_downloads():
    assert download_name("Op. 27 no. 2.mp3", ".mid") == "Op. 27 no. 2.mid"
    assert download_name("a/b\\c:d.wav", ".csv") == "a_b_c_d.csv"
    assert download_name("CON.mp3", ".mid") == "CON_.mid"
    assert download_name("...", ".mid") == "recording.mid"
    assert download_name("no suffix", ".mid") == "no suffix.mid"
    assert len(download_name("\N{MUSICAL KEYBOARD}" * 300, ".sustained.mid").encode()) <= 255
    message = Message()
    message["Content-Disposition"] = disposition('é \N{MUSICAL KEYBOARD}".mid')
    assert message.get_filename() in ("e _.mid", 'é \N{MUSICAL KEYBOARD}".mid')
    assert disposition('"; x="y').count('"') == 2
    assert shown("a\N{LINE SEPARATOR}b") == "a b"


def test_an_empty_file_is_refused(folder):
    with serving(folder) as client:
        answer = client.upload(b"")
        assert (answer.status, answer.json["error"]) == (400, "This file is empty.")
        assert kept(folder) == []


def test_a_file_that_is_too_large_is_refused_before_it_is_sent(folder):
    with serving(folder, limits=UploadLimits(n_bytes=MEGABYTE)) as client:
        limits = client.get("/api/recordings").json["limits"]
        assert limits["upload_bytes"] == MEGABYTE
        assert {".qta", ".3gp", ".m2ts", ".wav"} < set(limits["endings"])
        answer = client.upload(bytes(2 * MEGABYTE))
        assert answer.status == 413
        assert answer.json["error"].startswith("This file is larger than 0.001 GB")
        assert "Convert it" in answer.json["hint"]
        assert client.upload(bytes(MEGABYTE)).status == 201
        assert len(kept(folder)) == 1


def test_a_file_of_unknown_size_is_refused_once_it_is_too_large(folder):
    with serving(folder, limits=UploadLimits(n_bytes=MEGABYTE)) as client:
        pieces = (bytes(MEGABYTE // 2) for _ in range(8))
        answer = client.ask("POST", "/api/recordings?name=a.wav", pieces)
        assert answer.status == 413
        assert client.recordings() == []
        assert kept(folder) == []


def test_there_may_be_only_so_many(folder):
    with serving(folder, limits=UploadLimits(n_recordings=2)) as client:
        first = client.upload(b"1").json["id"]
        assert client.upload(b"2").status == 201
        answer = client.upload(b"3")
        assert answer.status == 409
        assert "Delete some" in answer.json["hint"]
        assert client.ask("DELETE", f"/api/recordings/{first}").status == 204
        assert client.upload(b"3").status == 201
        assert len(client.recordings()) == 2
        assert len(kept(folder)) == 2


def test_a_disk_without_room_is_named_and_nothing_is_lost(folder, monkeypatch):
    usage = namedtuple("usage", "total used free")
    with serving(folder) as client:
        before = client.upload(b"before").json
        free = SPARE_DISK + MEGABYTE // 2
        monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**12, 0, free))
        assert client.upload(b"small").status == 201
        answer = client.upload(bytes(MEGABYTE))
        assert answer.status == 507
        assert answer.json["error"] == "The disk is full."
        assert "Delete recordings" in answer.json["hint"]
        assert before in client.recordings()
        assert len(kept(folder)) == 2


def test_a_disk_that_fills_up_while_a_file_comes_in(folder, monkeypatch):
    from pathlib import Path

    opened = Path.open

    class Full:
        def __init__(self, file):
            self.file = file

        def __enter__(self):
            return self

        def __exit__(self, *exception):
            self.file.close()

        def write(self, data):
            raise OSError(28, "No space left on device")

    def open_full(self, mode="r", *rest, **more):
        file = opened(self, mode, *rest, **more)
        return Full(file) if "uploads" in self.parts and "w" in mode else file

    with serving(folder) as client:
        monkeypatch.setattr(Path, "open", open_full)
        answer = client.upload(bytes(3 * MEGABYTE))
        assert answer.status == 507
        monkeypatch.undo()
        assert kept(folder) == []
        assert client.recordings() == []
        assert client.upload(b"later").status == 201


def test_a_tab_closed_in_mid_upload_leaves_nothing(folder):
    with serving(folder) as client:
        with socket.create_connection(("127.0.0.1", client.port)) as sock:
            sock.sendall(
                b"POST /api/recordings?name=a.wav HTTP/1.1\r\nX-Transcribe: 1\r\n"
                + f"Host: 127.0.0.1:{client.port}\r\nContent-Length: 9000000\r\n\r\n".encode()
                + bytes(2 * MEGABYTE)
            )
            wait_until(lambda: kept(folder))
        wait_until(lambda: not kept(folder))
        assert client.recordings() == []
        assert client.upload(b"again").status == 201


def test_two_uploads_at_once_are_two_recordings(folder):
    with serving(folder) as client:
        bodies = [bytes([index]) * (3 * MEGABYTE) for index in range(4)]
        answers = [None] * 4

        def send(index):
            answers[index] = client.upload(bodies[index], "same name.wav")

        threads = [threading.Thread(target=send, args=(index,)) for index in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
        assert [answer.status for answer in answers] == [201] * 4
        for answer, body in zip(answers, bodies, strict=True):
            assert client.get(f"/api/recordings/{answer.json['id']}/original").body == body
        assert len({answer.json["id"] for answer in answers}) == 4


def test_what_an_ended_server_left_half_sent_is_cleared_away(folder):
    with serving(folder):
        (folder / "uploads" / "half").write_bytes(b"half")
        (folder / "recordings" / "stray").mkdir()
    with serving(folder) as client:
        assert kept(folder) == []
        assert not (folder / "recordings" / "stray").exists()
        assert client.recordings() == []


def test_the_list_survives_a_restart_and_a_move(folder, tmp_path):
    with serving(folder) as client:
        ids = [client.upload(b"data %d" % index, f"{index}.mp3").json["id"] for index in range(3)]
        cancelled = client.ask("POST", f"/api/recordings/{ids[1]}/cancel").json
        assert cancelled["state"] == "cancelled"
        listed = client.recordings()
        assert [recording["id"] for recording in listed] == ids[::-1]
    moved = tmp_path / "elsewhere" / "moved"
    moved.parent.mkdir()
    folder.rename(moved)
    with serving(moved) as client:
        assert client.recordings() == listed
        assert client.get(f"/api/recordings/{ids[2]}/original").body == b"data 2"
        again = client.ask("POST", f"/api/recordings/{ids[1]}/again").json
        assert again["state"] == "queued"
        assert client.ask("POST", f"/api/recordings/{ids[1]}/again").status == 409


def test_a_recording_gets_another_name_and_keeps_its_ending(folder):
    with serving(folder) as client:
        name = client.upload(b"data", "VID_20260101.m4a").json["id"]
        where = f"/api/recordings/{name}"
        renamed = client.ask("PATCH", where, {"name": "  Op. 27/2,\nII "})
        assert (renamed.status, renamed.json["name"]) == (200, "Op. 27/2, II.m4a")
        assert "Op. 27_2, II.m4a" in client.get(f"{where}/original").headers["content-disposition"]
        for refused in ({"name": " "}, {"name": 5}, {}):
            assert client.ask("PATCH", where, refused).status == 422
    with serving(folder) as client:
        assert client.recordings()[0]["name"] == "Op. 27/2, II.m4a"


def test_what_is_chosen_while_notes_are_read_anew_is_kept(folder, monkeypatch):
    begun, gate, read = threading.Event(), threading.Event(), NoteService.answer

    def slowly(*given):
        begun.set()
        assert gate.wait(PATIENCE)
        return read(*given)

    monkeypatch.setattr(NoteService, "answer", slowly)
    with serving(folder) as client:
        where = f"/api/recordings/{client.upload(b'data').json['id']}"
        with ThreadPoolExecutor(1) as other:
            fewer = other.submit(client.ask, "PUT", f"{where}/settings", {"threshold": 0.9})
            assert begun.wait(PATIENCE)
            client.ask("PUT", f"{where}/part", {"from": 1, "to": 2})
            client.ask("PUT", f"{where}/wishes", {"metre": "3/4"})
            gate.set()
            assert fewer.result().status == 200
        found = client.get(where).json
    assert (found["part"], found["wishes"]) == ([1, 2], {"metre": "3/4"})
    assert found["settings"]["threshold"] == 0.9


def test_a_deleted_recording_is_gone(folder):
    with serving(folder) as client:
        name = client.upload(b"data").json["id"]
        assert client.ask("DELETE", f"/api/recordings/{name}").status == 204
        assert kept(folder) == []
        for path in ("", "/notes", "/original", "/events", "/sound", "/download/mid"):
            answer = client.get(f"/api/recordings/{name}{path}")
            assert answer.status == 404
            assert answer.json["error"] == "This recording is not here any more."


def test_uploads_are_told_to_whoever_watches(folder):
    with serving(folder) as client:
        seen: list[bytes] = []

        def watch():
            with socket.create_connection(("127.0.0.1", client.port), timeout=PATIENCE) as sock:
                sock.sendall(
                    f"GET /api/events HTTP/1.1\r\nHost: 127.0.0.1:{client.port}\r\n\r\n".encode()
                )
                while b"deleted" not in b"".join(seen):
                    seen.append(sock.recv(65536))

        thread = threading.Thread(target=watch)
        thread.start()
        wait_until(lambda: b"retry" in b"".join(seen))
        name = client.upload(b"data", "song.mp3").json["id"]
        client.ask("DELETE", f"/api/recordings/{name}")
        thread.join(PATIENCE)
        text = b"".join(seen).decode()
        assert "text/event-stream" in text
        assert text.index("event: state") < text.index("event: deleted")
        assert '"name": "song.mp3"' in text
