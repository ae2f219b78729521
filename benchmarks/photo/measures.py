"""Figures of a color transfer from one photo to another."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from restyle.images.blend import box_blur
from restyle.images.color import LUMA, rgb_to_oklab
from restyle.images.statistics import quantiles, random_directions
from restyle.types import FloatArray

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


def banding(transfer: Callable[[FloatArray], FloatArray], seed: int) -> tuple[float, float]:
    """Largest step between rows of a synthetic 8-bit sky, in levels: of the sky, and of the result.

    The sky is a smooth ramp rounded to 8 bits; so is the result.
    """
    rng = np.random.default_rng(seed)
    top, bottom = rng.uniform(0.3, 0.6, 3), rng.uniform(0.6, 0.9, 3)
    ramp = top + (bottom - top) * np.linspace(0, 1, 480)[:, None, None]
    sky = _levels(np.broadcast_to(ramp, (480, 640, 3)).astype(np.float32))
    steps = [
        float(np.quantile(np.abs(np.diff(each[:, 320], axis=0)).max(axis=1), 0.995)) * 255
        for each in (sky, _levels(transfer(sky)))
    ]
    return steps[0], steps[1]


def _levels(picture: FloatArray) -> FloatArray:
    return np.asarray(np.round(picture * 255) / np.float32(255), np.float32)


def _gradient(picture: FloatArray) -> FloatArray:
    luma = np.asarray(picture @ LUMA)
    down, across = np.gradient(luma)
    return np.asarray(np.hypot(down, across), np.float32)


def _window(plane: FloatArray) -> FloatArray:
    return box_blur(box_blur(plane, 5, 0), 5, 1)
