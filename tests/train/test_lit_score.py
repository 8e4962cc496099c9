"""The networks of a score take a step, are written, and say the same without torch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from transcribe.datasets.annotated import AnnotatedPerformance
from transcribe.datasets.index import COLUMNS
from transcribe.errors import SettingsError
from transcribe.midi import write_midi
from transcribe.notes import Note, Performance
from transcribe.score.networks import ScoreNetworks
from transcribe.score.onset_features import NoteArrays, onset_features
from transcribe.train.__main__ import train
from transcribe.train.beat_windows import targets
from transcribe.train.conf import CONF
from transcribe.train.config import ScoreTrainConfig
from transcribe.train.key_profiles import as_json, examples, fit
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
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = OmegaConf.to_object(compose("score", overrides=words))
    assert isinstance(config, ScoreTrainConfig)
    return config


def test_beats_and_notes_are_trained_and_run_without_torch(data: Path):
    folder = data / "weights"
    for network in ("beats", "notes"):
        output = data / network
        weights = train(settings(data, f"network={network}", f"output={output}"))
        convert(weights, folder / f"score-{network}.onnx")
    packaged = ScoreNetworks()
    for name in ("score-lengths.onnx", "score-keys.json"):
        (folder / name).write_bytes((Path(packaged.folder) / name).read_bytes())
    networks = ScoreNetworks(folder)
    found = onset_features(NoteArrays.of(waltz().performance))
    said = networks.hear(found)
    assert said.beat.shape == (N_NOTES,)
    np.testing.assert_allclose(np.exp(said.period).sum(axis=1), 1, atol=1e-6)
    assert not np.allclose(said.beat, packaged.hear(found).beat)


def test_a_network_of_another_name_is_refused(data: Path):
    with pytest.raises(SettingsError, match="network is one of beats, notes, lengths"):
        train(settings(data, "network=hands", f"output={data / 'out'}"))


def test_onsets_of_a_waltz_are_told_their_beats_and_bars():
    each = waltz()
    said = targets(each.onset, each, each.beats, semitones=2)
    np.testing.assert_array_equal(said["beat"], np.arange(N_NOTES) % 2 == 0)
    np.testing.assert_array_equal(said["down"], np.arange(N_NOTES) % 6 == 0)
    assert set(said["metre"].tolist()) == {1}
    assert set(said["key"].tolist()) == {-4 % 12 + 2}  # from A flat a tone up: B flat


def test_profiles_of_keys_learn_the_key_that_they_are_shown():
    pieces = [AnnotatedPiece("waltz", 1.0, [waltz()])]
    found = examples(pieces)
    profiles = fit(found, n_steps=30)
    said = profiles(torch.from_numpy(found[0]).float())
    assert said.argmax(-1).tolist() == [8] * len(found[0])
    assert '"weights":' in as_json(profiles)
