"""The whole flow on one screen: a recording in, a performance out.

    recording -> audio -> features -> windows(model) -> decode -> Performance

The command line and everything else that transcribes calls `Transcriber`; none keeps a
version of its own. Memory does not grow with the length of the recording, but for the
notes themselves.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import soxr
import torch
from numpy.typing import NDArray

from transcribe.audio.channels import Mixdown
from transcribe.audio.loudness import LevelledReader, as_warning, gain_of
from transcribe.audio.quality import (
    CLIPPED_LEVEL,
    SILENCE_DB,
    AudioWarning,
    is_distorted,
    is_no_piano,
    is_out_of_tune,
    most_serious_first,
)
from transcribe.audio.scale import TOO_LOUD, sanitised
from transcribe.audio.tuning import TuningMeter
from transcribe.checkpoint import Checkpoint, load_checkpoint
from transcribe.decode.decoder import DecodeConfig, Decoder
from transcribe.decode.events import Evidence, Reader
from transcribe.features import Features
from transcribe.frames import FrameGrid
from transcribe.music.clicks import find_clicks
from transcribe.notes import A4_RANGE, STANDARD_A4, SUSTAINED, Performance
from transcribe.rolls import Rolls
from transcribe.windows import stream_in_windows

log = logging.getLogger(__name__)

Samples: TypeAlias = NDArray[np.floating[Any]]
Source: TypeAlias = "str | os.PathLike[str] | Samples | Iterable[Samples]"

DEVICES = ("auto", "cpu", "cuda", "mps")
_MAX_CHANNELS = 64
_BLOCK_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Transcription:
    """A performance, and what there is to say about how it was heard."""

    performance: Performance
    """Notes end as `DecodeConfig.offsets` says, by default with the key."""
    sustained: Performance
    """The same notes as long as they sound, after the network's own plane for that; more
    exact than the pedal presses laid over the key releases."""
    duration: float
    """Seconds of the recording that were heard."""
    confidence: float | None
    """Mean over the notes, 0 to 1; None without notes."""
    tuning: float | None
    """Cents above `Transcriber.a4`, -50 to 50; None where that can't be told."""
    warnings: tuple[AudioWarning, ...] = ()
    """What was not as expected, most serious first: a truncated file, silence, distortion."""

    @property
    def is_silent(self) -> bool:
        """Whether nothing in it is loud enough to hear."""
        return any(warning.kind == "silent" for warning in self.warnings)


class Transcriber:
    """Hears piano recordings with one set of weights.

    Parameters
    ----------
    checkpoint : Checkpoint
        The weights and the settings they were trained with, on the device to use.
    decode : DecodeConfig, optional
        Thresholds to use in place of the checkpoint's.
    a4 : float
        Hertz of the instrument's A above middle C, 390 to 490. The recording is read as if
        it were played back faster or slower, so that the network hears it at 440; times
        and pitches are those of the recording and its keys.

    Examples
    --------
    >>> transcriber = Transcriber.load()
    >>> performance = transcriber("song.mp3")
    >>> performance = transcriber(samples, sample_rate=44100)
    """

    def __init__(
        self, checkpoint: Checkpoint, *, decode: DecodeConfig | None = None, a4: float = STANDARD_A4
    ) -> None:
        lowest, highest = A4_RANGE
        if not lowest <= a4 <= highest:
            raise ValueError(f"a4 is {lowest:g} to {highest:g} Hz; found {a4:g}")
        self.a4 = a4
        self.checkpoint = checkpoint
        self.decode = checkpoint.decode if decode is None else decode
        self.device = next(checkpoint.model.parameters()).device
        self.features = Features(checkpoint.features)
        self.activations: Callable[[NDArray[np.float32]], NDArray[np.float32]] | None = None
        """In place of the network's own, such as one that gathers windows of several recordings."""

    @classmethod
    def load(
        cls,
        checkpoint: str | os.PathLike[str] | None = None,
        *,
        device: str = "auto",
        decode: DecodeConfig | None = None,
        a4: float = STANDARD_A4,
    ) -> Transcriber:
        """Load weights onto a device.

        Parameters
        ----------
        checkpoint : path, optional
            Weights file; the packaged weights if left out.
        device : str
            One of `DEVICES`, or ``"cuda:1"`` and the like; see `find_device`.
        decode : DecodeConfig, optional
            Thresholds to use in place of the checkpoint's.
        a4 : float
            Hertz of the instrument's A above middle C, 390 to 490.

        Raises
        ------
        CheckpointError
            The weights file is missing, damaged, or made for another network.
        ValueError
            The device is not there, or ``a4`` is out of range.
        """
        found = find_device(device)
        path = None if checkpoint is None else Path(checkpoint)
        transcriber = cls(load_checkpoint(path, device=str(found)), decode=decode, a4=a4)
        log.info("%s on %s", transcriber.name, transcriber.device)
        return transcriber

    @property
    def name(self) -> str:
        """Which weights these are, in words, with their version where they have one."""
        return f"{self.checkpoint.name} {self.checkpoint.metadata.get('version', '')}".strip()

    @property
    def grid(self) -> FrameGrid:
        """Seconds of a recording to frames of the network and back."""
        config = self.checkpoint.features
        return FrameGrid(round(config.sample_rate * self.a4 / STANDARD_A4), config.hop_length)

    def reader(
        self, path: str | os.PathLike[str], *, longest: float | None = None
    ) -> LevelledReader:
        """A recording as `transcribe` reads it, block by block; for its header, or its sound.

        Parameters
        ----------
        path : path
        longest : float, optional
            Seconds; a longer recording is refused.

        Raises
        ------
        AudioError
            The file is missing, unreadable, or not audio.
        """
        return LevelledReader(path, self.grid.sample_rate, longest=longest)

    def __call__(
        self,
        source: Source,
        *,
        sample_rate: int | None = None,
        progress: Callable[[float], None] | None = None,
    ) -> Performance:
        """The notes and pedal presses of a recording; `transcribe` without its remarks."""
        return self.transcribe(source, sample_rate=sample_rate, progress=progress).performance

    def transcribe(
        self,
        source: Source,
        *,
        sample_rate: int | None = None,
        progress: Callable[[float], None] | None = None,
        evidence: Callable[[Evidence, Decoder], None] | None = None,
        evidence_threshold: float | None = None,
    ) -> Transcription:
        """Hear a recording.

        Parameters
        ----------
        source : path, array or iterable of arrays
            A file; or samples of shape (n_samples,) or (n_samples, n_channels), floating
            point, about [-1, 1]; or mono blocks of any length, each of shape (n_samples,),
            whose own ``warnings``, if they have any as `AudioReader` does, are passed on.
        sample_rate : int, optional
            Hertz. Needed for an array; for blocks that of `grid` if left out; for a
            file, which says its own, not allowed.
        progress : callable, optional
            Is told now and then how many seconds of the recording are done.
        evidence : callable, optional
            Is given, piece by piece from the beginning, the evidence that the notes are
            decoded from, and the decoder when it has taken that piece; before the progress
            is told that counts it.
        evidence_threshold : float, optional
            Onset probability from which events are part of the evidence, if that is less
            than the decoder's own threshold, for decoding again with a lower one. The
            notes are the same.

        Returns
        -------
        Transcription
            The performance is empty, with a warning, where nothing was heard.

        Raises
        ------
        AudioError
            The file is missing, unreadable, or not audio.
        ValueError
            The samples or the sample rate are not as described.
        """
        config, windows, grid = self.checkpoint.features, self.checkpoint.windows, self.grid
        ear = self._ear(source, sample_rate)
        activations = stream_in_windows(
            self.activations or self.checkpoint.model.activations,
            self.features.stream(ear.heard(self.grid.sample_rate, config.sample_rate)),
            window_frames=windows.window_frames,
            context_frames=windows.context_frames,
        )
        decoder = Decoder(grid, self.decode)
        floor = min(self.decode.onset_threshold, evidence_threshold or 1.0)
        reader = Reader(replace(self.decode, onset_threshold=floor).thresholds())

        def take(found: Evidence) -> None:
            decoder.take(found)
            if evidence is not None:
                evidence(found, decoder)

        n_frames = 0
        for part in activations:
            take(reader.push(Rolls.unstack(part)))
            n_frames += len(part)
            if progress is not None:
                progress(grid.seconds(n_frames))
        take(reader.finish())
        performance, sustained = decoder.finish(), decoder.finish(SUSTAINED)

        warnings = [*ear.warnings]
        confidences = [note.confidence for note in performance.notes]
        confidence = float(np.mean(confidences)) if confidences else None
        are_guesses = confidence is not None and is_no_piano(
            confidence, len(confidences), ear.duration
        )
        was_quiet = any(warning.kind == "quiet" for warning in warnings)
        if ear.is_silent or (was_quiet and (confidence is None or are_guesses)):
            confidence = None
            warnings = [warning for warning in warnings if warning.kind != "quiet"]
            warnings.append(AudioWarning("silent"))
        elif confidence is None:
            warnings.append(AudioWarning("no_notes"))
        elif are_guesses:
            warnings.append(AudioWarning("low_confidence", {"confidence": confidence}))
        tuning = None
        clicks = find_clicks(sustained.notes, ear.duration)
        if confidence is None:
            performance = sustained = Performance()
        elif clicks is not None:
            pitch, n_notes = clicks
            warnings.append(AudioWarning("clicks", {"pitch": pitch, "n_notes": n_notes}))
        if confidence is not None and ear.tuning is not None:
            tuning = ear.tuning.cents
        if tuning is not None and is_out_of_tune(tuning):
            warnings.append(AudioWarning("tuning", {"cents": tuning, "a4": self.a4}))
        return Transcription(
            performance,
            sustained,
            ear.duration,
            confidence=confidence,
            tuning=tuning,
            warnings=most_serious_first(warnings),
        )

    def _ear(self, source: Source, sample_rate: int | None) -> _Ear:
        """Any source as mono blocks."""
        if isinstance(source, (str, os.PathLike)):
            if sample_rate is not None:
                raise ValueError("sample_rate is for arrays and blocks; a file says its own")
            return _Ear(self.reader(source), self.grid.sample_rate)
        if sample_rate is not None and sample_rate <= 0:
            raise ValueError(f"a sample_rate is above 0 Hz; found {sample_rate}")
        if isinstance(source, np.ndarray):
            if sample_rate is None:
                raise ValueError("an array needs its sample_rate, in hertz; found none")
            return _Ear(_Array(source, sample_rate), sample_rate)
        return _Ear(source, sample_rate or self.grid.sample_rate)


class _Ear:
    """Passes mono blocks on as finite float32 and measures them as they go by."""

    def __init__(self, blocks: Iterable[Samples], sample_rate: int) -> None:
        self.blocks = blocks
        self.sample_rate = sample_rate
        self.n_samples = 0
        self.n_unusable = 0
        self.n_clipped = 0
        self.peak = 0.0
        self.tuning: TuningMeter | None = None

    def __iter__(self) -> Iterator[NDArray[np.float32]]:
        for block in _checked(self.blocks):
            block, n_unusable = sanitised(block)
            self.n_unusable += n_unusable
            self.n_samples += len(block)
            level = np.abs(block)
            self.peak = max(self.peak, float(level.max(initial=0)))
            self.n_clipped += int(np.count_nonzero(level >= CLIPPED_LEVEL))
            yield np.asarray(block, np.float32)

    def heard(self, sample_rate: int, heard_as: int) -> Iterator[NDArray[np.float32]]:
        """The blocks at another sample rate, in a stream.

        Their tuning is measured as the network hears them, which takes their sample rate
        for ``heard_as``.
        """
        self.tuning = TuningMeter(heard_as)
        for block in self._resampled(sample_rate):
            self.tuning.push(block)
            yield block

    def _resampled(self, sample_rate: int) -> Iterator[NDArray[np.float32]]:
        if sample_rate == self.sample_rate:
            yield from self
            return
        resampler = soxr.ResampleStream(self.sample_rate, sample_rate, 1, dtype="float32")
        for block in self:
            yield resampler.resample_chunk(block)
        yield resampler.resample_chunk(np.zeros(0, np.float32), last=True)

    @property
    def duration(self) -> float:
        """Seconds so far."""
        return self.n_samples / self.sample_rate

    @property
    def is_silent(self) -> bool:
        """Whether no sample so far rose above `SILENCE_DB`."""
        return self.peak < 10 ** (SILENCE_DB / 20)

    @property
    def warnings(self) -> tuple[AudioWarning, ...]:
        """What was not as expected so far: what the file says of itself, and its sound."""
        found = [*getattr(self.blocks, "warnings", ())]
        if self.n_unusable:
            found.append(AudioWarning("not_finite", {"n_samples": self.n_unusable}))
        share = self.n_clipped / max(self.n_samples, 1)
        if self.peak > TOO_LOUD:
            found.append(AudioWarning("scale", {"peak": self.peak, "divisor": 1}))
        elif is_distorted(share):
            found.append(AudioWarning("clipped", {"share": share}))
        return tuple(found)


def find_device(name: str) -> torch.device:
    """The device of a name; ``"auto"`` is CUDA, else MPS, else the CPU.

    Raises
    ------
    ValueError
        There is no device of that name here.
    """
    has_cuda, has_mps = torch.cuda.is_available(), torch.backends.mps.is_available()
    if name == "auto":
        return torch.device("cuda" if has_cuda else "mps" if has_mps else "cpu")
    kind, _, index = name.partition(":")
    if kind not in DEVICES[1:] or (index and not index.isdecimal()):
        raise ValueError(f"a device is one of {', '.join(DEVICES)}; found {name!r}")
    n_devices = {"cpu": 1, "cuda": torch.cuda.device_count() if has_cuda else 0, "mps": has_mps}
    if int(index or 0) >= n_devices[kind]:
        others = [other for other in ("cuda", "mps") if n_devices[other]]
        raise ValueError(f"no device {name!r} here; there is {' and '.join(['cpu', *others])}")
    return torch.device(name)


class _Array:
    """An array as mono blocks (`channels` says how); checks it at once."""

    def __init__(self, samples: Samples, sample_rate: int) -> None:
        _check_shape(samples)
        usable, _ = sanitised(samples)
        self.gain = gain_of(float(np.abs(usable).max(initial=0)))
        self._samples, self._rate = samples, sample_rate
        self._seconds_turned = 0.0

    def __iter__(self) -> Iterator[Samples]:
        mixdown = Mixdown(self._rate)
        for start in range(0, len(self._samples), self._rate):
            part = self._samples[start : start + self._rate]
            if part.ndim == 1:
                mixdown.push(part)
            else:
                mixdown.push(part.mean(axis=1), sanitised(part)[0].T)
            if mixdown.n_pending >= _BLOCK_SECONDS * self._rate or start + self._rate >= len(
                self._samples
            ):
                mono = mixdown.take()
                self._seconds_turned = mixdown.n_turned / self._rate
                yield mono if self.gain == 1 else mono * self.gain

    @property
    def warnings(self) -> tuple[AudioWarning, ...]:
        """Whether channels were turned round, and whether it was made louder."""
        turned = self._seconds_turned
        antiphase = (AudioWarning("antiphase", {"seconds": turned}),) if turned else ()
        return antiphase + as_warning(self.gain)


def _check_shape(samples: Samples) -> None:
    if samples.ndim not in (1, 2) or (samples.ndim == 2 and samples.shape[1] > _MAX_CHANNELS):
        raise ValueError(
            "expected samples of shape (n_samples,) or (n_samples, n_channels) with at most "
            f"{_MAX_CHANNELS} channels; found {samples.shape}"
        )
    if samples.ndim == 2 and samples.shape[1] == 0:
        raise ValueError(f"expected one channel or more; found shape {samples.shape}")
    _check_floating(samples)


def _checked(blocks: Iterable[Samples]) -> Iterator[Samples]:
    for block in blocks:
        if not isinstance(block, np.ndarray) or block.ndim != 1:
            found = getattr(block, "shape", type(block).__name__)
            raise ValueError(
                f"expected blocks that are arrays of shape (n_samples,); found {found}"
            )
        _check_floating(block)
        yield block


def _check_floating(samples: Samples) -> None:
    if not np.issubdtype(samples.dtype, np.floating):
        raise ValueError(
            f"expected floating-point samples, about [-1, 1]; found {samples.dtype} (divide "
            "16-bit samples by 32768)"
        )
