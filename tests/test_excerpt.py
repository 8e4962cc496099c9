"""A part of a recording: what the command says of it, and that it is what the whole has there."""

from __future__ import annotations

import json
import math
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from conftest import SAMPLE_RATE, melody_samples, write_pcm

from transcribe.cli import main, make_parser
from transcribe.decode.config import DecodeConfig
from transcribe.decode.events import CandidateReader
from transcribe.decode.peaks import ONSET
from transcribe.errors import AudioError
from transcribe.excerpt import Excerpt, as_seconds
from transcribe.export import JSON, export_bytes
from transcribe.midi import read_midi
from transcribe.notes import Performance
from transcribe.rolls import N_ACTIVATIONS, Rolls
from transcribe.transcriber import Transcriber
from transcribe.web.static_files import STATIC

PRELUDE = Path(__file__).parent / "data" / "prelude.mp3"
TIMES = [
    ("0", 0),
    ("95.5", 95.5),
    ("95,5", 95.5),
    (" 1:30 ", 90),
    ("90:00", 5400),
    ("1:02:03.5", 3723.5),
    ("1:02:03,5", 3723.5),
    ("75", 75),
]
NO_TIMES = [
    *("", "x", "5x", "1:3o", "-1", "1:60", "1:75", "1:75:00", "0:1:60", "1:2:3:4", "1:", ":30"),
    *("nan", "inf", "1e3", "1.5:00", "٣", "9" * 400),
]


@pytest.fixture(scope="module")
def transcriber(tone_checkpoint):
    return Transcriber(tone_checkpoint)


@pytest.mark.parametrize(("text", "seconds"), TIMES)
def test_times_are_seconds_or_as_a_clock_shows_them(text, seconds):
    assert as_seconds(text) == seconds


@pytest.mark.parametrize("text", NO_TIMES)
def test_what_is_no_time_is_refused(text):
    with pytest.raises(ValueError, match="1:35"):
        as_seconds(text)


def test_the_page_takes_the_times_that_the_command_takes():
    if shutil.which("node") is None:
        pytest.skip("needs Node.js")
    texts = [*(text for text, _ in TIMES), *NO_TIMES]
    script = (
        f"import {{ secondsOf }} from {json.dumps((STATIC / 'times.js').as_uri())};"
        f"console.log(JSON.stringify({json.dumps(texts)}.map(secondsOf)));"
    )
    said = subprocess.run(
        ["node", "--input-type=module", "--eval", script], stdout=subprocess.PIPE, check=True
    )
    expected = [*(seconds for _, seconds in TIMES), *(None for _ in NO_TIMES)]
    assert dict(zip(texts, json.loads(said.stdout), strict=True)) == dict(
        zip(texts, expected, strict=True)
    )


@pytest.mark.parametrize(
    ("command", "words", "option"),
    [
        ("score", ["a.mid"], "--downbeat"),
        ("continue", ["a.mid"], "--at"),
        ("place", ["a.mid", "--onto", "b.mid"], "--at"),
    ],
)
def test_every_command_takes_places_in_a_recording_by_this_rule(command, words, option, capsys):
    parser = make_parser(command)
    options = parser.parse_args([*words, option, "1:15.5"])
    assert getattr(options, option.removeprefix("--")) == 75.5
    with pytest.raises(SystemExit):
        parser.parse_args([*words, option, "1:75"])
    assert "1:35" in capsys.readouterr().err


@pytest.mark.parametrize(("start", "stop"), [(2, 2), (3, 2), (-1, 2), (math.nan, 2)])
def test_an_excerpt_ends_after_it_starts(start, stop):
    with pytest.raises(ValueError, match="ends after it starts"):
        Excerpt(start, stop)


@pytest.mark.parametrize("sample_rate", [16000, 44100])
@pytest.mark.parametrize(
    "excerpt", [Excerpt(7.2, 16.1), Excerpt(0, 8), Excerpt(16.9), Excerpt(2.3, 2.8)]
)
def test_a_part_has_the_notes_of_the_whole_that_are_struck_in_it(transcriber, excerpt, sample_rate):
    samples = np.tile(melody_samples(sample_rate), 8)
    whole = transcriber(samples, sample_rate=sample_rate)
    heard = transcriber.transcribe(samples, sample_rate=sample_rate, excerpt=excerpt)
    expected = [note for note in whole.notes if excerpt.start <= note.onset < excerpt.stop]
    found = heard.performance.notes
    assert [note.pitch for note in found] == [note.pitch for note in expected]
    np.testing.assert_allclose(
        [note.onset for note in found], [note.onset for note in expected], atol=1e-6
    )
    # What still sounds at the end of the part ends there, within a frame.
    np.testing.assert_allclose(
        [note.offset for note in found],
        [min(note.offset, excerpt.stop) for note in expected],
        atol=0.033,
    )
    assert heard.duration == pytest.approx(min(excerpt.stop, 24) - excerpt.start)


def test_what_follows_the_part_is_not_read(transcriber):
    n_read = 0

    def blocks():
        nonlocal n_read
        for _ in range(1000):
            n_read += 1
            yield melody_samples()

    heard = transcriber.transcribe(blocks(), excerpt=Excerpt(6, 9))
    assert len(heard.performance.notes) == 5
    assert n_read <= 4  # the part, and the network's margin after it
    assert heard.duration == 3


def test_progress_counts_in_the_recordings_time(transcriber):
    told: list[float] = []
    samples = np.tile(melody_samples(), 8)
    transcriber.transcribe(
        samples, sample_rate=SAMPLE_RATE, excerpt=Excerpt(12, 20), progress=told.append
    )
    assert told == sorted(told)
    assert told[0] > 11.5
    assert told[-1] == 20


def test_a_part_beyond_the_end_says_how_long_the_recording_is(transcriber, melody_wav):
    with pytest.raises(AudioError, match=r"more than 4 s.*3\.0 s") as caught:
        transcriber.transcribe(melody_wav(), excerpt=Excerpt(4, 5))
    assert caught.value.kind == "too_short"
    # So near to its end that the margin before the part has sound.
    with pytest.raises(AudioError, match=r"more than 3\.1 s"):
        transcriber.transcribe(melody_wav(), excerpt=Excerpt(3.1, 5))


def test_a_silent_part_is_silent_whatever_the_rest_is(transcriber):
    samples = np.concatenate([melody_samples(), np.zeros(10 * SAMPLE_RATE, np.float32)])
    heard = transcriber.transcribe(samples, sample_rate=SAMPLE_RATE, excerpt=Excerpt(6, 12))
    assert heard.performance == Performance()
    assert [warning.kind for warning in heard.warnings] == ["silent"]


def test_the_command_takes_times(tmp_path, capsys):
    recording = write_pcm(tmp_path / "long.wav", melody_samples())
    for words in (["--from", "2", "--to", "1:60"], ["--from", "2", "--to", "2"]):
        with pytest.raises(SystemExit) as caught:
            main([str(recording), *words])
        assert caught.value.code == 2
    assert "1:35" in capsys.readouterr().err
    assert main([str(recording), "--from", "0:59", "--quiet", "--device", "cpu"]) == 1
    assert "more than 59 s" in capsys.readouterr().err
    assert not (tmp_path / "long.mid").exists()


@pytest.mark.parametrize(
    ("excerpt", "told"),
    [(Excerpt(), None), (Excerpt(1.5, 2.5), [1.5, 2.5]), (Excerpt(2), [2, None])],
)
def test_data_says_which_part_it_is_of(excerpt, told):
    named = {"recording": "a.wav", "model": "m", "duration": 1.0}
    content = json.loads(export_bytes(Performance(), JSON, **named, excerpt=excerpt))
    assert content.get("part") == told
    assert ("part" in content) == (told is not None)


@pytest.mark.slow
def test_a_part_by_the_packaged_network_is_the_whole_within_it(tmp_path):
    words = [str(PRELUDE), "--quiet", "--device", "cpu", "--threads", "1", "-o"]
    assert main([*words, str(tmp_path / "whole.mid")]) == 0
    bounds = ["--from", "0:10", "--to", "25.5", "--json"]
    assert main([*words, str(tmp_path / "part.mid"), *bounds]) == 0
    said = json.loads((tmp_path / "part.json").read_bytes())
    assert (said["part"], said["duration"]) == ([10, 25.5], 15.5)
    inside = [note for note in read_midi(tmp_path / "whole.mid").notes if 10.1 <= note.onset < 25.4]
    part = read_midi(tmp_path / "part.mid").notes
    assert all(9.99 < note.onset < 25.51 and note.offset < 25.6 for note in part)
    found = [note for note in part if 10.1 <= note.onset < 25.4]
    assert [note.pitch for note in found] == [note.pitch for note in inside]
    assert len(found) > 60
    np.testing.assert_allclose(
        [note.onset for note in found], [note.onset for note in inside], atol=0.01
    )


def test_what_is_struck_in_the_first_frame_is_in_a_part_from_the_beginning():
    rolls = Rolls.unstack(np.zeros((40, N_ACTIVATIONS), np.float32))
    rolls.onset[0, 40], rolls.onset_shift[0, 40] = 0.9, -0.4  # a little before the first frame
    found = []
    for between in ((0.0, math.inf), (0.0, 30.0)):
        reader = CandidateReader(DecodeConfig().thresholds(), between=between)
        parts = (reader.push(rolls), reader.finish())
        found.append(sum(int((each.events["kind"] == ONSET).sum()) for each in parts))
    assert found == [1, 1]
