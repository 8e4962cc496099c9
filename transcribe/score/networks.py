"""The four networks behind a score, as they ship: run by ONNX Runtime, on the CPU."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from transcribe.errors import CheckpointError
from transcribe.onnx_runtime import onnxruntime
from transcribe.score.bar_features import bar_features
from transcribe.score.bars import BarEvidence
from transcribe.score.beat_targets import (
    BEAT_OUTPUTS,
    METRE_NAMES,
    METRES,
    N_PERIODS,
    ONSET_OUTPUTS,
    PERIODS,
)
from transcribe.score.beats import OnsetEvidence
from transcribe.score.keys import KeyProfiles
from transcribe.score.note_features import OUTPUTS as NOTE_OUTPUTS
from transcribe.score.note_features import BeatArrays, note_features
from transcribe.score.onset_features import NoteArrays, onset_features
from transcribe.weights_file import FOLDER, read_graph

BEATS_FORMAT = "transcribe score beats 2"
BARS_FORMAT = "transcribe score bars 1"
NOTES_FORMAT = "transcribe score notes 1"
LENGTHS_FORMAT = "transcribe score lengths 1"
BEATS_FILE, BARS_FILE, NOTES_FILE, LENGTHS_FILE, KEYS_FILE = (
    "score-beats.onnx",
    "score-bars.onnx",
    "score-notes.onnx",
    "score-lengths.onnx",
    "score-keys.json",
)
"""What lies in a folder of weights."""
PACES = (0.84, 1.0, 1.19)
"""How many times as slow the network of onsets is shown what was played. It hears a little
differently, and the mean is right more often than each."""
_ERRORS_ONLY = 3
_SPAN, _CONTEXT = 4096, 512
"""Rows that a network reads at a time, and how many of them only for what they say of others."""


class _Graph:
    """One exported network: rows in, logits out, any number of rows."""

    def __init__(self, path: str | os.PathLike[str], format_name: str) -> None:
        _, content = read_graph(path, format_name)
        options = onnxruntime.SessionOptions()
        options.log_severity_level = _ERRORS_ONLY
        options.intra_op_num_threads = 1
        try:
            self._session = onnxruntime.InferenceSession(
                content, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # ONNX Runtime raises classes of its own, without a base
            raise CheckpointError(f"{path}: ONNX Runtime can't read it: {error}") from error

    def logits(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Shape (n, n_features) to (n, n_logits), in overlapping spans."""
        parts = []
        for start in range(0, len(rows), _SPAN):
            first = max(start - _CONTEXT, 0)
            span = rows[first : start + _SPAN + _CONTEXT]
            found = self._session.run(None, {"rows": span[np.newaxis]})[0][0]
            parts.append(found[start - first : start - first + _SPAN])
        return np.concatenate(parts)


class ScoreNetworks:
    """What was learned of beats, bars, keys, hands and rhythm.

    Parameters
    ----------
    folder : path, optional
        Holds their weights; the package's if left out.

    Raises
    ------
    CheckpointError
        A file is missing, damaged, or of another kind.
    """

    def __init__(self, folder: Path = FOLDER) -> None:
        self.folder = folder
        self._beats = _Graph(folder / BEATS_FILE, BEATS_FORMAT)
        self._bars = _Graph(folder / BARS_FILE, BARS_FORMAT)
        self._notes = _Graph(folder / NOTES_FILE, NOTES_FORMAT)
        self._lengths = _Graph(folder / LENGTHS_FILE, LENGTHS_FORMAT)
        self.key_profiles = KeyProfiles.load(folder / KEYS_FILE)

    def hear(self, notes: NoteArrays) -> OnsetEvidence:
        """What is said of each onset: the mean of what is said at some paces."""
        times = onset_features(notes).times
        paced = [self._heard_at(notes, pace) for pace in PACES]
        beat, down, period, place = (
            np.mean([said[name] for said in paced], axis=0) for name in ONSET_OUTPUTS
        )
        return OnsetEvidence(
            times=times,
            beat=beat[:, 0],
            down=down[:, 0],
            period=_log_softmax(period),
            place=np.exp(_log_softmax(place)),
        )

    def _heard_at(self, notes: NoteArrays, pace: float) -> dict[str, NDArray[np.float64]]:
        """Logits, and logarithms of probabilities, as if the music were so many times as slow."""
        rows = onset_features(notes, pace).rows
        said = _by_head(self._beats.logits(rows), ONSET_OUTPUTS)
        slower = _log_softmax(said["period"])
        step = np.log(PERIODS[1] / PERIODS[0])
        index = np.clip(np.arange(N_PERIODS) + np.log(pace) / step, 0, N_PERIODS - 1)
        low = np.minimum(index.astype(int), N_PERIODS - 2)
        part = index - low
        period = slower[:, low] * (1 - part) + slower[:, low + 1] * part
        return said | {"period": period, "place": _log_softmax(said["place"])}

    def hear_bars(self, notes: NoteArrays, beats: NDArray[np.float64]) -> BarEvidence:
        """What is said of each beat; beats in seconds, two or more."""
        said = _by_head(self._bars.logits(bar_features(notes, beats)), BEAT_OUTPUTS)
        return BarEvidence(down=said["down"][:, 0], metre=_with_halves(_log_softmax(said["metre"])))

    def read(self, notes: NoteArrays, beats: BeatArrays) -> dict[str, NDArray[np.float64]]:
        """Logarithms of probabilities of each note: ``hand`` (that it is the right one) and
        ``grace``, shape (n,); ``place``, shape (n, n_places).

        Upside down, the left hand is the right one and the rhythm stays; the mean of both readings
        is right more often than each.
        """
        said, again = self._read(notes, beats), self._read(notes.upside_down(), beats)
        hand, grace, place = (
            (said[name] + sign * again[name]) / 2
            for name, sign in (("hand", -1), ("grace", 1), ("place", 1))
        )
        return {
            "hand": -np.logaddexp(0, -hand[:, 0]),
            "grace": -np.logaddexp(0, -grace[:, 0]),
            "place": _log_softmax(place),
        }

    def _read(self, notes: NoteArrays, beats: BeatArrays) -> dict[str, NDArray[np.float64]]:
        """Logits by head."""
        return _by_head(self._notes.logits(note_features(notes, beats)), NOTE_OUTPUTS)

    def write(self, rows: NDArray[np.float32]) -> NDArray[np.float64]:
        """Logarithms of how likely each written length is, of rows of `length_features`."""
        return _log_softmax(self._lengths.logits(rows).astype(float))


@cache
def packaged_networks() -> ScoreNetworks:
    """The networks of the package, read once."""
    return ScoreNetworks()


def _by_head(logits: NDArray[np.float32], heads: dict[str, int]) -> dict[str, NDArray[np.float64]]:
    parts = np.split(logits.astype(float), np.cumsum(list(heads.values()))[:-1], axis=1)
    return dict(zip(heads, parts, strict=True))


def _log_softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    most = logits.max(axis=-1, keepdims=True)
    return np.asarray(logits - most - np.log(np.exp(logits - most).sum(axis=-1, keepdims=True)))


def _with_halves(metre: NDArray[np.float64]) -> NDArray[np.float64]:
    """What is felt in 6/4 is written in 6/8."""
    slow, fast = METRES[6, 4], METRES[6, 8]
    assert METRE_NAMES[slow] == (6, 4)
    metre = metre.copy()
    metre[:, fast] = np.logaddexp(metre[:, fast], metre[:, slow])
    return metre
