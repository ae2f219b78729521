"""Statistics of features and colors: moments, Gram matrix, covariance, quantiles, means of windows.

Features are ``[..., C, H, W]``. Functions of an ``Array`` use operators only, so that NumPy arrays and torch
tensors share one definition; those of ``Values`` are for NumPy.

References: Gatys et al. 2016, "Image Style Transfer Using Convolutional Neural Networks" (Gram matrix); Huang
and Belongie 2017, "Arbitrary Style Transfer in Real-time with Adaptive Instance Normalization"; Pitie and
Kokaram 2007, "The linear Monge-Kantorovitch linear colour mapping for example-based colour transfer"; Zhang
et al. 2022, "Exact Feature Distribution Matching for Arbitrary Style Transfer and Domain Generalization".
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from restyle.types import Array, FloatArray

Values = npt.NDArray[np.floating]

EPSILON = 1e-12  # added to the denominators of relative losses
LUMA_WEIGHTS = (0.299, 0.587, 0.114)  # ITU-R BT.601
LUMA = np.array(LUMA_WEIGHTS, np.float32)
_FLOOR = 1e-10  # smallest variance, far below that of rounding to 16 bits
_BAND = 256  # rows processed at a time, to keep temporaries small


def mean_std(features: Array, eps: float = 1e-5) -> tuple[Array, Array]:
    """Compute the mean and standard deviation of each channel, both [shape=(..., C)].

    `eps` is added to the variance, so that the deviation of a flat channel has a gradient.
    """
    mean = features.mean(axis=(-2, -1))
    centered = features - mean[..., None, None]
    return mean, ((centered * centered).mean(axis=(-2, -1)) + eps) ** 0.5


def match_mean_std(features: Array, mean: Array, std: Array, eps: float = 1e-5) -> Array:
    """Give features [..., C, H, W] another mean and standard deviation [..., C] (AdaIN)."""
    own_mean, own_std = mean_std(features, eps)
    scale = std / own_std
    return features * scale[..., None, None] + (mean - own_mean * scale)[..., None, None]


def gram(features: Array) -> Array:
    """Compute the Gram matrix ``F F^T / (H W)`` of features [..., C, H, W].

    Differs from Gatys et al. 2016: divides by the number of positions here rather than in the loss, so that
    images of different sizes compare.

    Examples
    --------
    >>> import numpy as np
    >>> gram(np.ones((2, 4, 4)))
    array([[1., 1.],
           [1., 1.]])
    """
    flat = _flat(features)
    return flat @ flat.swapaxes(-2, -1) / flat.shape[-1]


def mean_covariance(features: Array) -> tuple[Array, Array]:
    """Compute the mean [..., C] and the population covariance [..., C, C] of channels over positions."""
    flat = _flat(features)
    mean = flat.mean(axis=-1)
    flat = flat - mean[..., None]
    return mean, flat @ flat.swapaxes(-2, -1) / flat.shape[-1]


def relative_gap(a: Array, b: Array, axis: tuple[int, ...] | None = None) -> Array:
    """Compare two statistics independently of their magnitude, over all axes or the given ones.

    ``|a - b|^2 / (|a|^2 + |b|^2)``: 0 if equal, 1 if orthogonal, at most 2.
    """
    difference = a - b
    return (difference * difference).sum(axis) / ((a * a).sum(axis) + (b * b).sum(axis) + EPSILON)


def matrix_root(matrix: Values, *, inverse: bool = False) -> Values:
    """Compute the square root of symmetric positive semidefinite matrices [..., C, C], or its inverse.

    For the inverse, eigenvalues below 1e-10 are raised to that.
    """
    values, vectors = np.linalg.eigh(matrix)
    values = values.clip(_FLOOR if inverse else 0.0)
    powers = values ** (-0.5 if inverse else 0.5)
    root: Values = (vectors * powers[..., None, :]) @ vectors.swapaxes(-2, -1)
    return root


def transport_map(source: Values, target: Values, *, max_gain: float = float("inf")) -> Values:
    """Compute the matrix ``A`` with ``A source A^T = target`` that moves points least (Monge-Kantorovich).

    Source and target are covariances [shape=(..., C, C)], as is the result. `max_gain` bounds the gain in any
    direction: where the source has almost no variance, the exact map would amplify its noise.
    """
    root, inverse = matrix_root(source), matrix_root(source, inverse=True)
    matrix: Values = inverse @ matrix_root(root @ target @ root) @ inverse
    if max_gain == float("inf"):
        return matrix
    left, gains, right = np.linalg.svd(matrix)
    return np.asarray((left * gains.clip(0, max_gain)[..., None, :]) @ right)


def gaussian_distance(mean_a: Values, cov_a: Values, mean_b: Values, cov_b: Values) -> Values:
    """Compute the squared 2-Wasserstein distance of two Gaussians, with means [..., C]."""
    root = matrix_root(cov_a)
    cross = matrix_root(root @ cov_b @ root)
    eye = np.eye(cov_a.shape[-1], dtype=cov_a.dtype)
    trace = ((cov_a + cov_b - 2 * cross) * eye).sum(axis=(-2, -1))
    difference = mean_a - mean_b
    return np.asarray((difference * difference).sum(axis=-1) + trace)


def quantiles(values: Values, count: int) -> Values:
    """Compute ``count`` evenly spaced quantiles of values [..., N], at the centers of equal shares.

    With as many quantiles as values, these are the sorted values.
    """
    ordered: Values = np.sort(values, axis=-1)
    n = ordered.shape[-1]
    if n == count:
        return ordered
    steps = np.arange(max(count, n), dtype=ordered.dtype)
    position = ((steps[:count] + 0.5) * (n / count) - 0.5).clip(0, n - 1)
    low = np.floor((np.arange(count) + 0.5) * (n / count) - 0.5).clip(0, max(n - 2, 0)).astype(np.intp)
    high = np.minimum(low + 1, n - 1)
    weight = position - steps[low]
    return np.asarray(ordered[..., low] * (1 - weight) + ordered[..., high] * weight)


def match_quantiles(values: Values, reference: Values) -> Values:
    """Give values [..., N] the exact distribution of a reference [..., M], preserving their order.

    Differs from Zhang et al. 2022: interpolates the reference's quantiles when the counts differ.

    Examples
    --------
    >>> match_quantiles(np.array([3.0, 1.0, 2.0]), np.array([10.0, 30.0, 20.0]))
    array([30., 10., 20.])
    """
    ranks = values.argsort(-1).argsort(-1)
    return np.take_along_axis(quantiles(reference, values.shape[-1]), ranks, -1)


def random_directions(channels: int, count: int, seed: int = 0) -> npt.NDArray[np.float64]:
    """Sample unit vectors [count, channels], evenly on the sphere, in orthogonal groups."""
    generator = np.random.default_rng(seed)
    groups = -(-count // channels)
    q, r = np.linalg.qr(generator.standard_normal((groups, channels, channels)))
    q = q * np.sign(np.diagonal(r, axis1=-2, axis2=-1))[:, None, :]
    axes: npt.NDArray[np.float64] = q.swapaxes(-2, -1).reshape(-1, channels)
    return axes[:count]


def _flat(features: Array) -> Array:
    height, width = features.shape[-2:]
    return features.reshape(*features.shape[:-2], height * width)


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

    The guided filter (He et al. 2010) is that sum: the plane, smoothed along the edges of the guide. All are
    [H, W], float32; the radius of the windows is in px. An edge stops the smoothing from the variance `edge`
    of the guide on.
    """
    mean_guide, mean = box_mean(guide, radius), box_mean(plane, radius)
    together = box_mean(guide * plane, radius) - mean_guide * mean
    variance = box_mean(guide * guide, radius) - mean_guide * mean_guide
    slope = together / (variance + np.float32(edge))
    return box_mean(slope, radius), box_mean(mean - slope * mean_guide, radius)
