"""Single notes, and measurements of how they sound."""

import numpy as np

from transcribe.notes import Note, Performance

RATE = 16000


def note(onset, pitch, offset, velocity=90):
    return Note(onset=onset, pitch=pitch, offset=offset, velocity=velocity)


def one(pitch, *, velocity=90, onset=0.0, offset=1.0):
    return Performance([note(onset, pitch, offset, velocity)])


def rms(samples):
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))


def decibels(ratio):
    return 20 * np.log10(ratio)


def partial_hz(samples, near):
    """Frequency of the strongest partial within a tone of ``near``."""
    padded = np.zeros(2**18)
    padded[: len(samples)] = samples * np.hanning(len(samples))
    spectrum = np.abs(np.fft.rfft(padded))
    bins = np.fft.rfftfreq(len(padded), 1 / RATE)
    spectrum[(bins < near * 0.89) | (bins > near * 1.12)] = 0
    return bins[np.argmax(spectrum)]
