"""Tiles: they cover, they overlap, and joined they are the picture."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from restyle.errors import OptionError
from restyle.images.tiles import Tile, cut_tiles, join_tiles, plan_tiles


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
    joined = join_tiles(size, tiles, cut_tiles(picture, tiles), overlap)
    np.testing.assert_allclose(joined, picture, atol=2e-6)


def test_a_difference_between_tiles_is_feathered() -> None:
    tiles = plan_tiles((10, 100), 60, 20)
    assert tiles == [Tile(0, 0, 10, 60), Tile(0, 40, 10, 60)]
    parts = [np.zeros((10, 60, 1), np.float32), np.ones((10, 60, 1), np.float32)]
    row = join_tiles((10, 100), tiles, parts, 20)[5, :, 0]
    assert (row[:40] == 0).all()
    assert (row[60:] == 1).all()
    np.testing.assert_allclose(row[40:60], (np.arange(20) + 0.5) / 20, atol=1e-6)


def test_parts_may_come_from_a_generator_of_any_channels() -> None:
    tiles = plan_tiles((30, 30), 16, 4)
    joined = join_tiles((30, 30), tiles, (np.ones((16, 16, 5), np.float32) for _ in tiles), 4)
    np.testing.assert_allclose(joined, np.ones((30, 30, 5)), atol=1e-6)


def test_bad_plans() -> None:
    for overlap in (-1, 8, 9):
        with pytest.raises(OptionError, match="tile overlap"):
            plan_tiles((10, 10), 8, overlap)
    with pytest.raises(OptionError, match="do not cover"):
        join_tiles((4, 4), [Tile(0, 0, 4, 2)], [np.ones((4, 2, 3), np.float32)], 0)
    with pytest.raises(OptionError, match="do not cover"):
        join_tiles((4, 4), [], [], 0)
