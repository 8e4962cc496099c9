"""Windows: a long input cut up and stitched together is the input taken whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.strategies import data, integers, lists
from numpy.testing import assert_array_equal

from transcribe.windows import WindowConfig, apply_in_windows, stream_in_windows


def random_frames(n_frames: int) -> np.ndarray:
    return np.random.default_rng(n_frames).integers(-99, 99, (n_frames, 2))


def lopsided_blur(reach: int) -> Callable[[np.ndarray], np.ndarray]:
    """A stand-in for the network that sees exactly ``reach`` frames to either side."""

    def model(frames: np.ndarray) -> np.ndarray:
        padded = np.pad(frames, ((reach, reach), (0, 0)))
        shifted = [padded[k : k + len(frames)] * (k + 1) for k in range(2 * reach + 1)]
        return np.sum(shifted, axis=0)

    return model


def blocks_of(frames: np.ndarray, cuts: list[int]) -> list[np.ndarray]:
    return np.split(frames, sorted(cut % (len(frames) + 1) for cut in cuts))


@settings(deadline=None, max_examples=150)
@given(n_frames=integers(0, 300), context=integers(0, 8), keep=integers(1, 50))
def test_windowed_equals_whole(n_frames: int, context: int, keep: int) -> None:
    frames = random_frames(n_frames)
    model = lopsided_blur(reach=context)
    windowed = apply_in_windows(
        model, frames, window_frames=keep + 2 * context, context_frames=context
    )
    assert_array_equal(windowed, model(frames))


@settings(deadline=None, max_examples=150)
@given(
    n_frames=integers(0, 200),
    context=integers(0, 8),
    keep=integers(1, 30),
    cuts=lists(integers(0, 1000), max_size=12),
)
def test_streamed_equals_whole_however_it_is_cut(
    n_frames: int, context: int, keep: int, cuts: list[int]
) -> None:
    frames = random_frames(n_frames)
    model = lopsided_blur(reach=context)
    parts = list(
        stream_in_windows(
            model,
            blocks_of(frames, cuts),
            window_frames=keep + 2 * context,
            context_frames=context,
        )
    )
    assert_array_equal(np.concatenate([frames[:0], *parts]), model(frames))


@settings(deadline=None, max_examples=150)
@given(
    n_frames=integers(0, 200),
    context=integers(0, 8),
    keep=integers(1, 30),
    n_done=integers(0, 8),
)
def test_what_was_done_before_is_left_out(
    n_frames: int, context: int, keep: int, n_done: int
) -> None:
    config = WindowConfig(keep + 2 * context, context)
    frames, model = random_frames(n_frames), lopsided_blur(reach=context)
    whole = list(stream_in_windows(model, [frames], **vars(config)))
    n_done = min(n_done, max(0, len(whole) - 1))
    needed = frames[config.first_frame(n_done) :]
    rest = list(stream_in_windows(model, [needed], **vars(config), n_done=n_done))
    assert len(rest) == len(whole) - n_done
    assert sum(map(len, whole[:n_done])) == config.n_frames(n_done)
    for found, expected in zip(rest, whole[n_done:], strict=True):
        assert_array_equal(found, expected)


@settings(deadline=None)
@given(data=data(), n_frames=integers(1, 200), context=integers(0, 8), keep=integers(1, 30))
def test_the_same_windows_are_seen_however_the_input_is_cut(
    data: object, n_frames: int, context: int, keep: int
) -> None:
    frames = random_frames(n_frames)
    cuts = data.draw(lists(integers(0, 1000), max_size=12))  # type: ignore[attr-defined]

    def seen(blocks: list[np.ndarray]) -> list[list]:
        windows = []
        for _ in stream_in_windows(
            lambda window: windows.append(window.tolist()) or window,
            blocks,
            window_frames=keep + 2 * context,
            context_frames=context,
        ):
            pass
        return windows

    assert seen(blocks_of(frames, cuts)) == seen([frames])


@pytest.mark.parametrize(
    ("n_frames", "expected"),
    [(20, [20]), (21, [20, 10]), (23, [20, 11]), (32, [20, 20]), (33, [20, 20, 10])],
)
def test_only_the_last_window_is_shorter_and_no_shorter_than_half(
    n_frames: int, expected: list[int]
) -> None:
    lengths = []

    def model(frames: np.ndarray) -> np.ndarray:
        lengths.append(len(frames))
        return frames

    apply_in_windows(model, random_frames(n_frames), window_frames=20, context_frames=4)
    assert lengths == expected


def test_a_short_recording_is_seen_as_it_is_without_padding() -> None:
    seen = []
    frames = random_frames(7)
    apply_in_windows(lambda f: seen.append(f) or f, frames, window_frames=20, context_frames=4)
    assert len(seen) == 1
    assert_array_equal(seen[0], frames)


def test_too_little_context_makes_a_difference() -> None:
    frames = random_frames(100)
    model = lopsided_blur(reach=3)
    windowed = apply_in_windows(model, frames, window_frames=20, context_frames=2)
    differs = np.flatnonzero((windowed != model(frames)).any(axis=1))
    # 18 frames from the first window, 16 from each after it; the seams are a frame wide.
    assert differs.tolist() == [17, 18, 33, 34, 49, 50, 65, 66, 81, 82]


def test_output_comes_before_the_input_has_ended() -> None:
    taken = 0

    def blocks() -> Iterator[np.ndarray]:
        nonlocal taken
        while True:
            taken += 1
            yield random_frames(3)

    stream = stream_in_windows(lambda f: f, blocks(), window_frames=20, context_frames=4)
    assert len(next(stream)) == 16
    assert taken == 7  # 21 frames: one more than the window
    assert len(next(stream)) == 12
    assert taken == 11  # 33 frames: one more than the second window's end


def test_the_output_may_have_another_shape_and_type_than_the_input() -> None:
    frames = np.ones((50, 3, 4), np.float32)
    result = apply_in_windows(
        lambda f: f.sum(axis=(1, 2)).astype(np.float64), frames, window_frames=20, context_frames=4
    )
    assert result.dtype == np.float64
    assert_array_equal(result, np.full(50, 12.0))


def test_no_frames_make_no_output_and_ask_nothing_of_the_network() -> None:
    def model(frames: np.ndarray) -> np.ndarray:
        raise AssertionError("called")

    assert list(stream_in_windows(model, [], window_frames=20, context_frames=4)) == []
    empty = random_frames(0)
    assert list(stream_in_windows(model, [empty], window_frames=20, context_frames=4)) == []
    assert apply_in_windows(model, empty, window_frames=20, context_frames=4).shape == (0, 2)


@pytest.mark.parametrize(("window", "context"), [(8, 4), (0, 0), (10, -1)])
def test_windows_that_keep_nothing_are_refused_at_once(window: int, context: int) -> None:
    with pytest.raises(ValueError, match=f"found {window} and {context}"):
        stream_in_windows(lambda f: f, [], window_frames=window, context_frames=context)
    with pytest.raises(ValueError, match="window_frames > 2"):
        WindowConfig(window_frames=window, context_frames=context).check()


def test_the_default_windows_are_accepted() -> None:
    WindowConfig().check()


def test_a_callable_that_loses_frames_is_refused() -> None:
    with pytest.raises(ValueError, match="expected 20, found 19"):
        apply_in_windows(lambda f: f[1:], random_frames(30), window_frames=20, context_frames=4)
