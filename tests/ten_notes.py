"""A performance of ten notes and a press of the pedal."""

from transcribe.notes import Note, PedalPress, Performance

PLAYED = Performance(
    [Note(onset=0.2 * i, pitch=60 + i, offset=0.2 * i + 0.3, velocity=50 + i) for i in range(10)],
    [PedalPress(onset=0.5, offset=1.5)],
)
