"""Addresses that may hold a password, which nobody is to read: not on a screen, in a log, an
error, a report or a database.

Who opens a place asks for `Address.whole`; everything else has only the text without it.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote

HIDDEN = "***"
_SCHEME = r"[A-Za-z][A-Za-z0-9+.-]*://"
_USER = re.compile(rf"({_SCHEME})([^/?#\s]*)@")
_SPACED_USER = re.compile(rf"({_SCHEME})([^/?#]*)@")
_SLASHED_USER = re.compile(rf"({_SCHEME})([^/?#@:\[]*:(?!\d*(?:/|$)).*)@")
_QUERY = re.compile(r"(https?://[^\s?#]*\?)([^\s#]*)", re.IGNORECASE)
_PASSWORD = re.compile(r"://[^/?#@:]*:(.*)@")
_SHORTEST_SECRET = 4
"""Letters; a shorter one would be found in half of all words."""
_VALUE = re.compile(r"(?<==)[^&]+")


def without_secrets(text: str) -> str:
    """A text in which addresses have no passwords, tokens or signatures any more.

    >>> without_secrets("sftp://me:secret@host/tapes: no answer")
    'sftp://me:***@host/tapes: no answer'
    """
    if "://" not in text:
        return text
    return _QUERY.sub(_hide_query, _USER.sub(_hide_user, text))


def _hide_user(match: re.Match[str]) -> str:
    scheme, text = match.groups()
    user, colon, _ = text.partition(":")
    is_token = scheme.lower().startswith("http") and not colon
    return f"{scheme}{HIDDEN if is_token else user}{colon and ':' + HIDDEN}@"


def _hide_query(match: re.Match[str]) -> str:
    values = _VALUE.sub(HIDDEN, match[2])
    return match[1] + (values if "=" in values or not values else HIDDEN)


class Address(str):
    """Where something is, as text without what is secret in it; pickles, compares and prints so.

    Parameters
    ----------
    whole : str
        As it was given: a path, or ``PROTOCOL://USER:PASSWORD@PLACE``.
    shown : str, optional
        The text, where that is not to be found out from ``whole``.
    """

    whole: str
    """With everything that is secret."""

    def __new__(cls, whole: str, shown: str | None = None) -> Address:
        if isinstance(whole, Address):
            return whole
        if shown is None:
            shown = _SPACED_USER.sub(_hide_user, whole)
            shown = _SLASHED_USER.sub(_hide_user, shown) if shown == whole else shown
            shown = without_secrets(shown)
        self = super().__new__(cls, shown)
        self.whole = whole
        return self

    def __getnewargs__(self) -> tuple[Any, ...]:
        return self.whole, str(self)

    def clean(self, text: str) -> str:
        """A library's message about this address, without what is secret in it."""
        secrets = _PASSWORD.findall(self.whole) if self.whole != str(self) else []
        if self.whole.lower().startswith("http"):
            secrets += _VALUE.findall(self.whole.partition("?")[2])
        # A library that takes a slash for the end of the host quotes what is before it.
        secrets += [part for secret in secrets for part in secret.split("/")]
        for secret in (*secrets, *map(unquote, secrets)):
            if len(secret) >= _SHORTEST_SECRET:
                text = text.replace(secret, HIDDEN)
        return without_secrets(text)


def whole(address: str) -> str:
    """What opens a place: all of an `Address`, and any other text as it is."""
    return address.whole if isinstance(address, Address) else address
