"""Tokens lie on the beats and bars that a MIDI file states, where its notes lie on them."""

from __future__ import annotations

import json
from itertools import accumulate

import pytest
from exact_midi import EIGHTH, QUARTER, exact_midi
from on_a_grid import a_piece, ran

from transcribe.midi import read_midi, write_midi
from transcribe.midi_file import metre_event, tempo_event
from transcribe.music.beat_grid import COMMON_TIME, Metre
from transcribe.score.beat_grid import find_grid
from transcribe.score.file_beats import beats_of, file_beats
from transcribe.tokens import Settings, encode, read_items

SEVEN = (0, metre_event(7, 8))


def eighths(n, *head, start=0, tempo=400_000):
    ticks = range(start * EIGHTH, (start + n) * EIGHTH, EIGHTH)
    return exact_midi(ticks, *head, tempo=tempo)


def grid_of(tmp_path, content, **known):
    """The grid of a file with these bytes, and its onsets in sixteenths of that grid."""
    path = tmp_path / "song.mid"
    path.write_bytes(content)
    performance = read_midi(path)
    grid = find_grid(performance, own=beats_of(path), **known)
    return grid, [grid.step(note.onset) for note in performance.notes]


def sidecar(out, target, name):
    return json.loads((out / target / f"{name}.json").read_text("utf-8"))["grid"]


@pytest.mark.parametrize(("metre", "per_beat"), [(Metre(7, 8), 1), (Metre(5, 4), 2)], ids=str)
def test_the_grid_is_the_files_and_says_so(tmp_path, capsys, metre, per_beat):
    path, out = tmp_path / "song.mid", tmp_path / "out"
    path.write_bytes(
        eighths(
            16 * metre.beats_per_bar * per_beat,
            (0, metre_event(metre.numerator, metre.denominator)),
        )
    )
    assert ran("tokens", path, "--for", "abc", "--for", "melody-rnn", "-o", out) == 0
    tempo = 300 // per_beat
    said = f"{tempo} beats per minute (stated), {metre} (stated)"
    assert capsys.readouterr().out.count(said) == 2
    grid = sidecar(out, "melody-rnn", "song")
    assert (grid["tempo"], grid["metre"], grid["first_downbeat"]) == (tempo, str(metre), 0)
    assert (grid["tempo_is"], grid["metre_is"]) == ("stated", "stated")
    assert grid["beats"][:3] == pytest.approx([0, 60 / tempo, 120 / tempo])
    assert f"M:{metre}".encode() in read_items(out / "abc" / "song.json")[0].content


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--metre", "3/4"), "(estimated), 3/4 (given)"),
        (("--tempo", "140"), "140 beats per minute (given), "),
    ],
    ids=["metre", "tempo"],
)
def test_what_the_user_says_of_beats_goes_before_the_file(tmp_path, capsys, words, said):
    path = tmp_path / "seven.mid"
    path.write_bytes(eighths(16 * 7, SEVEN))
    assert ran("tokens", path, "--for", "abc", "-o", tmp_path / "out", *words) == 0
    printed = capsys.readouterr().out
    assert said in printed
    assert "stated" not in printed


def test_an_upbeat_comes_before_the_first_bar(tmp_path):
    head = [(0, metre_event(1, 4)), (QUARTER, metre_event(3, 4))]
    grid, steps = grid_of(tmp_path, eighths(50, *head))
    assert (grid.metre, grid.first_downbeat) == (Metre(3, 4), 1)
    assert steps == pytest.approx([2 * i - 4 for i in range(50)], abs=1e-2)


def test_bars_that_begin_with_a_rest_are_counted_from_their_line(tmp_path):
    grid, steps = grid_of(tmp_path, eighths(48, (0, metre_event(3, 4)), start=3))
    assert (grid.metre, grid.first_downbeat) == (Metre(3, 4), 2)
    assert steps == pytest.approx([2 * i - 12 for i in range(3, 51)], abs=1e-2)


@pytest.mark.parametrize(
    ("n_bars", "main"), [(8, Metre(3, 4)), (2, Metre(6, 8))], ids=["first", "last"]
)
def test_a_sixteenth_stays_one_where_the_metre_changes(tmp_path, n_bars, main):
    head = [(0, metre_event(3, 4)), (n_bars * 6 * EIGHTH, metre_event(6, 8))]
    grid, steps = grid_of(tmp_path, eighths(72, *head))
    assert grid.metre == main
    assert steps == pytest.approx([2 * i for i in range(72)], abs=1e-2)


def test_a_bar_after_the_last_note_is_no_metre_of_the_grid(tmp_path):
    head = [(0, metre_event(7, 8)), (14 * EIGHTH, metre_event(2, 2))]
    path = tmp_path / "end.mid"
    path.write_bytes(exact_midi(range(12 * EIGHTH, 14 * EIGHTH, 60), *head))
    own = beats_of(path)
    assert len(own.beats) == 3
    grid = find_grid(read_midi(path), own=own)
    assert grid.beats[:3] == own.beats
    assert (grid.tempo_origin, grid.metre_origin) == ("stated", "estimated")


def test_a_change_of_tempo_is_followed(tmp_path):
    head = [(0, metre_event(3, 4)), (24 * EIGHTH, tempo_event(800_000))]
    grid, steps = grid_of(tmp_path, eighths(72, *head))
    assert grid.beats[11:14] == pytest.approx([4.4, 4.8, 5.6])
    assert steps == pytest.approx([2 * i for i in range(72)], abs=1e-2)


def test_a_file_at_the_default_has_its_bars_found_on_its_beats(tmp_path, capsys):
    path = tmp_path / "default.mid"
    path.write_bytes(eighths(96, (0, metre_event(4, 4)), tempo=500_000))
    assert ran("tokens", path, "--for", "abc", "-o", tmp_path / "out") == 0
    assert "120 beats per minute (stated), " in capsys.readouterr().out
    grid = sidecar(tmp_path / "out", "abc", "default")
    assert (grid["tempo_is"], grid["metre_is"]) == ("stated", "estimated")
    assert grid["beats"][:3] == pytest.approx([0.0, 0.5, 1.0])


@pytest.mark.parametrize("head", [(), (SEVEN,)], ids=["default", "metre"])
def test_what_was_only_played_has_the_grid_of_its_notes(tmp_path, head):
    ticks = list(accumulate(217 + 37 * (n * n % 11) for n in range(100)))
    path = tmp_path / "played.mid"
    path.write_bytes(exact_midi(ticks, *head))
    assert ran("tokens", path, "--for", "melody-rnn", "-o", tmp_path / "out") == 0
    made = json.loads((tmp_path / "out" / "melody-rnn" / "played.json").read_text("utf-8"))
    alone = encode("melody-rnn", read_midi(path))
    assert made["grid"] == json.loads(json.dumps(alone.about["grid"]))
    items = read_items(tmp_path / "out" / "melody-rnn" / "played.json")
    assert [item.content for item in items] == [item.content for item in alone.items]


def test_a_transcription_states_no_beats(tmp_path):
    path = tmp_path / "take.mid"
    write_midi(a_piece(20)[0], path)
    assert beats_of(path) is None
    assert beats_of(tmp_path / "take.wav") is None


def test_settings_know_what_the_file_states():
    own = file_beats(eighths(70, SEVEN))
    performance = a_piece(2)[0]
    assert Settings(own=own).grid_of(performance).metre == Metre(7, 8)
    known = a_piece(2)[1]
    assert Settings(own=own, grid=known).grid_of(performance) == known
    assert Settings(own=own, metre=COMMON_TIME).grid_of(performance).metre == COMMON_TIME


def test_what_is_placed_begins_on_a_bar_of_the_file(tmp_path):
    path, made = tmp_path / "seven.mid", tmp_path / "made.mid"
    path.write_bytes(eighths(16 * 7, SEVEN))
    made.write_bytes(eighths(7))
    assert ran("place", made, "--onto", path, "--at", "3", "--quiet") == 0
    placed = read_midi(tmp_path / "made.placed.mid").notes
    # From the third bar on.
    assert [note.onset for note in placed] == pytest.approx(
        [2.8 + 0.2 * i for i in range(7)], abs=0.002
    )


def test_tokens_are_placed_where_they_were(tmp_path):
    path, out = tmp_path / "seven.mid", tmp_path / "out"
    path.write_bytes(eighths(16 * 7, SEVEN, (8 * 7 * EIGHTH, tempo_event(600_000))))
    assert ran("tokens", path, "--for", "melody-rnn", "-o", out, "--quiet") == 0
    played = {(note.pitch, round(note.onset, 2)) for note in read_midi(path).notes}
    items = sorted((out / "melody-rnn").glob("*.mid"))
    assert items
    for number, item in enumerate(items):
        back = tmp_path / f"back{number}.mid"
        assert ran("place", item, "--onto", item, "-o", back, "--quiet") == 0
        assert {(n.pitch, round(n.onset, 2)) for n in read_midi(back).notes} <= played
