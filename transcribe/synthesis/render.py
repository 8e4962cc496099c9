"""Plays a performance on a sampled instrument: notes and pedal in, audio out.

Conventions
-----------
Sample 0 of a rendering is second 0 of the performance. A note's attack is placed at its
onset rounded to a sample. Levels are absolute: nothing is normalised after the fact, so a
part of a rendering is equal to the same part of the whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from transcribe.notes import Performance
from transcribe.synthesis.performance_arrays import PerformanceArrays
from transcribe.synthesis.player import Player
from transcribe.synthesis.render_config import RenderConfig
from transcribe.synthesis.sample_bank import SampleBank, Samples


def render(
    performance: Performance | PerformanceArrays,
    bank: SampleBank,
    config: RenderConfig | None = None,
    *,
    start: float = 0.0,
    duration: float | None = None,
    rng: np.random.Generator | None = None,
    releases: Mapping[int, Samples] | None = None,
) -> Samples:
    """Play a performance, or the part of it from ``start`` for ``duration`` seconds.

    A note ends when key and pedal are up (`transcribe.notes.sustained`), fading as a
    damper lets it; strings above `RenderConfig.highest_damped_pitch` ring on. Notes that
    began before ``start`` and still sound begin in their middle.

    Parameters
    ----------
    performance : Performance or PerformanceArrays
        A `PerformanceArrays` is quicker when many parts of one performance are rendered.
    bank : SampleBank
    config : RenderConfig, optional
    start, duration : float
        In seconds; by default everything, until the last note has died away.
    rng : numpy.random.Generator, optional
        Gives the seed of the notes' levels and the knocks, instead of the config's own;
        the tuning of the keys belongs to the instrument and follows the config.
    releases : mapping of int to np.ndarray, optional
        The noise of each key as it comes up, by pitch, such as
        `mechanical_noise.load_releases` reads, in place of synthesised thumps.

    Returns
    -------
    np.ndarray
        Mono float32 at the bank's sample rate, shape (n_samples,). Peaks of dense
        fortissimo may exceed 1.
    """
    table = PerformanceArrays.of(performance)
    config = config or RenderConfig()
    if start < 0 or (duration is not None and duration < 0):
        raise ValueError(f"start and duration are 0 s or more; found {start} and {duration}")
    seed = config.seed if rng is None else int(rng.integers(2**63))
    player = Player(table, bank, config, seed, releases)
    first = round(start * bank.sample_rate)
    if duration is None:
        stop = player.n_samples()
    else:
        stop = round((start + duration) * bank.sample_rate)
    return player.play(first, max(0, stop - first))


def render_blocks(
    performance: Performance | PerformanceArrays,
    bank: SampleBank,
    config: RenderConfig | None = None,
    *,
    block_duration: float = 30.0,
) -> Iterator[Samples]:
    """Yield what `render` returns in blocks, so that hours need little memory."""
    table = PerformanceArrays.of(performance)
    config = config or RenderConfig()
    block = round(block_duration * bank.sample_rate)
    if block < 1:
        raise ValueError(f"a block lasts at least a sample; found {block_duration} s")
    player = Player(table, bank, config, config.seed)
    n_samples = player.n_samples()
    for first in range(0, n_samples, block):
        yield player.play(first, min(block, n_samples - first))


def n_rendered(
    performance: Performance | PerformanceArrays,
    bank: SampleBank,
    config: RenderConfig | None = None,
) -> int:
    """How many samples `render` and `render_blocks` return of a whole performance."""
    table = PerformanceArrays.of(performance)
    config = config or RenderConfig()
    return Player(table, bank, config, config.seed).n_samples()
