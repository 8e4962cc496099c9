"""Generators' own programs take our files, write notes, and these lie where they belong.

Magenta's are 1.5 GB and need Python 3.8; magenta.js needs its package and Chromium: both are used
where they are installed, and installed where the variable TRANSCRIBE_MAGENTA is set.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess

import numpy as np
import pytest
from on_a_grid import a_piece

from eval.downstream.browser_generators import (
    DRUMS,
    LIBRARY,
    LINE,
    SOURCE,
    TAP,
    generators,
    played,
    tensor,
)
from eval.downstream.generators import (
    IN_BROWSER,
    IN_PYTHON,
    PAGE,
    Played,
    checked,
    commands,
    in_browser,
    in_shell,
    placed_on,
    untrained,
)
from eval.performance.browser import HOW_TO, chromium
from tests.eval.test_abc_lstm import a_collection
from tests.magenta import magenta_python
from transcribe import cli
from transcribe.errors import TranscribeError
from transcribe.midi import write_midi
from transcribe.music.beat_grid import BeatGrid
from transcribe.tokens import Anchor, Settings, encode
from transcribe.tokens.groovae import BASS_DRUM, CLOSED_HIHAT, SNARE
from transcribe.tokens.melody_rnn import NO_EVENT
from transcribe.tokens.score_midi import StepNote, Track, read_score_midi, score_midi

N_BARS = 9


def write_song(folder) -> None:
    write_midi(a_piece(N_BARS)[0], folder / "song.mid")


def test_the_page_has_a_way_there_and_back_for_every_program(capsys):
    for heading in (*IN_PYTHON, "An LSTM of ABC"):
        lines = commands(heading)
        ours = [line for line in lines if line.startswith("transcribe ")]
        assert ours[0].startswith("transcribe tokens song.mp3 --for ")
        assert ours[-1].startswith("transcribe place ")
        target = ours[0].split("--for ")[1].split()[0]
        assert f"--onto tokens/{target}/song." in ours[-1]
        for line in ours:  # options that there are: it is the file that is missing
            words = line.split()[1:]
            assert cli.main(words) == 1, line
        assert "no such file" in capsys.readouterr().err


def test_the_code_of_the_page_is_what_is_run():
    codes = re.findall(r"```js\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    assert len(codes) == 3
    for code in codes:
        assert code in (SOURCE / "play.js").read_text("utf-8")


def test_notes_that_are_not_where_they_should_be_are_noticed():
    grid = BeatGrid(tuple(0.5 * beat for beat in range(33)))
    notes = [StepNote(step, 60, 1) for step in (0, 4, 18)]
    content = score_midi([Track("M", notes)], quarters_a_minute=120, metre=grid.metre)
    anchor = Anchor(0.0, grid, stop=2.0)
    assert placed_on(content, anchor).off_grid == pytest.approx(0, abs=1e-6)
    assert placed_on(content, anchor, without_primer=True).as_json() == {
        "notes": 3,
        "placed": 1,
        "off_grid": pytest.approx(0, abs=1e-6),
    }
    late = [StepNote(step + 0.25, 60, 1) for step in (0, 4)]
    content = score_midi([Track("M", late)], quarters_a_minute=120, metre=grid.metre)
    assert placed_on(content, anchor).off_grid == pytest.approx(0.25 * 0.125)
    content = score_midi(
        [Track("M", [*notes, StepNote(31, 60, 1)])], quarters_a_minute=120, metre=grid.metre
    )
    assert placed_on(content, Anchor(0.0, grid, stop=4.0), as_long=True, on_grid=False) == Played(
        n_written=4, n_placed=4, off_grid=None
    )
    with pytest.raises(TranscribeError, match=r"expected notes from 0.00 to 3.80 s; found .* 3.88"):
        placed_on(content, Anchor(0.0, grid, stop=3.8), as_long=True)
    empty = score_midi([Track("M", [])], quarters_a_minute=120, metre=grid.metre)
    with pytest.raises(TranscribeError, match="found none"):
        placed_on(empty, anchor)


@pytest.fixture(scope="module")
def tokens(tmp_path_factory):
    """A folder of tokens, where magenta.js and Chromium are."""
    if chromium() is None:
        pytest.skip(HOW_TO)
    if not LIBRARY.is_file():
        if not os.environ.get("TRANSCRIBE_MAGENTA") or shutil.which("npm") is None:
            pytest.skip("magenta.js is not installed: npm ci --prefix eval/downstream/magenta/js")
        subprocess.run(["npm", "ci", "--prefix", str(SOURCE), "--ignore-scripts"], check=True)
    folder = tmp_path_factory.mktemp("tokens")
    performance, grid = a_piece(N_BARS)
    for target in IN_BROWSER:
        (folder / target).mkdir()
        encode(target, performance, Settings(grid=grid)).write(folder / target, "song")
    return folder


def test_a_folder_of_too_short_a_piece_is_refused_before_a_browser_starts(tmp_path):
    with pytest.raises(TranscribeError, match=r"melody-rnn: expected song.primer-4bar.mid, as of"):
        in_browser(tmp_path)
    performance, grid = a_piece(6)
    for target in IN_BROWSER:
        (tmp_path / target).mkdir()
        encode(target, performance, Settings(grid=grid)).write(tmp_path / target, "song")
    with pytest.raises(TranscribeError, match=r"coconet: expected song.voices-\*.mid, as of eight"):
        in_browser(tmp_path)


@pytest.mark.slow
def test_magenta_js_plays_on(tokens):
    """Studio's tools and Coconet, with random weights."""
    found = in_browser(tokens)
    on_grid = {"Continue", "Interpolate", "Coconet, a melody", "Coconet, four voices"}
    assert set(found) == on_grid | {"Drumify", "Groove"}
    for tool, made in found.items():
        assert made.n_placed == made.n_written > 0, tool
        if tool in on_grid:
            assert made.off_grid < 0.002, tool


@pytest.mark.slow
def test_coconet_in_the_browser_keeps_what_is_given_and_lets_every_voice_sing(tokens):
    with generators(tokens) as page:
        for name in ("soprano-001", "voices-001"):
            path = tokens / "coconet" / f"song.{name}.mid"
            (made,) = played(page, "infilled", "models/coconet", f"tokens/coconet/{path.name}", 1)
            given, sung = pitches_a_step(path.read_bytes()), pitches_a_step(made)
            assert len(sung) == 4, name
            for voice, steps in sung.items():
                assert steps.keys() == set(range(len(sung[0]))), "no rests"
                assert given.get(voice, {}).items() <= steps.items(), (name, voice)


def pitches_a_step(content: bytes) -> dict[int, dict[int, int]]:
    """By voice, the order of tracks with notes, what is sung at each sixteenth note."""
    tracks = [track for track in read_score_midi(content).tracks if track.notes]
    return {
        voice: {
            step: note.pitch
            for note in track.notes
            for step in range(round(note.step), round(note.step + note.n_steps))
        }
        for voice, track in enumerate(tracks)
    }


@pytest.mark.slow
def test_magenta_js_reads_what_was_written(tokens):
    performance, grid = a_piece(N_BARS)
    melodies = encode("music-vae", performance, Settings(grid=grid)).items
    grooves = encode("groovae", performance, Settings(grid=grid)).items
    melody = next(item for item in melodies if item.name == "melody-4bar-001")
    arrays = np.load(io.BytesIO(next(i for i in grooves if i.name == "groove-001").content))
    with generators(tokens) as page:
        classes = tensor(page, LINE, "tokens/music-vae/song.melody-4bar-001.mid").argmax(1)
        tap = tensor(page, TAP, "tokens/groovae/song.tap-2bar-001.mid")
        drums = tensor(page, DRUMS, "tokens/groovae/song.drums-2bar-001.mid")
        with pytest.raises(Exception, match="more than 32 steps"):
            tensor(page, TAP, "tokens/groovae/song.tap.mid")
    events = [int(c) - 2 if c < 2 else int(c) + 19 for c in classes]
    wanted = list(melody.about["events"])
    wanted += [NO_EVENT] * (len(events) - len(wanted))
    assert events == wanted[: len(events)]
    np.testing.assert_array_equal(tap[:, :9], arrays["hits"])
    on_drums = next(item for item in grooves if item.name == "drums-2bar-001")
    column = {BASS_DRUM: 0, SNARE: 1, CLOSED_HIHAT: 2}
    hits = {(round(n.step), column[n.pitch]) for n in read_score_midi(on_drums.content).notes}
    assert {tuple(place) for place in np.argwhere(drums).tolist()} == hits
    early = int(arrays["offsets"][0].max() > 0)  # moved to where the file begins
    np.testing.assert_allclose(tap[early:, 18:], 2 * arrays["offsets"][early:], atol=0.02)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("abc2midi") is None, reason="needs Debian's abcmidi")
def test_the_commands_for_abc_play_on(tmp_path):
    write_song(tmp_path)
    (tmp_path / "tunes.abc").write_text(a_collection(8))
    lines = commands("An LSTM of ABC")
    in_shell([lines[0] + " --steps 100 --width 48", *lines[1:]], tmp_path)
    played = checked(lines, tmp_path)
    assert 0 < played.n_placed < played.n_written
    assert played.off_grid < 0.005  # abc2midi's ticks


@pytest.mark.slow
def test_the_commands_for_magentas_programs_play_on(tmp_path):
    magenta_python()
    write_song(tmp_path)
    untrained(tmp_path)
    for heading in IN_PYTHON:
        lines = commands(heading)
        in_shell(lines, tmp_path)
        played = checked(lines, tmp_path)
        assert played.n_placed > 0, heading
        if played.off_grid is not None:
            assert played.off_grid < 0.005, heading
