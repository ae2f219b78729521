"""Coarse to fine: the sizes at which a picture is optimized, and the steps at each.

Large forms are settled at small sizes, where steps are cheap and receptive fields are large. Each size starts
from the result of the previous one and adds finer detail (Gatys et al. 2017, "Controlling Perceptual Factors
in Neural Style Transfer", section 6).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from restyle.images.resize import fit_size

COARSEST = 64  # px, short side: below it relu5_1 has few positions left
FACTOR = 2.0
# Steps of a size relative to the next finer one: small sizes are cheap and settle the composition.
EMPHASIS = 1.4
# At small sizes the content has less weight, or a flat sky stays flat: the size relative to the full one to
# this power, and at least LEAST_CONTENT.
CONTENT_POWER, LEAST_CONTENT = 1.5, 0.05


@dataclass(frozen=True)
class Level:
    """One size: height and width in px, number of steps, and its short side relative to the full size."""

    height: int
    width: int
    steps: int
    part: float

    def steps_work(self, steps: int) -> float:
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


def plan_levels(size: tuple[int, int], steps: int) -> list[Level]:
    """Plan the sizes for a picture of (height, width), the coarsest first, the last one its own.

    Parameters
    ----------
    size : (height, width)
    steps : int
        In total; with fewer steps than sizes, the coarsest sizes are left out.
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


def _shares(count: int, steps: int) -> Sequence[int]:
    """Steps of each size: one, plus its share of the rest."""
    weights = [EMPHASIS ** (count - 1 - index) for index in range(count)]
    more = steps - count
    ends = [round(more * sum(weights[: index + 1]) / sum(weights)) for index in range(count)]
    return [1 + end - start for start, end in zip([0, *ends[:-1]], ends, strict=True)]
