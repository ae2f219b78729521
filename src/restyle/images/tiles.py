"""Cut a large picture into overlapping tiles and join the results without seams."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from restyle.errors import OptionError
from restyle.types import FloatArray


@dataclass(frozen=True)
class Tile:
    """A rectangle of the picture, in pixels."""

    top: int
    left: int
    height: int
    width: int


def plan_tiles(size: tuple[int, int], tile: int, overlap: int) -> list[Tile]:
    """Cover a picture with tiles of one size.

    Parameters
    ----------
    size : (height, width)
        Of the picture, in pixels.
    tile : int
        Side of a tile; a shorter side of the picture is taken whole.
    overlap : int
        Least overlap of neighbours, in pixels.

    Returns
    -------
    list of Tile
        Row by row, all of one size, evenly spread.
    """
    if not 0 <= overlap < tile:
        raise OptionError(f"tile overlap {overlap} is not between 0 and the tile side {tile}")
    tops, height = _starts(size[0], tile, overlap)
    lefts, width = _starts(size[1], tile, overlap)
    return [Tile(top, left, height, width) for top in tops for left in lefts]


def cut_tiles(array: FloatArray, tiles: Iterable[Tile]) -> Iterator[FloatArray]:
    """Yield the part of the picture under each tile, as views."""
    for tile in tiles:
        yield array[tile.top : tile.top + tile.height, tile.left : tile.left + tile.width]


def join_tiles(
    size: tuple[int, int], tiles: Iterable[Tile], parts: Iterable[FloatArray], overlap: int
) -> FloatArray:
    """Blend tiles into one picture, feathered over ``overlap`` pixels.

    Parameters
    ----------
    size : (height, width)
        Of the picture, in pixels.
    tiles, parts
        Tiles and their pixels [shape=(tile.height, tile.width, C), float32].
    overlap : int
        Width of the feather, in pixels: at most the overlap that the tiles were planned with.

    Returns
    -------
    np.ndarray [shape=(H, W, C), float32]
    """
    height, width = size
    out: FloatArray | None = None
    total = np.zeros((height, width, 1), np.float32)
    for tile, part in zip(tiles, parts, strict=True):
        if out is None:
            out = np.zeros((height, width, part.shape[2]), np.float32)
        rows = _ramp(tile.height, overlap, tile.top > 0, tile.top + tile.height < height)
        columns = _ramp(tile.width, overlap, tile.left > 0, tile.left + tile.width < width)
        weight = (rows[:, None] * columns[None, :])[..., None]
        here = np.s_[tile.top : tile.top + tile.height, tile.left : tile.left + tile.width]
        out[here] += part * weight
        total[here] += weight
    if out is None or not total.all():
        raise OptionError("the tiles do not cover the picture")
    out /= total
    return out


def _starts(side: int, tile: int, overlap: int) -> tuple[list[int], int]:
    if side <= tile:
        return [0], side
    count = -(-(side - overlap) // (tile - overlap))
    return [round(i * (side - tile) / (count - 1)) for i in range(count)], tile


def _ramp(length: int, overlap: int, before: bool, after: bool) -> FloatArray:
    weight = np.ones(length, np.float32)
    overlap = min(overlap, length)
    rise = (np.arange(overlap, dtype=np.float32) + 0.5) / max(overlap, 1)
    if before:
        weight[:overlap] = rise
    if after:
        weight[length - overlap :] = np.minimum(weight[length - overlap :], rise[::-1])
    return weight
