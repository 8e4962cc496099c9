"""The result of transcribing a recording: its performance, and warnings."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from transcribe.audio.quality import (
    AudioWarning,
    is_no_piano,
    is_out_of_tune,
    is_too_short,
    most_serious_first,
)
from transcribe.audio.source import Sound
from transcribe.excerpt import WHOLE, Excerpt
from transcribe.music.clicks import find_clicks
from transcribe.notes import Performance


@dataclass(frozen=True, slots=True)
class Transcription:
    """A performance, how sure it is, and warnings about the recording."""

    performance: Performance
    """Notes end as `DecodeConfig.offsets` says, by default with the key."""
    sustained: Performance
    """The same notes as long as they sound, after the network's own plane for that; more
    exact than the pedal presses laid over the key releases."""
    duration: float
    """Seconds of the recording, or of the excerpt of it that was transcribed."""
    confidence: float | None
    """Mean over the notes, 0 to 1; None without notes."""
    tuning: float | None
    """Cents above `Transcriber.a4`, -50 to 50; None where that can't be measured."""
    warnings: tuple[AudioWarning, ...] = ()
    """Most serious first: a truncated file, silence, distortion."""

    @property
    def is_silent(self) -> bool:
        """Whether nothing in it is loud enough to be music."""
        return any(warning.kind == "silent" for warning in self.warnings)


def conclude(
    performance: Performance,
    sustained: Performance,
    sound: Sound,
    *,
    a4: float,
    excerpt: Excerpt = WHOLE,
) -> Transcription:
    """The transcription of a recording that is read to its end.

    What was found in silence, or in what is no piano and very quiet, is left out.

    Parameters
    ----------
    performance, sustained : Performance
        As in `Transcription`.
    sound : Sound
        The recording, all of which was read.
    a4 : float
        Hertz of the instrument's A above middle C, as the recording was read.
    excerpt : Excerpt
        What was transcribed of it; the sound begins a little before and ends after it.
    """
    duration = max(min(excerpt.stop, sound.end) - excerpt.start, 0.0)
    warnings = [*sound.warnings]
    confidences = [note.confidence for note in performance.notes]
    confidence = float(np.mean(confidences)) if confidences else None
    are_guesses = confidence is not None and is_no_piano(confidence, len(confidences), duration)
    was_quiet = any(warning.kind == "quiet" for warning in warnings)
    if confidence is None and is_too_short(duration):
        warnings = [warning for warning in warnings if warning.kind != "quiet"]
        warnings.append(AudioWarning("short", {"seconds": duration}))
    elif sound.is_silent or (was_quiet and (confidence is None or are_guesses)):
        confidence = None
        warnings = [warning for warning in warnings if warning.kind != "quiet"]
        warnings.append(AudioWarning("silent"))
    elif confidence is None:
        warnings.append(AudioWarning("no_notes"))
    elif are_guesses:
        warnings.append(AudioWarning("low_confidence", {"confidence": confidence}))
    tuning = None
    if confidence is None:
        performance = sustained = Performance()
    else:
        clicks = find_clicks(sustained.notes, duration)
        if clicks is not None:
            pitch, n_notes = clicks
            warnings.append(AudioWarning("clicks", {"pitch": pitch, "n_notes": n_notes}))
        if sound.tuning is not None:
            tuning = sound.tuning.cents
            if tuning is not None and is_out_of_tune(sound.tuning.sure_cents):
                warnings.append(AudioWarning("tuning", {"cents": tuning, "a4": a4}))
    return Transcription(
        performance,
        sustained,
        duration,
        confidence=confidence,
        tuning=tuning,
        warnings=most_serious_first(warnings),
    )
