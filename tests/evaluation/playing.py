"""A performance of ten notes, whole or the first few of it."""

from transcribe.notes import Note, PedalPress, Performance

PLAYED = Performance(
    [
        Note(onset=0.5 * i, pitch=60 + i, offset=0.5 * i + 0.4, velocity=40 + 5 * i)
        for i in range(10)
    ],
    [PedalPress(onset=0.5, offset=1.5), PedalPress(onset=2.2, offset=4.0)],
)


def first(n):
    return Performance(PLAYED.notes[:n], PLAYED.pedal)
