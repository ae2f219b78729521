"""Frechet distance between the features of all results and of all styles.

References: Heusel et al. 2017, "GANs Trained by a Two Time-Scale Update Rule Converge to a Local Nash
Equilibrium" (FID); Wright and Ommer 2022, "ArtFID: Quantitative Evaluation of Neural Style Transfer".

FID uses 2048 features of Inception for each picture and needs thousands of pictures. With the perceptual
encoder, features of 16 parts of each picture are used, so that a few dozen pictures suffice. Reports call
this figure `frechet`, and the aggregate `art`; they are not FID and ArtFID.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from restyle.errors import InputError
from restyle.evaluate.losses import Features
from restyle.images.statistics import gaussian_distance

CELLS = 4  # a side: 16 parts of a picture
LAYER = "relu4_1"

Cloud = NDArray[np.float64]


def parts(features: Features) -> Cloud:
    """Mean features of 4 x 4 parts of a picture at relu4_1.

    Parameters
    ----------
    features : layer -> np.ndarray [shape=(C, H, W)], H and W at least 4

    Returns
    -------
    np.ndarray [shape=(16, C), float64]
    """
    feature = features[LAYER]
    rows = np.linspace(0, feature.shape[1], CELLS + 1).round().astype(int)
    columns = np.linspace(0, feature.shape[2], CELLS + 1).round().astype(int)
    means = [
        feature[:, top:bottom, left:right].mean(axis=(1, 2), dtype=np.float64)
        for top, bottom in pairwise(rows)
        for left, right in pairwise(columns)
    ]
    return np.asarray(means)


def frechet_distance(results: Cloud, styles: Cloud) -> float:
    """Squared 2-Wasserstein distance of the Gaussians fitted to two clouds (Heusel et al. 2017, eq. 6).

    ``|m - m'|^2 + tr(C + C' - 2 (C C')^(1/2))``, with covariances of the sample (divided by n - 1).

    Parameters
    ----------
    results, styles : np.ndarray [shape=(n, C)], [shape=(m, C)]

    Returns
    -------
    float, 0 and up

    Raises
    ------
    InputError
        A cloud has fewer than two points.
    """
    if min(len(results), len(styles)) < 2:
        raise InputError("a Frechet distance needs at least two points in each cloud")
    difference = results.mean(axis=0) - styles.mean(axis=0)
    if max(len(results), len(styles)) > results.shape[1]:
        cov_a, cov_b = (np.atleast_2d(np.cov(cloud, rowvar=False)) for cloud in (results, styles))
        zero = np.zeros_like(difference)
        spread = float(gaussian_distance(zero, cov_a, zero, cov_b))
    else:
        # Fewer points than features: with C = A^T A and C' = B^T B the trace of (C C')^(1/2) is the sum of
        # the singular values of A B^T, a small matrix.
        a, b = ((cloud - cloud.mean(axis=0)) / np.sqrt(len(cloud) - 1) for cloud in (results, styles))
        spread = float((a * a).sum() + (b * b).sum() - 2 * np.linalg.norm(a @ b.T, "nuc"))
    return max(0.0, float(difference @ difference) + spread)


def art_aggregate(content_distance: float, style_distance: float) -> float:
    """``(1 + content distance)(1 + style distance)`` (Wright and Ommer 2022, eq. 1).

    The product can be small because one factor is, as for an unmodified content: compare both factors.

    Examples
    --------
    >>> art_aggregate(0.5, 1.0)
    3.0
    """
    return (1 + content_distance) * (1 + style_distance)


def relative_frechet(results: Cloud, styles: Cloud) -> float:
    """The Frechet distance over the total variance of the styles, independent of the features' magnitude."""
    distance = frechet_distance(results, styles)
    return distance / max(float(styles.var(axis=0, ddof=1).sum()), 1e-12)
