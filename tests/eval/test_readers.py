"""Targets' own readers take what is written, and do not take what is not right."""

from __future__ import annotations

import io
import json
import re
import shutil
from dataclasses import replace

import numpy as np
import pytest
from on_a_grid import a_piece

from eval.downstream.readers import ReaderMissingError, prove
from eval.downstream.tokens import compared
from tests.magenta import magenta_python
from transcribe.music.beat_grid import Metre
from transcribe.tokens import Settings, decode, encode
from transcribe.tokens.score_midi import read_score_midi, score_midi

pytestmark = pytest.mark.slow


def off_the_drums(item):
    """A drum that GrooVAE has none of."""
    return transposed(item, 50)


def transposed(item, semitones=1):
    """Every note of a MIDI file higher."""
    found = read_score_midi(item.content)
    tracks = [
        replace(track, notes=[replace(n, pitch=n.pitch + semitones) for n in track.notes])
        for track in found.tracks
    ]
    content = score_midi(
        tracks, quarters_a_minute=found.tempos[0][1], metre=Metre.parse(found.metres[0][1])
    )
    return replace(item, content=content)


def out_of_range(item):
    """The bass of Coconet's voices lower than its encoder takes."""
    arrays = dict(np.load(io.BytesIO(item.content)))
    arrays["pitches"][:, 3] = 30
    return with_arrays(item, arrays)


def another_last_hit(item):
    """The last hit of GrooVAE's last window softer."""
    arrays = dict(np.load(io.BytesIO(item.content)))
    steps, columns = np.nonzero(arrays["hits"])
    arrays["velocities"][steps[-1], columns[-1]] /= 2
    return with_arrays(item, arrays)


def with_arrays(item, arrays):
    content = io.BytesIO()
    np.savez_compressed(content, **arrays)
    return replace(item, content=content.getvalue())


def proofs_of(target, tmp_path, *, change=None, only=None):
    performance, grid = a_piece(8)
    encoded = encode(target, performance, Settings(grid=grid))
    if change is not None:
        items = [item for item in encoded.items if only is None or item.suffix == only]
        encoded = replace(encoded, items=tuple(change(item) for item in items))
    description, *_ = encoded.write(tmp_path, "song")
    (proofs,) = prove(target, [description])
    return performance, proofs


@pytest.mark.parametrize(
    ("target", "package"),
    [
        ("performance-rnn", "note_seq"),
        ("music-transformer", "note_seq"),
        ("melody-rnn", "note_seq"),
        ("remi", "miditok"),
        ("tsd", "miditok"),
    ],
)
def test_the_readers_take_what_is_written(target, package, tmp_path):
    pytest.importorskip(package)
    _, proofs = proofs_of(target, tmp_path)
    assert proofs
    assert all(proof.accepted for proof in proofs), [proof.complaint for proof in proofs]


@pytest.mark.parametrize("target", ["performance-rnn", "music-transformer", "tsd"])
def test_every_note_comes_back_through_the_reader(target, tmp_path):
    pytest.importorskip("note_seq")
    pytest.importorskip("miditok")
    performance, (proof, *_) = proofs_of(target, tmp_path)
    assert sorted(n.pitch for n in proof.notes) == sorted(n.pitch for n in performance.notes)


def test_ids_that_are_no_events_are_refused(tmp_path):
    pytest.importorskip("note_seq")

    def spoiled(item):
        ids = json.loads(item.content)["ids"]
        return replace(item, content=json.dumps({"ids": [*ids, 999]}).encode())

    _, (proof,) = proofs_of("performance-rnn", tmp_path, change=spoiled, only=".json")
    assert "not one of note-seq's classes" in proof.complaint


def test_a_release_without_a_strike_is_noticed(tmp_path):
    pytest.importorskip("note_seq")

    def spoiled(item):
        ids = json.loads(item.content)["ids"]
        return replace(item, content=json.dumps({"ids": [128 + 20, *ids]}).encode())

    _, (proof,) = proofs_of("performance-rnn", tmp_path, change=spoiled, only=".json")
    assert "other ids" in proof.complaint


def test_a_primer_with_other_notes_than_the_ids_is_noticed(tmp_path):
    pytest.importorskip("note_seq")

    def spoiled(item):
        return transposed(item) if item.suffix == ".mid" else item

    _, (ids, primer) = proofs_of("performance-rnn", tmp_path, change=spoiled)
    assert ids.accepted
    assert "other events than the ids" in primer.complaint


def test_a_primer_without_ids_is_counted_as_compared_with_nothing(tmp_path):
    pytest.importorskip("note_seq")
    _, (primer,) = proofs_of("performance-rnn", tmp_path, change=lambda each: each, only=".mid")
    assert primer.complaint is None
    assert not primer.accepted
    assert primer.not_compared == "no ids beside it"
    side = {"items": 1, "accepted": 0, "not_compared": {primer.not_compared: 1}}
    assert compared("performance-rnn", [side, {"not_proved": "no reader"}]) == (
        "performance-rnn: 1 items, 0 as written, 0 not, 1 not compared"
    )


def test_miditok_is_asked_for_every_note(tmp_path):
    pytest.importorskip("miditok")

    def spoiled(item):
        content = json.loads(item.content)
        content["ids"] = [content["ids"][0][:-8]]
        return replace(item, content=json.dumps(content).encode())

    _, (proof,) = proofs_of("tsd", tmp_path, change=spoiled)
    assert re.search(r"has \d+ notes; \d+ were written", proof.complaint)


def test_other_events_than_the_file_has_are_noticed(tmp_path):
    pytest.importorskip("note_seq")

    def spoiled(item):
        events = [60, *item.about["events"][1:]]
        return replace(item, about={**item.about, "events": events})

    _, proofs = proofs_of("melody-rnn", tmp_path, change=spoiled)
    assert any("other events" in (proof.complaint or "") for proof in proofs)


def test_a_primer_with_a_long_silence_is_taken_whole(tmp_path):
    pytest.importorskip("note_seq")
    performance, grid = a_piece(8)
    silence = [grid.step_seconds(16 * bar) - 0.1 for bar in (4, 6)]
    kept = [each for each in performance.notes if not silence[0] < each.onset < silence[1]]
    encoded = encode("melody-rnn", replace(performance, notes=tuple(kept)), Settings(grid=grid))
    (proofs,) = prove("melody-rnn", [encoded.write(tmp_path, "song")[0]])
    primers = [proof for proof in proofs if proof.item.name == "primer-8bar"]
    assert primers
    assert all(proof.accepted for proof in proofs), [proof.complaint for proof in proofs]


@pytest.mark.skipif(shutil.which("abc2midi") is None, reason="needs Debian's abcmidi")
def test_abc2midi_takes_a_tune_and_warns_of_a_broken_one(tmp_path):
    _, (proof,) = proofs_of("abc", tmp_path)
    assert proof.accepted, proof.complaint
    written = decode("abc", proof.item).notes
    assert [note.pitch for note in proof.notes] == [note.pitch for note in written]

    def spoiled(item):
        return replace(item, content=item.content.replace(b"|", b"c-|", 1))

    _, (proof,) = proofs_of("abc", tmp_path, change=spoiled)
    assert not proof.accepted


@pytest.fixture(scope="module")
def magentas(tmp_path_factory):
    """Proofs of seven bars, and of the same with one item spoiled, by target and change."""
    magenta_python()
    performance, grid = a_piece(20, seed=3)
    changes = {
        "music-vae": {"trio": transposed, "melody-4bar": transposed},
        "groovae": {"groove": another_last_hit, "drums-2bar": off_the_drums},
        "coconet": {"voices.npz": out_of_range, "voices.mid": transposed, "soprano": transposed},
    }
    found = {}
    for target, spoilers in changes.items():
        encoded = encode(target, performance, Settings(grid=grid))
        if target == "groovae":
            short, its_grid = a_piece(7)
            encoded = encode(target, short, Settings(grid=its_grid))
        descriptions, names = [], []
        for number, (start, change) in enumerate([("", None), *spoilers.items()]):
            items = list(encoded.items)
            if change is not None:
                name, _, suffix = start.partition(".")
                *_, last = (
                    place
                    for place, item in enumerate(items)
                    if item.name.startswith(name) and item.suffix.endswith(suffix)
                )
                items[last] = change(items[last])
                names.append((start, last))
            folder = tmp_path_factory.mktemp(target)
            written = replace(encoded, items=tuple(items)).write(folder, f"song{number}")
            descriptions.append(written[0])
        good, *bad = prove(target, descriptions)
        found[target] = good
        for (start, place), proofs in zip(names, bad, strict=True):
            found[target, start] = proofs[place], proofs
    return found


@pytest.mark.parametrize("target", ["music-vae", "groovae", "coconet"])
def test_magentas_converters_have_what_was_written(magentas, target):
    proofs = magentas[target]
    assert proofs
    assert all(proof.accepted for proof in proofs), [proof.complaint for proof in proofs]


@pytest.mark.parametrize(
    ("target", "start", "complaint"),
    [
        ("music-vae", "trio", "another melody"),
        ("music-vae", "melody-4bar", "other events"),
        ("groovae", "groove", "other velocities"),
        ("groovae", "drums-2bar", "raises KeyError"),
        ("coconet", "soprano", "another line"),
        ("coconet", "voices.npz", "raises PitchOutOfEncodeRangeError"),
        ("coconet", "voices.mid", "other pitches"),
    ],
)
def test_what_magentas_converters_have_otherwise_is_refused(magentas, target, start, complaint):
    """The trio of another key, the last window, a drum and a voice that there is none of."""
    proof, others = magentas[target, start]
    assert re.search(complaint, proof.complaint or "accepted")
    # A hit of GrooVAE's arrays is in the tap and its windows of 1, 2 and 4 bars too.
    # The MIDI file of four voices is compared with the arrays beside it.
    n_refused = {"groove": 5, "voices.npz": 2}.get(start, 1)
    assert sum(not each.accepted for each in others) == n_refused


def test_notes_come_back_through_magentas_converters(magentas):
    trio = next(p for p in magentas["music-vae"] if p.item.name.startswith("trio"))
    put_back = decode("music-vae", trio.item).notes
    assert [(n.pitch, n.onset) for n in trio.notes] == [
        (n.pitch, pytest.approx(n.onset, abs=1e-3)) for n in put_back
    ]


def test_a_target_without_a_reader_says_so():
    with pytest.raises(ReaderMissingError, match="no proof"):
        prove("player-piano", [])
