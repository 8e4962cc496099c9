"""Names of files as text that can be printed and put into a table, and back."""

from __future__ import annotations

import re
from typing import Any

from transcribe.export import no_formula


def escaped(name: str) -> str:
    r"""A name as printable text: a backslash and what can't be printed are escaped.

    A byte that is no UTF-8, a lone surrogate in Python, is written as such a byte.

    >>> escaped("a\nb\\c\udcff")
    'a\\x0ab\\\\c\\xff'
    """

    def letter(each: str) -> str:
        code = ord(each)
        if each == "\\":
            return "\\\\"
        if each.isprintable():
            return each
        if code < 0x80 or 0xDC80 <= code <= 0xDCFF:
            return f"\\x{code & 0xFF:02x}"
        return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"

    return "".join(map(letter, name))


def unescaped(text: str) -> str:
    """The name that `escaped` made a text of."""

    def letter(match: re.Match[str]) -> str:
        code = match[1]
        if code == "\\":
            return code
        number = int(code[1:], 16)
        return chr(number + 0xDC00 if code[0] == "x" and number >= 0x80 else number)

    return re.sub(r"\\(\\|x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8})", letter, text)


def cell(value: Any) -> str:
    """A value as text in one line, which no spreadsheet takes for a formula."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(int(value))
    if not isinstance(value, str):
        return str(round(value, 4) if isinstance(value, float) else value)
    text = "".join(letter if letter.isprintable() else escaped(letter) for letter in value)
    return no_formula(text)
