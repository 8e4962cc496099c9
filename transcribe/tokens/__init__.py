"""What generators of music read, made of a performance; and what they write, put back.

>>> from transcribe.tokens import Settings, encode
>>> encoded = encode("melody-rnn", performance, Settings(tempo=92))
>>> encoded.write("tokens", "song")

Each target of `TARGETS` has a module; see `transcribe.tokens.targets`. The names are loaded when
they are first used, so that the command line can parse its arguments before numpy is imported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from transcribe.lazy import lazy_names

if TYPE_CHECKING:
    from transcribe.tokens.encoded import Encoded, Item, Settings, read_items
    from transcribe.tokens.placing import Anchor, Placed, place
    from transcribe.tokens.targets import TARGETS, decode, encode

__all__ = [
    "TARGETS",
    "Anchor",
    "Encoded",
    "Item",
    "Placed",
    "Settings",
    "decode",
    "encode",
    "place",
    "read_items",
]

__getattr__ = lazy_names(
    __name__,
    {
        **dict.fromkeys(("Encoded", "Item", "Settings", "read_items"), "transcribe.tokens.encoded"),
        **dict.fromkeys(("Anchor", "Placed", "place"), "transcribe.tokens.placing"),
        **dict.fromkeys(("TARGETS", "decode", "encode"), "transcribe.tokens.targets"),
    },
)
