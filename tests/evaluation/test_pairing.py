"""Which file is the transcription of which."""

import numpy as np
import pytest

from transcribe.audio.wav import write_wav
from transcribe.errors import TranscribeError
from transcribe.evaluation.counts import Ratio
from transcribe.evaluation.evaluate import evaluate
from transcribe.evaluation.pairing import find_sources, pair
from transcribe.midi import write_midi
from transcribe.notes import Performance

from .playing import PLAYED


def names(sources):
    return [each.name for each in sources]


def test_files_of_one_path_belong_together(folders):
    pairing = pair(*folders)
    assert [(a.name, b.name) for a, b in pairing.pairs] == [
        (each, each) for each in ("a", "b", "sonatas/c")
    ]
    assert pairing.missing == pairing.surplus == ()


def test_files_of_one_name_belong_together_in_other_subfolders(folders):
    ref, est = folders
    (est / "sonatas" / "c.mid").rename(est / "c.MIDI")
    assert [(a.name, b.name) for a, b in pair(ref, est).pairs][-1] == ("sonatas/c", "c")


def test_one_name_twice_is_no_pair(folders):
    ref, est = folders
    (est / "a.mid").rename(est / "sonatas" / "a.mid")
    (est / "x").mkdir()
    write_midi(PLAYED, est / "x" / "a.mid")
    pairing = pair(ref, est)
    assert names(pairing.missing) == ["a"]
    assert names(pairing.surplus) == ["sonatas/a", "x/a"]
    assert pairing.ambiguous == ("a could be sonatas/a or x/a",)


def test_names_as_long_as_a_disk_allows_are_compared_and_drawn(run, tmp_path):
    name = "x" * 251
    for side in ("ref", "est"):
        (tmp_path / side).mkdir()
        write_midi(PLAYED, tmp_path / side / f"{name}.mid")
    code, _, err = run(tmp_path / "ref", tmp_path / "est", "-o", tmp_path / "report")
    assert (code, err) == (0, "")
    assert len(list((tmp_path / "report").glob("*.png"))) == 1


def test_names_are_the_same_whatever_case_and_whoever_composed_their_accents(tmp_path):
    for side, name in (("ref", "E\u0301tude 1.mid"), ("est", "\xe9tude 1.MID")):
        (tmp_path / side).mkdir()
        write_midi(PLAYED, tmp_path / side / name)
    (found,) = evaluate(tmp_path / "ref", tmp_path / "est").pieces
    assert found.f1 == 1


def test_names_of_other_programs_may_have_a_suffix(folders):
    ref, est = folders
    for path in list(est.rglob("*.mid")):
        path.rename(path.with_name(f"{path.stem}_basic_pitch.mid"))
    with pytest.raises(TranscribeError, match=r"3 \(the first is a\) and 3 \(the first is a_basic"):
        pair(ref, est)
    assert len(pair(ref, est, est_suffix="_basic_pitch").pairs) == 3


def test_estimates_inside_the_references_folder_are_no_references(folders):
    ref, est = folders
    est.rename(ref / "heard")
    assert names(find_sources(ref, without=[ref / "heard"]).sources) == ["a", "b", "sonatas/c"]
    assert len(pair(ref, ref / "heard").pairs) == 3


def test_hidden_files_and_other_text_are_left_out(folders):
    ref, _ = folders
    (ref / "README.txt").write_text("Three sonatas\n")
    (ref / "._a.mid").write_bytes(b"resource fork")
    (ref / "d.txt").write_text("OnsetTime\tOffsetTime\tMidiPitch\n0.5\t0.9\t60\n")
    (ref / "e.txt").write_text("0.5 0.9 60\n")
    (ref / "programme.pdf").touch()
    (ref / "unplayed.MOV").touch()
    found = find_sources(ref)
    assert names(found.sources) == ["a", "b", "d", "e", "sonatas/c"]
    assert found.left_out == {".txt": 1, ".pdf": 1, ".mov": 1}


def test_labels_tell_the_notes_and_midi_beside_them_the_pedal(folders):
    ref, est = folders
    lines = ["# onset,offset,pitch,velocity"]
    lines += [f"{n.onset},{n.offset},{n.pitch},{n.velocity}" for n in PLAYED.notes[:5]]
    (ref / "b.tsv").write_text("\n".join(lines))
    found = {each.name: each for each in evaluate(ref, est).pieces}
    assert found["b"].scores.ratios["as_found/onset"] == Ratio(5, 5, 5)
    assert found["b"].scores.ratios["as_found/pedal/onset"] == Ratio(2, 2, 2)
    alone = evaluate(ref / "b.mid", est / "b.mid").pieces[0]  # what is named is what is read
    assert alone.scores.ratios["as_found/onset"] == Ratio(10, 5, 5)


def test_text_labels_alone_know_neither_pedal_nor_velocity(tmp_path, folders):
    lines = [f"{n.onset}\t{n.offset}\t{n.pitch}" for n in PLAYED.notes]
    (tmp_path / "maps.txt").write_text("\n".join(["OnsetTime\tOffsetTime\tMidiPitch", *lines]))
    piece = evaluate(tmp_path / "maps.txt", folders[1] / "a.mid").pieces[0]
    assert piece.scores.ratios["as_found/onset"].f1 == 1
    told = " ".join([*piece.scores.ratios, *piece.scores.numbers, *piece.mistakes.breakdowns])
    assert not [word for word in ("pedal", "sustained", "velocity", "loudness") if word in told]


def test_a_piece_played_without_pedal_among_others_counts_as_that(folders):
    ref, est = folders
    write_midi(Performance(PLAYED.notes), ref / "a.mid")
    ratios = evaluate(ref, est).pieces[0].scores.ratios
    assert ratios["as_found/pedal/onset"] == Ratio(0, 2, 0)
    alone = evaluate(ref / "a.mid", est / "a.mid").pieces[0].scores.ratios
    assert not any("pedal" in name for name in alone)


def test_labels_are_cut_where_the_recording_beside_them_ends(folders):
    ref, est = folders
    write_wav(ref / "a.wav", np.zeros(8000, np.float32), 4000)
    found = {each.name: each for each in evaluate(ref, est).pieces}
    assert found["a"].scores.ratios["as_found/onset"] == Ratio(4, 4, 4)
    assert found["sonatas/c"].scores.ratios["as_found/onset"] == Ratio(10, 10, 10)
