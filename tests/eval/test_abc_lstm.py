"""A character LSTM of tunes learns a small collection, and goes on from a tune of ours."""

from __future__ import annotations

import math
import shutil
import subprocess

import pytest
from on_a_grid import a_piece

from eval.downstream.abc_lstm import (
    TuneLSTM,
    as_read,
    bits_a_character,
    going_on,
    load,
    main,
    sample,
    train,
    tunes_of,
)
from transcribe.errors import CheckpointError, TranscribeError
from transcribe.tokens import Anchor, Settings, encode, place
from transcribe.tokens.score_midi import read_score_midi

TUNE = """X: 7
T:A Jig of Nobody's
% made up
S:by hand
M: 6/8
K:G
D|:"G"GBd gdB|"C"c2e "D7"ABc|[1 "G"B3 G2:|[2 "G"B3 G3||
Bcd {e}dcB|A3 D3|]
"""


def a_collection(n_tunes: int) -> str:
    tunes = []
    for seed in range(n_tunes):
        performance, grid = a_piece(8, seed=seed)
        (item,) = encode("abc", performance, Settings(grid=grid)).items
        tunes.append(item.content.decode())
    return "\n".join(tunes)


def test_a_tune_is_read_without_chords_names_and_repeats():
    (tune,) = tunes_of("before\n" + TUNE)
    assert tune == "M:6/8\nK:G\nD|GBd gdB|c2e ABc|B3 G2|B3 G3|\nBcd dcB|A3 D3|"
    assert as_read(tune) == tune


@pytest.fixture(scope="module")
def learnt():
    tunes = list(tunes_of(a_collection(6)))
    return tunes, *train(tunes, steps=100, width=48, length=64)


def test_it_learns_the_collection(learnt):
    tunes, network, bits = learnt
    untrained = TuneLSTM(network.characters, 48).eval()
    assert bits < 0.6 * math.log2(len(network.characters))
    assert bits == pytest.approx(bits_a_character(network, tunes))
    assert bits_a_character(untrained, tunes) > 0.9 * math.log2(len(network.characters))


def test_the_same_seed_writes_the_same_bars(learnt):
    tunes, network, _ = learnt
    how = {"bars": 4, "temperature": 0.8}
    first, again, other = (sample(network, tunes[0], seed=seed, **how) for seed in (1, 1, 2))
    assert first == again != other
    assert first.count("|") == 4
    assert "\n\n" not in first
    longer = going_on(network, TUNE, seed=1, **how)
    assert longer.startswith(TUNE.rstrip().removesuffix("]"))
    assert longer.endswith("|]\n")


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("abc2midi") is None, reason="needs Debian's abcmidi")
def test_from_a_recording_to_an_lstm_and_back(tmp_path, capsys):
    """The commands of the module's first lines, with a network that has learnt a little."""
    (tmp_path / "tunes.abc").write_text(a_collection(12))
    weights = tmp_path / "lstm.safetensors"
    words = ["train", str(tmp_path / "tunes.abc"), "--weights", str(weights)]
    assert main([*words, "--steps", "100", "--width", "48"]) == 0
    assert "12 tunes" in capsys.readouterr().out
    performance, grid = a_piece(8)
    encode("abc", performance, Settings(grid=grid)).write(tmp_path, "song")
    primer, more, midi = (tmp_path / name for name in ("song.tune.abc", "more.abc", "more.mid"))
    words = ["sample", str(primer), "--weights", str(weights), "--bars", "6", "--seed", "3"]
    assert main([*words, "--out", str(more)]) == 0
    subprocess.run(["abc2midi", more, "-o", midi], check=True, capture_output=True)
    primed = read_score_midi(midi.read_bytes()).notes
    anchor = Anchor.of_item(primer)
    placed = place(midi.read_bytes(), anchor, without_primer=True)
    new = placed.performance.notes
    assert 0 < len(new) < len(primed)
    assert anchor.stop is not None
    assert all(note.onset >= anchor.stop - 0.01 for note in new)


@pytest.mark.parametrize("temperature", ["0", "-1", "nan", "warm"])
def test_a_temperature_is_above_absolute_zero(temperature, capsys):
    words = ["sample", "a.abc", "--weights", "w", "--out", "b.abc", "--temperature", temperature]
    with pytest.raises(SystemExit) as caught:
        main(words)
    assert caught.value.code == 2
    assert f"above 0; found '{temperature}'" in capsys.readouterr().err


def test_what_is_no_weights_and_no_tunes_is_named(tmp_path, capsys):
    (tmp_path / "w").write_bytes(b"no weights")
    with pytest.raises(CheckpointError, match="expected weights that"):
        load(tmp_path / "w")
    with pytest.raises(TranscribeError, match="expected tunes in ABC"):
        train([], steps=1)
    (tmp_path / "prose.txt").write_text("no tune")
    assert main(["train", str(tmp_path / "prose.txt"), "--weights", str(tmp_path / "w")]) == 1
    assert "expected tunes in ABC" in capsys.readouterr().err
