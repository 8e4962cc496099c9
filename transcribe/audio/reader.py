"""A recording to blocks of mono float32 at one sample rate.

Conventions
-----------
Samples are float32 with full scale at 1. The channels of a recording are averaged
(`channels` says how, and when one is turned round first).
Time zero is the first moment of the recording as its container has it: what an encoder
puts before the music is cut away where the file says how much that is. Where it doesn't
say (raw .aac, fragmented mp4, mp3 without a tag, mp2, ac3, wma), the least that such an
encoder adds is taken, so onsets there may be a few milliseconds late.

A recording is decoded packet by packet, so memory does not grow with its length.
"""

from __future__ import annotations

import contextlib
import math
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer
from numpy.typing import NDArray

from transcribe.audio.avi_index import AviClock
from transcribe.audio.container import (
    SAMPLE_RATES,
    choose_track,
    has_end,
    open_recording,
    promised_seconds,
)
from transcribe.audio.headers import find_samples
from transcribe.audio.joined import Part, parts_of
from transcribe.audio.probing import counted_seconds, probe_track
from transcribe.audio.quality import AudioWarning
from transcribe.audio.raw_frames import FORMATS, FrameClock
from transcribe.audio.resampling import Gathered
from transcribe.audio.scale import Scale, sanitised
from transcribe.errors import AudioError

FloatArray = NDArray[np.float32]

_DELAYS = {"mp3": 1105, "mp2": 481, "ac3": 256, "eac3": 256}
"""Samples: 576 of the encoder and 529 of the decoder, the least LAME writes into its tag; the
length of Layer II's filters; by what blocks of AC-3 overlap."""
_LEAST_CUT = 0.001
"""Seconds; a container that knows of an encoder's warm-up cuts more than this."""
_LEAST_GAP = 0.05
"""Seconds; a smaller step in the container's clock is rounding, not missing sound."""
_MOST_SILENCE = 3600.0
"""Seconds; holes of more than this together are a damaged clock, and not filled."""
_LONGEST_HOLE, _BEYOND_PROMISED = 60.0, 1.0
"""Seconds of one hole, where neither a length is promised nor the stream looked through; and by
which one may reach beyond what is promised."""
_MOST_FAILURES = 10
"""Of the container to give a packet, in a row; then the rest is given up."""
_LEAST_MISSING = 0.25
"""Seconds; a smaller difference from the header's duration is padding, not truncation."""
_SOFTEST = 10 ** (-70 / 20)
"""Of full scale; a track that never rises above it may be the wrong one of several."""
_UNSAFE_PLANES = 8
"""From so many planes on PyAV 17 and 18 read beyond the end of FFmpeg's list of them."""


class AudioReader:
    """A recording as mono float32 blocks of about ten seconds.

    Iterating decodes the file from its beginning. Joined, the blocks equal the whole
    recording resampled at once.

    Parameters
    ----------
    path : path
        A file; its kind is found from its contents, not its name.
    sample_rate : int
        Hertz of the blocks.
    longest : float, optional
        Seconds; a longer recording is refused, once its header or its sound shows it.

    Raises
    ------
    AudioError
        At once for a file that is no recording; while iterating for one without sound.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        sample_rate: int = 16000,
        *,
        longest: float | None = None,
    ) -> None:
        if sample_rate <= 0:
            raise ValueError(f"a sample rate is a positive number of hertz; found {sample_rate}")
        self.path = Path(path)
        self.sample_rate = sample_rate
        self.longest = longest
        self.track = choose_track(self.path)
        self.info = probe_track(self.path, self.track)
        if longest is not None and (self.info.duration or 0.0) > longest:
            self._check_length(counted_seconds(self.path) or 0.0)
        self.scale: Scale | None = None
        """How large the samples of a float file are, once it is read."""
        self._divisor = 1
        self._start()

    def _start(self) -> None:
        self.peak = 0.0
        """Largest absolute sample so far; 0 is silence."""
        self._n_read = 0
        self._n_damaged = 0
        self._n_not_finite = 0
        self._silence = 0.0
        self._leap = 0.0
        self._clock: AviClock | FrameClock | None = None
        self._missing = 0.0
        self._turned = 0.0
        self._first_packet: float | None = None
        self._first_bytes = b""
        self._has_no_end = False
        self._found = find_samples(self.path)
        """As the file is when reading begins: it may grow meanwhile."""

    @property
    def seconds_read(self) -> float:
        """Length of the blocks given so far."""
        return self._n_read / self.sample_rate

    @property
    def warnings(self) -> tuple[AudioWarning, ...]:
        """What was wrong with the recording, as far as it has been read."""
        found = []
        if self._n_damaged:
            found.append(AudioWarning("damaged", {"n_packets": self._n_damaged}))
        if self._silence:
            found.append(AudioWarning("hole", {"seconds": self._silence}))
        if self._leap:
            found.append(AudioWarning("clock", {"seconds": self._leap}))
        if isinstance(self._clock, FrameClock) and self._clock.sure_until is not None:
            found.append(AudioWarning("shifted", {"seconds": self._clock.sure_until}))
        if self._n_not_finite:
            found.append(AudioWarning("not_finite", {"n_samples": self._n_not_finite}))
        if self._missing:
            promised = self._missing + self.seconds_read
            figures = {"missing": self._missing, "promised": promised}
            found.append(AudioWarning("truncated", figures))
        elif self._has_no_end:
            found.append(AudioWarning("truncated"))
        samples = self._found
        if samples is not None and samples.says_less:
            told, held = samples.seconds_declared, samples.seconds_held
            found.append(AudioWarning("header", {"told": told, "held": held}))
        if self._turned:
            found.append(AudioWarning("antiphase", {"seconds": self._turned}))
        if self.scale is not None and self._divisor > 1:
            figures = {"peak": self.scale.peak, "divisor": self._divisor}
            found.append(AudioWarning("scale", figures))
        track = self.track
        read = {"track": track.index + 1, "n_tracks": track.n_tracks}
        if track.unreadable is not None:
            found.append(AudioWarning("other_track", {"unreadable": track.unreadable + 1, **read}))
        elif track.n_tracks > 1 and self._n_read and self.peak < _SOFTEST:
            found.append(AudioWarning("silent_track", read))
        elif track.n_alike > 1:
            found.append(AudioWarning("several_tracks", read))
        return tuple(found)

    def _check_length(self, seconds: float) -> None:
        """Refuse a recording of so many seconds, or more, if that is too long."""
        if self.longest is not None and seconds > self.longest:
            raise AudioError(
                f"{self.path}: this recording is longer than {self.longest / 3600:g} hours; cut "
                "it into parts",
                kind="too_long",
                duration=seconds,
                longest=self.longest,
            )

    def __iter__(self) -> Iterator[FloatArray]:
        if self.scale is None:
            self.scale = self._measured_scale()
            self._divisor = self.scale.divisor
        self._start()
        gathered: Gathered | None = None
        for rate, samples, channels in self._decoded():
            if gathered is None or gathered.rate != rate:
                if gathered is not None:
                    yield from self._count(gathered.finish())
                    self._turned += gathered.seconds_turned
                gathered = Gathered(rate, self.sample_rate)
            yield from self._count(gathered.push(samples, channels))
        if gathered is not None:
            yield from self._count(gathered.finish())
            self._turned += gathered.seconds_turned

    def measured_seconds(self) -> float:
        """How long the recording is, by decoding all of it; raises AudioError as iterating does."""
        self._start()
        n_samples: Counter[int] = Counter()
        for rate, samples, _ in self._decoded():
            n_samples[rate] += len(samples)
        return sum(n / rate for rate, n in n_samples.items())

    def _decoded(self) -> Iterator[tuple[int, FloatArray, FloatArray | None]]:
        """Rate, mean of the channels, and channels; raises AudioError if there are none."""
        n_samples = 0
        parts: list[Part | None] = [*parts_of(self.path)]
        for part in parts or [None]:
            self._first_packet = None
            with open_recording(self.path, part) as container:
                streams = container.streams.audio
                if not streams:
                    continue  # a picture, say, behind the sound
                stream = streams[min(self.track.index, len(streams) - 1)]
                promised = None
                if part is None:
                    promised = promised_seconds(self.path, container, stream)
                for rate, samples, channels in self._pieces(container, stream, promised):
                    n_samples += len(samples)
                    yield rate, samples, channels
        if not n_samples:
            if self._n_damaged:
                raise AudioError(
                    f"{self.path}: expected sound, but all of it is damaged", kind="damaged"
                )
            raise AudioError(f"{self.path}: expected sound, but it holds no samples", kind="empty")

    def _count(self, block: FloatArray) -> Iterator[FloatArray]:
        if len(block):
            self._n_read += len(block)
            self._check_length(self.seconds_read)
            self.peak = max(self.peak, float(np.abs(block).max()))
            yield block

    def _pieces(
        self, container: InputContainer, stream: AudioStream, promised: float | None
    ) -> Iterator[tuple[int, FloatArray, FloatArray | None]]:
        """As `_decoded`, each piece where the container's clock puts it.

        What lies before time zero is dropped; holes (a late start, damaged packets) are
        filled with silence, so that nothing after them comes early.
        """
        position = 0.0
        origin = (container.start_time or 0) / av.time_base
        first_rate: int | None = None
        for frame in self._frames(container, stream):
            if frame.sample_rate not in SAMPLE_RATES:
                self._n_damaged += 1
                continue
            try:
                rate, time, channels = frame.sample_rate, frame.time, self._channels(frame)
            except av.error.FFmpegError:
                self._n_damaged += 1
                continue
            samples = _mean(channels)
            if first_rate is None:
                first_rate = rate
                origin += self._encoder_delay(stream, frame, origin)
            # Raw formats count their clock at the first rate, so it is wrong after a change.
            if time is not None and rate == first_rate:
                ahead = time - origin - position
                if position == 0 and ahead < 0:
                    first = round(-ahead * rate)
                    samples, channels = samples[first:], channels[:, first:]
                elif position == 0 or ahead > _LEAST_GAP:
                    n_silent = round(self._hole(ahead, position, promised) * rate)
                    for start in range(0, n_silent, rate):
                        yield rate, np.zeros(min(rate, n_silent - start), np.float32), None
                    position += n_silent / rate
            if len(samples):
                position += len(samples) / rate
                yield rate, samples, channels
        if promised is not None and promised - position > _LEAST_MISSING:
            self._missing = promised - position
        self._has_no_end = not has_end(self.path, container.format.name)

    def _hole(self, ahead: float, position: float, promised: float | None) -> float:
        """Seconds to fill where the clock is so far ahead of a position; 0 where it is damaged."""
        latest = math.inf if self._clock else position + _LONGEST_HOLE
        if promised is not None:
            latest = promised + _BEYOND_PROMISED
        if self._silence + ahead > _MOST_SILENCE or position + ahead > latest:
            self._leap = max(self._leap, ahead)
            return 0.0
        self._silence += ahead if position else 0
        return ahead

    def _frames(self, container: InputContainer, stream: AudioStream) -> Iterator[AudioFrame]:
        """Decode what can be decoded and count what can't."""
        n_failures = 0
        clock = self._clock = self._clock_of(container, stream)
        while n_failures < _MOST_FAILURES:
            try:
                for packet in container.demux(stream):
                    n_failures = 0
                    if clock is not None:
                        clock.correct(packet)
                    if self._first_packet is None and packet.pts is not None:
                        self._first_packet = float(packet.pts * packet.time_base)
                        self._first_bytes = bytes(packet)[:2]
                    try:
                        frames = packet.decode()
                    except av.error.FFmpegError:
                        self._n_damaged += 1
                        if clock is not None:
                            clock.suspect()
                    else:
                        yield from frames
                return
            except av.error.FFmpegError:
                n_failures += 1
                self._n_damaged += 1

    def _clock_of(
        self, container: InputContainer, stream: AudioStream
    ) -> AviClock | FrameClock | None:
        """For a container that does not know by itself how much a damaged stretch takes."""
        kind = container.format.name
        if kind == "avi":
            return AviClock(stream)
        return FrameClock(self.path, kind) if kind in FORMATS else None

    def _encoder_delay(self, stream: AudioStream, frame: AudioFrame, origin: float) -> float:
        """Seconds of encoder warm-up that the container does not know of.

        Lossy codecs overlap their frames, so the first decoded samples are no music. Where
        the container knows, either the decoder has cut them, and its first frame comes
        later than the first packet, or the track does not begin at the origin.
        """
        codec = stream.codec_context.codec.canonical_name
        if codec in ("wmav1", "wmav2"):
            return frame.samples / frame.sample_rate
        if frame.time is not None and self._first_packet is not None:
            steps = (frame.time - self._first_packet, self._first_packet - origin)
            if max(steps) > _LEAST_CUT:
                return 0.0
        if codec == "aac":
            return frame.samples / frame.sample_rate
        if codec == "mp3" and self._first_bytes[1:] and self._first_bytes[1] & 6 == 4:
            codec = "mp2"  # which a transport stream does not tell from mp3
        return _DELAYS.get(codec, 0) / frame.sample_rate

    def _channels(self, frame: AudioFrame) -> FloatArray:
        """A frame's samples, shape (n_channels, n_samples), full scale at 1."""
        samples = self._samples(frame)
        if self._divisor > 1:
            samples = samples / self._divisor
        return samples.astype(np.float32, copy=False)

    def _samples(self, frame: AudioFrame) -> NDArray[Any]:
        """Those of floating-point files at the scale they have there."""
        if frame.format.is_planar and frame.layout.nb_channels >= _UNSAFE_PLANES:
            (frame,) = av.AudioResampler(format=frame.format.packed).resample(frame)
        try:
            samples = frame.to_ndarray()
        except ValueError as error:
            raise AudioError(
                f"{self.path}: expected samples of 8 to 32 bit or float, found {frame.format.name}",
                kind="no_decoder",
            ) from error
        if not frame.format.is_planar:
            samples = samples.reshape(-1, frame.layout.nb_channels).T
        if samples.dtype.kind == "u":
            samples = (samples.astype(np.float32) - 128) / 128
        elif samples.dtype.kind == "i":
            samples = samples.astype(np.float32) / 2 ** (8 * samples.dtype.itemsize - 1)
        else:
            samples, n_unusable = sanitised(samples)
            self._n_not_finite += n_unusable
        return samples

    def _measured_scale(self) -> Scale:
        """How large the samples of an uncompressed floating-point file are; of others nothing.

        Such a file is read to its end for that, since only then it is known.
        """
        scale = Scale()
        if not self.info.codec.startswith("pcm_f"):
            return scale
        with open_recording(self.path) as container:
            for frame in self._frames(container, container.streams.audio[self.track.index]):
                with contextlib.suppress(av.error.FFmpegError):
                    scale.push(self._samples(frame))
        return scale


def _mean(channels: FloatArray) -> FloatArray:
    """Shape (n_samples,)."""
    weights = np.full(len(channels), 1 / len(channels), np.float32)
    return weights @ channels


def read_audio(path: str | os.PathLike[str], sample_rate: int = 16000) -> FloatArray:
    """A recording whole, mono float32 of shape (n_samples,); raises AudioError."""
    return np.concatenate(list(AudioReader(path, sample_rate)))


def measured_seconds(path: str | os.PathLike[str]) -> float:
    """How long a recording is, by decoding all of it.

    Headers may only guess that: of an mp3 without a tag, of recordings joined end to end.
    A result that hangs on the duration takes this one.

    Raises
    ------
    AudioError
        For a file that is no recording or holds no sound.
    """
    return AudioReader(path).measured_seconds()
