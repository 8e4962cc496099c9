"""MIDI ports, with a stand-in for python-rtmidi under mido."""

from __future__ import annotations

import sys
from types import ModuleType

import mido
import pytest

from transcribe.errors import TranscribeError
from transcribe.live import midi_port
from transcribe.live.events import KeyDown, KeyUp, PedalMove
from transcribe.live.midi_port import MidiPort, MidiPortError, midi_ports


class FakePort:
    def __init__(self, name: str, virtual: bool) -> None:
        self.name, self.virtual = name, virtual
        self.sent: list[mido.Message] = []
        self.closed = False

    def send(self, message: mido.Message) -> None:
        self.sent.append(message)

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def opened(monkeypatch):
    """The ports that were opened; two of other programs are there."""
    ports: list[FakePort] = []

    def open_output(name, *, virtual=False):
        ports.append(FakePort(name, virtual))
        return ports[-1]

    monkeypatch.setitem(sys.modules, "rtmidi", ModuleType("rtmidi"))
    monkeypatch.setattr(mido, "set_backend", lambda _: None)
    monkeypatch.setattr(
        mido, "get_output_names", lambda: ["Midi Through 14:0", "FLUID Synth 128:0"]
    )
    monkeypatch.setattr(mido, "open_output", open_output)
    monkeypatch.setattr(sys, "platform", "linux")
    return ports


def test_strokes_releases_and_pedal_are_sent_as_midi(opened):
    port = MidiPort("transcribe live")
    port.take(
        [
            KeyDown(time=0.1, pitch=60, velocity=77, confidence=0.9),
            PedalMove(time=0.2, down=True),
            KeyUp(time=0.3, pitch=60),
            PedalMove(time=0.4, down=False),
        ]
    )
    assert [each.bytes() for each in opened[0].sent] == [
        [0x90, 60, 77],
        [0xB0, 64, 127],
        [0x80, 60, 64],
        [0xB0, 64, 0],
    ]


def test_a_name_that_nobody_has_becomes_a_virtual_port(opened):
    port = MidiPort("transcribe live")
    assert (port.is_virtual, opened[0].name, opened[0].virtual) == (True, "transcribe live", True)


def test_a_name_that_another_program_has_is_sent_to(opened):
    port = MidiPort("fluid")
    assert (port.is_virtual, port.name) == (False, "FLUID Synth 128:0")
    assert (opened[0].name, opened[0].virtual) == ("FLUID Synth 128:0", False)


def test_closing_lets_everything_up(opened):
    MidiPort().close()
    assert [each.bytes() for each in opened[0].sent] == [[0xB0, 64, 0], [0xB0, 123, 0]]
    assert opened[0].closed


def test_windows_which_makes_no_ports_is_told_how(opened, monkeypatch):
    monkeypatch.setattr(midi_port.sys, "platform", "win32")
    with pytest.raises(MidiPortError, match=r"found 'Midi Through.*install loopMIDI"):
        MidiPort("transcribe live")
    assert MidiPort("fluid").name == "FLUID Synth 128:0"


def test_a_port_that_can_t_be_opened_says_why(opened, monkeypatch):
    def refuse(*_, **__):
        raise RuntimeError("port is in use")

    monkeypatch.setattr(mido, "open_output", refuse)
    with pytest.raises(MidiPortError, match=r"could not be opened \(port is in use\)"):
        MidiPort()


def test_a_system_without_midi_says_what_makes_it(opened, monkeypatch):
    def refuse():
        raise RuntimeError("error creating ALSA sequencer client object")

    monkeypatch.setattr(mido, "get_output_names", refuse)
    with pytest.raises(MidiPortError, match=r"sudo modprobe snd-seq\. Without, -o writes a MIDI"):
        midi_ports()


@pytest.mark.parametrize("missing", ["mido", "rtmidi"])
def test_without_the_extra_its_name_is_said(opened, monkeypatch, missing):
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(TranscribeError, match=rf"{missing} is not .* 'transcribe\[live\]'"):
        MidiPort()
