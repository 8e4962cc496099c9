"""A stand-in for sounddevice: two microphones, and sound that comes as soon as one is opened."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np


class PortAudioError(Exception):
    pass


class FakeStream:
    """Gives its blocks as soon as it starts: (samples, seconds of the device's clock, lost?)."""

    def __init__(self, module: FakeSounddevice, **settings) -> None:
        self.module, self.settings = module, settings
        self.closed = False
        module.streams.append(self)

    def start(self) -> None:
        if self.module.refuses:
            raise PortAudioError(self.module.refuses)
        for samples, began, overflow in self.module.sound:
            times = SimpleNamespace(inputBufferAdcTime=began, currentTime=began + 0.015)
            status = SimpleNamespace(input_overflow=overflow)
            self.settings["callback"](samples[:, None], len(samples), times, status)

    def close(self) -> None:
        self.closed = True


class FakeSounddevice:
    PortAudioError = PortAudioError

    def __init__(self) -> None:
        self.devices = [
            {"name": "Speakers", "max_input_channels": 0, "default_samplerate": 48000.0},
            {"name": "Built-in Microphone", "max_input_channels": 2, "default_samplerate": 44100.0},
            {"name": "Scarlett 2i2 USB", "max_input_channels": 2, "default_samplerate": 48000.0},
        ]
        self.streams: list[FakeStream] = []
        self.sound: list[tuple[np.ndarray, float, bool]] = []
        self.refuses = ""
        self.resamples = True

    def query_devices(self, kind=None):
        return self.devices if kind is None else self.devices[1]

    def check_input_settings(self, **settings) -> None:
        if not self.resamples:
            raise PortAudioError("Invalid sample rate")

    def InputStream(self, **settings):  # noqa: N802
        return FakeStream(self, **settings)
