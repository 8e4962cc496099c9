"""What the engine makes of notes, held to Python's: files, names, drawings, corrections."""

from __future__ import annotations

import base64
import json
import math
from dataclasses import asdict
from typing import Any

import numpy as np
import onnx
import pytest

from transcribe.audio.quality import AudioWarning, most_serious_first
from transcribe.excerpt import Excerpt
from transcribe.export import CSV, JSON, export_bytes
from transcribe.midi import midi_bytes
from transcribe.music.clicks import find_clicks
from transcribe.notes import Note, PedalPress, Performance, sustained
from transcribe.transcriber import Transcriber
from transcribe.web.edits import by_hand, pedal_by_hand
from transcribe.web.library_entry import Edit
from transcribe.web.names import download_name, shown
from transcribe.web.picture import as_svg
from transcribe.web.roll_pages import roll_pages
from transcribe.web.thumbnail import COLUMNS, ROWS, thumbnail
from transcribe.weights_file import PACKAGED


def test_settings_come_from_the_weights(ask):
    checkpoint = Transcriber.load(threads=1).checkpoint
    content = base64.b64encode(PACKAGED.read_bytes()).decode()
    (settings,) = ask({"room": "settings", "model": content})
    assert settings["name"] == Transcriber(checkpoint).name
    for name in ("features", "windows", "decode"):
        assert settings[name] == asdict(getattr(checkpoint, name))


def test_weights_of_before_velocities_were_tilted_tilt_none(ask):
    model = onnx.load(PACKAGED)
    (said,) = (each for each in model.metadata_props if each.key == "decode")
    before = json.loads(said.value)
    before.pop("velocity_tilt", None)
    said.value = json.dumps(before)
    content = base64.b64encode(model.SerializeToString()).decode()
    (settings,) = ask({"room": "settings", "model": content})
    assert settings["decode"] == {"velocity_tilt": 0, **before}


def some_performance() -> Performance:
    random = np.random.default_rng(8)
    notes = [
        Note(
            onset=float(onset),
            pitch=int(random.integers(21, 109)),
            offset=float(onset + length),
            velocity=int(random.integers(1, 128)),
            confidence=float(random.random()),
        )
        for onset, length in zip(
            np.concatenate([random.uniform(0, 30, 400), np.arange(20) / 32]),
            np.concatenate([random.exponential(0.5, 400) + 1e-4, np.full(20, 3 / 32)]),
            strict=True,
        )
    ]
    pedal = [PedalPress(onset=at + 0.03125, offset=at + 0.93125) for at in range(29)]
    return Performance(notes, pedal)


def as_json(performance: Performance) -> dict[str, Any]:
    return {
        "notes": [asdict(note) for note in performance.notes],
        "pedal": [asdict(press) for press in performance.pedal],
    }


WARNINGS = [
    AudioWarning("tuning", {"cents": -38.25, "a4": 440.0}),
    AudioWarning("tuning", {"cents": 21.0, "a4": 440.0}),
    AudioWarning("clicks", {"pitch": 81, "n_notes": 12}),
    AudioWarning("clipped", {"share": 0.0123}),
    AudioWarning("clipped", {"share": 0.31}),
    AudioWarning("low_confidence", {"confidence": 0.555}),
    AudioWarning("no_notes"),
    AudioWarning("quiet", {"peak_db": -61.4}),
    AudioWarning("silent"),
    AudioWarning("short", {"seconds": 0.0003125}),
    AudioWarning("antiphase", {"seconds": 75.25}),
    AudioWarning("not_finite", {"n_samples": 3}),
    AudioWarning("clock", {"seconds": 7200.5}),
    AudioWarning("hole", {"seconds": 0.125}),
    AudioWarning("damaged", {"n_packets": 2}),
    AudioWarning("truncated", {"missing": 12.25, "promised": 60.5}),
]


@pytest.mark.parametrize(
    "part", [[0, None], [10, None], [0.25, 25.5], [0, 1e-05]], ids=lambda part: str(part)
)
def test_data_of_a_part_is_the_command_s_to_the_byte(ask, part):
    performance = some_performance()
    told = {"recording": "a.wav", "model": "harmonic 7", "duration": 15.5}
    excerpt = {"start": part[0], "stop": part[1] or math.inf}
    (data,) = ask(
        {
            "room": "json",
            "performance": as_json(performance),
            "told": {**told, "offsets": "key", "warnings": []},
            "part": part,
        },
    )
    assert data.encode() == export_bytes(performance, JSON, **told, excerpt=Excerpt(**excerpt))
    assert json.loads(data).get("part") == (None if part == [0, None] else part)


def test_files_are_the_command_s_to_the_byte(ask):
    performance = some_performance()
    told = {"recording": "Für Elise.mp3", "model": "harmonic 7", "duration": 41 / 32}
    warnings = [{"kind": each.kind, "values": dict(each.values)} for each in WARNINGS]
    midi, csv, data, svg = ask(
        {"room": "midi", "performance": as_json(performance), "text": "By é and ♪"},
        {"room": "csv", "performance": as_json(performance)},
        {
            "room": "json",
            "performance": as_json(performance),
            "told": {**told, "offsets": "key", "warnings": warnings},
        },
        {"room": "svg", "performance": as_json(performance), "title": "A & <B> \"'"},
    )
    assert base64.b64decode(midi) == midi_bytes(performance, text="By é and ♪")
    assert csv.encode() == export_bytes(performance, CSV, **told)
    assert data.encode() == export_bytes(performance, JSON, **told, warnings=WARNINGS)
    assert json.loads(data)["duration"] == 1.2812
    assert svg == as_svg(performance, "A & <B> \"'")


def test_warnings_say_the_same(ask):
    warnings = [{"kind": each.kind, "values": dict(each.values)} for each in WARNINGS]
    (answer,) = ask({"room": "warnings", "warnings": warnings})
    assert answer == [[each.kind, str(each)] for each in most_serious_first(WARNINGS)]


def test_the_sustain_pedal_has_one_rule(ask):
    performance = some_performance()
    (answer,) = ask({"room": "sustained", **as_json(performance)})
    expected = {(note.onset, note.pitch): note.offset for note in sustained(performance).notes}
    assert {(note["onset"], note["pitch"]): note["offset"] for note in answer} == expected


@pytest.mark.parametrize("jitter", [0.0, 0.05])
def test_a_metronome_is_known_as_in_python(ask, jitter):
    random = np.random.default_rng(1)
    notes = [
        Note(onset=at, pitch=81, offset=at + 0.05, velocity=80)
        for at in np.arange(20) * 0.5 + random.uniform(0, jitter, 20)
    ]
    expected = find_clicks(notes, 10.0)
    (answer,) = ask({"room": "clicks", "notes": [asdict(note) for note in notes], "duration": 10.0})
    assert answer == (
        None if expected is None else dict(zip(("pitch", "n_notes"), expected, strict=True))
    )
    assert (expected is None) == bool(jitter)


def test_names_are_the_server_s(ask):
    names = ["Op. 27/2.mp3", "con.wav", "a\nb\t c.mp3", ".hidden", "", "x" * 300 + ".flac"]
    names += ["‮gpj.exe", "né💡.m4a", "name.", "a" * 199 + "💡💡.wav", "no ending"]
    (answer,) = ask({"room": "names", "names": names})
    expected = [
        [shown(name), download_name(name, ".mid"), shown(name, suffix=".mp3")] for name in names
    ]
    assert answer == expected


@pytest.mark.parametrize("seconds", [40.0, 700.0, 40_000.0])
def test_the_roll_on_pages_is_the_server_s(ask, seconds):
    performance = some_performance()
    last = Note(onset=seconds - 33.3, offset=seconds, pitch=99, velocity=127)
    performance = Performance([*performance.notes, last], performance.pedal)
    title = "A <b> & " + "é💡" * 60
    (answer,) = ask({"room": "rollPages", "performance": as_json(performance), "title": title})
    assert answer == list(roll_pages(performance, title))


def test_thumbnails_are_the_server_s(ask):
    notes = some_performance().notes
    (answer,) = ask(
        {"room": "thumbnail", "notes": [asdict(note) for note in notes], "duration": 9.5}
    )
    assert bytes(answer) == thumbnail(notes, 9.5)
    assert 0 < sum(map(bool, answer)) < COLUMNS * ROWS


def test_the_pedal_is_changed_by_hand_as_in_python(ask):
    rng = np.random.default_rng(3)
    for _ in range(5):
        times = np.sort(rng.uniform(0, 20, 12)).round(3).reshape(-1, 2)
        pedal = [PedalPress(onset=on, offset=off) for on, off in times.tolist()]
        changes = [
            {"onset": onset, "offset": onset + 1.5, "down": step % 3 > 0}
            for step, onset in enumerate(rng.uniform(0, 20, 6).tolist())
        ]
        edits = [Edit(step, [{"pedal": change}]) for step, change in enumerate(changes)]
        expected = [asdict(press) for press in pedal_by_hand(edits, pedal)]
        told = {"pedal": [asdict(press) for press in pedal], "changes": changes}
        assert ask({"room": "pedal", **told}) == [expected]


@pytest.mark.parametrize(
    "present", [["m787.60", "m785.60", "m787.62"], ["m788.60", "m787.60"], ["m31.60"], []]
)
def test_what_was_done_by_hand_finds_its_notes_as_in_python(ask, present):
    def note(velocity: int) -> dict[str, Any]:
        return {"onset": 25.2, "pitch": 60, "offset": 25.5, "velocity": velocity}

    changes = [
        [{"id": "m788.60", "note": None}, {"id": "m788.61", "note": note(1)}],
        [{"id": "m31.60", "note": note(2)}, {"note": note(3)}],
        [{"id": "m787.60", "note": note(4)}, {"id": "m786.60", "note": note(5)}],
    ]
    expected = by_hand([Edit(step, of) for step, of in enumerate(changes)], present)
    steps = [{"step": step, "changes": of} for step, of in enumerate(changes)]
    (answer,) = ask({"room": "byHand", "steps": steps, "present": present})
    assert {name: each and Note(**each) for name, each in answer.items()} == expected


@pytest.mark.parametrize(
    ("name", "kind", "n_openings"),
    [
        pytest.param("UnknownError", "no_storage", 5, id="emptied this moment, or forbidden"),
        pytest.param("VersionError", "newer_library", 1, id="of a newer version"),
    ],
)
def test_a_library_that_does_not_open_is_tried_again(ask, name, kind, n_openings):
    assert ask({"room": "refusals", "name": name}) == [[kind, n_openings]]


def test_numbers_are_rounded_and_written_as_in_python(ask):
    values = [0.03125, 0.09375, -0.03125, 0.125, 2.5, 3.5, -2.5, 1e-5, 1234.5678, 1e16, 0.1, 1.0]
    (answer,) = ask({"room": "numbers", "values": values})
    expected = [[f"{v:.4f}", f"{v:.2f}", f"{v:.0f}", json.dumps(v), round(v)] for v in values]
    assert answer == expected
