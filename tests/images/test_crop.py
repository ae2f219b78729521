"""Crops: centred, of the exact size, and never larger than the picture."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from restyle.errors import OptionError
from restyle.images.crop import Box, aspect_box, crop, fraction_box, size_box

sizes = st.tuples(st.integers(1, 500), st.integers(1, 500))


def test_crop_cuts_what_the_box_says() -> None:
    picture = np.arange(5 * 6 * 3).reshape(5, 6, 3)
    np.testing.assert_array_equal(crop(picture, Box(1, 2, 3, 4)), picture[1:4, 2:6])
    np.testing.assert_array_equal(crop(picture[..., 0], Box(1, 2, 3, 4)), picture[1:4, 2:6, 0])


@given(size=sizes, data=st.data())
def test_size_box_is_centred(size: tuple[int, int], data: st.DataObject) -> None:
    wanted = (data.draw(st.integers(1, size[0])), data.draw(st.integers(1, size[1])))
    box = size_box(size, wanted)
    assert (box.height, box.width) == wanted
    assert abs((size[0] - box.height) - 2 * box.top) <= 1
    assert abs((size[1] - box.width) - 2 * box.left) <= 1


@given(size=sizes, aspect=st.floats(0.05, 20))
def test_aspect_box_is_the_largest(size: tuple[int, int], aspect: float) -> None:
    box = aspect_box(size, aspect)
    assert box.height == size[0] or box.width == size[1]
    assert box.height <= size[0]
    assert box.width <= size[1]
    if box.height == size[0]:
        assert abs(box.width - min(size[1], box.height * aspect)) <= 0.5 + 0.5 * aspect or box.width == 1
    else:
        assert abs(box.height - box.width / aspect) <= 0.5 or box.height == 1


def test_aspect_box_by_example() -> None:
    assert aspect_box((300, 400), 1) == Box(0, 50, 300, 300)
    assert aspect_box((300, 400), 16 / 9) == Box(37, 0, 225, 400)
    assert aspect_box((300, 400), 4 / 3) == Box(0, 0, 300, 400)


@given(size=sizes, fraction=st.floats(0.001, 1))
def test_fraction_box(size: tuple[int, int], fraction: float) -> None:
    box = fraction_box(size, fraction)
    assert abs(box.height - size[0] * fraction) <= 0.5 or box.height == 1
    assert abs(box.width - size[1] * fraction) <= 0.5 or box.width == 1


@pytest.mark.parametrize("fraction", [0, -0.1, 1.01, float("nan")])
def test_bad_fractions(fraction: float) -> None:
    with pytest.raises(OptionError, match=r"outside 0\.\.1"):
        fraction_box((10, 10), fraction)


@pytest.mark.parametrize("aspect", [0, -1, float("inf"), float("nan")])
def test_bad_aspects(aspect: float) -> None:
    with pytest.raises(OptionError, match="not a positive number"):
        aspect_box((10, 10), aspect)


def test_larger_than_the_picture() -> None:
    with pytest.raises(OptionError, match="crop 11 x 5 is larger than the picture, 10 x 10"):
        size_box((10, 10), (5, 11))
    with pytest.raises(OptionError, match="less than 1 pixel"):
        size_box((10, 10), (0, 5))
