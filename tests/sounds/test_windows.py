from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from restyle.sounds.windows import Float, windowed, with_last, with_margins

Y = np.random.default_rng(0).uniform(-0.5, 0.5, (10007, 2)).astype(np.float32)


def blocks(y: Float, size: int) -> Iterator[Float]:
    yield from (y[start : start + size] for start in range(0, len(y), size))


@pytest.mark.parametrize("size", [600, 2500, 20000])
def test_a_method_that_does_nothing_is_not_heard(size: int) -> None:
    made = np.concatenate(list(windowed(lambda window: window, blocks(Y, size), 500)))
    assert made.shape == Y.shape
    assert np.abs(made - Y).max() < 1e-6


def test_windows_fade_into_each_other_without_a_step() -> None:
    """A level of its own in every window: the largest step is that of the fade, not that of the levels."""
    levels = iter([1.0, 2.0, 1.0, 2.0, 1.0])
    flat = np.ones((10000, 1), np.float32)
    made = np.concatenate(list(windowed(lambda window: window * next(levels), blocks(flat, 2000), 800)))
    assert len(made) == len(flat)
    assert np.abs(np.diff(made[:, 0])).max() < 5 / 400
    assert made.min() > 0.99
    assert made.max() < 2.01


def test_sounds_that_share_nothing_keep_their_power_across_a_border() -> None:
    rng = np.random.default_rng(1)
    flat = np.ones((40000, 1), np.float32)
    made = np.concatenate(
        list(
            windowed(
                lambda window: rng.standard_normal(window.shape).astype(np.float32), blocks(flat, 10000), 4000
            )
        )
    )
    power = (made[: len(made) // 1000 * 1000].reshape(-1, 1000) ** 2).mean(axis=1)
    assert power.min() > 0.8
    assert power.max() < 1.2


def test_the_last_block_is_known() -> None:
    assert [last for _, last in with_last(blocks(Y, 3000))] == [False, False, False, True]
    assert list(with_last(blocks(Y[:0], 3000))) == []


@pytest.mark.parametrize("size", [100, 700, 3000, 20000])
def test_stretches_are_the_stream_and_are_seen_with_their_neighbours(size: int) -> None:
    reach, done = 300, 0
    for seen, part in with_margins(blocks(Y, size), reach):
        start, stop = done, done + part.stop - part.start
        assert np.array_equal(seen[part], Y[start:stop])
        if stop > start:
            assert part.start >= min(start, reach)
            assert len(seen) - part.stop >= min(len(Y) - stop, reach)
        assert np.array_equal(seen, Y[start - part.start : start - part.start + len(seen)])
        done = stop
    assert done == len(Y)
