"""What generators of music read, made of a performance.

>>> from transcribe.tokens import Settings, encode
>>> encoded = encode("melody-rnn", performance, Settings(tempo=92))
>>> encoded.write("tokens", "song")

Each target of `TARGETS` has a module; see `transcribe.tokens.targets`.
"""

from transcribe.tokens.encoded import Encoded, Item, Settings, read_items
from transcribe.tokens.targets import TARGETS, decode, encode

__all__ = ["TARGETS", "Encoded", "Item", "Settings", "decode", "encode", "read_items"]
