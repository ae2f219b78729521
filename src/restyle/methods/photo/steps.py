"""Remove the steps of 8 bits from smooth areas before a color map, which could make them larger.

A value of 8 bits is known to half a level. In areas where a photo hardly varies, the smooth value within that
half level is taken, so a sky is a ramp again; rounded to 8 bits the photo would be the same. Texture differs
from its surroundings by more, and stays. Where the result is smooth, it is dithered by half a level, so the
ramp has no visible steps after rounding, either.

`smoothed` finds the smooth values in a reduced photo (Dammertz et al. 2010, "Edge-Avoiding A-Trous Wavelet
Transform for fast Global Illumination Filtering"), `without_steps` corrects rows, and `dither` gives the
pattern (Roberts 2018, "The Unreasonable Effectiveness of Quasirandom Sequences").
"""

from __future__ import annotations

import numpy as np

from restyle.types import FloatArray

LEVEL = np.float32(1 / 255)
_REACH = (1, 2, 4, 8)  # px of the reduced photo
_KERNEL = {1: 4 / 16, 2: 1 / 16}  # of a cubic spline, by distance
_STRIDE = 0.7548776662466927, 0.5698402909980532  # of the pattern, along a row and from row to row
_SAME, _APART = 1.5, 3.0  # levels up to which neighbors count as the same area, and from which they do not


def smoothed(photo: FloatArray) -> FloatArray:
    """Smooth a reduced photo [shape=(h, w, 3), float32, RGB] within areas that differ by a few levels."""
    for reach in _REACH:
        for axis in (0, 1):
            photo = _pass(photo, reach, axis)
    return photo


def _pass(photo: FloatArray, reach: int, axis: int) -> FloatArray:
    length, most = photo.shape[axis], 2 * reach
    lines = np.moveaxis(photo, axis, 0)
    if length <= most:
        return photo
    # Odd reflection continues a ramp.
    before, after = 2 * lines[:1] - lines[most:0:-1], 2 * lines[-1:] - lines[-2 : -most - 2 : -1]
    padded = np.concatenate([before, lines, after])
    change = np.zeros_like(lines)
    for distance, weight in _KERNEL.items():
        for shift in (-distance * reach, distance * reach):
            apart = padded[most + shift : most + shift + length] - lines
            share = np.clip((_APART * LEVEL - np.abs(apart)) / ((_APART - _SAME) * LEVEL), 0, 1)
            change += np.float32(weight) * share * apart
    return np.ascontiguousarray(np.moveaxis(lines + change, 0, axis))


def without_steps(values: FloatArray, smooth: FloatArray) -> FloatArray:
    """Move values of 8 bits to smooth ones by at most half a level; those 1.5 levels apart stay.

    Parameters
    ----------
    values, smooth : np.ndarray [any shape, float32, range 0..1]
    """
    apart = smooth - values
    near = np.clip(apart, -LEVEL / 2, LEVEL / 2)
    return np.asarray(values + near - np.clip(apart - near, -LEVEL, LEVEL) / 2, np.float32)


def dither_share(result: FloatArray, scale: float) -> FloatArray:
    """How much dither [h, w, 1], 0..1, leaves neighbors of a smooth ramp at most one level apart.

    Parameters
    ----------
    result : np.ndarray [shape=(h, w, 3), float32, RGB]
        Reduced and smooth.
    scale : float
        Pixels of the full size in one of these.
    """
    steps = [np.gradient(result, axis=axis) for axis in (0, 1) if result.shape[axis] > 1]
    slope = np.max(np.abs(steps), axis=(0, -1)) if steps else np.zeros(result.shape[:2])
    share = np.clip((1 - slope / (scale * LEVEL)) / _STRIDE[0], 0, 1)
    return np.asarray(share[..., None], np.float32)


def dither(row: int, width: int) -> FloatArray:
    """Offsets of a row [shape=(width,), float32], evenly spread over just under half a level to each side."""
    place = np.mod(np.arange(width) * _STRIDE[0] + row * _STRIDE[1], 1) - 0.5
    return np.asarray(place * (0.998 * LEVEL), np.float32)
