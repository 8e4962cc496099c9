"""Music that goes on: a small network that continues a performance in its style.

>>> from transcribe.generate import Continuer, Sampling
>>> longer = Continuer.load()(performance, seconds=30, sampling=Sampling(seed=1))

The names are loaded when they are first used, so that the command line can parse its
arguments before torch is imported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from transcribe.lazy import lazy_names

if TYPE_CHECKING:
    from transcribe.generate.continuation import Continued, Continuer
    from transcribe.generate.sampling import Sampling

__all__ = ["Continued", "Continuer", "Sampling"]

__getattr__ = lazy_names(
    __name__,
    {
        "Continued": "transcribe.generate.continuation",
        "Continuer": "transcribe.generate.continuation",
        "Sampling": "transcribe.generate.sampling",
    },
)
