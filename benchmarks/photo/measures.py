"""Figures of a color transfer from one photo to another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from restyle.images.color import rgb_to_oklab
from restyle.images.statistics import LUMA, box_blur, quantiles, random_directions
from restyle.types import FloatArray, from_unit, to_unit

_DIRECTIONS, _QUANTILES = 60, 1000
_EDGE = 4 / 255  # luma steps below this are noise


def color_distance(picture: FloatArray, style: FloatArray) -> float:
    """Sliced 2-Wasserstein distance of the colors in OKLab, by 60 directions."""
    axes = random_directions(3, _DIRECTIONS)
    own, wanted = (
        quantiles(axes @ rgb_to_oklab(each.reshape(-1, 3).astype(np.float64)).T, _QUANTILES)
        for each in (picture, style)
    )
    return float(np.sqrt(np.mean((own - wanted) ** 2)))


def split_distance(style: FloatArray) -> float:
    """Color distance of the two halves of a photo: what even a perfect transfer may differ by."""
    middle = style.shape[1] // 2
    return color_distance(style[:, :middle], style[:, middle:])


def edge_ssim(picture: FloatArray, content: FloatArray) -> float:
    """SSIM of the gradient magnitude of luma, each normalized by its mean, in windows of 11 pixels."""
    a, b = (_gradient(each) for each in (picture, content))
    a, b = a / max(float(a.mean()), 1e-6), b / max(float(b.mean()), 1e-6)
    top = float(np.quantile(b, 0.99))
    c1, c2 = (0.01 * top) ** 2, (0.03 * top) ** 2
    mean_a, mean_b = _window(a), _window(b)
    var_a, var_b = _window(a * a) - mean_a**2, _window(b * b) - mean_b**2
    cross = _window(a * b) - mean_a * mean_b
    ssim = (
        (2 * mean_a * mean_b + c1) * (2 * cross + c2) / ((mean_a**2 + mean_b**2 + c1) * (var_a + var_b + c2))
    )
    return float(ssim.mean())


def reversals(picture: FloatArray, content: FloatArray) -> float:
    """Share of the content's luma edges whose direction is reversed (halos)."""
    wrong = total = 0
    for axis in (0, 1):
        old, new = (np.diff(each @ LUMA, axis=axis) for each in (content, picture))
        edges = np.abs(old) > _EDGE
        wrong += int(np.count_nonzero(edges & (np.sign(old) * new < -1 / 255)))
        total += int(np.count_nonzero(edges))
    return wrong / max(total, 1)


def banding(
    transfer: Callable[[npt.NDArray[Any]], npt.NDArray[Any]], seed: int, dtype: npt.DTypeLike
) -> tuple[float, float]:
    """Largest step between neighboring rows of a synthetic sky, in levels of 8 bits: before and after.

    Parameters
    ----------
    transfer : function of a sky [shape=(480, 640, 3), dtype] that gives a result of the same type
    seed : int
        Of the colors of the sky: a smooth ramp, rounded to the type.
    dtype : uint8 or uint16
        Both pictures are rounded to 8 bits, as a screen shows them, before they are measured.
    """
    rng = np.random.default_rng(seed)
    top, bottom = rng.uniform(0.3, 0.6, 3), rng.uniform(0.6, 0.9, 3)
    ramp = top + (bottom - top) * np.linspace(0, 1, 480)[:, None, None]
    sky = from_unit(np.broadcast_to(ramp, (480, 640, 3)).astype(np.float32), dtype)
    shown = [from_unit(to_unit(each), np.uint8).astype(int) for each in (sky, transfer(sky))]
    before, after = (float(np.abs(np.diff(each, axis=0)).max()) for each in shown)
    return before, after


def _gradient(picture: FloatArray) -> FloatArray:
    luma = np.asarray(picture @ LUMA)
    down, across = np.gradient(luma)
    return np.asarray(np.hypot(down, across), np.float32)


def _window(plane: FloatArray) -> FloatArray:
    return box_blur(box_blur(plane, 5, 0), 5, 1)
