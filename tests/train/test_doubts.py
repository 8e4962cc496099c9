"""Labels that are not to be trusted everywhere: doubts, and keys that the pedal holds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from recipes.second_opinion import agreed, main, moved, recordings_with_teacher
from transcribe.audio.reader import read_audio
from transcribe.audio.wav import write_wav
from transcribe.checkpoint import PACKAGED_CHECKPOINT, load_checkpoint, save_checkpoint
from transcribe.datasets import load_dataset
from transcribe.errors import DatasetError
from transcribe.features import FeatureConfig
from transcribe.frames import FrameGrid
from transcribe.midi import read_midi, write_midi
from transcribe.model.planes import Planes
from transcribe.notes import Note, PedalPress, Performance, sustained
from transcribe.rolls import Rolls, encode
from transcribe.train.augment.config import AugmentConfig
from transcribe.train.data import DataConfig
from transcribe.train.doubts import Doubt, doubts_beside, read_doubts, trusted, write_doubts
from transcribe.train.losses import LossConfig, transcription_loss
from transcribe.train.sources import SourceConfig
from transcribe.train.training_windows import TrainingWindows, held_by_pedal
from transcribe.transcriber import Transcriber

PRELUDE = Path(__file__).parents[1] / "data" / "prelude.mp3"
GRID = FrameGrid(16000, 160)  # a frame is 10 ms
KNOWN = torch.ones(1)


def note(onset, pitch, offset, velocity=80):
    return Note(onset=onset, pitch=pitch, offset=offset, velocity=velocity)


# Doubts


def test_a_doubt_covers_its_key_and_the_frames_it_touches():
    known = trusted([Doubt(0.105, 0.2, 60)], GRID, 40)
    assert np.flatnonzero(~known[:, 60 - 21]).tolist() == list(range(10, 21))
    assert known.sum() == known.size - 11


def test_a_doubt_moves_with_its_window_and_its_tuning():
    doubt = [Doubt(1.0, 1.1, 60)]
    plain = trusted(doubt, GRID, 40, start_frame=90)[:, 39]
    assert np.flatnonzero(~plain).tolist() == list(range(10, 21))
    faster = trusted([Doubt(1.01, 1.11, 60)], GRID, 40, start_frame=90, stretch=0.95)[:, 39]
    assert np.flatnonzero(~faster).tolist() == list(range(5, 17))
    assert trusted(doubt, GRID, 40, start_frame=200).all()
    assert trusted(doubt, GRID, 40).all()


def test_doubts_come_back_from_their_file(tmp_path):
    doubts = (Doubt(-0.1, 0.25, 21), Doubt(1.5, 2.0, 108))
    path = doubts_beside(tmp_path / "song.mid")
    assert path.name == "song.doubts.tsv"
    write_doubts(doubts, path)
    assert read_doubts(path) == doubts


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected the columns onset, offset, note"),
        ("onset\toffset\n", "expected the columns onset, offset, note"),
        ("onset\toffset\tnote\n1\t2\t60\n2\t1\t60\n", "line 3: a doubt begins before it ends"),
        ("onset\toffset\tnote\n1\t2\t130\n", "line 2: a pitch is a MIDI number"),
        ("onset\toffset\tnote\n1\t2\n", "line 2"),
    ],
)
def test_a_damaged_file_of_doubts_is_refused(tmp_path, text, message):
    path = tmp_path / "a.doubts.tsv"
    path.write_text(text)
    with pytest.raises(DatasetError, match=message):
        read_doubts(path)


# What the pedal hides


def test_a_key_that_the_pedal_holds_is_not_known_to_be_down_or_up():
    played = Performance(
        [note(0.1, 60, 0.3), note(0.15, 64, 0.9), note(0.12, 70, 0.16)],
        [PedalPress(onset=0.2, offset=0.5)],
    )
    held = held_by_pedal(encode(played, GRID, 100))
    assert np.flatnonzero(held[:, 60 - 21]).tolist() == list(range(20, 50))
    assert np.flatnonzero(held[:, 64 - 21]).tolist() == list(range(20, 50))
    assert held.sum() == 60  # released before the pedal came down: known throughout


# What a mask leaves out of the loss


def wrong(truth: Planes) -> Planes:
    """Says the opposite of everything."""
    return Planes(*(4 - 8 * plane for plane in truth))


def losses(**masks) -> dict[str, float]:
    played = Performance(
        [note(0.1, 60, 0.3), note(0.15, 62, 0.3, 120)], [PedalPress(onset=0.2, offset=0.5)]
    )
    truth = Planes.unstack(torch.from_numpy(encode(played, GRID, 100).stack())[None])
    terms = transcription_loss(
        wrong(truth), truth, LossConfig(), pedal_mask=KNOWN, velocity_mask=KNOWN, **masks
    )
    return {name: float(term) for name, term in terms.items()}


def test_of_a_key_in_doubt_nothing_is_learnt():
    plain, doubted = losses(), losses(note_mask=torch.zeros(1, 100, 88, dtype=torch.bool))
    assert doubted.pop("pedal") == plain.pop("pedal")
    assert all(plain.values())
    assert not any(doubted.values())
    assert losses(note_mask=torch.ones(1, 100, 88, dtype=torch.bool)) == losses()


def test_where_releases_are_unknown_onsets_and_ends_of_sound_are_learnt():
    plain, masked = losses(), losses(release_mask=torch.zeros(1, 100, 88, dtype=torch.bool))
    assert masked["frame"] == masked["offset"] == 0
    assert masked["shift"] < plain["shift"]
    for name in ("onset", "sounding", "pedal", "velocity"):
        assert masked[name] == plain[name]


def test_half_the_cells_make_half_the_loss():
    half = torch.zeros(1, 100, 88, dtype=torch.bool)
    half[:, :, ::2] = True
    silent = losses(note_mask=half)["onset"] + losses(note_mask=~half)["onset"]
    assert silent == pytest.approx(losses()["onset"])


def test_where_loudness_is_unknown_what_is_louder_is_learnt_all_the_same():
    masked = losses(loudness_mask=torch.zeros(1))
    assert masked["velocity"] == 0
    assert masked["velocity_relative"] == losses()["velocity_relative"]


# Windows


@pytest.fixture
def recorded(tmp_path):
    """One second of a recording that its labels are right about, but for one key."""
    write_wav(tmp_path / "a.wav", np.zeros(16000, np.float32), 16000)
    played = Performance(
        [note(0.1, 60, 0.3), note(0.1, 62, 0.3)], [PedalPress(onset=0.2, offset=0.5)]
    )
    write_midi(played, tmp_path / "a.mid")
    write_doubts([Doubt(0.0, 0.6, 62)], tmp_path / "a.doubts.tsv")
    (tmp_path / "index.csv").write_text(
        "canonical_composer,canonical_title,split,year,midi_filename,audio_filename,duration\n"
        "Nobody,Study,train,,a.mid,a.wav,1.0\n"
    )
    return tmp_path


def window(folder, **source):
    config = DataConfig(
        sources={"one": SourceConfig(index=str(folder / "index.csv"), **source)},
        cache=str(folder / "cache"),
        window_frames=31,
        n_synthetic_noises=0,
        detune_cents=0.0,
        empty_probability=0.0,
    )
    return TrainingWindows(config, AugmentConfig.nothing(), FeatureConfig(), seed=0)[0]


def test_a_window_says_what_its_labels_know(recorded):
    plain = window(recorded)
    assert plain["loudness_known"] == 1
    doubted = plain["notes_known"].sum(0)
    assert doubted[62 - 21] < 31
    assert (doubted == 31).sum() == 87
    assert torch.equal(plain["notes_known"], plain["releases_known"])
    taught = window(recorded, releases=False, loudness=False)
    assert taught["loudness_known"] == 0
    assert torch.equal(taught["notes_known"], plain["notes_known"])
    hidden = plain["releases_known"] & ~taught["releases_known"]
    pedal = taught["targets"][:, -1] > 0
    assert torch.equal(hidden[:, 60 - 21], pedal)
    assert hidden.sum() == pedal.sum()


# Second opinions


def test_what_only_one_has_heard_is_in_doubt():
    teacher = Performance(
        [note(0.51, 60, 0.7), note(1.01, 62, 1.2), note(1.51, 64, 1.7)],
        [PedalPress(onset=0.61, offset=0.91)],
    )
    ours = Performance([note(0.5, 60, 0.6), note(1.0, 62, 1.1), note(1.0, 74, 1.1)])
    labels, doubts = agreed(teacher, ours, Performance([*ours.notes[:2], note(1.0, 74, 1.6)]))
    assert [each.onset for each in labels.notes] == pytest.approx([0.5, 1.0, 1.5])
    assert labels.pedal[0].onset == pytest.approx(0.6)
    assert [each.pitch for each in doubts] == [74, 64]
    assert [each.onset for each in doubts] == pytest.approx([0.9, 1.4])
    assert [each.offset for each in doubts] == pytest.approx([1.8, 1.89])


def test_what_we_hear_faintly_is_enough_to_believe_the_teacher_and_no_note_of_ours():
    teacher = Performance([note(0.5, 60, 0.7), note(1.0, 64, 1.2), note(1.5, 67, 1.7)])
    ours = Performance([note(0.5, 60, 0.7), note(2.0, 72, 2.2)])
    faint = Performance([*ours.notes, note(1.01, 64, 1.3), note(2.5, 76, 2.7)])
    labels, doubts = agreed(teacher, ours, ours, faint)
    assert labels.notes == teacher.notes
    assert [each.pitch for each in doubts] == [67, 72]
    assert [each.pitch for each in agreed(teacher, ours, ours)[1]] == [64, 67, 72]


def test_a_doubt_about_a_note_lasts_as_long_as_the_pedal_holds_it():
    teacher = Performance([note(0.5, 60, 0.7)], [PedalPress(onset=0.6, offset=2.0)])
    assert agreed(teacher, Performance(), Performance())[1] == (Doubt(0.4, 2.2, 60),)


def test_what_moves_before_the_recording_begins_with_it():
    played = Performance(
        [note(0.01, 60, 0.02), note(0.01, 62, 0.5)], [PedalPress(onset=0.0, offset=0.1)]
    )
    earlier = moved(played, -0.03)
    assert [(each.onset, each.pitch) for each in earlier.notes] == [(0.0, 62)]
    assert earlier.pedal[0].onset == 0.0
    assert earlier.pedal[0].offset == pytest.approx(0.07)


def test_second_opinions_become_a_data_set(tmp_path):
    recordings = tmp_path / "recordings"
    recordings.mkdir()
    teacher = Performance([note(0.5, 60, 0.7)])
    for name in ("a", "b", "c"):
        write_wav(recordings / f"{name}.wav", np.zeros(16000, np.float32), 16000)
        write_midi(teacher, recordings / f"{name}.teacher.mid")
    out = tmp_path / "out"
    arguments = [str(recordings), "--out", str(out), "--validation", "b", "--leave-out", "c"]
    assert main(arguments) == 0
    found = load_dataset(out, require_audio=True)
    assert [(each.title, each.split) for each in found] == [("a", "train"), ("b", "validation")]
    assert found[0].midi_path is not None
    assert read_midi(found[0].midi_path).notes[0].pitch == 60
    assert [each.pitch for each in read_doubts(out / "a.doubts.tsv")] == [60]


def test_a_faint_note_of_a_recording_is_believed(tmp_path):
    """A note that the other puts where the packaged weights hear the prelude, not quite surely."""
    recordings, unsure = tmp_path / "recordings", tmp_path / "unsure.safetensors"
    recordings.mkdir()
    write_wav(recordings / "a.wav", read_audio(PRELUDE, 16000)[: 6 * 16000], 16000)
    checkpoint = load_checkpoint(PACKAGED_CHECKPOINT)
    heard = Transcriber(checkpoint).transcribe(recordings / "a.wav").performance
    write_midi(heard, recordings / "a.teacher.mid")
    checkpoint.decode.onset_threshold = 0.9999
    save_checkpoint(checkpoint, unsure)
    n_doubts = []
    for words in ([], ["--faint", "0.75"]):
        out = str(tmp_path / f"out{len(words)}")
        assert main([str(recordings), "--out", out, "--checkpoint", str(unsure), *words]) == 0
        n_doubts.append(len(read_doubts(Path(out) / "a.doubts.tsv")))
    assert n_doubts[0] > 10
    assert n_doubts[1] == 0


def test_a_name_that_is_not_there_is_refused(tmp_path, capsys):
    with pytest.raises(DatasetError, match=r"NAME\.teacher\.mid"):
        recordings_with_teacher(tmp_path)
    write_wav(tmp_path / "a.wav", np.zeros(16000, np.float32), 16000)
    write_midi(Performance(), tmp_path / "a.teacher.mid")
    assert main([str(tmp_path), "--out", str(tmp_path / "out"), "--leave-out", "z"]) == 1
    assert "expected a recording 'z'" in capsys.readouterr().err


def test_sustained_notes_keep_the_order_of_their_keys():
    """What `agreed` relies on where it pairs a note with how long it sounds."""
    played = Performance(
        [note(0.0, 60, 0.2), note(0.0, 64, 0.1), note(0.5, 60, 0.6)],
        [PedalPress(onset=0.05, offset=3.0)],
    )
    held = sustained(played)
    assert [(n.onset, n.pitch) for n in held.notes] == [(n.onset, n.pitch) for n in played.notes]


def test_nothing_played_holds_nothing():
    assert not held_by_pedal(Rolls.empty(5)).any()
