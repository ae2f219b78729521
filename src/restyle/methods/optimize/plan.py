"""What a run does at which size: steps, content weight, and tiles that fit in memory.

Coarse to fine: large forms are settled at small sizes, where steps are cheap and receptive fields are large.
Each size starts from the result of the previous one and adds finer detail (Gatys et al. 2017, "Controlling
Perceptual Factors in Neural Style Transfer", section 6).

Memory is what the process holds at the start (Python, torch, weights), plus arrays as large as the picture
(the picture, its gradient, the averages of the optimizer, masks, content features), plus what one forward and
backward pass holds for the pixels of one tile and its halo. Figures were measured on a CPU.
"""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace

from restyle.errors import OptionError
from restyle.images.resize import fit_size
from restyle.methods.optimize.features import ENCODER_STRIDES, HALO, LARGE, STRIDE, FeatureExtractor
from restyle.methods.optimize.table import ENCODER_LAYERS, LOSSES, Measure
from restyle.options.image import OptimizeOptions

COARSEST = 64  # px, short side: below it relu5_1 has few positions left
FACTOR = 2.0
# Steps of a size relative to the next finer one: small sizes are cheap and settle the composition.
EMPHASIS = 1.4
# At small sizes the content has less weight, or a flat sky stays flat: the size relative to the full one to
# this power, and at least LEAST_CONTENT.
CONTENT_POWER, LEAST_CONTENT = 1.5, 0.05

SMALLEST_TILE = 16 * STRIDE
# Arrays of the picture's size that a run holds besides the pairs of L-BFGS: pictures, gradients, masks.
ARRAYS = 12
PAIRS = (2, 12)  # of L-BFGS, minimum and maximum
_PAIRS_SHARE = 0.4  # of the memory, at most, goes into them
_PROCESS = 0.6e9  # bytes, where the system does not report it
_STATISTICS_SHARE = 0.5  # memory of a pass without gradients, relative to a forward and backward pass

Size = tuple[int, int]  # height and width, in px


@dataclass(frozen=True)
class Level:
    """One size: height and width in px, number of steps, and its short side relative to the full size."""

    height: int
    width: int
    steps: int
    part: float

    def cost(self, steps: int) -> float:
        """Cost of this many steps, in pixels."""
        return float(steps * self.height * self.width)

    def content_share(self, large_forms: float = 1.0) -> float:
        """Content weight relative to the full size.

        Parameters
        ----------
        large_forms : float, 0..1
            How freely large forms may change: 0 gives the content its full weight at every size.

        Examples
        --------
        >>> Level(512, 768, 30, 1.0).content_share(), Level(128, 192, 30, 0.25).content_share()
        (1.0, 0.125)
        >>> Level(128, 192, 30, 0.25).content_share(large_forms=0)
        1.0
        """
        return float(max(LEAST_CONTENT, self.part**CONTENT_POWER) ** large_forms)


def plan_levels(size: Size, steps: int) -> list[Level]:
    """Plan the sizes for a picture, the coarsest first, the last one its own, with `steps` in total.

    With fewer steps than sizes, the coarsest sizes are left out.
    """
    short = min(size)
    parts = [1.0]
    while round(short * parts[0] / FACTOR) >= COARSEST:
        parts.insert(0, parts[0] / FACTOR)
    parts = parts[-steps:]
    sizes = [fit_size(size, short=max(1, round(short * part))) for part in parts[:-1]] + [size]
    return [
        Level(height, width, count, part)
        for (height, width), count, part in zip(sizes, _shares(len(parts), steps), parts, strict=True)
    ]


def _shares(count: int, steps: int) -> list[int]:
    """Steps of each size: one, plus its share of the rest."""
    weights = [EMPHASIS ** (count - 1 - index) for index in range(count)]
    more = steps - count
    ends = [round(more * sum(weights[: index + 1]) / sum(weights)) for index in range(count)]
    return [1 + end - start for start, end in zip([0, *ends[:-1]], ends, strict=True)]


def style_short_side(native: int, content: int, level: Level, scale: float) -> int:
    """Short side of a style picture at a level, in px.

    That of the content at this level times the style scale, but at most the picture's own: enlarged strokes
    would be blurred.

    Parameters
    ----------
    native, content : int
        Short sides of the style picture and of the full content, in px.
    level : Level
    scale : float
        Size of the strokes.
    """
    wanted = content * level.part * scale
    return max(1, round(min(wanted, native * max(1.0, scale))))


def tile_side(
    extractor: FeatureExtractor, content: Size, styles: Sequence[Size], options: OptimizeOptions
) -> int | None:
    """Side of the tiles of the content, in px; None if it fits in one piece.

    Parameters
    ----------
    extractor : FeatureExtractor
    content : (height, width)
    styles : sequence of (height, width)
    options : OptimizeOptions
        `memory` in GB, `optimizer`, and the losses that are in use.

    Raises
    ------
    OptionError
        Too little memory even for small tiles; the message says how much is enough.
    """
    held, cost = process_bytes(), tile_bytes(extractor)

    def room(given: OptimizeOptions, tiled: bool = True) -> float:
        return given.memory * 1e9 - held - picture_bytes(extractor, content, styles, given, tiled)

    if math.prod(content) * cost <= room(options, tiled=False):
        return None
    side = _side(room(options), cost)
    if side < SMALLEST_TILE:
        least = options
        while room(least) < (SMALLEST_TILE + 2 * HALO + 1) ** 2 * cost:
            least = replace(least, memory=math.ceil(least.memory * 10 + 1) / 10)
        raise OptionError(
            f"memory {options.memory:g} GB is too little for {content[1]} x {content[0]} px with "
            f"{options.encoder} and {options.used_optimizer}: give at least {least.memory:g}"
        )
    return side


def style_side(
    extractor: FeatureExtractor, content: Size, styles: Sequence[Size], options: OptimizeOptions
) -> int | None:
    """Side of the tiles for the statistics of the styles, in px; None if they fit in one piece.

    A long scroll may need tiles when the content does not.
    """
    held, cost = process_bytes(), _STATISTICS_SHARE * tile_bytes(extractor)
    room = options.memory * 1e9 - held - picture_bytes(extractor, content, styles, options)
    if max((math.prod(each) for each in styles), default=0) * cost <= room:
        return None
    return max(SMALLEST_TILE, _side(room, cost))


def _side(room: float, cost: float) -> int:
    """Side of the largest tile whose pixels, with its halo, fit in `room` bytes at `cost` bytes each."""
    return (math.floor(math.sqrt(max(0.0, room) / cost)) - 2 * HALO) // STRIDE * STRIDE


def picture_bytes(
    extractor: FeatureExtractor,
    content: Size,
    styles: Sequence[Size],
    options: OptimizeOptions,
    tiled: bool = True,
) -> float:
    """Bytes that a run holds for its pictures; content features are in half precision if tiled."""
    rows = [LOSSES[name] for name in (*options.style_weights, *options.content_weights)]
    measures: set[Measure] = {row.measure for row in rows}
    pixels = math.prod(content)
    floats = 3.0 * ARRAYS
    if options.used_optimizer == "lbfgs":
        floats += 3 * 2 * pairs(content, options)
    floats += 3 * len(styles)  # masks and their shares by layer
    stored = {
        name
        for row in rows
        if row.kind == "content"
        for name in list(row.layers)[: 1 if pixels > LARGE else None]
    }
    for layer in map(ENCODER_LAYERS.index, stored):
        features = extractor.widths[layer] / ENCODER_STRIDES[layer] ** 2
        floats += features / 2 if tiled else features
    if "calm vectors" in measures:
        floats += 2 * len(styles)  # shares of the calm parts
    if "calm vectors" in measures or (len(styles) > 1 and "vectors" in measures):
        floats += 4  # cumulative shares that positions are sampled from, in float64
    return 4 * (floats * pixels + 3 * sum(math.prod(each) for each in styles))


def pairs(content: Size, options: OptimizeOptions) -> int:
    """Number of pairs of differences that L-BFGS may store: fewer for a large picture."""
    each = 2 * 3 * 4 * math.prod(content)
    return max(PAIRS[0], min(PAIRS[1], int(_PAIRS_SHARE * options.memory * 1e9 / each)))


def tile_bytes(extractor: FeatureExtractor) -> float:
    """Bytes a pixel of one forward and backward pass."""
    return 4 * extractor.floats_a_pixel


def process_bytes() -> float:
    """Resident memory of this process, in bytes."""
    if sys.platform == "linux":
        with open("/proc/self/statm") as file:
            return float(int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE"))
    return _PROCESS
