"""ABC text, for character networks such as those trained on the Nottingham collection.

One tune a source: its melody, bar by bar, with tempo, metre and key, spelled as that collection
is, so that a network trained on it reads what it knows: the unit is a quarter note, in compound
metres an eighth; shorter and longer notes are fractions of it (``d/2``, ``d3/2``); notes of half
a bar stand together; nothing stands around bar lines, of which there are four a line.
The key is estimated from all notes (`transcribe.music.key`), and notes are spelled in it. Notes
that cross a bar line are tied.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction

from transcribe.music.beat_grid import Metre
from transcribe.music.key import Key, find_key
from transcribe.music.melody import find_melody
from transcribe.notes import Performance
from transcribe.tokens.encoded import Encoded, Item, Settings
from transcribe.tokens.quantised import BarRange, bars_of, grid_about, line_on_grid, performed
from transcribe.tokens.score_midi import StepNote

_BARS_PER_LINE = 4
_LETTERS = "CDEFGAB"
_NATURAL = (0, 2, 4, 5, 7, 9, 11)
_SIGNS = {-2: "__", -1: "_", 0: "=", 1: "^", 2: "^^"}
_TOKEN = re.compile(r"(__|_|=|\^\^|\^)?([A-Ga-gz])([,']*)(\d*)(?:/(\d+))?(-?)|\|")
_UNIT = re.compile(r"^L:\s*1/(\d+)$", re.MULTILINE)


def encode(performance: Performance, settings: Settings, *, target: str) -> Encoded:
    """The melody as one ABC tune."""
    grid = settings.grid_of(performance)
    line = line_on_grid(find_melody(performance), grid)
    if not line:
        return Encoded(target, (), grid_about(grid), ("no notes",))
    bars = bars_of(line, grid)
    key = find_key(performance.notes)
    text = abc_tune(bars.cut(line), bars, key)
    about = {**bars.about(), "key": str(key), "key_is": "estimated"}
    item = Item("tune", ".abc", text.encode("ascii"), max(bars.start, 0.0), bars.stop, about)
    return Encoded(target, (item,), grid_about(grid))


def decode(item: Item, *, target: str) -> Performance:
    """The notes of a tune where they were played, on the grid."""
    return performed(read_tune(item.content.decode("ascii")), item.about)


def abc_tune(notes: Sequence[StepNote], bars: BarRange, key: Key, *, title: str = "Melody") -> str:
    """One tune in ABC; notes are one voice in steps from the first bar."""
    metre = bars.grid.metre
    beat = f"{3 if metre.is_compound else 1}/{metre.denominator}"
    tempo = max(round(bars.quarters_a_minute * 4 / metre.steps_per_beat), 1)
    unit = unit_steps(metre)
    head = f"X:1\nT:{title}\nM:{metre}\nL:1/{16 // unit}\nQ:{beat}={tempo}\nK:{key.abc}\n"
    drawn = []
    sounding = _with_rests(notes, bars.n_steps)
    per_bar = metre.steps_per_bar
    for start in range(0, bars.n_steps, per_bar):
        spelling = _Spelling(key)
        bar = ""
        for onset, stop, pitch in sounding:
            first, last = max(onset, start), min(stop, start + per_bar)
            if first >= last:
                continue
            if metre.beats_per_bar % 2 == 0 and first == start + per_bar // 2:
                bar += " "
            bar += ("z" if pitch is None else spelling.write(pitch)) + _length(last - first, unit)
            bar += "-" if pitch is not None and stop > last else ""
        drawn.append(bar)
    lines = [
        "|".join(drawn[index : index + _BARS_PER_LINE]) + "|"
        for index in range(0, len(drawn), _BARS_PER_LINE)
    ]
    return head + "\n".join(lines) + "]\n"


def unit_steps(metre: Metre) -> int:
    """Sixteenth notes of the unit length: two in compound metres, four in others."""
    return 2 if metre.is_compound else 4


def _length(n_steps: int, unit: int) -> str:
    """As a multiple of the unit: nothing, ``2``, ``/2``, ``3/2``."""
    length = Fraction(n_steps, unit)
    whole = "" if length.numerator == 1 else str(length.numerator)
    return whole + ("" if length.denominator == 1 else f"/{length.denominator}")


def read_tune(text: str) -> tuple[StepNote, ...]:
    """The notes of a tune that `abc_tune` wrote, in steps."""
    head, _, body = text.partition("\nK:")
    name, _, body = body.partition("\n")
    unit = _UNIT.search(head)
    step_of_one = Fraction(16, int(unit[1]) if unit else 8)
    key = Key.from_abc(name)
    spelling = _Spelling(key)
    notes: list[StepNote] = []
    step, tied = Fraction(0), False
    for token in _TOKEN.finditer(body):
        if token[0] == "|":
            spelling = _Spelling(key)
            continue
        length = step_of_one * Fraction(int(token[4] or 1), int(token[5] or 1))
        if token[2] != "z":
            pitch = spelling.read(token[1] or "", token[2], token[3])
            if tied and notes[-1].pitch == pitch:
                last = notes.pop()
                notes.append(StepNote(last.step, pitch, last.n_steps + float(length)))
            else:
                notes.append(StepNote(float(step), pitch, float(length)))
        tied = bool(token[6])
        step += length
    return tuple(notes)


class _Spelling:
    """Letters and accidentals within one bar of a key.

    Some readers let an accidental hold for its octave, others (abc2midi) for all octaves of
    its letter. What is written means the same to both.
    """

    def __init__(self, key: Key) -> None:
        self.key = key
        self.in_force: dict[tuple[int, int], int] = {}
        """Accidentals by octave and letter."""

    def write(self, pitch: int) -> str:
        letter, sign = self.key.spell(pitch % 12)
        octave = (pitch - sign) // 12 - 1
        place = (octave, letter)
        others = [held for (_, each), held in self.in_force.items() if each == letter]
        is_plain = all(held == sign for held in (self._sign(place), *others))
        mark = "" if is_plain else _SIGNS[sign]
        self.in_force[place] = sign
        name = _LETTERS[letter]
        if octave >= 5:
            return mark + name.lower() + "'" * (octave - 5)
        return mark + name + "," * (4 - octave)

    def read(self, mark: str, name: str, octaves: str) -> int:
        letter = _LETTERS.index(name.upper())
        octave = (5 if name.islower() else 4) + octaves.count("'") - octaves.count(",")
        place = (octave, letter)
        if mark:
            self.in_force[place] = next(sign for sign, text in _SIGNS.items() if text == mark)
        return 12 * (octave + 1) + _NATURAL[letter] + self._sign(place)

    def _sign(self, place: tuple[int, int]) -> int:
        return self.in_force.get(place, self.key.signature[place[1]])


def _with_rests(notes: Sequence[StepNote], n_steps: int) -> list[tuple[int, int, int | None]]:
    """Onset, stop and pitch of notes and, with no pitch, of the rests around them."""
    found: list[tuple[int, int, int | None]] = []
    now = 0
    for note in notes:
        onset, stop = int(note.step), int(note.step + note.n_steps)
        if onset > now:
            found.append((now, onset, None))
        found.append((onset, stop, note.pitch))
        now = stop
    if now < n_steps:
        found.append((now, n_steps, None))
    return found
