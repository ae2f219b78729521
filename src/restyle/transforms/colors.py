"""Whose colours a result has: the style's, the content's, or only those of the style.

- :func:`keep_luminance`: the content's chroma under the result's luminance.
- :func:`keep_statistics`: the result's colours moved to the content's mean and covariance.
- :func:`colors_only`: the content, with the palette of the result.
"""

from __future__ import annotations

import numpy as np

from restyle.arrays import FloatArray

# NTSC YIQ, FCC 1953: luma first, then the two chroma axes.
YIQ_FROM_RGB = np.array(
    [[0.299, 0.587, 0.114], [0.5959, -0.2746, -0.3213], [0.2115, -0.5227, 0.3112]], np.float32
)
RGB_FROM_YIQ = np.linalg.inv(YIQ_FROM_RGB.astype(np.float64)).astype(np.float32)


def rgb_to_yiq(array: FloatArray) -> FloatArray:
    """Convert [shape=(..., 3), RGB, range 0..1] to YIQ."""
    return array @ YIQ_FROM_RGB.T


def yiq_to_rgb(array: FloatArray) -> FloatArray:
    """Convert [shape=(..., 3), YIQ] to RGB, not clipped."""
    return array @ RGB_FROM_YIQ.T


def keep_luminance(content: FloatArray, styled: FloatArray) -> FloatArray:
    """Give the result's luminance with the content's chroma (Gatys et al. 2016, section 4).

    Parameters
    ----------
    content, styled : np.ndarray [shape=(H, W, 3), float32, range 0..1, RGB]
    """
    yiq = rgb_to_yiq(content)
    yiq[..., 0] = rgb_to_yiq(styled)[..., 0]
    return np.clip(yiq_to_rgb(yiq), 0, 1)


def keep_statistics(content: FloatArray, styled: FloatArray) -> FloatArray:
    """Move the result's colours to the content's mean and covariance (Gatys et al. 2016, section 3).

    Parameters
    ----------
    content, styled : np.ndarray [shape=(H, W, 3), float32, range 0..1, RGB]
    """
    return _match_moments(styled, content)


def colors_only(content: FloatArray, styled: FloatArray) -> FloatArray:
    """Give the content with the palette of the result; structure and texture stay.

    Parameters
    ----------
    content, styled : np.ndarray [shape=(H, W, 3), float32, range 0..1, RGB]
    """
    return _match_moments(content, styled)


def _match_moments(source: FloatArray, target: FloatArray) -> FloatArray:
    x = source.reshape(-1, 3).astype(np.float64)
    y = target.reshape(-1, 3).astype(np.float64)
    a = np.cov(x.T) + 1e-6 * np.eye(3)
    b = np.cov(y.T) + 1e-6 * np.eye(3)
    transfer = _root(b) @ np.linalg.inv(_root(a))
    moved = (x - x.mean(0)) @ transfer.T + y.mean(0)
    return np.clip(moved, 0, 1).astype(np.float32).reshape(source.shape)


def _root(
    matrix: np.ndarray[tuple[int, int], np.dtype[np.float64]],
) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
