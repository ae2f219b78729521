"""Coarse to fine: the sizes that a picture is optimised at, one after the other, and the steps at each.

Large forms are settled while the picture is small, where a step costs little and reaches far; each size
begins with the result of the one before, and has only finer things left to find (Gatys et al. 2017,
"Controlling Perceptual Factors in Neural Style Transfer", section 6).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from restyle.images.resize import fit_size

COARSEST = 64  # px, short side: below it relu5_1 has few positions left
FACTOR = 2.0
# Steps of a size beside those of the next finer one: small sizes are cheap and settle the composition.
EMPHASIS = 1.4
# The content counts less where large forms are settled, or a flat sky stays flat: by this power of the size's
# part of the whole picture, and at least so much.
CONTENT_POWER, LEAST_CONTENT = 1.5, 0.05


@dataclass(frozen=True)
class Level:
    """One size: height and width in px, how many steps, and its part of the whole picture's short side."""

    height: int
    width: int
    steps: int
    part: float

    def steps_work(self, steps: int) -> float:
        """Cost of so many steps at this size, in pixels."""
        return float(steps * self.height * self.width)

    def content_share(self, large_forms: float = 1.0) -> float:
        """How much the content counts, beside what it counts at full size.

        Parameters
        ----------
        large_forms : float, 0..1
            How freely large forms move: 0 lets the content count fully at every size.

        Examples
        --------
        >>> Level(512, 768, 30, 1.0).content_share(), Level(128, 192, 30, 0.25).content_share()
        (1.0, 0.125)
        >>> Level(128, 192, 30, 0.25).content_share(large_forms=0)
        1.0
        """
        return float(max(LEAST_CONTENT, self.part**CONTENT_POWER) ** large_forms)


def plan_levels(size: tuple[int, int], steps: int) -> list[Level]:
    """Plan the sizes for a picture of (height, width), the coarsest first, the last one its own.

    Parameters
    ----------
    size : (height, width)
    steps : int
        In all; with fewer steps than sizes, the coarsest sizes are left out.
    """
    short = min(size)
    parts = [1.0]
    while round(short * parts[0] / FACTOR) >= COARSEST:
        parts.insert(0, parts[0] / FACTOR)
    parts = parts[-steps:]
    shares = _shares(len(parts), steps)
    sizes = [fit_size(size, short=max(1, round(short * part))) for part in parts[:-1]] + [size]
    return [
        Level(height, width, count, part)
        for (height, width), count, part in zip(sizes, shares, parts, strict=True)
    ]


def style_short_side(native: int, content: int, level: Level, scale: float) -> int:
    """Short side, in px, at which a style picture is looked at.

    As large as the content is at this level, times the style scale; but no larger than the picture itself
    is, or its strokes would be learnt as blurs. In a large result the finest strokes are therefore those of
    the style picture, pixel by pixel, while coarser sizes have carried over its large forms.

    Parameters
    ----------
    native, content : int
        Short sides of the style picture and of the whole content, in px.
    level : Level
    scale : float
        Size of the strokes.
    """
    wanted = content * level.part * scale
    return max(1, round(min(wanted, native * max(1.0, scale))))


def _shares(count: int, steps: int) -> Sequence[int]:
    """Steps of each size: one, and of the others as many more as it weighs."""
    weights = [EMPHASIS ** (count - 1 - index) for index in range(count)]
    more = steps - count
    ends = [round(more * sum(weights[: index + 1]) / sum(weights)) for index in range(count)]
    return [1 + end - start for start, end in zip([0, *ends[:-1]], ends, strict=True)]
