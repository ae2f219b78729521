"""Arrays of callers: types, ranges, shapes, and the one line that says what is wrong."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from restyle.errors import InputError
from restyle.types import from_unit, split_channels, to_unit


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_every_level_survives(dtype: type) -> None:
    levels: npt.NDArray[Any] = np.arange(np.iinfo(dtype).max + 1).astype(dtype)
    unit = to_unit(levels)
    assert unit.dtype == np.float32
    assert unit[0] == 0
    assert unit[-1] == 1
    np.testing.assert_array_equal(from_unit(unit, dtype), levels)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_floats_pass(dtype: type) -> None:
    values: npt.NDArray[Any] = np.linspace(0, 1, 7).astype(dtype)
    unit = to_unit(values)
    assert unit.dtype == np.float32
    np.testing.assert_allclose(unit, values, atol=1e-7)
    assert from_unit(unit, dtype).dtype == dtype


def test_the_callers_memory_is_not_shared() -> None:
    values = np.full((2, 2), 0.5, np.float32)
    to_unit(values)[:] = 0
    assert (values == 0.5).all()


def test_rounds_to_the_nearest_level_and_clips() -> None:
    values = np.array([-0.5, 0.49 / 255, 0.51 / 255, 1.5], np.float32)
    np.testing.assert_array_equal(from_unit(values, np.uint8), [0, 0, 1, 255])
    np.testing.assert_array_equal(from_unit(values, np.float64), np.clip(values, 0, 1))


def test_a_filters_overshoot_is_clipped() -> None:
    np.testing.assert_array_equal(to_unit(np.array([-0.001, 1.001])), [0, 1])


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.array([0.0, np.nan]), "NaN or infinite"),
        (np.array([0.0, np.inf]), "NaN or infinite"),
        (np.array([0.0, 255.0]), r"run from 0 to 255; restyle takes 0..1 \(divide by 255"),
        (np.array([-1.0, 1.0]), r"run from -1 to 1; restyle takes 0..1 \(rescale"),
        (np.array([0, 255]), "type int64.*astype"),
        (np.array([True]), "type bool"),
        (np.array([1j]), "type complex128"),
        (np.array(["a"]), "type <U1"),
    ],
)
def test_unusable_values(array: npt.NDArray[Any], message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        to_unit(array, "photo")
    assert str(caught.value).startswith("photo: ")


@pytest.mark.parametrize(
    ("shape", "alpha", "gray"),
    [((4, 5), False, True), ((4, 5, 1), False, True), ((4, 5, 3), False, False), ((4, 5, 4), True, False)],
)
def test_shapes(shape: tuple[int, ...], alpha: bool, gray: bool) -> None:
    array = np.arange(np.prod(shape), dtype=np.uint8).reshape(shape)
    color, found, was_gray = split_channels(array)
    assert color.shape == (4, 5, 3)
    assert (found is not None) == alpha
    assert was_gray == gray
    np.testing.assert_array_equal(color[..., 0].ravel(), array.reshape(4, 5, -1)[..., 0].ravel())
    if found is not None:
        np.testing.assert_array_equal(found, array[..., 3])


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((3, 40, 50), "channels come last"),
        ((2, 40, 50, 3), "a batch"),
        ((40,), "H x W x 3"),
        ((), "H x W x 3"),
        ((0, 5, 3), "no pixels"),
        ((40, 50, 2), "40 x 50 x 2"),
        ((40, 50, 7), "40 x 50 x 7"),
    ],
)
def test_wrong_shapes(shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(InputError, match=message):
        split_channels(np.zeros(shape))
