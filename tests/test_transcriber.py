"""The whole flow, with a stand-in network that hears plain tones."""

from __future__ import annotations

import copy
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from conftest import MELODY, MELODY_SECONDS, SAMPLE_RATE, melody_samples, write_pcm
from wav_files import write_float_wav

from transcribe.audio.quality import AudioWarning
from transcribe.checkpoint import Checkpoint
from transcribe.errors import AudioError, CheckpointError, TranscribeError
from transcribe.model import device
from transcribe.model.device import find_device
from transcribe.notes import Performance
from transcribe.transcriber import Transcriber


@pytest.fixture(scope="module")
def transcriber(tone_checkpoint):
    return Transcriber(tone_checkpoint)


def assert_melody(performance: Performance, *, delay: float = 0.0) -> None:
    """The melody's notes, each onset and offset within two frames."""
    heard = sorted((note.pitch, note.onset, note.offset) for note in performance.notes)
    played = sorted((pitch, onset + delay, offset + delay) for onset, pitch, offset in MELODY)
    assert [pitch for pitch, *_ in heard] == [pitch for pitch, *_ in played]
    np.testing.assert_allclose(
        [times for _, *times in heard], [times for _, *times in played], atol=0.064
    )


def half_sure(checkpoint: Checkpoint) -> Checkpoint:
    """The same checkpoint, with a network whose onsets are 0.8 probable at most."""
    model = copy.deepcopy(checkpoint.model)
    sure = checkpoint.model.activations

    def activations(frames: np.ndarray) -> np.ndarray:
        rolls = sure(frames)
        rolls[:, :88] *= 0.8
        return rolls

    model.activations = activations
    return replace(checkpoint, model=model)


def test_a_file_gives_its_notes(transcriber, melody_wav):
    assert_melody(transcriber(melody_wav("song.wav")))
    assert_melody(transcriber(str(melody_wav("again.wav"))))


@pytest.mark.parametrize("sample_rate", [8000, 16000, 44100, 96000])
def test_an_array_gives_its_notes_at_any_sample_rate(transcriber, sample_rate):
    heard = transcriber.transcribe(melody_samples(sample_rate), sample_rate=sample_rate)
    assert_melody(heard.performance)
    assert heard.duration == MELODY_SECONDS
    assert heard.warnings == ()


def test_channels_are_averaged(transcriber):
    left = melody_samples()
    stereo = np.stack([left, np.zeros_like(left), left], axis=1).astype(np.float64)
    assert_melody(transcriber(stereo, sample_rate=SAMPLE_RATE))
    opposite = transcriber.transcribe(np.stack([left, -left], axis=1), sample_rate=SAMPLE_RATE)
    assert_melody(opposite.performance)
    assert [each.kind for each in opposite.warnings] == ["antiphase"]


@pytest.mark.parametrize("length", [1, 777, 16000, 100000])
def test_blocks_of_any_length_equal_the_whole(transcriber, length):
    samples = melody_samples()[: 4000 if length == 1 else None]
    blocks = (samples[start : start + length] for start in range(0, len(samples), length))
    assert transcriber(blocks) == transcriber(samples, sample_rate=SAMPLE_RATE)


def test_blocks_at_another_rate_equal_the_whole(transcriber):
    samples = melody_samples(44100)
    blocks = [samples[:50000], samples[50000:50000], samples[50000:]]
    heard = transcriber.transcribe(blocks, sample_rate=44100)
    assert heard.performance == transcriber(samples, sample_rate=44100)
    assert heard.duration == MELODY_SECONDS


def test_a_delayed_recording_has_delayed_notes(transcriber):
    delayed = np.concatenate([np.zeros(3 * SAMPLE_RATE, np.float32), melody_samples()])
    assert_melody(transcriber(delayed, sample_rate=SAMPLE_RATE), delay=3.0)


def test_progress_counts_the_seconds_up(transcriber):
    told: list[float] = []
    samples = np.tile(melody_samples(), 2)
    transcriber(samples, sample_rate=SAMPLE_RATE, progress=told.append)
    assert len(told) > 3
    assert told == sorted(set(told))
    assert 6.0 <= told[-1] < 6.1


@pytest.mark.parametrize("level", [0.0, 1e-6])
def test_silence_has_no_notes_and_says_so(transcriber, level):
    heard = transcriber.transcribe(level * melody_samples(), sample_rate=SAMPLE_RATE)
    assert heard.performance == Performance()
    assert heard.duration == MELODY_SECONDS
    assert heard.warnings == (AudioWarning("silent"),)


@pytest.mark.parametrize("level", [0.0, 0.5])
def test_a_few_samples_are_too_short_whatever_they_are(transcriber, level):
    heard = transcriber.transcribe(np.full(5, level, np.float32), sample_rate=SAMPLE_RATE)
    assert heard.warnings == (AudioWarning("short", {"seconds": 5 / SAMPLE_RATE}),)
    assert str(heard.warnings[0]).startswith("no notes: 0.3 ms of sound is too short")


@pytest.mark.parametrize("peak_db", [-80, -96])
def test_what_is_very_quiet_is_made_louder_and_says_so(transcriber, tmp_path, peak_db):
    samples = melody_samples()
    samples *= 10 ** (peak_db / 20) / np.abs(samples).max()
    path = write_float_wav(tmp_path / "quiet.wav", samples, SAMPLE_RATE)
    for heard in (
        transcriber.transcribe(path),
        transcriber.transcribe(samples, sample_rate=SAMPLE_RATE),
    ):
        assert_melody(heard.performance)
        assert [warning.kind for warning in heard.warnings] == ["quiet"]
        assert heard.warnings[0].values["peak_db"] == pytest.approx(peak_db, abs=0.01)


def test_the_noise_of_a_silent_recording_is_silence(transcriber, tmp_path):
    noise = np.random.default_rng(0).triangular(-1, 0, 1, 2 * SAMPLE_RATE) / 32768
    heard = transcriber.transcribe(write_pcm(tmp_path / "noise.wav", 2 * noise))
    assert heard.performance == Performance()
    assert heard.warnings == (AudioWarning("silent"),)


@pytest.mark.parametrize("cents", [-101.3, -48.0, 60.0])
def test_an_instrument_of_another_pitch_gives_its_keys_at_their_times(tone_checkpoint, cents):
    """Played slower by so much, everything is that much lower."""
    ratio = 2 ** (-cents / 1200)
    samples = melody_samples(round(SAMPLE_RATE * ratio))
    heard = Transcriber(tone_checkpoint, a4=440 / ratio).transcribe(
        samples, sample_rate=SAMPLE_RATE
    )
    for note, (onset, pitch, offset) in zip(heard.performance.notes, MELODY, strict=True):
        assert note.pitch == pitch
        assert note.onset == pytest.approx(onset * ratio, abs=0.04)
        assert note.offset == pytest.approx(offset * ratio, abs=0.04)
    assert heard.duration == pytest.approx(MELODY_SECONDS * ratio, abs=1e-3)


@pytest.mark.parametrize("a4", [389.0, 491.0, float("nan")])
def test_a_pitch_that_no_instrument_has_is_refused(tone_checkpoint, a4):
    with pytest.raises(ValueError, match=r"a4 is 390 to 490 Hz"):
        Transcriber(tone_checkpoint, a4=a4)


def test_sound_without_notes_says_so(transcriber):
    noise = 0.05 * np.random.default_rng(0).standard_normal(16000).astype(np.float32)
    heard = transcriber.transcribe(noise, sample_rate=SAMPLE_RATE)
    assert heard.performance == Performance()
    assert heard.warnings == (AudioWarning("no_notes"),)


def test_no_samples_are_silence(transcriber):
    heard = transcriber.transcribe(np.zeros(0, np.float32), sample_rate=44100)
    assert heard.performance == Performance()
    assert heard.duration == 0
    assert transcriber(iter([])) == Performance()


def test_samples_that_are_no_numbers_are_replaced_and_counted(transcriber):
    samples = melody_samples(44100)
    samples[[-9, -5, -3, -1]] = np.nan, np.inf, -np.inf, 1e30
    heard = transcriber.transcribe(samples, sample_rate=44100)
    assert_melody(heard.performance)
    assert AudioWarning("not_finite", {"n_samples": 4}) in heard.warnings


def test_a_files_warnings_are_passed_on(transcriber, tmp_path):
    whole = write_pcm(tmp_path / "whole.wav", melody_samples()).read_bytes()
    (tmp_path / "cut.wav").write_bytes(whole[: len(whole) * 2 // 3])
    heard = transcriber.transcribe(tmp_path / "cut.wav")
    assert heard.duration == pytest.approx(2.0, abs=0.05)
    assert {note.pitch for note in heard.performance.notes} >= {81, 84, 88, 93}
    assert "truncated" in [warning.kind for warning in heard.warnings]


@pytest.mark.parametrize(
    ("source", "sample_rate", "message"),
    [
        (np.zeros(100, np.float32), None, "needs its sample_rate"),
        (np.zeros(100, np.float32), 0, "above 0 Hz"),
        (np.zeros(100, np.int16), 16000, "floating-point samples"),
        (np.zeros((2, 16000), np.float32), 16000, r"\(n_samples, n_channels\).*\(2, 16000\)"),
        (np.zeros((5, 2, 2), np.float32), 16000, r"found \(5, 2, 2\)"),
        (np.zeros((5, 0), np.float32), 16000, "one channel or more"),
        ([np.zeros((100, 2), np.float32)], None, r"found \(100, 2\)"),
        ([0.0, 0.5], None, "found float"),
        ([np.zeros(100, np.int32)], None, "floating-point samples"),
        ("song.wav", 16000, "a file says its own"),
    ],
)
def test_wrong_samples_are_refused(transcriber, source, sample_rate, message):
    with pytest.raises(ValueError, match=message):
        transcriber(source, sample_rate=sample_rate)


def test_a_missing_file_is_an_audio_error(transcriber, tmp_path):
    with pytest.raises(AudioError):
        transcriber(tmp_path / "nowhere.wav")


def test_thresholds_can_be_chosen(tone_checkpoint):
    deaf = replace(tone_checkpoint.decode, onset_threshold=0.9)
    quiet_keys = Transcriber(half_sure(tone_checkpoint), decode=deaf)
    assert quiet_keys(melody_samples(), sample_rate=SAMPLE_RATE) == Performance()
    assert_melody(
        Transcriber(half_sure(tone_checkpoint))(melody_samples(), sample_rate=SAMPLE_RATE)
    )


def test_the_name_has_the_version(transcriber):
    assert transcriber.name == "tone-follower 3"


def test_a_real_network_from_its_file(random_checkpoint):
    transcriber = Transcriber.load(random_checkpoint, device="cpu")
    assert transcriber.name == "random"
    told: list[float] = []
    heard = transcriber.transcribe(melody_samples(), sample_rate=SAMPLE_RATE, progress=told.append)
    assert heard.duration == MELODY_SECONDS
    assert told[-1] == pytest.approx(MELODY_SECONDS, abs=0.032)


def test_a_missing_checkpoint_is_a_checkpoint_error(tmp_path):
    with pytest.raises(CheckpointError):
        Transcriber.load(tmp_path / "nowhere.safetensors", device="cpu")


def test_devices(monkeypatch):
    import torch

    monkeypatch.setattr(device, "_may_have_gpu", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert find_device("auto") == find_device("cpu") == find_device("cpu:0") == "cpu"
    for name in ("cuda", "cuda:0", "mps"):
        with pytest.raises(ValueError, match=rf"no device '{name}' here; there is cpu$"):
            find_device(name)
    for name in ("tpu", "auto:0", "cuda:x"):
        with pytest.raises(ValueError, match="a device is one of auto, cpu, cuda, mps"):
            find_device(name)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert find_device("auto") == "mps"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert find_device("auto") == "cuda"
    assert find_device("cuda:1") == "cuda:1"
    with pytest.raises(ValueError, match="no device 'cuda:2' here; there is cpu and cuda and mps"):
        find_device("cuda:2")


def test_a_gpu_without_torch_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(TranscribeError, match=r"pip install 'transcribe\[gpu\]'"):
        find_device("cuda")
    assert find_device("cpu") == "cpu"


def test_transcribing_imports_no_torch():
    code = (
        "import sys, numpy; from transcribe import Transcriber; "
        "transcriber = Transcriber.load(device='cpu', threads=1); "
        "transcriber(numpy.zeros(9000, 'f4'), sample_rate=16000); "
        "assert not {'torch', 'torchaudio'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_package_imports_no_torch_before_it_is_needed():
    code = (
        "import sys, transcribe; "
        "from transcribe import Note, PedalPress, Performance; "
        "assert not {'torch', 'numpy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_package_offers_what_three_lines_need():
    import transcribe
    from transcribe import midi, notes

    assert transcribe.Transcriber is Transcriber
    assert transcribe.write_midi is midi.write_midi
    assert transcribe.Performance is notes.Performance
    assert set(transcribe.__all__) <= set(dir(transcribe))
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        transcribe.nonsense  # noqa: B018
