"""How large the tiles may be that a picture is gone over in, so that a run stays within a given memory.

Memory is what a process holds when the run begins (Python, torch, weights), plus arrays as large as the
picture (the picture, its gradient, the averages of the optimiser, masks, content features), plus what one
pass forward and backward holds for the pixels of one tile and its halo. Figures measured on a CPU.
"""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Sequence
from dataclasses import replace

from restyle.errors import OptionError
from restyle.methods.optimize.features import HALO, LARGE, STRIDE, Sight
from restyle.options.optimize import CONTENT_LOSSES, STYLE_LOSSES, OptimizeOptions, parse_losses

SMALLEST_TILE = 16 * STRIDE
# Arrays of the picture's size that a run holds beside the pairs of L-BFGS: pictures, gradients, masks.
ARRAYS = 12
PAIRS = (2, 12)  # of L-BFGS, at least and at most
_PAIRS_SHARE = 0.4  # of the memory, at most, goes into them
_PROCESS = 0.6e9  # bytes, where the system does not tell


_STATISTICS_SHARE = 0.5  # of the memory of a pass forward and backward, that one without a gradient takes


def tile_side(
    sight: Sight, content: tuple[int, int], styles: Sequence[tuple[int, ...]], options: OptimizeOptions
) -> int | None:
    """Side of the tiles that the content is gone over in, in px; None if it can be looked at whole.

    Parameters
    ----------
    sight : Sight
    content : (height, width)
    styles : sequence of (height, width)
    options : OptimizeOptions
        `memory` in GB, `optimizer`, and the losses that are in use.

    Raises
    ------
    OptionError
        The memory does not even suffice for small tiles; the message says how much would.
    """
    held, cost = process_bytes(), tile_bytes(sight)

    def room(given: OptimizeOptions, tiled: bool = True) -> float:
        return given.memory * 1e9 - held - picture_bytes(sight, content, styles, given, tiled)

    if math.prod(content) * cost <= room(options, tiled=False):
        return None
    side = math.floor(math.sqrt(max(0.0, room(options)) / cost)) - 2 * HALO
    if side < SMALLEST_TILE:
        least = options
        while room(least) < (SMALLEST_TILE + 2 * HALO + 1) ** 2 * cost:
            least = replace(least, memory=math.ceil(least.memory * 10 + 1) / 10)
        raise OptionError(
            f"memory {options.memory:g} GB is too little for {content[1]} x {content[0]} px with "
            f"{options.encoder} and {options.descent}: give at least {least.memory:g}"
        )
    return side // STRIDE * STRIDE


def style_side(
    sight: Sight, content: tuple[int, int], styles: Sequence[tuple[int, ...]], options: OptimizeOptions
) -> int | None:
    """Side of the tiles that statistics of the styles are taken in, before the first step; None: whole.

    A long scroll may need tiles where the content does not.
    """
    held, cost = process_bytes(), _STATISTICS_SHARE * tile_bytes(sight)
    room = options.memory * 1e9 - held - picture_bytes(sight, content, styles, options)
    if max((math.prod(each) for each in styles), default=0) * cost <= room:
        return None
    side = math.floor(math.sqrt(max(0.0, room) / cost)) - 2 * HALO
    return max(SMALLEST_TILE, side // STRIDE * STRIDE)


def picture_bytes(
    sight: Sight,
    content: tuple[int, int],
    styles: Sequence[tuple[int, ...]],
    options: OptimizeOptions,
    tiled: bool = True,
) -> float:
    """Bytes that a run holds for its pictures; features of the content are half as precise in tiles."""
    losses = parse_losses("style-loss", options.style_loss, STYLE_LOSSES)
    kept = parse_losses("content-loss", options.content_loss, CONTENT_LOSSES)
    pixels = math.prod(content)
    floats = 3.0 * ARRAYS
    if options.descent == "lbfgs":
        floats += 3 * 2 * pairs(content, options)
    floats += 3 * len(styles)  # masks and their shares by layer
    if kept:
        features = sight.widths[3] / 8**2 + (sight.widths[2] / 4**2 if pixels <= LARGE else 0.0)
        floats += features / 2 if tiled else features
    if "strokes" in losses:
        floats += 2 * len(styles)  # shares of what is calm
    if "strokes" in losses or (len(styles) > 1 and ("sliced" in losses or "patches" in losses)):
        floats += 4  # sums of shares that positions are drawn from, in double precision
    return 4 * (floats * pixels + 3 * sum(math.prod(each) for each in styles))


def pairs(content: tuple[int, int], options: OptimizeOptions) -> int:
    """How many pairs of differences L-BFGS may keep: fewer of a large picture."""
    each = 2 * 3 * 4 * math.prod(content)
    return max(PAIRS[0], min(PAIRS[1], int(_PAIRS_SHARE * options.memory * 1e9 / each)))


def tile_bytes(sight: Sight) -> float:
    """Bytes a pixel of one pass forward and backward."""
    return 4 * sight.floats_a_pixel


def process_bytes() -> float:
    """Bytes that this process holds now."""
    if sys.platform == "linux":
        with open("/proc/self/statm") as file:
            return float(int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE"))
    return _PROCESS
