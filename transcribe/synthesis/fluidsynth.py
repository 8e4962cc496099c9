"""A MIDI file played on a SoundFont by the program FluidSynth."""

from __future__ import annotations

import logging
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from transcribe.audio.reader import AudioReader
from transcribe.audio.wav import check_wav_length
from transcribe.errors import InstrumentError, MidiError, TranscribeError
from transcribe.midi import midi_content, write_midi
from transcribe.midi_file import NOTE_ON, DamagedError, MidiFile
from transcribe.midi_parser import parse_midi
from transcribe.midi_reading import performance_of
from transcribe.synthesis.sample_bank import Samples
from transcribe.wording import reason

_log = logging.getLogger(__name__)

_PLAYED_RATE = 44100
_PLAYED_CHANNELS = 2
_ERROR = re.compile(r"^fluidsynth: error: (.*)", re.MULTILINE)
"""With a font that it can't read or on a full disk FluidSynth ends as if all were well: it writes
silence, or a part."""


def render_soundfont(midi_path: Path, soundfont_path: Path, *, sample_rate: int = 16000) -> Samples:
    """Play a MIDI file on a SoundFont with the ``fluidsynth`` program.

    Returns
    -------
    np.ndarray
        Mono float32 at ``sample_rate``, shape (n_samples,).

    Raises
    ------
    InstrumentError
        If FluidSynth is not installed or fails, or the file is no SoundFont that it can play.
    MidiError
        If the file is no MIDI file, or has no notes.
    """
    return np.concatenate(
        list(render_soundfont_blocks(midi_path, soundfont_path, sample_rate=sample_rate))
    )


def render_soundfont_blocks(
    midi_path: Path, soundfont_path: Path, *, sample_rate: int = 16000
) -> Iterator[Samples]:
    """Yield what `render_soundfont` returns in blocks, so that hours need little memory.

    FluidSynth plays all of it into a temporary file first; errors are raised by then. Of a file
    that it can't read, damaged or timed by frames (SMPTE), it plays what `load_midi` reads.
    """
    program = shutil.which("fluidsynth")
    if program is None:
        raise InstrumentError(
            "SoundFonts need the program fluidsynth, which was not found; install it "
            "(on Debian: apt install fluidsynth) or render with a sample bank"
        )
    _check_header(soundfont_path, b"RIFF....sfbk", "a SoundFont", InstrumentError)
    _check_header(midi_path, b"MThd", "a MIDI file", MidiError)
    file = _parsed(midi_path)
    n_samples = round(file.clock()(file.end) * _PLAYED_RATE)
    check_wav_length(midi_path, n_samples, _PLAYED_RATE, n_channels=_PLAYED_CHANNELS)
    with tempfile.TemporaryDirectory() as folder:
        wav_path, read_path = Path(folder) / "render.wav", Path(folder) / "read.mid"
        command = [program, "-n", "-i", "-q", "-g", "0.8", "-r", str(_PLAYED_RATE)]
        command += ["-F", str(wav_path), str(soundfont_path)]
        failure = _failure([*command, str(midi_path)], wav_path)
        if failure and (file.damage or file.ticks_a_quarter is None):
            write_midi(performance_of(file).performance, read_path)
            _log.warning("%s: %s; what can be read of it is played", midi_path, failure)
            failure = _failure([*command, str(read_path)], wav_path)
        if failure:
            raise InstrumentError(f"{soundfont_path}: fluidsynth failed on {midi_path}: {failure}")
        yield from AudioReader(wav_path, sample_rate)


def _failure(command: list[str], wav_path: Path) -> str:
    """What FluidSynth complains of; empty where it has played all."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    errors = _ERROR.findall(done.stderr)
    if done.returncode == 0 and not errors and wav_path.is_file():
        return ""
    said = errors or (done.stderr or done.stdout).strip().splitlines() or ["no message"]
    return str(said[-1]).strip()


def _parsed(path: Path) -> MidiFile:
    """A file that strikes a key."""
    try:
        file = parse_midi(midi_content(path))
    except DamagedError as error:
        raise MidiError(f"{path}: {error}") from error
    strikes = (
        status & 0xF0 == NOTE_ON and velocity
        for track in file.tracks
        for _, status, _, velocity in track.messages
    )
    if not any(strikes):
        raise MidiError(f"{path}: expected notes to play, found none")
    return file


def _check_header(path: Path, pattern: bytes, what: str, error: type[TranscribeError]) -> None:
    """FluidSynth renders silence from a file that it can't read; refuse it instead."""
    try:
        with path.open("rb") as file:
            header = file.read(len(pattern))
    except OSError as cause:
        raise error(f"{path}: expected {what}; {reason(cause, about=path)}") from cause
    if not re.fullmatch(pattern, header, re.DOTALL):
        raise error(f"{path}: expected {what}; found another kind of file")
