"""The page's words: all of them in every language, and none in its scripts."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from page_texts import STATIC, TAB, languages, texts

from transcribe.audio.quality import KINDS
from transcribe.music.key import Key
from transcribe.score.analysis import DOUBTS
from transcribe.web import app, messages, score_service

TOLD = re.compile(r"^(error|warning|doubt)\.")
"""Keys of what others say, who say it in English themselves."""
PLURALS = {"de": {"one", "other"}, "en": {"one", "other"}, "fr": {"one", "other"}}
"""The forms that texts with a number have: those of `Intl.PluralRules` but ``many``."""
OTHERS = [language for language in languages() if language != "en"]
WEB = Path(app.__file__).parent


def own(language: str) -> dict[str, dict[str, str]]:
    return {key: forms for key, forms in texts(language).items() if not TOLD.match(key)}


def names(forms: dict[str, str]) -> set[str]:
    """What is put into a text, in any of its plural forms."""
    return {name for form in forms.values() for name in re.findall(r"\{(\w+)\}", form)}


def scripts() -> dict[str, str]:
    """The page's modules without comments, and those of the tab that speak."""
    paths = [*STATIC.glob("*.js"), TAB / "about.ts", TAB / "page.ts", TAB / "server.ts"]
    comment = re.compile(r"/\*.*?\*/|(?:^|(?<=\s))//[^\n]*", re.DOTALL)
    return {path.name: comment.sub("", path.read_text("utf-8")) for path in paths}


def test_each_language_has_its_file_and_no_other_has_one():
    assert languages()[0] == "en"
    assert sorted(languages()) == sorted(path.stem for path in (STATIC / "texts").glob("*.js"))


def test_english_leaves_out_what_others_say_in_english():
    assert own("en") == texts("en")


@pytest.mark.parametrize("language", OTHERS)
def test_every_text_is_there_and_nothing_is_put_in_that_english_lacks(language):
    english, other = own("en"), own(language)
    assert set(other) == set(english)
    differing = {key for key in english if names(english[key]) != names(other[key])}
    assert differing == set()


@pytest.mark.parametrize("language", languages())
def test_forms_are_those_of_the_language_and_no_text_is_empty(language):
    assert language in PLURALS, "say in PLURALS which forms it has"
    plural = PLURALS[language]
    for key, forms in texts(language).items():
        assert all(form.strip() for form in forms.values()), key
        assert set(forms) in ({"other"}, plural), key
        assert len({tuple(sorted(names({"": form}))) for form in forms.values()}) == 1, key


@pytest.mark.parametrize("language", languages())
def test_there_are_names_for_all_notes_octaves_and_keys(language):
    found = texts(language)
    for name in ("note.low", "note.high"):
        assert len(set(found[name]["other"].split(" "))) == 12
    assert len(set(found["note.octaves"]["other"].split(","))) in (8, 9)
    for name in ("tonality.major", "tonality.minor"):
        assert len(set(found[name]["other"].split(","))) == 15


def test_a_german_b_is_a_b_flat_and_h_the_note_above():
    german = texts("de")
    assert german["note.low"]["other"].split(" ")[10:] == ["B", "H"]
    by_fifths = dict(zip(range(-7, 8), german["tonality.minor"]["other"].split(","), strict=True))
    assert by_fifths[Key.parse("Bbm").fifths] == "b-Moll"
    assert by_fifths[Key.parse("Bm").fifths] == "h-Moll"


def test_keys_of_music_are_listed_as_the_server_names_them():
    words = (STATIC / "words.js").read_text("utf-8")
    for name, minor in (("MAJORS", False), ("MINORS", True)):
        listed = re.search(rf"export const {name} = (\[.*?\]);", words)
        assert listed is not None
        names = [key for tonic in range(12) for key in Key(tonic, minor).names]
        keys = sorted(names, key=lambda key: key.fifths)
        assert json.loads(listed[1]) == [key.abc.rstrip("m") for key in keys]


# --- what the scripts say ---


def used() -> Iterator[str]:
    """Keys that the page and its scripts ask for by their whole name."""
    index = (STATIC / "index.html").read_text("utf-8")
    yield from re.findall(r'data-(?:text|label|title|placeholder|role)="([^"]+)"', index)
    for text in scripts().values():
        yield from re.findall(r'(?<![\w.])(?:t|trouble)\(\s*"([^"]+)"', text)
        for choice in re.findall(r"(?<![\w.])t\(([^()\"]+\?[^()]*)", text):
            yield from re.findall(r'"([^"]+)"', choice)


def test_every_text_that_is_asked_for_is_there():
    asked = set(used())
    assert len(asked) > 250
    assert asked - set(own("en")) == set()


def test_every_text_is_asked_for():
    """By its whole name, or by one that a script puts together of such and an end."""
    everything = " ".join([*scripts().values(), (STATIC / "index.html").read_text("utf-8")])
    parts = set(re.findall(r"[\w.]+", everything))
    left = {key for key in own("en") if key not in parts}
    beginnings = tuple(part for part in parts if part.endswith("."))
    left = {key for key in left if not key.startswith(beginnings)}
    ends = r"\.(hint|does|of|left|of\.left)$"
    assert {key for key in left if re.sub(ends, "", key) not in parts} == set()


LITERAL = re.compile(r'"([^"\n]*)"|`([^`]*)`')
PROSE = re.compile(r"^[A-Z“‘][a-z]+|[a-z]{2} [a-z]+ [a-z]{2}| [^ ]*[a-z][.!?…]$")
"""What looks like words for a person wherever it stands."""
NO_PROSE = re.compile(
    r"^((Ctrl|Shift)\+.*|Arrow\w+|Page\w+|\w+Error|[A-G]b|AltGraph|Backspace|Content-\w+|Delete|"
    r"DownloadURL|End|Enter|Escape|Files|Home|Range|Space)$"
)
"""Names that browsers give to things, and those of keys of music."""
PLACES = re.compile(
    r"\.(?:textContent|innerText|title|placeholder) (?:\?\?|\|\|)?= ([^;]*)"
    r"|setAttribute\(\s*\"(?:aria-\w*(?:label|text)|alt|title|placeholder)\",([^;]*)"
    r"|(?<![\w.-])\"?(?:aria-label|title|placeholder)\"?: ([^,}\n]*)"
    r"|(?<![\w.])(?<!function )(?:say|sayNowAndThen|tell|tellWork|ask|askText)(\([^;]*)"
    r"|(?<![\w.])(?:button|iconButton)(\([^,;]*)"
    r"|(?<![\w.])make\(\s*\"\w+\",\s*\{[^{}]*\},([^;]*)"
    r"|new Option\(([^;]*)"
)
"""Where even a single word is one for a person."""
LETTERS = re.compile(r"[^\W\d_]{2}")


def without_calls(text: str, *functions: str) -> str:
    """Code without the calls of some functions, whatever is within their parentheses."""
    call = re.compile(rf"(?<![\w.])(?:{'|'.join(functions)})\(")
    start = 0
    while found := call.search(text, start):
        start = found.start()
        depth, end = 1, found.end()
        while depth and end < len(text):
            depth += {"(": 1, ")": -1}.get(text[end], 0)
            end += 1
        text = text[: found.start()] + text[end:]
    return text


def words_in(code: str) -> set[str]:
    """Words for a person that stand in code and not in the texts."""
    code = without_calls(code, "Error", "byId", r"console\.warn")
    code = re.sub(r"new\s*;", ";", without_calls(code, "t", "told", "trouble"))
    found = {a or b for a, b in LITERAL.findall(code)}
    words = {each for each in found if PROSE.search(inside(each)) and not NO_PROSE.match(each)}
    for place in PLACES.findall(code):
        expression = without_calls("".join(place), "make", "icon", r"\w*[bB]utton")
        expression = re.sub(r'(?<!\$)\{[^{}]*\}|=== "[^"]*"', "", expression)
        words |= {a or b for a, b in LITERAL.findall(expression) if LETTERS.search(inside(a or b))}
    return words


def inside(literal: str) -> str:
    """A literal without what is put into it."""
    return re.sub(r"\$\{[^}]*\}", "", literal)


NO_WORDS = {"", "MIDI", "ms", "transcribe", "· transcribe"}
"""The program's name, and what is the same in every language."""


def test_no_words_are_left_in_the_scripts():
    left = {}
    for script, code in scripts().items():
        if script.startswith("server."):  # what it asks is not asked of the person
            code = without_calls(code, "ask")
        if words := {each for each in words_in(code) if inside(each).strip() not in NO_WORDS}:
            left[script] = words
    assert left == {}


@pytest.mark.parametrize(
    "code",
    [
        'byId("play").textContent = "Play";',
        'byId("of").textContent = known ? `of ${clock(time)}` : "";',
        'say("Undone");',
        'await ask(t("quit.ask"), "Quit");',
        'make("p", { class: "what" }, "Hello");',
        'make("button", { type: "button", "aria-label": "Close" }, icon("close"));',
        'bar.setAttribute("aria-label", `Progress of ${name}`);',
        'button("Stop", "close", () => stop.abort(), { class: "plain" });',
        "new Option('x'); const hint = \"Try it once more.\";",
        "keys.append(new Option(`${name} major`, name));",
        'const words = left ? "a few are left out" : "";',
    ],
)
def test_words_in_a_script_would_be_found(code):
    assert words_in(code)


@pytest.mark.parametrize(
    "code",
    [
        'byId("play").textContent = t(playing ? "pause" : "play");',
        'make("p", { class: "quiet small" }, t("tab.kept"));',
        'element.classList.toggle("shows-score", shown);',
        "context.font = `11px ${colours.font}`;",
    ],
)
def test_what_is_no_word_for_a_person_is_left_alone(code):
    assert words_in(code) == set()


def test_no_words_are_left_in_the_page():
    """But for names, and what is said where no script runs: in every language."""
    index = (STATIC / "index.html").read_text("utf-8")
    page, without_scripts = index.split("<noscript>")
    said = {each.strip() for each in re.findall(r">([^<>]*)<", page) if LETTERS.search(each)}
    assert {re.sub(r"^\d+ ", "", each) for each in said} == {
        "transcribe",
        "MIDI",
        "MusicXML",
        "JSON",
        "PDF",
        "PNG",
        "SVG",
        "ms",
    }
    assert re.findall(r'\s(?:aria-label|title|placeholder|alt)="[^"]+"', page) == []
    assert re.findall(r'<p[^>]*?(?: lang="(\w+)")?>', without_scripts) == ["", *OTHERS]


def errors() -> Iterator[tuple[str, str, bool]]:
    """Where an error is made in Python, its kind, and whether it has a hint."""
    for path in sorted(WEB.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
                continue
            if node.func.id == "RefusedError":
                kind = next(each.value for each in node.keywords if each.arg == "kind")
                hint = node.args[2] if len(node.args) > 2 else None
            elif node.func.id == "UserMessage" and len(node.args) > 2:
                hint, kind = node.args[1], node.args[2]
            else:
                continue
            empty = hint is None or (isinstance(hint, ast.Constant) and not hint.value)
            kinds = [kind] if isinstance(kind, ast.Constant) else []
            for each in kinds:
                yield f"{path.name}:{node.lineno}", str(each.value), not empty


def tab_errors() -> Iterator[tuple[str, str, bool]]:
    for path in sorted(TAB.rglob("*.ts")):
        text = path.read_text("utf-8")
        for kind, rest in re.findall(r'new TabError\(\s*"(\w+)",(.*?)\)[;,]', text, re.DOTALL):
            yield path.name, kind, not re.search(r'[`"],\s*"",', rest)
    problems = (TAB / "errors.ts").read_text("utf-8").split("RECORDING_ERRORS = {")[1]
    for kind in re.findall(r"^  (\w+): \[", problems.split("} as const")[0], re.M):
        yield "errors.ts", kind, True


@pytest.mark.parametrize("language", OTHERS)
def test_every_kind_of_error_has_words_and_a_hint_where_there_is_one(language):
    found = texts(language)
    made = [*errors(), *tab_errors()]
    assert len(made) > 70
    assert [each for each in made if f"error.{each[1]}" not in found] == []
    assert [each for each in made if each[2] and f"error.{each[1]}.hint" not in found] == []
    kinds = {kind for _, kind, _ in made} | {"nothing_to_undo", "nothing_to_redo", "no_address"}
    kinds |= {"no_method", "unexpected"}
    for each in (score_service.SCORE, score_service.BEATS, score_service.ROLL):
        made_up = {f"no_{each.kind}", f"{each.kind}_not_made"}
        made_up |= {f"no_notes_for_{each.kind}"} if each.needs_notes else set()
        assert {kind for kind in made_up if f"error.{kind}" not in found} == set()
        kinds |= made_up
    told = {key.split(".")[1] for key in found if key.startswith("error.")}
    assert told - kinds == set()


def test_another_try_is_offered_only_where_the_file_is_not_to_blame():
    listed = (STATIC / "words.js").read_text("utf-8").split("OF_THE_FILE = [")[1].split("];")[0]
    kinds = {kind for kind in re.findall(r'"([\w.]+)"', listed) if "." not in kind}
    of_the_tab = {kind for where, kind, _ in tab_errors() if kind in messages.AUDIO_ERRORS}
    assert {*messages.AUDIO_ERRORS, *of_the_tab, "too_long", "unusable"} <= kinds
    passing = {"disk_full", "no_memory", "ended", "file", "no_model", "storage_full"}
    known = {kind for _, kind, _ in [*errors(), *tab_errors()]}
    assert kinds <= known - passing


@pytest.mark.parametrize("language", OTHERS)
def test_every_kind_of_warning_and_doubt_has_words(language):
    found = texts(language)
    assert [kind for kind in DOUBTS if f"doubt.{kind}" not in found] == []
    told = {key.split(".")[1] for key in found if key.startswith("warning.")}
    assert set(KINDS) <= told
    code = " ".join(each.read_text("utf-8") for each in (*WEB.glob("*.py"), *TAB.rglob("*.ts")))
    assert {kind for kind in told - set(KINDS) if f'"{kind}"' not in code} == set()


def test_what_others_say_is_said_alike_in_every_language():
    first, *rest = [
        {key: names(forms) for key, forms in texts(each).items() if TOLD.match(key)}
        for each in OTHERS
    ]
    assert first
    assert all(each == first for each in rest)


def test_values_of_messages_are_those_that_the_texts_hold():
    for language in OTHERS:
        found = texts(language)
        for message in messages.AUDIO_ERRORS.values():
            wanted = names(found[f"error.{message.kind}"]) | names(
                found[f"error.{message.kind}.hint"]
            )
            assert wanted <= {*message.values, "words"}, message.kind
