"""Token ids for transformers of today, by miditok: REMI, TSD, MIDI-like and compound word.

An item is one JSON file that miditok reads twice: ``REMI(params=FILE)`` (or `TSD`,
`MIDILike`, `CPWord`) makes the tokeniser again from its settings, and ``load_tokens(FILE)``
gives the ids. Notes last as long as the sustain pedal lets them sound, and there is no token
for the pedal.

REMI and compound word [1]_ place notes in bars, so they need beats: 24 positions a quarter
note on the grid that the description tells. TSD and MIDI-like tell times from event to
event and need none: a quarter note is half a second there, and a position 10 ms.

References
----------
.. [1] W.-Y. Hsiao et al., "Compound Word Transformer", AAAI 2021.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from transcribe.extras import needing
from transcribe.music.beat_grid import COMMON_TIME, DENOMINATORS, BeatGrid, Metre
from transcribe.notes import (
    HIGHEST_PITCH,
    LOWEST_PITCH,
    Note,
    Performance,
    sustained,
    without_overlaps,
)
from transcribe.tokens.encoded import Encoded, Item, Settings
from transcribe.tokens.score_midi import StepNote, Track, score_midi

TOKENISERS = {"remi": "REMI", "tsd": "TSD", "midi-like": "MIDILike", "compound-word": "CPWord"}
"""Targets, and miditok's classes for them."""
ON_BEATS = ("remi", "compound-word")
_METRES = {denominator: list(range(1, 17)) for denominator in DENOMINATORS}
"""Every metre that `Metre` can be, so that all pieces have one vocabulary."""
_QUARTERS_A_MINUTE, _SIXTEENTHS_A_SECOND = 120, 8
"""Of the targets without beats."""
_STEPS_A_QUARTER = 4


def encode(performance: Performance, settings: Settings, *, target: str) -> Encoded:
    """The ids of a performance.

    Parameters
    ----------
    performance : Performance
        Offsets are key releases.
    settings : Settings
        Beats, for the targets `ON_BEATS`.
    target : str
        A name of `TOKENISERS`.

    Raises
    ------
    TranscribeError
        miditok is not installed.
    """
    tokeniser = _tokeniser(target)
    on_beats = target in ON_BEATS
    grid = settings.grid_of(performance) if on_beats else None
    about: dict[str, Any] = {
        "tokenizer": TOKENISERS[target],
        "vocabulary_size": _vocabulary_size(tokeniser),
        "offsets": "sustained",
    }
    if grid is not None:
        about["grid"] = grid.describe()
    notes = sustained(performance).notes
    if not notes:
        return Encoded(target, (), about, ("no notes",))
    placed: dict[str, Any]
    if grid is None:
        placed = {"second_0": notes[0].onset}
        score = [_in_seconds(note, notes[0].onset) for note in notes]
        quarters_a_minute, metre = float(_QUARTERS_A_MINUTE), COMMON_TIME
    else:
        bar = grid.metre.steps_per_bar
        first_step = int(grid.step(notes[0].onset) // bar) * bar
        placed = {"step_0": first_step, **_beats(grid)}
        score = [_on_grid(note, grid, first_step) for note in notes]
        metre = grid.metre
        quarters_a_minute = grid.tempo * metre.steps_per_beat / _STEPS_A_QUARTER
    midi = score_midi([Track("Piano", score)], quarters_a_minute=quarters_a_minute, metre=metre)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "score.mid"
        path.write_bytes(midi)
        ids = tokeniser(path)[0].ids
    content = {**tokeniser.to_dict(), "ids": [ids], "ids_encoded": [False]}
    item = Item(
        name="ids",
        suffix=".json",
        content=json.dumps(content, separators=(",", ":")).encode(),
        start=notes[0].onset,
        stop=max(note.offset for note in notes),
        about={**placed, "n_tokens": len(ids), "n_notes": len(notes)},
    )
    return Encoded(target, (item,), about)


def decode(item: Item, *, target: str) -> Performance:
    """The notes that miditok reads from an item, as long as they sound; no pedal.

    Raises
    ------
    TranscribeError
        miditok is not installed.
    """
    with needing("tokens", "miditok", "symusic"):
        import miditok
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ids.json"
        path.write_bytes(item.content)
        tokeniser = getattr(miditok, TOKENISERS[target])(params=path)
        score = tokeniser.decode(tokeniser.load_tokens(path))
    grid = _grid(item) if target in ON_BEATS else None
    notes = []
    for track in score.tracks:
        for each in track.notes:
            steps = (
                each.time / score.ticks_per_quarter * _STEPS_A_QUARTER,
                each.end / score.ticks_per_quarter * _STEPS_A_QUARTER,
            )
            if grid is None:
                onset, offset = (
                    item.about["second_0"] + step / _SIXTEENTHS_A_SECOND for step in steps
                )
            else:
                onset, offset = (grid.step_seconds(step + item.about["step_0"]) for step in steps)
            onset = max(0.0, onset)
            if onset < offset:
                notes.append(
                    Note(onset=onset, pitch=each.pitch, offset=offset, velocity=each.velocity)
                )
    return Performance(notes=without_overlaps(notes))


def _tokeniser(target: str) -> Any:
    """One of miditok's, with settings for a piano that is played."""
    with needing("tokens", "miditok", "symusic"):
        import miditok

    on_beats = target in ON_BEATS
    config = miditok.TokenizerConfig(
        pitch_range=(LOWEST_PITCH, HIGHEST_PITCH + 1),
        beat_res={(0, 4): 24, (4, 16): 8} if on_beats else {(0, 2): 50, (2, 20): 10},
        num_velocities=32,
        special_tokens=["PAD", "BOS", "EOS"],
        use_time_signatures=on_beats,
        time_signature_range=_METRES,
    )
    return getattr(miditok, TOKENISERS[target])(config)


def _vocabulary_size(tokeniser: Any) -> int | list[int]:
    """How many ids there are; compound word has a vocabulary for each of its parts."""
    sizes: int | list[int] = tokeniser.len
    return list(sizes) if isinstance(sizes, list) else int(sizes)


def _in_seconds(note: Note, start: float) -> StepNote:
    return StepNote(
        step=(note.onset - start) * _SIXTEENTHS_A_SECOND,
        pitch=note.pitch,
        n_steps=(note.offset - note.onset) * _SIXTEENTHS_A_SECOND,
        velocity=note.velocity,
    )


def _on_grid(note: Note, grid: BeatGrid, first_step: int) -> StepNote:
    onset = grid.step(note.onset)
    return StepNote(
        step=max(0.0, onset - first_step),
        pitch=note.pitch,
        n_steps=grid.step(note.offset) - onset,
        velocity=note.velocity,
    )


def _beats(grid: BeatGrid) -> dict[str, Any]:
    """What of a grid an item needs to be put back."""
    return {
        "beats": [round(beat, 5) for beat in grid.beats],
        "metre": str(grid.metre),
        "first_downbeat": grid.first_downbeat,
    }


def _grid(item: Item) -> BeatGrid:
    return BeatGrid(
        beats=tuple(item.about["beats"]),
        metre=Metre.parse(item.about["metre"]),
        first_downbeat=item.about["first_downbeat"],
    )
