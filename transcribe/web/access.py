"""Who may ask, and what every answer says to the browser.

A page from elsewhere, opened in the same browser, could send requests to this server.
None of them comes through:

- the ``Host`` must be this server's own, so that no foreign name can be made to point here;
- the ``Origin``, where there is one, must be this server's own page;
- what a browser marks as coming from another site is refused, but for opening the page;
- whatever changes something needs the header ``X-Transcribe``, which a foreign page can't
  send without asking first, and that is refused.

On a shared network every device also needs a cookie, which the address with a one-time
token gives.
"""

from __future__ import annotations

import hmac
import ipaddress
import re
import secrets
from collections.abc import Iterable
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from transcribe.web.errors import RefusedError

HEADER = "x-transcribe"
_READING = ("GET", "HEAD")
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "media-src 'self' blob:; img-src 'self' blob: data:; worker-src 'self'; "
    "manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=(), payment=(), usb=()",
}
_MOST_SESSIONS = 64
"""Browsers that are let in at a time; one more ends the oldest."""


class Sessions:
    """Issues one-time tokens and knows the devices that have used one."""

    def __init__(self, cookie: str) -> None:
        self.cookie = cookie
        self._tokens: set[str] = set()
        self._sessions: list[str] = []

    def token(self) -> str:
        """A new token, good once."""
        token = secrets.token_urlsafe(18)
        self._tokens.add(token)
        return token

    def admit(self, token: str) -> str | None:
        """A session for a token, which is then used up; None if it is not good."""
        for known in self._tokens:
            if hmac.compare_digest(known.encode(), token.encode()):
                self._tokens.discard(known)
                session = secrets.token_urlsafe(32)
                self._sessions = [*self._sessions, session][-_MOST_SESSIONS:]
                return session
        return None

    def knows(self, headers: Headers) -> bool:
        """Whether a request carries the cookie of a session."""
        try:
            found = SimpleCookie(headers.get("cookie", "")).get(self.cookie)
        except CookieError:
            return False
        if found is None:
            return False
        value = found.value.encode()
        return any(hmac.compare_digest(session.encode(), value) for session in self._sessions)


class AccessMiddleware:
    """Stands before an application and lets only its own page in.

    Parameters
    ----------
    app : ASGI application
    hosts : iterable of str
        Names by which this server may be called, in lower case, without port.
    port : int
    sessions : Sessions, optional
        On a shared network: the devices that may use the server. There, any IP address is
        a good name, for no foreign name can be one.
    """

    def __init__(
        self, app: ASGIApp, *, hosts: Iterable[str], port: int, sessions: Sessions | None = None
    ) -> None:
        self._app, self._hosts, self._port = app, frozenset(hosts), port
        self._sessions = sessions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or pass on."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return
        cookie = ""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers[name] = value
                if "cache-control" not in headers:
                    headers["Cache-Control"] = "no-store"
                if cookie:
                    headers.append("Set-Cookie", cookie)
            await send(message)

        try:
            cookie = self._checked(scope)
        except RefusedError as refused:
            await _refusal(scope, refused)(scope, receive, send_with_headers)
            return
        await self._app(scope, receive, send_with_headers)

    def _checked(self, scope: Scope) -> str:
        """Raise RefusedError, or return the cookie to set, if any."""
        headers, method = Headers(scope=scope), scope["method"]
        host = headers.get("host", "")
        if not self._is_ours(host):
            raise RefusedError(
                421,
                "This address is not this program's own.",
                "Use the address that it printed when it started.",
                kind="foreign_address",
            )
        if headers.get("origin", f"http://{host}") != f"http://{host}":
            raise _foreign()
        site = headers.get("sec-fetch-site", "same-origin")
        opens = scope["path"] == "/" and method == "GET"
        if site not in ("same-origin", "none") and not (
            opens and headers.get("sec-fetch-mode") == "navigate"
        ):
            raise _foreign()
        if method not in _READING and headers.get(HEADER) != "1":
            raise RefusedError(
                403, "This request lacks the header X-Transcribe: 1.", "", kind="invalid"
            )
        return "" if self._sessions is None else self._admitted(self._sessions, scope, headers)

    def _admitted(self, sessions: Sessions, scope: Scope, headers: Headers) -> str:
        if sessions.knows(headers):
            return ""
        tokens = parse_qs(scope.get("query_string", b"").decode("latin-1")).get("token", [])
        session = sessions.admit(tokens[0]) if tokens and scope["path"] == "/" else None
        if session is None:
            raise RefusedError(
                401,
                "This address has been used, or is not complete.",
                "Each address admits one device. Press Enter where transcribe runs for another.",
                kind="not_admitted",
            )
        return f"{sessions.cookie}={session}; Path=/; HttpOnly; SameSite=Strict"

    def _is_ours(self, host: str) -> bool:
        named = re.fullmatch(r"(\[[0-9a-fA-F:.]+\]|[^:\[\]]+)(?::(\d{1,5}))?", host, re.ASCII)
        if named is None or int(named[2] or 80) != self._port:
            return False
        name = named[1]
        if name.lower() in self._hosts:
            return True
        if self._sessions is None:
            return False
        try:
            ipaddress.ip_address(name.strip("[]"))
        except ValueError:
            return False
        return True


def _refusal(scope: Scope, refused: RefusedError) -> Response:
    """JSON for the page; where the page itself was asked for, words for a person."""
    if scope["path"] == "/":
        return PlainTextResponse(f"{refused.error}\n{refused.hint}\n", refused.status)
    return JSONResponse(refused.content, refused.status)


def _foreign() -> RefusedError:
    return RefusedError(403, "Another page may not use this program.", "", kind="foreign_page")
