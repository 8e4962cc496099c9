"""MusicXML as engraved pages: SVG by Verovio, PDF by Typst. Both come with the extra ``score``.

Music is drawn as outlines, so pages look alike wherever they are shown; words are text in the
reader's serif, in PDF in one that is embedded, drawn as wide as Verovio's Times would be, for which
it leaves room.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from transcribe.errors import TranscribeError
from transcribe.extras import needing
from transcribe.score.heading import heading

PAPER = {"a4": (210.0, 297.0), "letter": (215.9, 279.4)}
"""Millimetres, width and height."""
PIXELS_PER_INCH = 200
"""Of pictures of pages."""
_SVG, _XLINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
_MARGIN = 120
"""Tenths of a millimetre."""
_SCALE = 38
"""Per cent; staves of 6.8 mm."""
_TITLE_HEIGHT = 160
_LEAST_OF_A_LINE = 0.6
"""A shorter last line is left as short as it is; a longer one is drawn to the margin."""
_LIFT = 0.15
"""Em by which metronome marks stand higher than Verovio has them, on the time signature."""
_MUSIC_FONT = "Leipzig"
_BOLD, _ITALIC = ("ending", "fing", "reh", "tempo"), ("dir", "dynam", "mNum")
"""Classes of words that Verovio means so."""
_SIGNED = b"<desc>Engraved by Verovio"


def engrave(
    xml: bytes,
    *,
    title: str = "",
    composer: str = "",
    paper: str = "a4",
    width: int | None = None,
) -> tuple[str, ...]:
    """The pages of a score as SVG.

    Parameters
    ----------
    xml : bytes
        As of `musicxml.musicxml`.
    title, composer : str
        At the head of the first page.
    paper : str
        A name of `PAPER`.
    width : int, optional
        Pixels of a window: one page as wide, and as high as the music needs.

    Raises
    ------
    TranscribeError
        Verovio is not installed, or can't read the MusicXML.
    """
    with needing("score", "verovio"):
        import verovio
    verovio.enableLog(verovio.LOG_OFF)
    toolkit = verovio.toolkit()
    toolkit.setOptions(_options(paper, width, has_title=bool(title or composer)))
    if not toolkit.loadData(xml.decode()):
        raise TranscribeError("Verovio can't read this MusicXML")
    pages = [toolkit.renderToSVG(number + 1) for number in range(toolkit.getPageCount())]
    if width is not None:  # the window's own style sheet says what Verovio's would
        return tuple(_finished(page, keeps_style=False) for page in pages)
    first = _finished(pages[0], title=title, composer=composer)
    return (first, *(_finished(page) for page in pages[1:]))


def is_engraved(svg: bytes) -> bool:
    """Whether this is a page that `engrave` made, and not a picture of something else."""
    return _SIGNED in svg[:2000]


def _options(paper: str, width: int | None, *, has_title: bool) -> dict[str, Any]:
    options: dict[str, Any] = {
        "header": "none",
        "footer": "none",
        "font": _MUSIC_FONT,
        "smuflTextFont": "none",
        "breaks": "auto",
        "condense": "none",
        "mnumInterval": 0,
        "justifyVertically": False,
        "minLastJustification": _LEAST_OF_A_LINE,
        "spacingStaff": 10,
        "spacingSystem": 9,
        "scale": _SCALE,
        "svgViewBox": True,
    }
    if width is not None:
        return options | {
            "pageWidth": width * 100 // _SCALE,
            "pageHeight": 60000,
            "adjustPageHeight": True,
            "pageMarginTop": 60,
        }
    width_mm, height_mm = PAPER[paper]
    return options | {
        "scale": 100,
        "unit": 100 * _SCALE / 440,
        "pageWidth": round(width_mm * 10),
        "pageHeight": round(height_mm * 10),
        "pageMarginTop": _MARGIN + _TITLE_HEIGHT * has_title,
        "pageMarginBottom": _MARGIN,
        "pageMarginLeft": _MARGIN,
        "pageMarginRight": _MARGIN,
        "justifyVertically": True,
    }


def pdf(pages: Sequence[str], *, paper: str = "a4") -> bytes:
    """Pages of SVG as one PDF, letters and music as outlines of embedded fonts.

    Raises
    ------
    TranscribeError
        Typst is not installed.
    """
    (made,) = _set(pages, paper, format="pdf")
    return made


def pngs(pages: Sequence[str], *, paper: str = "a4") -> list[bytes]:
    """Pages of SVG as pictures, a PNG file each, on white paper.

    Raises
    ------
    TranscribeError
        Typst is not installed.
    """
    return _set(pages, paper, format="png", ppi=PIXELS_PER_INCH)


def _set(pages: Sequence[str], paper: str, **options: Any) -> list[bytes]:
    """Pages set by Typst: a file each, or one of them all, as its format is."""
    with needing("score", "typst"):
        import typst
    width, height = PAPER[paper]
    source = [f"#set page(width: {width}mm, height: {height}mm, margin: 0mm, fill: white)"]
    with tempfile.TemporaryDirectory(prefix="transcribe-") as folder:
        for number, page in enumerate(pages, 1):
            Path(folder, f"{number}.svg").write_text(page, "utf-8")
            source.append(f'#image("{number}.svg", width: 100%, height: 100%)')
        main = Path(folder, "score.typ")
        main.write_text("\n".join(source), "utf-8")
        made = typst.compile(str(main), **options)
    if made is None:
        raise TypeError("expected the bytes of pages, found none")
    return [bytes(made)] if isinstance(made, bytes) else [bytes(each) for each in made]


# --- what is done to Verovio's pages ---


def _finished(svg: str, *, title: str = "", composer: str = "", keeps_style: bool = True) -> str:
    ElementTree.register_namespace("", _SVG)
    ElementTree.register_namespace("xlink", _XLINK)
    root = ElementTree.fromstring(svg)
    _outline_music(root)
    _fit_words(root)
    _add_title(root, title, composer)
    if not keeps_style:
        for parent in root.iter():
            for style in parent.findall(f"{{{_SVG}}}style"):
                parent.remove(style)
    return ElementTree.tostring(root, "unicode")


def _outline_music(root: Element) -> None:
    """Draw the music font's letters in texts (the notes of metronome marks) as outlines."""
    for parent in root.iter():
        for text in [child for child in parent if child.tag == f"{{{_SVG}}}text"]:
            runs = list(text.iter(f"{{{_SVG}}}tspan"))
            music = [run for run in runs if run.get("font-family") == _MUSIC_FONT and run.text]
            if not music:
                continue
            x = float(text.get("x", 0))
            y = float(text.get("y", 0)) - _LIFT * _pixels(music[0])
            text.set("y", f"{y:g}")
            group = Element(f"{{{_SVG}}}g")
            for run in music:
                size = _pixels(run)
                for letter in run.text or "":
                    outline, advance = _outline(ord(letter))
                    if outline:
                        scale = f"scale({size / 1000:g} {-size / 1000:g})"
                        move = f"translate({x:g} {y:g}) {scale}"
                        SubElement(group, f"{{{_SVG}}}path", d=outline, transform=move)
                    x += advance * size / 1000
                run.text = ""
            words = [run for run in runs if run.text and run.text.strip()]
            for child in list(text):
                text.remove(child)
            text.text = "".join(run.text or "" for run in words).strip()
            if words:
                text.set("x", f"{x + _pixels(words[0]) / 4:g}")
                text.set("font-size", words[0].get("font-size", "400px"))
            parent.insert(list(parent).index(text), group)


def _fit_words(root: Element) -> None:
    """Let words have the width of those in Times, whatever font stands in for it."""
    for group in root.iter(f"{{{_SVG}}}g"):
        name = group.get("class", "")
        if name not in (*_BOLD, *_ITALIC):
            continue
        for text in group.iter(f"{{{_SVG}}}text"):
            text.set("textLength", f"{_width(text, 0.0, name in _BOLD, name in _ITALIC):g}")
            text.set("lengthAdjust", "spacingAndGlyphs")


def _width(run: Element, size: float, is_bold: bool, is_italic: bool) -> float:
    """Of words in Times."""
    size = _pixels(run) if run.get("font-size") else size
    is_bold = run.get("font-weight", "bold" if is_bold else "") == "bold"
    is_italic = run.get("font-style", "italic" if is_italic else "") == "italic"
    letters = _letters(is_bold, is_italic)
    width = sum(letters.get(letter, 0.5) * size for letter in run.text or "")
    return width + sum(_width(child, size, is_bold, is_italic) for child in run)


@lru_cache(maxsize=4)
def _letters(is_bold: bool, is_italic: bool) -> dict[str, float]:
    """Widths of the letters of Times, in em, as Verovio has them."""
    import verovio

    style = "-bold" * is_bold + "-italic" * is_italic
    file = Path(verovio.__file__).parent / "data" / "text" / f"Times{style}.xml"
    font = ElementTree.parse(file).getroot()
    em = float(font.get("units-per-em", 2048))
    widths = {chr(int(g.get("c", "0"), 16)): float(g.get("h-a-x", 0)) / em for g in font}
    return {**widths, "\u00a0": widths[" "]}


def _pixels(run: Element) -> float:
    return float(run.get("font-size", "0px").removesuffix("px"))


@lru_cache(maxsize=64)
def _outline(code: int) -> tuple[str, float]:
    """The path of a letter of the music font and its width, a thousand to the em."""
    import verovio

    data = Path(verovio.__file__).parent / "data"
    file = data / _MUSIC_FONT / f"{code:04X}.xml"
    if not file.is_file():
        return "", 0.0
    path = ElementTree.parse(file).find("path")
    widths = ElementTree.parse(data / f"{_MUSIC_FONT}.xml").getroot()
    width = next((g for g in widths if g.get("c") == f"{code:04X}"), None)
    advance = float(width.get("h-a-x", 0)) if width is not None else 0.0
    return ("" if path is None else path.get("d", "")), advance


def _add_title(root: Element, title: str, composer: str) -> None:
    page = next(each for each in root.iter(f"{{{_SVG}}}svg") if each.get("class"))
    _, _, width, _ = map(float, page.get("viewBox", "0 0 21000 29700").split())
    for line in heading(title, composer, width, 10 * _MARGIN):
        element = SubElement(
            page,
            f"{{{_SVG}}}text",
            {
                "x": f"{line.x:g}",
                "y": f"{line.y:g}",
                "font-size": f"{line.size:g}px",
                "text-anchor": line.anchor,
                "font-family": "Times, serif",
            },
        )
        element.text = line.text
