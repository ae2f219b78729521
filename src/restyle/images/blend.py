"""Blend several stylized versions of a picture by soft masks.

With style masks m, keep-masks k (where the photo stays as it is), and M, K their sums,

    weight of a style      = m / max(1, M) * (1 - min(1, K))
    weight of a kept part  = k / max(1, K)
    weight of the rest     = 1 - all of these

so the weights of a pixel are never negative and sum to 1, kept pixels are unchanged, and styles mix where
their masks overlap. Each style is applied to the complete picture, because its result depends on global
statistics; the results are then added by weight.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from restyle.errors import OptionError
from restyle.types import FloatArray

_PASSES = 3  # successive box filters: within 3% of a Gaussian, at a cost independent of the width
_BAND = 256  # rows processed at a time, to keep temporaries small


def mask_weights(masks: Sequence[FloatArray], keep: Sequence[bool], width: float) -> list[FloatArray]:
    """Compute the weight of each region and of the background at every pixel.

    Parameters
    ----------
    masks : sequence of np.ndarray [shape=(H, W), float32, range 0..1]
        At least one.
    keep : sequence of bool
        For each mask, whether the photo stays as it is there.
    width : float
        Width of the ramps that replace hard edges, in pixels. Around a kept region the ramp is outside.

    Returns
    -------
    list of np.ndarray [shape=(H, W), float32, range 0..1]
        The weight of each mask, then that of the background.
    """
    soft = [
        feather_outward(mask, width) if kept else feather(mask, width)
        for mask, kept in zip(masks, keep, strict=True)
    ]
    zero = np.zeros(masks[0].shape, np.float32)
    kept_sum = sum((each for each, kept in zip(soft, keep, strict=True) if kept), zero)
    style_sum = sum((each for each, kept in zip(soft, keep, strict=True) if not kept), zero)
    free = 1 - np.minimum(kept_sum, 1)
    weights = [
        each / np.maximum(kept_sum, 1) if kept else each / np.maximum(style_sum, 1) * free
        for each, kept in zip(soft, keep, strict=True)
    ]
    rest = np.clip(free * (1 - np.minimum(style_sum, 1)), 0, 1)
    return [np.asarray(each, np.float32) for each in (*weights, rest)]


def blend(parts: Iterable[tuple[FloatArray, FloatArray]], content: FloatArray) -> FloatArray:
    """Add pictures by weight; the remaining weight is the content's.

    Parameters
    ----------
    parts : iterable of (weight [H, W], picture [H, W, 3]), float32
    content : np.ndarray [shape=(H, W, 3), float32, range 0..1]

    Returns
    -------
    np.ndarray [shape=(H, W, 3), float32, range 0..1]
        Exactly the content where all weights are 0.
    """
    out = content.copy()
    for weight, picture in parts:
        for top in range(0, len(out), _BAND):
            rows = slice(top, top + _BAND)
            # Adds the difference to the content, so that a weight of 0 changes no bit.
            out[rows] += weight[rows, :, None] * (picture[rows] - content[rows])
    return np.clip(out, 0, 1, out=out)


def feather(mask: FloatArray, width: float) -> FloatArray:
    """Replace hard edges of a mask by smooth ramps, half inside and half outside.

    Parameters
    ----------
    mask : np.ndarray [shape=(H, W), float32, range 0..1]
    width : float
        Of the ramp, in pixels; below 1 nothing changes.

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
        soft = box_blur(box_blur(soft, radius, 0), radius, 1)
    return np.clip(soft, 0, 1, out=soft)


def feather_outward(mask: FloatArray, width: float) -> FloatArray:
    """Feather a mask on the outside only, with a ramp half as wide; nowhere less than the mask."""
    if _radius(width) == 0:
        return mask
    return np.maximum(mask, np.minimum(2 * feather(mask, width), 1, dtype=np.float32))


def box_blur(array: FloatArray, radius: int, axis: int) -> FloatArray:
    """Average [H, W] over 2 radius + 1 pixels along an axis; borders repeat the last pixel."""
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


def box_mean(plane: npt.NDArray[np.floating[Any]], radius: int) -> FloatArray:
    """Average [H, W] over a square of 2 radius + 1 pixels around each pixel."""
    return box_blur(box_blur(np.asarray(plane, np.float32), radius, 0), radius, 1)


def guided_fit(
    guide: FloatArray, plane: FloatArray, radius: int, edge: float
) -> tuple[FloatArray, FloatArray]:
    """Fit a plane by the guide around each pixel: the plane is about slope x guide + offset.

    The guided filter (He et al. 2010) is that sum: the plane, smoothed along the edges of the guide.

    Parameters
    ----------
    guide, plane : np.ndarray [shape=(H, W), float32]
    radius : int
        Of the windows, in px.
    edge : float
        Variance of the guide from which an edge stops the smoothing.

    Returns
    -------
    slope, offset : np.ndarray [shape=(H, W), float32]
    """
    mean_guide, mean = box_mean(guide, radius), box_mean(plane, radius)
    together = box_mean(guide * plane, radius) - mean_guide * mean
    variance = box_mean(guide * guide, radius) - mean_guide * mean_guide
    slope = together / (variance + np.float32(edge))
    return box_mean(slope, radius), box_mean(mean - slope * mean_guide, radius)


def _radius(width: float) -> int:
    """Half a box, in pixels, so that all passes together make a ramp of the width."""
    if not 0 <= width < float("inf"):
        raise OptionError(f"feather of {width:g} px is not a number from 0 up")
    return round(width / (2 * _PASSES)) if width >= 2 * _PASSES else int(width >= 1)
