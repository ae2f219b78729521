"""Losses of features and pixels that networks are trained with.

Every loss is relative to the magnitude of what it compares. Otherwise a high-contrast style would outweigh a
pale one by a factor of a thousand, and relu2_1 would outweigh relu5_1. All losses give one value per image.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from restyle.images.statistics import relative_gap

_EPSILON = 1e-6  # added to variances: a channel may be silent everywhere
_FLAT = 1e-3  # added to the variance of the style's colors: a style may be one flat color


# Statistics


def gap(a: Tensor, b: Tensor) -> Tensor:
    """``|a - b|^2 / (|a|^2 + |b|^2)`` of each image: 0 if equal, 1 if orthogonal. [N, ...] -> [N]."""
    gaps: Tensor = relative_gap(a.float(), b.float(), tuple(range(1, a.ndim)))
    return gaps


def gram(feature: Tensor) -> Tensor:
    """Gram matrices, divided by the number of positions. [N, C, H, W] -> [N, C, C].

    Gatys et al. 2016; differs in the divisor (theirs: 2 C H W), which `gap` cancels.
    """
    flat = _positions(feature)
    return flat.transpose(1, 2) @ flat / flat.shape[1]


class Moments(NamedTuple):
    """Mean [N, C] and covariance [N, C, C] of the channels of a layer, or of the colors of an image."""

    mean: Tensor
    covariance: Tensor

    @property
    def variance(self) -> Tensor:
        """Diagonal of the covariance, above zero. [N, C]."""
        return self.covariance.diagonal(dim1=1, dim2=2).clamp(min=0) + _EPSILON


def moments(feature: Tensor) -> Moments:
    """Mean and covariance over the positions of features [N, C, H, W]."""
    flat = _positions(feature)
    mean = flat.mean(1)
    centered = flat - mean[:, None]
    return Moments(mean, centered.transpose(1, 2) @ centered / flat.shape[1])


Target = tuple[Tensor, Tensor, Tensor]  # of a layer: Gram matrices [N, C, C], means and deviations [N, C]


def style_target(feature: Tensor) -> Target:
    """Gram matrix, mean and deviation of one layer [N, C, H, W], in two passes."""
    matrix, mean = gram(feature), feature.float().mean((2, 3))
    squares = matrix.diagonal(dim1=1, dim2=2)  # saves a third pass
    return matrix, mean, ((squares - mean.square()).clamp(min=0) + _EPSILON).sqrt()


def covariance(target: Target) -> Tensor:
    """Covariance of the channels: the Gram matrix minus the outer product of the means. [N, C, C]."""
    matrix, mean, _ = target
    return matrix - mean[:, :, None] * mean[:, None, :]


def normalize(feature: Tensor) -> Tensor:
    """Bring each channel [N, C, H, W] to mean 0 and deviation 1, which keeps positions but not strengths."""
    feature = feature.float()
    centered = feature - feature.mean((2, 3), keepdim=True)
    return centered / (centered.square().mean((2, 3), keepdim=True) + 1e-4).sqrt()


def _positions(feature: Tensor) -> Tensor:
    """[N, C, H, W] -> [N, H * W, C]: a view, not a copy, if channels come last in memory."""
    return feature.permute(0, 2, 3, 1).flatten(1, 2).float()


# Style


def style_loss(
    features: Sequence[Tensor],
    style: Sequence[Tensor | Target],
    moments_weight: float = 0.2,
    covariance_weight: float = 0.0,
) -> Tensor:
    """Compare Gram matrices (Gatys et al. 2016), means and deviations (Huang and Belongie 2017). -> [N].

    Mean over layers of ``gap(Gram) + moments_weight * (gap(mean) + gap(deviation)) + covariance_weight *
    gap(covariance)``. In a Gram matrix the means drown the covariance, which is the texture; so it may count
    separately.

    features : [N, C, H, W] of each layer
    style : [N, C, h, w] of the style, or their `style_target`, for the same layers
    """
    total = torch.zeros(features[0].shape[0], device=features[0].device)
    for feature, given in zip(features, style, strict=True):
        ours = style_target(feature)
        goal = style_target(given) if isinstance(given, Tensor) else given
        total = total + gap(ours[0], goal[0])
        if moments_weight:
            total = total + moments_weight * (gap(ours[1], goal[1]) + gap(ours[2], goal[2]))
        if covariance_weight:
            total = total + covariance_weight * gap(covariance(ours), covariance(goal))
    return total / len(features)


def texture_loss(features: Sequence[Tensor], style: Sequence[Tensor], moments_weight: float = 0.2) -> Tensor:
    """Compare covariances, means and deviations. Lists of [N, C, H, W], of any sizes -> [N].

    Mean over layers of ``gap(covariance) + moments_weight * (distance of means + gap(deviation))``. The
    distance of means is squared and relative to itself plus both variances: 0..1, also for a flat style.

    Differs from Gatys et al. 2016, who do not center: features after a ReLU are far from zero, so the means
    drown the covariance. With encoder-2 a photo and a painting are .06 apart at relu5_1 by Gram matrices, .63
    by covariances, and a network trained on Gram matrices paints a regular hatching (docs/train.md).
    """
    total = torch.zeros(features[0].shape[0], device=features[0].device)
    for ours, theirs in zip(map(moments, features), map(moments, style), strict=True):
        total = total + gap(ours.covariance, theirs.covariance)
        if moments_weight:
            distance = (ours.mean - theirs.mean).square().sum(1)
            distance = distance / (distance + ours.variance.sum(1) + theirs.variance.sum(1))
            deviations = gap(ours.variance.sqrt(), theirs.variance.sqrt())
            total = total + moments_weight * (distance + deviations)
    return total / len(features)


def color_loss(x: Tensor, style: Tensor) -> Tensor:
    """Squared distance of the mean colors, relative to the style's variance, plus gap of the covariances.

    Compact encoders distinguish strokes better than hues, so a network can match their statistics with the
    wrong palette. Statistics of the pixels prevent that.

    x : Tensor [N, 3, H, W], RGB, 0..1
    style : Tensor [N or 1, 3, h, w], RGB, 0..1
    """
    ours, theirs = moments(x), moments(style)
    variance = theirs.covariance.diagonal(dim1=1, dim2=2).sum(1) + _FLAT
    return (ours.mean - theirs.mean).square().sum(1) / variance + gap(ours.covariance, theirs.covariance)


TEXTURE_WINDOW = 32  # px, side
FAINT = 0.1  # of the style's deviation: weaker texture does not count


def local_texture(feature: Tensor, deviation: Tensor, stride: int) -> Tensor:
    """Measure how much texture the windows of an image have: mean log of their deviations. -> [N, C].

    feature : [N, C, H, W]
    deviation : [N, C], what the deviations are relative to
    stride : pixels of the image per position
    """
    side = max(2, TEXTURE_WINDOW // stride)
    mean = F.avg_pool2d(feature, side)
    variance = (F.avg_pool2d(feature * feature, side) - mean * mean).clamp(min=0)
    scale = deviation * deviation
    scale = scale + FAINT * scale.mean(1, keepdim=True)  # or nearly silent channels would dominate
    part = variance / scale[:, :, None, None]
    return 0.5 * (part + FAINT * FAINT).log().mean((2, 3))


# Content


def content_loss(features: Sequence[Tensor], content: Sequence[Tensor], structure: float = 0.0) -> Tensor:
    """Gap at relu4_1 plus 0.1 of the gap at relu3_1. Lists of relu1_1 .. relu5_1 -> [N].

    A share `structure` of each gap compares normalized features, which leaves color and contrast to the style
    (as in AdaAttN, Liu et al. 2021, for one layer).
    """
    total = torch.zeros(features[0].shape[0], device=features[0].device)
    for layer, weight in ((3, 1.0), (2, 0.1)):
        ours, theirs = features[layer], content[layer]
        total = total + weight * (1 - structure) * gap(ours, theirs)
        if structure:
            total = total + weight * structure * gap(normalize(ours), normalize(theirs))
    return total


# Pixels


def total_variation(x: Tensor) -> Tensor:
    """Mean absolute difference of neighboring pixels. [N, C, H, W] -> [N]."""
    down, right = (x[:, :, 1:] - x[:, :, :-1]).abs(), (x[..., 1:] - x[..., :-1]).abs()
    return down.mean((1, 2, 3)) + right.mean((1, 2, 3))


def out_of_range(x: Tensor) -> Tensor:
    """Mean excess of pixels outside 0..1, which clipping would turn into flat areas. [N, C, H, W] -> [N]."""
    return ((x - 1).clamp(min=0) + (-x).clamp(min=0)).mean((1, 2, 3))


PERIOD = 8  # px, largest stride of the network


def periodic_pattern(x: Tensor) -> Tensor:
    """Measure how much a pattern that repeats every 8 px stands out, in nepers. [N, 3, H, W] -> [N].

    High-passed brightness is averaged over all 8x8 squares. Without a period, chance leaves one part in the
    number of squares of its energy; the loss starts at twice that.
    """
    light = x.mean(1, keepdim=True)
    fine = light[..., 4:-4, 4:-4] - F.avg_pool2d(light, 9, 1)
    down, across = fine.shape[2] // PERIOD, fine.shape[3] // PERIOD
    fine = fine[..., : down * PERIOD, : across * PERIOD]
    mean = fine.reshape(-1, down, PERIOD, across, PERIOD).mean((1, 3))
    share = mean.square().mean((1, 2)) / (fine.square().mean((1, 2, 3)) + 1e-5)
    return F.relu((share * (down * across / 2) + 1e-6).log())
