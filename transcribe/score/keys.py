"""Key signatures over time, from which pitch classes sound, and which lie in the bass.

Around every other second, the pitch classes within a few seconds, within many, and in the
whole piece are held against profiles, some of major and some of minor keys, turned to each
of the twelve signatures. The profiles are learned as a network's weights are, from
annotated performances (`transcribe.train.key_profiles`); the twelve signatures share them,
so no key is known better than another.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from transcribe.errors import CheckpointError
from transcribe.music.key import MAJOR_PROFILE, MINOR_PROFILE, Key
from transcribe.notes import Note
from transcribe.score.onset_features import NoteArrays

Array = NDArray[np.float64]

_WHOLE_PIECE = 1e9
REACHES = (2.5, 8.0, 30.0, _WHOLE_PIECE)
"""Seconds around a place within which pitch classes are counted."""
N_CHROMAS = 2 * len(REACHES)
STEP = 2.0
"""Seconds between places at which the signature is asked for."""
SHARPNESS = 4.0
"""Of the choice between profiles."""
_LONGEST = 2.0
"""Seconds a note counts for at most."""
_BASS_SECONDS = 0.6
"""Before and after a note, in which the lowest one is the bass."""
_CHANGE = 9.0
"""What another key signature costs, in logarithms of probabilities summed over places."""
_LEAST = -6.0
"""Logarithm of the least probability that a place gives a signature."""
_LIKELY = 1.5
"""By how much, in logarithms of odds, every place is likelier to have the signature that is told.
"""


@dataclass(frozen=True, slots=True)
class KeyProfiles:
    """Learned profiles: h of them."""

    weights: Array
    """Shape (h, N_CHROMAS, 12), from the tonic of the signature's major key."""
    bias: Array
    """Shape (h,)."""

    @classmethod
    def load(cls, path: Path) -> KeyProfiles:
        """Read them from a file.

        Raises
        ------
        CheckpointError
            It is missing or holds none.
        """
        try:
            content = json.loads(path.read_bytes())
            profiles = cls(np.array(content["weights"], float), np.array(content["bias"], float))
            fits = profiles.weights.shape == (len(profiles.bias), N_CHROMAS, 12)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise CheckpointError(f"{path}: expected profiles of keys; {error}") from error
        if not fits:
            raise CheckpointError(
                f"{path}: expected profiles of shape (n, {N_CHROMAS}, 12), found "
                f"{profiles.weights.shape}; the file was written by another version of transcribe"
            )
        return profiles

    def __call__(self, chromas: Array) -> Array:
        """Logarithms of how likely each signature (sharps modulo 12) is, shape (n, 12).

        Parameters
        ----------
        chromas : array
            `chromas_around`, shape (n, N_CHROMAS, 12).
        """
        turned = np.stack([np.roll(chromas, -(7 * key % 12), axis=-1) for key in range(12)], axis=1)
        fits = np.einsum("nkcp,hcp->nkh", np.sqrt(turned), self.weights) + self.bias
        logits = np.logaddexp.reduce(SHARPNESS * fits, axis=-1)
        return np.asarray(logits - np.logaddexp.reduce(logits, axis=-1, keepdims=True))


def chromas_around(notes: NoteArrays, places: Array) -> Array:
    """Shares of the pitch classes around places, of all notes and of the lowest.

    Parameters
    ----------
    notes : NoteArrays
    places : array
        Seconds, shape (n,).

    Returns
    -------
    array
        Shape (n, N_CHROMAS, 12).
    """
    onset = notes.onset
    length = np.clip(notes.offset - onset, 0.05, _LONGEST) ** 0.7
    before = np.searchsorted(onset, onset - _BASS_SECONDS)
    after = np.searchsorted(onset, onset + _BASS_SECONDS)
    pitch = notes.pitch.tolist()
    lowest = np.array(
        [pitch[i] <= min(pitch[a:b]) for i, (a, b) in enumerate(zip(before, after, strict=True))]
    )
    struck = np.zeros((len(onset), 12))
    struck[np.arange(len(onset)), notes.pitch % 12] = 1
    found = []
    for weight in (length, length * lowest):
        total = np.concatenate([np.zeros((1, 12)), np.cumsum(struck * weight[:, None], axis=0)])
        for reach in REACHES:
            span = total[np.searchsorted(onset, places + reach)]
            span = span - total[np.searchsorted(onset, places - reach)]
            found.append(span / np.maximum(span.sum(axis=1, keepdims=True), 1e-6))
    return np.maximum(np.stack(found, axis=1), 0.0)


def key_signatures(
    notes: NoteArrays, profiles: KeyProfiles, *, likely: Key | None = None
) -> tuple[list[tuple[float, int]], float]:
    """From when on which signature holds (seconds, sharps modulo 12), and how sure that is.

    The second is the mean probability of what was chosen. The signature of the ``likely`` key
    needs less evidence than others.
    """
    first, last = float(notes.onset[0]), float(notes.onset[-1])
    places = np.arange(first + STEP / 2, max(last, first + STEP), STEP)
    places = places[_near_a_note(places, notes.onset)]
    said = profiles(chromas_around(notes, places))
    if likely is not None:
        said[:, likely.fifths % 12] += _LIKELY
        said -= np.logaddexp.reduce(said, axis=1, keepdims=True)
    said = np.maximum(said, _LEAST)
    value, came = said[0], np.zeros(said.shape, np.int8)
    everything = np.arange(12)
    for index in range(1, len(said)):
        best = int(value.argmax())
        change = value[best] - _CHANGE > value
        came[index] = np.where(change, best, everything)
        value = np.where(change, value[best] - _CHANGE, value) + said[index]
    key = int(value.argmax())
    path = [key]
    for index in range(len(said) - 1, 0, -1):
        key = int(came[index, key])
        path.append(key)
    path.reverse()
    sure = float(np.exp(said[np.arange(len(path)), path]).mean())
    starts = [0, *(i for i in range(1, len(path)) if path[i] != path[i - 1])]
    times = [first, *(float(places[i]) - STEP / 2 for i in starts[1:])]
    return [(time, path[i]) for time, i in zip(times, starts, strict=True)], sure


def _near_a_note(places: Array, onset: Array) -> NDArray[np.bool_]:
    """Those in whose surroundings something is struck: a long pause says nothing of the key."""
    reach = max(reach for reach in REACHES if reach < _WHOLE_PIECE)
    near = np.searchsorted(onset, places + reach) > np.searchsorted(onset, places - reach)
    return np.asarray(near)


def key_of(signature: int, notes: Sequence[Note]) -> Key:
    """The major or minor key of a signature (sharps modulo 12) that notes fit better."""
    major = Key(7 * signature % 12)
    minor = Key((major.tonic + 9) % 12, is_minor=True)
    sounding = np.zeros(12)
    for note in notes:
        sounding[note.pitch % 12] += min(note.offset - note.onset, _LONGEST)
    if not notes or sounding.std() == 0:
        return major
    # The bass at the end of a passage says more than anything else.
    lowest = min(notes[-4:], key=lambda note: note.pitch)
    sounding[lowest.pitch % 12] += 0.1 * sounding.sum()
    fits = [
        float(np.corrcoef(sounding, np.roll(profile, key.tonic))[0, 1])
        for key, profile in ((major, MAJOR_PROFILE), (minor, MINOR_PROFILE))
    ]
    return minor if fits[1] > fits[0] else major
