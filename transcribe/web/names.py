"""Names of recordings and downloads. They are for people; no path is ever made of them."""

from __future__ import annotations

import re
import unicodedata
from pathlib import PurePosixPath
from urllib.parse import quote

MOST_LETTERS = 200
_NAMELESS = "recording"
_RESERVED = re.compile(r"(?i)^(con|prn|aux|nul|com\d|lpt\d)$")


def shown(name: str, *, suffix: str = "") -> str:
    """A name as the page shows it: printable, one line, not too long, and with a suffix.

    >>> shown("a\\nb/\U0001f3b9.mp3")
    'a b/\U0001f3b9.mp3'
    >>> shown("Op. 27", suffix=".mp3"), shown("Op. 27.MP3", suffix=".mp3")
    ('Op. 27.mp3', 'Op. 27.MP3')
    """
    if suffix and not name.lower().endswith(suffix.lower()):
        name = f"{name.rstrip() or _NAMELESS}{suffix}"
    letters = (
        " " if unicodedata.category(letter) in ("Cc", "Zl", "Zp") else letter for letter in name
    )
    kept = (letter for letter in letters if unicodedata.category(letter) not in ("Cs", "Cn"))
    line = re.sub(r"\s+", " ", _without_direction("".join(kept))).strip()
    if len(line) > MOST_LETTERS:
        stem, dot, suffix = line.rpartition(".")
        tail = dot + suffix if dot and len(suffix) <= 5 else ""
        line = (stem if tail else line)[: MOST_LETTERS - len(tail) - 1] + "…" + tail
    return line or _NAMELESS


def _without_direction(text: str) -> str:
    """Without the marks that make text run backwards, which could disguise a suffix."""
    return "".join(letter for letter in text if not ("‪" <= letter <= "‮" or "⁦" <= letter <= "⁩"))


def download_name(recording: str, suffix: str) -> str:
    """The name under which a download is saved: the recording's, with another suffix.

    >>> download_name("Op. 27/2.mp3", ".mid")
    'Op. 27_2.mid'
    """
    safe = re.sub(r'[<>:"/\\|?*]', "_", shown(recording))
    stem = PurePosixPath(safe).stem.strip(" .") or _NAMELESS
    if _RESERVED.match(stem):
        stem += "_"
    while len((stem + suffix).encode()) > 240:
        stem = stem[:-1]
    return stem + suffix


def disposition(name: str) -> str:
    """The header that says: save this under that name (RFC 6266, RFC 5987)."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode("ascii")
    plain = re.sub(r"[^ !#$&+\-.0-9A-Z^_`a-z|~()\[\],;=@]", "_", plain)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
