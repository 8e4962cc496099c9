"""Numbers, times and errors as text that fits on one line."""

from __future__ import annotations

from pathlib import Path


def one_line(text: str) -> str:
    r"""The text with what can't be printed (a newline, a byte that is no letter) escaped.

    >>> one_line("two\nlines")
    'two\\nlines'
    """
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode("ascii")
        for letter in text
    )


def reason(error: BaseException, *, about: Path | None = None) -> str:
    """What went wrong, without the name of the file that the line begins with anyway."""
    if isinstance(error, MemoryError):
        return "not enough memory"
    if isinstance(error, OSError) and error.strerror:
        where = f" ({error.filename})" if error.filename not in (None, str(about)) else ""
        return error.strerror[:1].lower() + error.strerror[1:] + where
    text = str(error) or type(error).__name__
    return text.removeprefix(f"{about}: ") if about is not None else text


def count(number: int, one: str, many: str | None = None) -> str:
    """``1 note``, ``2 notes``."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def clock(seconds: float) -> str:
    """Seconds as ``4:05`` or ``1:02:03``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
