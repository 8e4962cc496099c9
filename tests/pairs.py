"""References and estimates written by hand."""

from transcribe.notes import Note, PedalPress, Performance


def note(onset, pitch=60, duration=0.5, velocity=64):
    return Note(onset=onset, pitch=pitch, offset=onset + duration, velocity=velocity)


def scale(**changes):
    """Eight notes of C major, half a second each, louder and louder."""
    return [note(1 + i / 2, 60 + step, velocity=40 + 10 * i, **changes)
            for i, step in enumerate((0, 2, 4, 5, 7, 9, 11, 12))]  # fmt: skip


def moved(performance, seconds):
    return Performance(
        [
            Note(
                onset=n.onset + seconds,
                pitch=n.pitch,
                offset=n.offset + seconds,
                velocity=n.velocity,
            )
            for n in performance.notes
        ],
        [PedalPress(onset=p.onset + seconds, offset=p.offset + seconds) for p in performance.pedal],
    )
