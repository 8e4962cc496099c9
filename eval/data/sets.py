"""Every set that figures are made on, declared in one place.

`SETS` says of each where it lies, how much there is of it, what its labels mean, whether
anything was trained on it, under which licence it comes and where to get it. A set that is
missing, or has not what is declared, is refused with what was expected, what was found and
where to get it: a mean over other recordings is another figure.

Folders come from the environment, as in ``conf/data/``: ``PIANO_DATA``, ``MAPS`` and
``MAESTRO``, or from ``data=FOLDER`` on the command line.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transcribe.datasets import Recording, load_dataset, maestro_indexes
from transcribe.errors import DatasetError
from transcribe.files.endings import RECORDING_SUFFIXES

RECORDED = "recorded"
"""A real instrument in a real room, with labels."""
RENDERED = "rendered"
"""MIDI played on instruments that training never uses, made on first use."""
NO_PIANO = "no piano"
"""Nobody plays: every note is a false one."""

_MAPS_CONVENTIONS = (
    "Labels are the Disklavier's own MIDI; onsets deviate from the sound by a constant in every "
    "recording, so that aligned and as-found figures differ; offsets are key releases, and "
    "pedal-extended ones follow from CC64."
)
_MAPS_LICENCE = "CC BY-NC-SA"
_MAPS_SOURCE = (
    "Emiya, Badeau and David 2010, on request from Telecom Paris and on Zenodo; MAPS is the "
    "folder of what was unpacked"
)
_MAPS_LEAKAGE = (
    "The same pieces are played by MAPS's software pianos; `transcribe.datasets.maps` leaves "
    "every one of them out of train."
)
_MAESTRO_CONVENTIONS = (
    "Labels are the Disklavier's own MIDI, aligned by the publisher to about 3 ms; offsets are "
    "key releases, pedal-extended ones follow from CC64. As-found figures are the published "
    "kind."
)
_MAESTRO_LICENCE = "CC BY-NC-SA 4.0"
_MAESTRO_SOURCE = (
    "magenta.tensorflow.org/datasets/maestro, the archive with audio; MAESTRO is the folder that "
    "holds maestro-vN.0.0.csv"
)
_MAESTRO_LEAKAGE = (
    "No composition is in two splits of one version, but the splits of v1, v2 and v3 differ: a "
    "model trained on one may know the test of another. ASAP's audio is MAESTRO's."
)


@dataclass(frozen=True, kw_only=True)
class KnownMusic:
    """Music of a set that weights met in training, in whatever performance."""

    weights: tuple[str, ...]
    """Names of those weights; later ones were trained without."""
    same_music: tuple[str, ...]
    """Recordings whose very music was trained on, from the same source."""
    works: tuple[str, ...]
    """Recordings of works that were trained on, these included."""
    about: str


@dataclass(frozen=True, kw_only=True)
class BenchmarkSet:
    """What a set is, and what it must have."""

    name: str
    kind: str
    """One of `RECORDED`, `RENDERED`, `NO_PIANO`."""
    title: str
    """A line for people."""
    n_recordings: int
    variable: str = "PIANO_DATA"
    """Of the environment: the folder that ``place`` is in."""
    default: str = "data"
    """That folder where the environment names none."""
    place: str = ""
    split: str = "test"
    instrument: str | None = None
    """Only recordings whose name ends so."""
    index: str | None = None
    """The index that must be there, for sets whose versions differ."""
    index_sha256: str | None = None
    passage_seconds: float | None = None
    """Of rendered sets: how long each passage is."""
    instruments: tuple[str, ...] = ()
    """Of rendered sets: the sampled pianos, in turn."""
    known_music: KnownMusic | None = None
    conventions: str
    leakage: str
    licence: str
    source: str

    def path(self, override: Path | None = None) -> Path:
        """Where it lies: as given, or as the environment says."""
        if override is not None:
            return override
        return Path(os.environ.get(self.variable, self.default)) / self.place

    def as_json(self) -> dict[str, Any]:
        """What a record says about the set."""
        said = ("name", "kind", "title", "split", "conventions", "leakage", "licence", "source")
        return {name: getattr(self, name) for name in said} | {"index_sha256": self.index_sha256}


def _maps(name: str, title: str, n_recordings: int, instrument: str | None) -> BenchmarkSet:
    return BenchmarkSet(
        name=name,
        kind=RECORDED,
        title=title,
        n_recordings=n_recordings,
        variable="MAPS",
        default="data/MAPS",
        instrument=instrument,
        conventions=_MAPS_CONVENTIONS,
        leakage=_MAPS_LEAKAGE,
        licence=_MAPS_LICENCE,
        source=_MAPS_SOURCE,
    )


def _maestro(version: int, split: str, n_recordings: int) -> BenchmarkSet:
    return BenchmarkSet(
        name=f"maestro-v{version}-{split}",
        kind=RECORDED,
        title=f"MAESTRO v{version}.0.0, {split}: Disklaviers at competitions",
        n_recordings=n_recordings,
        variable="MAESTRO",
        default=f"data/maestro-v{version}.0.0",
        split=split,
        index=f"maestro-v{version}.0.0.csv",
        conventions=_MAESTRO_CONVENTIONS,
        leakage=_MAESTRO_LEAKAGE
        + (
            " Thresholds of the packaged weights were chosen on v3 validation."
            if split == "validation"
            else ""
        ),
        licence=_MAESTRO_LICENCE,
        source=_MAESTRO_SOURCE,
    )


SETS = {
    each.name: each
    for each in (
        BenchmarkSet(
            name="maps-real-dev",
            kind=RECORDED,
            title="MAPS ENSTDkCl, first 90 s of 19 pieces: a real Disklavier, close microphones",
            n_recordings=19,
            place="audio/maps-real-dev",
            index_sha256="f9094da82414b08d033feffdfbf3a756f91da80d72f29f63219185966b5b7bab",
            conventions=_MAPS_CONVENTIONS
            + " 16 kHz mono: nothing above 8 kHz is in it. One recording "
            "has no pedal labels and is left out of pedal and pedal-extended figures.",
            known_music=KnownMusic(
                weights=tuple(f"harmonic {number}" for number in range(1, 7)),
                same_music=("chpn-e01",),
                works=(
                    *("chpn-e01", "chpn-p19", "liz_et_trans5", "mz_311_1", "mz_332_2"),
                    *("scn16_3", "scn16_4", "mz_331_3", "scn15_11", "scn15_12"),
                ),
                about="`harmonic 6` and all weights before it were trained with music left out by "
                "titles alone. So the music of `chpn-e01` was in training, on the software pianos "
                "of MAPS, and nine more of these works were played there by others: six in "
                "MAESTRO's train split, which transkun was trained on too, and three on piano "
                "rolls.",
            ),
            leakage=_MAPS_LEAKAGE,
            licence=_MAPS_LICENCE,
            source="a cut of MAPS: the first 90 s of ENSTDkCl pieces as 16 kHz mono FLAC, with an "
            "index of MAESTRO's columns, in PIANO_DATA/audio/maps-real-dev",
        ),
        _maps("maps-enstdkcl", "MAPS, Disklavier, close microphones", 30, "ENSTDkCl"),
        _maps("maps-enstdkam", "MAPS, Disklavier, ambient microphones", 30, "ENSTDkAm"),
        _maps("maps-test", "MAPS, Disklavier, close and ambient", 60, None),
        _maestro(1, "validation", 105),
        _maestro(1, "test", 125),
        _maestro(2, "validation", 137),
        _maestro(2, "test", 178),
        _maestro(3, "validation", 137),
        _maestro(3, "test", 177),
        BenchmarkSet(
            name="smd-test",
            kind=RECORDED,
            title="SMD, five performances on a Disklavier grand, close microphones, whole",
            n_recordings=5,
            variable="SMD",
            default="data/SMD-piano_v2",
            conventions="Labels are the Disklavier's own MIDI, cut to the audio by the publisher; "
            "offsets are key releases, pedal-extended ones follow from CC64, which is continuous.",
            leakage="The MIDI of the other 45 performances is trained on, rendered; their audio is "
            "not. MAESTRO's train split has other performances of some of these works.",
            licence="CC BY-NC-SA 3.0",
            source="audiolabs-erlangen.de/resources/MIR/SMD/midi, and version 2 on Zenodo "
            "(10.5281/zenodo.10847280); SMD is the folder of what was unpacked",
        ),
        *(
            BenchmarkSet(
                name=f"rendered-{short}",
                kind=RENDERED,
                title=f"MAESTRO v3 validation MIDI, 24 passages of 30 s on {label}",
                n_recordings=24,
                place="midi/maestro-v3.0.0.csv",
                split="validation",
                index_sha256="71d2a9e2e37b8bebf4e57c2dbfdd1227b8853b2d32a75c72391a16f7aca775fe",
                passage_seconds=30.0,
                instruments=instruments,
                conventions="Rendered dry, without room or noise: labels are exact, so as-found "
                "is the figure to read. Dampers leave the strings 30 ms before the pedal counts "
                "as down and touch them 40 ms before it counts as up. Offsets are key releases, "
                "pedal-extended ones follow from CC64.",
                leakage="The instruments are held out from training and the pieces are of the "
                "validation split, on which the packaged thresholds were chosen. Peers were "
                "trained on MAESTRO: they may know its pieces, and none of these sounds.",
                licence="MIDI CC BY-NC-SA 4.0; instruments public domain and CC0",
                source="the MIDI-only download of MAESTRO v3.0.0 (magenta.tensorflow.org/datasets/"
                "maestro) as PIANO_DATA/midi/maestro-v3.0.0, its index beside it; instruments in "
                "PIANO_DATA/instruments in the format of `transcribe.synthesis.sample_bank`",
            )
            for short, label, instruments in (
                ("grand", "a Steinway grand (Splendid)", ("splendid_steinway",)),
                ("upright", "a Yamaha upright (VCSL)", ("upright_yamaha_vcsl",)),
                (
                    "held-out",
                    "a grand and an upright, in turn",
                    ("splendid_steinway", "upright_yamaha_vcsl"),
                ),
            )
        ),
        BenchmarkSet(
            name="esc10",
            kind=NO_PIANO,
            title="ESC-10: rain, dogs, engines and the like, 10 recordings of 100 s",
            n_recordings=10,
            place="noise",
            conventions="Every note is false. Clips of 5 s joined by class, 16 kHz mono.",
            leakage="dog_bark, helicopter and clock_tick are never used in training; the other "
            "classes serve as noise under training's pianos.",
            licence="CC BY 3.0",
            source="github.com/karolpiczak/ESC-10, clips joined by class, in PIANO_DATA/noise",
        ),
        BenchmarkSet(
            name="synthesised-noise",
            kind=NO_PIANO,
            title="silence, hiss, a room, voices and applause, synthesised, 7 times 60 s",
            n_recordings=7,
            conventions="Every note is false. `eval.data.noises` makes them, always the same.",
            leakage="Voices and applause come from the generators that training uses, with seeds "
            "that it does not.",
            licence="made by this project",
            source="made on first use",
        ),
    )
}


def find_set(name: str) -> BenchmarkSet:
    """A declared set; raises DatasetError that lists them all."""
    if name not in SETS:
        raise DatasetError(f"expected a set among {', '.join(SETS)}; found {name!r}")
    return SETS[name]


def recordings_of(wanted: BenchmarkSet, folder: Path) -> list[Recording]:
    """The labelled recordings of a set, checked against what is declared.

    Parameters
    ----------
    wanted : BenchmarkSet
        Of kind `RECORDED`.
    folder : Path
        Where it lies, see `BenchmarkSet.path`.

    Raises
    ------
    DatasetError
        It is not there, or has another number of recordings or another index.
    """
    if not folder.exists():
        raise DatasetError(_missing(wanted, f"found no {folder}"))
    if wanted.index is not None:
        indexes = maestro_indexes(folder)
        if [path.stem for path in indexes] != [Path(wanted.index).stem]:
            found = ", ".join(path.name for path in indexes) or "no index"
            raise DatasetError(_missing(wanted, f"found {found} in {folder}", wanted.index))
    try:
        recordings = list(load_dataset(folder, split=wanted.split, require_audio=True))
    except DatasetError as error:
        raise DatasetError(_missing(wanted, str(error))) from error
    if wanted.instrument is not None:
        recordings = [each for each in recordings if each.name.endswith(f"_{wanted.instrument}")]
    check_count(wanted, len(recordings), folder)
    check_index(wanted, folder / "index.csv")
    return recordings


def check_count(wanted: BenchmarkSet, n_found: int, folder: Path) -> None:
    """Refuse a set with more or fewer recordings than declared."""
    if n_found != wanted.n_recordings:
        raise DatasetError(_missing(wanted, f"found {n_found} in {folder}"))


def check_index(wanted: BenchmarkSet, index: Path) -> None:
    """Refuse an index that is not the one declared, where one is."""
    if wanted.index_sha256 is None:
        return
    if not index.is_file():
        raise DatasetError(_missing(wanted, f"found no {index}"))
    found = hashlib.sha256(index.read_bytes()).hexdigest()
    if found != wanted.index_sha256:
        raise DatasetError(
            _missing(wanted, f"found {index} with sha256 {found[:12]}, not that of this set")
        )


def audio_files(folder: Path) -> list[Path]:
    """The recordings in a folder, by their endings, sorted."""
    found = (
        sorted(path for path in folder.iterdir() if path.suffix.lower() in RECORDING_SUFFIXES)
        if folder.is_dir()
        else []
    )
    if not found:
        raise DatasetError(f"expected a folder of recordings; found none in {folder}")
    return found


def noise_files(wanted: BenchmarkSet, folder: Path) -> list[Path]:
    """The recordings without a piano of a set, checked against what is declared."""
    try:
        files = audio_files(folder)
    except DatasetError as error:
        raise DatasetError(_missing(wanted, f"found none in {folder}")) from error
    check_count(wanted, len(files), folder)
    return files


def _missing(wanted: BenchmarkSet, found: str, expected: str | None = None) -> str:
    expected = expected or f"{wanted.n_recordings} recordings"
    where = "or give data=FOLDER" if wanted.kind != RENDERED else "or set PIANO_DATA"
    return (
        f"set {wanted.name}: expected {expected} ({wanted.title}) in the folder that "
        f"{wanted.variable} names; {found}. Where to get it: {wanted.source}; {where}"
    )
