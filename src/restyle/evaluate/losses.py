"""How much style arrived and how much content stayed, on the features of a perceptual encoder.

The losses are those of their papers. Each is also given as a gap, which depends neither on the magnitude of
the features nor on the contrast of the style: 0 for the same statistics, 1 for nothing in common. Papers take
features of VGG-19; on another encoder the figures are of the same kind and not the same, so reports name it.

References: Gatys, Ecker and Bethge 2016, "Image Style Transfer Using Convolutional Neural Networks"; Huang
and Belongie 2017, "Arbitrary Style Transfer in Real-time with Adaptive Instance Normalization".
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

Features = Mapping[str, FloatArray]
"""Layer -> [shape=(C, H, W), float32]."""


@dataclass(frozen=True)
class StyleStatistics:
    """What of a style picture the style losses see: small, whatever the size of the picture.

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
        """Take them from features."""
        moments = {layer: mean_std(feature) for layer, feature in features.items()}
        return cls(
            {layer: gram(feature) for layer, feature in features.items()},
            {layer: mean for layer, (mean, _) in moments.items()},
            {layer: deviation for layer, (_, deviation) in moments.items()},
        )


def style_gap(result: StyleStatistics, style: StyleStatistics) -> float:
    """Gram loss of Gatys et al. 2016 made scale-free: mean over layers of ``|G - A|^2 / (|G|^2 + |A|^2)``.

    Returns
    -------
    float, 0..2
        0: the style's own statistics.
    """
    gaps = [float(relative_gap(each, style.grams[layer])) for layer, each in result.grams.items()]
    return float(np.mean(gaps))


def content_gap(result: Features, content: Features) -> float:
    """``|F - P|^2 / (|F|^2 + |P|^2)`` at relu4_1, the content loss of Gatys et al. 2016 made scale-free.

    Returns
    -------
    float, 0..2
        0: the content itself.
    """
    return float(relative_gap(result[CONTENT_LAYER], content[CONTENT_LAYER]))


def gatys_style(result: StyleStatistics, style: StyleStatistics) -> float:
    """Style loss of Gatys et al. 2016, eqs. 4 and 5: ``sum_l 1/5 * 1/(4 N^2) * |G - A|^2``.

    Differs from the paper: each Gram matrix is divided by its own number of positions, so that pictures of
    two sizes compare; for one size it is the paper's. Theirs sees values of 0..255, less the mean.
    """
    terms = [
        float(((each - style.grams[layer]) ** 2).sum()) / (4 * each.shape[0] ** 2)
        for layer, each in result.grams.items()
    ]
    return float(np.mean(terms))


def gatys_content(result: Features, content: Features) -> float:
    """Content loss of Gatys et al. 2016, eq. 1: ``1/2 sum (F - P)^2``.

    Differs from the paper: at relu4_1, which our encoder has, in place of relu4_2, and divided by the number
    of positions, so that it does not grow with the picture.
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

    ``t`` is the content's feature with the style's mean and deviation, so an untouched content does not score
    0. Differs from the paper: divided by the root of the number of positions, so that it does not grow with
    the picture.
    """
    feature = content[CONTENT_LAYER]
    target = match_mean_std(feature, style.means[CONTENT_LAYER], style.deviations[CONTENT_LAYER])
    difference = float(np.linalg.norm(result[CONTENT_LAYER] - target))
    return difference / float(np.sqrt(feature.shape[1] * feature.shape[2]))
