from __future__ import annotations

import numpy as np
import pytest

from restyle.sounds.loudest import Loudest

Y = np.random.default_rng(0).uniform(-0.1, 0.1, (1050, 2)).astype(np.float32)
Y[430] = 1


@pytest.mark.parametrize("size", [1, 7, 100, 260, 2000])
def test_the_loudest_stretch_whatever_the_blocks(size: int) -> None:
    loudest = Loudest(100, 2)
    for start in range(0, len(Y), size):
        loudest.add(Y[start : start + size])
    assert np.array_equal(loudest.stretch(), Y[400:500])


def test_a_last_stretch_may_be_short_and_the_first() -> None:
    y = Y.copy()
    y[1020] = 3
    loudest = Loudest(100, 2)
    loudest.add(y)
    assert np.array_equal(loudest.stretch(), y[1000:])
    short = Loudest(5000, 2)
    short.add(y)
    assert np.array_equal(short.stretch(), y)


def test_silence_counts_and_nothing_is_empty() -> None:
    loudest = Loudest(10, 1)
    assert loudest.stretch().shape == (0, 1)
    loudest.add(np.zeros((20, 1), np.float32))
    assert loudest.stretch().shape == (10, 1)
