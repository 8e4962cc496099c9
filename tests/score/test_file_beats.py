"""Beats of MIDI files that were written with them are kept; where they say nothing, found."""

import json
from itertools import accumulate

import pytest

from transcribe.cli import main
from transcribe.midi_file import (
    METRE,
    NOTE_OFF,
    NOTE_ON,
    meta_event,
    metre_event,
    midi_file_bytes,
    tempo_event,
)
from transcribe.music.beat_grid import Metre
from transcribe.score.file_beats import file_beats

QUARTER = 480


def midi(strikes, *head, tempo=400_000, division=QUARTER):
    """A file with its head and eighths struck at the given ticks, bass and treble."""
    events = [(tick, bytes((NOTE_ON, 60 + n % 5, 80))) for n, tick in enumerate(strikes)]
    events += [
        (tick + division // 2 - 1, bytes((NOTE_OFF, 60 + n % 5, 0)))
        for n, tick in enumerate(strikes)
    ]
    first = sorted([(0, tempo_event(tempo)), *head], key=lambda event: event[0])
    return midi_file_bytes(division, (first, sorted(events, key=lambda event: event[0])))


def every(n_ticks, until):
    return range(0, until, n_ticks)


def test_bars_of_seven_eighths_are_kept(tmp_path):
    path = tmp_path / "seven.mid"
    path.write_bytes(midi(every(240, 16 * 7 * 240), (0, metre_event(7, 8))))
    assert main(["score", str(path), "--json"]) == 0
    made = json.loads(path.with_name("seven.score.json").read_text("utf-8"))
    assert [each["metre"] for each in made["metres"]] == ["7/8"]
    places = [(note["bar"], note["beat"]) for note in made["notes"]]
    assert places[:8] == [(1, f"{n}/2" if n % 2 else str(n // 2)) for n in range(7)] + [(2, "0")]
    assert made["notes"][-1]["bar"] == 16
    assert not any("beats" in doubt or "bars" in doubt for doubt in made["doubts"])


def test_what_a_person_says_of_beats_goes_before_the_file(tmp_path):
    path = tmp_path / "seven.mid"
    path.write_bytes(midi(every(240, 16 * 7 * 240), (0, metre_event(7, 8))))
    assert main(["score", str(path), "--json", "--metre", "3/4"]) == 0
    made = json.loads(path.with_name("seven.score.json").read_text("utf-8"))
    assert [each["metre"] for each in made["metres"]] == ["3/4"]


def test_a_first_bar_of_its_own_metre_is_an_upbeat():
    found = file_beats(midi(every(240, 480 * 25), (0, metre_event(1, 4)), (480, metre_event(3, 4))))
    assert set(found.metres) == {Metre(3, 4)}
    assert found.beats[:2] == (0.0, 0.4)
    assert found.downbeats[:2] == pytest.approx((0.4, 1.6))


def test_metres_and_tempos_change_where_the_file_says(tmp_path):
    path = tmp_path / "changes.mid"
    head = [(0, metre_event(3, 4)), (4 * 3 * 480, metre_event(6, 8)), (4800, tempo_event(600_000))]
    path.write_bytes(midi(every(240, 4 * 3 * 480 + 4 * 6 * 240), *head))
    assert main(["score", str(path), "--json"]) == 0
    made = json.loads(path.with_name("changes.score.json").read_text("utf-8"))
    assert [(each["bar"], each["metre"]) for each in made["metres"]] == [(1, "3/4"), (5, "6/8")]
    assert [note["bar"] for note in made["notes"]] == [1 + n // 6 for n in range(48)]


def test_what_was_played_freely_says_nothing_of_beats():
    gaps = [217 + 37 * (n * n % 11) for n in range(100)]
    assert file_beats(midi(list(accumulate(gaps)), (0, metre_event(3, 4)))) is None


def test_a_file_at_the_default_tells_beats_but_no_bars():
    found = file_beats(midi(every(240, 9600), (0, metre_event(4, 4)), tempo=500_000))
    assert found.beats[:3] == (0.0, 0.5, 1.0)
    assert found.downbeats is None


@pytest.mark.parametrize(
    "content",
    [
        midi(every(240, 9600), (0, metre_event(1, 1))),
        midi(every(240, 9600), tempo=1),
        midi(every(240, 9600), tempo=0xFFFFFF),
        midi(every(1, 40), division=4),
        midi([0, 480], (0, metre_event(3, 4))),
    ],
    ids=["metre", "fast", "slow", "coarse", "few"],
)
def test_beats_that_nobody_can_write_are_not_the_files(content):
    assert file_beats(content) is None


def test_a_metre_of_nothing_is_none():
    content = midi(every(240, 9600), (0, meta_event(METRE, bytes((0, 2, 24, 8)))))
    assert file_beats(content).beats[1] == pytest.approx(0.4)
