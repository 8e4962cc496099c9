"""Make the repository's own recording: a Bach prelude, played by the project's renderer.

    python tests/make_prelude.py INSTRUMENT_FOLDER [OUTPUT.mp3]

The committed file was made with the Splendid Grand Piano (AKAI, public domain), which no
packaged weights were trained on. The music is the beginning of J. S. Bach's Prelude in C,
BWV 846; timing, touch and pedal are ours. Rendered in a room, it is then played 12 cents
sharp with a little hiss, as a recording at home might be.
"""

from __future__ import annotations

import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from transcribe.notes import Note, PedalPress, Performance
from transcribe.synthesis.render import render
from transcribe.synthesis.sample_bank import SampleBank
from transcribe.train.augment.detuning import detune

CHORDS = (
    (60, 64, 67, 72, 76),
    (60, 62, 69, 74, 77),
    (59, 62, 67, 74, 77),
    (60, 64, 67, 72, 76),
    (60, 64, 69, 76, 81),
    (60, 62, 66, 69, 74),
    (59, 62, 67, 74, 79),
    (59, 60, 64, 67, 72),
    (57, 60, 64, 67, 72),
    (50, 57, 62, 66, 72),
    (55, 59, 62, 67, 71),
)
"""The chord of each bar, lowest voice first (MIDI numbers)."""
FIGURE = (0, 1, 2, 3, 4, 2, 3, 4)
"""Which voice each sixteenth of half a bar plays."""
SIXTEENTH = 0.205
CENTS = 12.0


def performance() -> Performance:
    """Eleven bars, with a breath at bar lines and a swell to the highest chord."""
    rng = np.random.default_rng(846)
    notes, pedal = [], []
    now = 0.4
    for bar, chord in enumerate(CHORDS):
        start = now
        swell = 18 * np.sin(np.pi * (bar + 1) / 9) if bar < 8 else -4 * (bar - 7)
        for half in range(2):
            for position, voice in enumerate(FIGURE):
                accent = 8 if position == 0 else 5 if voice == 4 else 0
                held = {0: 7.6, 1: 6.6}.get(position, 1.1) * SIXTEENTH
                onset = now + rng.normal(0, 0.006)
                notes.append(
                    Note(
                        onset=onset,
                        pitch=chord[voice],
                        offset=onset + held * rng.uniform(0.9, 1.0),
                        velocity=int(np.clip(58 + swell + accent + rng.normal(0, 3), 20, 110)),
                    )
                )
                now += SIXTEENTH * (1.06 if half and position > 5 else 1.0)
        pedal.append(PedalPress(onset=start + 0.09, offset=now + 0.01))
    last = [
        Note(onset=now + 0.012 * i, pitch=pitch, offset=now + 2.6, velocity=50 + 3 * i)
        for i, pitch in enumerate((48, 55, 60, 64, 72))
    ]
    pedal.append(PedalPress(onset=now + 0.09, offset=now + 2.8))
    return Performance(notes=[*notes, *last], pedal=pedal)


def write_mp3(path: Path, samples: np.ndarray, sample_rate: int) -> None:
    """Encode mono samples at 64 kbit/s."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mp3", rate=sample_rate, layout="mono")
        stream.bit_rate = 64000
        stream.codec_context.time_base = Fraction(1, sample_rate)
        for start in range(0, len(samples), 1152):
            block = samples[None, start : start + 1152].astype(np.float32)
            frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="mono")
            frame.sample_rate, frame.pts = sample_rate, start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def main() -> None:
    bank = SampleBank.load(Path(sys.argv[1]))
    output = Path(sys.argv[2] if len(sys.argv) > 2 else "tests/data/prelude.mp3")
    played = performance()
    samples = render(played, bank, duration=played.duration + 1.5)
    rng = np.random.default_rng(0)
    room = rng.standard_normal(8000) * np.exp(-np.arange(8000) / 1100) * 0.012
    room[0] = 1.0
    samples = np.convolve(samples, room)[: len(samples)]
    samples, _ = detune(samples.astype(np.float32), CENTS)
    samples = samples + rng.standard_normal(len(samples)).astype(np.float32) * 3e-4
    write_mp3(output, 0.7 * samples / np.abs(samples).max(), bank.sample_rate)


if __name__ == "__main__":
    main()
