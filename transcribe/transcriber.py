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
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import soxr
import torch
from numpy.typing import NDArray

from transcribe.audio import AudioReader
from transcribe.checkpoint import Checkpoint, load_checkpoint
from transcribe.decode import SUSTAINED, DecodeConfig, Decoder
from transcribe.features import Features
from transcribe.notes import Performance
from transcribe.rolls import Rolls
from transcribe.windows import stream_in_windows

log = logging.getLogger(__name__)

Samples: TypeAlias = NDArray[np.floating[Any]]
Source: TypeAlias = "str | os.PathLike[str] | Samples | Iterable[Samples]"

DEVICES = ("auto", "cpu", "cuda", "mps")
SILENCE_DB = -70.0
"""Decibels relative to full scale; a recording that never rises above it is silence."""
NOTHING_HEARD = "nothing was heard"
"""How the warning starts that a recording gave no notes."""
_MAX_CHANNELS = 64
_BLOCK_SECONDS = 10
_ABSURD = 1e12
"""A sample of this size or more is as little a sample as NaN."""


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
    warnings: tuple[str, ...] = ()
    """What was not as expected: a truncated file, samples that are no numbers, silence."""


class Transcriber:
    """Hears piano recordings with one set of weights.

    Parameters
    ----------
    checkpoint : Checkpoint
        The weights and the settings they were trained with, on the device to use.
    decode : DecodeConfig, optional
        Thresholds to use in place of the checkpoint's.

    Examples
    --------
    >>> transcriber = Transcriber.load()
    >>> performance = transcriber("song.mp3")
    >>> performance = transcriber(samples, sample_rate=44100)
    """

    def __init__(self, checkpoint: Checkpoint, *, decode: DecodeConfig | None = None) -> None:
        self.checkpoint = checkpoint
        self.decode = checkpoint.decode if decode is None else decode
        self.device = next(checkpoint.model.parameters()).device
        self.features = Features(checkpoint.features).to(self.device)
        self.activations: Callable[[NDArray[np.float32]], NDArray[np.float32]] | None = None
        """In place of the network's own, such as one that gathers windows of several recordings."""

    @classmethod
    def load(
        cls,
        checkpoint: str | os.PathLike[str] | None = None,
        *,
        device: str = "auto",
        decode: DecodeConfig | None = None,
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

        Raises
        ------
        CheckpointError
            The weights file is missing, damaged, or made for another network.
        ValueError
            The device is not there.
        """
        found = find_device(device)
        path = None if checkpoint is None else Path(checkpoint)
        transcriber = cls(load_checkpoint(path, device=str(found)), decode=decode)
        log.info("%s on %s", transcriber.name, transcriber.device)
        return transcriber

    @property
    def name(self) -> str:
        """Which weights these are, in words, with their version where they have one."""
        return f"{self.checkpoint.name} {self.checkpoint.metadata.get('version', '')}".strip()

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
        rolls: Callable[[Rolls], None] | None = None,
    ) -> Transcription:
        """Hear a recording.

        Parameters
        ----------
        source : path, array or iterable of arrays
            A file; or samples of shape (n_samples,) or (n_samples, n_channels), floating
            point, about [-1, 1]; or mono blocks of any length, each of shape (n_samples,).
        sample_rate : int, optional
            Hertz. Needed for an array; for blocks the model's own if left out; for a
            file, which says its own, not allowed.
        progress : callable, optional
            Is told now and then how many seconds of the recording are done.
        rolls : callable, optional
            Is given what the network says, piece by piece from the beginning, before the
            progress is told that counts it.

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
        config, windows = self.checkpoint.features, self.checkpoint.windows
        ear = self._ear(source, sample_rate)
        activations = stream_in_windows(
            self.activations or self.checkpoint.model.activations,
            self.features.stream(ear.resampled(config.sample_rate)),
            window_frames=windows.window_frames,
            context_frames=windows.context_frames,
        )
        decoder = Decoder(config.grid, self.decode)
        n_frames = 0
        for part in activations:
            said = Rolls.unstack(part)
            decoder.push(said)
            n_frames += len(part)
            if rolls is not None:
                rolls(said)
            if progress is not None:
                progress(config.grid.seconds(n_frames))
        performance, sustained = decoder.finish(), decoder.finish(SUSTAINED)

        warnings = list(ear.warnings)
        if ear.is_silent:
            performance = sustained = Performance()
            warnings.append(f"{NOTHING_HEARD}: the recording is silent")
        elif not performance.notes:
            performance = sustained = Performance()
            warnings.append(f"{NOTHING_HEARD}: no piano notes were found")
        duration = ear.n_samples / ear.sample_rate
        return Transcription(performance, sustained, duration, tuple(warnings))

    def _ear(self, source: Source, sample_rate: int | None) -> _Ear:
        """Any source as mono blocks."""
        model_rate = self.checkpoint.features.sample_rate
        if isinstance(source, (str, os.PathLike)):
            if sample_rate is not None:
                raise ValueError("sample_rate is for arrays and blocks; a file says its own")
            return _Ear(AudioReader(Path(source), sample_rate=model_rate), model_rate)
        if sample_rate is not None and sample_rate <= 0:
            raise ValueError(f"a sample_rate is above 0 Hz; found {sample_rate}")
        if isinstance(source, np.ndarray):
            if sample_rate is None:
                raise ValueError("an array needs its sample_rate, in hertz; found none")
            return _Ear(_blocks(source, sample_rate), sample_rate)
        return _Ear(_checked(source), sample_rate or model_rate)


class _Ear:
    """Passes mono blocks on as finite float32 and remembers how much it heard, how loud."""

    def __init__(self, blocks: Iterable[Samples], sample_rate: int) -> None:
        self.blocks = blocks
        self.sample_rate = sample_rate
        self.n_samples = 0
        self.n_unusable = 0
        self.peak = 0.0

    def __iter__(self) -> Iterator[NDArray[np.float32]]:
        for block in self.blocks:
            usable = np.abs(block) < _ABSURD
            n_unusable = len(block) - int(np.count_nonzero(usable))
            if n_unusable:
                block = np.where(usable, block, 0)
            self.n_unusable += n_unusable
            self.n_samples += len(block)
            self.peak = max(self.peak, float(np.abs(block).max(initial=0)))
            yield np.asarray(block, np.float32)

    def resampled(self, sample_rate: int) -> Iterator[NDArray[np.float32]]:
        """The blocks at another sample rate, in a stream."""
        if sample_rate == self.sample_rate:
            yield from self
            return
        resampler = soxr.ResampleStream(self.sample_rate, sample_rate, 1, dtype="float32")
        for block in self:
            yield resampler.resample_chunk(block)
        yield resampler.resample_chunk(np.zeros(0, np.float32), last=True)

    @property
    def is_silent(self) -> bool:
        """Whether no sample so far rose above `SILENCE_DB`."""
        return self.peak < 10 ** (SILENCE_DB / 20)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What was not as expected so far: the file's own warnings, or an array's."""
        found = tuple(getattr(self.blocks, "warnings", ()))
        if self.n_unusable:
            found += (f"{self.n_unusable} NaN or infinite sample(s) replaced by 0",)
        return found


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


def _blocks(samples: Samples, sample_rate: int) -> Iterator[Samples]:
    """Cut an array into mono blocks, the channels averaged; checks it at once."""
    if samples.ndim not in (1, 2) or (samples.ndim == 2 and samples.shape[1] > _MAX_CHANNELS):
        raise ValueError(
            "expected samples of shape (n_samples,) or (n_samples, n_channels) with at most "
            f"{_MAX_CHANNELS} channels; found {samples.shape}"
        )
    if samples.ndim == 2 and samples.shape[1] == 0:
        raise ValueError(f"expected one channel or more; found shape {samples.shape}")
    _check_floating(samples)
    step = _BLOCK_SECONDS * sample_rate
    blocks = (samples[start : start + step] for start in range(0, len(samples), step))
    return (block if block.ndim == 1 else block.mean(axis=1) for block in blocks)


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
