"""Tiles: they cover, they overlap, and joined they are the picture."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from restyle.errors import OptionError
from restyle.images.geometry import (
    Box,
    Padding,
    aspect_box,
    crop,
    fraction_box,
    inner_size,
    join_tile_rows,
    pad,
    parts_box,
    plan_tiles,
    rotate,
    size_box,
    unpad,
)
from restyle.types import FloatArray


def joined_tiles(
    size: tuple[int, int], tiles: list[Box], parts: Iterable[FloatArray], overlap: int
) -> FloatArray:
    return np.concatenate([band.copy() for band in join_tile_rows(size, tiles, parts, overlap)])


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


@given(size=sizes, corners=st.lists(st.floats(0, 1), min_size=4, max_size=4))
def test_parts_box_lies_inside(size: tuple[int, int], corners: list[float]) -> None:
    (left, right), (top, bottom) = sorted(corners[:2]), sorted(corners[2:])
    box = parts_box(size, right - left, bottom - top, left, top)
    assert box.height >= 1
    assert box.width >= 1
    assert 0 <= box.top <= box.top + box.height <= size[0]
    assert 0 <= box.left <= box.left + box.width <= size[1]
    assert abs(box.left - left * size[1]) <= 1
    assert abs(box.width - (right - left) * size[1]) <= 1.5


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


@settings(max_examples=100, deadline=None)
@given(
    height=st.integers(1, 30),
    width=st.integers(1, 30),
    multiple=st.integers(1, 16),
    minimum=st.integers(1, 64),
    flat=st.booleans(),
)
def test_pad_and_back(height: int, width: int, multiple: int, minimum: int, flat: bool) -> None:
    shape = (height, width) if flat else (height, width, 3)
    picture = np.random.default_rng(0).random(shape, np.float32)
    padded, padding = pad(picture, multiple, minimum=minimum)
    for side, before, after in (
        (0, padding.top, padding.bottom),
        (1, padding.left, padding.right),
    ):
        assert padded.shape[side] % multiple == 0
        assert padded.shape[side] >= minimum
        assert padded.shape[side] < max(picture.shape[side], minimum) + multiple
        assert before >= 0
        assert 0 <= after - before <= 1
    np.testing.assert_array_equal(unpad(padded, padding), picture)
    widths = [(padding.top, padding.bottom), (padding.left, padding.right), (0, 0)][: picture.ndim]
    np.testing.assert_array_equal(padded, np.pad(picture, widths, mode="reflect"))


def test_nothing_to_do() -> None:
    picture = np.zeros((16, 24, 3), np.float32)
    padded, padding = pad(picture, 8)
    assert padding == Padding(0, 0, 0, 0)
    assert padded.shape == picture.shape


@pytest.mark.parametrize("options", [{"multiple": 0}, {"multiple": 8, "minimum": 0}])
def test_bad_options(options: dict[str, int]) -> None:
    with pytest.raises(OptionError):
        pad(np.zeros((4, 4, 3), np.float32), **options)


def gradient(height: int, width: int) -> np.ndarray[tuple[int, int, int], np.dtype[np.float32]]:
    y, x = np.mgrid[:height, :width].astype(np.float32)
    return np.stack([x / width, y / height, np.full_like(x, 0.5)], axis=-1)


def test_quarter_turns_move_pixels_and_change_none() -> None:
    picture = gradient(5, 8)
    assert np.array_equal(rotate(picture, 0), picture)
    assert np.array_equal(rotate(picture, 90), np.rot90(picture))
    assert np.array_equal(rotate(picture, -450), np.rot90(picture, -5))
    assert np.array_equal(rotate(picture, 180), picture[::-1, ::-1])


def test_a_turned_stripe_stands_at_its_angle() -> None:
    picture = np.zeros((201, 201, 3), np.float32)
    picture[98:103] = 1  # horizontal
    turned = rotate(picture, 30)[..., 0]
    y, x = np.nonzero(turned > 0.5)
    slope = np.polyfit(x, -y.astype(float), 1)[0]  # rows go down
    assert np.degrees(np.arctan(slope)) == pytest.approx(30, abs=1)


@given(st.integers(8, 200), st.integers(8, 200), st.floats(-360, 360))
def test_no_corner_is_left_and_nothing_is_larger_than_before(height: int, width: int, degrees: float) -> None:
    turned = rotate(np.ones((height, width, 3), np.float32), degrees)
    assert turned.min() > 0.97  # the background would be 0
    assert max(turned.shape[:2]) <= max(height, width)
    assert turned.dtype == np.float32


def test_the_inner_rectangle_of_a_square_at_45_degrees() -> None:
    assert inner_size((100, 100), 45) == (69, 69)


@settings(max_examples=100, deadline=None)
@given(
    size=st.tuples(st.integers(1, 200), st.integers(1, 200)),
    tile=st.integers(1, 90),
    share=st.floats(0, 0.9),
)
def test_plan_and_join(size: tuple[int, int], tile: int, share: float) -> None:
    tile = max(tile, -(-max(size) // 20))  # at most 20 x 20 tiles side by side
    overlap = int(tile * share)
    if (size[0] / (tile - overlap)) * (size[1] / (tile - overlap)) > 400:
        overlap = 0
    tiles = plan_tiles(size, tile, overlap)
    covered = np.zeros(size, int)
    for each in tiles:
        assert each.height == min(tile, size[0])
        assert each.width == min(tile, size[1])
        assert each.top >= 0
        assert each.left >= 0
        covered[each.top : each.top + each.height, each.left : each.left + each.width] += 1
    assert covered.min() >= 1
    for before, after in itertools.pairwise(tiles):
        if before.top == after.top:
            assert before.left + before.width - after.left >= overlap
    picture = np.random.default_rng(0).random((*size, 3), np.float32)
    joined = joined_tiles(size, tiles, (crop(picture, tile) for tile in tiles), overlap)
    np.testing.assert_allclose(joined, picture, atol=2e-6)


def test_a_difference_between_tiles_is_feathered() -> None:
    tiles = plan_tiles((10, 100), 60, 20)
    assert tiles == [Box(0, 0, 10, 60), Box(0, 40, 10, 60)]
    parts = [np.zeros((10, 60, 1), np.float32), np.ones((10, 60, 1), np.float32)]
    row = joined_tiles((10, 100), tiles, parts, 20)[5, :, 0]
    assert (row[:40] == 0).all()
    assert (row[60:] == 1).all()
    np.testing.assert_allclose(row[40:60], (np.arange(20) + 0.5) / 20, atol=1e-6)


def test_parts_may_come_from_a_generator_of_any_channels() -> None:
    tiles = plan_tiles((30, 30), 16, 4)
    joined = joined_tiles((30, 30), tiles, (np.ones((16, 16, 5), np.float32) for _ in tiles), 4)
    np.testing.assert_allclose(joined, np.ones((30, 30, 5)), atol=1e-6)


def test_bad_plans() -> None:
    for overlap in (-1, 8, 9):
        with pytest.raises(OptionError, match="tile overlap"):
            plan_tiles((10, 10), 8, overlap)
    with pytest.raises(OptionError, match="do not cover"):
        joined_tiles((4, 4), [Box(0, 0, 4, 2)], [np.ones((4, 2, 3), np.float32)], 0)
    with pytest.raises(OptionError, match="do not cover"):
        joined_tiles((4, 4), [], [], 0)
