"""Live events into a MIDI port, through mido and python-rtmidi."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from transcribe.errors import TranscribeError
from transcribe.extras import needing
from transcribe.live.events import KeyDown, KeyUp, LiveEvent
from transcribe.midi_file import SUSTAIN_CONTROLLER

DEFAULT_PORT = "transcribe live"
_ALL_NOTES_OFF = 123


class MidiPortError(TranscribeError):
    """There is no such MIDI port, or it can't be opened."""

    KIND = "no_port"


def midi_ports() -> list[str]:
    """The names of the ports that other programs and instruments have open for MIDI.

    Raises
    ------
    MidiPortError
        The system has no MIDI.
    TranscribeError
        mido or python-rtmidi is not installed.
    """
    mido = _mido()
    try:
        names: list[str] = mido.get_output_names()
    except Exception as error:  # rtmidi raises classes of its own, which only it knows
        raise _without_midi(error) from error
    return names


class MidiPort:
    """Sends events as they come, on the first channel.

    Where a port of that name is open already, such as a synthesiser's or one of the IAC driver
    or loopMIDI, it is sent to. Otherwise a virtual port of that name is made, which other
    programs then can choose as their input; Windows has none.

    Parameters
    ----------
    name : str
        Of the port, or a part of it.

    Raises
    ------
    MidiPortError
        There is none of that name, and it can't be made; or the system has no MIDI.
    TranscribeError
        mido or python-rtmidi is not installed.
    """

    def __init__(self, name: str = DEFAULT_PORT) -> None:
        mido = _mido()
        found = midi_ports()
        known = next((each for each in found if name.lower() in each.lower()), None)
        self.is_virtual = known is None
        """Whether it was made, and goes when it is closed."""
        self.name = known or name
        self._message = mido.Message
        if known is None and sys.platform == "win32":
            names = ", ".join(map(repr, found)) or "none"
            raise MidiPortError(
                f"expected a MIDI port whose name has {name!r} in it; found {names}. Windows makes "
                "none by itself: install loopMIDI, add a port there, and give its name with --port"
            )
        try:
            self._port: Any = mido.open_output(self.name, virtual=self.is_virtual)
        except Exception as error:  # as above
            raise MidiPortError(
                f"the MIDI port {self.name!r} could not be opened ({error}); another program may "
                "hold it: close that, or choose another (--ports lists them)"
            ) from error

    def take(self, events: Sequence[LiveEvent]) -> None:
        """Send them."""
        for event in events:
            self._port.send(self._as_message(event))

    def close(self) -> None:
        """Let everything up that may still be down, and leave the port."""
        for controller in (SUSTAIN_CONTROLLER, _ALL_NOTES_OFF):
            self._port.send(self._message("control_change", control=controller, value=0))
        self._port.close()

    def _as_message(self, event: LiveEvent) -> Any:
        if isinstance(event, KeyDown):
            return self._message("note_on", note=event.pitch, velocity=event.velocity)
        if isinstance(event, KeyUp):
            return self._message("note_off", note=event.pitch)
        value = 127 if event.down else 0
        return self._message("control_change", control=SUSTAIN_CONTROLLER, value=value)


def _mido() -> Any:
    with needing("live", "mido", "rtmidi"):
        import mido
        import rtmidi  # noqa: F401  (mido would miss it only when a port is opened)
    mido.set_backend("mido.backends.rtmidi")
    return mido


def _without_midi(error: Exception) -> MidiPortError:
    return MidiPortError(
        f"this system offers no MIDI ({error}); on Linux the ALSA sequencer makes it: sudo "
        "modprobe snd-seq. Without, -o writes a MIDI file"
    )
