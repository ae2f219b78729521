"""Metrics on features of an encoder: style and content losses, perceptual and Frechet distance.

Each loss is also given as a relative gap, independent of the magnitude of the features and of the contrast
of the style: 0 for equal statistics, 1 for nothing in common. The papers use VGG-19; figures of another
encoder are not comparable, so reports name the encoder.

References: Gatys, Ecker and Bethge 2016, "Image Style Transfer Using Convolutional Neural Networks"; Huang
and Belongie 2017, "Arbitrary Style Transfer in Real-time with Adaptive Instance Normalization"; Zhang, Isola,
Efros, Shechtman and Wang 2018, "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric"
(LPIPS: `perceptual_distance` on AlexNet with learned weights of channels); Heusel et al. 2017, "GANs Trained
by a Two Time-Scale Update Rule Converge to a Local Nash Equilibrium" (FID); Wright and Ommer 2022, "ArtFID:
Quantitative Evaluation of Neural Style Transfer".

FID uses 2048 features of Inception for each picture and needs thousands of pictures. With the perceptual
encoder, features of 16 parts of each picture are used, so that a few dozen pictures suffice. Reports call
this figure `frechet`, and the aggregate `art`; they are not FID and ArtFID.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from restyle.errors import InputError
from restyle.images.statistics import gaussian_distance, gram, match_mean_std, mean_std, relative_gap
from restyle.types import FloatArray

LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
CONTENT_LAYER = "relu4_1"
ADAIN_LAYERS = LAYERS[:4]
CELLS = 4  # a side: 16 parts of a picture
_EPSILON = np.float32(1e-10)

Features = Mapping[str, FloatArray]
"""Layer -> [shape=(C, H, W), float32]."""


Cloud = NDArray[np.float64]
"""[shape=(parts, C)]."""


@dataclass(frozen=True)
class StyleStatistics:
    """Statistics of a picture for the style losses; their size does not depend on that of the picture.

    Parameters
    ----------
    grams : layer -> [shape=(C, C)]
        Divided by the number of positions.
    means, deviations : layer -> [shape=(C,)]
    """

    grams: Mapping[str, FloatArray]
    means: Mapping[str, FloatArray]
    deviations: Mapping[str, FloatArray]

    @classmethod
    def of(cls, features: Features) -> StyleStatistics:
        """Compute them from features."""
        moments = {layer: mean_std(feature) for layer, feature in features.items()}
        return cls(
            {layer: gram(feature) for layer, feature in features.items()},
            {layer: mean for layer, (mean, _) in moments.items()},
            {layer: deviation for layer, (_, deviation) in moments.items()},
        )


def style_gap(result: StyleStatistics, style: StyleStatistics) -> float:
    """Scale-free Gram loss of Gatys et al. 2016: mean over layers of ``|G - A|^2 / (|G|^2 + |A|^2)``.

    Returns
    -------
    float, 0..2
        0: the statistics of the style.
    """
    gaps = [float(relative_gap(each, style.grams[layer])) for layer, each in result.grams.items()]
    return float(np.mean(gaps))


def content_gap(result: Features, content: Features) -> float:
    """``|F - P|^2 / (|F|^2 + |P|^2)`` at relu4_1, a scale-free content loss of Gatys et al. 2016.

    Returns
    -------
    float, 0..2
        0: the content itself.
    """
    return float(relative_gap(result[CONTENT_LAYER], content[CONTENT_LAYER]))


def gatys_style(result: StyleStatistics, style: StyleStatistics) -> float:
    """Style loss of Gatys et al. 2016, eqs. 4 and 5: ``sum_l 1/5 * 1/(4 N^2) * |G - A|^2``.

    Differs from the paper: each Gram matrix is divided by its number of positions, so that sizes may differ;
    values are not 0..255 minus the mean.
    """
    terms = [
        float(((each - style.grams[layer]) ** 2).sum()) / (4 * each.shape[0] ** 2)
        for layer, each in result.grams.items()
    ]
    return float(np.mean(terms))


def gatys_content(result: Features, content: Features) -> float:
    """Content loss of Gatys et al. 2016, eq. 1: ``1/2 sum (F - P)^2``.

    Differs from the paper: relu4_1 instead of relu4_2, and divided by the number of positions.
    """
    ours, theirs = result[CONTENT_LAYER], content[CONTENT_LAYER]
    return float(0.5 * ((ours - theirs) ** 2).sum() / (ours.shape[1] * ours.shape[2]))


def adain_style(result: StyleStatistics, style: StyleStatistics) -> float:
    """Style loss of Huang and Belongie 2017, eq. 13: ``sum |mu - mu'| + |sigma - sigma'|``, to relu4_1."""
    total = 0.0
    for layer in ADAIN_LAYERS:
        total += float(np.linalg.norm(result.means[layer] - style.means[layer]))
        total += float(np.linalg.norm(result.deviations[layer] - style.deviations[layer]))
    return total


def adain_content(result: Features, content: Features, style: StyleStatistics) -> float:
    """Content loss of Huang and Belongie 2017, eq. 12: ``|F - t|`` at relu4_1.

    ``t`` is the content's feature with the style's mean and deviation, so an unmodified content does not
    score 0. Differs from the paper: divided by the root of the number of positions.
    """
    feature = content[CONTENT_LAYER]
    target = match_mean_std(feature, style.means[CONTENT_LAYER], style.deviations[CONTENT_LAYER])
    difference = float(np.linalg.norm(result[CONTENT_LAYER] - target))
    return difference / float(np.sqrt(feature.shape[1] * feature.shape[2]))


def perceptual_distance(result: Features, content: Features) -> float:
    """``sum_l mean_hw sum_c (f_lc - g_lc)^2``, f and g normalized to length 1 at each position.

    Returns
    -------
    float, 0..4 for each layer
        0: the same picture.
    """
    total = 0.0
    for layer, ours in result.items():
        squares = (unit_length(ours) - unit_length(content[layer])) ** 2
        total += float(squares.sum(axis=0).mean())
    return total


def unit_length(feature: FloatArray) -> FloatArray:
    """Divide the vector at each position by its length. [shape=(C, H, W)]."""
    length = np.sqrt(np.einsum("chw,chw->hw", feature, feature))
    return np.asarray(feature / (length + _EPSILON), np.float32)


def parts(features: Features) -> Cloud:
    """Mean features of 4 x 4 parts of a picture at relu4_1.

    Parameters
    ----------
    features : layer -> np.ndarray [shape=(C, H, W)], H and W at least 4

    Returns
    -------
    np.ndarray [shape=(16, C), float64]
    """
    feature = features[CONTENT_LAYER]
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
