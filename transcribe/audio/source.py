"""Whatever can be transcribed (a file, an array, blocks) as one stream of mono float32 blocks."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from transcribe.audio.channels import Mixdown
from transcribe.audio.loudness import LevelledReader, as_warning, gain_of
from transcribe.audio.quality import CLIPPED_LEVEL, SILENCE_DB, AudioWarning, is_distorted
from transcribe.audio.resampling import BLOCK_SECONDS, Resampler
from transcribe.audio.scale import TOO_LOUD, sanitised
from transcribe.audio.tuning import TuningMeter
from transcribe.excerpt import WHOLE, Excerpt

Samples: TypeAlias = NDArray[np.floating[Any]]
Source: TypeAlias = "str | os.PathLike[str] | Samples | Iterable[Samples]"
"""A file; an array of shape (n_samples,) or (n_samples, n_channels); or mono blocks."""

_MOST_CHANNELS = 64
"""An array with more of them is turned the wrong way round."""


def open_source(
    source: Source,
    file_rate: int,
    *,
    sample_rate: int | None = None,
    excerpt: Excerpt = WHOLE,
) -> Sound:
    """Any source as a stream of mono blocks.

    Parameters
    ----------
    source : path, array or iterable of arrays
        Samples are floating point, about [-1, 1].
    file_rate : int
        Hertz at which a file is read, and of blocks without a ``sample_rate``.
    sample_rate : int, optional
        Hertz of an array or of blocks; an array needs it, a file says its own.
    excerpt : Excerpt
        What lies outside is left out, and what follows it is not read.

    Raises
    ------
    AudioError
        The file is missing, unreadable, or not audio.
    ValueError
        The samples or the sample rate are not as described.
    """
    if isinstance(source, (str, os.PathLike)):
        if sample_rate is not None:
            raise ValueError("sample_rate is for arrays and blocks; a file says its own")
        return Sound(LevelledReader(source, file_rate), file_rate, excerpt)
    if sample_rate is not None and sample_rate <= 0:
        raise ValueError(f"a sample_rate is above 0 Hz; found {sample_rate}")
    if isinstance(source, np.ndarray):
        if sample_rate is None:
            raise ValueError("an array needs its sample_rate, in hertz; found none")
        return Sound(ArrayBlocks(source, sample_rate), sample_rate, excerpt)
    return Sound(source, sample_rate or file_rate, excerpt)


class Sound:
    """Mono float32 blocks of any source, all finite, measured as they are read."""

    def __init__(
        self, blocks: Iterable[Samples], sample_rate: int, excerpt: Excerpt = WHOLE
    ) -> None:
        self.blocks = blocks
        self.sample_rate = sample_rate
        self.excerpt = excerpt
        self.n_passed = 0
        """Samples from the start of the recording, those left out included."""
        self.n_samples = 0
        self.n_unusable = 0
        self.n_clipped = 0
        self.peak = 0.0
        self.tuning: TuningMeter | None = None

    def __iter__(self) -> Iterator[NDArray[np.float32]]:
        for block in self._cut(_checked(self.blocks)):
            block, n_unusable = sanitised(block)
            self.n_unusable += n_unusable
            self.n_samples += len(block)
            level = np.abs(block)
            self.peak = max(self.peak, float(level.max(initial=0)))
            self.n_clipped += int(np.count_nonzero(level >= CLIPPED_LEVEL))
            yield np.asarray(block, np.float32)

    def _cut(self, blocks: Iterator[Samples]) -> Iterator[Samples]:
        """What lies in the excerpt."""
        first = round(self.excerpt.start * self.sample_rate)
        last = self.excerpt.stop * self.sample_rate
        for block in blocks:
            start = self.n_passed
            self.n_passed += len(block)
            if self.n_passed > first:
                stop = len(block) if self.n_passed <= last else round(last) - start
                yield block[max(0, first - start) : stop]
            if self.n_passed >= last:
                return

    def resampled(self, sample_rate: int, *, tuned_at: int) -> Iterator[NDArray[np.float32]]:
        """The blocks at another sample rate, which `tuning` takes for ``tuned_at``."""
        self.tuning = TuningMeter(tuned_at)
        resampler = Resampler(self.sample_rate, sample_rate)
        for block in self:
            part = resampler.push(block)
            self.tuning.push(part)
            yield part
        rest = resampler.push(np.zeros(0, np.float32), last=True)
        self.tuning.push(rest)
        yield rest

    @property
    def duration(self) -> float:
        """Seconds so far, without what is left out."""
        return self.n_samples / self.sample_rate

    @property
    def end(self) -> float:
        """Seconds of the recording so far, with what is left out before the excerpt."""
        return self.n_passed / self.sample_rate

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


class ArrayBlocks:
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
            if mixdown.n_pending >= BLOCK_SECONDS * self._rate or start + self._rate >= len(
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
    if samples.ndim not in (1, 2) or (samples.ndim == 2 and samples.shape[1] > _MOST_CHANNELS):
        raise ValueError(
            "expected samples of shape (n_samples,) or (n_samples, n_channels) with at most "
            f"{_MOST_CHANNELS} channels; found {samples.shape}"
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
