"""Names of files: which two mean the same file, and what an output is called.

Conventions
-----------
- A person who writes ``2018/Étude.midi`` into a table means the file that another program
  unpacked as ``2018/étude.mid``. `match_names` is the one rule for that, wherever names are
  matched: as written first; then whichever way accents are composed (Unicode NFC or NFD)
  and slashes lean; then ``.MID`` and ``.midi`` for ``.mid``; then any case; then without
  the ending; then with folders that only one of the two has before the name; last the name
  alone; and the same once more with ``a.wav.mid`` for ``a.wav``. What fits at one of these
  steps is not looked for at the next, and what fits two files is not guessed.
- Only a known ending is one: ``Op. 9 No. 1`` ends in no ending.
- Disks allow a name 255 bytes of UTF-8. What is longer with its ending is cut, and gets a
  mark of what it was.
"""

from __future__ import annotations

import codecs
import hashlib
import os
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from uuid import uuid4

from transcribe.files.endings import LABEL_SUFFIXES, MIDI_SUFFIXES, RECORDING_SUFFIXES

UNFINISHED_START, UNFINISHED_END = ".transcribe-", ".part"
"""How names of files begin and end that are not finished; what a killed run left is no use."""
LONGEST_NAME = 255
"""Bytes that a name may have on most disks."""
_KNOWN = frozenset((*RECORDING_SUFFIXES, *MIDI_SUFFIXES, *LABEL_SUFFIXES, ".json", ".csv"))
_MOSTLY = 0.4
"""Share of zeros among every second byte, from which on text is UTF-16 without a mark."""
_SAME_ENDINGS = {".midi": ".mid"}


def stem_of(name: str) -> str:
    """A name, folders and all, without its ending, if that is a known one.

    >>> stem_of("takes/Op. 9 No. 1.WAV"), stem_of("Op. 9 No. 1")
    ('takes/Op. 9 No. 1', 'Op. 9 No. 1')
    """
    suffix = PurePosixPath(name).suffix
    return name[: len(name) - len(suffix)] if suffix.lower() in _KNOWN else name


def output_stem(name: str, *, room: int) -> str:
    """What the outputs of a recording are called, before their endings.

    Parameters
    ----------
    name : str
        The recording's, without folders.
    room : int
        Bytes that the longest ending takes.
    """
    return shortened(stem_of(name), LONGEST_NAME - room)


def shortened(name: str, longest: int) -> str:
    """A name, or where it has more bytes its beginning and a mark of the whole."""
    raw = os.fsencode(name)
    if len(raw) <= longest:
        return name
    mark = f"~{hashlib.sha256(raw).hexdigest()[:8]}"
    return raw[: longest - len(mark)].decode("utf-8", "ignore") + mark


def unfinished_name(name: str, mark: str = "") -> str:
    """A hidden name for a file while it is written, short however long its own name is.

    Without a mark no two calls give the same, so that several processes and machines may write
    one file.
    """
    digest = hashlib.sha256(os.fsencode(name)).hexdigest()[:16]
    return f"{UNFINISHED_START}{digest}.{mark or uuid4().hex[:8]}{UNFINISHED_END}"


def is_unfinished(name: str) -> bool:
    """Whether a name, with folders or without, is one that `unfinished_name` gave."""
    file = name.rpartition("/")[2]
    return file.startswith(UNFINISHED_START) and file.endswith(UNFINISHED_END)


def decode_text(content: bytes, *, keep_bytes: bool = False) -> str:
    """The text of a list or table, as editors and spreadsheets save it.

    UTF-8 with a mark at the beginning or without, UTF-16, or else Windows' western code
    page (cp1252, and Latin-1 for the bytes it leaves open).

    Parameters
    ----------
    content : bytes
        All of it.
    keep_bytes : bool
        Of what is neither UTF-8 nor UTF-16 keep the bytes, as names on a disk are kept
        (``surrogateescape``), in place of the code page.
    """
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", "replace")
    if len(content) >= 4 and len(content) % 2 == 0:
        for code, zeros in (("utf-16-le", content[1::2]), ("utf-16-be", content[::2])):
            if zeros.count(0) > _MOSTLY * len(zeros):
                return content.decode(code, "replace")
    if keep_bytes:
        return content.removeprefix(codecs.BOM_UTF8).decode("utf-8", "surrogateescape")
    for code in ("utf-8-sig", "cp1252"):
        try:
            return content.decode(code)
        except UnicodeDecodeError:
            continue
    return content.decode("latin-1")


@dataclass(frozen=True, slots=True)
class Matches:
    """Which of the names looked for is which of those that are there."""

    pairs: tuple[tuple[int, int], ...]
    """Places in both sequences, in the order of the first."""
    ambiguous: tuple[str, ...] = ()
    """A sentence for each name that was not matched because it could be two."""


def match_names(wanted: Sequence[str], there: Sequence[str]) -> Matches:
    """Match names one to one, the surest first, as this module's opening says.

    Parameters
    ----------
    wanted, there : sequence of str
        Paths, relative, with slashes or backslashes.
    """
    waiting, left = dict.fromkeys(range(len(wanted))), set(range(len(there)))
    pairs: list[tuple[int, int]] = []
    ambiguous: list[str] = []
    for propose in _steps(there):
        proposals = {i: [j for j in propose(wanted[i]) if j in left] for i in waiting}
        claims = Counter(j for found in proposals.values() for j in found)
        settled = [(i, j[0]) for i, j in proposals.items() if len(j) == 1 and claims[j[0]] == 1]
        pairs += settled
        matched = dict(settled)
        for i, found in proposals.items():
            if found and i not in matched:
                names = [there[j] for j in found]
                if len(names) == 1:
                    rivals = [wanted[k] for k, also in proposals.items() if found[0] in also]
                    ambiguous.append(f"{_either(rivals, 'and')} could all be {names[0]}")
                else:
                    ambiguous.append(f"{wanted[i]} could be {_either(names, 'or')}")
        for i, found in proposals.items():
            if found:
                del waiting[i]
                left.difference_update(found)
    return Matches(tuple(sorted(pairs)), tuple(dict.fromkeys(ambiguous)))


def _either(names: Sequence[str], word: str) -> str:
    shown = [*names[:3], *([f"{len(names) - 3} more"] if len(names) > 3 else [])]
    return f"{', '.join(shown[:-1])} {word} {shown[-1]}"


def as_typed(name: str) -> str:
    """One form for all ways to compose accents and to lean slashes."""
    parts = unicodedata.normalize("NFC", name).replace("\\", "/").split("/")
    return "/".join(part for part in parts if part not in ("", "."))


def _with_one_ending(name: str) -> str:
    name = as_typed(name)
    suffix = PurePosixPath(name).suffix
    ending = suffix.lower()
    if ending not in _KNOWN:
        return name
    return name[: len(name) - len(suffix)] + _SAME_ENDINGS.get(ending, ending)


def caseless(name: str) -> str:
    """One form for names that some disks hold for the same."""
    return unicodedata.normalize("NFC", as_typed(name).casefold())


def _bare(name: str) -> str:
    return stem_of(caseless(_with_one_ending(name)))


def _barest(name: str) -> str:
    """Without all its endings: a recording's name may be kept before that of what it became."""
    bare = _bare(name)
    while (shorter := stem_of(bare)) != bare:
        bare = shorter
    return bare


def _steps(there: Sequence[str]) -> Iterable[Callable[[str], Iterable[int]]]:
    """Functions from a name to the places of those that it could be, from sure to bold."""
    forms: tuple[Callable[[str], str], ...] = (
        str,
        as_typed,
        _with_one_ending,
        lambda name: caseless(_with_one_ending(name)),
        _bare,
    )
    for form in forms:
        yield _whole(there, form)
    yield _below(there, forms[-2])
    yield _below(there, _bare)
    yield _whole(there, lambda name: _bare(name).rpartition("/")[2])
    yield _whole(there, _barest)
    yield _below(there, _barest)
    yield _whole(there, lambda name: _barest(name).rpartition("/")[2])


def _whole(there: Sequence[str], form: Callable[[str], str]) -> Callable[[str], Iterable[int]]:
    places: defaultdict[str, list[int]] = defaultdict(list)
    for place, name in enumerate(there):
        places[form(name)].append(place)
    return lambda name: places.get(form(name), ())


def _below(there: Sequence[str], form: Callable[[str], str]) -> Callable[[str], Iterable[int]]:
    """Names that are the end of the name, or that it is the end of."""
    whole = _whole(there, form)
    ends: defaultdict[str, list[int]] = defaultdict(list)
    for place, name in enumerate(there):
        for end in _ends(form(name)):
            ends[end].append(place)

    def propose(name: str) -> Iterable[int]:
        longer = ends.get(form(name), ())
        shorter = (place for end in _ends(form(name)) for place in whole(end))
        return dict.fromkeys([*longer, *shorter])

    return propose


def _ends(name: str) -> Iterable[str]:
    """A path without its first folder, without its first two, and so on."""
    parts = name.split("/")
    return ("/".join(parts[n:]) for n in range(1, len(parts)))


def find_on_disk(folder: Path, name: str) -> Path | None:
    """The file that a name in a list means: as written, or differing as disks and editors differ.

    Folders are those that the name says; `match_names` goes on from there.

    Raises
    ------
    ValueError
        It could be two files; the message has both.
    """
    path = folder / name
    if os.path.exists(path):  # which says no, too, where it may not look
        return path
    parts = as_typed(name).split("/")
    path = Path("/") if name.startswith(("/", "\\")) else folder
    for part in parts:
        if part != ".." and not os.path.exists(path / part):
            try:
                inside = [each for each in os.listdir(path) if caseless(each) == caseless(part)]
            except OSError:
                return None
            found = match_names([part], inside)
            if found.ambiguous:
                raise ValueError(found.ambiguous[0])
            if not found.pairs:
                return None
            part = inside[found.pairs[0][1]]
        path /= part
    return path
