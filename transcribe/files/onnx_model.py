"""The metadata of an ONNX file, read and written without the onnx package.

An ONNX file is one message of Protocol Buffers, a sequence of numbered fields [1]_. Of these
only two matter here: the graph, which is left as it is, and the metadata, pairs of strings.

References
----------
.. [1] https://protobuf.dev/programming-guides/encoding/ and ``ModelProto`` in
   https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping

_GRAPH, _METADATA = 7, 14
_KEY, _VALUE = 1, 2
_VARINT, _FIXED_64, _BYTES, _FIXED_32 = 0, 1, 2, 5


def metadata_of(content: bytes) -> dict[str, str]:
    """The pairs of strings that an ONNX file carries.

    Raises
    ------
    ValueError
        These bytes are no ONNX file.
    """
    found = {}
    for number, value in _fields(content):
        if number == _METADATA:
            pair = dict(_fields(value))
            found[str(pair.get(_KEY, b""), "utf-8")] = str(pair.get(_VALUE, b""), "utf-8")
    return found


def graph_checksum(content: bytes) -> str:
    """SHA-256 of the graph in an ONNX file, weights included.

    Raises
    ------
    ValueError
        These bytes are no ONNX file.
    """
    graphs = [value for number, value in _fields(content) if number == _GRAPH]
    if len(graphs) != 1:
        raise ValueError(f"expected one graph, found {len(graphs)}")
    return hashlib.sha256(graphs[0]).hexdigest()


def with_metadata(content: bytes, metadata: Mapping[str, str]) -> bytes:
    """An ONNX file that carries these pairs of strings beside those it has."""
    pairs = (
        _field(_KEY, key.encode()) + _field(_VALUE, value.encode())
        for key, value in metadata.items()
    )
    return content + b"".join(_field(_METADATA, pair) for pair in pairs)


def _field(number: int, content: bytes) -> bytes:
    return _as_varint(number << 3 | _BYTES) + _as_varint(len(content)) + content


def _as_varint(value: int) -> bytes:
    digits = bytearray()
    while value >= 0x80:
        digits.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*digits, value])


def _fields(message: bytes | memoryview) -> Iterator[tuple[int, memoryview]]:
    """Numbers and contents of a message's fields; of numbers the content is empty."""
    view, place = memoryview(message), 0
    while place < len(view):
        tag, place = _varint(view, place)
        kind, start = tag & 7, place
        if kind == _VARINT:
            _, place = _varint(view, place)
            start = place
        elif kind == _BYTES:
            size, start = _varint(view, place)
            place = start + size
        elif kind in (_FIXED_64, _FIXED_32):
            start = place = place + (8 if kind == _FIXED_64 else 4)
        else:
            kind = -1
        if kind < 0 or not tag >> 3:
            raise ValueError(f"byte {start - 1} begins no field")
        if place > len(view):
            raise ValueError(f"it ends after {len(view)} bytes, within a field")
        yield tag >> 3, view[start:place]


def _varint(view: memoryview, place: int) -> tuple[int, int]:
    """A whole number of up to ten bytes, and the place after it."""
    value = 0
    for index in range(10):
        if place + index >= len(view):
            raise ValueError(f"it ends after {len(view)} bytes, within a number")
        byte = view[place + index]
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return value, place + index + 1
    raise ValueError(f"byte {place} begins no number")
