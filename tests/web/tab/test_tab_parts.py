"""Parts of a recording, and its roll on pages, on the site in a real Chromium."""

from __future__ import annotations

import json
import re
import shutil
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from page_parts import expect_wrong_parts_refused
from playwright.sync_api import expect
from site_checks import rows_of
from web_server import wait_until

from transcribe.cli import main

from .actions import DONE, add, download

PART = (10.0, 25.5)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def transcribed(chromium: Any, address: str, long: Path, tmp_path_factory: Any) -> Iterator[Any]:
    """The site's page that shows two minutes of the prelude, three times over."""
    recording = shutil.copy(long, tmp_path_factory.mktemp("music") / "Op. 1.wav")
    context = chromium.new_context()
    page = context.new_page()
    page.set_default_timeout(DONE)
    page.add_init_script("window.asked = 0; window.print = () => { window.asked += 1; };")
    page.goto(address)
    page.locator("body[data-kept]").wait_for()
    add(page, recording)
    page.wait_for_url("**/#/recording/*")
    page.locator("#n-notes", has_text=re.compile("^[1-9]")).wait_for()
    page.locator("#progress").wait_for(state="hidden")
    yield page
    context.close()


def test_the_roll_is_taken_away_and_printed_on_pages(transcribed, tmp_path):
    page = transcribed
    page.click("#download")
    expect(page.locator("[data-kind='roll.pdf']")).to_be_hidden()
    # Neither bars nor a score are promised, which are not found in the browser.
    expect(page.locator("#download-menu")).not_to_contain_text(
        re.compile("bars|score"), use_inner_text=True
    )
    page.keyboard.press("Escape")
    page.click("#practice")
    expect(page.locator("#metronome")).to_be_hidden()
    expect(page.locator("#count-in")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("#help-keys")).not_to_contain_text("bars")
    drawings = download(page, "roll.svg", tmp_path)
    pictures = download(page, "roll.png", tmp_path)
    assert (drawings.name, pictures.name) == ("Op. 1.roll-svg.zip", "Op. 1.roll-png.zip")
    with zipfile.ZipFile(drawings) as archive:
        n_pages = len(archive.namelist())
        names = [f"Op. 1.roll-{number}.svg" for number in range(1, n_pages + 1)]
        assert archive.namelist() == names
        drawn = [archive.read(name).decode() for name in names]
    assert n_pages == 2
    for number, each in enumerate(drawn, 1):
        assert 'width="210mm" height="297mm"' in each
        assert f">{number} / {n_pages}<" in each
    n_struck = sum(
        path.count("M")
        for each in drawn
        for path in re.findall(r'<path class="notes" d="([^"]*)" fill="#\w+"/>', each)
    )
    assert n_struck == len(rows_of(download(page, "csv", tmp_path)))
    with zipfile.ZipFile(pictures) as archive:
        for name in archive.namelist():
            data = archive.read(name)
            assert data.startswith(b"\x89PNG")
            assert struct.unpack(">II", data[16:24]) == (1654, 2339)
            assert len(data) > 20_000  # something is drawn on it
    # A file that takes long to make need not be waited for.
    canvas = "HTMLCanvasElement.prototype"
    page.evaluate(f"() => {{ window.drawn = {canvas}.toBlob; {canvas}.toBlob = () => {{}}; }}")
    page.click("#download")
    page.click("[data-kind='roll.png']")
    page.locator(".notice.work").get_by_role("button", name="Cancel").click()
    expect(page.locator(".notice")).to_have_count(0)
    page.evaluate(f"() => {{ {canvas}.toBlob = window.drawn; }}")
    page.keyboard.press("Control+p")
    wait_until(lambda: page.evaluate("window.asked") == 1)
    assert page.locator("#paper img").count() == n_pages
    assert page.evaluate(
        "[...document.querySelectorAll('#paper img')].every((each) => each.naturalWidth > 100)"
    )
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    expect(page.locator("#editor")).to_be_visible()


def test_only_a_part_is_transcribed_as_the_command_does(transcribed, long, tmp_path):
    page = transcribed
    expect(page.locator("#part-now")).to_have_text("All of the recording is transcribed.")
    whole = page.locator("#n-notes").inner_text()
    page.click("#part-open")
    expect_wrong_parts_refused(page)
    # What is typed in one field stays, whatever the other has just been found to be.
    page.click("#part-from", click_count=3)
    page.keyboard.type("10")
    page.keyboard.press("Tab")
    page.keyboard.type("0:25.5")
    page.keyboard.press("Enter")
    expect(page.locator("#part-now")).to_have_text(
        "Only 0:10 to 0:25 is transcribed.", timeout=DONE
    )
    expect(page.locator("#part")).to_be_hidden()
    # Progress is hidden before the work begins too; the notes of a part are fewer.
    few = re.compile(r"^\d\d notes$")
    expect(page.locator("#n-notes")).to_have_text(few, timeout=DONE)
    expect(page.locator("#progress")).to_be_hidden(timeout=DONE)
    rows = rows_of(download(page, "csv", tmp_path))
    data = download(page, "json", tmp_path)
    out = tmp_path / "command"
    out.mkdir()
    with_part = ["--from", str(PART[0]), "--to", str(PART[1]), "--csv", "--json"]
    assert main([str(long), *with_part, "-o", str(out)]) == 0
    said, other = (json.loads(path.read_bytes()) for path in (data, out / "long.json"))
    for name in ("part", "duration", "offsets", "model"):
        assert said[name] == other[name]
    expected = rows_of(out / "long.csv")
    assert 40 < len(rows) == len(expected)
    for row, other in zip(rows, expected, strict=True):
        assert PART[0] <= float(row[0]) < PART[1]
        assert float(row[0]) == pytest.approx(float(other[0]), abs=0.002)
    expect(page.locator("#of")).to_have_text("of 2:02")
    page.reload()
    expect(page.locator("#part-now")).to_have_text("Only 0:10 to 0:25 is transcribed.")
    page.click("#part-open")
    expect(page.locator("#part-from")).to_have_value("0:10.0")
    page.click("#part-whole")
    expect(page.locator("#part-now")).to_have_text("All of the recording is transcribed.")
    expect(page.locator("#n-notes")).to_have_text(whole, timeout=DONE)
