"""A MIDI file played on a SoundFont by the program FluidSynth."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from transcribe.audio.reader import AudioReader
from transcribe.errors import InstrumentError, MidiError, TranscribeError
from transcribe.midi import midi_content
from transcribe.midi_file import NOTE_ON, DamagedError
from transcribe.midi_parser import parse_midi
from transcribe.synthesis.sample_bank import Samples

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

    FluidSynth plays all of it into a temporary file first; errors are raised by then.
    """
    program = shutil.which("fluidsynth")
    if program is None:
        raise InstrumentError(
            "SoundFonts need the program fluidsynth, which was not found; install it "
            "(on Debian: apt install fluidsynth) or render with a sample bank"
        )
    _check_header(soundfont_path, b"RIFF....sfbk", "a SoundFont", InstrumentError)
    _check_header(midi_path, b"MThd", "a MIDI file", MidiError)
    _check_notes(midi_path)
    with tempfile.TemporaryDirectory() as folder:
        wav_path = Path(folder) / "render.wav"
        command = [program, "-n", "-i", "-q", "-g", "0.8", "-r", "44100", "-F", str(wav_path)]
        done = subprocess.run(
            [*command, str(soundfont_path), str(midi_path)],
            capture_output=True,
            text=True,
            check=False,
        )
        errors = _ERROR.findall(done.stderr)
        if done.returncode != 0 or errors or not wav_path.is_file():
            said = errors or (done.stderr or done.stdout).strip().splitlines() or ["no message"]
            raise InstrumentError(
                f"{soundfont_path}: fluidsynth failed on {midi_path}: {said[-1].strip()}"
            )
        yield from AudioReader(wav_path, sample_rate)


def _check_notes(path: Path) -> None:
    try:
        file = parse_midi(midi_content(path))
    except DamagedError as error:
        raise MidiError(f"{path}: {error}") from error
    kinds = {status & 0xF0 for track in file.tracks for _, status, _, _ in track.messages}
    if NOTE_ON not in kinds:
        raise MidiError(f"{path}: expected notes to play, found none")


def _check_header(path: Path, pattern: bytes, what: str, error: type[TranscribeError]) -> None:
    """FluidSynth renders silence from a file that it can't read; refuse it instead."""
    try:
        with path.open("rb") as file:
            header = file.read(len(pattern))
    except OSError as cause:
        raise error(f"{path}: expected {what}; {cause.strerror}") from cause
    if not re.fullmatch(pattern, header, re.DOTALL):
        raise error(f"{path}: expected {what}; found another kind of file")
