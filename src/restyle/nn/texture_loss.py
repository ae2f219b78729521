"""How far the textures of two pictures are apart, on features about their means.

A Gram matrix holds the outer product of the mean features beside their covariance. Features after a ReLU are
far from zero, so in the gap of two Gram matrices the means drown the covariance, and the covariance is
the texture: with encoder-2 a photo and a painting are .06 apart at relu5_1 by Gram matrices, .63 by
covariances. A network trained on the former meets them with a regular hatching (docs/train.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from restyle.nn.losses import gap

_FLOOR = 1e-6  # of variances: a channel that is silent everywhere


class Spread(NamedTuple):
    """Mean [N, C] and covariance [N, C, C] of the channels of a layer."""

    mean: Tensor
    covariance: Tensor

    @property
    def variance(self) -> Tensor:
        """The diagonal of the covariance, [N, C], above zero."""
        return self.covariance.diagonal(dim1=1, dim2=2).clamp(min=0) + _FLOOR


def spread(feature: Tensor) -> Spread:
    """Mean and covariance over the positions of features [N, C, H, W]."""
    # [N, positions, C], which is a view and no copy if channels come last.
    flat = feature.permute(0, 2, 3, 1).flatten(1, 2).float()
    mean = flat.mean(1)
    centred = flat - mean[:, None]
    return Spread(mean, centred.transpose(1, 2) @ centred / flat.shape[1])


def texture_loss(features: Sequence[Tensor], style: Sequence[Tensor], moment: float = 0.2) -> Tensor:
    """Mean over layers of gap(covariance) + moment * (distance of means + gap(deviation)). -> [N].

    The distance of means is its square over itself and both variances, summed over channels: 0..1, also for a
    style that is nearly flat.
    Differs from Gatys et al. 2016 (Gram matrices, not centred) as the module says.

    Parameters
    ----------
    features, style : sequences of Tensor [N, C, H, W]
        Layer by layer; the sizes of the two pictures may differ.
    """
    total = torch.zeros(features[0].shape[0], device=features[0].device)
    for ours, theirs in zip(map(spread, features), map(spread, style), strict=True):
        total = total + gap(ours.covariance, theirs.covariance)
        if moment:
            apart = (ours.mean - theirs.mean).square().sum(1)
            apart = apart / (apart + ours.variance.sum(1) + theirs.variance.sum(1))
            total = total + moment * (apart + gap(ours.variance.sqrt(), theirs.variance.sqrt()))
    return total / len(features)
