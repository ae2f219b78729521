"""Covariance of channels, and the linear maps that turn one covariance into another.

Features are ``[..., C, H, W]``, NumPy arrays or torch tensors; one definition serves both.

References: Li et al. 2017, "Universal Style Transfer via Feature Transforms" (whitening and colouring); Gatys
et al. 2016, "Preserving Color in Neural Artistic Style Transfer" (Cholesky and symmetric maps); Pitie and
Kokaram 2007, "The linear Monge-Kantorovitch linear colour mapping for example-based colour transfer".
"""

from __future__ import annotations

from restyle.errors import OptionError
from restyle.types import Array, identity, namespace

MAPS = ("transport", "symmetric", "cholesky")
_FLOOR = 1e-10  # variance, far below that of rounding to 16 bits


def mean_covariance(features: Array) -> tuple[Array, Array]:
    """Compute the mean of each channel and the covariance of channels over positions.

    Parameters
    ----------
    features : np.ndarray or torch.Tensor [shape=(..., C, H, W)]

    Returns
    -------
    mean : [shape=(..., C)]
    covariance : [shape=(..., C, C)]
        Of the population: divided by H W.
    """
    height, width = features.shape[-2:]
    flat = features.reshape(*features.shape[:-2], height * width)
    mean = flat.mean(axis=-1)
    flat = flat - mean[..., None]
    return mean, flat @ flat.swapaxes(-2, -1) / (height * width)


def matrix_root(matrix: Array, *, inverse: bool = False) -> Array:
    """Compute the symmetric square root of a symmetric positive semidefinite matrix, or its inverse.

    Parameters
    ----------
    matrix : np.ndarray or torch.Tensor [shape=(..., C, C)]
    inverse : bool
        Eigenvalues below 1e-10 are taken to be that.
    """
    values, vectors = namespace(matrix).linalg.eigh(matrix)
    values = values.clip(_FLOOR if inverse else 0.0)
    powers = values ** (-0.5 if inverse else 0.5)
    return (vectors * powers[..., None, :]) @ vectors.swapaxes(-2, -1)


def linear_map(
    source: Array, target: Array, kind: str = "transport", *, max_gain: float = float("inf")
) -> Array:
    """Find ``A`` with ``A source A^T = target``. There are many; they differ by a rotation.

    Parameters
    ----------
    source, target : np.ndarray or torch.Tensor [shape=(..., C, C)]
        Covariances.
    kind : str
        ``"transport"`` moves the points least (Monge-Kantorovich); ``"symmetric"`` whitens and colours by
        symmetric roots (the choice of Image Analogies); ``"cholesky"`` by Cholesky factors. Gatys et al. 2016
        name the last two.
    max_gain : float
        No direction is amplified more than this. Where the source has next to no variance, the exact map
        would make much of its noise.

    Returns
    -------
    [shape=(..., C, C)]
    """
    xp = namespace(source)
    if kind == "transport":
        root, unroot = matrix_root(source), matrix_root(source, inverse=True)
        matrix = unroot @ matrix_root(root @ target @ root) @ unroot
    elif kind == "symmetric":
        matrix = matrix_root(target) @ matrix_root(source, inverse=True)
    elif kind == "cholesky":
        ridge = identity(source.shape[-1], source) * _FLOOR
        a, b = xp.linalg.cholesky(source + ridge), xp.linalg.cholesky(target + ridge)
        matrix = b @ xp.linalg.inv(a)
    else:
        raise OptionError(f"unknown covariance map '{kind}'; use one of {', '.join(MAPS)}")
    if max_gain == float("inf"):
        return matrix
    left, gains, right = xp.linalg.svd(matrix)
    return (left * gains.clip(0, max_gain)[..., None, :]) @ right


def gaussian_distance(mean_a: Array, cov_a: Array, mean_b: Array, cov_b: Array) -> Array:
    """Compute the squared 2-Wasserstein distance of two Gaussians.

    Parameters
    ----------
    mean_a, mean_b : np.ndarray or torch.Tensor [shape=(..., C)]
    cov_a, cov_b : [shape=(..., C, C)]

    Returns
    -------
    [shape=(...)]
    """
    root = matrix_root(cov_a)
    cross = matrix_root(root @ cov_b @ root)
    eye = identity(cov_a.shape[-1], cov_a)
    trace = ((cov_a + cov_b - 2 * cross) * eye).sum(axis=(-2, -1))
    difference = mean_a - mean_b
    return (difference * difference).sum(axis=-1) + trace
