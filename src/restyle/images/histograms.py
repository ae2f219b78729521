"""Whole distributions: exact histogram matching, and distances by sorting.

Everything works along the last axis, on NumPy arrays and torch tensors alike, and is differentiable in torch.

References: Zhang et al. 2022, "Exact Feature Distribution Matching for Arbitrary Style Transfer and Domain
Generalization"; Heitz et al. 2021, "A Sliced Wasserstein Loss for Neural Texture Synthesis"; Pitie et al.
2007, "Automated colour grading using colour distribution transfer".
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from restyle.types import Array, count_up, namespace, sort


def quantiles(values: Array, count: int) -> Array:
    """Compute ``count`` evenly spaced quantiles, from the middle of the lowest share to that of the highest.

    With as many quantiles as values these are the sorted values.

    Parameters
    ----------
    values : np.ndarray or torch.Tensor [shape=(..., N)]

    Returns
    -------
    [shape=(..., count)]
    """
    ordered = sort(values)
    n = ordered.shape[-1]
    if n == count:
        return ordered
    position = ((count_up(count, ordered) + 0.5) * (n / count) - 0.5).clip(0, n - 1)
    low = np.floor((np.arange(count) + 0.5) * (n / count) - 0.5).clip(0, max(n - 2, 0)).astype(np.intp)
    high = np.minimum(low + 1, n - 1)
    share = position - count_up(n, ordered)[low]
    return ordered[..., low] * (1 - share) + ordered[..., high] * share


def match_quantiles(values: Array, reference: Array) -> Array:
    """Give values the exact distribution of a reference; their order stays.

    Differs from Zhang et al. 2022: when the counts differ, the reference's quantiles are interpolated.

    Parameters
    ----------
    values : np.ndarray or torch.Tensor [shape=(..., N)]
    reference : [shape=(..., M)]

    Returns
    -------
    [shape=(..., N)]

    Examples
    --------
    >>> match_quantiles(np.array([3.0, 1.0, 2.0]), np.array([10.0, 30.0, 20.0]))
    array([30., 10., 20.])
    """
    xp = namespace(values)
    ranks = values.argsort(-1).argsort(-1)
    wanted = quantiles(reference, values.shape[-1])
    take = xp.take_along_axis if xp is np else xp.take_along_dim
    return take(wanted, ranks, -1)


def directions(channels: int, count: int, seed: int = 0) -> npt.NDArray[np.float64]:
    """Draw unit vectors, evenly on the sphere, in orthogonal groups.

    Parameters
    ----------
    channels, count : int
    seed : int

    Returns
    -------
    np.ndarray [shape=(count, channels), float64]
    """
    generator = np.random.default_rng(seed)
    groups = -(-count // channels)
    q, r = np.linalg.qr(generator.standard_normal((groups, channels, channels)))
    q = q * np.sign(np.diagonal(r, axis1=-2, axis2=-1))[:, None, :]
    axes: npt.NDArray[np.float64] = q.swapaxes(-2, -1).reshape(-1, channels)
    return axes[:count]


def project(features: Array, axes: Array) -> Array:
    """Project features onto directions: one sample per position and direction.

    Parameters
    ----------
    features : np.ndarray or torch.Tensor [shape=(..., C, N)]
    axes : [shape=(K, C)], of the same library

    Returns
    -------
    [shape=(..., K, N)]
    """
    return axes @ features


def sliced_distance(a: Array, b: Array, axes: Array) -> Array:
    """Compute the squared sliced 2-Wasserstein distance of two clouds of points.

    Parameters
    ----------
    a, b : np.ndarray or torch.Tensor [shape=(..., C, N), (..., C, M)]
    axes : [shape=(K, C)], of the same library
        From :func:`directions`.

    Returns
    -------
    [shape=(...)]
    """
    ordered, other = sort(project(a, axes)), sort(project(b, axes))
    if ordered.shape[-1] != other.shape[-1]:
        count = max(ordered.shape[-1], other.shape[-1])
        ordered, other = quantiles(ordered, count), quantiles(other, count)
    difference = ordered - other
    return (difference * difference).mean(axis=(-2, -1))
