"""What an engraver would do with the lines of a page."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from transcribe.notes import Note, Performance
from transcribe.score.engraving import engrave
from transcribe.score.making import make_score, sheet_bytes

pytest.importorskip("verovio")

SVG = "{http://www.w3.org/2000/svg}"
STAFF_LINE = re.compile(r"M([\d.-]+)[ ,][\d.-]+ L([\d.-]+)")


def even_bars(n_bars: int) -> Performance:
    """Four quarters a bar over a bass note, all bars about as wide."""
    notes = []
    for bar in range(n_bars):
        start, shift = 2.0 * bar, bar % 3 * 2
        for beat, pitch in enumerate((60, 64, 67, 72)):
            onset, velocity = start + 0.5 * beat, 70 if beat else 90
            notes.append(
                Note(onset=onset, pitch=pitch + shift, offset=onset + 0.45, velocity=velocity)
            )
        notes.append(Note(onset=start, pitch=48 - bar % 2 * 5, offset=start + 1.9, velocity=70))
    return Performance(notes)


def classes(element: ElementTree.Element) -> list[str]:
    return element.get("class", "").split()


def line_widths(n_bars: int, **options: int) -> list[float]:
    """Of each line, as a share of the widest."""
    sheet = sheet_bytes(make_score(even_bars(n_bars)))
    widths = []
    for page in engrave(sheet, title="Study", **options):
        groups = list(ElementTree.fromstring(page).iter(f"{SVG}g"))
        for system in (each for each in groups if "system" in classes(each)):
            staves = [each for each in system.iter(f"{SVG}g") if "staff" in classes(each)]
            lines = [path.get("d", "") for staff in staves for path in staff.findall("{*}path")]
            ends = [float(x) for line in lines for x in STAFF_LINE.match(line).groups()]
            widths.append(max(ends) - min(ends))
    return [width / max(widths) for width in widths]


@pytest.mark.parametrize("options", [{}, {"width": 900}], ids=["page", "window"])
def test_a_last_line_is_drawn_to_the_margin_unless_it_is_short(options):
    last = []
    for n_bars in range(28, 38):
        *others, final = line_widths(n_bars, **options)
        assert all(width > 0.99 for width in others)
        last.append(final)
    # Ten pieces, each a bar longer than the one before: all lengths of a last line come up.
    assert any(width < 0.4 for width in last)
    assert any(width > 0.99 for width in last)
    assert not [width for width in last if 0.62 < width < 0.99]


def test_words_are_as_wide_as_there_is_room_for_in_whatever_font():
    """Those of the metronome mark are bold: letters of half an em, an equals sign, a space."""
    page = ElementTree.fromstring(engrave(sheet_bytes(make_score(even_bars(4))), width=900)[0])
    tempo = next(each for each in page.iter(f"{SVG}g") if "tempo" in classes(each))
    text = next(each for each in tempo.iter(f"{SVG}text"))
    size = float(text.get("font-size").removesuffix("px"))
    assert text.text == "=\u00a060"
    assert text.get("lengthAdjust") == "spacingAndGlyphs"
    assert float(text.get("textLength")) / size == pytest.approx(0.57 + 0.25 + 2 * 0.5, abs=0.01)
    words = [each for each in page.iter(f"{SVG}text") if "".join(each.itertext()).strip()]
    assert all(each.get("textLength") for each in words)


def test_a_metronome_mark_stands_clear_of_the_time_signature():
    page = ElementTree.fromstring(engrave(sheet_bytes(make_score(even_bars(4))))[0])
    tempo = next(each for each in page.iter(f"{SVG}g") if "tempo" in classes(each))
    head = next(each for each in tempo.iter(f"{SVG}path"))
    y = float(re.findall(r"translate\([-\d.]+ ([-\d.]+)\)", head.get("transform", ""))[0])
    staff = next(each for each in page.iter(f"{SVG}g") if "staff" in classes(each))
    lines = [float(path.get("d", "").split()[1]) for path in staff.findall(f"{SVG}path")[:5]]
    space = (lines[4] - lines[0]) / 4
    assert y < lines[0] - 0.9 * space  # the note's head reaches half a space below its place
