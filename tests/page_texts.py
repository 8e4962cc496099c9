"""The page's texts by language, as its tests read them."""

from __future__ import annotations

import json
import re
from pathlib import Path

from transcribe.web import app

STATIC = Path(app.__file__).parent / "static"
TAB = Path(app.__file__).parent / "tab" / "src"


def languages() -> list[str]:
    """As `language.js` lists them."""
    script = (STATIC / "language.js").read_text("utf-8")
    listed = re.search(r"LANGUAGES = (\[.*?\]);", script)
    assert listed is not None
    found: list[str] = json.loads(listed[1])
    return found


def texts(language: str) -> dict[str, dict[str, str]]:
    """Plural forms of each text by its key; one that has none is the form ``other``."""
    script = (STATIC / "texts" / f"{language}.js").read_text("utf-8")
    table = script[script.index("{\n") : script.rindex(";")]
    table = re.sub(r"^\s*//.*$", "", table, flags=re.MULTILINE)
    table = re.sub(r"^(\s*)(\w+):", r'\1"\2":', table, flags=re.MULTILINE)
    table = re.sub(r"(?<=[{,] )(\w+): (?=\")", r'"\1": ', table)
    table = re.sub(r'" \+\s*"', "", table)
    table = re.sub(r",(\s*})", r"\1", table)
    pairs = json.loads(table, object_pairs_hook=lambda found: found)
    assert len({key for key, _ in pairs}) == len(pairs), "a key is there twice"
    return {key: {"other": text} if isinstance(text, str) else dict(text) for key, text in pairs}
