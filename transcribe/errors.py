"""What can go wrong with a file, as exceptions whose message a musician can read.

A ``TranscribeError`` blames a file; a ``ValueError`` blames the caller. Every
message says what was expected, what was found and, where there is one, what to do.

Programs distinguish errors by class and ``kind``, never by the words of the message.
"""

from __future__ import annotations

from typing import ClassVar, Literal, TypeAlias

AudioProblem: TypeAlias = Literal[
    "not_found",
    "no_permission",
    "unreadable",
    "not_a_file",
    "empty",
    "cut_off",
    "not_a_recording",
    "midi",
    "no_audio_track",
    "no_decoder",
    "damaged",
    "too_long",
    "too_short",
    "unusable",
]
"""Why a recording can't be used: its file is missing, may not be read, can't be read (the
disk or the network), is a folder or no ordinary file, or holds nothing; it was cut off
before it was finished, is no recording at all, or MIDI, has no sound, has sound in an encoding that
can't be decoded, or is damaged throughout; it is longer than is allowed, or ends before what
is wanted of it; or something else."""


class TranscribeError(Exception):
    """A file could not be used. The command line prints it as one line.

    Parameters
    ----------
    message : str
        For a person: what was expected, what was found, what to do.
    kind : str, optional
        For a program: one word for what is wrong; the class's own `KIND` if left out.
    **values
        The figures and names in the message, such as ``duration=7200.0`` (seconds).
    """

    KIND: ClassVar[str] = "unusable"

    def __init__(self, message: str = "", *, kind: str | None = None, **values: object) -> None:
        super().__init__(message)
        self.kind = self.KIND if kind is None else kind
        self.values = values


class AudioError(TranscribeError):
    """A recording is missing, unreadable, or not audio."""

    kind: AudioProblem

    def __init__(
        self, message: str = "", *, kind: AudioProblem = "unusable", **values: object
    ) -> None:
        super().__init__(message, kind=kind, **values)


class OutputError(TranscribeError):
    """A file can't be written: something else is in its place."""

    KIND = "in_the_way"


class MidiError(TranscribeError):
    """A MIDI file is missing, unreadable, or not MIDI."""


class CheckpointError(TranscribeError):
    """A weights file is missing, damaged, or made for another network."""


class DatasetError(TranscribeError):
    """A data set's folder or index is missing something it promises."""


class InstrumentError(TranscribeError):
    """A sampled instrument's folder is missing something it promises."""


class SettingsError(TranscribeError, ValueError):
    """The settings of a run contradict each other, or what is there already."""


UNEXPECTED = (
    *(RuntimeError, ValueError, TypeError, ArithmeticError, LookupError),
    *(AssertionError, AttributeError, EOFError),
)
"""What a bug may raise, and torch where memory is short: costs one file of several, not all."""
