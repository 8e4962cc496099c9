"""The server of the page: started, its address opened in the browser, ended cleanly."""

from __future__ import annotations

import argparse
import ipaddress
import json
import os
import socket
import sys
import threading
import webbrowser
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from transcribe.errors import TranscribeError
from transcribe.files.atomic import write_atomically
from transcribe.files.json_text import parse_json
from transcribe.files.lock import BusyError, locked
from transcribe.hardware import n_cores
from transcribe.terminal import say, show
from transcribe.web.access import AccessMiddleware, Sessions
from transcribe.web.app import Server
from transcribe.web.http_protocol import HeaderTimeoutProtocol
from transcribe.web.library import RecordingLibrary
from transcribe.web.port import DEFAULT_PORT
from transcribe.web.uploads import UploadLimits
from transcribe.wording import reason

_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


def serve(folder: Path, options: argparse.Namespace) -> int:
    """Serve the page until Ctrl-C; the exit code.

    Parameters
    ----------
    folder : Path
        Where recordings and notes are kept; made if need be.
    options : Namespace
        Of ``transcribe serve`` (`transcribe.web.command`).
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with ExitStack() as held:
            try:
                held.enter_context(locked(folder / "server.lock"))
            except BusyError:
                return _already_running(folder, options)
            return _serve(folder, options)
    except OSError as error:
        what = reason(error, about=folder)
        raise TranscribeError(
            f"{folder}: this folder can't be used: {what}; choose another with --folder"
        ) from error


@dataclass(frozen=True, slots=True)
class _Address:
    """Where the server listens, and how it is called."""

    sock: socket.socket
    shown: str
    """Host as it stands in an address."""
    local: bool

    @property
    def port(self) -> int:
        port: int = self.sock.getsockname()[1]
        return port

    @property
    def url(self) -> str:
        return f"http://{self.shown}:{self.port}/"


class _Uvicorn(uvicorn.Server):
    """Ends the streams of open pages first, which would not end by themselves."""

    def __init__(self, config: uvicorn.Config, server: Server) -> None:
        super().__init__(config)
        self._ours = server

    def end(self) -> None:
        """Stop serving soon; what is being answered is."""
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn does it, with nobody listening any more."""
        self._ours.streams.close()
        await super().shutdown(sockets)


def _serve(folder: Path, options: argparse.Namespace) -> int:
    address = _bound(options.host, options.port)
    library = RecordingLibrary(folder)
    try:
        server = Server(
            library,
            UploadLimits(n_bytes=round(options.max_upload * 10**9)),
            n_jobs=options.jobs,
            worker_options=_worker_options(options),
            checkpoint=_live_checkpoint(options),
        )
        sessions = None
        url = address.url
        if not address.local:
            sessions = Sessions(f"transcribe-{address.port}")
            url = f"{address.url}?token={sessions.token()}"
            _offer_tokens(sessions, address.url)
        hosts = (*_LOOPBACK, *(() if address.local else (address.shown, *_names())))
        guarded = AccessMiddleware(
            server.application(),
            hosts=[host.lower() for host in hosts],
            port=address.port,
            sessions=sessions,
        )
        config = uvicorn.Config(
            guarded,
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            ws="none",
            http=HeaderTimeoutProtocol,
            lifespan="on",
            timeout_graceful_shutdown=2,
        )
        runner = _Uvicorn(config, server)
        if address.local:
            server.quit = runner.end
        _run(runner, address, folder, url, options)
    finally:
        library.close()
        address.sock.close()
    say(
        "transcribe: stopped; recordings and notes are kept, unfinished work continues next time",
        sys.stdout,
    )
    return 0


def _run(
    server: uvicorn.Server,
    address: _Address,
    folder: Path,
    url: str,
    options: argparse.Namespace,
) -> None:
    note = folder / "server.json"
    noted = {"url": address.url, "needs_token": not address.local, "pid": os.getpid()}
    write_atomically(note, json.dumps(noted))
    _show_address(f"open {url} (Ctrl-C ends it)")
    if not address.local:
        say(
            "transcribe: the address admits one device; "
            + ("press Enter" if sys.stdin.isatty() else "start it in a terminal and press Enter")
            + " for an address for another. Whoever has one can see and change all recordings. "
            "Use it in a network you trust: nothing is encrypted.",
            sys.stdout,
        )
    say(f"transcribe: recordings and notes are kept in {folder}", sys.stdout)
    if not options.no_browser:
        webbrowser.open(url)
    try:
        server.run(sockets=[address.sock])
    except KeyboardInterrupt:
        pass  # uvicorn has shut down and passes the signal on
    finally:
        note.unlink(missing_ok=True)


def _show_address(words: str) -> None:
    """Print a line as it is: `say` would leave the token out, which is a secret elsewhere."""
    show(f"transcribe: {words}\n", sys.stdout)


def _offer_tokens(sessions: Sessions, url: str) -> None:
    """Print an address for one more device whenever Enter is pressed in the terminal."""
    if not sys.stdin.isatty():
        return

    def read() -> None:
        for _ in sys.stdin:
            _show_address(f"for one more device: {url}?token={sessions.token()}")

    threading.Thread(target=read, daemon=True).start()


def _worker_options(options: argparse.Namespace) -> list[str]:
    words = ["--device", options.device]
    n_threads = options.threads
    if n_threads is None and options.jobs > 1:
        n_threads = max(1, n_cores() // options.jobs)
    if n_threads:
        words += ["--threads", str(n_threads)]
    if options.checkpoint:
        words += ["--checkpoint", str(options.checkpoint.absolute())]
    return words


def _live_checkpoint(options: argparse.Namespace) -> Path | None:
    """Weights for notes while the page records, which is done on the CPU."""
    return options.checkpoint.absolute() if options.checkpoint else None


def _already_running(folder: Path, options: argparse.Namespace) -> int:
    try:
        noted = parse_json((folder / "server.json").read_text(encoding="utf-8"))
        url, needs_token = noted["url"], noted["needs_token"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TranscribeError(
            f"{folder}: another transcribe serve uses this folder and has just started or is "
            "ending; try again in a moment"
        ) from error
    say(f"transcribe: already running, with the recordings in {folder}: {url}", sys.stdout)
    if needs_token:
        say("transcribe: for an address for a device, press Enter where it runs", sys.stdout)
    elif not options.no_browser:
        webbrowser.open(url)
    return 0


def _bound(host: str | None, port: int | None) -> _Address:
    """A socket that listens; on the default port, or if that is taken on any other."""
    local = host is None or host == "localhost" or _is_loopback(host)
    name = "127.0.0.1" if host in (None, "localhost") else str(host)
    try:
        family, _, _, _, where = socket.getaddrinfo(name, 0, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        raise TranscribeError(f"--host {name}: this is no address of this computer") from error
    last: OSError | None = None
    for wanted in (port,) if port is not None else (DEFAULT_PORT, 0):
        sock = socket.socket(family, socket.SOCK_STREAM)
        if os.name == "posix":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((where[0], wanted))
            sock.listen(128)
        except OSError as error:
            sock.close()
            last = error
            continue
        return _Address(sock, _shown(str(where[0])), local)
    reason = last.strerror if last is not None else ""
    raise TranscribeError(
        f"{name}, port {port if port is not None else DEFAULT_PORT}: can't listen there: {reason}; "
        "leave --port out to take a free one"
    ) from last


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _shown(address: str) -> str:
    """An address as other devices can use it."""
    if address in ("0.0.0.0", "::"):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.connect(("192.0.2.1", 9))  # sends nothing; finds the way out
                address = probe.getsockname()[0]
            except OSError:
                address = "127.0.0.1"
    return f"[{address}]" if ":" in address else address


def _names() -> tuple[str, ...]:
    name = socket.gethostname().lower()
    return (name, f"{name.partition('.')[0]}.local")
