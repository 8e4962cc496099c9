"""Who may use the page's server: its own page, and on the house network whoever was asked in."""

from __future__ import annotations

import contextlib
import gzip
import re
import socket
import time

import pytest
from web_server import PATIENCE, serving

from transcribe.web import http_protocol
from transcribe.web.access import Sessions


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("library")) as client:
        yield client


def test_every_answer_says_what_a_browser_may_do_with_it(client):
    for path in ("/", "/api/recordings", "/api/recordings/none", "/nowhere", "/static/../app.py"):
        headers = client.get(path).headers
        policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
        assert policy["default-src"] == "'none'"
        assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
        assert policy["frame-ancestors"] == policy["base-uri"] == "'none'"
        assert "unsafe" not in headers["content-security-policy"]
        assert "http" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert headers["cross-origin-opener-policy"] == "same-origin"
        assert "access-control-allow-origin" not in headers


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:{port}",
        "127.0.0.1.evil.example:{port}",
        "127.0.0.1",
        "127.0.0.1:1",
        pytest.param(f"127.0.0.1:{'1' * 5000}", id="a port of 5000 digits"),
        "localhost:{port}@evil.example",
        "192.168.1.5:{port}",
        "",
    ],
)
def test_a_foreign_name_that_points_here_is_refused(client, host):
    answer = client.get("/api/recordings", Host=host.format(port=client.port))
    assert answer.status in (400, 421)


def test_our_own_names_are_taken(client):
    for name in ("127.0.0.1", "localhost", "LOCALHOST"):
        assert client.get("/api/recordings", Host=f"{name}:{client.port}").status == 200


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://localhost:1", "http://127.0.0.1", ""]
)
def test_a_foreign_page_can_neither_read_nor_start_anything(client, origin):
    for method, path in (("GET", "/api/recordings"), ("POST", "/api/recordings?name=a.wav")):
        answer = client.ask(method, path, b"x", {"Origin": origin})
        assert answer.status == 403
        assert answer.json["error"] == "Another page may not use this program."
    assert client.recordings() == []


def test_our_own_page_is_known_by_its_origin(client):
    own = f"http://127.0.0.1:{client.port}"
    assert client.get("/api/recordings", Origin=own).status == 200
    # The other name of this computer is another page to a browser.
    assert client.get("/api/recordings", Origin=f"http://localhost:{client.port}").status == 403


def test_what_changes_something_needs_a_header_that_a_form_cannot_send(client):
    for method, path in (
        ("POST", "/api/recordings?name=a.wav"),
        ("DELETE", "/api/recordings/none"),
        ("PUT", "/api/recordings/none/settings"),
        ("POST", "/api/recordings/none/cancel"),
    ):
        assert client.ask(method, path, b"x", marked=False).status == 403
    assert client.recordings() == []
    # The question whether that header may be sent is not answered with yes.
    asked = client.ask(
        "OPTIONS",
        "/api/recordings",
        headers={
            "Origin": "https://evil.example",
            "Access-Control-Request-Headers": "x-transcribe",
        },
        marked=False,
    )
    assert asked.status == 403
    assert not [name for name in asked.headers if name.startswith("access-control")]


def test_what_a_browser_marks_as_foreign_is_refused_but_a_link_to_the_page(client):
    foreign = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}
    for path in ("/", "/api/recordings", "/static/index.html"):
        assert client.ask("GET", path, headers=foreign).status == 403
    link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    assert client.ask("GET", "/", headers=link).status == 200
    assert client.ask("GET", "/api/recordings", headers=link).status == 403


def test_no_path_leads_out_of_the_static_files(client):
    for path in (
        "/static/../app.py",
        "/static/%2e%2e/app.py",
        "/static/..%2fapp.py",
        "/static//etc/passwd",
        "/api/recordings/..%2f..%2flibrary.sqlite",
    ):
        answer = client.get(path)
        assert answer.status == 404
        assert b"import" not in answer.body


# --- on the house network ---


@pytest.fixture
def house(tmp_path):
    sessions = Sessions("transcribe-1")
    with serving(tmp_path / "library", sessions=sessions) as client:
        yield client, sessions


def test_nobody_comes_in_without_a_token(house):
    client, _ = house
    answer = client.get("/api/recordings")
    assert answer.status == 401
    assert "Press Enter" in answer.json["hint"]
    page = client.get("/")
    assert page.status == 401
    assert page.headers["content-type"].startswith("text/plain")
    assert client.get("/?token=guessed").status == 401
    assert client.get("/static/index.html").status == 401
    assert client.upload(b"x").status == 401


def test_a_token_admits_one_device(house):
    client, sessions = house
    token = sessions.token()
    # It is good for the page alone, so that no other request uses it up.
    assert client.get(f"/api/recordings?token={token}").status == 401
    admitted = client.get(f"/?token={token}")
    assert admitted.status == 200
    cookie = admitted.headers["set-cookie"]
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(cookie.split("; "))
    session = cookie.partition(";")[0]
    assert client.get("/api/recordings", Cookie=session).status == 200
    assert client.get("/?token=old", Cookie=session).status == 200
    # Used up, and no other is about until somebody asks for one.
    assert client.get(f"/?token={token}").status == 401
    assert not sessions._tokens
    assert client.get(f"/?token={sessions.token()}").status == 200


def headers_of(client, *lines: str) -> bytes:
    return "\r\n".join((*lines, f"Host: 127.0.0.1:{client.port}", "X-Transcribe: 1")).encode()


def test_a_request_that_never_finishes_its_headers_is_hung_up_on(client, monkeypatch):
    """First of a connection or not; what has begun to be answered is left alone."""
    for whole_ones in (1, 0):
        with socket.create_connection(("127.0.0.1", client.port), timeout=PATIENCE) as sock:
            for _ in range(whole_ones):
                sock.sendall(headers_of(client, "GET /api/recordings HTTP/1.1") + b"\r\n\r\n")
                assert sock.recv(1 << 16).startswith(b"HTTP/1.1 200")
            monkeypatch.setattr(http_protocol, "HEADER_SECONDS", 0.3)
            sock.sendall(headers_of(client, "GET /api/recordings HTTP/1.1"))
            while sock.recv(1 << 16):
                pass
    with socket.create_connection(("127.0.0.1", client.port), timeout=PATIENCE) as sock:
        sock.sendall(headers_of(client, "GET /api/events HTTP/1.1") + b"\r\n\r\n")
        time.sleep(0.5)
        sock.settimeout(0.3)
        text = b""
        with contextlib.suppress(TimeoutError):
            while data := sock.recv(1 << 16):
                text += data
            pytest.fail("a stream of events was cut off")
        assert b"retry: 1000" in text


def test_an_upload_that_claims_to_be_endless_is_answered_at_once(client):
    with socket.create_connection(("127.0.0.1", client.port), timeout=PATIENCE) as sock:
        lines = ("POST /api/recordings?name=a.wav HTTP/1.1", f"Content-Length: {10**14}")
        began = time.monotonic()
        sock.sendall(headers_of(client, *lines) + b"\r\n\r\n")
        assert sock.recv(1 << 16).startswith(b"HTTP/1.1 413")
        assert time.monotonic() - began < 9
    assert client.recordings() == []


def test_a_made_up_cookie_is_refused(house):
    client, _ = house
    for cookie in ("transcribe-1=x", "transcribe-1=", "x=y", "\x01;;=", "transcribe-1=é"):
        assert client.get("/api/recordings", Cookie=cookie).status == 401


def test_in_the_house_an_address_of_numbers_is_a_good_name(house):
    client, sessions = house
    session = client.get(f"/?token={sessions.token()}").headers["set-cookie"].partition(";")[0]

    def asked(host: str) -> int:
        return client.get("/api/recordings", Cookie=session, Host=host).status

    assert asked(f"192.168.1.5:{client.port}") == 200
    assert asked(f"[fe80::1]:{client.port}") == 200
    assert asked(f"evil.example:{client.port}") == 421


def test_files_of_the_page_are_kept_and_compressed(client):
    page = client.get("/")
    assert page.headers["cache-control"] == "no-cache"
    (script,) = re.findall(r'src="(/static/[0-9a-f]{12}/main\.js)"', page.body.decode())
    answer = client.get(script, **{"Accept-Encoding": "gzip"})
    assert "immutable" in answer.headers["cache-control"]
    assert answer.headers["content-encoding"] == "gzip"
    plain = client.get("/static/main.js")
    assert gzip.decompress(answer.body) == plain.body
    assert "immutable" not in plain.headers.get("cache-control", "")
    assert 2 * len(answer.body) < len(plain.body)
