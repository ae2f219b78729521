"""The sizes at which photo and artwork are painted, coarse to fine."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from restyle.images.resize import resize
from restyle.types import FloatArray

SMALLEST = 128  # px, longest side at the first scale
RATIO = 1.75  # between the sides of neighboring scales, at most
LEAST = 32  # px, shortest side of the network's pictures
MAX_STYLE = 1.5  # longest side of the style, relative to the picture's, whatever its scale
MAX_ASPECT = 4.0  # longer styles are cut to this aspect


@dataclass(frozen=True)
class Scale:
    """One size that is painted: longest side in px, and the steps of each round of matching."""

    side: int
    rounds: tuple[int, ...]


def scales(side: int, effort: float = 1.0) -> list[Scale]:
    """Plan the scales from coarse to fine; `effort` multiplies the steps."""
    sides = [side]
    while sides[0] > SMALLEST * 1.15:
        sides.insert(0, max(SMALLEST, round(sides[0] / RATIO)))
    plan = []
    for each in sides:
        rounds: tuple[float, ...] = (12.0,) if each > 640 else (14.0,) if each > 400 else (14.0, 10.0)
        if each <= 260:
            rounds = (16.0, 16.0)
        if each <= 160:
            rounds = (20.0, 20.0)
        plan.append(Scale(each, tuple(max(4, round(effort * steps)) for steps in rounds)))
    return plan


def at_scales(photo: FloatArray, side: int) -> list[FloatArray]:
    """Return a photo [H, W, 3] at every scale that is painted, coarse to fine: [3, h, w]."""
    return [fitted(photo, scale.side) for scale in scales(side)]


def shown(pixels: FloatArray, scale: float) -> FloatArray:
    """Cut an artwork to what is shown: the middle of a very long one, or of one shown much larger."""
    height, width = pixels.shape[:2]
    short = min(height, width)
    most = short * MAX_ASPECT
    part = min(1.0, MAX_STYLE / scale)
    tall, wide = min(height * part, most), min(width * part, most)
    top, left = round((height - tall) / 2), round((width - wide) / 2)
    return pixels[top : top + max(1, round(tall)), left : left + max(1, round(wide))]


def fitted(pixels: FloatArray, side: int) -> FloatArray:
    """Resize [H, W, 3] to about `side` px on the longer side: [3, h, w], sides multiples of 8 from 32 up."""
    height, width = pixels.shape[:2]
    factor = side / max(height, width)
    size = (max(LEAST, round(height * factor / 8) * 8), max(LEAST, round(width * factor / 8) * 8))
    method = "area" if factor < 0.25 else "lanczos"
    return np.ascontiguousarray(np.clip(resize(pixels, size, method), 0, 1).transpose(2, 0, 1))


def resized(picture: FloatArray, size: tuple[int, int]) -> FloatArray:
    """Resize [3, H, W] to a size (height, width)."""
    return np.clip(np.stack([resize(channel, size, "bicubic") for channel in picture]), 0, 1)
