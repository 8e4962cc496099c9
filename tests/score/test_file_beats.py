"""Beats of MIDI files that were written with them are kept; where they say nothing, found."""

import json
from itertools import accumulate, pairwise

import pytest
from exact_midi import exact_midi

from transcribe.cli import main
from transcribe.midi_file import METRE, meta_event, metre_event, tempo_event
from transcribe.music.beat_grid import Metre
from transcribe.score.file_beats import file_beats

TURNS = ((0, 2), (960, 3))
"""Ticks, and quarters of the bar there."""


def every(n_ticks, until):
    return range(0, until, n_ticks)


def test_bars_of_seven_eighths_are_kept(tmp_path):
    path = tmp_path / "seven.mid"
    path.write_bytes(exact_midi(every(240, 16 * 7 * 240), (0, metre_event(7, 8))))
    assert main(["score", str(path), "--json"]) == 0
    made = json.loads(path.with_name("seven.score.json").read_text("utf-8"))
    assert [each["metre"] for each in made["metres"]] == ["7/8"]
    places = [(note["bar"], note["beat"]) for note in made["notes"]]
    assert places[:8] == [(1, f"{n}/2" if n % 2 else str(n // 2)) for n in range(7)] + [(2, "0")]
    assert made["notes"][-1]["bar"] == 16
    assert not any("beats" in doubt or "bars" in doubt for doubt in made["doubts"])


def test_what_a_person_says_of_beats_goes_before_the_file(tmp_path):
    path = tmp_path / "seven.mid"
    path.write_bytes(exact_midi(every(240, 16 * 7 * 240), (0, metre_event(7, 8))))
    assert main(["score", str(path), "--json", "--metre", "3/4"]) == 0
    made = json.loads(path.with_name("seven.score.json").read_text("utf-8"))
    assert [each["metre"] for each in made["metres"]] == ["3/4"]


def test_a_first_bar_of_its_own_metre_is_an_upbeat():
    found = file_beats(
        exact_midi(every(240, 480 * 25), (0, metre_event(1, 4)), (480, metre_event(3, 4)))
    )
    assert set(found.metres) == {Metre(3, 4)}
    assert found.beats[:2] == (0.0, 0.4)
    assert found.downbeats[:2] == pytest.approx((0.4, 1.6))


@pytest.mark.parametrize(
    ("upbeat", "metre", "first"),
    [
        ((1, 16), (2, 4), (0, "7/4")),
        ((1, 8), (6, 8), (0, "5/2")),
        ((3, 8), (4, 4), (0, "5/2")),
        ((3, 8), (7, 8), (0, "2")),
    ],
)
def test_what_is_struck_first_in_an_upbeat_is_in_bar_0(tmp_path, upbeat, metre, first):
    path = tmp_path / "upbeat.mid"
    ticks = 4 * 480 * upbeat[0] // upbeat[1]
    head = (0, metre_event(*upbeat)), (ticks, metre_event(*metre))
    path.write_bytes(exact_midi(every(120, 480 * 24 + ticks), *head))
    assert main(["score", str(path), "--json"]) == 0
    made = json.loads(path.with_name("upbeat.score.json").read_text("utf-8"))
    places = [(note["bar"], note["beat"]) for note in made["notes"]]
    assert places[0] == first
    assert places[ticks // 120] == (1, "0")
    assert [each["metre"] for each in made["metres"]] == ["/".join(map(str, metre))]


def test_metres_that_take_turns_begin_with_no_upbeat():
    turns = [(n * 2400 + place, metre_event(top, 4)) for n in range(8) for place, top in TURNS]
    found = file_beats(exact_midi(every(240, 8 * 2400), *turns))
    assert found.downbeats[:4] == pytest.approx((0, 0.8, 2.0, 2.8))
    assert found.metres[:6] == (Metre(2, 4),) * 2 + (Metre(3, 4),) * 3 + (Metre(2, 4),)


def test_beats_are_none_where_bars_begin_beside_the_notes():
    assert file_beats(exact_midi(every(240, 9600), (100, metre_event(3, 4)))) is None
    assert file_beats(exact_midi(every(240, 9600), (240, metre_event(3, 4)))) is not None


@pytest.mark.parametrize("division", [96, 192, 480, 960, 10_000])
def test_a_few_notes_on_the_beats_are_enough(division):
    notes = [division * n for n in range(6)]
    found = file_beats(exact_midi(notes, (0, metre_event(3, 4)), division=division))
    assert set(found.metres) == {Metre(3, 4)}


@pytest.mark.parametrize("parts", [5, 7])
def test_quintuplets_and_septuplets_are_on_the_beats(parts):
    notes = [480 * n // parts for n in range(20 * parts)]
    assert file_beats(exact_midi(notes, (0, metre_event(3, 4)))).metres[0] == Metre(3, 4)


def test_only_beats_of_the_music_start_its_bars():
    found = file_beats(exact_midi(range(480 * 14, 480 * 30, 240), (0, metre_event(3, 4))))
    assert found.beats[0] == pytest.approx(14 * 0.4)
    assert found.downbeats[:2] == pytest.approx((15 * 0.4, 18 * 0.4))


def test_metres_and_tempos_change_where_the_file_says(tmp_path):
    path = tmp_path / "changes.mid"
    head = [(0, metre_event(3, 4)), (4 * 3 * 480, metre_event(6, 8)), (4800, tempo_event(600_000))]
    path.write_bytes(exact_midi(every(240, 4 * 3 * 480 + 4 * 6 * 240), *head))
    assert main(["score", str(path), "--json"]) == 0
    made = json.loads(path.with_name("changes.score.json").read_text("utf-8"))
    assert [(each["bar"], each["metre"]) for each in made["metres"]] == [(1, "3/4"), (5, "6/8")]
    assert [note["bar"] for note in made["notes"]] == [1 + n // 6 for n in range(48)]


def test_what_was_played_freely_says_nothing_of_beats():
    gaps = [217 + 37 * (n * n % 11) for n in range(100)]
    assert file_beats(exact_midi(list(accumulate(gaps)), (0, metre_event(3, 4)))) is None


def test_a_file_at_the_default_tells_beats_but_no_bars():
    found = file_beats(exact_midi(every(240, 9600), (0, metre_event(4, 4)), tempo=500_000))
    assert found.beats[:3] == (0.0, 0.5, 1.0)
    assert found.downbeats is None


@pytest.mark.parametrize(
    "content",
    [
        exact_midi(every(240, 9600), (0, metre_event(1, 1))),
        exact_midi(every(240, 9600), tempo=1),
        exact_midi(every(240, 9600), tempo=0xFFFFFF),
        exact_midi(every(1, 40), division=4),
        exact_midi([0, 480], (0, metre_event(3, 4))),
    ],
    ids=["metre", "fast", "slow", "coarse", "few"],
)
def test_beats_that_nobody_can_write_are_not_the_files(content):
    assert file_beats(content) is None


def test_a_metre_of_nothing_is_none():
    content = exact_midi(every(240, 9600), (0, meta_event(METRE, bytes((0, 2, 24, 8)))))
    assert file_beats(content).beats[1] == pytest.approx(0.4)


@pytest.mark.parametrize("metre", [Metre(3, 4), Metre(6, 8)])
def test_a_note_hours_after_the_rest_is_not_counted_to(metre):
    """Of the pause there are fewer, slower bars; those that are played stay the file's."""
    played, late = 30 * 480, 480 * 3 * 20_000
    head = (0, metre_event(metre.numerator, metre.denominator))
    alone = file_beats(exact_midi([*every(240, played), played], head))
    found = file_beats(exact_midi([*every(240, played), played, late, late + 240], head))
    end = late / 480 * 0.4
    assert len(found.beats) < 3000
    assert found.beats[: len(alone.beats)] == alone.beats
    assert found.downbeats[: len(alone.downbeats)] == alone.downbeats
    assert any(time == pytest.approx(end) for time in found.downbeats)
    gaps = [after - before for before, after in pairwise(found.beats)]
    assert 10 < max(gaps) <= 15
    starts = [found.beats.index(time) for time in found.downbeats]
    assert {after - before for before, after in pairwise(starts)} == {metre.beats_per_bar}
    assert set(found.metres) == {metre}
