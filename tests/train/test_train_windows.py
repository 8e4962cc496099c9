"""What a network is trained on: windows of pieces, and the order in which they come."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from transcribe.features import FeatureConfig
from transcribe.midi import read_midi, write_midi
from transcribe.notes import sustained
from transcribe.rolls import Rolls
from transcribe.synthesis.performance_arrays import PerformanceArrays
from transcribe.synthesis.render import render
from transcribe.synthesis.sample_bank import SampleBank
from transcribe.train.augment.config import AugmentConfig
from transcribe.train.data_module import WindowSampler
from transcribe.train.features import TorchFeatures
from transcribe.train.training_windows import TrainingWindows

from .training import SECONDS, random_piece, settings


class TestWindows:
    def test_same_number_same_window(self, pieces, tmp_path):
        config = settings(pieces, tmp_path)
        made = [
            TrainingWindows(config.data, AugmentConfig(), config.features, seed=5)[7]
            for _ in range(2)
        ]
        for key in made[0]:
            assert torch.equal(made[0][key], made[1][key])

    def test_no_two_windows_are_alike(self, pieces, tmp_path):
        config = settings(pieces, tmp_path)
        windows = TrainingWindows(config.data, AugmentConfig(), config.features, seed=5)
        assert not torch.equal(windows[0]["frames"], windows[1]["frames"])
        other = TrainingWindows(config.data, AugmentConfig(), config.features, seed=6)
        assert not torch.equal(windows[0]["frames"], other[0]["frames"])

    @pytest.mark.parametrize("cents", [0.0, 40.0])
    def test_the_sound_begins_where_the_target_says(self, pieces, tmp_path, cents):
        """Loudness at a key's fundamental rises at its onsets, detuned or not."""
        config = settings(pieces, tmp_path, f"data.detune_cents={cents}")
        windows = TrainingWindows(config.data, AugmentConfig.nothing(), config.features, seed=1)
        rises, elsewhere = [], []
        for index in range(6):
            window = windows[index]
            rolls = Rolls.unstack(window["targets"].numpy())
            attack = window["frames"].numpy()[:, 1:, 1:265:3].mean(1)
            rise = attack[2:] - attack[:-2]
            onset = rolls.onset[1:-1] > 0
            near = abs(rolls.onset_shift[1:-1]) < 0.5
            rises.extend(rise[onset & near])
            elsewhere.extend(rise[~onset])
        assert np.median(rises) > 0.1
        assert abs(np.median(elsewhere)) < 0.02

    def test_detuning_moves_the_pitch_not_the_label(self, pieces, tmp_path):
        """A window 40 cents sharp has its loudest bins higher, and no other note names."""
        data = settings(pieces, tmp_path).data
        windows = TrainingWindows(data, AugmentConfig.nothing(), FeatureConfig(), seed=1)
        source = windows.sources[0]
        stretch = 2 ** (-40 / 1200)
        table = source.table(0)
        plain = table.excerpt(0.0, 4.0)
        moved = table.excerpt(0.0, 4.0, stretch)
        assert [n.pitch for n in plain.notes] == [n.pitch for n in moved.notes]
        for before, after in zip(plain.notes, moved.notes, strict=True):
            assert after.onset == pytest.approx(before.onset * stretch)
            assert after.offset == pytest.approx(before.offset * stretch)

    def test_recordings_are_used_where_there_are_any(self, pieces, tmp_path):
        """The same piece as audio: its samples come from the cache, not a new rendering."""
        from transcribe.audio.wav import write_wav

        bank = SampleBank.load(pieces / "instruments" / "synthetic")
        piece = read_midi(pieces / "1.mid")
        folder = tmp_path / "recorded"
        folder.mkdir()
        write_midi(piece, folder / "1.mid")
        write_wav(folder / "1.wav", render(piece, bank), 16000)
        (folder / "index.csv").write_text(
            "canonical_composer,canonical_title,split,year,midi_filename,audio_filename,duration\n"
            f"Test,Study,train,2026,1.mid,1.wav,{SECONDS}\n"
        )
        config = settings(
            pieces,
            tmp_path,
            f"data.sources.pieces.index={folder / 'index.csv'}",
            f"data.cache={tmp_path / 'cache'}",
        )
        windows = TrainingWindows(config.data, AugmentConfig.nothing(), config.features, seed=1)
        assert windows.instruments is None
        window = windows[0]
        rolls = Rolls.unstack(window["targets"].numpy())
        sounding = rolls.sounding.sum(1) > 0
        level = window["frames"].numpy()[:, 0, :264].max(1)
        assert level[sounding].min() > 0.3
        assert len(list((tmp_path / "cache").iterdir())) == 1

    def test_what_is_preloaded_is_what_would_have_been_read(self, pieces, tmp_path):
        """Whoever reads them, windows are the same."""
        words = ["data.detune_cents=10"], ["data.detune_cents=10", "data.preload=true"]
        made = []
        for more in words:
            config = settings(pieces, tmp_path, *more)
            windows = TrainingWindows(config.data, AugmentConfig(), config.features, seed=5)
            made.append([windows[index]["frames"] for index in range(3)])
        assert all(torch.equal(*pair) for pair in zip(*made, strict=True))

    def test_on_the_device_a_window_comes_as_it_was_played(self, pieces, tmp_path):
        """Features of its samples are the frames of a window without augmentation."""
        plain = settings(pieces, tmp_path)
        moved = settings(pieces, tmp_path, "data.on_device=true")
        made = [
            TrainingWindows(config.data, AugmentConfig.nothing(), config.features, seed=5)[3]
            for config in (plain, moved)
        ]
        frames = TorchFeatures(plain.features)(made[1]["samples"])
        torch.testing.assert_close(frames, made[0]["frames"], atol=1e-4, rtol=0)
        torch.testing.assert_close(
            made[1]["targets"].float(), made[0]["targets"], atol=1e-3, rtol=0
        )

    def test_nobody_plays_in_some_windows(self, pieces, tmp_path):
        config = settings(pieces, tmp_path, "data.empty_probability=1")
        config.data.n_synthetic_noises = 3
        windows = TrainingWindows(config.data, config.augment, config.features, seed=0)
        shape = windows[0]["frames"].shape
        loudest = []
        for index in range(8):
            window = windows[index]
            assert window["frames"].shape == shape
            assert not window["targets"].any()
            loudest.append(float(window["frames"].max()))
        assert max(loudest) > 0.5

    def test_pedal_extension_is_a_setting(self, pieces, tmp_path):
        def frames_on(extended: str) -> float:
            config = settings(pieces, tmp_path, f"data.pedal_extended={extended}")
            windows = TrainingWindows(config.data, AugmentConfig(), config.features, seed=1)
            return sum(
                float(Rolls.unstack(windows[i]["targets"].numpy()).frame.sum()) for i in range(8)
            )

        assert frames_on("true") > 1.2 * frames_on("false")

    def test_velocities_that_no_player_made_are_not_learnt(self, pieces, tmp_path):
        config = settings(pieces, tmp_path, "data.sources.pieces.velocities=false")
        window = TrainingWindows(config.data, config.augment, config.features, seed=0)[0]
        assert window["velocity_known"] == 0
        assert window["pedal_known"] == 1

    def test_an_excerpt_holds_what_sounds_in_it(self):
        piece = random_piece(4)
        part = PerformanceArrays.of(piece).excerpt(5.0, 8.0)
        expected = {
            (note.onset, note.pitch)
            for note, long_note in zip(piece.notes, sustained(piece).notes, strict=True)
            if note.onset < 8.0 and max(note.offset, long_note.offset) > 5.0
        }
        assert {(note.onset, note.pitch) for note in part.notes} == expected


class TestSampler:
    def test_epochs_and_processes_never_share_a_window(self):
        seen = []
        for epoch in range(3):
            for rank in range(2):
                sampler = WindowSampler(10, rank, 2, epoch=lambda epoch=epoch: epoch)
                assert len(list(sampler)) == len(sampler) == 5
                seen.extend(sampler)
        assert sorted(seen) == list(range(30))
