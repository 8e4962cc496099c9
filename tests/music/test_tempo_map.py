"""Beats in MIDI files: the grid fits what was played, and no note moves."""

import pytest

from transcribe.midi import midi_bytes
from transcribe.midi_parser import parse_midi
from transcribe.midi_reading import performance_of
from transcribe.music.beat_grid import Metre
from transcribe.music.tempo_map import tempo_map
from transcribe.notes import Note, PedalPress, Performance

WALTZ = Metre(3, 4)


def slowing(n_beats: int, start: float) -> list[float]:
    """Beats that slow down steadily, each a twentieth longer than the last."""
    beats, gap = [start], 0.5
    for _ in range(n_beats - 1):
        beats.append(beats[-1] + gap)
        gap *= 1.05
    return beats


def played(beats: list[float]) -> Performance:
    notes = [
        Note(onset=beat + 0.003 * (i % 3), offset=beat + 0.3, pitch=60 + i % 12, velocity=70)
        for i, beat in enumerate(beats)
    ]
    return Performance(notes, (PedalPress(onset=beats[0], offset=beats[2]),))


@pytest.mark.parametrize(("start", "first_downbeat"), [(0.0, 0), (2.31, 0), (1.7, 2), (0.4, 1)])
def test_a_ritardando_keeps_its_bars_and_its_seconds(start, first_downbeat):
    beats = slowing(26, start)
    performance = played(beats)
    data = midi_bytes(performance, beats=tempo_map(beats, first_downbeat, [(0, WALTZ)]))
    file = parse_midi(data)
    seconds = file.clock()
    bars = [seconds(tick) for tick in file.bars()]
    for downbeat in beats[first_downbeat::3]:
        assert min(abs(bar - downbeat) for bar in bars) < 0.001
    plain = performance_of(parse_midi(midi_bytes(performance))).performance
    found = performance_of(file).performance
    for was, now in zip(plain.notes, found.notes, strict=True):
        assert now.onset == pytest.approx(was.onset, abs=0.002)
        assert now.offset == pytest.approx(was.offset, abs=0.002)


def test_rounded_tempos_do_not_add_up():
    beats = [i * 0.4123457 for i in range(5000)]
    clock = tempo_map(beats, 0, [(0, Metre(4, 4))]).clock(960)
    assert clock.tick(beats[-1]) == 960 * 4999


def test_a_lead_in_fills_whole_bars_at_about_the_tempo():
    beats = [2.0 + 0.5 * i for i in range(13)]
    found = tempo_map(beats, 1, [(0, WALTZ)])  # an upbeat of a beat, two seconds in
    assert found.metres == ((0, WALTZ),)
    assert found.quarters[1] == 5  # five beats, then the upbeat: two bars


def test_an_upbeat_at_once_is_a_bar_of_its_own():
    beats = [0.5 * i for i in range(13)]
    found = tempo_map(beats, 1, [(0, WALTZ)])
    assert found.metres == ((0, Metre(1, 4)), (1, WALTZ))


def test_beats_of_six_eighths_are_dotted_quarters():
    beats = [0.75 * i for i in range(9)]
    file = parse_midi(midi_bytes(played(beats), beats=tempo_map(beats, 0, [(0, Metre(6, 8))])))
    assert file.metres() == ((0, 6, 8),)
    assert file.tempos()[0] == (0, 500_000)
