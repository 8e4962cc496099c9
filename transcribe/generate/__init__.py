"""Music that goes on: a small network that continues a performance in its style.

>>> from transcribe.generate import Continuer, Sampling
>>> longer = Continuer.load()(performance, seconds=30, sampling=Sampling(seed=1))

The names are loaded when they are first used, so that the command line can parse its
arguments before torch is imported.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from transcribe.generate.continuation import Continued, Continuer
    from transcribe.generate.sampling import Sampling

__all__ = ["Continued", "Continuer", "Sampling"]

_HOMES = {
    "Continued": "transcribe.generate.continuation",
    "Continuer": "transcribe.generate.continuation",
    "Sampling": "transcribe.generate.sampling",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
