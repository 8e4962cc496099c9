"""What the converters and parsers that stand before a target's model make of its files.

They are not the generators: no model plays here (`eval.downstream.generators` lets some play).
A proof reads what `Encoded.write` wrote, by its description, and says of each item whether
the reader took it, in the sense of the target: not that nothing was raised, but that the
reader has the notes that were written. What is raised is a complaint, and what was compared with
nothing is counted by itself. Where the reader has notes, they are given back, in
seconds of the recording, so that the round trip goes through the reader and not through us.

- Performance events: note-seq's `PerformanceOneHotEncoding` and `Performance`; encoding
  what they decoded gives the same ids, and the MIDI file has the same events.
- REMI and the other tokenisers: miditok, made from the file's settings, decodes its ids, and
  makes of what it decoded the same notes again.
- Melodies: note-seq's `Melody`, with rests of a bar ending a melody and without leave to
  drop simultaneous notes, finds one melody of two bars or more, the events that were written.
- ABC: abc2midi parses it without a warning, and its MIDI file has the tune's notes, each as long.
- MusicVAE, GrooVAE, Coconet: Magenta's converters, in an environment of their own
  (``magenta/magenta_converters.py``).
"""

from __future__ import annotations

import json
import math
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eval.systems.registry import System, default_environments, python_of
from transcribe.errors import TranscribeError
from transcribe.extras import needing
from transcribe.notes import Note
from transcribe.tokens import Item, decode, read_items
from transcribe.tokens.quantised import performed
from transcribe.tokens.score_midi import StepNote, read_score_midi

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
    """What the reader has otherwise than it was written, or why it refuses it."""
    notes: tuple[Note, ...] | None = None
    """As the reader has them, in seconds of the recording; None where it has none."""
    not_compared: str | None = None
    """Why the reader's was compared with nothing; None if it was."""

    @property
    def accepted(self) -> bool:
        """Whether the reader has what was written."""
        return self.complaint is None and self.not_compared is None


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
    proofs = []
    for each in descriptions:
        items = read_items(each)
        proofs.append([proof(target, item, items) for item in items])
    return proofs


def by_events(target: str, item: Item, beside: Sequence[Item]) -> Proof:
    """note-seq decodes performance events, and encodes them to the same ids.

    Of the MIDI file it has the events of the ids beside it.
    """
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
        found = [encoding.encode_event(event) + vocabulary.n_reserved for event in played]
        written = next((each for each in beside if each.suffix == ".json"), None)
        if written is None:
            return Proof(item, None, not_compared="no ids beside it")
        same = found == json.loads(written.content)["ids"]
        return Proof(item, None if same else "note-seq has other events than the ids beside it")
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


def by_miditok(target: str, item: Item, beside: Sequence[Item]) -> Proof:
    """miditok reads its settings and ids; encoding what it decoded, it decodes the same again."""
    with needing("tokens", "miditok", "symusic"):
        import miditok
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ids.json"
        path.write_bytes(item.content)
        try:
            tokeniser = getattr(miditok, json.loads(item.content)["tokenization"])(params=path)
            first = tokeniser.decode(tokeniser.load_tokens(path))
            again = tokeniser.decode(tokeniser.encode(first))
            notes = decode(target, item).notes
        except (KeyError, IndexError, ValueError, TypeError, AttributeError) as error:
            return Proof(item, f"miditok does not decode it: {error!r}")
    if len(notes) != item.about["n_notes"]:
        complaint = f"miditok has {len(notes)} notes; {item.about['n_notes']} were written"
        return Proof(item, complaint, notes)
    same = _played(first) == _played(again)
    return Proof(item, None if same else "encoded and decoded again, miditok differs", notes)


def _played(score: Any) -> list[tuple[int, ...]]:
    return sorted((n.time, n.pitch, n.duration, n.velocity) for t in score.tracks for n in t.notes)


def by_melody(target: str, item: Item, beside: Sequence[Item]) -> Proof:
    """note-seq's melody extractor finds the one melody that was written.

    In a primer it goes on after a silence of any length, as Magenta's MelodyRNN has it do.
    """
    note_seq = _note_seq()
    sequence = note_seq.midi_to_note_sequence(item.content)
    quantised = note_seq.quantize_note_sequence(sequence, steps_per_quarter=4)
    melody = note_seq.Melody()
    try:
        melody.from_quantized_sequence(
            quantised,
            gap_bars=math.inf if item.name.startswith("primer") else 1,
            ignore_polyphonic_notes=False,
            pad_end=True,
        )
    except (note_seq.PolyphonicMelodyError, note_seq.BadTimeSignatureError) as error:
        return Proof(item, f"note-seq finds no melody: {error!r}")
    if len(melody) < 2 * melody.steps_per_bar:
        return Proof(item, "note-seq finds less than two bars")
    same = list(melody) == list(item.about["events"])
    notes = decode(target, item).notes
    return Proof(item, None if same else "note-seq finds other events than were written", notes)


def by_abc2midi(target: str, item: Item, beside: Sequence[Item]) -> Proof:
    """abc2midi has no warning, and its MIDI file has the tune's notes, each as long."""
    program = shutil.which("abc2midi")
    if program is None:
        raise ReaderMissingError("abc2midi is not installed; Debian has it in abcmidi")
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
        played = read_score_midi(midi.read_bytes())
    from transcribe.tokens.abc import read_tune

    found, written = (
        sorted((round(n.step), n.pitch, round(n.n_steps)) for n in notes)
        for notes in (played.notes, read_tune(item.content.decode("ascii")))
    )
    complaint = None if found == written else "abc2midi has other notes than were written"
    return Proof(item, complaint, performed(played.notes, item.about).notes)


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
        answers = {row["file"]: row for row in (next(rows) for _ in items)}
        proofs.append(
            [
                _of_row(target, item, answers[f"{each.stem}.{item.name}{item.suffix}"])
                for item in items
            ]
        )
    return proofs


def _of_row(target: str, item: Item, row: Mapping[str, Any]) -> Proof:
    """One of Magenta's answers; GrooVAE's arrays put together again stand for its notes."""
    notes: tuple[Note, ...] | None = None
    if target == "groovae" and item.suffix == ".npz":
        notes = decode(target, item).notes
    elif row["notes"] is not None:
        notes = performed((StepNote(*each) for each in row["notes"]), item.about).notes
    return Proof(item, row["complaint"], notes, row["not_compared"])


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


_PROOFS: dict[str, Callable[[str, Item, Sequence[Item]], Proof]] = {
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
