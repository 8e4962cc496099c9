"""``transcribe serve``: what it says, where it keeps things, and what it refuses."""

from __future__ import annotations

import io
import re
import socket
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import melody_samples, write_pcm
from web_server import PATIENCE, Client, serving, wait_until

from transcribe.cli import main
from transcribe.errors import AudioError
from transcribe.files.lock import locked
from transcribe.web import command, serve
from transcribe.web.access import Sessions
from transcribe.web.errors import RefusedError, disk_full
from transcribe.web.library import RecordingLibrary
from transcribe.web.messages import user_message
from transcribe.web.uploads import UploadLimits


def test_help_is_there_and_the_others_import_no_web_server(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["serve", "--help"])
    assert ended.value.code == 0
    told = capsys.readouterr().out
    for option in ("--folder", "--port", "--host", "--no-browser", "--jobs"):
        assert option in told
    code = (
        "import sys\n"
        "from transcribe.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "assert not {'starlette', 'uvicorn', 'torch', 'numpy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)


def test_the_server_itself_imports_no_torch():
    code = "import sys, transcribe.web.serve; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    "words",
    [
        ["--port", "0"],
        ["--port", "99999"],
        ["--jobs", "0"],
        ["--max-upload", "-1"],
        ["--checkpoint", "nowhere.safetensors"],
        ["--background", "--host", "0.0.0.0"],
        ["--install-shortcut", "--host", "0.0.0.0"],
        ["--nonsense"],
    ],
)
def test_wrong_usage(words):
    with pytest.raises(SystemExit) as ended:
        main(["serve", *words])
    assert ended.value.code == 2


def test_gigabytes_are_the_same_in_the_option_on_the_page_and_in_its_errors(monkeypatch, tmp_path):
    taken = []

    class StoppedError(Exception):
        pass

    def server(library, limits, **_):
        taken.append(limits)
        raise StoppedError

    monkeypatch.setattr("transcribe.web.serve.Server", server)
    for words in ([], ["--max-upload", "2"], ["--max-upload", "0.5"]):
        with pytest.raises(StoppedError):
            main(["serve", "--folder", str(tmp_path / "library"), "--no-browser", *words])
    # The page writes 1e9 bytes as 1 GB (static/words.js).
    assert [limits.n_bytes for limits in taken] == [2e9, 2e9, 0.5e9]
    assert UploadLimits().n_bytes == 2e9


def test_a_folder_that_is_a_file_is_named(tmp_path, capsys):
    (tmp_path / "file").write_text("x")
    assert main(["serve", "--folder", str(tmp_path / "file"), "--no-browser"]) == 1
    assert "choose another with --folder" in capsys.readouterr().err


def test_a_port_that_is_taken(tmp_path, capsys):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        words = ["serve", "--folder", str(tmp_path), "--no-browser", "--port", str(port)]
        assert main(words) == 1
        assert f"port {port}: can't listen there" in capsys.readouterr().err


def test_the_default_port_gives_way(monkeypatch):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        monkeypatch.setattr(serve, "DEFAULT_PORT", other.getsockname()[1])
        address = serve._bound(None, None)
        with address.sock:
            assert address.port != serve.DEFAULT_PORT
            assert address.local
            assert address.url == f"http://127.0.0.1:{address.port}/"


def test_only_loopback_is_bound_unless_asked_for():
    for host in (None, "localhost", "127.0.0.1"):
        with serve._bound(host, None).sock as sock:
            assert sock.getsockname()[0] == "127.0.0.1"


@pytest.mark.parametrize(
    ("platform", "environment", "expected"),
    [
        ("linux", {}, "HOME/.local/share/transcribe"),
        ("linux", {"XDG_DATA_HOME": "/data"}, "/data/transcribe"),
        ("linux", {"XDG_DATA_HOME": "relative"}, "HOME/.local/share/transcribe"),
        ("darwin", {}, "HOME/Library/Application Support/transcribe"),
        ("win32", {"LOCALAPPDATA": "/local"}, "/local/transcribe"),
    ],
)
def test_each_platform_keeps_it_in_its_place(monkeypatch, platform, environment, expected):
    for name in ("XDG_DATA_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "platform", platform)
    assert command.default_folder() == Path(expected.replace("HOME", str(Path.home())))


def test_the_house_gets_an_address_with_a_token(tmp_path):
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "transcribe", "serve", "--no-browser", "--host", "0.0.0.0"),
            *("--folder", str(tmp_path / "library")),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        line = process.stdout.readline()
        found = re.search(r"open http://[^ ]+:(\d+)/\?token=([\w-]+) ", line)
        assert found, line
        assert "Use it in a network you trust" in process.stdout.readline()
        client = Client(int(found[1]))
        assert client.get("/api/recordings").status == 401
        admitted = client.get(f"/?token={found[2]}")
        assert admitted.status == 200
        cookie = admitted.headers["set-cookie"].partition(";")[0]
        assert client.get("/api/recordings", Cookie=cookie).json["recordings"] == []
        # The token is used up, and no other is printed.
        assert client.get(f"/?token={found[2]}").status == 401
        process.kill()
        assert "token" not in process.stdout.read()
    finally:
        process.kill()
        process.communicate(timeout=PATIENCE)


def test_a_browser_is_opened_unless_it_is_not_wanted(tmp_path, monkeypatch):
    opened: list[str] = []
    monkeypatch.setattr(serve.webbrowser, "open", opened.append)
    monkeypatch.setattr(serve._Uvicorn, "run", lambda self, sockets: None)
    folder = ["--folder", str(tmp_path)]
    assert main(["serve", *folder]) == 0
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/", opened[0])
    assert main(["serve", *folder, "--no-browser"]) == 0
    assert len(opened) == 1
    # One that runs already, on the same folder, is opened instead.
    with locked(tmp_path / "server.lock"):
        assert main(["serve", *folder]) == 1  # it has not said yet where it is
        (tmp_path / "server.json").write_text('{"url": "http://x/", "needs_token": false}')
        assert main(["serve", *folder]) == 0
    assert opened[1:] == ["http://x/"]


def test_a_library_of_a_newer_version_is_left_alone(tmp_path):
    RecordingLibrary(tmp_path).close()
    with sqlite3.connect(tmp_path / "library.sqlite") as database:
        database.execute("PRAGMA user_version = 99")
    with pytest.raises(RefusedError, match="newer version"):
        RecordingLibrary(tmp_path)


@pytest.mark.skipif(sys.platform == "win32", reason="permissions of POSIX")
def test_others_on_this_computer_can_not_read_the_library(tmp_path):
    (tmp_path / "library.sqlite").touch(mode=0o644)
    RecordingLibrary(tmp_path).close()
    assert (tmp_path / "library.sqlite").stat().st_mode & 0o777 == 0o600
    for folder in ("recordings", "uploads"):
        assert (tmp_path / folder).stat().st_mode & 0o777 == 0o700


def test_enter_in_the_terminal_gives_an_address_for_one_more_device(monkeypatch, capsys):
    sessions = Sessions("transcribe")
    pressed = io.StringIO("\n\n")
    monkeypatch.setattr(pressed, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(sys, "stdin", pressed)
    serve._offer_tokens(sessions, "http://piano.local:8737/")
    wait_until(lambda: len(sessions._tokens) == 2)
    wait_until(lambda: capsys.readouterr().out.count("for one more device: http://piano"))
    assert all(sessions.admit(token) for token in list(sessions._tokens))


def test_a_full_disk_gets_room_by_deleting(tmp_path, monkeypatch):
    """As the page advises; the list itself is written only where there is some room."""
    library = RecordingLibrary(tmp_path)
    (upload := library.new_upload()).write_bytes(b"x")
    entry = library.add(upload, "song.wav", most=9)
    writing = library._writing

    def full_until_it_is_gone():
        if library.original(entry).exists():
            raise disk_full()
        return writing()

    monkeypatch.setattr(library, "_writing", full_until_it_is_gone)
    library.delete(entry)
    assert library.n_entries() == 0
    assert not library.place(entry).exists()
    library.close()


def test_what_changes_takes_no_room(tmp_path):
    """SQLite's journal stays, so that it need not be made anew where the disk is full."""
    library = RecordingLibrary(tmp_path)
    (upload := library.new_upload()).write_bytes(b"x")
    entry = library.add(upload, "song.wav", most=9)
    library.add_edit(entry, [{"note": None, "id": "m1.60"}])

    def files() -> list[tuple[int, int]]:
        found = [path.stat() for path in sorted(tmp_path.iterdir()) if path.is_file()]
        return [(each.st_ino, each.st_size) for each in found]

    before = files()
    assert len(before) == 2
    entry.state = "paused"
    library.save(entry)
    library.rename(entry, "waltz")
    library.queue_again(entry)
    library.undo(entry)
    library.redo(entry)
    assert files() == before
    library.close()


def test_a_full_disk_loses_no_edit_that_was_kept(tmp_path):
    """SQLite says "database or disk is full"; here because the file may not grow."""
    library = RecordingLibrary(tmp_path)
    upload = library.new_upload()
    upload.write_bytes(b"data")
    entry = library.add(upload, "song.mp3", most=10)
    library.add_edit(entry, [{"note": None, "id": "m1.60"}])
    pages = library._database.execute("PRAGMA page_count").fetchone()[0]
    library._database.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(RefusedError) as refused:
        library.add_edit(entry, [{"note": None, "id": "m" * 100_000}])
    assert (refused.value.status, refused.value.error) == (507, "The disk is full.")
    assert [edit.changes for edit in library.edits(entry)] == [[{"note": None, "id": "m1.60"}]]
    library._database.execute("PRAGMA max_page_count = 1000000")
    library.add_edit(entry, [{"note": None, "id": "m2.60"}])
    assert len(library.edits(entry)) == 2
    library.close()


def test_a_model_that_cannot_be_loaded_is_said_of_every_recording(tmp_path):
    bad = tmp_path / "bad.safetensors"
    bad.write_bytes(b"nothing")
    options = ("--device", "cpu", "--checkpoint", str(bad))
    with serving(tmp_path / "library", n_jobs=1, options=options) as client:
        data = write_pcm(tmp_path / "x.wav", melody_samples()).read_bytes()
        found = client.wait(client.upload(data).json["id"])
        assert found["state"] == "failed"
        assert found["error"].startswith("The model could not be loaded: ")
        assert "not a readable weights file" in found["error"]
        assert "worker.log" in found["hint"]


# --- words ---


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (MemoryError(), "There was not enough memory"),
        (OSError(28, "No space left on device"), "The disk is full."),
        (OSError(13, "Permission denied"), "A file could not be read or written: Permission"),
        (AudioError("PATH: what is said", kind="no_audio_track"), "There is no sound in"),
        (AudioError("PATH: what is said", kind="damaged"), "This recording is damaged"),
        (AudioError("PATH: an unknown trouble"), "This recording can't be used: an unknown"),
        (RuntimeError("bug"), "Something unexpected went wrong (RuntimeError: bug)."),
    ],
)
def test_errors_in_plain_words_with_what_to_do(error, sentence):
    words = user_message(error, Path("PATH"))
    assert words.error.startswith(sentence)
    assert words.hint.endswith(".")
    assert "PATH" not in words.error + words.hint
