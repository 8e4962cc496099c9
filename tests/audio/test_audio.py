"""Every kind of recording is read alike: the same tone at the same time and level."""

from __future__ import annotations

import re
import struct
import time
import tracemalloc
from pathlib import Path

import av
import numpy as np
import pytest
import soxr
from numpy.typing import NDArray
from tones import ATTACK, FREQUENCY, LEVEL, RATE, SECONDS, attacks, cut, tone, write_pcm
from wav_files import write_float_wav

from eval.data.recordings import FRAGMENTED, encode
from transcribe.audio.probing import counted_seconds, probe
from transcribe.audio.quality import AudioWarning
from transcribe.audio.raw_frames import frames_of
from transcribe.audio.reader import AudioReader, measured_seconds, read_audio


def level(samples: NDArray) -> float:
    """Amplitude of the 1 kHz sine in the middle of the first tone."""
    middle = samples[round((ATTACK + 0.1) * RATE) : round((ATTACK + 0.3) * RATE)]
    time = np.arange(len(middle)) / RATE
    return float(2 * np.abs(np.mean(middle * np.exp(-2j * np.pi * FREQUENCY * time))))


FORMATS = {
    "8-bit.wav": ("pcm_u8", 44100, {}),
    "16-bit.wav": ("pcm_s16le", 44100, {"layout": "stereo"}),
    "24-bit.wav": ("pcm_s24le", 96000, {}),
    "32-bit.wav": ("pcm_s32le", 48000, {}),
    "float.wav": ("pcm_f32le", 192000, {"layout": "stereo"}),
    "double.wav": ("pcm_f64le", 11025, {}),
    "surround.wav": ("pcm_s16le", 48000, {"layout": "5.1"}),
    "8-channels.m4a": ("aac", 48000, {"layout": "octagonal"}),
    "16-channels.m4a": ("aac", 48000, {"layout": "hexadecagonal"}),
    "a.w64": ("pcm_s16le", 44100, {}),
    "a.aiff": ("pcm_s16be", 44100, {"layout": "stereo"}),
    "24-bit.aiff": ("pcm_s24be", 44100, {}),
    "a.flac": ("flac", 44100, {"layout": "stereo"}),
    "a.mp3": ("libmp3lame", 44100, {"layout": "stereo"}),
    "no-tag.mp3": ("libmp3lame", 44100, {"write_xing": "0"}),
    "low.mp3": ("libmp3lame", 22050, {}),
    "a.ogg": ("vorbis", 44100, {"layout": "stereo"}),
    "a.opus": ("libopus", 48000, {}),
    "a.m4a": ("aac", 44100, {"layout": "stereo"}),
    "alac.m4a": ("alac", 44100, {}),
    "fragmented.m4a": ("aac", 44100, FRAGMENTED),
    "a.aac": ("aac", 44100, {"container": "adts"}),
    "a.mp4": ("aac", 48000, {"video": True}),
    "a.mkv": ("aac", 44100, {"video": True}),
    "a.webm": ("libopus", 48000, {"container": "webm"}),
    "a.wma": ("wmav2", 44100, {"container": "asf"}),
    "a.mp2": ("mp2", 44100, {}),
    "mp2.ts": ("mp2", 48000, {"container": "mpegts"}),
    "a.ac3": ("ac3", 48000, {}),
}


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_gives_the_tone_at_its_time_pitch_and_level(tmp_path: Path, name: str) -> None:
    codec, rate, options = FORMATS[name]
    path = encode(tmp_path / name, codec, tone(rate), rate, **options)
    reader = AudioReader(path)
    samples = np.concatenate(list(reader))
    assert samples.dtype == np.float32
    assert attacks(samples) == [pytest.approx(ATTACK, abs=0.003)]
    assert level(samples) == pytest.approx(LEVEL, rel=0.06)  # half a decibel
    assert len(samples) / RATE == pytest.approx(SECONDS, abs=0.06)
    assert reader.seconds_read == len(samples) / RATE
    assert reader.peak == pytest.approx(np.abs(samples).max())
    assert reader.warnings == ()
    assert reader.info.sample_rate == rate
    assert reader.info.n_channels == av.AudioLayout(options.get("layout", "mono")).nb_channels


def test_probe_tells_what_the_header_says(tmp_path: Path) -> None:
    info = probe(encode(tmp_path / "a.flac", "flac", tone(44100), 44100, layout="stereo"))
    assert (info.duration, info.sample_rate, info.n_channels) == (SECONDS, 44100, 2)
    assert info.codec == "flac"
    raw = encode(tmp_path / "a.aac", "aac", tone(44100), 44100, container="adts")
    assert probe(raw).duration is None


def test_a_recording_at_our_rate_is_read_bit_by_bit(tmp_path: Path) -> None:
    numbers = np.random.default_rng(0).integers(-32768, 32768, (12345, 1))
    samples = read_audio(write_pcm(tmp_path / "a.wav", numbers, RATE))
    np.testing.assert_array_equal(samples, numbers[:, 0] / np.float32(32768))


def test_channels_are_averaged(tmp_path: Path) -> None:
    numbers = np.tile(np.arange(24) * 1000, (1000, 1))
    samples = read_audio(write_pcm(tmp_path / "24-channels.wav", numbers, RATE))
    np.testing.assert_allclose(samples, 11500 / 32768, rtol=1e-6)


def test_blocks_joined_equal_the_whole_resampled_at_once(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(-9000, 9000, (44100 * 25 + 17, 1))
    reader = AudioReader(write_pcm(tmp_path / "a.wav", noise, 44100))
    blocks = list(reader)
    assert [round(len(block) / RATE) for block in blocks] == [10, 10, 5]
    whole = soxr.resample((noise[:, 0] / 32768).astype(np.float32), 44100, RATE, quality="HQ")
    np.testing.assert_allclose(np.concatenate(blocks), whole, atol=1e-6)
    again = list(reader)
    np.testing.assert_array_equal(np.concatenate(again), np.concatenate(blocks))
    assert reader.seconds_read == len(whole) / RATE


def test_what_is_above_hearing_range_of_the_new_rate_does_not_fold_down(tmp_path: Path) -> None:
    time = np.arange(44100) / 44100
    numbers = 16000 * np.sin(2 * np.pi * 9000 * time)[:, None]
    samples = read_audio(write_pcm(tmp_path / "a.wav", numbers, 44100))
    assert np.abs(samples[1000:-1000]).max() < 1e-3


def test_a_delayed_recording_is_heard_later_by_as_much(tmp_path: Path) -> None:
    for delay in (0.1, 0.37):
        path = encode(tmp_path / "a.wav", "pcm_f32le", tone(44100, 2, (ATTACK + delay,)), 44100)
        assert attacks(read_audio(path)) == [pytest.approx(ATTACK + delay, abs=0.0005)]


def test_sound_that_starts_after_the_picture_is_heard_after_it(tmp_path: Path) -> None:
    for name, codec in (("a.mp4", "aac"), ("a.mkv", "libopus")):
        path = encode(tmp_path / name, codec, tone(48000), 48000, video=True, start=0.7)
        reader = AudioReader(path)
        assert attacks(np.concatenate(list(reader))) == [pytest.approx(ATTACK + 0.7, abs=0.003)]
        assert reader.warnings == ()


def test_a_clock_that_begins_late_is_no_missing_sound(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.mkv", "libopus", tone(48000), 48000, start=2.0)
    reader = AudioReader(path)
    assert attacks(np.concatenate(list(reader))) == [pytest.approx(ATTACK, abs=0.003)]
    assert reader.warnings == ()
    assert probe(path).duration == pytest.approx(SECONDS, abs=0.02)


def peak_memory(path: Path) -> int:
    tracemalloc.start()
    longest = max(len(block) for block in AudioReader(path))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert longest < 11 * RATE
    return peak


def test_memory_does_not_grow_with_length(tmp_path: Path) -> None:
    minute = np.random.default_rng(0).integers(-9000, 9000, (8000 * 60, 1))
    short = write_pcm(tmp_path / "short.wav", minute, 8000)
    long = write_pcm(tmp_path / "long.wav", np.tile(minute, (6, 1)), 8000)
    peak_memory(short)  # what is imported and cached once
    assert peak_memory(long) < 1.1 * peak_memory(short) < 5e6


def test_recordings_joined_end_to_end_may_differ_in_rate_and_channels(tmp_path: Path) -> None:
    first = encode(tmp_path / "a.mp3", "libmp3lame", tone(44100), 44100, layout="stereo")
    second = encode(tmp_path / "b.mp3", "libmp3lame", tone(22050), 22050)
    both = tmp_path / "both.mp3"
    both.write_bytes(first.read_bytes() + second.read_bytes())
    samples = read_audio(both)
    assert attacks(samples) == [
        pytest.approx(ATTACK, abs=0.003),
        pytest.approx(SECONDS + ATTACK, abs=0.1),
    ]
    second_half = samples[round((attacks(samples)[1] - ATTACK) * RATE) :]
    assert level(second_half) == pytest.approx(LEVEL, rel=0.06)


def test_numbers_that_are_none_are_replaced_and_counted(tmp_path: Path) -> None:
    samples = tone(RATE)
    samples[[5, 6, 7]] = np.nan, np.inf, -np.inf
    reader = AudioReader(write_float_wav(tmp_path / "a.wav", samples, RATE))
    found = np.concatenate(list(reader))
    assert found[[5, 6, 7]].tolist() == [0, 0, 0]
    np.testing.assert_array_equal(found[8:], samples[8:])
    assert reader.warnings == (AudioWarning("not_finite", {"n_samples": 3}),)


@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [
        ("a.wav", "pcm_s16le", {}),
        ("a.aiff", "pcm_s16be", {}),
        ("a.flac", "flac", {}),
        ("a.mp3", "libmp3lame", {}),
        ("a.m4a", "aac", {"movflags": "faststart"}),
        ("a.webm", "libopus", {"container": "webm"}),
        ("a.wma", "wmav2", {"container": "asf"}),
    ],
)
def test_of_a_truncated_recording_the_rest_is_given_and_the_loss_told(
    tmp_path: Path, name: str, codec: str, options: dict[str, str]
) -> None:
    seconds = 4.0
    path = encode(tmp_path / name, codec, tone(48000, seconds), 48000, **options)
    reader = AudioReader(cut(path, 0.6))
    assert attacks(np.concatenate(list(reader))) == [pytest.approx(ATTACK, abs=0.003)]
    missing = seconds - reader.seconds_read
    assert 1 < missing < 3.2
    (warning,) = [str(w) for w in reader.warnings if w.kind == "truncated"]
    told = float(warning.split(": ")[1].split(" s of")[0])
    assert told == pytest.approx(missing, abs=0.12)


def test_an_ogg_file_without_its_end_is_told_to_be_truncated(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.opus", "libopus", tone(48000, 4), 48000)
    assert AudioReader(path).warnings == ()
    reader = AudioReader(cut(path, 0.6))
    assert attacks(np.concatenate(list(reader))) == [pytest.approx(ATTACK, abs=0.003)]
    assert reader.warnings == (AudioWarning("truncated"),)


def test_an_ogg_file_whose_last_pages_are_damaged_is_told_to_be_truncated(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.opus", "libopus", tone(48000, 4), 48000)
    data = bytearray(path.read_bytes())
    for page in re.finditer(b"OggS", data[len(data) // 2 :]):
        data[len(data) // 2 + page.start() + 200] ^= 1
    path.write_bytes(data)
    reader = AudioReader(path)
    assert 0 < sum(map(len, reader)) < 3.5 * 16000
    assert reader.warnings == (AudioWarning("truncated"),)


@pytest.mark.parametrize("filled", ["noise", "zeros"])
@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("a.flac", "flac"),
        ("a.m4a", "aac"),
        ("a.avi", "libmp3lame"),
        ("b.avi", "pcm_s16le"),
        ("c.avi", "aac"),
        ("a.mp3", "libmp3lame"),
        ("a.mp2", "mp2"),
        ("a.ac3", "ac3"),
        ("a.aac", "aac"),
    ],
)
def test_after_damage_in_the_middle_the_music_goes_on_in_time(
    tmp_path: Path, name: str, codec: str, filled: str
) -> None:
    path = encode(tmp_path / name, codec, tone(44100, 4, (0.5, 3.0)), 44100)
    data = bytearray(path.read_bytes())
    middle = slice(round(0.45 * len(data)), round(0.5 * len(data)))
    n_bytes = middle.stop - middle.start
    noise = np.random.default_rng(1).bytes(n_bytes)
    data[middle] = noise if filled == "noise" else bytes(n_bytes)
    path.write_bytes(data)
    reader = AudioReader(path)
    found = attacks(np.concatenate(list(reader)))
    assert found[0] == pytest.approx(0.5, abs=0.003)
    # How many frames a stretch of raw ones held is told by their mean length.
    assert found[-1] == pytest.approx(3.0, abs=0.05 if name == "a.aac" else 0.003)
    assert "hole" in [warning.kind for warning in reader.warnings]


def test_after_minutes_of_damage_the_music_goes_on_in_time(tmp_path: Path) -> None:
    """Also of an mp3 that does not say how long it is."""
    samples = tone(RATE, 100, (0.5, 99.0))
    path = encode(tmp_path / "a.mp3", "libmp3lame", samples, RATE, write_xing="0")
    data = path.read_bytes()
    start, stop = round(0.1 * len(data)), round(0.85 * len(data))
    path.write_bytes(data[:start] + bytes(stop - start) + data[stop:])
    reader = AudioReader(path)
    found = attacks(np.concatenate(list(reader)))
    assert found == [pytest.approx(0.5, abs=0.003), pytest.approx(99.0, abs=0.003)]
    assert [warning.kind for warning in reader.warnings] == ["damaged", "hole"]


@pytest.mark.parametrize(
    ("name", "codec"), [("a.mp3", "libmp3lame"), ("a.ac3", "ac3"), ("a.aac", "aac")]
)
@pytest.mark.parametrize("damage", ["missing", "inserted"])
def test_where_nothing_tells_how_much_is_lost_times_are_called_doubtful(
    tmp_path: Path, name: str, codec: str, damage: str
) -> None:
    path = encode(tmp_path / name, codec, tone(44100, 4, (0.5, 3.0)), 44100, write_xing="0")
    data = path.read_bytes()
    at, n_bytes = round(0.4 * len(data)), round(0.1 * len(data)) + 77
    foreign = np.random.default_rng(1).bytes(n_bytes)
    rest = data[at + n_bytes :] if damage == "missing" else foreign + data[at:]
    path.write_bytes(data[:at] + rest)
    reader = AudioReader(path)
    _, last = attacks(np.concatenate(list(reader)))
    assert abs(last - 3.0) > 0.3
    (warning,) = [each for each in reader.warnings if each.kind == "shifted"]
    assert warning.values["seconds"] == pytest.approx(1.6, abs=0.1)


@pytest.mark.parametrize("kind", ["mp3", "aac", "ac3"])
def test_a_long_damaged_stretch_is_looked_through_once(tmp_path: Path, kind: str) -> None:
    """As erased flash memory is: each of its bytes might begin a frame."""
    path = encode(tmp_path / f"a.{kind}", {"mp3": "libmp3lame"}.get(kind, kind), tone(44100), 44100)
    once = path.read_bytes()
    path.write_bytes(once + b"\xff" * (1 << 16) + b"\x0b\x77" * (1 << 15) + once)
    began = time.monotonic()
    n_frames = len(list(frames_of(path, kind)))
    assert time.monotonic() - began < 2
    path.write_bytes(once)
    assert n_frames >= 2 * len(list(frames_of(path, kind))) > 0


@pytest.mark.parametrize(
    "tag",
    [
        b"ID3\x03\0\0\0\x02\0\0" + bytes(1 << 15),
        b"TAG" + bytes(125),
        b"APETAGEX\xd0\x07\0\0\0\x80\0\0" + bytes(7) + b"\xa0" + bytes(8 + (1 << 15)),
    ],
    ids=["ID3v2", "ID3v1", "APE"],
)
def test_tags_between_joined_mp3_are_no_lost_music(tmp_path: Path, tag: bytes) -> None:
    path = encode(tmp_path / "a.mp3", "libmp3lame", tone(44100), 44100)
    once, seconds = path.read_bytes(), measured_seconds(path)
    path.write_bytes(once + tag + once)
    reader = AudioReader(path)
    assert reader.measured_seconds() == pytest.approx(2 * seconds, abs=0.08)
    assert "hole" not in [warning.kind for warning in reader.warnings]


def test_names_and_tags_in_any_alphabet_are_no_obstacle(tmp_path: Path) -> None:
    path = encode(tmp_path / "file: Für Élise №1 100%.wav", "pcm_s16le", tone(RATE), RATE)
    data = path.read_bytes()
    tag = b"LIST" + struct.pack("<I", 16) + b"INFOINAM" + struct.pack("<I", 4) + b"\xe9l\xe9\0"
    size = struct.pack("<I", len(data) - 8 + len(tag))
    path.write_bytes(data[:4] + size + data[8:] + tag)
    assert attacks(read_audio(path)) == [pytest.approx(ATTACK, abs=0.001)]


def joined(path: Path, codec: str, rate: int, **options: str) -> Path:
    """Two recordings of `SECONDS` in one file, one behind the other."""
    data = encode(path, codec, tone(rate), rate, **options).read_bytes()
    path.write_bytes(2 * data)
    return path


@pytest.mark.parametrize(
    ("name", "codec", "rate", "options"),
    [
        ("a.mp3", "libmp3lame", 44100, {}),
        ("no-tag.mp3", "libmp3lame", 44100, {"write_xing": "0"}),
        ("a.ogg", "vorbis", 44100, {"layout": "stereo"}),
        ("a.opus", "libopus", 48000, {}),
        ("a.flac", "flac", 44100, {}),
        ("a.aac", "aac", 44100, {"container": "adts"}),
    ],
)
def test_a_duration_is_measured_whatever_the_header_says(
    tmp_path: Path, name: str, codec: str, rate: int, options: dict[str, str]
) -> None:
    path = joined(tmp_path / name, codec, rate, **options)
    heard = len(read_audio(path)) / RATE
    assert heard == pytest.approx(2 * SECONDS, abs=0.15)
    assert measured_seconds(path) == pytest.approx(heard, abs=0.001)
    assert counted_seconds(path) == pytest.approx(heard, rel=0.15)


def test_the_size_of_an_mp3_without_a_tag_does_not_tell_how_long_it_is(tmp_path: Path) -> None:
    path, rates = tmp_path / "a.mp3", (320_000, 32_000)
    encoded = b""
    for bit_rate in rates:
        with av.open(str(path), "w", options={"write_xing": "0"}) as out:
            stream = out.add_stream("libmp3lame", rate=44100, layout="mono")
            stream.bit_rate = bit_rate
            frame = av.AudioFrame.from_ndarray(tone(44100, 4)[np.newaxis], "fltp", "mono")
            frame.sample_rate = 44100
            out.mux([*stream.encode(frame), *stream.encode(None)])
        encoded += path.read_bytes()
        assert probe(path).duration == pytest.approx(4, abs=0.1)
    path.write_bytes(encoded)
    assert probe(path).duration == pytest.approx(8, abs=0.15)


def test_a_track_that_starts_late_lasts_to_its_end(tmp_path: Path) -> None:
    for name, codec in (("a.mp4", "aac"), ("a.mkv", "libopus")):
        path = encode(tmp_path / name, codec, tone(48000), 48000, video=True, start=2.0)
        assert measured_seconds(path) == pytest.approx(2 + SECONDS, abs=0.05)
        assert probe(path).duration == pytest.approx(2 + SECONDS, abs=0.05)


@pytest.mark.parametrize(
    ("name", "codec", "video"),
    [
        ("a.avi", "libmp3lame", True),
        ("b.avi", "ac3", False),
        ("c.avi", "pcm_s16le", False),
        ("a.wma", "wmav2", False),
    ],
)
def test_a_whole_file_whose_sound_begins_late_is_not_called_truncated(
    tmp_path: Path, name: str, codec: str, video: bool
) -> None:
    """AVI and ASF tell when the sound ends, and not that it began late."""
    path = encode(tmp_path / name, codec, tone(48000), 48000, video=video, start=2.5)
    reader = AudioReader(path)
    assert sum(map(len, reader)) / RATE == pytest.approx(SECONDS, abs=0.15)
    assert reader.warnings == ()
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    half = AudioReader(path)
    list(half)
    assert "truncated" in [warning.kind for warning in half.warnings]
