"""JSON from outside: what can't be read is a ValueError, however it is made."""

from __future__ import annotations

import json
import math
from dataclasses import fields
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

_Settings = TypeVar("_Settings")


def parse_json(text: str | bytes | bytearray) -> Any:
    """What a JSON text says.

    Raises
    ------
    ValueError
        It is no JSON, is in no Unicode encoding, or is nested deeper than Python reads,
        which `json.loads` answers with a RecursionError that nobody expects of a bad file.
    """
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("expected JSON of ordinary depth, found it nested too deep") from error


def parse_settings(kind: type[_Settings], text: str) -> _Settings:
    """A dataclass of settings that was written as a JSON object, each value of its type.

    Parameters
    ----------
    kind : type
        A dataclass whose fields are numbers, strings, booleans and lists of these.
    text : str

    Raises
    ------
    ValueError
        The text is no such object: a name is unknown, or a value is of another type, NaN or
        infinite. Values are not held against each other; that is for ``check``.
    """
    values = parse_json(text)
    if not isinstance(values, dict):
        raise ValueError(f"expected a JSON object, found {type(values).__name__}")
    types = get_type_hints(kind)
    known = {field.name for field in fields(kind)}  # type: ignore[arg-type]
    for name, value in values.items():
        if name not in known:
            raise ValueError(f"unknown setting {name!r}")
        if not _is_of(value, types[name]):
            found = repr(value)
            raise ValueError(
                f"expected {name} of type {getattr(types[name], '__name__', types[name])}, found "
                f"{found if len(found) < 100 else found[:100] + '...'}"
            )
    return kind(**values)


def _is_of(value: Any, kind: Any) -> bool:
    if get_origin(kind) is list:
        return isinstance(value, list) and all(_is_of(each, get_args(kind)[0]) for each in value)
    if kind is float:
        kind = (int, float)
    if isinstance(value, bool):
        return kind is bool
    return isinstance(value, kind) and not (isinstance(value, float) and not math.isfinite(value))
