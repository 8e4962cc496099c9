import numpy as np
import pytest
from data_sets import write_data_set
from PIL import Image

from eval.common import transcribing
from eval.publish import pianorolls
from eval.publish.pianorolls import Rolled, best_median_worst, panel
from transcribe.audio.wav import write_wav
from transcribe.evaluation import pianoroll
from transcribe.evaluation.pianoroll import draw
from transcribe.midi import write_midi
from transcribe.notes import Note, PedalPress, Performance, sustained
from transcribe.transcription import Transcription

PLAYED = Performance(
    [Note(onset=0.2 * i, pitch=60 + i, offset=0.2 * i + 0.3, velocity=64) for i in range(10)],
    [PedalPress(onset=0.5, offset=1.5)],
)


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Smaller pictures, which are drawn sooner."""
    monkeypatch.setattr(pianoroll, "PANEL_INCHES", (6.0, 2.5))


def rolled(name="a", f1=1.0, est=PLAYED):
    return Rolled(name, f1, PLAYED, est, True)


def pixels(path, colour):
    """How many pixels of the picture have exactly a colour."""
    wanted = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
    with Image.open(path) as picture:
        return int((np.asarray(picture.convert("RGB")) == wanted).all(axis=2).sum())


def test_best_median_and_worst_by_f1():
    each = [rolled(name, f1) for name, f1 in zip("abcde", (0.8, 0.5, 0.9, 0.7, 0.6), strict=True)]
    chosen = best_median_worst(each)
    assert [(label, one.name) for label, one in chosen.items()] == [
        ("best", "c"),
        ("median", "d"),
        ("worst", "b"),
    ]
    assert [one.name for one in best_median_worst(each[:4]).values()] == ["c", "a", "b"]
    assert [one.name for one in best_median_worst(each[:2]).values()] == ["a", "b"]
    assert list(best_median_worst(each[:1])) == ["only"]


def test_what_is_wrong_can_be_seen(tmp_path):
    fewer = Performance(PLAYED.notes[:5])
    more = Performance([*PLAYED.notes, Note(onset=1, pitch=80, offset=1.9, velocity=64)])
    seen = {}
    for name, est in (("right", PLAYED), ("fewer", fewer), ("more", more)):
        path = tmp_path / f"{name}.png"
        draw([panel("only", rolled(est=est), 3)], path, title="waltzes")
        colours = {
            "right": pianoroll.RIGHT,
            "missed": pianoroll.MISSED,
            "extra": pianoroll.FALSE,
        }
        seen[name] = {what: pixels(path, colour) for what, colour in colours.items()}
    assert seen["fewer"]["missed"] > seen["right"]["missed"] + 300
    assert seen["fewer"]["right"] < 0.6 * seen["right"]["right"]
    assert seen["more"]["extra"] > seen["right"]["extra"] + 300
    assert seen["more"]["missed"] == pytest.approx(seen["right"]["missed"], abs=50)


def test_notes_after_the_picture_are_not_drawn(tmp_path):
    est = Performance(PLAYED.notes[:5])
    for name, seconds in (("short", 0.9), ("long", 3)):
        draw([panel("only", rolled(est=est), seconds)], tmp_path / f"{name}.png", title="")
    missed = [pixels(tmp_path / f"{name}.png", pianoroll.MISSED) for name in ("short", "long")]
    assert missed[0] < missed[1] - 300


def test_recordings_without_notes_can_be_drawn(tmp_path):
    silent = Rolled("silent", 0.0, Performance(), Performance(), False)
    draw([panel("only", silent, 3)], tmp_path / "silent.png", title="")
    assert pixels(tmp_path / "silent.png", "#ffffff") > 5000


@pytest.fixture
def data(tmp_path):
    """A data set of three recordings with sound, and what was heard of them as MIDI."""
    heard = tmp_path / "heard"
    heard.mkdir()
    for index, name in enumerate("abc"):
        write_midi(Performance(PLAYED.notes[3 * index :]), heard / f"{name}.mid")
    return write_data_set(tmp_path / "waltzes", dict.fromkeys("abc", PLAYED), seconds=3)


class StandIn(transcribing.FileTranscriber):
    """Hears all of a.wav, less of the others."""

    def __init__(self):
        pass

    def __call__(self, path):
        est = Performance(PLAYED.notes[: {"a": 10, "b": 4, "c": 6}[path.stem]])
        return Transcription(est, sustained(est), 3.0, None, None)

    def describe(self):
        return {"name": "stand-in"}


def test_a_data_set_is_heard_and_drawn(data, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(transcribing.FileTranscriber, "load", lambda *_: StandIn())
    out = tmp_path / "new" / "rolls.png"
    assert pianorolls.main(["--data", str(data), "--out", str(out), "--seconds", "3"]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[2:] == ["| best | a | 100.0 |", "| median | c | 75.0 |", "| worst | b | 57.1 |"]
    with Image.open(out) as picture:
        assert picture.text["Description"].startswith(
            "python -m eval.publish.pianorolls --data waltzes"
        )
    content = out.read_bytes()
    assert len(content) < 400_000
    assert str(tmp_path).encode() not in content


def test_midi_files_are_drawn_without_hearing_again(data, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(transcribing.FileTranscriber, "load", lambda *_: pytest.fail("heard again"))
    out = tmp_path / "rolls.png"
    words = ["--data", str(data), "--midi", str(tmp_path / "heard"), "--out", str(out)]
    assert pianorolls.main(words) == 0
    assert "| worst | c | 57.1 |" in capsys.readouterr().out
    (tmp_path / "heard" / "b.mid").unlink()
    assert pianorolls.main(words) == 1
    assert "eval.accuracy.benchmark --midi-out" in capsys.readouterr().err


def test_labels_that_outlast_the_audio_are_left_out(data, tmp_path, capsys):
    write_wav(data / "c.wav", np.zeros(8000, np.float32), 8000)
    write_midi(Performance(PLAYED.notes[:5]), tmp_path / "heard" / "c.mid")
    words = ["--data", str(data), "--midi", str(tmp_path / "heard")]
    assert pianorolls.main([*words, "--out", str(tmp_path / "rolls.png")]) == 0
    # Of the ten notes the five within the only second of audio are all there.
    assert "| median | c | 100.0 |" in capsys.readouterr().out


def test_what_can_not_be_drawn_is_said(tmp_path, capsys):
    with pytest.raises(SystemExit, match="2"):
        pianorolls.main(["--data", "x"])
    words = ["--data", str(tmp_path / "absent"), "--out", str(tmp_path / "rolls.png")]
    with pytest.raises(SystemExit, match="2"):
        pianorolls.main([*words, "--seconds", "0"])
    assert "--seconds: expected seconds, above 0" in capsys.readouterr().err
