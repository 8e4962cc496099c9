"""Speed, cost and memory: what is counted is what was computed, and a record has it all."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest
import torch
from conftest import melody_samples
from torch import nn

from eval.performance import flops, speed
from eval.performance.flops import OTHER, n_operations, network_cost, peak_gflops
from eval.performance.speed import FILE_SAMPLE_RATE, run_and_watch, speed_table, write_repeated
from transcribe.audio.reader import read_audio
from transcribe.audio.wav import write_wav
from transcribe.checkpoint import load_checkpoint
from transcribe.errors import TranscribeError
from transcribe.model.onsets_and_frames import fast_bfloat16

pytestmark = pytest.mark.slow


def test_a_recording_is_repeated_to_the_sample(tmp_path):
    sweep = np.linspace(-0.5, 0.5, 1000, dtype=np.float32)
    write_wav(tmp_path / "short.wav", sweep, FILE_SAMPLE_RATE)
    seconds = 2500 / FILE_SAMPLE_RATE
    write_repeated(tmp_path / "short.wav", seconds, tmp_path / "long.wav")
    samples = read_audio(tmp_path / "long.wav", FILE_SAMPLE_RATE)
    expected = np.concatenate([sweep, sweep, sweep[:500]])
    np.testing.assert_allclose(samples, expected, atol=2e-4)


def test_peak_memory_is_the_childs_and_not_this_process():
    hold = "import time; held = b'x' * {}; time.sleep(0.05)"
    fail = "import sys; print('no such piano', file=sys.stderr); sys.exit(3)"
    little = run_and_watch([sys.executable, "-c", hold.format(1)])
    much = run_and_watch([sys.executable, "-c", hold.format(200_000_000)])
    assert little.peak_bytes < 60e6
    assert 190e6 < much.peak_bytes - little.peak_bytes < 230e6
    assert 0.05 < much.wall_seconds < 30
    assert 0 < little.processor_seconds < little.wall_seconds
    with pytest.raises(TranscribeError, match="failed with 3: no such piano"):
        run_and_watch([sys.executable, "-c", fail])


def test_operations_are_those_of_the_arithmetic():
    x = torch.zeros(1, 4, 10, 6)
    convolution = nn.Conv2d(4, 8, (3, 3), padding=1)
    assert n_operations(convolution, x, convolution(x)) == 2 * (8 * 10 * 6) * (4 * 9)
    linear = nn.Linear(5, 7)
    rows = torch.zeros(3, 5)
    assert n_operations(linear, rows, linear(rows)) == 2 * 3 * 5 * 7
    lstm = nn.LSTM(6, 2, bidirectional=True)
    steps = torch.zeros(10, 3, 6)
    assert n_operations(lstm, steps, lstm(steps)) == 2 * 10 * 3 * 2 * (4 * 2 * (6 + 2))
    with pytest.raises(ValueError, match="found ReLU"):
        n_operations(nn.ReLU(), rows, rows)


def test_the_parts_of_the_network_are_all_of_it(random_checkpoint):
    """Their time adds up to the whole, and hooks are gone afterwards."""
    checkpoint = load_checkpoint(random_checkpoint)
    shape = (32, checkpoint.features.n_channels, checkpoint.features.n_bins)
    window = np.random.default_rng(0).random(shape, np.float32)
    before = checkpoint.model.activations(window)
    found = network_cost(checkpoint.model, window, repeats=2)
    parts = found["parts"]
    assert set(parts) >= {"stack", "sequence", "head", "pedal_sequence", OTHER}
    assert sum(part["share"] for part in parts.values()) == pytest.approx(1, abs=1e-6)
    assert sum(part["gflop"] for part in parts.values()) == pytest.approx(found["gflop"])
    assert parts["stack"]["gflop"] > parts["pedal_head"]["gflop"] > 0
    assert parts[OTHER]["gflop"] == 0
    twice = np.concatenate([window, window])
    assert network_cost(checkpoint.model, twice, repeats=1)["gflop"] == pytest.approx(
        2 * found["gflop"], rel=1e-6
    )
    np.testing.assert_array_equal(checkpoint.model.activations(window), before)
    hooked = [m for m in checkpoint.model.modules() if m._forward_hooks or m._forward_pre_hooks]
    assert hooked == []


def test_precision_is_what_the_network_computes_in():
    device = torch.device("cpu")
    from transcribe.model import onsets_and_frames

    for name in flops.PRECISIONS:
        with flops.precision(name):
            assert onsets_and_frames.fast_bfloat16(device) == (name == "bfloat16")
    assert onsets_and_frames.fast_bfloat16(device) == fast_bfloat16(device)


def test_a_peak_is_of_this_machine():
    assert 0.01 < peak_gflops(torch.device("cpu"), "float32", size=64, repeats=2) < 1e6


def test_a_record_says_where_time_and_memory_go(random_checkpoint, tmp_path, capsys):
    recording, out = tmp_path / "song.wav", tmp_path / "speed.json"
    write_wav(recording, melody_samples(), 16000)
    words = [str(recording), "--checkpoint", str(random_checkpoint), "--seconds", "2"]
    words += ["--repeats", "1", "--starts", "1", "--matrix", "64", "--minutes", "0.02"]
    assert speed.main([*words, "--out", str(out)]) == 0
    record = json.loads(out.read_text())
    assert [each["precision"] for each in record["speed"]] == ["float32", "bfloat16"]
    assert sum(each["shipped"] for each in record["speed"]) == 1
    for each in record["speed"]:
        wall = each["wall_seconds"]
        assert set(wall) == {"audio", "features", "network", "decoding", "writing", "whole"}
        assert each["real_time_factor"] == pytest.approx(wall["whole"] / 2, abs=1e-4)
        network = each["network"]
        assert network["share_of_peak"] == pytest.approx(
            network["gflops"] / network["peak_gflops"], rel=1e-2
        )
    startup = record["startup"][0]
    assert startup["whole"] > startup["import"] > 0
    assert startup["whole"] > startup["load"] > 0
    assert record["memory"][0]["peak_mb"] > 100
    assert str(tmp_path) not in out.read_text()
    printed = capsys.readouterr().out
    assert "| part of the network | GFLOP a window |" in printed
    assert "| start-up, s | import | load | hear 2 s | whole |" in printed


def test_speed_table_marks_what_ships():
    stages = dict.fromkeys(speed.STAGES, 40.0)
    parts = {"stack": {"gflop": 1.5, "share": 0.75}, OTHER: {"gflop": 0.0, "share": 0.25}}
    network = {"gflops": 12.34, "share_of_peak": 0.25, "parts": parts}
    row = {"device": "cpu", "threads": 1, "network": network}
    record = {
        "speed": [
            {**row, "precision": "float32", "shipped": False, "times_real_time": stages},
            {
                **row,
                "precision": "bfloat16",
                "shipped": True,
                "times_real_time": stages | {"whole": 25.4},
            },
        ],
        "startup": [],
        "memory": [{"minutes": 10, "peak_mb": 812.4, "wall_seconds": 12.3, "times_real_time": 48}],
    }
    lines = speed_table(record).splitlines()
    assert lines[2] == "| cpu, float32, 1 | 40 | 40 | 40 | 40 | 40 | 40 | 12.3 | 25 |"
    assert lines[3] == "| cpu, bfloat16, 1 (ships) | 40 | 40 | 40 | 40 | 40 | 25 | 12.3 | 25 |"
    assert "| stack | 1.500 | 75.0 |" in lines
    assert lines[-1] == "| 10 | 812 | 12.3 | 48 |"
