"""Crop, pad, rotate, and divide a picture into tiles, strips, or half-size phases.

A picture processed at half its size in four phases, each offset by half a pixel of the small picture, and
then averaged, has smooth lines instead of stepped ones (cycle spinning; Coifman and Donoho 1995,
"Translation-Invariant De-Noising").
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from PIL import Image

from restyle.errors import OptionError
from restyle.types import FloatArray

ArrayT = TypeVar("ArrayT", bound=npt.NDArray[Any])

STRIP_PIXELS = 1 << 21  # decoded, computed and written at a time
PHASES = ((0, 0), (0, 1), (1, 0), (1, 1))


@dataclass(frozen=True)
class Box:
    """A rectangle of pixels, from its top left corner."""

    top: int
    left: int
    height: int
    width: int


def size_box(size: tuple[int, int], wanted: tuple[int, int]) -> Box:
    """Return the centered box of a (height, width) in px; OptionError if the picture is smaller."""
    if wanted[0] < 1 or wanted[1] < 1:
        raise OptionError(f"crop {wanted[1]} x {wanted[0]} is less than 1 pixel")
    if wanted[0] > size[0] or wanted[1] > size[1]:
        raise OptionError(f"crop {wanted[1]} x {wanted[0]} is larger than the picture, {size[1]} x {size[0]}")
    return Box((size[0] - wanted[0]) // 2, (size[1] - wanted[1]) // 2, wanted[0], wanted[1])


def aspect_box(size: tuple[int, int], aspect: float) -> Box:
    """Return the largest centered box with the given aspect (width / height)."""
    if not 0 < aspect < float("inf"):
        raise OptionError(f"aspect {aspect} is not a positive number")
    height, width = size
    if width > height * aspect:
        return size_box(size, (height, max(1, round(height * aspect))))
    return size_box(size, (min(height, max(1, round(width / aspect))), width))


def fraction_box(size: tuple[int, int], fraction: float) -> Box:
    """Return the centered box that keeps ``fraction`` (0 < fraction <= 1) of each side."""
    if not 0 < fraction <= 1:
        raise OptionError(f"crop fraction {fraction} is outside 0..1")
    return size_box(size, (max(1, round(size[0] * fraction)), max(1, round(size[1] * fraction))))


def parts_box(size: tuple[int, int], width: float, height: float, left: float, top: float) -> Box:
    """Return the box whose sides and corner are parts (0..1) of the picture's; at least one pixel."""
    x, y = min(round(left * size[1]), size[1] - 1), min(round(top * size[0]), size[0] - 1)
    right, bottom = (
        min(round((left + width) * size[1]), size[1]),
        min(round((top + height) * size[0]), size[0]),
    )
    return Box(y, x, max(1, bottom - y), max(1, right - x))


def crop(array: ArrayT, box: Box) -> ArrayT:
    """Crop an array [H, W, ...] to a box; gives a view, or the array itself if the box covers it."""
    if box == Box(0, 0, *array.shape[:2]):
        return array
    return array[box.top : box.top + box.height, box.left : box.left + box.width]  # type: ignore[return-value]


@dataclass(frozen=True)
class Padding:
    """Amount that :func:`pad` added, in pixels."""

    top: int
    bottom: int
    left: int
    right: int


def pad(array: FloatArray, multiple: int, *, minimum: int = 1) -> tuple[FloatArray, Padding]:
    """Pad [H, W] or [H, W, C] by reflection until both sides are multiples, and at least `minimum` px.

    Beyond the size of the picture, the reflection repeats. The padding is for :func:`unpad`.
    """
    padding = padding_of((array.shape[0], array.shape[1]), multiple, minimum=minimum)
    padded = np.take(array, _reflection(array.shape[0], padding.top, padding.bottom), axis=0)
    padded = np.take(padded, _reflection(array.shape[1], padding.left, padding.right), axis=1)
    return padded, padding


def padded_part(
    read: Callable[[Box], FloatArray], size: tuple[int, int], padding: Padding, box: Box
) -> FloatArray:
    """Return a box of a padded picture, as `pad` gives it, from a function that reads boxes of the picture.

    `size` is the (height, width) without padding.
    """
    rows = _reflection(size[0], padding.top, padding.bottom)[box.top : box.top + box.height]
    columns = _reflection(size[1], padding.left, padding.right)[box.left : box.left + box.width]
    top, left = int(rows.min()), int(columns.min())
    part = read(Box(top, left, int(rows.max()) + 1 - top, int(columns.max()) + 1 - left))
    return np.take(np.take(part, rows - top, axis=0), columns - left, axis=1)


def padding_of(size: tuple[int, int], multiple: int, *, minimum: int = 1) -> Padding:
    """Return the padding that `pad` adds to a picture of (height, width)."""
    if multiple < 1 or minimum < 1:
        raise OptionError(f"cannot pad to a multiple of {multiple} with minimum {minimum}")
    extra = [-(-max(side, minimum) // multiple) * multiple - side for side in size]
    return Padding(extra[0] // 2, extra[0] - extra[0] // 2, extra[1] // 2, extra[1] - extra[1] // 2)


def unpad(array: FloatArray, padding: Padding) -> FloatArray:
    """Remove what :func:`pad` added; gives a view."""
    height, width = array.shape[:2]
    return array[padding.top : height - padding.bottom, padding.left : width - padding.right]


def _reflection(side: int, before: int, after: int) -> npt.NDArray[np.intp]:
    """Return the source index of each padded row: 2 1 | 0 1 2 | 1 0."""
    period = max(1, 2 * (side - 1))
    index = np.arange(-before, side + after) % period
    return np.minimum(index, period - index) if side > 1 else np.zeros_like(index)


def rotate(picture: FloatArray, degrees: float) -> FloatArray:
    """Rotate [shape=(H, W, C), float32, range 0..1] counterclockwise; crop to the largest rectangle inside.

    Multiples of 90 degrees do not resample.
    """
    quarters = degrees / 90
    if quarters == round(quarters):
        return np.ascontiguousarray(np.rot90(picture, round(quarters) % 4))
    channels = [Image.fromarray(np.ascontiguousarray(each)) for each in np.moveaxis(picture, -1, 0)]
    rotated = [np.asarray(each.rotate(degrees, Image.Resampling.BICUBIC, expand=True)) for each in channels]
    turned = np.clip(np.stack(rotated, axis=-1), 0, 1)
    inner = inner_size((picture.shape[0], picture.shape[1]), degrees)
    return np.ascontiguousarray(crop(turned, size_box((turned.shape[0], turned.shape[1]), inner)))


def inner_size(size: tuple[int, int], degrees: float) -> tuple[int, int]:
    """Return height and width of the largest upright rectangle inside a rotated one, less a pixel.

    Examples
    --------
    >>> inner_size((100, 100), 45)
    (69, 69)
    """
    height, width = size
    sine, cosine = abs(math.sin(math.radians(degrees))), abs(math.cos(math.radians(degrees)))
    long, short = max(size), min(size)
    if short <= 2 * sine * cosine * long or abs(sine - cosine) < 1e-10:
        # Two corners touch a long side; the other two lie on the line that joins the short sides' midpoints.
        half = short / 2
        across, down = (half / sine, half / cosine) if width >= height else (half / cosine, half / sine)
    else:
        double = cosine * cosine - sine * sine
        across = (width * cosine - height * sine) / double
        down = (height * cosine - width * sine) / double
    return max(1, math.floor(down) - 1), max(1, math.floor(across) - 1)


def plan_tiles(size: tuple[int, int], tile: int, overlap: int) -> list[Box]:
    """Cover a picture of (height, width) with tiles, row by row, all of one size and evenly spaced.

    A tile has the side `tile`, or spans a shorter side of the picture completely; neighbors overlap by at
    least `overlap`, all in px.
    """
    if not 0 <= overlap < tile:
        raise OptionError(f"tile overlap {overlap} is not between 0 and the tile side {tile}")
    tops, height = _starts(size[0], tile, overlap)
    lefts, width = _starts(size[1], tile, overlap)
    return [Box(top, left, height, width) for top in tops for left in lefts]


def join_tile_rows(
    size: tuple[int, int], tiles: Sequence[Box], parts: Iterable[FloatArray], overlap: int
) -> Iterator[FloatArray]:
    """Blend tiles into a picture of (height, width), and yield its rows [n, W, C] as soon as they are done.

    They are overwritten when the next are asked for.

    Parameters
    ----------
    tiles, parts
        Tiles from `plan_tiles`, all or the last rows of them, and their pixels [height, width, C], float32.
    overlap : int
        Width of the cross-fade, in pixels; at most the overlap given to `plan_tiles`.
    """
    height, width = size
    rows, down = _ramps(height, {tile.top: tile.height for tile in tiles}, overlap)
    columns, across = _ramps(width, {tile.left: tile.width for tile in tiles}, overlap)
    if not tiles or len(tiles) != len(rows) * len(columns) or not across.all() or not down[min(rows) :].all():
        raise OptionError("the tiles do not cover the picture")
    band: FloatArray | None = None  # the rows of the current row of tiles
    for index, (tile, part) in enumerate(zip(tiles, parts, strict=True)):
        if band is None:
            band = np.zeros((tile.height, width, part.shape[2]), np.float32)
        weight = (rows[tile.top][:, None] * columns[tile.left][None, :])[..., None]
        band[:, tile.left : tile.left + tile.width] += part * weight
        after = tiles[index + 1].top if index + 1 < len(tiles) else height
        if after == tile.top:
            continue
        done = min(after - tile.top, tile.height)
        band[:done] /= (down[tile.top : tile.top + done, None] * across[None, :])[..., None]
        yield band[:done]
        left_over = tile.height - done
        band[:left_over] = band[done:].copy()
        band[left_over:] = 0


def _starts(side: int, tile: int, overlap: int) -> tuple[list[int], int]:
    if side <= tile:
        return [0], side
    count = -(-(side - overlap) // (tile - overlap))
    return [round(i * (side - tile) / (count - 1)) for i in range(count)], tile


def _ramps(side: int, lengths: dict[int, int], overlap: int) -> tuple[dict[int, FloatArray], FloatArray]:
    """Return the weights of tiles along a side, by their starts, and the sum of all weights."""
    ramps = {at: _ramp(length, overlap, at > 0, at + length < side) for at, length in lengths.items()}
    total = np.zeros(side, np.float32)
    for at, weight in ramps.items():
        total[at : at + len(weight)] += weight
    return ramps, total


def _ramp(length: int, overlap: int, before: bool, after: bool) -> FloatArray:
    weight = np.ones(length, np.float32)
    overlap = min(overlap, length)
    rise = (np.arange(overlap, dtype=np.float32) + 0.5) / max(overlap, 1)
    if before:
        weight[:overlap] = rise
    if after:
        weight[length - overlap :] = np.minimum(weight[length - overlap :], rise[::-1])
    return weight


def windows(picture: FloatArray, short: int, pixels: int, most: int) -> Iterator[FloatArray]:
    """Divide a long scroll along its long side into windows of at most `pixels` at the short side `short`.

    A very long one is sampled at `most` even steps, which bounds time and memory.
    """
    height, width = picture.shape[:2]
    scale = short / min(height, width)
    step = max(1, int(pixels / (short * scale)))  # source pixels along the long side
    parts = np.array_split(picture, math.ceil(max(height, width) / step), axis=int(width > height))
    chosen = np.linspace(0, len(parts) - 1, min(len(parts), most)).round().astype(int)
    yield from (parts[index] for index in chosen)


def strips(start: int, stop: int, width: int) -> Iterator[slice]:
    """Yield rows as slices of at most `STRIP_PIXELS`, or of one row."""
    step = max(1, STRIP_PIXELS // width)
    for top in range(start, stop, step):
        yield slice(top, min(top + step, stop))


def split_phases(picture: FloatArray) -> list[FloatArray]:
    """Downscale [shape=(2 h, 2 w, C), float32] to half its size, at the four offsets of `PHASES`.

    The border is extended by its last pixel, so results [h, w, C] may have one row or column more.
    """
    padded = np.pad(picture, ((1, 1), (1, 1), (0, 0)), mode="edge")
    parts = []
    for top, left in PHASES:
        inner = padded[top : len(padded) - top, left : padded.shape[1] - left]
        pairs = (inner[::2] + inner[1::2]) / 2
        parts.append(np.ascontiguousarray((pairs[:, ::2] + pairs[:, 1::2]) / 2, dtype=np.float32))
    return parts


def join_phases(parts: Iterable[FloatArray]) -> FloatArray:
    """Upscale the pictures of `split_phases` by two, and average them at their offsets.

    Examples
    --------
    >>> flat = np.full((4, 6, 3), 0.5, np.float32)
    >>> bool((join_phases(split_phases(flat)) == flat).all())
    True
    """
    out: FloatArray | None = None
    for (top, left), part in zip(PHASES, parts, strict=True):
        double = part.repeat(2, axis=0).repeat(2, axis=1)
        inner = double[1 - top : len(double) - 1 + top, 1 - left : double.shape[1] - 1 + left]
        out = np.zeros(inner.shape, np.float32) if out is None else out
        out += inner / 4
    assert out is not None
    return out
