"""A microphone as a source of live sound, through sounddevice and PortAudio.

Sound comes in a thread of PortAudio's own, which does nothing but put it into a queue.
"""

from __future__ import annotations

import queue
import sys
import time
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transcribe.errors import TranscribeError
from transcribe.extras import needing
from transcribe.live.sources import Block

_BLOCK_SECONDS = 0.005
"""Sound that the device hands over at a time."""
_PATIENCE = 0.2
"""Seconds between looks at whether to stop, while no sound comes."""
_LONGEST_GAP = 30.0
"""Seconds; a greater step of the device's clock is a fault of that clock, not lost sound."""
_GONE_SECONDS = 5.0
"""After so long without any sound the device is taken to be unplugged."""
_PORTAUDIO = (
    "sounddevice found no PortAudio library, through which sound comes in; on Debian, Ubuntu and "
    "Raspberry Pi OS: sudo apt install libportaudio2; on Fedora: sudo dnf install portaudio; on "
    "macOS and Windows install sounddevice again with pip, which brings it"
)


class MicrophoneError(TranscribeError):
    """There is no such microphone, or it can't be opened."""

    KIND = "no_microphone"


def microphones() -> list[str]:
    """The names of the inputs for sound of this computer, in the order of the system.

    Raises
    ------
    TranscribeError
        sounddevice or PortAudio is not installed.
    """
    return [each["name"] for _, each in _inputs(_sounddevice())]


class Microphone:
    """Sound as it is played; iterating opens the device and closes it.

    Parameters
    ----------
    name : str, optional
        A part of the device's name, in small letters or capitals; the system's standard input
        if left out.
    sample_rate : int
        Hertz to ask for; where the device won't, `sample_rate` is what it has.

    Raises
    ------
    MicrophoneError
        There is none, or none of that name.
    TranscribeError
        sounddevice or PortAudio is not installed.
    """

    def __init__(self, name: str | None, sample_rate: int) -> None:
        self._sounddevice = _sounddevice()
        index, device = _find(self._sounddevice, name)
        self._index: int = index
        self.name: str = device["name"]
        self.sample_rate = _rate(self._sounddevice, index, device, sample_rate)
        self.n_overruns = 0
        self.seconds_lost = 0.0
        self._queue: queue.SimpleQueue[tuple[NDArray[np.float32], float, int] | None] = (
            queue.SimpleQueue()
        )
        self._expected: float | None = None
        self._stopped = False

    def __iter__(self) -> Iterator[Block]:
        try:
            stream = self._sounddevice.InputStream(
                device=self._index,
                channels=1,
                samplerate=self.sample_rate,
                blocksize=round(_BLOCK_SECONDS * self.sample_rate),
                dtype="float32",
                latency="low",
                callback=self._receive,
            )
            stream.start()
        except self._sounddevice.PortAudioError as error:
            raise MicrophoneError(_refusal(self.name, error)) from error
        try:
            yield from self._blocks()
        finally:
            stream.close()

    def stop(self) -> None:
        """End it soon."""
        self._stopped = True
        self._queue.put(None)

    def _blocks(self) -> Iterator[Block]:
        heard = time.monotonic()
        while not self._stopped:
            try:
                taken = [self._queue.get(timeout=_PATIENCE)]
            except queue.Empty:
                if time.monotonic() - heard > _GONE_SECONDS:
                    raise MicrophoneError(
                        f"{self.name}: no sound came for {_GONE_SECONDS:g} s; it may have been "
                        "unplugged, or the computer slept. What was played until then is kept"
                    ) from None
                continue
            while not self._queue.empty():  # all that waits, so that a slow computer catches up
                taken.append(self._queue.get())
            heard = time.monotonic()
            parts: list[NDArray[np.float32]] = []
            captured = heard
            for each in taken:
                if each is None:
                    break
                samples, captured, n_lost = each
                if n_lost:
                    self.seconds_lost += n_lost / self.sample_rate
                    parts.append(np.zeros(n_lost, np.float32))
                parts.append(samples)
            if parts:
                yield Block(np.concatenate(parts), captured)

    def _receive(self, data: NDArray[np.float32], n_samples: int, times: Any, status: Any) -> None:
        """Called by PortAudio with each block; it must be quick."""
        now = time.monotonic()
        began = times.inputBufferAdcTime
        waited = times.currentTime - began  # since its first sample; some systems don't know
        length = n_samples / self.sample_rate
        captured = now - max(waited - length, 0.0) if 0 < waited < 1 else now
        n_lost = 0
        if status.input_overflow:
            self.n_overruns += 1
            if self._expected is not None and 0 < began - self._expected < _LONGEST_GAP:
                n_lost = round((began - self._expected) * self.sample_rate)
        self._expected = began + length if began > 0 else None
        self._queue.put((data[:, 0].copy(), captured, n_lost))


def _sounddevice() -> Any:
    with needing("live", "sounddevice"):
        try:
            import sounddevice
        except OSError as error:
            raise TranscribeError(_PORTAUDIO, kind="no_portaudio") from error
    return sounddevice


def _inputs(sounddevice: Any) -> list[tuple[int, Mapping[str, Any]]]:
    return [
        (index, each)
        for index, each in enumerate(sounddevice.query_devices())
        if each["max_input_channels"] > 0
    ]


def _find(sounddevice: Any, name: str | None) -> tuple[int, Mapping[str, Any]]:
    found = _inputs(sounddevice)
    if not found:
        raise MicrophoneError(
            "this computer has no input for sound; connect a microphone or an audio interface, and "
            "see that the system's sound settings list it"
        )
    if name is None:
        try:
            standard = sounddevice.query_devices(kind="input")
        except (sounddevice.PortAudioError, ValueError):
            return found[0]
        return next((each for each in found if each[1]["name"] == standard["name"]), found[0])
    for is_it in (
        lambda each: each == name,
        lambda each: each.lower() == name.lower(),
        lambda each: name.lower() in each.lower(),
    ):
        for index, device in found:
            if is_it(device["name"]):
                return index, device
    names = ", ".join(repr(each["name"]) for _, each in found)
    raise MicrophoneError(
        f"expected a microphone whose name has {name!r} in it; found {names}", found=names
    )


def _rate(sounddevice: Any, index: int, device: Mapping[str, Any], wanted: int) -> int:
    """The rate that is wanted, where the system gives it; it does so sooner than we would."""
    try:
        sounddevice.check_input_settings(
            device=index, channels=1, dtype="float32", samplerate=wanted
        )
    except (sounddevice.PortAudioError, ValueError):
        return round(device["default_samplerate"])
    return wanted


def _refusal(name: str, error: Exception) -> str:
    """Why a device could not be opened, and what to do."""
    if sys.platform == "darwin":
        allow = "System Settings, Privacy & Security, Microphone: allow the terminal"
    elif sys.platform == "win32":
        allow = "Settings, Privacy, Microphone: let desktop apps use it"
    else:
        allow = "your account may need to be in the group audio: sudo usermod -aG audio $USER"
    return (
        f"{name}: the microphone could not be opened ({error}). If another program uses it, close "
        f"that; if this one may not use it: {allow}"
    )
