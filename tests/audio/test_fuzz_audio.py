"""Damaged recordings of every kind are decoded as far as they go, or refused, and no worse.

A few hundred in every run, the same ones; ``FUZZ_CASES=100000 FUZZ_SEED=1`` looks at more
and at others. A damaged file that did harm is left where the failure says.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from fuzzing import Child, mutated, with_ogg_checksums

from eval.data.recordings import FRAGMENTED, KINDS, encode, write_kind
from transcribe.audio.probing import probe
from transcribe.audio.reader import AudioReader
from transcribe.errors import AudioError

N_CASES = int(os.environ.get("FUZZ_CASES", "680"))
SEED = int(os.environ.get("FUZZ_SEED", "0"))
SECONDS = 0.4
TIME_LIMIT = 30.0
"""Seconds for a file of less than one; on a quiet machine none takes a tenth of that."""
LONGEST = 2 * 3600.0
"""Seconds of sound that a few kilobytes may turn into, most of them silence."""

pytestmark = pytest.mark.slow


def melody(rate: int) -> np.ndarray:
    time = np.arange(round(rate * SECONDS)) / rate
    return (0.3 * np.sin(2 * np.pi * 440 * time)).astype(np.float32)


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_recording_gives_sound_or_is_refused(tmp_path: Path, kind: str) -> None:
    whole = write_kind(tmp_path / f"whole-{kind}", kind, melody(KINDS[kind][1])).read_bytes()
    n_sounding = 0
    with Child("decoding_child.py", TIME_LIMIT) as child:
        for case in range(N_CASES // len(KINDS)):
            path = tmp_path / f"{SEED}-{case}-{kind}"
            path.write_bytes(mutated(whole, np.random.default_rng((SEED, case))))
            answer = child.ask(path)
            assert "seconds" in answer or "refused" in answer, f"{path}: {answer}"
            assert answer.get("seconds", 0) < LONGEST, f"{path}: {answer}"
            n_sounding += "seconds" in answer
            path.unlink()
    assert n_sounding > 0  # or nothing but headers was tried


def test_the_decoding_child_tells_death_and_hanging_apart_and_goes_on(tmp_path: Path) -> None:
    good = write_kind(tmp_path / "good.wav", "16-bit.wav", melody(44100))
    with Child("decoding_child.py", TIME_LIMIT) as child:
        assert child.ask(good)["seconds"] == pytest.approx(SECONDS)
        assert child.process is not None
        child.process.kill()
        assert "died" in child.ask(good)
        assert child.ask(good)["seconds"] == pytest.approx(SECONDS)
        child.time_limit = 0.0
        assert "hung" in child.ask(good)
        child.time_limit = TIME_LIMIT
        assert child.ask(good)["seconds"] == pytest.approx(SECONDS)


@pytest.mark.parametrize("kind", ["stereo.ogg", "mono.opus"])
def test_the_checksums_of_ogg_pages_are_those_that_the_encoder_wrote(
    tmp_path: Path, kind: str
) -> None:
    data = write_kind(tmp_path / kind, kind, melody(KINDS[kind][1])).read_bytes()
    spoilt = bytearray(data)
    spoilt[22:26] = b"\1\2\3\4"
    assert with_ogg_checksums(bytes(spoilt)) == data


# What mutations found


@pytest.mark.parametrize("rate", [1, 999, 2**31 - 1])
def test_a_sample_rate_that_no_recording_has_is_refused(tmp_path: Path, rate: int) -> None:
    path = write_kind(tmp_path / "a.wav", "16-bit.wav", melody(44100))
    data = bytearray(path.read_bytes())
    data[24:28] = rate.to_bytes(4, "little")
    path.write_bytes(data)
    with pytest.raises(AudioError, match=f"says {rate} Hz; the header is damaged"):
        probe(path)


def test_a_clock_that_leaps_by_days_is_told_of_and_not_followed(tmp_path: Path) -> None:
    path = tmp_path / "a.m4a"
    samples = np.tile(melody(44100), 5)
    encode(path, "aac", samples, 44100, **FRAGMENTED, frag_duration="500000")
    data = bytearray(path.read_bytes())
    # The last fragment begins as many ticks after time zero as its tfdt box says.
    boxes = [at for at in range(len(data)) if data[at : at + 4] == b"tfdt"]
    assert len(boxes) > 1
    size = 8 if data[boxes[-1] + 4] else 4
    data[boxes[-1] + 8 : boxes[-1] + 8 + size] = (44100 * 86400 % 2**32).to_bytes(size, "big")
    path.write_bytes(data)
    reader = AudioReader(path)
    assert sum(map(len, reader)) / 16000 < 10
    assert "clock" in [warning.kind for warning in reader.warnings]


def test_a_duration_that_no_file_of_that_size_can_have_is_not_told(tmp_path: Path) -> None:
    path = write_kind(tmp_path / "a.flac", "stereo.flac", melody(44100))
    assert probe(path).duration == pytest.approx(SECONDS)
    data = bytearray(path.read_bytes())
    data[21:26] = bytes([data[21] | 0x0F, 0xFF, 0xFF, 0xFF, 0xFF])  # 2 ** 36 - 1 samples
    path.write_bytes(data)
    assert probe(path).duration is None
