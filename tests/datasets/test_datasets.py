import csv
import logging
import os

import numpy as np
import pytest

from transcribe.audio.wav import write_wav
from transcribe.datasets import (
    cached_samples,
    has_pedal,
    has_velocity,
    load_dataset,
    read_index,
    read_labels,
    read_maestro,
    read_maps,
    reference_performance,
)
from transcribe.datasets.index import COLUMNS
from transcribe.datasets.labels import load_labels
from transcribe.errors import AudioError, DatasetError
from transcribe.midi import write_midi
from transcribe.notes import Note, PedalPress, Performance

C4 = Note(onset=0.25, pitch=60, offset=0.75, velocity=80)
E4 = Note(onset=0.5, pitch=64, offset=0.75, velocity=40)
PEDAL = PedalPress(onset=0.5, offset=1.0)


def write_index(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        for row in rows:
            writer.writerow(
                {
                    "canonical_composer": "Anna Bon",
                    "canonical_title": "Sonata, Op. 2",
                    "split": "train",
                    "year": "2018",
                    "duration": "1.5",
                }
                | row
            )
    return path


def touch(path, content=b""):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def write_piece(folder, piece, instrument, *, seconds=0.1):
    """What MAPS has of a piece: sound, MIDI and text."""
    stem = folder / instrument / "MUS" / f"MAPS_MUS-{piece}_{instrument}"
    stem.parent.mkdir(parents=True, exist_ok=True)
    write_wav(stem.with_suffix(".wav"), np.zeros(round(8000 * seconds), np.float32), 8000)
    write_midi(Performance([C4], [PEDAL]), stem.with_suffix(".mid"))
    stem.with_suffix(".txt").write_text("OnsetTime\tOffsetTime\tMidiPitch\n0.25\t0.75\t60\n")
    return stem


def test_rows_become_recordings(tmp_path):
    index = write_index(
        tmp_path / "index.csv",
        [
            {"midi_filename": "2018/a.mid", "audio_filename": "2018/a.wav", "split": "test"},
            {"midi_filename": "2018/b.mid", "audio_filename": "", "year": ""},
        ],
    )
    for name in ("a.mid", "a.wav", "b.mid"):
        touch(tmp_path / "2018" / name)
    first, second = read_index(index)
    assert first.title == "Sonata, Op. 2"
    assert first.composer == "Anna Bon"
    assert (first.split, first.year, first.duration) == ("test", 2018, 1.5)
    assert first.midi_path == tmp_path / "2018/a.mid"
    assert first.audio_path == tmp_path / "2018/a.wav"
    assert first.name == "a"
    assert (second.split, second.year, second.audio_path) == ("train", None, None)


def test_the_root_is_the_namesake_folder_or_the_indexs_own_or_as_said(tmp_path):
    index = write_index(tmp_path / "rolls.csv", [{"midi_filename": "a.mid"}])
    beside = touch(tmp_path / "a.mid")
    assert read_index(index)[0].midi_path == beside
    within = touch(tmp_path / "rolls" / "a.mid")
    assert read_index(index)[0].midi_path == within
    said = touch(tmp_path / "other" / "a.mid")
    assert read_index(index, root=tmp_path / "other")[0].midi_path == said


def test_missing_midi_files_are_counted_and_the_first_named(tmp_path):
    index = write_index(
        tmp_path / "index.csv", [{"midi_filename": f"{name}.mid"} for name in "abc"]
    )
    touch(tmp_path / "a.mid")
    with pytest.raises(DatasetError, match=r"2 of 3 MIDI files are missing.*b\.mid"):
        read_index(index)


def test_audio_that_is_absent_is_to_be_rendered_or_an_error(tmp_path):
    index = write_index(
        tmp_path / "index.csv", [{"midi_filename": "a.mid", "audio_filename": "a.wav"}]
    )
    touch(tmp_path / "a.mid")
    assert read_index(index)[0].audio_path is None
    with pytest.raises(DatasetError, match=r"1 of 1 audio files are missing.*a\.wav"):
        read_index(index, require_audio=True)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"split": "dev"}, "line 2: expected the split train, validation, test; found 'dev'"),
        ({"year": "long ago"}, "line 2: year and duration .*long ago"),
        ({"duration": ""}, "line 2: year and duration"),
        ({"duration": "nan"}, "line 2: expected a duration above 0 s; found 'nan'"),
        ({"midi_filename": ""}, "line 2: expected a MIDI file, or labels .*Sonata"),
        ({"midi_filename": "../a.mid"}, "line 2: expected midi_filename of a file inside .*'..'"),
        ({"audio_filename": "/a.wav"}, "line 2: expected audio_filename of a file inside"),
    ],
)
def test_a_wrong_value_is_refused_with_its_line(tmp_path, row, message):
    touch(tmp_path / "a.mid")
    index = write_index(tmp_path / "index.csv", [{"midi_filename": "a.mid"} | row])
    with pytest.raises(DatasetError, match=message):
        read_index(index)


def test_a_missing_index_or_column_or_other_encoding_is_refused(tmp_path):
    with pytest.raises(DatasetError, match=r"found no file .*index\.csv"):
        read_index(tmp_path / "index.csv")
    (tmp_path / "index.csv").write_text("split,year,midi_filename,audio_filename,duration\n")
    with pytest.raises(DatasetError, match="missing canonical_composer, canonical_title"):
        read_index(tmp_path / "index.csv")
    (tmp_path / "index.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DatasetError, match="in UTF-8"):
        read_index(tmp_path / "index.csv")


def test_a_file_may_not_be_in_two_rows(tmp_path):
    """Else a recording could be in two splits."""
    touch(tmp_path / "a.mid")
    rows = [{"midi_filename": "a.mid", "split": split} for split in ("train", "test")]
    with pytest.raises(DatasetError, match=r"MIDI file twice: .*a\.mid"):
        read_index(write_index(tmp_path / "index.csv", rows))


def test_notes_come_from_the_text_and_the_pedal_from_the_midi(tmp_path):
    write_midi(Performance([C4], [PEDAL]), tmp_path / "a.mid")
    touch(tmp_path / "a.wav")
    index = write_index(
        tmp_path / "index.csv", [{"midi_filename": "a.mid", "audio_filename": "a.wav"}]
    )
    (recording,) = read_index(index)
    assert reference_performance(recording).notes[0].pitch == 60

    (tmp_path / "a.tsv").write_text("# onset,offset,note,velocity\n0.5\t0.75\t64\t40\n")
    (recording,) = read_index(index)
    performance = reference_performance(recording)
    assert performance.notes == (E4,)
    assert performance.pedal[0].onset == pytest.approx(PEDAL.onset, abs=0.001)
    assert performance.pedal[0].offset == pytest.approx(PEDAL.offset, abs=0.001)
    assert has_pedal(recording)
    assert has_velocity(recording)


@pytest.mark.parametrize(("suffix", "velocity"), [(".tsv", 40), (".txt", 64)])
def test_text_alone_knows_no_pedal_and_txt_no_velocity(tmp_path, suffix, velocity):
    touch(tmp_path / "a.wav")
    columns = "0.5\t0.75\t64" + ("\t40" if suffix == ".tsv" else "")
    (tmp_path / f"a{suffix}").write_text(f"{columns}\n")
    index = write_index(tmp_path / "index.csv", [{"midi_filename": "", "audio_filename": "a.wav"}])
    (recording,) = read_index(index)
    note = reference_performance(recording).notes[0]
    assert (note.onset, note.offset, note.pitch, note.velocity) == (0.5, 0.75, 64, velocity)
    assert not has_pedal(recording)
    assert has_velocity(recording) == (suffix == ".tsv")


def test_labels_are_sorted_and_cut_where_the_key_is_struck_again(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("OnsetTime\tOffsetTime\tMidiPitch\n1.0\t2.0\t60\n\n0.0\t1.5\t60\n0.5\t1\t62\n")
    notes = read_labels(path)
    assert [(n.onset, n.offset, n.pitch) for n in notes] == [
        (0.0, 1.0, 60),
        (0.5, 1.0, 62),
        (1.0, 2.0, 60),
    ]


def test_what_a_midi_file_may_say_labels_may_say_too(tmp_path):
    path = tmp_path / "a.tsv"
    path.write_text("# onset\n0\t1\t60\t0\n1\t1\t62\t80\n1\t2\t109\t80\n2\t3\t64\t128\n")
    labels = load_labels(path)
    assert [(n.pitch, n.velocity) for n in labels.notes] == [(60, 1), (64, 127)]
    assert labels.warnings == (
        "1 velocities above 127, taken for 127",
        "1 note off the keyboard (21 to 108) left out",
        "1 note without length left out",
    )


@pytest.mark.parametrize(
    "text", ["# onset\n0,5\t1,25\t60\t80\n", "onset,offset,pitch,velocity\n0.5,1.25,60,80\n"]
)
def test_labels_may_have_decimal_commas_or_a_line_of_names(tmp_path, text):
    path = tmp_path / "a.tsv"
    path.write_text(text)
    (note,) = load_labels(path).notes
    assert (note.onset, note.offset, note.pitch, note.velocity) == (0.5, 1.25, 60, 80)


@pytest.mark.parametrize(
    ("said", "meant"),
    [((0.5, 1), (64, 127)), ((0, 0), (64, 64)), ((1, 1), (1, 1)), ((0.001, 0.9), (1, 114))],
)
def test_velocities_of_labels_may_be_shares_of_the_loudest_or_unknown(tmp_path, said, meant):
    path = tmp_path / "a.tsv"
    path.write_text("".join(f"{i}\t{i + 1}\t60\t{v}\n" for i, v in enumerate(said)), "utf-16")
    assert tuple(note.velocity for note in load_labels(path).notes) == meant


@pytest.mark.parametrize(
    "line", ["1.0\t0.5\t60", "1.0\t2.0", "1.0\t2.0\t60\t-1", "one\ttwo\tthree"]
)
def test_a_line_that_is_no_note_is_refused(tmp_path, line):
    path = tmp_path / "a.txt"
    path.write_text(f"0.0\t0.5\t60\n{line}\n")
    with pytest.raises(DatasetError, match=r"a\.txt, line 2: expected onset, offset, pitch"):
        read_labels(path)
    with pytest.raises(DatasetError, match="expected notes as text"):
        read_labels(tmp_path / "absent.txt")


@pytest.mark.parametrize("version", ["1.0.0", "2.0.0", "3.0.0"])
def test_maestro_of_any_version(tmp_path, version, caplog):
    for name in ("2018/a.midi", "2018/a.wav"):
        touch(tmp_path / name)
    row = {"midi_filename": "2018/a.midi", "audio_filename": "2018/a.wav"}
    write_index(tmp_path / f"maestro-v{version}.csv", [row])
    with caplog.at_level(logging.WARNING):
        (recording,) = read_maestro(tmp_path)
    assert recording.audio_path == tmp_path / "2018/a.wav"
    assert "in the train split, as published; found 1" in caplog.text
    assert load_dataset(tmp_path, split="train") == (recording,)


def test_maestro_needs_its_audio_and_one_index(tmp_path):
    with pytest.raises(DatasetError, match=r"one index maestro-v\*\.csv or .* in .*; found none"):
        read_maestro(tmp_path)
    touch(tmp_path / "a.midi")
    row = {"midi_filename": "a.midi", "audio_filename": "a.wav"}
    write_index(tmp_path / "maestro-v3.0.0.csv", [row])
    with pytest.raises(DatasetError, match="1 of 1 audio files"):
        read_maestro(tmp_path)
    assert read_maestro(tmp_path, require_audio=False)[0].audio_path is None
    write_index(tmp_path / "maestro-v2.0.0.csv", [row])
    with pytest.raises(DatasetError, match=r"found maestro-v2\.0\.0\.csv, maestro-v3\.0\.0\.csv"):
        read_maestro(tmp_path)


def test_maps_tests_on_the_disklavier_and_trains_without_its_pieces(tmp_path, caplog):
    write_piece(tmp_path, "alb_se2", "ENSTDkCl", seconds=0.5)
    write_piece(tmp_path, "ty_mai", "ENSTDkAm")
    write_piece(tmp_path / "MAPS_AkPnBcht_2", "alb_se2", "AkPnBcht")
    write_piece(tmp_path / "MAPS_AkPnBcht_2", "ty_mai", "AkPnBcht")
    kept = write_piece(tmp_path / "MAPS_AkPnBcht_2", "chpn-p11-format0", "AkPnBcht")
    touch(tmp_path / "ENSTDkCl/ISOL/NO/MAPS_ISOL_NO_F_S0_M21_ENSTDkCl.wav")
    with caplog.at_level(logging.INFO):
        recordings = read_maps(tmp_path)
    assert [(each.composer, each.title, each.split) for each in recordings] == [
        ("MAPS AkPnBcht", "chpn-p11-format0", "train"),
        ("MAPS ENSTDkAm", "ty_mai", "test"),
        ("MAPS ENSTDkCl", "alb_se2", "test"),
    ]
    assert recordings[0].midi_path == kept.with_suffix(".mid")
    assert recordings[2].duration == pytest.approx(0.5)
    assert reference_performance(recordings[2]).notes[0].velocity == 80
    assert "2 pieces left out of train" in caplog.text
    assert load_dataset(tmp_path, split="test") == recordings[1:]


def test_maps_says_what_is_missing(tmp_path, caplog):
    with pytest.raises(DatasetError, match="expected pieces named"):
        read_maps(tmp_path)
    write_piece(tmp_path, "ty_mai", "ENSTDkAm")
    with caplog.at_level(logging.WARNING):
        read_maps(tmp_path)
    assert "no recordings of ENSTDkCl" in caplog.text
    write_piece(tmp_path, "ty_mai", "AkPnBcht").with_suffix(".mid").unlink()
    with pytest.raises(DatasetError, match=r"1 of 2 MIDI files .*ty_mai_AkPnBcht\.mid"):
        read_maps(tmp_path)


def test_a_data_set_is_an_index_too_and_an_empty_split_is_refused(tmp_path):
    touch(tmp_path / "a.mid")
    index = write_index(tmp_path / "index.csv", [{"midi_filename": "a.mid"}])
    assert load_dataset(tmp_path) == load_dataset(index) == read_index(index)
    with pytest.raises(DatasetError, match="no recordings in the split 'test'; found train"):
        load_dataset(tmp_path, split="test")
    with pytest.raises(ValueError, match="expected the split train"):
        load_dataset(tmp_path, split="dev")
    with pytest.raises(DatasetError, match="expected a folder"):
        load_dataset(tmp_path / "absent")


def test_cached_samples_are_the_recording_and_are_mapped(tmp_path):
    samples = (0.9 * np.sin(np.arange(16000) * 0.1)).astype(np.float32)
    write_wav(tmp_path / "a.wav", samples, 16000)
    cached = cached_samples(tmp_path / "a.wav", 16000, tmp_path / "cache")
    assert cached.dtype == np.int16
    assert isinstance(cached, np.memmap)
    assert not cached.flags.writeable
    np.testing.assert_allclose(cached / 32767, samples, atol=1e-4)
    assert abs(len(cached_samples(tmp_path / "a.wav", 8000, tmp_path / "cache")) - 8000) <= 1


def test_a_cached_recording_is_decoded_once_until_it_changes(tmp_path):
    path, cache = tmp_path / "a.wav", tmp_path / "cache"
    write_wav(path, np.full(1000, 0.5, np.float32), 16000)
    cached_samples(path, 16000, cache)
    (made,) = cache.iterdir()
    made.write_bytes(made.read_bytes()[:-2000] + bytes(2000))  # a mark: silence
    assert not cached_samples(path, 16000, cache).any()
    os.utime(path, (1, 1))
    assert cached_samples(path, 16000, cache).all()
    assert sorted(each.suffix for each in cache.iterdir()) == [".npy", ".npy"]


def test_a_recording_that_cannot_be_decoded_leaves_nothing_behind(tmp_path):
    touch(tmp_path / "a.wav", b"no sound")
    for name in ("a.wav", "absent.wav"):
        with pytest.raises(AudioError):
            cached_samples(tmp_path / name, 16000, tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []
