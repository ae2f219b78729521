"""How different two pictures look: distances of features at the same place.

Reference: Zhang, Isola, Efros, Shechtman and Wang 2018, "The Unreasonable Effectiveness of Deep Features as a
Perceptual Metric". Its LPIPS is this distance on AlexNet with learnt weights of channels; on another encoder
and without weights it is another figure, and reports call it `perceptual`.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from restyle.evaluate.losses import Features
from restyle.types import FloatArray

_EPSILON = 1e-10


def perceptual_distance(
    result: Features, content: Features, weights: Mapping[str, FloatArray] | None = None
) -> float:
    """``sum_l mean_hw sum_c w_lc (f_lc - g_lc)^2``, f and g normalised to length 1 at each position.

    Parameters
    ----------
    result, content : layer -> np.ndarray [shape=(C, H, W)]
        Features of the same layers and sizes.
    weights : layer -> np.ndarray [shape=(C,)] or None
        Learnt weights of channels. None counts every channel alike, the paper's baseline without calibration.

    Returns
    -------
    float, 0 and up
        0: the same picture; without weights at most 4 for each layer, and 2 where features are not negative.
    """
    total = 0.0
    for layer, ours in result.items():
        squares = (unit_length(ours) - unit_length(content[layer])) ** 2
        if weights is not None:
            squares = squares * weights[layer][:, None, None]
        total += float(squares.sum(axis=0).mean())
    return total


def unit_length(feature: FloatArray) -> FloatArray:
    """Divide the vector at each position by its length. [shape=(C, H, W)]."""
    length = np.sqrt(np.einsum("chw,chw->hw", feature, feature))
    return np.asarray(feature / (length + np.float32(_EPSILON)), np.float32)
