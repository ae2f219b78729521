"""Style and content losses and perceptual distance, on the features of an encoder.

Each loss is also given as a relative gap, independent of the magnitude of the features and of the contrast
of the style: 0 for equal statistics, 1 for nothing in common. The papers use VGG-19; figures of another
encoder are not comparable, so reports name the encoder.

References: Gatys, Ecker and Bethge 2016, "Image Style Transfer Using Convolutional Neural Networks"; Huang
and Belongie 2017, "Arbitrary Style Transfer in Real-time with Adaptive Instance Normalization"; Zhang, Isola,
Efros, Shechtman and Wang 2018, "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric"
(LPIPS is `perceptual_distance` on AlexNet with learned weights of channels).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from restyle.images.statistics import gram, match_mean_std, mean_std, relative_gap
from restyle.types import FloatArray

LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
CONTENT_LAYER = "relu4_1"
ADAIN_LAYERS = LAYERS[:4]
_EPSILON = np.float32(1e-10)

Features = Mapping[str, FloatArray]
"""Layer -> [shape=(C, H, W), float32]."""


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
