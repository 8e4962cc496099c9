"""Data sets in miniature: the renderer's music in the shape of what one downloads.

    python -m recipes.miniature studies FOLDER     for the recipe `tiny`
    python -m recipes.miniature maestro FOLDER     as MAESTRO v3 unpacks
    python -m recipes.miniature maps FOLDER        as MAPS unpacks

``studies`` has MIDI to train on and recordings to be tested on; none of its test's pieces is
in train, and the instrument that plays them is used nowhere else. The other two have the
folders, names, columns and label files of the real sets, and seconds in place of hours: they
show that a recipe runs, and no figure on them means anything.

What is there already, made by the same code, is kept.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from eval.data import synthetic_bank
from eval.data.synthetic_bank import PLAIN, Timbre, write_synthetic_bank
from recipes import studies
from recipes.studies import study
from transcribe.audio.wav import write_wav
from transcribe.datasets.index import COLUMNS
from transcribe.files.atomic import write_atomically, write_csv
from transcribe.midi import write_midi
from transcribe.notes import Performance, sustained
from transcribe.synthesis.render import render
from transcribe.synthesis.render_config import RenderConfig
from transcribe.synthesis.sample_bank import SampleBank

INSTRUMENTS = {
    "grand": PLAIN,
    "bright": Timbre(slope=0.9, inharmonicity=2e-4, sustain=1.3, knock=0.1),
    "dull": Timbre(slope=1.7, inharmonicity=5e-5, sustain=0.8, knock=0.3),
    "upright": Timbre(slope=1.4, inharmonicity=4e-4, sustain=0.9, knock=0.4),
}
"""Training gets the first two, validation the third, the test the fourth."""
HELD_OUT = "upright"
N_STUDIES = {"train": 16, "validation": 3, "test": 5}
STUDY_SECONDS = 20.0
"""Of a piece of ``studies``."""
_ROOM = RenderConfig(key_noise=0.003, pedal_noise=0.005, resonance=0.2)
_SHORT = 8.0
"""Seconds of a piece of the other two."""
_DONE = "complete.txt"


def write_studies(folder: Path) -> None:
    """``studies.csv`` with its MIDI, the test's recordings, and four instruments."""
    for name, timbre in INSTRUMENTS.items():
        write_synthetic_bank(folder / "instruments" / name, timbre)
    bank = SampleBank.load(folder / "instruments" / HELD_OUT)
    rows = []
    for split, count in N_STUDIES.items():
        for number in range(count):
            played = study(1000 * list(N_STUDIES).index(split) + number, STUDY_SECONDS)
            stem = f"{split}-{number + 1:02d}"
            write_midi(played, folder / f"{stem}.mid")
            audio = ""
            if split == "test":
                audio = f"{stem}.wav"
                _record(played, bank, folder / audio)
            title = f"Study {split} {number + 1}"
            rows.append([title, split, f"{stem}.mid", audio, played.duration])
    _write_index(folder / "studies.csv", rows)


def write_maestro(folder: Path) -> None:
    """Years, audio, MIDI and index as MAESTRO v3 has them: five recordings of 8 s."""
    bank = SampleBank.load(write_synthetic_bank(folder.parent / f"{folder.name}-instrument"))
    splits = ("train", "train", "train", "validation", "test")
    rows = []
    for number, split in enumerate(splits):
        played = study(number, _SHORT)
        year = 2004 + 2 * (number % 3)
        stem = f"{year}/MIDI-Unprocessed_{number + 1:02d}_R1_{year}_wav--1"
        (folder / str(year)).mkdir(parents=True, exist_ok=True)
        write_midi(played, folder / f"{stem}.midi")
        _record(played, bank, folder / f"{stem}.wav")
        rows.append([f"Study {number + 1}", split, f"{stem}.midi", f"{stem}.wav", played.duration])
    _write_index(folder / "maestro-v3.0.0.csv", rows)


def write_maps(folder: Path) -> None:
    """Two software pianos and both recordings of the Disklavier, with MAPS's label files.

    ``AkPnBcht`` also plays a piece of the test, which training must leave out.
    """
    pieces = {name: study(seed, _SHORT) for seed, name in enumerate(("alb_se3", "bor_ps6", "mz_1"))}
    played_by = {
        "AkPnBcht": ("grand", ["alb_se3", "mz_1"]),
        "StbgTGd2": ("bright", ["bor_ps6"]),
        "ENSTDkAm": ("upright", ["mz_1"]),
        "ENSTDkCl": ("dull", ["mz_1"]),
    }
    for instrument, (timbre, names) in played_by.items():
        place = folder.parent / f"{folder.name}-instrument" / timbre
        bank = SampleBank.load(write_synthetic_bank(place, INSTRUMENTS[timbre]))
        music = folder / instrument / "MUS"
        music.mkdir(parents=True, exist_ok=True)
        for name in names:
            stem = music / f"MAPS_MUS-{name}_{instrument}"
            write_midi(pieces[name], stem.with_suffix(".mid"))
            _record(pieces[name], bank, stem.with_suffix(".wav"))
            lines = ["OnsetTime\tOffsetTime\tMidiPitch"]
            for note in sustained(pieces[name]).notes:
                lines.append(f"{note.onset:.6f}\t{note.offset:.6f}\t{note.pitch}")
            stem.with_suffix(".txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


MINIATURES: dict[str, Callable[[Path], None]] = {
    "studies": write_studies,
    "maestro": write_maestro,
    "maps": write_maps,
}


def _record(played: Performance, bank: SampleBank, path: Path) -> None:
    """A recording that lasts a second longer than the music."""
    samples = render(played, bank, _ROOM, duration=played.duration + 1.0)
    write_wav(path, samples, bank.sample_rate)


def _write_index(path: Path, rows: Sequence[Sequence[object]]) -> None:
    table = [
        ("Nobody", title, split, 2018, midi, audio, f"{duration:.3f}")
        for title, split, midi, audio, duration in rows
    ]
    write_csv(path, (COLUMNS, *table))


def main(arguments: Sequence[str]) -> int:
    """Write what the arguments name."""
    if len(arguments) != 2 or arguments[0] not in MINIATURES:
        kinds = "|".join(MINIATURES)
        print(f"usage: python -m recipes.miniature {kinds} FOLDER", file=sys.stderr)
        return 2
    kind, folder = arguments[0], Path(arguments[1])
    version, done = f"{kind} {_version()}\n", folder / _DONE
    if done.is_file() and done.read_text(encoding="utf-8") == version:
        return 0
    folder.mkdir(parents=True, exist_ok=True)
    MINIATURES[kind](folder)
    write_atomically(done, version)
    return 0


def _version() -> str:
    """Changes with anything that says how the music or the instruments sound."""
    digest = hashlib.sha256()
    for module in (__file__, studies.__file__, synthetic_bank.__file__):
        digest.update(Path(module).read_bytes())
    return digest.hexdigest()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
