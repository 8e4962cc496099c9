"""Sounds in which nobody plays a piano, to count false notes in.

    python -m eval.data.noises NOISES
    python -m eval.accuracy.benchmark set=synthesised-noise

The second makes them itself. The first writes one minute of each kind as 16-bit mono wav at
16 kHz: silence, white noise, the rumble and hum of a room, noise with the spectrum and the
syllables of speech, one voice, several at once, applause. The voices and the applause come
from the generators that training uses (`transcribe.train.augment.noises`), with seeds that it does
not.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transcribe.audio.wav import write_wav
from transcribe.errors import TranscribeError
from transcribe.options import positive_seconds
from transcribe.train.augment.noises import applause_like, speech_like

SAMPLE_RATE = 16000
SECONDS = 60.0
_SEED = 4711
_LEVEL_DB = -26.0
"""Rms relative to full scale; of the quiet room 20 less."""


def noises(seconds: float = SECONDS) -> dict[str, NDArray[np.float32]]:
    """Each kind by name, mono float32 at `SAMPLE_RATE`; the same in every call."""
    rng = np.random.default_rng(_SEED)
    n_samples = round(seconds * SAMPLE_RATE)
    time = np.arange(n_samples) / SAMPLE_RATE
    white = rng.standard_normal(n_samples)
    hum = sum(np.sin(2 * np.pi * 50 * k * time + k) / k for k in (1, 2, 3, 4, 6))
    rumble = _shaped(rng.standard_normal(n_samples), lambda hertz: 1 / np.maximum(hertz, 20))
    voices = [speech_like(rng, seconds, SAMPLE_RATE) for _ in range(7)]
    # Byrne et al. 1994: the long-term spectrum of speech is flat to 500 Hz, then falls by
    # about 9 dB an octave.
    speech_shaped = _shaped(
        rng.standard_normal(n_samples),
        lambda hertz: 1 / (1 + (np.maximum(hertz, 1) / 500) ** 1.5) * (hertz > 80),
    )
    syllables = np.clip(np.sin(2 * np.pi * 4 * time) + rng.standard_normal() * 0.1, 0, None)
    kinds = {
        "silence": np.zeros(n_samples),
        "white_noise": white,
        "room": rumble / rumble.std() + 0.3 * hum,
        "speech_shaped_noise": speech_shaped * syllables,
        "one_voice": voices[0],
        "several_voices": np.sum(voices[1:], axis=0),
        "applause": np.concatenate(
            [applause_like(rng, seconds / 4, SAMPLE_RATE) for _ in range(4)]
        ),
    }
    levels = dict.fromkeys(kinds, _LEVEL_DB) | {"room": _LEVEL_DB - 20}
    return {
        name: (sound * 10 ** (levels[name] / 20) / max(float(np.std(sound)), 1e-9))
        .clip(-1, 1)
        .astype(np.float32)
        for name, sound in kinds.items()
    }


def _shaped(noise: NDArray[Any], gain: Callable[[NDArray[Any]], NDArray[Any]]) -> NDArray[Any]:
    spectrum = np.fft.rfft(noise)
    hertz = np.fft.rfftfreq(len(noise), 1 / SAMPLE_RATE)
    shaped: NDArray[Any] = np.fft.irfft(spectrum * gain(hertz), len(noise))
    return shaped


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the folder."""
    parser = argparse.ArgumentParser(prog="python -m eval.data.noises", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("folder", type=Path)
    parser.add_argument(
        "--seconds", type=positive_seconds, default=SECONDS, help="of each; default: 60"
    )
    options = parser.parse_args(arguments)
    try:
        options.folder.mkdir(parents=True, exist_ok=True)
        for name, sound in noises(options.seconds).items():
            write_wav(options.folder / f"{name}.wav", sound, SAMPLE_RATE)
    except (TranscribeError, OSError) as error:
        print(f"eval.data.noises: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
