"""What can go wrong with a file, as exceptions whose message a musician can read.

A ``TranscribeError`` blames a file; a ``ValueError`` blames the caller. Every
message says what was expected, what was found and, where there is one, what to do.
"""

from __future__ import annotations


class TranscribeError(Exception):
    """A file could not be used. The command line prints it as one line."""


class AudioError(TranscribeError):
    """A recording is missing, unreadable, or not audio."""


class MidiError(TranscribeError):
    """A MIDI file is missing, unreadable, or not MIDI."""


class CheckpointError(TranscribeError):
    """A weights file is missing, damaged, or made for another network."""


class DatasetError(TranscribeError):
    """A data set's folder or index is missing something it promises."""


class InstrumentError(TranscribeError):
    """A sampled instrument's folder is missing something it promises."""
