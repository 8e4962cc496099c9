"""The piano in the package: every key in tune, dying away, softer where it is played softer."""

from __future__ import annotations

import json

import numpy as np
import pytest

from transcribe.notes import HIGHEST_PITCH, LOWEST_PITCH, Note, Performance
from transcribe.synthesis.render import n_rendered, render
from transcribe.synthesis.sample_bank import PACKAGED, SampleBank, packaged_piano


@pytest.fixture(scope="module")
def piano() -> SampleBank:
    return packaged_piano()


def level(samples: np.ndarray, second: float, sample_rate: int) -> float:
    """Decibels around a time."""
    start = round(second * sample_rate)
    part = samples[start : start + sample_rate // 20].astype(np.float64)
    return float(10 * np.log10(np.mean(part**2)))


def test_its_licence_lies_beside_it_and_it_is_small():
    assert "public domain" in (PACKAGED / "LICENCE.md").read_text(encoding="utf-8").lower()
    assert json.loads((PACKAGED / "manifest.json").read_text())["licence"] == "Public Domain"
    assert sum(path.stat().st_size for path in PACKAGED.iterdir()) < 1.5e6


def test_every_key_of_every_layer_has_a_recording_of_a_key_nearby(piano):
    assert [(each.lovel, each.hivel) for each in piano.layers] == [(1, 67), (68, 100), (101, 127)]
    for layer in piano.layers:
        for pitch in range(LOWEST_PITCH, HIGHEST_PITCH + 1):
            nearest = min(layer.recordings, key=lambda each: each.distance(pitch))
            assert nearest.distance(pitch) <= (False, 2)


def test_keys_are_in_tune_and_die_away(piano):
    for pitch in (36, 48, 60, 72, 84):
        voice = piano.voice(pitch, 80)
        samples = voice.samples * voice.scale
        expected = 440 * 2 ** ((pitch - 69) / 12)
        spectrum = np.abs(np.fft.rfft(samples[: 1 << 14] * np.hanning(1 << 14), 1 << 18))
        width = (1 << 18) / piano.sample_rate
        near = slice(*(round(expected * factor * width) for factor in (0.97, 1.03)))
        found = (near.start + np.argmax(spectrum[near])) / width
        assert abs(1200 * np.log2(found / expected)) < 15
        assert level(samples, 0.1, piano.sample_rate) - level(samples, 2.0, piano.sample_rate) > 6
        assert 0.05 < np.abs(samples).max() < 1


def test_a_note_sounds_from_its_onset_and_is_damped_after_its_release(piano):
    performance = Performance([Note(onset=0.5, pitch=69, offset=0.8, velocity=100)])
    samples = render(performance, piano)
    assert len(samples) == n_rendered(performance, piano)
    assert np.abs(samples[: round(0.49 * piano.sample_rate)]).max() == 0
    assert level(samples, 0.5, piano.sample_rate) > -40
    assert level(samples, 0.55, piano.sample_rate) - level(samples, 1.0, piano.sample_rate) > 20


def test_a_soft_note_is_softer_and_darker(piano):
    def rendered(velocity: int) -> np.ndarray:
        note = Note(onset=0.0, pitch=60, offset=1.0, velocity=velocity)
        return render(Performance([note]), piano)[: piano.sample_rate]

    def share_above(samples: np.ndarray, hertz: float) -> float:
        power = np.abs(np.fft.rfft(samples)) ** 2
        first = round(hertz * len(samples) / piano.sample_rate)
        return float(power[first:].sum() / power.sum())

    soft, loud = rendered(30), rendered(120)
    assert np.abs(loud).max() > 4 * np.abs(soft).max()
    assert share_above(loud, 1000) > 1.3 * share_above(soft, 1000)
