"""Tiny sampled instruments, synthesised: additive strings, seven roots, two layers.

They stand in for sampled pianos where none can be expected: in the recipe `tiny`, in miniatures
of data sets and in tests. A `Timbre` makes one differ from another, so that one can be held out.
"""

from __future__ import annotations

import json
import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

ROOTS = (28, 40, 52, 64, 76, 88, 100)
ATTACK = 0.01
"""Seconds of silence before the attack of every recording."""
FLAT_ROOT, FLAT_CENTS = 64, 25.0
"""This root is recorded flat by so much; its manifest says so."""
SOFT_DB = -10.0
"""Level of the soft layer, which serves velocities 1 to 70, relative to the loud one."""


@dataclass(frozen=True)
class Timbre:
    """What makes one instrument sound unlike another."""

    slope: float = 1.2
    """Partial ``n`` of a loud string has the amplitude ``n ** -slope``; soft ones 0.6 more."""
    inharmonicity: float = 1e-4
    """Partial ``n`` is sharp by the factor ``sqrt(1 + inharmonicity * (n ** 2 - 1))``."""
    sustain: float = 1.0
    """Multiplies how long strings sound."""
    knock: float = 0.2
    """The hammer's noise relative to the fundamental."""


PLAIN = Timbre()


def frequency(pitch: float) -> float:
    """Equal temperament, A4 (pitch 69) at 440 Hz."""
    return float(440 * 2 ** ((pitch - 69) / 12))


def string(
    pitch: float, *, bright: bool, sample_rate: int = 16000, timbre: Timbre = PLAIN
) -> NDArray[np.float64]:
    """A struck string: decaying partials, slightly inharmonic, with a hammer's knock."""
    duration = timbre.sustain * float(np.interp(pitch, (28, 100), (3.0, 0.8)))
    time = np.arange(int(duration * sample_rate)) / sample_rate
    fundamental = frequency(pitch)
    samples = np.zeros(len(time))
    for partial in range(1, 25):
        partial_hz = partial * fundamental * np.sqrt(1 + timbre.inharmonicity * (partial**2 - 1))
        if partial_hz > 0.45 * sample_rate:
            break
        amplitude = partial ** -(timbre.slope if bright else timbre.slope + 0.6)
        decay = np.exp(-time * (4 / duration) * (1 + 0.15 * partial))
        samples += amplitude * decay * np.cos(2 * np.pi * partial_hz * time + partial**2)
    knock = np.random.default_rng(round(pitch)).standard_normal(len(time))
    samples += timbre.knock * knock * np.exp(-time / 0.004)
    return samples * np.minimum(1, time / 0.0005) * np.minimum(1, (duration - time) / 0.05)


def write_wav(path: Path, samples: NDArray[np.float64], sample_rate: int = 16000) -> None:
    """16-bit mono."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(sample_rate)
        file.writeframes(np.round(samples * 32767).astype("<i2").tobytes())


def write_synthetic_bank(folder: Path, timbre: Timbre = PLAIN) -> Path:
    """Write a sample bank in the project's format into ``folder``, which is returned."""
    folder.mkdir(parents=True, exist_ok=True)
    samples = []
    for layer, lowest, highest in (("soft", 1, 70), ("loud", 71, 127)):
        for root in ROOTS:
            flat = FLAT_CENTS if root == FLAT_ROOT else 0.0
            sound = string(root - flat / 100, bright=layer == "loud", timbre=timbre)
            sound = np.concatenate([np.zeros(round(ATTACK * 16000)), sound])
            level = 10 ** (SOFT_DB / 20) if layer == "soft" else 1.0
            loudness = np.sqrt(np.mean(sound[:4800] ** 2))
            peak = np.max(np.abs(sound))
            name = f"{root:03d}_{layer}.wav"
            write_wav(folder / name, 0.9 * sound / peak)
            samples.append(
                {
                    "root": root,
                    "lokey": 21 if root == ROOTS[0] else root - 5,
                    "hikey": 108 if root == ROOTS[-1] else root + 6,
                    "layer": layer,
                    "lovel": lowest,
                    "hivel": highest,
                    "file": name,
                    "onset": ATTACK,
                    "gain": 0.2 * level * peak / (0.9 * loudness),
                    "tune_cents": flat,
                }
            )
    manifest = {
        "name": "synthetic",
        "samplerate": 16000,
        "piano": "additive synthesis",
        "licence": "none needed",
        "layers": [
            {"layer": "soft", "lovel": 1, "hivel": 70, "rel_level_db": SOFT_DB},
            {"layer": "loud", "lovel": 71, "hivel": 127, "rel_level_db": 0.0},
        ],
        "samples": samples,
    }
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    return folder
