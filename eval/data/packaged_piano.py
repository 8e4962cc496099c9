"""The piano that comes with the package: short notes of the Splendid Grand Piano.

    python -m eval.data.packaged_piano BANK

``BANK`` is that instrument as a sample bank (`transcribe.synthesis.sample_bank` describes the
format), from the recordings at https://github.com/sfzinstruments/SplendidGrandPiano: a
Steinway concert grand recorded by Akai and released into the public domain in the early
2000s, in the version corrected by kinwie. Of its four layers the three farthest apart are
taken; every note is cut short, fades out and is written as mono Ogg Vorbis.
"""

from __future__ import annotations

import argparse
import json
import math
from itertools import pairwise
from pathlib import Path

import numpy as np
import soundfile

from transcribe.audio.reader import read_audio
from transcribe.files.atomic import atomic_path, write_atomically
from transcribe.synthesis.sample_bank import PACKAGED

LAYERS = (1, 3, 4)
"""Those of the source that are taken: velocities 1 to 67, 68 to 100 and 101 to 127."""
SAMPLE_RATE = 16000
LONGEST = 6.0
"""Seconds of a note that are kept."""
FADE = 2.0
"""Seconds in which it dies away at the end."""
COMPRESSION = 0.6
"""Of libsndfile's Vorbis encoder, 0 to 1."""
KEYS = ("root", "lokey", "hikey", "layer", "onset", "gain", "tune_cents")


def write_piano(bank: Path, folder: Path) -> int:
    """Write the notes and their manifest; returns the bytes of all files.

    Parameters
    ----------
    bank : Path
        The sample bank of the whole instrument.
    folder : Path
        Made if missing.
    """
    manifest = json.loads((bank / "manifest.json").read_text(encoding="utf-8"))
    folder.mkdir(parents=True, exist_ok=True)
    samples = []
    for each in manifest["samples"]:
        if each["layer"] in LAYERS:
            name = f"{each['root']:03d}_{each['layer']}.ogg"
            sound = _shortened(read_audio(bank / each["file"], SAMPLE_RATE))
            with atomic_path(folder / name) as temporary:
                soundfile.write(
                    temporary,
                    sound,
                    SAMPLE_RATE,
                    format="OGG",
                    subtype="VORBIS",
                    compression_level=COMPRESSION,
                )
            samples.append({"file": name, **{key: each[key] for key in KEYS}})
    layers = [dict(layer) for layer in manifest["layers"] if layer["layer"] in LAYERS]
    for lower, layer in pairwise(layers):
        layer["lovel"] = lower["hivel"] + 1
    described = {
        "name": "splendid_grand",
        "samplerate": SAMPLE_RATE,
        "piano": "Steinway concert grand",
        "source": "https://github.com/sfzinstruments/SplendidGrandPiano",
        "licence": "Public Domain",
        "attribution": "recorded by Akai; corrected by kinwie",
        "layers": [
            {key: layer[key] for key in ("layer", "lovel", "hivel", "rel_level_db")}
            for layer in layers
        ],
        "samples": samples,
    }
    write_atomically(folder / "manifest.json", json.dumps(described, indent=1) + "\n")
    return sum(path.stat().st_size for path in folder.iterdir())


def _shortened(sound: np.ndarray) -> np.ndarray:
    sound = sound[: round(LONGEST * SAMPLE_RATE)].copy()
    n_fade = min(round(FADE * SAMPLE_RATE), len(sound) // 2)
    sound[len(sound) - n_fade :] *= np.cos(np.linspace(0, math.pi / 2, n_fade)) ** 2
    return sound


def main() -> None:
    """Write the notes of a bank into the package."""
    parser = argparse.ArgumentParser(
        prog="python -m eval.data.packaged_piano", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("bank", type=Path, help="the instrument as a sample bank")
    options = parser.parse_args()
    n_bytes = write_piano(options.bank, PACKAGED)
    print(f"{PACKAGED}: {n_bytes / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
