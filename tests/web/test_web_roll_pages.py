"""The roll on pages of A4: everything is there once, in its place, and on the paper."""

from __future__ import annotations

import io
import random
import re
import struct
import zipfile
from pathlib import Path

import pytest

from transcribe.notes import HIGHEST_PITCH, LOWEST_PITCH, Note, PedalPress, Performance
from transcribe.score.score import Hints
from transcribe.web import app
from transcribe.web.picture import colour, colour_level
from transcribe.web.roll_file import PDF, PNG, SVG, roll_file
from transcribe.web.roll_pages import HEIGHT, MOST_PAGES, SECONDS, WIDTH, RollBar, roll_pages
from transcribe.web.score_content import roll_of

SYSTEM = re.compile(r'<g transform="translate\((\S+) (\S+)\)">(.*?)</g>', re.DOTALL)
NOTES = re.compile(r'<path class="notes" d="(.*?)" fill="(#\w+)"( fill-opacity)?')
PEDAL = re.compile(r'<path class="pedal" d="(.*?)"')
BOX = re.compile(r"M(\S+) (\S+)H(\S+)v([\d.]+)H\S+?z")
WORD = re.compile(r'<text x="(\S+)" y="(\S+)"(?: text-anchor="end")? fill="#555">(.*?)</text>')


def played(seconds: float, *, every: float = 0.5, pitches: tuple[int, int] = (48, 83)):
    """A note every half second, each 0.3 s long, the last ending with the piece."""
    rng = random.Random(7)
    return Performance(
        [
            Note(onset=at, offset=at + 0.3, pitch=rng.randint(*pitches), velocity=80)
            for at in (seconds - 0.3 - i * every for i in range(int(seconds / every)))
        ]
    )


def systems(pages) -> list[tuple[float, float, str]]:
    """Left, top and shapes of each."""
    return [(float(x), float(y), shapes) for page in pages for x, y, shapes in SYSTEM.findall(page)]


def boxes(shapes: str, *, struck: bool) -> list[tuple[float, float, float, float]]:
    """Left, top, right and bottom of each note that is struck or goes on in a system."""
    found = []
    for path, _, pale in NOTES.findall(shapes):
        if struck == (not pale):
            for left, top, right, height in BOX.findall(path):
                found.append((float(left), float(top), float(right), float(top) + float(height)))
    return sorted(found)


def labels(shapes: str) -> list[str]:
    """What stands above the lines of a system."""
    return [text for x, _, text in WORD.findall(shapes) if float(x) >= 0]


@pytest.mark.parametrize(
    ("seconds", "pitches", "n_systems", "n_pages"),
    [
        (12.0, (60, 71), 1, 1),
        (60.0, (LOWEST_PITCH, HIGHEST_PITCH), 3, 1),  # three systems of all keys on a page
        (61.0, (LOWEST_PITCH, HIGHEST_PITCH), 4, 2),
        (600.0, (LOWEST_PITCH, HIGHEST_PITCH), 30, 10),
        (600.0, (60, 71), 30, 4),  # eight of two octaves
    ],
)
def test_so_many_seconds_are_so_many_pages(seconds, pitches, n_systems, n_pages):
    lowest = Note(onset=0, offset=0.2, pitch=pitches[0], velocity=1)
    highest = Note(onset=0, offset=0.2, pitch=pitches[1], velocity=127)
    pages = roll_pages(
        Performance([lowest, highest, *played(seconds, pitches=(60, 70)).notes]), "Song"
    )
    assert len(pages) == n_pages
    assert len(systems(pages)) == n_systems
    for number, page in enumerate(pages, 1):
        assert f">{number} / {n_pages}<" in page


def test_every_note_is_struck_once_and_goes_on_where_a_system_ends():
    short = played(100.0)
    long = Note(onset=15.0, offset=45.0, pitch=60, velocity=127)
    shown = systems(roll_pages(Performance([*short.notes, long]), "Song"))
    struck = [boxes(shapes, struck=True) for _, _, shapes in shown]
    going_on = [boxes(shapes, struck=False) for _, _, shapes in shown]
    assert sum(map(len, struck)) == len(short.notes) + 1
    width = WIDTH - 12 - 20
    # From 15 s to the end of the first system, all of the second, a quarter of the third.
    (part,) = [each for each in struck[0] if each[2] - each[0] > 10]
    assert (part[0], part[2]) == pytest.approx((width * 0.75, width), abs=0.02)
    assert [(left, right) for left, _, right, _ in going_on[1] + going_on[2]] == [
        pytest.approx((0, width), abs=0.02),
        pytest.approx((0, width / 4), abs=0.02),
    ]
    assert not going_on[0] + going_on[3] + going_on[4]


def test_a_note_stands_at_its_time_and_key():
    notes = [
        Note(onset=10.0, offset=11.0, pitch=60, velocity=80),
        Note(onset=15.0, offset=15.5, pitch=72, velocity=80),
    ]
    ((_, _, shapes),) = systems(roll_pages(Performance(notes), "Song"))
    low, high = boxes(shapes, struck=True)
    a_second = (WIDTH - 32) / SECONDS
    assert (low[0], low[2]) == pytest.approx((0.0, a_second), abs=0.01)  # begins with the music
    assert (high[0], high[2]) == pytest.approx((5 * a_second, 5.5 * a_second), abs=0.01)
    c4, c5 = (float(y) for _, y, text in WORD.findall(shapes) if text in ("C4", "C5"))
    assert low[3] < c4  # above the line at the foot of its key
    assert high[3] < c5
    assert low[3] - high[3] == pytest.approx(c4 - c5, abs=0.02)
    assert c4 - low[3] < (c4 - c5) / 12
    assert labels(shapes) == ["0:10", "0:12", "0:14"]


@pytest.mark.parametrize("has_bars", [False, True])
def test_all_is_within_the_paper(has_bars):
    played_all = played(300.0, pitches=(LOWEST_PITCH, HIGHEST_PITCH))
    pedal = [PedalPress(onset=i * 7.0, offset=i * 7.0 + 6.9) for i in range(43)]
    bars = [RollBar(i + 1, 0.4 + 2.1 * i) for i in range(143)] if has_bars else []
    shown = systems(roll_pages(Performance(played_all.notes, pedal), "Song", bars))
    for x, y, shapes in shown:
        found = boxes(shapes, struck=True) + boxes(shapes, struck=False)
        found += [
            (float(left), float(top), float(right), float(top) + float(height))
            for path in PEDAL.findall(shapes)
            for left, top, right, height in BOX.findall(path)
        ]
        assert found
        assert min(left for left, _, _, _ in found) + x >= 20
        assert max(right for _, _, right, _ in found) + x <= WIDTH - 12 + 0.01
        assert min(top for _, top, _, _ in found) + y >= 12
        assert max(bottom for _, _, _, bottom in found) + y <= HEIGHT - 12
    tops = [y for _, y, _ in shown]
    assert sorted(set(tops)) == sorted(tops[:3])  # the same three places on every page


def test_systems_begin_with_bars():
    bars = [RollBar(i + 1, 1.0 + 3.0 * i) for i in range(20)]
    early = Note(onset=18.98, offset=19.5, pitch=60, velocity=90)  # of bar 7, struck early
    shown = systems(roll_pages(Performance([*played(61.0).notes, early]), "Song", bars))
    # From the first note to 18.9 s are six bars, then six more each.
    assert [labels(shapes) for _, _, shapes in shown] == [
        [str(number) for number in range(first, min(first + 6, 21))] for first in (1, 7, 13, 19)
    ]
    after = 0.08 * (WIDTH - 32) / SECONDS  # a system begins 0.1 s before its bar
    assert any(box[0] == pytest.approx(after, abs=0.02) for box in boxes(shown[1][2], struck=True))


def test_half_a_day_is_no_more_than_a_hundred_pages():
    notes = played(43_200.0, every=30.0, pitches=(LOWEST_PITCH, HIGHEST_PITCH))
    bars = [RollBar(i + 1, 2.0 * i) for i in range(21_600)]
    for pages in (roll_pages(notes, "Day"), roll_pages(notes, "Day", bars)):
        assert MOST_PAGES * 0.7 < len(pages) <= MOST_PAGES
        n_struck = sum(len(boxes(shapes, struck=True)) for _, _, shapes in systems(pages))
        assert n_struck == len(notes.notes)


def test_a_name_is_no_markup_and_not_too_long():
    (page,) = roll_pages(played(5.0), "A <b> & " + 100 * "x")
    assert "<b>" not in page
    assert "A &lt;b&gt; &amp; xx" in page
    assert "x…</text>" in page


def test_the_roll_is_taken_away_as_a_document():
    pytest.importorskip("typst")
    waltz = Performance(
        [
            Note(
                onset=0.5 * i, offset=0.5 * i + 0.4, pitch=72 - i % 3 * 5, velocity=90 - i % 3 * 20
            )
            for i in range(48)
        ]
    )
    for hints in (None, Hints()):
        assert roll_of(waltz, hints, "Walzer.mp3", PDF).data.startswith(b"%PDF")
    one = Performance([Note(onset=1.0, offset=2.0, pitch=60, velocity=80)])
    made = roll_of(one, Hints(), "One.mp3", PDF)
    assert made.data.startswith(b"%PDF")
    assert (made.name, made.media_type) == ("One.roll.pdf", "application/pdf")


def test_colours_are_those_of_the_page_on_light_paper():
    css = (Path(app.__file__).parent / "static" / "base.css").read_text("utf-8")
    soft, middle, loud = (
        re.search(rf"--{name}: (#\w+);", css)[1] for name in ("soft", "middle", "loud")
    )
    assert colour(0) == soft
    assert colour(colour_level(127)) == loud
    shades = [int(colour(level)[1:3], 16) for level in range(8)]  # how red they are
    nearest = min(range(8), key=lambda level: abs(shades[level] - int(middle[1:3], 16)))
    assert nearest in (3, 4)


def test_pages_are_given_one_by_one_or_in_an_archive():
    one = roll_pages(played(12.0), "Song")
    several = roll_pages(played(600.0), "Song")
    alone = roll_file(one, SVG, "Op. 27/2.mp3")
    assert (alone.name, alone.media_type) == ("Op. 27_2.roll.svg", "image/svg+xml")
    assert alone.data.decode() == one[0]
    together = roll_file(several, SVG, "Song.mp3")
    assert (together.name, together.media_type) == ("Song.roll-svg.zip", "application/zip")
    with zipfile.ZipFile(io.BytesIO(together.data)) as archive:
        names = [f"Song.roll-{number}.svg" for number in range(1, len(several) + 1)]
        assert archive.namelist() == names
        assert [archive.read(name).decode() for name in names] == list(several)
    assert roll_file(several, SVG, "Song.mp3") == together


def test_pictures_of_pages_are_large_enough_to_print():
    pytest.importorskip("typst")
    (page,) = roll_pages(played(12.0), "Song")
    picture = roll_file([page], PNG, "Song.mp3")
    assert (picture.name, picture.media_type) == ("Song.roll.png", "image/png")
    assert picture.data.startswith(b"\x89PNG")
    width, height = struct.unpack(">II", picture.data[16:24])
    assert (width, height) == pytest.approx((WIDTH / 25.4 * 200, HEIGHT / 25.4 * 200), abs=1)
    with zipfile.ZipFile(io.BytesIO(roll_file([page, page], PNG, "Song.mp3").data)) as archive:
        assert archive.namelist() == ["Song.roll-1.png", "Song.roll-2.png"]
        assert archive.read("Song.roll-2.png") == picture.data
