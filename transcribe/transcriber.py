"""The whole flow on one screen: a recording in, a performance out.

    recording -> audio -> features -> windows(model) -> decode -> Performance

The command line and everything else that transcribes calls `Transcriber`; none keeps a
version of its own. Memory does not grow with the length of the recording, but for the
notes themselves.
"""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from transcribe.audio.loudness import LevelledReader
from transcribe.audio.source import Sound, Source, open_source
from transcribe.checkpoint import Checkpoint, load_checkpoint
from transcribe.decode.config import DecodeConfig
from transcribe.decode.decoder import Decoder
from transcribe.decode.events import CandidateReader, Candidates
from transcribe.errors import AudioError
from transcribe.excerpt import WHOLE, Excerpt
from transcribe.features import Features
from transcribe.frames import FrameGrid
from transcribe.model.device import find_device
from transcribe.notes import A4_RANGE, STANDARD_A4, SUSTAINED, Performance
from transcribe.rolls import Rolls
from transcribe.transcription import Transcription, conclude
from transcribe.unfinished import ResumePoint, UnfinishedTranscription
from transcribe.windows import stream_in_windows

log = logging.getLogger(__name__)


class Transcriber:
    """Transcribes piano recordings with one set of weights.

    Parameters
    ----------
    checkpoint : Checkpoint
        The weights and the settings they were trained with, on the device to use.
    decode : DecodeConfig, optional
        Thresholds to use in place of the checkpoint's.
    a4 : float
        Hertz of the instrument's A above middle C, 390 to 490. The recording is read as if
        it were played back faster or slower, so that for the network it is at 440; times
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
        self.device = checkpoint.model.device_name
        """Where the network runs: ``"cpu"``, ``"cuda:0"``, ``"mps"``."""
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
        threads: int | None = None,
    ) -> Transcriber:
        """Load weights onto a device.

        Parameters
        ----------
        checkpoint : path, optional
            Weights file (.onnx, or .safetensors with torch); the packaged weights if left out.
        device : str
            One of `model.device.DEVICES`, or ``"cuda:1"`` and the like; see `find_device`.
        decode : DecodeConfig, optional
            Thresholds to use in place of the checkpoint's.
        a4 : float
            Hertz of the instrument's A above middle C, 390 to 490.
        threads : int, optional
            How many cores the network may take; all of them if left out.

        Raises
        ------
        CheckpointError
            The weights file is missing, damaged, or made for another network.
        TranscribeError
            The device or the weights need torch, and it is not installed.
        ValueError
            The device is not there, or ``a4`` is out of range.
        """
        found = find_device(device)
        path = None if checkpoint is None else Path(checkpoint)
        loaded = load_checkpoint(path, device=found, threads=threads)
        transcriber = cls(loaded, decode=decode, a4=a4)
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
        """The notes and pedal presses of a recording; `transcribe` without its warnings."""
        return self.transcribe(source, sample_rate=sample_rate, progress=progress).performance

    def transcribe(
        self,
        source: Source,
        *,
        sample_rate: int | None = None,
        progress: Callable[[float], None] | None = None,
        excerpt: Excerpt = WHOLE,
        candidates: Callable[[Candidates, Decoder, ResumePoint | None], None] | None = None,
        candidate_threshold: float | None = None,
        unfinished: UnfinishedTranscription | None = None,
    ) -> Transcription:
        """Transcribe a recording.

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
            Called now and then with how many seconds of the recording are done.
        excerpt : Excerpt
            What to transcribe of it: notes that are struck there, and end there at the latest.
            Their times are those of the recording.
        candidates : callable, optional
            Called piece by piece from the beginning with the candidate events that the notes
            are decoded from, with the decoder when it has taken that piece, and, but for the
            last pieces, with a point to go on from; before ``progress`` is called for it.
        candidate_threshold : float, optional
            Onset probability from which events are candidates, if that is less
            than the decoder's own threshold, for decoding again with a lower one. The
            notes are the same.
        unfinished : UnfinishedTranscription, optional
            Where an earlier call with the same arguments and weights was left. The network
            goes on from there, and the result is what it would have been; ``candidates`` is
            called with what is new, and first with nothing.

        Returns
        -------
        Transcription
            The performance is empty, with a warning, where there are no notes.

        Raises
        ------
        AudioError
            The file is missing, unreadable, or not audio.
        ValueError
            The samples or the sample rate are not as described.
        """
        grid = self.grid
        start, stop = grid.position(excerpt.start), grid.position(excerpt.stop)
        # The network hears a little more on both sides, as it does of every window.
        context = self.checkpoint.windows.context_frames
        first_frame = max(0, math.floor(start) - context)
        heard = Excerpt(grid.seconds(first_frame), excerpt.stop + grid.seconds(context))
        sound = open_source(source, grid.sample_rate, sample_rate=sample_rate, excerpt=heard)
        threshold = min(self.decode.onset_threshold, candidate_threshold or 1.0)
        reader = CandidateReader(
            replace(self.decode, onset_threshold=threshold).thresholds(),
            first_frame=first_frame,
            between=(start, stop),
        )
        decoder = Decoder(grid, self.decode)
        if unfinished is None:
            found = self._find_candidates(sound, reader, first_frame)
        else:
            decoder.take(unfinished.candidates)
            found = self._find_candidates(sound, reader, first_frame, unfinished.point)
        for piece, point, end_frame in found:
            decoder.take(piece)
            if candidates is not None:
                candidates(piece, decoder, point)
            if progress is not None and end_frame is not None:
                progress(min(grid.seconds(end_frame), excerpt.stop))
        if excerpt.start > 0 and sound.end <= excerpt.start:
            raise AudioError(
                f"expected a recording of more than {excerpt.start:g} s, where the part to "
                f"transcribe starts; found one of {sound.end:.1f} s",
                kind="too_short",
            )
        return conclude(
            decoder.finish(), decoder.finish(SUSTAINED), sound, a4=self.a4, excerpt=excerpt
        )

    def _find_candidates(
        self,
        sound: Sound,
        reader: CandidateReader,
        first_frame: int,
        resumed: ResumePoint | None = None,
    ) -> Iterator[tuple[Candidates, ResumePoint | None, int | None]]:
        """The candidates in a sound, a piece a window, and one before and one after them all.

        With each piece comes the point to go on from after it, where there is one, and the frame
        of the recording at which its window ends.
        """
        windows = self.checkpoint.windows
        n_windows = 0 if resumed is None else resumed.n_windows
        n_frames = windows.n_frames(n_windows)
        if resumed is None:
            yield Candidates.none(first_frame), None, None
        else:
            reader.resume(resumed.held, n_frames)
            yield Candidates.none(), resumed, None
        blocks = sound.resampled(
            self.grid.sample_rate, tuned_at=self.checkpoint.features.sample_rate
        )
        activations = stream_in_windows(
            self.activations or self.checkpoint.model.activations,
            self.features.stream(blocks, first_frame=windows.first_frame(n_windows)),
            window_frames=windows.window_frames,
            context_frames=windows.context_frames,
            n_done=n_windows,
        )
        for part in activations:
            n_windows += 1
            n_frames += len(part)
            found = reader.push(Rolls.unstack(part))
            # The last window gives more or fewer frames: its end is no place to go on from.
            goes_on = n_frames == windows.n_frames(n_windows)
            point = ResumePoint(n_windows, reader.held) if goes_on else None
            yield found, point, first_frame + n_frames
        yield reader.finish(), None, None
