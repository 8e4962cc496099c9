"""The way back: whatever a generator writes lands on the recording's beats."""

from __future__ import annotations

import itertools
import json
import statistics
import struct
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transcribe import cli
from transcribe.midi import load_midi, write_midi
from transcribe.midi_file import END_OF_TRACK, meta_event, tempo_event
from transcribe.midi_parser import parse_midi
from transcribe.music.beat_grid import BeatGrid, Metre
from transcribe.notes import Note, PedalPress, Performance
from transcribe.tokens import Anchor, Settings, decode, encode, place
from transcribe.tokens.score_midi import read_score_midi


def variable_length(number: int) -> bytes:
    septets = [number & 0x7F]
    while number := number >> 7:
        septets.append(number & 0x7F | 0x80)
    return bytes(reversed(septets))


def a_file(kind: int, division: int, tracks, *, running: bool) -> bytes:
    """A MIDI file of (tick, event) lists, with or without running status."""
    chunks = b""
    for events in tracks:
        data, now, status = b"", 0, 0
        for tick, event in sorted(events):
            data += variable_length(tick - now)
            data += event[1:] if running and event[0] == status < 0xF0 else event
            now, status = tick, event[0]
        data += b"\0" + meta_event(END_OF_TRACK, b"")
        chunks += struct.pack(">4sI", b"MTrk", len(data)) + data
    return struct.pack(">4sIHHH", b"MThd", 6, kind, len(tracks), division) + chunks


def keys(channel: int, division: int, notes, *, release: int):
    """Events of (quarter, pitch, quarters, velocity); ``release`` is 0x80 or 0x90."""
    for quarter, pitch, length, velocity in notes:
        yield round(quarter * division), bytes((0x90 | channel, pitch, velocity))
        off = round((quarter + length) * division), bytes((release | channel, pitch, 0))
        yield off


@st.composite
def generated(draw):
    """A file as some generator might write it, and its notes by voice, in ticks."""
    division = draw(st.sampled_from([1, 24, 96, 220, 384, 480, 960, 1000, 15360]))
    n_voices = draw(st.integers(1, 4))
    kind = draw(st.sampled_from([0, 1]))
    voices = []
    for voice in range(n_voices):
        gaps = draw(st.lists(st.tuples(st.integers(0, 9), st.integers(1, 4)), max_size=6))
        tick, notes = 0, []
        for index, (gap, length) in enumerate(gaps):
            quarter = max(division // 4, 1)
            tick += gap * quarter
            notes.append((tick, 40 + 10 * voice + index, length * quarter, 20 + 10 * index))
        voices.append(notes)
    tempos = draw(st.lists(st.tuples(st.integers(0, 40), st.integers(200_000, 2_000_000))))
    head = [(beat * division, tempo_event(tempo)) for beat, tempo in tempos]
    release = draw(st.sampled_from([0x80, 0x90]))
    tracks = [
        list(
            keys(
                voice,
                division,
                [(t / division, p, n / division, v) for t, p, n, v in notes],
                release=release,
            )
        )
        for voice, notes in enumerate(voices)
    ]
    joined = [head, *tracks] if kind else [head + [event for track in tracks for event in track]]
    content = a_file(kind, division, joined, running=draw(st.booleans()))
    return content, division, voices


@st.composite
def grids(draw):
    gaps = draw(st.lists(st.floats(0.2, 1.5), min_size=1, max_size=30))
    beats = tuple(itertools.accumulate([draw(st.floats(0.0, 5.0)), *gaps]))
    metre = Metre.parse(draw(st.sampled_from(["4/4", "3/4", "6/8", "2/2"])))
    first = draw(st.integers(0, min(metre.beats_per_bar, len(beats)) - 1))
    return BeatGrid(beats, metre, first)


def seconds_of(grid: BeatGrid, quarter: float) -> float:
    """By the definition: between beats evenly, beyond them at the median of the nearest eight."""
    position = quarter * 4 / grid.metre.steps_per_beat
    gaps = [b - a for a, b in itertools.pairwise(grid.beats)]
    if position > len(gaps):
        return grid.beats[-1] + (position - len(gaps)) * statistics.median(gaps[-8:])
    if position < 0:
        return grid.beats[0] + position * statistics.median(gaps[:8])
    index = min(int(position), len(gaps) - 1)
    return grid.beats[index] + (position - index) * gaps[index]


@settings(max_examples=60, deadline=None)
@given(file=generated(), grid=grids(), first_bar=st.integers(0, 12))
def test_every_voice_lands_on_the_beats_whatever_the_division_and_tempo(file, grid, first_bar):
    content, division, voices = file
    first_step = first_bar * grid.metre.steps_per_bar
    quarter_0 = first_step / 4 + grid.first_downbeat * grid.metre.steps_per_beat / 4
    placed = place(content, Anchor(0.0, grid, first_step))
    wanted = [
        [
            (
                seconds_of(grid, quarter_0 + tick / division),
                pitch,
                seconds_of(grid, quarter_0 + (tick + length) / division),
                velocity,
            )
            for tick, pitch, length, velocity in notes
        ]
        for notes in voices
        if notes
    ]
    found = [
        [(n.onset, n.pitch, n.offset, n.velocity) for n in voice.performance.notes]
        for voice in placed.voices
    ]
    assert [len(voice) for voice in found] == [len(voice) for voice in wanted]
    for ours, theirs in zip(found, wanted, strict=True):
        for one, other in zip(ours, sorted(theirs), strict=True):
            assert one == pytest.approx(other, abs=1e-6)
    # And on disk: within a tick of what is written.
    again = read_score_midi(placed.midi())
    assert sum(len(t.notes) for t in again.tracks) == placed.n_notes


@settings(max_examples=40, deadline=None)
@given(file=generated(), start=st.floats(0, 100))
def test_a_generator_that_counts_in_seconds_is_laid_second_for_second(file, start):
    content, _, voices = file
    clock = parse_midi(content).clock()
    placed = place(content, Anchor(start))
    onsets = sorted(n.onset for v in placed.voices for n in v.performance.notes)
    wanted = sorted(start + clock(tick) for notes in voices for tick, *_ in notes)
    assert onsets == pytest.approx(wanted)


def a_performance() -> Performance:
    """Eight bars of 4/4 at 100 beats a minute, played a little late, and a bass."""
    notes = [
        Note(
            onset=1 + 0.6 * i + 0.013,
            pitch=67 + (0, 2, 4, 5, 7, 5, 4, 2)[i % 8],
            offset=1 + 0.6 * i + 0.5,
            velocity=70 + i % 8,
        )
        for i in range(32)
    ]
    notes += [
        Note(onset=1 + 2.4 * i, pitch=40 + i % 3, offset=1 + 2.4 * i + 2, velocity=50)
        for i in range(8)
    ]
    return Performance(tuple(notes), (PedalPress(onset=1.0, offset=3.0),))


GRID = BeatGrid(tuple(1 + 0.6 * i for i in range(33)))


@pytest.mark.parametrize("target", ["melody-rnn", "music-vae", "groovae", "coconet"])
def test_what_the_target_was_given_is_put_back_where_decode_puts_it(target, tmp_path):
    encoded = encode(target, a_performance(), Settings(grid=GRID))
    encoded.write(tmp_path, "song")
    midi = [item for item in encoded.items if item.suffix == ".mid"]
    assert midi
    for item in midi:
        anchor = Anchor.of_item(tmp_path / f"song.{item.name}.mid")
        placed = place(item.content, anchor)
        found = [
            (n.onset, n.pitch)
            for v in placed.voices
            for n in v.performance.notes
            if not v.is_drum or target == "groovae"
        ]
        wanted = [(n.onset, n.pitch) for n in decode(target, item).notes]
        assert len(found) == len(wanted) > 0
        for one, other in zip(sorted(found), sorted(wanted), strict=True):
            assert one == pytest.approx(other, abs=2e-4)


def test_past_the_item_the_beats_of_the_recording_go_on(tmp_path):
    """An item ends in a slow bar; what is generated after it follows the player."""
    beats = tuple(itertools.accumulate([0.0] + [0.5] * 15 + [1.0] * 1 + [0.75] * 16))
    encoded = encode("coconet", a_performance(), Settings(grid=BeatGrid(beats)))
    encoded.write(tmp_path, "song")
    name = next(item.name for item in encoded.items if item.suffix == ".npz")
    anchor = Anchor.of_item(tmp_path / "song.json", name)
    first = anchor.first_step / 4
    for quarter in (0, 7, 16, 20):
        position = int(first + quarter)
        assert anchor.seconds(4 * quarter) == pytest.approx(beats[position], abs=1e-4)


def test_an_item_of_several_has_to_be_named(tmp_path):
    encoded = encode("coconet", a_performance(), Settings(grid=GRID))
    encoded.write(tmp_path, "song")
    with pytest.raises(ValueError, match=r"expected one item; it lists .*voices-001"):
        Anchor.of_item(tmp_path / "song.json")
    (tmp_path / "other.mid").write_bytes(b"")
    with pytest.raises(ValueError, match="found no description that lists it"):
        Anchor.of_item(tmp_path / "other.mid")


def test_a_key_that_the_pianist_holds_is_not_struck_again():
    recording = Performance((Note(onset=0.0, pitch=60, offset=2.0, velocity=80),))
    notes = [(0, 60, 1, 90), (1, 64, 1, 90), (4, 60, 1, 90)]
    content = a_file(1, 480, [list(keys(0, 480, notes, release=0x80))], running=True)
    grid = BeatGrid((0.0, 0.5, 1.0))
    merged = place(content, Anchor(0.0, grid)).merged(recording)
    assert [(n.onset, n.pitch, n.velocity) for n in merged.notes] == [
        (0.0, 60, 80),
        (0.5, 64, 90),
        (2.0, 60, 90),
    ]


def test_velocities_of_the_player_are_those_near_in_time_and_pitch():
    """A loud bass under a soft melody: each generated note is as loud as its register."""
    recording = Performance(
        tuple(
            Note(onset=0.1 * i, pitch=pitch, offset=0.1 * i + 0.05, velocity=velocity)
            for i in range(30)
            for pitch, velocity in ((36, 100), (84, 40))
        )
    )
    notes = [(2, 36, 1, 1), (2, 84, 1, 1), (40, 84, 1, 1)]
    content = a_file(1, 480, [list(keys(0, 480, notes, release=0x80))], running=False)
    grid = BeatGrid((0.0, 0.5, 1.0))
    (voice,) = place(content, Anchor(0.0, grid), player=recording).voices
    assert [(n.pitch, n.velocity) for n in voice.performance.notes] == [
        (36, 100),
        (84, 40),
        (84, 40),
    ]


def test_one_command_from_a_recording_to_what_a_generator_made_of_it(tmp_path, capsys):
    """The item is named, the description does the rest: beats, place, the recording itself."""
    song = tmp_path / "song.mid"
    write_midi(a_performance(), song)
    words = ["tokens", str(song), "--for", "melody-rnn", "--tempo", "100", "--metre", "4/4"]
    assert cli.main([*words, "-o", str(tmp_path / "tokens"), "--quiet"]) == 0
    item = next((tmp_path / "tokens").rglob("song.phrase-001.mid"))
    about = json.loads((item.parent / "song.json").read_text())["items"][0]
    n_quarters = 4 * about["n_bars"]
    # As Magenta writes: 220 ticks a quarter, running status, the primer and then two bars more.
    notes = [(q, 67, 1, 100) for q in range(n_quarters)]
    notes += [(n_quarters + q, 72, 1, 100) for q in range(8)]
    track = [(0, tempo_event(500_000)), *keys(0, 220, notes, release=0x90)]
    made = tmp_path / "made.mid"
    made.write_bytes(a_file(1, 220, [track], running=True))
    words = ["place", str(made), "--onto", str(item), "--merge", "--without-primer"]
    assert cli.main([*words, "--velocities", "player"]) == 0
    assert "8 notes from" in capsys.readouterr().out
    whole = load_midi(tmp_path / "made.placed.mid").performance
    new = [note for note in whole.notes if note.pitch == 72 and note.onset > about["stop"] - 0.01]
    assert [n.onset for n in new] == pytest.approx(
        [about["stop"] + 0.6 * i for i in range(8)], abs=2e-3
    )
    assert {n.velocity for n in new} <= set(range(50, 78))
    assert len(whole.notes) == len(a_performance().notes) + 8
    assert whole.pedal == load_midi(song).performance.pedal
    # Onto the MIDI itself: from the bar line nearest to a moment.
    words = ["place", str(made), "--onto", str(song), "--at", "8", "--tempo", "100"]
    assert cli.main([*words, "--metre", "4/4", "-o", str(tmp_path / "on.mid"), "--quiet"]) == 0
    assert load_midi(tmp_path / "on.mid").performance.notes[0].onset == pytest.approx(8.2, abs=0.03)


def test_what_follows_without_the_primer_begins_where_the_item_ends(tmp_path):
    """As magenta.js's MelodyRNN and Performance RNN write it."""
    notes = [(0, 60, 1, 90), (1, 62, 1, 90)]
    content = a_file(1, 220, [list(keys(0, 220, notes, release=0x90))], running=True)
    for target, name, gap in (
        ("melody-rnn", "primer-4bar", 0.6),
        ("performance-rnn", "primer", 0.5),
    ):
        encode(target, a_performance(), Settings(grid=GRID)).write(tmp_path, target)
        anchor = Anchor.of_item(tmp_path / f"{target}.{name}.mid")
        found = place(content, anchor.after()).performance.notes
        assert [n.onset for n in found] == pytest.approx([anchor.stop, anchor.stop + gap], abs=2e-3)
    with pytest.raises(ValueError, match="without an end"):
        Anchor.at(GRID).after()


@given(read_at=st.floats(30, 200), tempo=st.integers(300_000, 900_000))
@settings(max_examples=20, deadline=None)
def test_a_file_whose_tempo_says_nothing_is_read_by_its_seconds(read_at, tempo):
    notes = [(quarter, 60, 1, 90) for quarter in range(4)]
    track = [(0, tempo_event(tempo)), *keys(0, 480, notes, release=0x80)]
    content = a_file(1, 480, [track], running=False)
    placed = place(content, Anchor(1.0, GRID), read_at=read_at).performance.notes
    beats = [quarter * tempo / 1e6 * read_at / 60 for quarter in range(4)]
    assert [n.onset for n in placed] == pytest.approx([1 + 0.6 * beat for beat in beats], abs=1e-4)


def test_wrong_usage_of_place_says_what_to_do(tmp_path, capsys):
    song, made = tmp_path / "song.mid", tmp_path / "made.mid"
    write_midi(a_performance(), song)
    made.write_bytes(b"no midi")
    assert cli.main(["place", str(made), "--onto", str(song)]) == 1
    assert "not a MIDI file" in capsys.readouterr().err
    empty = a_file(1, 480, [[(0, tempo_event(500_000))]], running=False)
    made.write_bytes(empty)
    assert cli.main(["place", str(made), "--onto", str(song)]) == 1
    assert "expected notes to place, found none" in capsys.readouterr().err
    for words, complaint in (
        (["--after"], "--after is for an item"),
        (["--after", "--at", "3"], "neither --at nor"),
        (["--read-at", "nan"], "--read-at: expected beats per minute, 10 to 400; found 'nan'"),
    ):
        with pytest.raises(SystemExit) as error:
            cli.main(["place", str(made), "--onto", str(song), *words])
        assert error.value.code == 2
        assert complaint in capsys.readouterr().err
    for code, moment in ((0, 20), (1, "4:00")):
        words = ["--onto", str(song), "--at", str(moment), "--overwrite"]
        made.write_bytes(
            a_file(1, 480, [list(keys(0, 480, [(0, 60, 1, 90)], release=0x80))], running=False)
        )
        assert cli.main(["place", str(made), *words]) == code
    assert "--at: expected a time at most a bar after the recording's last beat" in (
        capsys.readouterr().err
    )
    assert cli.main(["place", str(made), "--onto", str(tmp_path / "gone.mid")]) == 1
    assert "no such file" in capsys.readouterr().err
    with pytest.raises(SystemExit) as error:
        cli.main(["place", str(made), "--onto", str(song), "-o", str(song)])
    assert error.value.code == 2


@pytest.mark.parametrize("target", ["melody-rnn", "coconet", "groovae"])
def test_decode_takes_what_a_generator_wrote_in_its_items_place(target):
    """220 ticks a quarter, running status, two voices, or none at all."""
    item = next(
        i for i in encode(target, a_performance(), Settings(grid=GRID)).items if i.suffix == ".mid"
    )
    voices = [[(0, 60, 1, 90), (1, 62, 1, 90)], [(1, 48, 1, 90)]]
    tracks = [list(keys(n, 220, notes, release=0x90)) for n, notes in enumerate(voices)]
    made = replace(item, content=a_file(1, 220, tracks, running=True))
    found = decode(target, made).notes
    assert [(note.onset, note.pitch) for note in found] == [
        (pytest.approx(item.start), 60),
        (pytest.approx(item.start + 0.6), 48),
        (pytest.approx(item.start + 0.6), 62),
    ]
    assert decode(target, replace(item, content=a_file(1, 220, [[]], running=True))).notes == ()


def test_what_would_come_later_than_any_recording_lasts_is_refused(tmp_path, capsys):
    """A single event days later, as a damaged file has, is no music; it would not be read back."""
    song, made = tmp_path / "song.mid", tmp_path / "made.mid"
    write_midi(Performance(notes=(Note(onset=0.0, pitch=60, offset=1.0, velocity=64),)), song)
    late = [*keys(0, 480, [(0, 60, 1, 64), (500_000, 62, 1, 64)], release=0x80)]
    made.write_bytes(a_file(0, 480, [late], running=False))
    assert cli.main(["place", str(made), "--onto", str(song), "-o", str(tmp_path / "out.mid")]) == 1
    assert "48 hours" in capsys.readouterr().err
    assert not (tmp_path / "out.mid").exists()


def doubtful_files():
    """Files of which something has to be said, and a word of it."""
    on, off, low = bytes((0x90, 60, 80)), bytes((0x80, 60, 0)), bytes((0x90, 12, 80))
    whole = [(0, on), (96, off)]
    tracks = {
        "without length": (1, [[*whole, (100, on), (100, off)]]),
        "never released": (1, [[*whole, (100, on), (200, bytes((0x90, 64, 0)))]]),
        "off the keyboard": (1, [[*whole, (100, low), (200, bytes((0x80, 12, 0)))]]),
        "type 2": (2, [whole, whole]),
    }
    for word, (kind, events) in tracks.items():
        yield word, a_file(kind, 96, events, running=False)
    yield "truncated", a_file(1, 96, [whole, whole], running=False)[:-9]


@pytest.mark.parametrize(("word", "content"), list(doubtful_files()))
def test_a_doubtful_file_is_warned_of_as_elsewhere(tmp_path, word, content, capsys):
    """`place` has the words of `load_midi`, which the other commands print."""
    path, onto = tmp_path / "generated.mid", tmp_path / "played.mid"
    path.write_bytes(content)
    write_midi(Performance((Note(onset=0.0, pitch=60, offset=1.0, velocity=64),)), onto)
    expected = load_midi(path).warnings
    assert any(word in each for each in expected)
    words = ["place", path, "--onto", onto, "--tempo", "120", "--metre", "4/4"]
    assert cli.main([str(each) for each in words]) == 0
    said = capsys.readouterr().err.splitlines()
    assert said == [f"transcribe place: {path}: warning: {each}" for each in expected]


def test_keys_that_a_controller_releases_are_not_held():
    """Controller 123, "all notes off", which sequencers write at their end."""
    events = [(0, bytes((0x90, 60, 80))), (48, bytes((0xB0, 123, 0))), (96, bytes((0x90, 64, 0)))]
    score = read_score_midi(a_file(1, 96, [events], running=False))
    assert [(note.step, note.n_steps) for note in score.notes] == [(0, 2)]
    assert score.doubts == ()
