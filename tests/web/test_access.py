"""The guard before an application, asked directly: who comes through, and with what headers."""

from __future__ import annotations

import asyncio
import json
from http.cookies import SimpleCookie

import pytest
from starlette.responses import PlainTextResponse

from transcribe.web.access import AccessMiddleware, Sessions

PORT = 8123
HOST = f"localhost:{PORT}"


class Asked:
    """What a guard answered: status, headers in lower case, body, and whether it passed on."""

    def __init__(
        self, guard: AccessMiddleware, method="GET", path="/api", query="", **headers: str
    ) -> None:
        headers = {"host": HOST, **{k.replace("_", "-"): v for k, v in headers.items()}}
        messages = []

        async def send(message):
            messages.append(message)

        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "query_string": query.encode("latin-1"),
            "headers": [(k.encode(), v.encode("latin-1")) for k, v in headers.items()],
        }
        asyncio.run(guard(scope, None, send))
        start, *rest = messages
        self.status = start["status"]
        self.pairs = [(k.decode().lower(), v.decode("latin-1")) for k, v in start["headers"]]
        self.headers = dict(self.pairs)
        self.body = b"".join(message.get("body", b"") for message in rest).decode()
        self.passed = self.body == "inside"

    @property
    def session(self) -> str:
        """The cookie it set, as a browser sends it back."""
        return self.headers["set-cookie"].partition(";")[0]


def application(headers: dict[str, str] | None = None):
    async def inside(scope, receive, send):
        await PlainTextResponse("inside", headers=headers)(scope, receive, send)

    return inside


@pytest.fixture
def guard():
    return AccessMiddleware(application(), hosts=["localhost", "127.0.0.1", "[::1]"], port=PORT)


@pytest.fixture
def sessions():
    return Sessions("transcribe")


@pytest.fixture
def house(sessions):
    return AccessMiddleware(
        application(), hosts=["localhost", "piano.local"], port=PORT, sessions=sessions
    )


@pytest.mark.parametrize("host", [HOST, f"LocalHost:{PORT}", f"127.0.0.1:{PORT}", f"[::1]:{PORT}"])
def test_our_own_names_come_through(guard, host):
    asked = Asked(guard, host=host)
    assert (asked.status, asked.passed) == (200, True)


@pytest.mark.parametrize(
    "host",
    [
        "",
        "localhost",
        "localhost:80",
        f"evil.example:{PORT}",
        f"localhost.evil.example:{PORT}",
        f"localhost:{PORT}@evil.example",
        f"evil.example:1:{PORT}",
        f"192.168.1.5:{PORT}",
        f"[::2]:{PORT}",
        f"::1:{PORT}",
        f"localhost:{PORT}x",
        f"x:{HOST}",
    ],
)
def test_other_names_are_refused_and_told_what_to_do(guard, host):
    asked = Asked(guard, host=host)
    assert asked.status == 421
    assert json.loads(asked.body) == {
        "error": "This address is not this program's own.",
        "hint": "Use the address that it printed when it started.",
        "kind": "foreign_address",
        "values": {},
    }


def test_without_a_port_it_is_80():
    guard = AccessMiddleware(application(), hosts=["localhost"], port=80)
    assert Asked(guard, host="localhost").passed
    assert Asked(guard, host="localhost:80", origin="http://localhost:80").passed
    assert Asked(guard, host="localhost:81").status == 421


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        (f"http://{HOST}", 200),
        (f"https://{HOST}", 403),
        (f"http://127.0.0.1:{PORT}", 403),
        ("https://evil.example", 403),
        ("null", 403),
        ("", 403),
    ],
)
def test_the_origin_is_our_own_page(guard, origin, status):
    asked = Asked(guard, origin=origin)
    assert asked.status == status
    if status == 403:
        assert json.loads(asked.body) == {
            "error": "Another page may not use this program.",
            "hint": "",
            "kind": "foreign_page",
            "values": {},
        }


@pytest.mark.parametrize(
    ("method", "path", "site", "mode", "status"),
    [
        ("GET", "/api", "same-origin", "cors", 200),
        ("GET", "/api", "none", "navigate", 200),
        ("GET", "/api", "same-site", "cors", 403),
        ("GET", "/api", "cross-site", "no-cors", 403),
        ("GET", "/api", "cross-site", "navigate", 403),
        ("GET", "/", "cross-site", "navigate", 200),
        ("GET", "/", "cross-site", "no-cors", 403),
        ("GET", "/", "cross-site", "", 403),
        ("POST", "/", "cross-site", "navigate", 403),
        ("HEAD", "/", "cross-site", "navigate", 403),
    ],
)
def test_from_another_site_one_may_only_open_the_page(guard, method, path, site, mode, status):
    headers = {"sec_fetch_site": site, "sec_fetch_mode": mode, "x_transcribe": "1"}
    asked = Asked(guard, method, path, **{name: each for name, each in headers.items() if each})
    assert asked.status == status


@pytest.mark.parametrize(
    ("method", "header", "status"),
    [
        ("GET", None, 200),
        ("HEAD", None, 200),
        ("POST", "1", 200),
        ("POST", None, 403),
        ("POST", "0", 403),
        ("POST", "", 403),
        ("PUT", None, 403),
        ("DELETE", None, 403),
        ("PATCH", None, 403),
        ("get", None, 403),
    ],
)
def test_what_changes_something_needs_the_header(guard, method, header, status):
    headers = {} if header is None else {"x_transcribe": header}
    asked = Asked(guard, method, **headers)
    assert asked.status == status
    if status == 403:
        assert json.loads(asked.body)["error"] == "This request lacks the header X-Transcribe: 1."


def test_every_answer_says_what_a_browser_may_do(guard):
    for asked in (Asked(guard), Asked(guard, host="evil.example"), Asked(guard, path="/")):
        assert "default-src 'none'" in asked.headers["content-security-policy"]
        assert asked.headers["x-content-type-options"] == "nosniff"
        assert asked.headers["x-frame-options"] == "DENY"
        assert asked.headers["referrer-policy"] == "no-referrer"
        assert asked.headers["cross-origin-opener-policy"] == "same-origin"
        assert asked.headers["cross-origin-resource-policy"] == "same-origin"
        assert asked.headers["cache-control"] == "no-store"
        assert "set-cookie" not in asked.headers
        assert len(asked.pairs) == len(asked.headers)


def test_an_application_may_say_itself_what_is_kept(guard):
    kept = AccessMiddleware(
        application({"Cache-Control": "max-age=60"}), hosts=["localhost"], port=PORT
    )
    assert Asked(kept).headers["cache-control"] == "max-age=60"


def test_who_asks_for_the_page_reads_words_and_the_page_reads_json(guard):
    words = Asked(guard, path="/", host="evil.example")
    assert words.headers["content-type"].startswith("text/plain")
    assert words.body == (
        "This address is not this program's own.\n"
        "Use the address that it printed when it started.\n"
    )
    assert words.status == 421
    assert Asked(guard, host="evil.example").headers["content-type"] == "application/json"


def test_nothing_but_http_and_the_start_of_the_server_passes():
    seen = []

    async def inside(scope, receive, send):
        seen.append((scope["type"], receive, send))

    guard = AccessMiddleware(inside, hosts=["localhost"], port=PORT)
    for kind in ("lifespan", "websocket"):
        asyncio.run(guard({"type": kind}, "receive", "send"))
    assert seen == [("lifespan", "receive", "send")]


# --- on the house network ---


def test_a_token_opens_the_page_once_and_its_cookie_ever_after(house, sessions):
    token = sessions.token()
    first = Asked(house, path="/", query=f"token={token}")
    assert first.passed
    cookie = SimpleCookie(first.headers["set-cookie"])["transcribe"]
    assert (cookie["path"], cookie["samesite"], cookie["httponly"]) == ("/", "Strict", True)
    assert len(cookie.value) > 40
    again = Asked(house, cookie=first.session)
    assert again.passed
    assert "set-cookie" not in again.headers
    used = Asked(house, path="/", query=f"token={token}")
    assert used.status == 401
    assert used.body == (
        "This address has been used, or is not complete.\nEach address admits one device. "
        "Press Enter where transcribe runs for another.\n"
    )
    other = Asked(house, path="/", query=f"a=1&token={sessions.token()}")
    assert other.passed
    assert other.session != first.session
    assert Asked(house, cookie=first.session).passed


@pytest.mark.parametrize(
    ("path", "query"),
    [("/", ""), ("/", "token="), ("/", "token=x"), ("/", "taken={}"), ("/api", "token={}")],
)
def test_nobody_else_comes_in(house, sessions, path, query):
    token = sessions.token()
    assert Asked(house, path=path, query=query.format(token)).status == 401
    assert Asked(house, path="/", query=f"token={token}").passed  # and the token is still good


def test_a_request_without_any_query_is_refused_and_no_error(house):
    """Servers need not say that there was none."""
    answers = []

    async def send(message):
        answers.append(message)

    scope = {"type": "http", "method": "GET", "path": "/", "headers": [(b"host", HOST.encode())]}
    asyncio.run(house(scope, None, send))
    assert answers[0]["status"] == 401


@pytest.mark.parametrize("cookie", ["", "transcribe=", "transcribe=made-up", "other={}", "=;=;"])
def test_other_cookies_admit_nobody(house, sessions, cookie):
    session = Asked(house, path="/", query=f"token={sessions.token()}").session
    value = session.partition("=")[2]
    assert Asked(house, cookie=cookie.format(value)).status == 401
    assert Asked(house, cookie=f"a=b; {session}").passed


def test_only_the_last_64_devices_are_known(house, sessions):
    known = [sessions.admit(sessions.token()) for _ in range(65)]
    assert Asked(house, cookie=f"transcribe={known[0]}").status == 401
    assert Asked(house, cookie=f"transcribe={known[1]}").passed
    assert Asked(house, cookie=f"transcribe={known[64]}").passed


def test_tokens_and_sessions_can_not_be_guessed(sessions):
    tokens = {sessions.token() for _ in range(50)}
    assert len(tokens) == 50
    assert {len(token) for token in tokens} == {24}  # 18 bytes
    admitted = {sessions.admit(token) for token in tokens}
    assert None not in admitted
    assert {len(session) for session in admitted} == {43}  # 32 bytes


@pytest.mark.parametrize(
    ("host", "status"),
    [
        (f"192.168.1.5:{PORT}", 200),
        (f"[fe80::1]:{PORT}", 200),
        (f"piano.local:{PORT}", 200),
        (f"evil.example:{PORT}", 421),
        (f"192.168.1.500:{PORT}", 421),
        ("192.168.1.5:1", 421),
    ],
)
def test_there_an_address_of_numbers_is_a_good_name(house, sessions, host, status):
    session = f"transcribe={sessions.admit(sessions.token())}"
    assert Asked(house, host=host, cookie=session).status == status


def test_a_device_that_is_known_still_needs_the_header(house, sessions):
    session = f"transcribe={sessions.admit(sessions.token())}"
    assert Asked(house, "POST", cookie=session).status == 403
    assert Asked(house, "POST", cookie=session, x_transcribe="1").passed
