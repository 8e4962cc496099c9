"""Numbers, times and errors as text that fits on one line."""

from __future__ import annotations

import errno
import os
import re
import shutil
import stat
import unicodedata
from pathlib import Path

_CIRCLE = "a link that leads to itself; remove it, or have it lead to what was meant"
_NOT_XML = re.compile("[^\\t\\n\\r\\x20-\\ud7ff\\ue000-\\ufffd\\U00010000-\\U0010ffff]")


def one_line(text: str) -> str:
    r"""The text with what can't be printed (a newline, a byte that is no letter) escaped.

    >>> one_line("two\nlines")
    'two\\nlines'
    """
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode("ascii")
        for letter in text
    )


def as_xml_text(text: str) -> str:
    r"""The text as XML may hold it: on one line, and accents composed.

    What no XML file can say (an escape character, a byte of a name that is no letter) becomes
    the replacement character.

    >>> as_xml_text("Op. 9\n\x1b[1mNo. 1")
    'Op. 9 \ufffd[1mNo. 1'
    """
    composed = unicodedata.normalize("NFC", " ".join(text.split()))
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", composed)


def reason(error: BaseException, *, about: Path | None = None) -> str:
    """What went wrong, without the name of the file that the line begins with anyway."""
    if isinstance(error, MemoryError):
        return "not enough memory"
    if isinstance(error, FileExistsError | NotADirectoryError):
        blocking = _in_place_of_a_folder(error.filename)
        if blocking is not None:
            found = what_is_at(blocking)
            return f"expected a folder, found {found}" + (f" ({blocking})" * (blocking != about))
    if isinstance(error, FileNotFoundError) and about is not None and about.is_symlink():
        return what_is_at(about)
    if isinstance(error, OSError) and error.strerror:
        where = f" ({error.filename})" if error.filename not in (None, str(about)) else ""
        if error.errno == errno.ELOOP:
            return _CIRCLE + where
        return error.strerror[:1].lower() + error.strerror[1:] + where
    text = str(error) or type(error).__name__
    if isinstance(error, shutil.Error) and isinstance(error.args[0], list):
        text = str(error.args[0][0][-1])  # of the first of the files that could not be copied
    return text.removeprefix(f"{about}: ") if about is not None else text


def what_is_at(path: Path) -> str:
    """A folder, a file, or a link that leads nowhere; empty where there is nothing."""
    try:
        return "a folder" if stat.S_ISDIR(path.stat().st_mode) else "a file"
    except OSError as error:
        if error.errno == errno.ELOOP:
            return _CIRCLE
        return f"a link to nothing ({os.readlink(path)})" if path.is_symlink() else ""


def absence(path: Path, expected: str = "file") -> str:
    """Why there is no such file or what else was expected, of a path that does not exist.

    >>> absence(Path("nowhere.mid"))
    'no such file'
    """
    found = what_is_at(path)
    return f"expected a {expected}, found {found}" if found else f"no such {expected}"


def _in_place_of_a_folder(name: object) -> Path | None:
    """The path of this name, or the first on the way to it, that is there and is no folder."""
    if not isinstance(name, str | os.PathLike):
        return None
    path = Path(name)
    taken = (each for each in (*reversed(path.parents), path) if os.path.lexists(each))
    return next((each for each in taken if not each.is_dir()), None)


def count(number: int, one: str, many: str | None = None) -> str:
    """``1 note``, ``2 notes``."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def clock(seconds: float) -> str:
    """Seconds as ``4:05`` or ``1:02:03``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
