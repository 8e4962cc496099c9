"""The networks of a score take a step, are written, and say the same without torch."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from transcribe.datasets.annotated import UNKNOWN, AnnotatedPerformance
from transcribe.datasets.index import COLUMNS
from transcribe.datasets.sequenced import UnsteadyError, read_steady
from transcribe.errors import CheckpointError, SettingsError
from transcribe.midi import write_midi
from transcribe.notes import Note, Performance
from transcribe.score.beat_targets import METRES, PERIODS, PLACES
from transcribe.score.networks import ScoreNetworks
from transcribe.score.onset_features import NoteArrays, onset_features
from transcribe.train.__main__ import train
from transcribe.train.bar_windows import BarWindows, on_level
from transcribe.train.beat_windows import targets
from transcribe.train.conf import CONF
from transcribe.train.config import ScoreTrainConfig
from transcribe.train.key_profiles import as_json, examples, fit
from transcribe.train.played_differently import AS_PLAYED, TempoCurve
from transcribe.train.score_data import AnnotatedPiece
from transcribe.train.score_export import convert

N_NOTES = 64
BEATS = np.arange(33) * 0.5 + 1.0


def waltz() -> AnnotatedPerformance:
    """Eighths in 3/4 at 120, in A flat; every other bar of them in the left hand."""
    onset = 1.0 + 0.25 * np.arange(N_NOTES)
    index = np.arange(N_NOTES)
    pitch = np.where(index // 6 % 2, 56, 68) + np.array([0, 4, 7])[index % 3]
    ones = np.ones(len(BEATS), int)
    return AnnotatedPerformance(
        onset=onset,
        offset=onset + 0.2,
        pitch=pitch,
        velocity=np.full(N_NOTES, 70),
        pedal=np.array([[2.0, 3.0]]),
        beats=BEATS,
        is_down=np.arange(len(BEATS)) % 3 == 0,
        numerator=3 * ones,
        denominator=4 * ones,
        fifths=-4 * ones,
        hand=1 - index // 6 % 2,
        beat=index // 2,
        place=index % 2 / 2,
        length=np.full(N_NOTES, 0.5),
    )


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What ``conf/score.yaml`` names: a waltz to learn from and one to validate on."""
    folder = tmp_path / "midi"
    notes = tuple(
        Note(onset=float(t), offset=float(t) + 0.2, pitch=int(p), velocity=70)
        for t, p in zip(waltz().onset, waltz().pitch, strict=True)
    )
    (folder / "asap").mkdir(parents=True)
    rows = [",".join(COLUMNS)]
    for title in ("learnt", "kept"):
        midi = folder / "asap" / f"{title}.mid"
        write_midi(Performance(notes), midi)
        marks = [
            f"{t}\t{t}\t{'db' if i % 3 == 0 else 'b'}" + (",3/4,-4" if i == 0 else "")
            for i, t in enumerate(BEATS)
        ]
        midi.with_name(f"{title}_annotations.txt").write_text("\n".join(marks))
        rows.append(f"Nobody,{title},train,2018,{title}.mid,,17.0")
    (folder / "asap.csv").write_text("\n".join(rows) + "\n")
    split = "index,composer,title,split\nasap,Nobody,kept,validation\n"
    (tmp_path / "split.csv").write_text(split)
    monkeypatch.setenv("PIANO_DATA", str(tmp_path))
    return tmp_path


def settings(data: Path, *overrides: str) -> ScoreTrainConfig:
    words = [
        "~data.sources.piano-midi-de",
        "beats.width=8",
        "beats.n_layers=1",
        "bars.width=8",
        "notes.width=8",
        "lengths.width=8",
        "data.size=24",
        "data.batch_size=2",
        "data.windows_per_epoch=2",
        "data.validation_windows=2",
        "trainer.max_steps=1",
        f"data.split={data / 'split.csv'}",
        f"data.cache={data / 'cache'}",
        *overrides,
    ]
    if "network=beats" in overrides:
        words.append("~data.sources.pop909")
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = OmegaConf.to_object(compose("score", overrides=words))
    assert isinstance(config, ScoreTrainConfig)
    return config


def test_beats_and_notes_are_trained_and_run_without_torch(data: Path):
    folder = data / "weights"
    for network in ("beats", "bars", "notes"):
        output = data / network
        weights = train(settings(data, f"network={network}", f"output={output}"))
        convert([weights], folder / f"score-{network}.onnx")
    packaged = ScoreNetworks()
    for name in ("score-lengths.onnx", "score-keys.json"):
        (folder / name).write_bytes((Path(packaged.folder) / name).read_bytes())
    networks = ScoreNetworks(folder)
    notes = NoteArrays.of(waltz().performance)
    said = networks.hear(notes)
    assert said.beat.shape == (N_NOTES,)
    np.testing.assert_allclose(said.place.sum(axis=1), 1, atol=1e-6)
    of_bars = networks.hear_bars(notes, BEATS)
    assert of_bars.down.shape == BEATS.shape
    np.testing.assert_allclose(np.exp(said.period).sum(axis=1), 1, atol=1e-6)
    assert not np.allclose(said.beat, packaged.hear(notes).beat)


def test_of_several_networks_of_a_kind_the_mean_is_exported(data: Path, tmp_path: Path):
    bars = NoteArrays.of(waltz().performance), BEATS
    packaged = Path(ScoreNetworks().folder)
    for path in packaged.glob("score-*"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    runs = [
        train(settings(data, "network=bars", f"output={data / str(seed)}", f"seed={seed}"))
        for seed in (0, 1)
    ]
    said = []
    for weights in ([runs[0]], [runs[1]], runs):
        convert(weights, tmp_path / "score-bars.onnx")
        said.append(ScoreNetworks(tmp_path).hear_bars(*bars).down)
    np.testing.assert_allclose(said[2], (said[0] + said[1]) / 2, atol=1e-5)
    assert np.abs(said[0] - said[1]).max() > 1e-3
    notes = train(settings(data, "network=notes", f"output={data / 'notes'}"))
    with pytest.raises(CheckpointError, match="as before"):
        convert([runs[0], notes], tmp_path / "mixed.onnx")


def test_a_network_of_another_name_is_refused(data: Path):
    config = settings(data, "network=bars", f"output={data / 'out'}")
    config.network = "hands"
    with pytest.raises(SettingsError, match="network is one of beats, bars, notes, lengths"):
        train(config)


def test_onsets_of_a_waltz_are_told_their_beats_bars_and_places():
    each = waltz()
    found = onset_features(NoteArrays.of(each.performance))
    said = targets(found, each, each.beats, np.arange(N_NOTES))
    np.testing.assert_array_equal(said["beat"], np.arange(N_NOTES) % 2 == 0)
    np.testing.assert_array_equal(said["down"], np.arange(N_NOTES) % 6 == 0)
    np.testing.assert_array_equal(PLACES[said["place"]], np.arange(N_NOTES) % 2 / 2)
    np.testing.assert_allclose(PERIODS[said["period"]], 0.5, rtol=0.05)


def test_where_bars_are_not_known_only_beats_are_learnt():
    each = waltz()
    unknown = np.full(len(BEATS), UNKNOWN)
    found = onset_features(NoteArrays.of(each.performance))
    of_pop = replace(each, numerator=unknown, denominator=unknown)
    said = targets(found, of_pop, each.beats, np.arange(N_NOTES))
    assert said["weight"].sum() > N_NOTES / 2
    assert said["down_weight"].sum() == 0
    piece = AnnotatedPiece("pop", 1.0, [of_pop]), AnnotatedPiece("waltz", 1.0, [each])
    windows = BarWindows(piece, AS_PLAYED, size=24, n_windows=8, seed=0)
    assert {int(each) for k in range(8) for each in windows[k]["metre"]} == {METRES[3, 4]}


@pytest.mark.parametrize("level", [2.0, 3.0, 0.5, 1 / 3])
def test_beats_twice_as_close_or_half_are_the_same_beats_where_they_meet(level):
    moved, of_beat = on_level(BEATS, level, np.random.default_rng(0))
    np.testing.assert_allclose(np.diff(moved), 0.5 / level)
    known = of_beat >= 0
    np.testing.assert_allclose(moved[known], BEATS[of_beat[known]])
    assert known.mean() == pytest.approx(min(1, 1 / level), abs=0.05)


def test_a_bent_tempo_keeps_the_order_of_things_and_their_places():
    curve = TempoCurve.draw(np.random.default_rng(3), 0.0, 30.0)
    bent = curve(BEATS)
    assert (np.diff(bent) > 0.5 / 2).all()
    assert (np.diff(bent) < 0.5 * 2).all()
    assert np.ptp(np.diff(bent)) > 0.02
    notes = curve.of_notes(NoteArrays.of(waltz().performance))
    np.testing.assert_allclose(notes.onset[::2], bent[: N_NOTES // 2])


def test_steady_music_has_its_beats_where_most_notes_start(tmp_path: Path):
    # Quarters from the second sixteenth on, every other one with an eighth after it.
    starts = [0.125 + 0.5 * k for k in range(24)] + [0.375 + 1.0 * k for k in range(12)]
    notes = [Note(onset=t, offset=t + 0.1, pitch=60, velocity=70) for t in sorted(starts)]
    write_midi(Performance(tuple(notes)), tmp_path / "a.mid")
    each = read_steady(tmp_path / "a.mid")
    np.testing.assert_allclose(each.beats[:24], 0.125 + 0.5 * np.arange(24), atol=0.01)
    assert sorted(set(each.place.tolist())) == [0, 0.5]
    assert set(each.numerator.tolist()) == {UNKNOWN}
    moved = [
        Note(onset=note.onset + 0.07 * (k % 3), offset=note.offset + 1, pitch=60 + k, velocity=70)
        for k, note in enumerate(notes)
    ]
    write_midi(Performance(tuple(moved)), tmp_path / "b.mid")
    with pytest.raises(UnsteadyError, match=r"found 1 tempo and \d\d% of the notes off"):
        read_steady(tmp_path / "b.mid")


def test_pieces_without_bars_are_nothing_to_learn_bars_from():
    unknown = replace(waltz(), numerator=np.full(len(BEATS), UNKNOWN))
    pieces = [AnnotatedPiece("prelude", 1.0, [unknown])]
    with pytest.raises(SettingsError, match="labels that are learnt; found none among 1"):
        BarWindows(pieces, AS_PLAYED, size=8, n_windows=1, seed=0)


def test_profiles_of_keys_learn_the_key_that_they_are_shown():
    pieces = [AnnotatedPiece("waltz", 1.0, [waltz()])]
    found = examples(pieces)
    profiles = fit(found, n_steps=30)
    said = profiles(torch.from_numpy(found[0]).float())
    assert said.argmax(-1).tolist() == [8] * len(found[0])
    assert '"weights":' in as_json(profiles)
