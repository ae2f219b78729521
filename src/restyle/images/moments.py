"""Mean and standard deviation of each channel: the style of AdaIN.

Features are ``[..., C, H, W]``, NumPy arrays or torch tensors; one definition serves both.

Reference: Huang and Belongie 2017, "Arbitrary Style Transfer in Real-time with Adaptive Instance
Normalization".
"""

from __future__ import annotations

from restyle.types import Array, namespace


def mean_std(features: Array, eps: float = 1e-5) -> tuple[Array, Array]:
    """Compute the mean and standard deviation of each channel over its positions.

    Parameters
    ----------
    features : np.ndarray or torch.Tensor [shape=(..., C, H, W)]
    eps : float
        Added to the variance, so that the deviation of a flat channel has a gradient.

    Returns
    -------
    mean, std : [shape=(..., C)]
    """
    mean = features.mean(axis=(-2, -1))
    centred = features - mean[..., None, None]
    return mean, ((centred * centred).mean(axis=(-2, -1)) + eps) ** 0.5


def match_mean_std(features: Array, mean: Array, std: Array, eps: float = 1e-5) -> Array:
    """Give features the mean and standard deviation of others: adaptive instance normalisation.

    Parameters
    ----------
    features : np.ndarray or torch.Tensor [shape=(..., C, H, W)]
    mean, std : [shape=(..., C)]

    Returns
    -------
    [shape=(..., C, H, W)]
    """
    own_mean, own_std = mean_std(features, eps)
    scale = std / own_std
    return features * scale[..., None, None] + (mean - own_mean * scale)[..., None, None]


def relative_gap(a: Array, b: Array, eps: float = 1e-12) -> Array:
    """Compare two statistics on a scale that does not depend on their magnitude.

    ``|a - b|^2 / (|a|^2 + |b|^2)``: 0 when equal, 1 when orthogonal, at most 2.

    Parameters
    ----------
    a, b : np.ndarray or torch.Tensor, of one shape

    Returns
    -------
    scalar of the same library
    """
    difference = a - b
    return (difference * difference).sum() / ((a * a).sum() + (b * b).sum() + eps)


def as_features(picture: Array) -> Array:
    """View a picture [shape=(H, W, C)] as features [shape=(C, H, W)]."""
    return namespace(picture).moveaxis(picture, -1, 0)
