"""Structural similarity: how much of the drawing is still in its place.

Reference: Wang, Bovik, Sheikh and Simoncelli 2004, "Image Quality Assessment: From Error Visibility to
Structural Similarity".
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from restyle.errors import InputError
from restyle.images.color import LUMA_WEIGHTS
from restyle.types import FloatArray

K1, K2 = 0.01, 0.03
SIGMA = 1.5  # px
TAPS = 11

_Plane = NDArray[np.float64]


def luma(picture: FloatArray) -> NDArray[np.float64]:
    """Y of YIQ. [H, W, 3] -> [H, W]."""
    return np.asarray(np.asarray(picture, np.float64) @ np.array(LUMA_WEIGHTS), np.float64)


def structural_similarity(result: FloatArray, content: FloatArray) -> float:
    """Mean SSIM index of two pictures' luma, with the paper's window and constants.

    Parameters
    ----------
    result, content : np.ndarray [shape=(H, W, 3), float32, range 0..1, RGB]
        Of one size, at least 11 px a side.

    Returns
    -------
    float, -1..1
        1: the same picture. Where the window would leave the picture nothing is computed, as in the paper.

    Raises
    ------
    InputError
        The pictures differ in size or are too small.
    """
    if result.shape != content.shape:
        raise InputError(
            f"SSIM compares pictures of one size, not {result.shape[:2]} and {content.shape[:2]}"
        )
    if min(result.shape[:2]) < TAPS:
        raise InputError(
            f"SSIM needs pictures of {TAPS} px a side, not {result.shape[1]} x {result.shape[0]}"
        )
    x, y = luma(result), luma(content)
    mean_x, mean_y = _windowed(x), _windowed(y)
    variance_x = _windowed(x * x) - mean_x * mean_x
    variance_y = _windowed(y * y) - mean_y * mean_y
    covariance = _windowed(x * y) - mean_x * mean_y
    c1, c2 = K1**2, K2**2
    numerator = (2 * mean_x * mean_y + c1) * (2 * covariance + c2)
    denominator = (mean_x**2 + mean_y**2 + c1) * (variance_x + variance_y + c2)
    return float((numerator / denominator).mean())


def _windowed(plane: _Plane) -> _Plane:
    """Mean under a circular Gaussian window, where it lies inside the plane whole."""
    offsets = np.arange(TAPS) - TAPS // 2
    weights = np.exp(-0.5 * (offsets / SIGMA) ** 2)
    weights /= weights.sum()
    rows = plane.shape[0] - TAPS + 1
    tall = sum(weight * plane[tap : tap + rows] for tap, weight in enumerate(weights))
    columns = plane.shape[1] - TAPS + 1
    wide = sum(weight * tall[:, tap : tap + columns] for tap, weight in enumerate(weights))
    return np.asarray(wide, np.float64)
