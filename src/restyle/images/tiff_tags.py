"""The tags of a TIFF by name, how to read them without trust, and how to describe strips.

Reference: Adobe, TIFF Revision 6.0.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from PIL import TiffImagePlugin, TiffTags

from restyle.errors import InputError

WHITE_IS_ZERO, BLACK_IS_ZERO, RGB = 0, 1, 2  # photometric interpretation
NONE, DEFLATE = 1, 8  # compression
UNSIGNED, FLOAT = 1, 3  # sample format
DIFFERENCES, FLOAT_DIFFERENCES = 2, 3  # predictor
ASSOCIATED, STRAIGHT = 1, 2  # extra samples: alpha


class Tag(IntEnum):
    """Tags that say how pixels are stored."""

    WIDTH = 256
    HEIGHT = 257
    BITS = 258
    COMPRESSION = 259
    PHOTOMETRIC = 262
    FILL_ORDER = 266
    STRIP_OFFSETS = 273
    SAMPLES = 277
    ROWS = 278
    STRIP_BYTES = 279
    PLANAR = 284
    PREDICTOR = 317
    TILE_WIDTH = 322
    TILE_HEIGHT = 323
    TILE_OFFSETS = 324
    TILE_BYTES = 325
    EXTRA = 338
    FORMAT = 339
    ICC = 34675


def add_strips(tags: TiffImagePlugin.ImageFileDirectory_v2, rows: int, lengths: list[int]) -> None:
    """Describe strips of ``rows`` rows that follow each other; saving the tags moves them behind the tags."""
    tags[Tag.ROWS] = rows
    starts = np.cumsum([0, *lengths[:-1]])
    for tag, values in ((Tag.STRIP_OFFSETS, starts), (Tag.STRIP_BYTES, lengths)):
        tags[tag] = tuple(int(value) for value in values)
        tags.tagtype[tag] = TiffTags.LONG


def numbers(
    tags: TiffImagePlugin.ImageFileDirectory_v2, tag: int, default: tuple[int, ...]
) -> tuple[int, ...]:
    value = tags.get(tag, default)
    values = value if isinstance(value, tuple) else (value,)
    if not all(isinstance(each, int) for each in values) or (default and not values):
        raise InputError(f"its TIFF tag {tag} is damaged")
    return values


def number(tags: TiffImagePlugin.ImageFileDirectory_v2, tag: int, default: int) -> int:
    return numbers(tags, tag, (default,))[0]
