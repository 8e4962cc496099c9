"""What the programs that a target is for make of its files: each target's own reader.

A proof reads what `Encoded.write` wrote, by its description, and says of each item whether
the reader took it, in the sense of the target: not that nothing was raised, but that the
reader has the notes that were written. Where the reader has notes, they are given back, in
seconds of the recording, so that the round trip goes through the reader and not through us.

- Performance events: note-seq's `PerformanceOneHotEncoding` and `Performance`; encoding
  what they decoded gives the same ids.
- REMI and the other tokenisers: miditok, made from the file's settings, decodes its ids.
- Melodies: note-seq's `Melody`, with rests of a bar ending a melody and without leave to
  drop simultaneous notes, finds one melody of two bars or more, the events that were written.
- ABC: abc2midi parses it without a warning, and its MIDI file has the tune's notes.
- MusicVAE, GrooVAE, Coconet: Magenta's converters, in an environment of their own
  (``magenta/magenta_converters.py``).
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eval.systems.registry import System, default_environments, python_of
from transcribe.errors import TranscribeError
from transcribe.extras import needing
from transcribe.notes import Note
from transcribe.tokens import Item, decode, read_items

READERS = Path(__file__).resolve().parent / "magenta"
MAGENTA = System(
    name="magenta",
    title="Magenta 2.1.4",
    adapter="magenta_converters",
    folder=READERS,
    requirements="magenta.txt",
    with_dependencies=False,
    python="3.8",
    conventions="Its converters of MIDI files into tensors; no weights.",
    licence="Apache-2.0",
    source="magenta 2.1.4 from the Python package index",
)


class ReaderMissingError(TranscribeError):
    """The target's reader is not installed, so nothing was proved."""


@dataclass(frozen=True, slots=True)
class Proof:
    """What the reader made of one item."""

    item: Item
    complaint: str | None
    """Why it was not accepted; None if it was."""
    notes: tuple[Note, ...] | None = None
    """As the reader has them, in seconds of the recording; None where it has none."""

    @property
    def accepted(self) -> bool:
        """Whether the reader has what was written."""
        return self.complaint is None


def prove(target: str, descriptions: Sequence[Path]) -> list[list[Proof]]:
    """Show what was written to the target's own reader.

    Parameters
    ----------
    target : str
        A name of `transcribe.tokens.TARGETS`.
    descriptions : sequence of Path
        What `Encoded.write` wrote, of any number of sources.

    Returns
    -------
    list of list of Proof
        For each description, one for each of its items.

    Raises
    ------
    ReaderMissingError
        The reader is not installed.
    """
    if target in _MAGENTA:
        return _by_magenta(target, descriptions)
    if target not in _PROOFS:
        raise ReaderMissingError(f"{target}: no proof is written for it")
    proof = _PROOFS[target]
    return [[proof(target, item) for item in read_items(each)] for each in descriptions]


def by_events(target: str, item: Item) -> Proof:
    """note-seq decodes performance events, and encodes them to the same ids."""
    note_seq = _note_seq()
    from transcribe.tokens.performance_events import STEPS_A_SECOND, VOCABULARIES

    vocabulary = VOCABULARIES[target]
    encoding = note_seq.PerformanceOneHotEncoding(
        num_velocity_bins=32, min_pitch=vocabulary.lowest, max_pitch=vocabulary.highest
    )
    if item.suffix == ".mid":
        sequence = note_seq.midi_to_note_sequence(item.content)
        played = note_seq.Performance(
            note_seq.quantize_note_sequence_absolute(sequence, STEPS_A_SECOND), num_velocity_bins=32
        )
        same = len(list(played)) == item.about["n_events"]
        return Proof(item, None if same else "note-seq has other events than were written")
    ids = [number - vocabulary.n_reserved for number in json.loads(item.content)["ids"]]
    if not all(0 <= number < encoding.num_classes for number in ids):
        return Proof(item, "an id is not one of note-seq's classes")
    decoded = note_seq.Performance(steps_per_second=STEPS_A_SECOND, num_velocity_bins=32)
    for number in ids:
        decoded.append(encoding.decode_event(number))
    sequence = decoded.to_sequence()
    again = note_seq.Performance(
        note_seq.quantize_note_sequence_absolute(sequence, STEPS_A_SECOND), num_velocity_bins=32
    )
    notes = _of_sequence(sequence.notes, item.start)
    same = [encoding.encode_event(event) for event in again] == ids
    return Proof(item, None if same else "encoded again, note-seq has other ids", notes)


def by_miditok(target: str, item: Item) -> Proof:
    """miditok reads its settings and ids, and decodes them."""
    with needing("tokens", "miditok", "symusic"):
        import miditok  # noqa: F401
    try:
        notes = decode(target, item).notes
    except (KeyError, IndexError, ValueError) as error:
        return Proof(item, f"miditok does not decode it: {error!r}")
    return Proof(item, None if notes else "miditok has no notes", notes)


def by_melody(target: str, item: Item) -> Proof:
    """note-seq's melody extractor finds the one melody that was written."""
    note_seq = _note_seq()
    sequence = note_seq.midi_to_note_sequence(item.content)
    quantised = note_seq.quantize_note_sequence(sequence, steps_per_quarter=4)
    melody = note_seq.Melody()
    try:
        melody.from_quantized_sequence(
            quantised, gap_bars=1, ignore_polyphonic_notes=False, pad_end=True
        )
    except (note_seq.PolyphonicMelodyError, note_seq.BadTimeSignatureError) as error:
        return Proof(item, f"note-seq finds no melody: {error!r}")
    if len(melody) < 2 * melody.steps_per_bar:
        return Proof(item, "note-seq finds less than two bars")
    same = list(melody) == list(item.about["events"])
    notes = decode(target, item).notes
    return Proof(item, None if same else "note-seq finds other events than were written", notes)


def by_abc2midi(target: str, item: Item) -> Proof:
    """abc2midi has no warning, and its MIDI file has the tune's notes."""
    program = shutil.which("abc2midi")
    if program is None:
        raise ReaderMissingError("abc2midi is not installed; Debian has it in abcmidi")
    import pretty_midi

    with tempfile.TemporaryDirectory() as folder:
        tune, midi = Path(folder) / "tune.abc", Path(folder) / "tune.mid"
        tune.write_bytes(item.content)
        said = subprocess.run(
            [program, str(tune), "-o", str(midi)], capture_output=True, text=True, check=False
        )
        lines = (said.stdout + said.stderr).splitlines()
        warnings = [line for line in lines if "warning" in line.lower() or "error" in line.lower()]
        if warnings or said.returncode or not midi.is_file():
            return Proof(
                item, warnings[0] if warnings else f"abc2midi ended with {said.returncode}"
            )
        played = pretty_midi.PrettyMIDI(str(midi))
    found = sorted(
        (round(4 * played.time_to_tick(note.start) / played.resolution), note.pitch)
        for instrument in played.instruments
        for note in instrument.notes
    )
    from transcribe.tokens.abc import read_tune

    written = sorted((round(n.step), n.pitch) for n in read_tune(item.content.decode("ascii")))
    complaint = None if found == written else "abc2midi has other notes than were written"
    return Proof(item, complaint, decode(target, item).notes)


def _by_magenta(target: str, descriptions: Sequence[Path]) -> list[list[Proof]]:
    """What Magenta's converters say, all files in one process."""
    if not MAGENTA.adapter_path.is_file():
        raise ReaderMissingError("magenta/magenta_converters.py is not here")
    python = python_of(MAGENTA, default_environments())
    words = [str(python), str(MAGENTA.adapter_path), *map(str, descriptions)]
    said = subprocess.run(words, capture_output=True, text=True, check=False)
    if said.returncode:
        raise TranscribeError(f"Magenta's converters failed: {said.stderr.strip()[-1000:]}")
    rows = iter([json.loads(line) for line in said.stdout.splitlines() if line.startswith("{")])
    proofs = []
    for each in descriptions:
        items = read_items(each)
        answers = {row["file"]: row["complaint"] for row in (next(rows) for _ in items)}
        files = [f"{each.stem}.{item.name}{item.suffix}" for item in items]
        proofs.append(
            [
                Proof(item, answers[file], _notes_put_back(target, item))
                for item, file in zip(items, files, strict=True)
            ]
        )
    return proofs


def _notes_put_back(target: str, item: Item) -> tuple[Note, ...] | None:
    """GrooVAE's arrays put together again; other converters make tensors, not notes."""
    if target == "groovae" and item.suffix == ".npz":
        return decode(target, item).notes
    return None


def _of_sequence(notes: Any, start: float) -> tuple[Note, ...]:
    """note-seq's notes in seconds of the recording, the first of them at ``start``."""
    return tuple(
        sorted(
            Note(
                onset=start + note.start_time,
                pitch=note.pitch,
                offset=start + note.end_time,
                velocity=note.velocity,
            )
            for note in notes
        )
    )


def _note_seq() -> Any:
    with needing("magenta", "note_seq"):
        import note_seq
    return note_seq


_PROOFS: dict[str, Callable[[str, Item], Proof]] = {
    "performance-rnn": by_events,
    "music-transformer": by_events,
    "remi": by_miditok,
    "tsd": by_miditok,
    "midi-like": by_miditok,
    "compound-word": by_miditok,
    "melody-rnn": by_melody,
    "abc": by_abc2midi,
}
_MAGENTA = ("music-vae", "groovae", "coconet")
