"""The soak in small: a disturbed archive run ends as it must, and what is wrong is seen."""

from __future__ import annotations

import hashlib
import json
import os
import time
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("ray")

from eval.data.archives import BROKEN, BROKEN_WAYS, GOOD, POISON, Made, make_archive
from eval.data.recordings import KINDS
from eval.performance import soak
from transcribe.archive.jobs import Output
from transcribe.archive.rows import DONE, FAILED, QUARANTINED, Row
from transcribe.audio.reader import read_audio
from transcribe.errors import AudioError
from transcribe.midi import write_midi
from transcribe.notes import Note, Performance

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, tuple[Made, ...]]:
    folder = tmp_path_factory.mktemp("archive")
    return folder, make_archive(folder, 66, seed=1)


def test_an_archive_has_every_format_every_way_to_be_broken_and_no_name_twice(
    archive: tuple[Path, tuple[Made, ...]],
) -> None:
    folder, made = archive
    assert len(made) == len({each.name for each in made}) == 66
    assert {each.what for each in made if each.fate == GOOD} == set(KINDS)
    assert {each.what for each in made if each.fate == BROKEN} == set(BROKEN_WAYS)
    assert len(BROKEN_WAYS) >= 10
    assert sum(each.fate == POISON for each in made) == 1
    stems = [each.name.rpartition(".")[0] for each in made]
    assert len(set(stems)) < len(stems)  # some collide
    digests = [hashlib.sha256((folder / each.name).read_bytes()).digest() for each in made]
    assert len(set(digests)) < len(digests)  # some are copies
    assert max(len(os.fsencode(Path(each.name).name)) for each in made) > 240


def test_good_recordings_are_readable_and_broken_ones_are_not(
    archive: tuple[Path, tuple[Made, ...]],
) -> None:
    folder, made = archive
    for each in made:
        if each.fate == BROKEN:
            with pytest.raises(AudioError):
                read_audio(folder / each.name)
        elif each.fate == GOOD:
            assert each.performance is not None
            samples = read_audio(folder / each.name)
            last = max(note.offset for note in each.performance.notes)
            assert last < len(samples) / 16000 < last + 0.5
            assert 0.01 < np.abs(samples).max() <= 1.0


@pytest.mark.skipif(os.name != "posix", reason="Ray's clusters want Linux or macOS")
def test_a_small_soak_finds_nothing_wrong(tmp_path: Path) -> None:
    out = tmp_path / "soak.json"
    words = ["--files", "48", "--kill-every", "8", "--time-limit", "8", "--compared", "3"]
    started = time.monotonic()
    code = soak.main([*words, "--folder", str(tmp_path), "--out", str(out)])
    wall = time.monotonic() - started
    record = json.loads(out.read_text())
    assert record["wrong"] == []
    assert code == 0
    assert record["disturbances"]["drivers_killed"] == 2
    assert record["disturbances"]["machines_lost"] == 1
    assert record["disturbances"]["workers_killed"] > 0
    assert record["states"] == {"done": 35, "failed": 11, "quarantined": 2}
    assert record["second_run"]["settled"] == 0
    assert record["archive"]["seconds_of_music"] > 0
    assert record["seconds"] != record["archive"]["seconds_of_music"]
    assert 0 < record["seconds"] + record["second_run"]["seconds"] < wall


# The judgement itself


def row(number: int, name: str, state: str, **more: object) -> Row:
    return Row(number=number, name=name, place=name, state=state, **more)  # type: ignore[arg-type]


def test_wrong_states_and_missing_reasons_are_seen() -> None:
    made = [Made("a", GOOD, "wav"), Made("b", BROKEN, "text"), Made("c", POISON, "hours")]
    right = {
        "a": row(1, "a", DONE),
        "b": row(2, "b", FAILED, cause="not a recording", error="it is text"),
        "c": row(3, "c", QUARANTINED, cause="hung", error="not done after 30 s"),
    }
    assert list(soak._wrong_states(made, right)) == []
    assert len(list(soak._wrong_states(made, {**right, "a": row(1, "a", FAILED)}))) == 1
    assert len(list(soak._wrong_states(made, {**right, "b": row(2, "b", FAILED)}))) == 1
    assert len(list(soak._wrong_states(made, {"a": right["a"], "b": right["b"]}))) == 1


def test_files_that_are_missing_changed_or_nobody_s_are_seen(tmp_path: Path) -> None:
    (tmp_path / "a.mid").write_bytes(b"notes")
    output = Output("mid", "a.mid", 5, hashlib.sha256(b"notes").hexdigest())
    rows = {"a.wav": row(1, "a.wav", DONE)}
    assert list(soak._wrong_disk(tmp_path, rows, {1: [output]})) == []
    assert len(list(soak._wrong_disk(tmp_path, rows, {}))) == 2
    (tmp_path / "b.mid").touch()
    assert list(soak._wrong_disk(tmp_path, rows, {1: [output]})) == ["b.mid is nobody's output"]
    (tmp_path / "b.mid").unlink()
    (tmp_path / "a.mid").write_bytes(b"other")
    assert len(list(soak._wrong_disk(tmp_path, rows, {1: [output]}))) == 1
    both = {**rows, "b.wav": row(2, "b.wav", DONE)}
    (tmp_path / "a.mid").write_bytes(b"notes")
    assert len(list(soak._wrong_disk(tmp_path, both, {1: [output], 2: [output]}))) == 1


def test_notes_of_another_recording_are_seen(tmp_path: Path) -> None:
    def one(pitch: int) -> Performance:
        return Performance([Note(onset=1.0, pitch=pitch, offset=2.0, velocity=80)])

    assert soak.recall(one(60), one(60)) == 1.0
    assert soak.recall(one(60), one(61)) == 0.0
    made = [Made("a", GOOD, "wav", one(60)), Made("b", GOOD, "wav", one(72))]
    rows = {"a": row(1, "a", DONE), "b": row(2, "b", DONE)}
    outputs = {1: [Output("mid", "a.mid", 0, "")], 2: [Output("mid", "b.mid", 0, "")]}
    write_midi(one(60), tmp_path / "a.mid")
    write_midi(one(72), tmp_path / "b.mid")
    assert list(soak._wrong_notes(tmp_path, made, rows, outputs)) == []
    write_midi(one(60), tmp_path / "b.mid")
    assert len(list(soak._wrong_notes(tmp_path, made, rows, outputs))) == 1
