"""The piano that plays transcriptions: for downloads, and note by note for the page.

There is one instrument for the whole server; notes are made when they are first needed.
"""

from __future__ import annotations

import io
import struct
import threading
import wave
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transcribe.notes import HIGHEST_PITCH, LOWEST_PITCH, Performance
from transcribe.synthesis.render import n_rendered, render_blocks
from transcribe.synthesis.sample_bank import SampleBank, packaged_piano
from transcribe.web.errors import RefusedError

PITCHES = range(LOWEST_PITCH, HIGHEST_PITCH + 1, 3)
"""The keys of which the page has a sound; it shifts them for those between."""
_SECONDS = 4.0
"""Of a note that the page gets."""
_FADE = 0.2
"""Seconds of its end."""
_BLOCK_SECONDS = 10.0
"""Rendered at a time."""
_lock = threading.Lock()


@lru_cache(maxsize=1)
def _bank() -> SampleBank:
    return packaged_piano()


def _notes() -> list[tuple[int, int]]:
    """Pitch and velocity of the page's notes: every layer at its loudest."""
    return [(pitch, layer.hivel) for layer in _bank().layers for pitch in PITCHES]


def listing() -> list[dict[str, Any]]:
    """The page's notes, each with the address of its sound.

    ``velocity`` is the greatest that the sound is meant for; it is as loud as at velocity
    127, and a note of velocity ``v`` is that times ``(v / 127) ** 2.2``, as in `render`.
    """
    with _lock:
        notes = _notes()
    return [
        {"pitch": pitch, "velocity": velocity, "url": f"/api/piano/{number}.wav"}
        for number, (pitch, velocity) in enumerate(notes)
    ]


def note(number: int) -> bytes:
    """The sound of one of the page's notes, as a wav file; raises RefusedError (404)."""
    with _lock:
        notes = _notes()
        if not 0 <= number < len(notes):
            raise RefusedError(
                404, "The piano has no such sound.", "Load the page again.", kind="no_sample"
            )
        bank = _bank()
        voice = bank.voice(*notes[number])
    samples = voice.samples[: round(_SECONDS * bank.sample_rate)] * np.float32(voice.scale)
    n_fade = min(len(samples), round(_FADE * bank.sample_rate))
    samples[len(samples) - n_fade :] *= np.linspace(1, 0, n_fade, dtype=np.float32)
    data = io.BytesIO()
    with wave.open(data, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(bank.sample_rate)
        file.writeframes(_as_bytes(samples))
    return data.getvalue()


def played(performance: Performance) -> tuple[int, Iterator[bytes]]:
    """A performance as a wav file: its size in bytes, and the file piece by piece."""
    with _lock:
        bank = _bank()
        n_bytes = 2 * n_rendered(performance, bank)
    return 44 + n_bytes, _pieces(performance, bank, n_bytes)


def _pieces(performance: Performance, bank: SampleBank, n_bytes: int) -> Iterator[bytes]:
    rate = bank.sample_rate
    yield struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        *(b"RIFF", 36 + n_bytes, b"WAVE", b"fmt ", 16, 1, 1, rate, 2 * rate, 2, 16),
        *(b"data", n_bytes),
    )
    blocks = render_blocks(performance, bank, block_duration=_BLOCK_SECONDS)
    while True:
        with _lock:
            block = next(blocks, None)
        if block is None:
            return
        yield _as_bytes(block)


def _as_bytes(samples: NDArray[np.float32]) -> bytes:
    return np.round(np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes()
