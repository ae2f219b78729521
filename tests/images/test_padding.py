"""Padding by reflection, of any size, and its inverse."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from restyle.errors import OptionError
from restyle.images.padding import Padding, pad, unpad


@settings(max_examples=100, deadline=None)
@given(
    height=st.integers(1, 30),
    width=st.integers(1, 30),
    multiple=st.integers(1, 16),
    margin=st.integers(0, 50),
    minimum=st.integers(1, 64),
    flat=st.booleans(),
)
def test_pad_and_back(height: int, width: int, multiple: int, margin: int, minimum: int, flat: bool) -> None:
    shape = (height, width) if flat else (height, width, 3)
    picture = np.random.default_rng(0).random(shape, np.float32)
    padded, padding = pad(picture, multiple, margin=margin, minimum=minimum)
    for side, before, after in (
        (0, padding.top, padding.bottom),
        (1, padding.left, padding.right),
    ):
        assert padded.shape[side] % multiple == 0
        assert padded.shape[side] >= minimum
        assert padded.shape[side] < max(picture.shape[side] + 2 * margin, minimum) + multiple
        assert min(before, after) >= margin
        assert 0 <= after - before <= 1
    np.testing.assert_array_equal(unpad(padded, padding), picture)
    widths = [(padding.top, padding.bottom), (padding.left, padding.right), (0, 0)][: picture.ndim]
    np.testing.assert_array_equal(padded, np.pad(picture, widths, mode="reflect"))


def test_nothing_to_do() -> None:
    picture = np.zeros((16, 24, 3), np.float32)
    padded, padding = pad(picture, 8)
    assert padding == Padding(0, 0, 0, 0)
    assert padded.shape == picture.shape


def test_scaled() -> None:
    assert Padding(1, 2, 3, 4).scaled(2) == Padding(2, 4, 6, 8)


@pytest.mark.parametrize("options", [{"multiple": 0}, {"margin": -1}, {"minimum": 0}])
def test_bad_options(options: dict[str, int]) -> None:
    with pytest.raises(OptionError):
        pad(np.zeros((4, 4, 3), np.float32), **options)
