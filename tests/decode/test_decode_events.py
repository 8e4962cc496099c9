"""Candidates: a hundredth of the rolls, from which decoding makes exactly the same notes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.strategies import floats, integers, sampled_from

from transcribe.decode.config import DecodeConfig
from transcribe.decode.decoder import Decoder, decode
from transcribe.decode.events import EVENT, CandidateReader, Candidates
from transcribe.frames import FrameGrid
from transcribe.notes import KEY, SUSTAINED, Note, PedalPress, Performance
from transcribe.rolls import SHIFT_PLANES, Rolls, encode

GRID = FrameGrid(16000, 512)
FLOOR = 0.1


def noisy_rolls(seed: int, n_frames: int = 300) -> Rolls:
    """Probabilities that rise and fall like a network's that is never sure."""
    rng = np.random.default_rng(seed)
    values = rng.random((n_frames + 4, Rolls.empty(1).stack().shape[1])).astype(np.float32)
    smooth = (values[:-4] + values[1:-3] + values[2:-2] + values[3:-1] + values[4:]) / 5
    rolls = Rolls.unstack(np.clip(3 * smooth - 1, 0, 1))
    for name in SHIFT_PLANES:
        getattr(rolls, name)[:] = 2 * getattr(rolls, name) - 1
    return rolls


def read_in_parts(rolls: Rolls, config: DecodeConfig, length: int) -> list[Candidates]:
    """Candidates at the floor, in the pieces in which they came."""
    reader = CandidateReader(replace(config, onset_threshold=FLOOR).thresholds())
    stacked = rolls.stack()
    parts = [
        reader.push(Rolls.unstack(stacked[start : start + length]))
        for start in range(0, len(stacked), length)
    ]
    return [*parts, reader.finish()]


def whole(parts: list[Candidates]) -> Candidates:
    return Candidates(
        np.concatenate([part.events for part in parts]),
        np.concatenate([part.pedal for part in parts]),
    )


@settings(max_examples=15, deadline=None)
@given(
    seed=integers(0, 1000),
    length=sampled_from([1, 7, 50, 1000]),
    threshold=floats(FLOOR, 0.9),
    minimum_duration=sampled_from([0.0, 0.1]),
)
def test_any_higher_threshold_decodes_as_from_the_rolls(seed, length, threshold, minimum_duration):
    rolls = noisy_rolls(seed, 120)
    config = DecodeConfig(onset_threshold=threshold, minimum_duration=minimum_duration)
    candidates = whole(read_in_parts(rolls, config, length))
    assert len(candidates.pedal) == len(rolls)
    for offsets in (KEY, SUSTAINED):
        decoder = Decoder(GRID, replace(config, offsets=offsets))
        decoder.take(candidates)
        assert decoder.finish() == decode(rolls, GRID, replace(config, offsets=offsets))


def test_candidates_survive_being_written_down():
    rolls = noisy_rolls(3)
    candidates = whole(read_in_parts(rolls, DecodeConfig(), 64))
    again = Candidates(
        np.frombuffer(candidates.events.tobytes(), EVENT),
        np.frombuffer(candidates.pedal.tobytes(), "<f4"),
    )
    decoder = Decoder(GRID, DecodeConfig())
    decoder.take(again)
    assert decoder.finish() == decode(rolls, GRID, DecodeConfig())


def test_a_threshold_on_a_probability_itself_counts_it():
    """Thresholds are compared in single precision, as the rolls are."""
    rolls = Rolls.empty(40)
    rolls.onset[10, 39] = np.float32(0.7)
    candidates = whole(read_in_parts(rolls, DecodeConfig(), 40))
    for threshold in (0.7, float(np.float32(0.7)), 0.7000001, 0.71):
        config = DecodeConfig(onset_threshold=threshold)
        decoder = Decoder(GRID, config)
        decoder.take(candidates)
        assert len(decoder.finish().notes) == len(decode(rolls, GRID, config).notes)


def test_a_note_keeps_its_name_when_the_threshold_moves():
    rolls = noisy_rolls(5)
    candidates = whole(read_in_parts(rolls, DecodeConfig(), 64))

    def named(threshold: float) -> dict[tuple[int, int], float]:
        decoder = Decoder(GRID, DecodeConfig(onset_threshold=threshold))
        decoder.take(candidates)
        decoder.finish()
        struck = decoder.struck()
        names = {(peak, note.pitch): note.onset for peak, note in struck}
        assert len(names) == len(struck)
        return names

    many, few = named(0.3), named(0.6)
    assert len(few) > 100
    assert len(many) > 1.5 * len(few)
    # All but those that a repetition close by replaces.
    same = [name for name in few if many.get(name) == few[name]]
    assert len(same) > 0.9 * len(few)


def test_notes_are_known_before_the_end():
    played = Performance(
        notes=[
            Note(onset=0.5, pitch=60, offset=1.0, velocity=80),
            Note(onset=1.5, pitch=60, offset=1.8, velocity=80),
            Note(onset=2.0, pitch=60, offset=4.0, velocity=80),
        ],
        pedal=[PedalPress(onset=2.2, offset=2.8)],
    )
    rolls = encode(played, GRID, 200).stack()
    decoder = Decoder(GRID, DecodeConfig())
    decoder.push(Rolls.unstack(rolls[:100]))  # 3.2 s
    assert decoder.n_settled == 1
    known = [note for _, note in decoder.struck()]
    assert [note.onset for note in known] == pytest.approx([0.5, 1.5, 2.0], abs=0.02)
    assert known[2].offset == pytest.approx(3.2, abs=0.2)
    assert [press.offset for press in decoder.pedal] == pytest.approx([2.8], abs=0.02)
    assert [note.onset for _, note in decoder.struck(1)] == [note.onset for note in known[1:]]
    decoder.push(Rolls.unstack(rolls[100:]))
    assert decoder.finish().notes[2].offset == pytest.approx(4.0, abs=0.02)
    assert decoder.n_settled == 3


def test_a_decoder_that_has_finished_takes_no_more():
    decoder = Decoder(GRID, DecodeConfig())
    decoder.finish()
    with pytest.raises(ValueError, match="has finished"):
        decoder.take(Candidates.none())
