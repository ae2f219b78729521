"""Soften the edge of a mask, so that what meets there passes over into each other."""

from __future__ import annotations

import numpy as np

from restyle.errors import OptionError
from restyle.types import FloatArray

_PASSES = 3  # box filters in a row: within 3% of a Gaussian, at a cost that does not grow with the width
_BAND = 256  # lines handled at a time


def feather(mask: FloatArray, width: float) -> FloatArray:
    """Widen the edges of a mask to a smooth ramp, half inside and half outside.

    Parameters
    ----------
    mask : np.ndarray [shape=(H, W), float32, range 0..1]
    width : float
        Of the ramp across a hard edge, in pixels; less than 1 changes nothing.

    Returns
    -------
    np.ndarray [shape=(H, W), float32, range 0..1]
        Masks that sum to 1 still do.
    """
    radius = _radius(width)
    if radius == 0:
        return mask
    soft = mask
    for _ in range(_PASSES):
        soft = box_mean(box_mean(soft, radius, 0), radius, 1)
    return np.clip(soft, 0, 1, out=soft)


def feather_outward(mask: FloatArray, width: float) -> FloatArray:
    """Soften the edges of a mask without taking anything away inside.

    Parameters
    ----------
    mask : np.ndarray [shape=(H, W), float32, range 0..1]
    width : float
        As for `feather`; the ramp, half as wide, is outside.

    Returns
    -------
    np.ndarray [shape=(H, W), float32, range 0..1]
        Nowhere less than the mask.
    """
    if _radius(width) == 0:
        return mask
    return np.maximum(mask, np.minimum(2 * feather(mask, width), 1, dtype=np.float32))


def _radius(width: float) -> int:
    """Half a box, in pixels, such that its passes make a ramp of the width."""
    if not 0 <= width < float("inf"):
        raise OptionError(f"feather of {width:g} px is not a number from 0 up")
    return round(width / (2 * _PASSES)) if width >= 2 * _PASSES else int(width >= 1)


def box_mean(array: FloatArray, radius: int, axis: int) -> FloatArray:
    """Mean of [H, W] over 2 radius + 1 pixels along one axis; the border goes on as its last pixel."""
    lines = array if axis == 1 else array.T
    out = np.empty(array.shape, np.float32)
    into = out if axis == 1 else out.T
    length = lines.shape[1]
    for top in range(0, len(lines), _BAND):
        padded = np.pad(lines[top : top + _BAND], ((0, 0), (radius + 1, radius)), mode="edge")
        # In double precision: a running sum over thousands of pixels would lose the last bits of a ramp.
        sums = np.cumsum(padded, axis=1, dtype=np.float64)
        means = (sums[:, 2 * radius + 1 :] - sums[:, :length]) / (2 * radius + 1)
        into[top : top + _BAND] = means
    return out
