"""What an archivist is told: the page, the table, the lines, and progress on the way."""

from __future__ import annotations

import csv
import io
import json
import re
from collections import Counter
from html.parser import HTMLParser
from typing import get_args

import pytest

from transcribe.archive import progress as progress_module
from transcribe.archive import run_folder
from transcribe.archive.diagnosis import CAUSES, as_line, classify_error, kind_of
from transcribe.archive.forecast import Forecast
from transcribe.archive.html_report import as_page
from transcribe.archive.listing import Listing
from transcribe.archive.progress import JSON, LIVE, PLAIN, Progress, hours, span
from transcribe.archive.report import Tally, as_csv, summary_lines
from transcribe.archive.rows import DONE, FAILED, WAITING, Row
from transcribe.archive.storage.base import Trouble
from transcribe.archive.storage.local import LocalStore
from transcribe.archive.storage.opening import open_store
from transcribe.audio.quality import AudioWarning
from transcribe.errors import AudioError, AudioProblem


def row(name: str, **changes) -> Row:
    stem = name.rpartition(".")[0]
    values = {"state": DONE, "duration": 3600.0, "seconds": 60.0, "confidence": 0.97}
    return Row(name=name, place=name, stem=stem, **{**values, **changes})


GUESSES = "low_confidence: the notes are guesses"
UNKNOWN = {"state": FAILED, "duration": None, "seconds": 0.1, "confidence": None}


@pytest.fixture
def tally():
    rows = [
        row("fine.wav", notes=1000, seconds=90.0, model="harmonic 3"),
        row("doubtful <b>.wav", confidence=0.6, warnings=(GUESSES,)),
        row("flat.wav", tuning=-31.0, warnings=("tuning: 31 cents below A = 440 Hz",)),
        row("=empty.wav", cause="empty", error="found an empty file", **UNKNOWN),
        row("junk.wav", cause="empty", error="found an empty file", **UNKNOWN),
        row(
            "poison.wav",
            cause="hung",
            error="no sign of life",
            **{**UNKNOWN, "state": "quarantined"},
        ),
        row("gone.wav", present=False),
    ]
    listing = Listing("/tapes", ignored=Counter({".jpg": 3}))
    listing.troubles = [
        Trouble("locked", "this folder can't be read"),
        Trouble("loop", "a link to the source itself", is_loss=False),
    ]
    return Tally(rows, listing)


class Text(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.text = [], []

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.text.append(data)


def test_the_page_says_what_is_done_what_failed_and_what_is_doubtful(tally):
    page = Text()
    page.feed(as_page(tally, "/midi"))
    text = " ".join(page.text)
    for said in (
        "3 of 6 recordings transcribed",
        "3.0 h",
        "doubtful <b>.wav",
        "the notes are guesses",
        "found an empty file",
        "quarantined",
        "from -31 to -31 cents",
        "this folder can't be read",
        "3 .jpg",
        "1 recording of earlier runs",
        "harmonic 3",
    ):
        assert said in text, said
    assert "a link to the source itself" not in text


def test_what_a_file_says_of_itself_is_text_on_the_page_and_no_markup():
    evil = "<script>alert('x')</script>&\"\udcff"
    rows = [
        row(f"{evil}a.wav", confidence=0.5, warnings=(f"clipped: {evil}", evil), model=evil),
        row(f"{evil}b.wav", cause=evil, error=evil, **UNKNOWN),
    ]
    listing = Listing(evil, ignored=Counter({f".{evil}": 1}))
    listing.troubles = [Trouble(evil, evil)]
    content = as_page(Tally(rows, listing), evil, "../a b&c")
    page = Text()
    page.feed(content)
    assert "script" not in {tag for tag, _ in page.tags}
    text = "".join(page.text)
    assert text.count("<script>alert('x')</script>&\"") == 14
    assert "\udcff" not in content
    links = [given["href"] for tag, given in page.tags if tag == "a"]
    assert sum(href.startswith("../a b&c/%3Cscript%3E") for href in links) == 2


def test_a_long_list_is_folded_and_a_very_long_one_is_cut():
    rows = [row(f"{n}.wav", cause="empty", error="empty", **UNKNOWN) for n in range(520)]
    page = Text()
    page.feed(as_page(Tally(rows, Listing("/tapes")), "/midi"))
    text = " ".join(" ".join(page.text).split())
    assert "492 more" in text  # of 500, the first 8 are open
    assert "and 20 more, in report.csv" in text
    assert [tag for tag, _ in page.tags].count("details") == 1
    assert "510.wav" not in text


def test_the_page_needs_nothing_from_anywhere(tally):
    page = Text()
    content = as_page(tally, "/midi")
    page.feed(content)
    assert not {tag for tag, _ in page.tags} & {"script", "link", "img", "iframe"}
    assert not re.search(r"https?://|url\(|@import", content)
    links = {given["href"] for tag, given in page.tags if tag == "a"}
    assert "../doubtful%20%3Cb%3E.mid" in links


def test_links_lead_to_the_outputs_wherever_the_page_is(tally, tmp_path):
    def links(outputs):
        page = Text()
        page.feed(as_page(tally, "/midi", outputs))
        found = (given["href"] for tag, given in page.tags if tag == "a")
        return {href for href in found if href.endswith(".mid")}

    out = LocalStore(tmp_path / "mi di")
    assert run_folder.link_prefix(out.root / "_transcribe", out) == ".."
    assert run_folder.link_prefix(tmp_path / "state" / "a", out) == "../../mi%20di"
    assert run_folder.link_prefix(tmp_path / "state", open_store("memory://bucket")) is None
    assert "../../mi%20di/fine.mid" in links("../../mi%20di")
    assert links(None) == set()


def test_an_archive_is_complete_only_without_failures_and_hidden_places(tally):
    done = [each for each in tally.rows if each.state == DONE]
    assert not tally.is_complete
    assert not Tally(done, tally.listing).is_complete
    assert Tally(done, Listing("/tapes")).is_complete
    assert "All 3 recordings transcribed" in as_page(Tally(done, Listing("/tapes")), "/midi")


def test_the_table_has_a_line_for_each_that_needs_attention(tally):
    lines = list(csv.DictReader(io.StringIO(as_csv(tally).decode())))
    assert [(line["recording"], line["state"], line["what"]) for line in lines] == [
        ("'=empty.wav", "failed", "empty"),
        ("junk.wav", "failed", "empty"),
        ("poison.wav", "quarantined", "hung"),
        ("doubtful <b>.wav", "done", "low_confidence"),
        ("locked", "not read", ""),
    ]


def test_the_last_lines_count(tally):
    assert summary_lines(tally) == [
        "3 of 6 recordings done, 3.0 h of music",
        "3 failed: empty (2), hung (1)",
        "1 place could not be read",
        "1 worth checking by ear",
    ]


def test_a_warning_is_kept_as_its_kind_and_its_sentence():
    kept = as_line(AudioWarning("tuning", {"cents": -31.2}))
    assert kept == "tuning: tuned 31 cents below A = 440 Hz: A4 is at 432.1 Hz"
    assert kind_of(kept) == "tuning"


def test_every_kind_of_error_has_a_cause_to_count_by():
    assert set(CAUSES) == set(get_args(AudioProblem))


def test_failures_have_causes_that_can_be_counted(tmp_path):
    def cause(error):
        found, said, may_pass = classify_error(error, tmp_path)
        assert str(tmp_path) not in said
        return found, may_pass

    assert cause(AudioError(f"{tmp_path}: what is said", kind="empty")) == ("empty", False)
    assert cause(AudioError(f"{tmp_path}: what is said", kind="no_permission")) == (
        "can't be read",
        True,
    )
    assert cause(FileNotFoundError(2, "No such file or directory", str(tmp_path))) == ("gone", True)
    assert cause(MemoryError()) == ("not enough memory", True)
    assert cause(ZeroDivisionError("by zero")) == ("unexpected error", True)


# On the way


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(progress_module.time, "monotonic", clock)
    return clock


def todo(n: int) -> list[Row]:
    return [
        Row(number=i + 1, name=f"{i}.mp3", place="", size=1000, state=WAITING) for i in range(n)
    ]


def settle(progress: Progress, row: Row, state: str = DONE) -> None:
    row.state = state
    if state == DONE:
        row.duration, row.seconds = 600.0, 10.0
    progress.finished(row)


def test_json_lines_tell_files_hours_rate_and_time_left(clock, capsys):
    rows = todo(4)
    progress = Progress(rows, Forecast(), JSON)
    clock.now += 20
    settle(progress, rows[0])
    settle(progress, rows[1], FAILED)
    progress.retried(rows[2], "its worker ended")
    progress.tick(0.0)
    done, failed, again, told = map(json.loads, capsys.readouterr().out.splitlines())
    assert [done["event"], failed["event"], again["event"]] == ["done", "failed", "again"]
    assert done["name"] == "0.mp3"
    assert told["event"] == "progress"
    assert (told["files"], told["files_done"], told["files_failed"]) == (4, 1, 1)
    assert told["seconds_heard"] == 600
    assert told["seconds_of_music_left"] == 1200  # two more of the size of the first
    assert told["real_time_factor"] == 30
    assert told["seconds_left"] == 40


def test_a_plain_log_has_a_line_now_and_then_and_every_failure(clock, capsys):
    rows = todo(3)
    progress = Progress(rows, Forecast(), PLAIN)
    for _ in range(100):
        clock.now += 1
        progress.tick(0.0)
    assert len(capsys.readouterr().err.splitlines()) == 1
    rows[0].error = "found an empty file"
    settle(progress, rows[0], FAILED)
    assert capsys.readouterr().err == "transcribe archive: 0.mp3: failed: found an empty file\n"


def test_a_live_line_stays_one_line(clock, capsys):
    rows = todo(3)
    progress = Progress(rows, Forecast(), LIVE)
    for each in rows:
        clock.now += 10
        settle(progress, each)
        progress.tick(0.0)
    progress.close()
    told = capsys.readouterr().err
    assert "\n" not in told
    assert "3 of 3 files, 30 min of about 30 min of music, 60 x real time" in told
    assert told.rpartition("\r")[2] == ""


@pytest.mark.parametrize(
    ("seconds", "as_hours", "as_span"),
    [(5, "5 s", "5 s"), (600, "10 min", "10 min"), (7260, "2.0 h", "2 h 1 min")],
)
def test_long_times_are_short_to_read(seconds, as_hours, as_span):
    assert (hours(seconds), span(seconds)) == (as_hours, as_span)
    assert span(200_000) == "2 d 7 h"
    assert hours(3_600_000) == "1,000 h"
