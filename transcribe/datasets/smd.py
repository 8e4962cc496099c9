"""Saarland Music Data as downloaded: fifty performances on a Disklavier, audio and MIDI [1]_.

Version 2 unpacks to ``midi/NAME.mid`` beside ``wav_44100_stereo/NAME.wav`` (or another folder of
``wav``); the older pages give ``NAME.mid`` and ``NAME.mp3`` in one. Names are
``Composer_Work_Performer_Date-SMD``.

Nobody has split it. Here five performances are the test, and the MIDI of the others may be
trained on: it has the pedal's whole travel.

References
----------
.. [1] M. Mueller, V. Konz, W. Bogler, V. Arifi-Mueller, "Saarland Music Data (SMD)", ISMIR
   late-breaking session, 2011.
"""

from __future__ import annotations

from pathlib import Path

from transcribe.audio.probing import probe
from transcribe.datasets.index import Recording
from transcribe.errors import DatasetError
from transcribe.files.endings import is_recording
from transcribe.files.walking import walk

NAME_PATTERN = "*-SMD.mid"
TEST_WORKS = (
    "Beethoven_Op031No2-03",
    "Chopin_Op028-04",
    "Chopin_Op028-11",
    "Chopin_Op028-15",
    "Chopin_Op066",
)
"""Composer and work of the performances that are the test."""


def read_smd(folder: Path | str) -> tuple[Recording, ...]:
    """The performances of an SMD folder, sorted by name.

    Raises
    ------
    DatasetError
        No performance is found, or one has no audio.
    """
    folder = Path(folder)
    files = walk(folder).files
    midi_paths = [path for path in files if path.match(NAME_PATTERN)]
    if not midi_paths:
        raise DatasetError(
            f"expected performances Composer_Work_Performer_Date-SMD.mid in {folder}; found none"
        )
    audio_paths = {
        path.stem: path for path in files if path.match("*-SMD.*") and is_recording(path)
    }
    recordings = []
    for midi_path in midi_paths:
        audio_path = audio_paths.get(midi_path.stem)
        if audio_path is None:
            raise DatasetError(
                f"expected a recording {midi_path.stem}.wav or .mp3 in {folder}, as there is "
                f"{midi_path}; found none. Is the audio unpacked too?"
            )
        duration = probe(audio_path).duration
        if duration is None:
            raise DatasetError(f"{audio_path} does not say how long it is; expected a whole file")
        composer, work = midi_path.stem.split("_")[:2]
        recordings.append(
            Recording(
                title=work,
                composer=composer,
                split="test" if f"{composer}_{work}" in TEST_WORKS else "train",
                year=None,
                midi_path=midi_path,
                audio_path=audio_path,
                duration=duration,
            )
        )
    return tuple(recordings)
