"""A SoundFont's piano: keys in tune, that die away, softer ones darker."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from transcribe.errors import InstrumentError
from transcribe.notes import Note, Performance
from transcribe.synthesis.render import n_rendered, render
from transcribe.synthesis.soundfont import SAMPLE_RATE, SoundFont, SoundFontBank, packaged_piano

POOL_RATE = 22050
N_ATTACK, N_LOOP = 441, 50
"""Samples: the loop is a period of 441 Hz, nearly A4."""


def chunk(name: bytes, data: bytes) -> bytes:
    return name + struct.pack("<I", len(data)) + data + bytes(len(data) & 1)


def listed(kind: bytes, *chunks: bytes) -> bytes:
    return chunk(b"LIST", kind + b"".join(chunks))


def font_bytes(*, decay: int = 1200, loops: int = 1, fine: int = 0, cutoff: int = 13500) -> bytes:
    """A SoundFont of one sawtooth of 441 Hz for all keys; decay in timecents (1200: 2 s)."""
    saw = (np.arange(N_ATTACK + N_LOOP) % N_LOOP) / N_LOOP - 0.5
    pool = (20000 * saw).astype("<i2")
    silence = np.zeros(46, "<i2")

    def generators(*pairs: tuple[int, int]) -> bytes:
        return b"".join(struct.pack("<Hh", *pair) for pair in (*pairs, (0, 0)))

    keys = struct.unpack("<h", bytes([0, 127]))[0]
    zone = [(43, keys), (54, loops), (58, 69), (52, fine), (36, decay), (37, 1000), (8, cutoff)]
    header = struct.pack(
        "<20sIIIIIBbHH",
        *(b"saw", 0, len(pool), N_ATTACK, N_ATTACK + N_LOOP, POOL_RATE, 69, 0, 0, 1),
    )
    presets = struct.pack("<20sHHHIII", b"Piano", 0, 0, 0, 0, 0, 0)
    data = (
        b"sfbk"
        + listed(b"INFO", chunk(b"ifil", struct.pack("<HH", 2, 1)))
        + listed(b"sdta", chunk(b"smpl", np.concatenate([pool, silence]).tobytes()))
        + listed(
            b"pdta",
            chunk(b"phdr", presets + struct.pack("<20sHHHIII", b"EOP", 0, 0, 1, 0, 0, 0)),
            chunk(b"pbag", struct.pack("<4H", 0, 0, 1, 0)),
            chunk(b"pmod", bytes(10)),
            chunk(b"pgen", generators((41, 0))),
            chunk(b"inst", struct.pack("<20sH20sH", b"saw", 0, b"EOI", 1)),
            chunk(b"ibag", struct.pack("<4H", 0, 0, len(zone) + 1, 0)),
            chunk(b"imod", bytes(10)),
            chunk(b"igen", generators(*zone, (53, 0))),
            chunk(b"shdr", header + bytes(46)),
        )
    )
    return b"RIFF" + struct.pack("<I", len(data)) + data


def font(tmp_path: Path, **options: int) -> SoundFont:
    path = tmp_path / "font.sf2"
    path.write_bytes(font_bytes(**options))
    return SoundFont(path)


def hertz(samples: np.ndarray) -> float:
    """The strongest frequency of the first half second."""
    part = samples[: SAMPLE_RATE // 2] * np.hanning(SAMPLE_RATE // 2)
    spectrum = np.abs(np.fft.rfft(part, 1 << 18))
    return float(np.argmax(spectrum)) * SAMPLE_RATE / (1 << 18)


def level(samples: np.ndarray, second: float) -> float:
    """Decibels around a time."""
    start = round(second * SAMPLE_RATE)
    part = samples[start : start + SAMPLE_RATE // 20].astype(np.float64)
    return float(10 * np.log10(np.mean(part**2)))


@pytest.mark.parametrize("pitch", [45, 69, 81])
def test_a_key_sounds_at_its_pitch(tmp_path, pitch):
    font_ = font(tmp_path)
    (zone,) = font_.zones()
    assert (zone.lokey, zone.hikey, zone.root) == (0, 127, 69)
    expected = 441 * 2 ** ((pitch - 69) / 12)
    assert hertz(font_.play(zone, pitch, 127)) == pytest.approx(expected, rel=0.002)


def test_fine_tuning_is_followed(tmp_path):
    font_ = font(tmp_path, fine=50)
    (zone,) = font_.zones()
    played = hertz(font_.play(zone, 69, 127))
    assert 1200 * np.log2(played / 441) == pytest.approx(50, abs=3)


def test_the_decay_falls_by_a_hundred_decibels_in_its_time(tmp_path):
    font_ = font(tmp_path, decay=1200)
    (zone,) = font_.zones()
    samples = font_.play(zone, 69, 127)
    assert level(samples, 0.2) - level(samples, 0.7) == pytest.approx(25, abs=1)
    assert len(samples) == pytest.approx(1.4 * SAMPLE_RATE, rel=0.01)  # until it is 70 dB down


def test_without_a_loop_the_sample_ends(tmp_path):
    font_ = font(tmp_path, loops=0)
    (zone,) = font_.zones()
    n_samples = N_ATTACK + N_LOOP
    assert len(font_.play(zone, 69, 127)) == pytest.approx(n_samples, abs=5)


def test_softer_is_darker(tmp_path):
    font_ = font(tmp_path, cutoff=6900)
    (zone,) = font_.zones()

    def eighth_partial(velocity: int) -> float:
        """Its level in dB relative to the fundamental, 220.5 Hz."""
        samples = font_.play(zone, 57, velocity)[:SAMPLE_RATE] * np.hanning(SAMPLE_RATE)
        spectrum = np.abs(np.fft.rfft(samples))  # a bin is a hertz
        first, eighth = (
            spectrum[round(220.5 * n) - 3 : round(220.5 * n) + 4].max() for n in (1, 8)
        )
        return float(20 * np.log10(eighth / first))

    # The filter's cutoff is 440 Hz at full velocity; 600 cents lower the partials well above
    # it are 6 dB softer, and the fundamental a little.
    assert eighth_partial(127) - eighth_partial(64) == pytest.approx(6 - 0.7, abs=0.7)
    assert eighth_partial(64) - eighth_partial(1) == pytest.approx(6 - 1.8, abs=0.9)


def test_a_bank_of_it_is_played_by_the_renderer(tmp_path):
    bank = SoundFontBank.of(font(tmp_path))
    performance = Performance([Note(onset=0.5, pitch=69, offset=0.8, velocity=100)])
    samples = render(performance, bank)
    assert bank.sample_rate == SAMPLE_RATE
    assert len(samples) == n_rendered(performance, bank)
    assert np.abs(samples[: round(0.49 * SAMPLE_RATE)]).max() == 0
    assert level(samples, 0.5) > -40
    assert level(samples, 0.55) - level(samples, 1.0) > 20


def test_other_files_are_refused(tmp_path):
    with pytest.raises(InstrumentError, match="No such file"):
        SoundFont(tmp_path / "none.sf2")
    for data, message in (
        (b"RIFFxxxxWAVE", "another kind of file"),
        (font_bytes()[:-30], "damaged or truncated"),
        (font_bytes()[:200], "damaged or truncated"),
    ):
        (tmp_path / "bad.sf2").write_bytes(data)
        with pytest.raises(InstrumentError, match=message):
            SoundFont(tmp_path / "bad.sf2").zones()
    with pytest.raises(InstrumentError, match="expected program 5"):
        font(tmp_path).zones(program=5)


def test_every_cut_is_refused_or_played(tmp_path):
    """A truncated file is never an IndexError."""
    whole = font_bytes()
    path = tmp_path / "cut.sf2"
    refused = 0
    for stop in range(12, len(whole), 97):
        path.write_bytes(whole[:stop])
        try:
            SoundFont(path).zones()
        except InstrumentError:
            refused += 1
    assert refused == len(range(12, len(whole), 97))


def test_the_installed_piano_is_in_tune_and_dies_away():
    bank = packaged_piano()
    assert [(layer.lovel, layer.hivel) for layer in bank.layers] == [(1, 60), (61, 95), (96, 127)]
    for pitch in (36, 48, 60, 72, 84):
        voice = bank.voice(pitch, 80)
        samples = voice.samples * voice.scale
        expected = 440 * 2 ** ((pitch - 69) / 12)
        spectrum = np.abs(np.fft.rfft(samples[: 1 << 14] * np.hanning(1 << 14), 1 << 18))
        near = slice(
            *(round(expected * factor * (1 << 18) / SAMPLE_RATE) for factor in (0.97, 1.03))
        )
        found = (near.start + np.argmax(spectrum[near])) * SAMPLE_RATE / (1 << 18)
        assert abs(1200 * np.log2(found / expected)) < 25
        assert level(samples, 0.1) - level(samples, 2.0) > 10
        assert 0.05 < np.abs(samples).max() < 1
