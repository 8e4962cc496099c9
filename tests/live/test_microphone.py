"""Microphones, with a stand-in for sounddevice."""

from __future__ import annotations

import builtins
import sys

import numpy as np
import pytest
from fake_sounddevice import FakeSounddevice

from transcribe.errors import TranscribeError
from transcribe.live import microphone
from transcribe.live.microphone import Microphone, MicrophoneError, microphones


@pytest.fixture
def sounddevice(monkeypatch):
    module = FakeSounddevice()
    monkeypatch.setitem(sys.modules, "sounddevice", module)
    return module


def heard(source: Microphone, n_blocks: int = 1):
    blocks = []
    for block in source:
        blocks.append(block)
        if len(blocks) == n_blocks:
            source.stop()
    return blocks


def test_inputs_are_listed_by_name(sounddevice):
    assert microphones() == ["Built-in Microphone", "Scarlett 2i2 USB"]


def test_a_part_of_the_name_is_enough(sounddevice):
    assert Microphone("scarlett", 16000).name == "Scarlett 2i2 USB"
    assert Microphone(None, 16000).name == "Built-in Microphone"


def test_an_unknown_name_is_refused_with_those_there_are(sounddevice):
    with pytest.raises(MicrophoneError, match="'zoom' in it; found 'Built-in Microphone', 'Scarl"):
        Microphone("zoom", 16000)


def test_a_computer_without_inputs_says_what_to_connect(sounddevice):
    sounddevice.devices = sounddevice.devices[:1]
    with pytest.raises(MicrophoneError, match="no input for sound; connect a microphone"):
        Microphone(None, 16000)


def test_the_device_is_asked_for_the_rate_of_the_network(sounddevice):
    source = Microphone("scarlett", 16000)
    sounddevice.sound = [(np.ones(80, np.float32), 5.0, False)]
    heard(source)
    settings = sounddevice.streams[0].settings
    assert (settings["device"], settings["samplerate"], settings["blocksize"]) == (2, 16000, 80)
    assert sounddevice.streams[0].closed
    sounddevice.resamples = False
    assert Microphone("scarlett", 16000).sample_rate == 48000


def test_blocks_that_waited_come_together_and_in_order(sounddevice):
    sounddevice.sound = [
        (np.full(80, value, np.float32), 5 + 0.005 * value, False) for value in range(4)
    ]
    (block,) = heard(Microphone(None, 16000))
    np.testing.assert_array_equal(block.samples, np.repeat(np.arange(4), 80))


def test_lost_sound_is_counted_and_silence_stands_for_it(sounddevice):
    one = np.ones(80, np.float32)
    sounddevice.sound = [(one, 5.0, False), (one, 5.005 + 0.1, True), (one, 5.11, False)]
    source = Microphone(None, 16000)
    (block,) = heard(source)
    assert source.n_overruns == 1
    assert source.seconds_lost == pytest.approx(0.1)
    np.testing.assert_array_equal(
        block.samples, np.concatenate([one, np.zeros(1600), one, one]).astype(np.float32)
    )


def test_the_time_of_a_sample_is_when_it_sounded_not_when_it_came(sounddevice, monkeypatch):
    monkeypatch.setattr(microphone.time, "monotonic", lambda: 50.0)
    sounddevice.sound = [(np.ones(80, np.float32), 5.0, False)]  # fetched 15 ms after its first
    (block,) = heard(Microphone(None, 16000))
    assert block.captured == pytest.approx(50.0 - 0.010)


def test_a_device_that_can_t_be_opened_says_why_and_what_to_do(sounddevice):
    sounddevice.refuses = "Device unavailable [PaErrorCode -9985]"
    with pytest.raises(MicrophoneError, match=r"could not be opened \(Device unav.*another prog"):
        heard(Microphone(None, 16000))


def test_a_device_that_falls_silent_for_good_ends_it(sounddevice, monkeypatch):
    monkeypatch.setattr(microphone, "_PATIENCE", 0.01)
    monkeypatch.setattr(microphone, "_GONE_SECONDS", 0.02)
    sounddevice.sound = [(np.ones(80, np.float32), 5.0, False)]
    with pytest.raises(MicrophoneError, match="may have been unplugged"):
        heard(Microphone(None, 16000), n_blocks=2)


def test_without_the_extra_its_name_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(TranscribeError, match=r"pip install 'transcribe\[live\]'"):
        microphones()


def test_without_portaudio_the_package_to_install_is_said(monkeypatch):
    real = builtins.__import__

    def refuse(name, *rest, **more):
        if name == "sounddevice":
            raise OSError("PortAudio library not found")
        return real(name, *rest, **more)

    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(TranscribeError, match="sudo apt install libportaudio2"):
        microphones()
