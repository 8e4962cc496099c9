"""A sampled instrument: a folder of recorded notes, and any pitch and velocity from it.

The project's sample-bank format
--------------------------------
A sample bank is a folder with a ``manifest.json`` and the recordings it names, any kind
of audio file, mono. The manifest is an object with

- ``samplerate``: of the rendered audio, in Hz; recordings of another rate are resampled.
- ``layers``: the recorded dynamics, a list of ``{"layer": id, "lovel": 1, "hivel": 127,
  "rel_level_db": 0.0}``; a layer serves the velocities ``lovel`` to ``hivel``, and
  ``rel_level_db`` is its loudness relative to the loudest layer, after ``gain``.
- ``samples``: a list of recordings, each with ``root`` (MIDI pitch), ``layer`` and
  ``file`` (path inside the folder, without ``..``); and, where wanted, ``lokey`` and ``hikey`` (the
  pitches it serves, default the root alone), ``onset`` (where the attack lies, seconds
  from the start of the file, default 0), ``gain`` (amplitude = decoded * gain, default
  1) and ``tune_cents`` (default 0): pitch ``p`` is played ``p - root + tune_cents / 100``
  semitones above the recording.
- ``name``, ``piano``, ``licence``, ``attribution`` and any other keys are for people.

A pitch that no recording of a layer serves is played by the one with the nearest root.
"""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import soxr
from numpy.typing import NDArray

from transcribe.audio.reader import read_audio
from transcribe.errors import InstrumentError
from transcribe.files.json_text import parse_json
from transcribe.files.relative import inside
from transcribe.notes import HIGHEST_PITCH, LOWEST_PITCH
from transcribe.wording import reason

logger = logging.getLogger(__name__)

Samples = NDArray[np.float32]

PACKAGED = Path(__file__).parent / "piano"
"""A bank of short notes of a grand piano that is part of the package."""
LONGEST_VOICE = 12.0
"""Seconds after which a struck string is taken to be silent."""
PREROLL = 0.002
"""Seconds of a recording that are played before its attack."""
_REFERENCE_LEVEL = 0.12
"""RMS of the first 0.3 s of a note of velocity 127 in the middle of the keyboard."""
_INAUDIBLE = 10 ** (-90 / 20)
"""Of full scale."""
_RISE = 0.002
"""Seconds from a note's onset to a tenth of its peak, as in most recordings."""
_LATE_ATTACK = 0.006
"""Seconds by which a manifest's onset may precede the audible attack."""
_DECAY_BLOCK = 1024
"""Samples of a voice for which one peak is kept."""


@dataclass(frozen=True, slots=True)
class RecordedNote:
    """One recorded note of a bank, as its manifest describes it."""

    path: Path
    root: int
    lokey: int
    hikey: int
    onset: float
    gain: float
    tune_cents: float

    def distance(self, pitch: int) -> tuple[bool, int]:
        """Sorts recordings by how well they suit a pitch."""
        return not self.lokey <= pitch <= self.hikey, abs(self.root - pitch)


@dataclass(frozen=True, slots=True)
class Layer:
    """The recordings of one dynamic and the velocities it serves."""

    lovel: int
    hivel: int
    level_db: float
    recordings: tuple[RecordedNote, ...]


@dataclass(frozen=True, slots=True)
class Voice:
    """One pitch of one layer, ready to be added to a rendering."""

    samples: NDArray[np.int16]
    scale: float
    """Turns the samples into amplitudes of a note at velocity 127."""
    attack: int
    """Index of the sample that sounds at the onset."""
    decay: Samples
    """Largest amplitude from the start of each block of 1024 samples to the end; falls."""
    cents: float

    def audible(self, gain: float) -> int:
        """How many samples it takes until the voice, times ``gain``, is inaudible."""
        n_blocks = len(self.decay) - int(
            np.searchsorted(self.decay[::-1], _INAUDIBLE / max(gain, 1e-12))
        )
        return min(n_blocks * _DECAY_BLOCK, len(self.samples))

    def decay_at(self, sample: int) -> float:
        """Largest amplitude from about a sample on."""
        return float(self.decay[min(sample // _DECAY_BLOCK, len(self.decay) - 1)])


@dataclass(frozen=True, slots=True)
class BankFile:
    """One recording of a bank, and how to play it."""

    path: Path
    pitch: int
    """The key that it is of."""
    velocity: int
    """The greatest that it is meant for."""
    lead: float
    """Seconds at its beginning that are to be left out; below 0: silence to be put before it."""
    gain: float
    """Makes of it a note at velocity 127."""


@dataclass
class SampleBank:
    """A sampled instrument. Recordings are decoded when a note first needs them.

    Pitch-shifted voices are kept as 16-bit integers: about 20 MB a layer once every
    pitch was played. `preload` makes them all, say before worker processes are forked.
    """

    folder: Path
    name: str
    sample_rate: int
    layers: tuple[Layer, ...]
    """Sorted by the velocities they serve."""
    _voices: dict[tuple[int, int], Voice] = field(default_factory=dict, repr=False)
    _layer_of: tuple[int, ...] = field(init=False, repr=False)
    _decoded: tuple[RecordedNote, Samples, int] | None = field(default=None, repr=False)
    """The recording decoded last; its neighbours in pitch often need it again."""

    def __post_init__(self) -> None:
        def distance(layer: Layer, velocity: int) -> int:
            return max(layer.lovel - velocity, velocity - layer.hivel, 0)

        self._layer_of = tuple(
            min(range(len(self.layers)), key=lambda i: distance(self.layers[i], velocity))
            for velocity in range(128)
        )

    @classmethod
    def load(cls, folder: Path | str) -> SampleBank:
        """Read and check a bank's manifest.

        Raises
        ------
        InstrumentError
            If the folder, its manifest, or a recording the manifest names is missing, or
            the manifest is not of the format that this module describes.
        """
        folder = Path(folder)
        manifest_path = folder / "manifest.json"
        try:
            manifest = parse_json(manifest_path.read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise InstrumentError(
                f"{folder}: expected a sample bank, a folder with a manifest.json; found none"
            ) from error
        except (OSError, ValueError) as error:
            why = reason(error, about=manifest_path)
            raise InstrumentError(f"{manifest_path}: not readable as JSON: {why}") from error
        try:
            return _bank_from_manifest(folder, manifest)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            found = f"no {error}" if isinstance(error, KeyError) else str(error)
            raise InstrumentError(
                f"{manifest_path}: expected samplerate, layers and samples as in the "
                f"sample-bank format; found {found}"
            ) from error

    def voice(self, pitch: int, velocity: int, cents: float = 0.0) -> Voice:
        """The sound of a pitch at a velocity, ``cents`` above the bank's own tuning."""
        key = (pitch, self._layer_of[velocity])
        voice = self._voices.get(key)
        if voice is None or voice.cents != cents:
            voice = self._make_voice(*key, cents)
            self._voices[key] = voice
        return voice

    def preload(self) -> None:
        """Decode every recording and shift it to every pitch it serves."""
        for layer in self.layers:
            for pitch in range(LOWEST_PITCH, HIGHEST_PITCH + 1):
                self.voice(pitch, layer.lovel)

    def as_files(self) -> list[BankFile]:
        """The recordings themselves, for players that decode them on their own."""
        found = []
        for layer in self.layers:
            for recording in layer.recordings:
                _, attack = self._decode(recording)
                lead = attack / self.sample_rate - PREROLL
                gain = self._level * recording.gain * 10 ** (-layer.level_db / 20)
                found.append(BankFile(recording.path, recording.root, layer.hivel, lead, gain))
        return found

    @property
    def n_bytes(self) -> int:
        """Memory taken by the voices made so far."""
        return sum(voice.samples.nbytes for voice in self._voices.values())

    @cached_property
    def _level(self) -> float:
        """Amplitude that brings the middle of the keyboard to the reference level."""
        layer = self.layers[-1]
        energies = []
        for pitch in (48, 56, 64, 72):
            recording = min(layer.recordings, key=lambda r: r.distance(pitch))
            samples, attack = self._decode(recording)
            part = samples[attack : attack + int(0.3 * self.sample_rate)] * recording.gain
            energies.append(float(np.mean(np.square(part, dtype=np.float64))) if len(part) else 0)
        rms = math.sqrt(sum(energies) / len(energies)) * 10 ** (-layer.level_db / 20)
        if rms == 0:
            raise InstrumentError(f"{self.folder}: the recordings of the top layer are silent")
        return _REFERENCE_LEVEL / rms

    def _decode(self, recording: RecordedNote) -> tuple[Samples, int]:
        """Samples of a recording and the index of its attack.

        An onset that the manifest places well before anything is audible would make labels
        that lie; there the attack is taken from the sound.
        """
        if self._decoded is not None and self._decoded[0] is recording:
            return self._decoded[1:]
        samples = read_audio(recording.path, self.sample_rate)
        attack = round(recording.onset * self.sample_rate)
        loud = np.abs(samples) > 0.1 * np.max(np.abs(samples), initial=0.0)
        audible = int(np.argmax(loud)) - round(_RISE * self.sample_rate)
        late = (audible - attack) / self.sample_rate
        if late > _LATE_ATTACK:
            logger.info(
                "%s: attack %.0f ms after the manifest's onset", recording.path, 1000 * late
            )
            attack = audible
        self._decoded = recording, samples, attack
        return samples, attack

    def _make_voice(self, pitch: int, layer_index: int, cents: float) -> Voice:
        layer = self.layers[layer_index]
        recording = min(layer.recordings, key=lambda r: r.distance(pitch))
        samples, attack = self._decode(recording)
        semitones = pitch - recording.root + (recording.tune_cents + cents) / 100
        ratio = 2 ** (semitones / 12)
        if abs(semitones) > 1e-6:
            samples = soxr.resample(samples, self.sample_rate * ratio, self.sample_rate)
        preroll = round(PREROLL * self.sample_rate)
        first = round(attack / ratio) - preroll
        if first < 0:
            samples = np.concatenate([np.zeros(-first, np.float32), samples])
        samples = samples[max(first, 0) :][: int(LONGEST_VOICE * self.sample_rate)].copy()
        if len(samples) <= preroll:
            raise InstrumentError(f"{recording.path}: nothing is left after the attack")
        fade_in = preroll // 2
        samples[:fade_in] *= np.linspace(0, 1, fade_in, dtype=np.float32)
        fade_out = min(len(samples) - preroll, self.sample_rate // 4)
        samples[len(samples) - fade_out :] *= np.linspace(1, 0, fade_out, dtype=np.float32)
        peak = float(np.max(np.abs(samples)))
        if not 0 < peak < math.inf:
            raise InstrumentError(f"{recording.path}: expected sound; found silence")
        n_blocks = -(-len(samples) // _DECAY_BLOCK)
        padded = np.zeros(n_blocks * _DECAY_BLOCK, np.float32)
        padded[: len(samples)] = np.abs(samples)
        amplitude = self._level * recording.gain * 10 ** (-layer.level_db / 20)
        decay = np.maximum.accumulate(padded.reshape(n_blocks, -1).max(axis=1)[::-1])[::-1]
        return Voice(
            samples=np.round(samples * (32767 / peak)).astype(np.int16),
            scale=peak / 32767 * amplitude,
            attack=preroll,
            decay=(decay * amplitude).astype(np.float32),
            cents=cents,
        )


def packaged_piano() -> SampleBank:
    """The piano that comes with the package; its folder says where it is from.

    Raises
    ------
    InstrumentError
        Its files are missing or damaged.
    """
    return SampleBank.load(PACKAGED)


def _bank_from_manifest(folder: Path, manifest: dict[str, Any]) -> SampleBank:
    recordings: dict[Any, list[RecordedNote]] = {}
    for entry in manifest["samples"]:
        path = inside(folder, entry["file"])
        if not path.is_file():
            raise InstrumentError(f"{folder}: the manifest names {entry['file']}; no such file")
        root = int(entry["root"])
        recording = RecordedNote(
            path=path,
            root=root,
            lokey=int(entry.get("lokey", root)),
            hikey=int(entry.get("hikey", root)),
            onset=float(entry.get("onset", 0.0)),
            gain=float(entry.get("gain", 1.0)),
            tune_cents=float(entry.get("tune_cents", 0.0)),
        )
        if recording.onset < 0 or not 0 < recording.gain < math.inf:
            raise ValueError(
                f"onset {recording.onset} s and gain {recording.gain} of {entry['file']}"
            )
        recordings.setdefault(entry["layer"], []).append(recording)
    layers = []
    for entry in manifest["layers"]:
        lovel, hivel = int(entry.get("lovel", 1)), int(entry.get("hivel", 127))
        if not 1 <= lovel <= hivel <= 127:
            raise ValueError(f"layer {entry['layer']} for velocities {lovel} to {hivel}")
        if entry["layer"] not in recordings:
            raise ValueError(f"no samples of layer {entry['layer']}")
        level_db = float(entry.get("rel_level_db", 0.0))
        layers.append(Layer(lovel, hivel, level_db, tuple(recordings[entry["layer"]])))
    sample_rate = int(manifest["samplerate"])
    if not layers or sample_rate <= 0:
        raise ValueError(f"{len(layers)} layers at a sample rate of {sample_rate}")
    layers.sort(key=lambda layer: (layer.lovel, layer.hivel))
    name = str(manifest.get("name", folder.name))
    return SampleBank(folder=folder, name=name, sample_rate=sample_rate, layers=tuple(layers))
