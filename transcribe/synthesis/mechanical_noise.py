"""Noises of a piano's mechanism: wood, felt, and the resonance of undamped strings.

All of it but `load_releases` is synthesised, the same in every run, at any sample rate.
"""

from __future__ import annotations

import math
import re
from functools import lru_cache
from pathlib import Path

import numpy as np

from transcribe.audio.reader import read_audio
from transcribe.errors import InstrumentError
from transcribe.notes import HIGHEST_PITCH, LOWEST_PITCH
from transcribe.synthesis.sample_bank import Samples

_THUMP_PEAK = 0.3
"""Peak of a thump before its level is applied."""
_RESONANCE_DURATION = 2.0
"""Seconds after which the impulse response of the strings is cut off."""


@lru_cache(maxsize=4)
def thumps(sample_rate: int) -> tuple[Samples, ...]:
    """Eight thumps of wood and felt: noise below a few hundred Hz that decays within 0.2 s."""
    rng = np.random.default_rng(0)
    n_samples = round(0.2 * sample_rate)
    time = np.arange(n_samples) / sample_rate
    frequency = np.fft.rfftfreq(n_samples, 1 / sample_rate)
    made = []
    for _ in range(8):
        corner = rng.uniform(80, 400)
        spectrum = np.fft.rfft(rng.standard_normal(n_samples)) / (1 + (frequency / corner) ** 2)
        thump = np.fft.irfft(spectrum, n_samples) * np.exp(-time / 0.03)
        thump *= np.minimum(1, time / 0.003)
        made.append((thump * (_THUMP_PEAK / np.max(np.abs(thump)))).astype(np.float32))
    return tuple(made)


def load_releases(folder: Path, sample_rate: int) -> dict[int, Samples]:
    """The noise of each key's release by pitch: recordings of the 88 keys of a piano.

    Parameters
    ----------
    folder : Path
        Holds one recording a key, numbered from 1 (A0) to 88, such as ``rel01.ogg``.
    sample_rate : int
        In Hz, of what is returned.

    Returns
    -------
    dict
        As loud as `thumps`, at their peak.

    Raises
    ------
    InstrumentError
        There is none, or a recording has no number of a key or no sound.
    """
    releases = {}
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        number = re.search(r"(\d+)$", path.stem)
        if number is None or not 1 <= int(number[1]) <= HIGHEST_PITCH - LOWEST_PITCH + 1:
            raise InstrumentError(
                f"{path}: expected a recording of a key's release, its name ending with the key's "
                "number from 1 (A0) to 88"
            )
        samples = read_audio(path, sample_rate)
        peak = float(np.max(np.abs(samples), initial=0.0))
        if not peak:
            raise InstrumentError(f"{path}: expected the sound of a key's release; found silence")
        releases[LOWEST_PITCH - 1 + int(number[1])] = samples * np.float32(_THUMP_PEAK / peak)
    if not releases:
        raise InstrumentError(f"{folder}: expected recordings of key releases; found none")
    return releases


@lru_cache(maxsize=4)
def brushed_felt(sample_rate: int, n_samples: int) -> Samples:
    """Eight swells of noise below some 2 kHz, shape (8, n_samples), at most 1."""
    rng = np.random.default_rng(1)
    frequency = np.fft.rfftfreq(n_samples, 1 / sample_rate)
    spectrum = np.fft.rfft(rng.standard_normal((8, n_samples))) / (1 + (frequency / 1000) ** 2)
    swells = np.fft.irfft(spectrum, n_samples) * np.sin(np.linspace(0, np.pi, n_samples)) ** 2
    return (swells / np.max(np.abs(swells), axis=1, keepdims=True)).astype(np.float32)


@lru_cache(maxsize=4)
def string_resonance(sample_rate: int) -> Samples:
    """Impulse response of the undamped strings: all their partials, decaying.

    Scaled to a gain of 1 at the frequency of its largest gain.
    """
    rng = np.random.default_rng(0)
    n_samples = round(_RESONANCE_DURATION * sample_rate)
    time = np.arange(n_samples) / sample_rate
    partial = np.arange(1, 9)
    response = np.zeros(n_samples)
    for pitch in range(LOWEST_PITCH, HIGHEST_PITCH + 1):
        lowest = 440 * 2 ** ((pitch - 69) / 12)
        inharmonicity = 1e-4 * 2 ** (abs(pitch - 45) / 12)
        frequency = lowest * partial * np.sqrt(1 + inharmonicity * partial**2)
        frequency = frequency[frequency < 0.45 * sample_rate]
        # Falls by 60 dB in 12 s in the bass and 1 s in the treble; higher partials sooner.
        decay = math.log(1000) / (12 * 2 ** (-(pitch - LOWEST_PITCH) / 24))
        for index, hertz in enumerate(frequency.tolist()):
            amplitude = rng.uniform(0.3, 1) / (index + 1)
            phase = rng.uniform(0, 2 * np.pi)
            response += (
                amplitude
                * np.sin(2 * np.pi * hertz * time + phase)
                * np.exp(-decay * (1 + 0.3 * index) * time)
            )
    response *= np.minimum(1, time / 0.01) * np.minimum(1, (_RESONANCE_DURATION - time) / 0.3)
    response /= np.max(np.abs(np.fft.rfft(response)))
    return response.astype(np.float32)
