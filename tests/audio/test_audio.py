"""Every kind of recording is read alike: the same tone at the same time and level."""

from __future__ import annotations

import errno
import os
import struct
import tracemalloc
import wave
from itertools import zip_longest
from pathlib import Path

import av
import numpy as np
import pytest
import soxr
from av.stream import Disposition
from numpy.typing import NDArray
from wav_files import write_float_wav

from eval.data.recordings import FRAGMENTED, encode
from transcribe.audio.probing import counted_seconds, probe
from transcribe.audio.quality import AudioWarning
from transcribe.audio.reader import AudioReader, measured_seconds, read_audio
from transcribe.audio.wav import write_wav
from transcribe.errors import AudioError

FREQUENCY = 1000.0
LEVEL = 0.5
ATTACK = 0.5
SECONDS = 1.5
RATE = 16000


def tone(rate: int, seconds: float = SECONDS, attacks: tuple[float, ...] = (ATTACK,)) -> NDArray:
    """Soft noise, and from each attack on 0.4 s of a 1 kHz sine, shape (n_samples,)."""
    time = np.arange(round(rate * seconds)) / rate
    samples = np.random.default_rng(0).normal(0, 0.0005, len(time))
    for attack in attacks:
        sounding = (attack <= time) & (time < attack + 0.4)
        samples[sounding] += LEVEL * np.sin(2 * np.pi * FREQUENCY * (time[sounding] - attack))
    return samples.astype(np.float32)


def write_pcm(path: Path, samples: NDArray, rate: int) -> Path:
    """Write 16-bit integers of shape (n_samples, n_channels) as they are."""
    with wave.open(str(path), "wb") as out:
        out.setnchannels(samples.shape[1])
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(samples.astype("<i2").tobytes())
    return path


def attacks(samples: NDArray, rate: int = RATE) -> list[float]:
    """When the tone starts after a tenth of a second without it, in seconds."""
    loud = np.flatnonzero(np.abs(samples) > LEVEL / 2) / rate
    return [float(t) for t, before in zip(loud, [-1, *loud[:-1]], strict=True) if t - before > 0.1]


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


def cut(path: Path, part: float) -> Path:
    data = path.read_bytes()
    path.write_bytes(data[: round(part * len(data))])
    return path


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


@pytest.mark.parametrize(("name", "codec"), [("a.flac", "flac"), ("a.m4a", "aac")])
def test_after_damage_in_the_middle_the_music_goes_on_in_time(
    tmp_path: Path, name: str, codec: str
) -> None:
    path = encode(tmp_path / name, codec, tone(44100, 4, (0.5, 3.0)), 44100)
    data = bytearray(path.read_bytes())
    middle = slice(round(0.45 * len(data)), round(0.5 * len(data)))
    data[middle] = np.random.default_rng(1).bytes(middle.stop - middle.start)
    path.write_bytes(data)
    reader = AudioReader(path)
    found = attacks(np.concatenate(list(reader)))
    assert found[0] == pytest.approx(0.5, abs=0.003)
    assert found[-1] == pytest.approx(3.0, abs=0.003)
    assert "hole" in [warning.kind for warning in reader.warnings]


def test_names_and_tags_in_any_alphabet_are_no_obstacle(tmp_path: Path) -> None:
    path = encode(tmp_path / "file: Für Élise №1 100%.wav", "pcm_s16le", tone(RATE), RATE)
    data = path.read_bytes()
    tag = b"LIST" + struct.pack("<I", 16) + b"INFOINAM" + struct.pack("<I", 4) + b"\xe9l\xe9\0"
    size = struct.pack("<I", len(data) - 8 + len(tag))
    path.write_bytes(data[:4] + size + data[8:] + tag)
    assert attacks(read_audio(path)) == [pytest.approx(ATTACK, abs=0.001)]


# Refusals


def refusal(path: Path) -> str:
    with pytest.raises(AudioError) as caught:
        read_audio(path)
    assert str(path) in str(caught.value)
    return str(caught.value)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    assert "no such file" in refusal(tmp_path / "missing.wav")


def test_a_folder_is_refused(tmp_path: Path) -> None:
    assert "found a folder" in refusal(tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.wav")
    assert "no ordinary file" in refusal(tmp_path / "pipe.wav")


def test_a_file_without_permission_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_pcm(tmp_path / "a.wav", np.ones((100, 1)), RATE)

    def refuse(self: Path, *args: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(self))

    monkeypatch.setattr(Path, "open", refuse)  # file modes do not stop root
    assert "no permission" in refusal(path)


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.mp3").touch()
    assert "empty file" in refusal(tmp_path / "a.mp3")


@pytest.mark.parametrize("name", ["a.wav", "a.mp3", "a.txt"])
def test_text_is_no_recording_whatever_its_name(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("Dear diary, today I practised for two hours.\n" * 100)
    assert "not a recording; expected wav, flac" in refusal(tmp_path / name)


def test_a_playlist_is_not_followed(tmp_path: Path) -> None:
    song = encode(tmp_path / "a.aac", "aac", tone(44100), 44100, container="adts")
    playlist = tmp_path / "list.m3u8"
    playlist.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{song}\n#EXT-X-ENDLIST\n")
    assert "not a recording" in refusal(playlist)


def test_a_video_without_sound_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "silent.mp4"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("mpeg4", rate=10)
        stream.width = stream.height = 32
        stream.pix_fmt = "yuv420p"
        for _ in range(3):
            image = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), "rgb24")
            out.mux(stream.encode(image))
        out.mux(stream.encode(None))
    assert "no audio track" in refusal(path)


def test_a_recording_of_no_samples_is_refused(tmp_path: Path) -> None:
    path = write_pcm(tmp_path / "a.wav", np.zeros((0, 1)), RATE)
    assert "holds no samples" in refusal(path)


def test_an_m4a_that_was_never_finished_is_refused_as_such(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.m4a", "aac", tone(44100, 4), 44100)
    assert "cut off before it was finished" in refusal(cut(path, 0.6))


def test_a_sample_rate_is_positive(tmp_path: Path) -> None:
    path = write_pcm(tmp_path / "a.wav", np.zeros((10, 1)), RATE)
    with pytest.raises(ValueError, match="positive number of hertz; found 0"):
        AudioReader(path, sample_rate=0)


# Writing


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    samples = np.linspace(-1, 1, 50000, dtype=np.float32)
    write_wav(tmp_path / "a.wav", samples, RATE)
    np.testing.assert_allclose(read_audio(tmp_path / "a.wav"), samples, atol=5e-5)
    assert probe(tmp_path / "a.wav").codec == "pcm_s16le"


def test_columns_are_channels_and_what_is_too_loud_is_clipped(tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", np.array([[0.5, -1.5], [1.5, 0.0]]), 44100)
    with wave.open(str(tmp_path / "a.wav")) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (2, 2, 44100)
        numbers = np.frombuffer(file.readframes(2), "<i2")
    assert numbers.tolist() == [16384, -32767, 32767, 0]


@pytest.mark.parametrize("samples", [np.array([0, np.nan]), np.array(0.5), np.zeros((1, 2, 3))])
def test_samples_that_are_no_sound_are_refused(tmp_path: Path, samples: NDArray) -> None:
    with pytest.raises(ValueError, match="expected"):
        write_wav(tmp_path / "a.wav", samples, RATE)


def test_a_wav_is_written_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(b"before")

    def fail(self: wave.Wave_write, data: bytes) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(wave.Wave_write, "writeframesraw", fail)
    with pytest.raises(AudioError, match="No space left"):
        write_wav(path, np.zeros(100), RATE)
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(AudioError, match="nowhere"):
        write_wav(tmp_path / "nowhere" / "a.wav", np.zeros(100), RATE)


# Several tracks


def two_tracks(path: Path, *tracks: NDArray, default: int | None = None, late: float = 0) -> Path:
    """Write AAC tracks at 44.1 kHz, one of them marked default, or all alike."""
    with av.open(str(path), "w") as out:
        streams = [out.add_stream("aac", rate=44100, layout="mono") for _ in tracks]
        for index, stream in enumerate(streams):
            marked = default is not None and index == default
            stream.disposition = Disposition.default if marked else Disposition(0)
        frames = []
        for samples in tracks:
            whole = av.AudioFrame.from_ndarray(samples[None], "fltp", "mono")
            whole.sample_rate, whole.pts = 44100, 0
            fit = av.AudioResampler("fltp", "mono", 44100, frame_size=1024)
            frames.append([*fit.resample(whole), *fit.resample(None)])
        for together in zip_longest(*frames):
            for index, frame in enumerate(together):
                if frame is not None and frame.pts is not None:
                    frame.pts += round(44100 * late * (index == len(tracks) - 1))
                if frame is not None:
                    out.mux(streams[index].encode(frame))
        for stream in streams:
            out.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_of_several_tracks_the_one_marked_default_is_heard(tmp_path: Path, name: str) -> None:
    silence, music = np.zeros_like(tone(44100)), tone(44100)
    path = two_tracks(tmp_path / name, silence, music, default=1)
    assert attacks(read_audio(path)) == [pytest.approx(ATTACK, abs=0.003)]
    path = two_tracks(tmp_path / name, music, silence, default=0)
    assert attacks(read_audio(path)) == [pytest.approx(ATTACK, abs=0.003)]


def test_silence_in_the_track_that_was_heard_tells_of_the_others(tmp_path: Path) -> None:
    path = two_tracks(tmp_path / "a.mp4", np.zeros_like(tone(44100)), tone(44100), default=0)
    reader = AudioReader(path)
    assert not np.concatenate(list(reader)).any()
    (warning,) = reader.warnings
    assert (warning.kind, warning.values) == ("silent_track", {"track": 1, "n_tracks": 2})
    assert "audio track 1 of 2 was transcribed, and it is silent" in str(warning)


def test_of_tracks_that_nothing_marks_one_is_heard_and_the_others_are_told(tmp_path: Path) -> None:
    for name in ("a.ts", "a.mkv"):
        path = two_tracks(tmp_path / name, tone(44100), np.zeros_like(tone(44100)))
        reader = AudioReader(path)
        assert attacks(np.concatenate(list(reader))) == [pytest.approx(ATTACK, abs=0.003)]
        (warning,) = reader.warnings
        assert (warning.kind, warning.values) == ("several_tracks", {"track": 1, "n_tracks": 2})
        assert "audio track 1 of 2 was transcribed, and nothing in the file says which" in str(
            warning
        )


@pytest.mark.parametrize("name", ["a.ts", "a.mkv"])
def test_a_short_track_before_a_long_one_is_a_sound_check(tmp_path: Path, name: str) -> None:
    path = two_tracks(tmp_path / name, np.zeros(11025, np.float32), tone(44100))
    reader = AudioReader(path)
    assert attacks(np.concatenate(list(reader))) == [pytest.approx(ATTACK, abs=0.003)]
    (warning,) = reader.warnings
    assert (warning.kind, warning.values) == ("several_tracks", {"track": 2, "n_tracks": 2})
    marked = two_tracks(tmp_path / "a.mp4", np.zeros(11025, np.float32), tone(44100), default=0)
    assert AudioReader(marked).track.index == 0


def test_a_track_that_cant_be_decoded_is_passed_over(tmp_path: Path) -> None:
    path = two_tracks(tmp_path / "a.mp4", tone(44100), tone(44100), default=0)
    data = path.read_bytes()
    # What iPhones write beside AAC for spatial sound.
    one = data.replace(b"mp4a", b"apac", 1).replace(b"esds", b"dapa", 1)
    path.write_bytes(one)
    reader = AudioReader(path)
    assert attacks(np.concatenate(list(reader))) == [pytest.approx(ATTACK, abs=0.003)]
    (warning,) = reader.warnings
    assert warning.values == {"unreadable": 1, "track": 2, "n_tracks": 2}
    assert "track 1 of 2 can't be decoded; track 2 was transcribed" in str(warning)
    path.write_bytes(data.replace(b"mp4a", b"apac").replace(b"esds", b"dapa"))
    assert "no decoder for its audio track" in refusal(path)


def test_a_track_of_nothing_but_damage_is_passed_over(tmp_path: Path) -> None:
    other = tone(44100) + np.float32(0.001)
    path = two_tracks(tmp_path / "a.mkv", other, tone(44100), default=0)
    with av.open(str(path)) as file:
        first = [bytes(packet) for packet in file.demux(audio=0) if packet.size]
    data = path.read_bytes()
    for packet in first:
        data = data.replace(packet, b"\xff" * len(packet)) if len(packet) > 20 else data
    path.write_bytes(data)
    reader = AudioReader(path)
    assert attacks(np.concatenate(list(reader))) == [pytest.approx(ATTACK, abs=0.003)]
    assert reader.track.index == 1


# Durations that headers guess


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


def test_a_track_that_starts_late_lasts_to_its_end(tmp_path: Path) -> None:
    for name, codec in (("a.mp4", "aac"), ("a.mkv", "libopus")):
        path = encode(tmp_path / name, codec, tone(48000), 48000, video=True, start=2.0)
        assert measured_seconds(path) == pytest.approx(2 + SECONDS, abs=0.05)
        assert probe(path).duration == pytest.approx(2 + SECONDS, abs=0.05)


@pytest.mark.parametrize(
    ("name", "codec", "video"),
    [("a.avi", "libmp3lame", True), ("b.avi", "ac3", False), ("a.wma", "wmav2", False)],
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
