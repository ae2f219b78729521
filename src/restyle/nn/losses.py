"""Losses of style and content on perceptual features.

Every term is normalised by its own magnitude: without that, a high-contrast style outweighs a pale one by
a factor of a thousand, and relu2_1 outweighs relu5_1.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from restyle.images.statistics import relative_gap


def gap(a: Tensor, b: Tensor) -> Tensor:
    """|a - b|^2 / (|a|^2 + |b|^2), per picture: 0 for equal, 1 for nothing in common. [N, ...] -> [N]."""
    gaps: Tensor = relative_gap(a.float(), b.float(), tuple(range(1, a.ndim)), 1e-8)
    return gaps


def _positions(feature: Tensor) -> Tensor:
    """[N, C, H, W] -> [N, H * W, C]: a view, not a copy, when channels come last in memory."""
    return feature.permute(0, 2, 3, 1).flatten(1, 2).float()


def gram(feature: Tensor) -> Tensor:
    """Gram matrices [N, C, C] of features [N, C, H, W], divided by the number of positions.

    Gatys et al. 2016; differs in the divisor (theirs: 2 C H W), which `gap` cancels.
    """
    flat = _positions(feature)
    return flat.transpose(1, 2) @ flat / flat.shape[1]


def moments(feature: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of every channel, each [N, C]."""
    flat = _positions(feature)
    mean = flat.mean(1)
    return mean, ((flat - mean[:, None]).square().mean(1) + 1e-6).sqrt()


Target = tuple[Tensor, Tensor, Tensor]  # of one layer: Gram matrices [N, C, C], means and deviations [N, C]


def style_target(feature: Tensor) -> Target:
    """Gram matrix, mean and deviation of one layer [N, C, H, W], in two passes."""
    matrix, mean = gram(feature), feature.float().mean((2, 3))
    squares = matrix.diagonal(dim1=1, dim2=2)  # saves a third pass
    return matrix, mean, ((squares - mean.square()).clamp(min=0) + 1e-6).sqrt()


def covariance(target: Target) -> Tensor:
    """Covariance of the channels, [N, C, C]: the Gram matrix without what the means alone make of it."""
    matrix, mean, _ = target
    return matrix - mean[:, :, None] * mean[:, None, :]


def style_loss(
    features: Sequence[Tensor],
    style: Sequence[Tensor | Target],
    moment: float = 0.2,
    together: float = 0.0,
) -> Tensor:
    """Mean over layers of gap(Gram) + moment * (gap(mean) + gap(deviation)) + together * gap(covariance).

    Lists of [N, C, H, W] -> [N]. Gatys et al. 2016 for the Gram matrices, Huang and Belongie 2017 for the
    moments. In a Gram matrix the means of features drown their covariance, and the covariance is the texture:
    so it may count by itself. The style may be features or what `style_target` made of them, layer by layer.
    """
    total = torch.zeros(features[0].shape[0], device=features[0].device)
    for ours, theirs in zip(features, style, strict=True):
        ours_made = style_target(ours)
        goal = style_target(theirs) if isinstance(theirs, Tensor) else theirs
        total = total + gap(ours_made[0], goal[0])
        if moment:
            total = total + moment * (gap(ours_made[1], goal[1]) + gap(ours_made[2], goal[2]))
        if together:
            total = total + together * gap(covariance(ours_made), covariance(goal))
    return total / len(features)


WINDOW = 32  # side in pixels of the windows in which texture is looked for
FAINT = 0.1  # of the style's deviation: texture weaker than that is none


def liveliness(feature: Tensor, deviation: Tensor, stride: int) -> Tensor:
    """How much texture the windows of a picture hold: mean log of their deviations, [N, C].

    feature : [N, C, H, W], at 1 / `stride` of the picture's size
    deviation : [N, C], what counts as much
    """
    side = max(2, WINDOW // stride)
    mean = F.avg_pool2d(feature, side)
    variance = (F.avg_pool2d(feature * feature, side) - mean * mean).clamp(min=0)
    much = deviation * deviation
    # without a floor a channel that is nearly silent would be all that counts
    much = much + FAINT * much.mean(1, keepdim=True)
    part = variance / much[:, :, None, None]
    return 0.5 * (part + FAINT * FAINT).log().mean((2, 3))


def content_loss(features: Sequence[Tensor], content: Sequence[Tensor], structure: float = 0.0) -> Tensor:
    """gap at relu4_1 + 0.1 gap at relu3_1. Lists of relu1_1 .. relu5_1 -> [N].

    A share `structure` of each gap is taken on normalised features, which see the drawing and not its
    colour and contrast, so that a style may move those (as in AdaAttN, Liu et al. 2021, for one layer).
    """
    total = torch.zeros(features[0].shape[0], device=features[0].device)
    for layer, weight in ((3, 1.0), (2, 0.1)):
        ours, theirs = features[layer], content[layer]
        total = total + weight * (1 - structure) * gap(ours, theirs)
        if structure:
            total = total + weight * structure * gap(normalised(ours), normalised(theirs))
    return total


def total_variation(x: Tensor) -> Tensor:
    """Mean absolute difference of neighbouring pixels, [N]."""
    return (x[:, :, 1:] - x[:, :, :-1]).abs().mean((1, 2, 3)) + (x[..., 1:] - x[..., :-1]).abs().mean(
        (1, 2, 3)
    )


PERIOD = 8  # px, of the pattern that `weave` looks for: the largest stride of the network


def weave(x: Tensor) -> Tensor:
    """How far a pattern that repeats every 8 px stands out of pictures [N, 3, H, W], in nepers; [N].

    The light less its surroundings is folded: the mean over all squares of 8x8. Of a picture without a period
    the fold holds as much energy as chance gives it, one part in the number of squares; twice that is free.
    """
    light = x.mean(1, keepdim=True)
    fine = light[..., 4:-4, 4:-4] - F.avg_pool2d(light, 9, 1)
    down, across = fine.shape[2] // PERIOD, fine.shape[3] // PERIOD
    fine = fine[..., : down * PERIOD, : across * PERIOD]
    fold = fine.reshape(-1, down, PERIOD, across, PERIOD).mean((1, 3))
    share = fold.square().mean((1, 2)) / (fine.square().mean((1, 2, 3)) + 1e-5)
    return F.relu((share * (down * across / 2) + 1e-6).log())


def out_of_range(x: Tensor) -> Tensor:
    """Mean amount by which pixels leave 0..1, [N]; clipping makes flat wastelands."""
    return ((x - 1).clamp(min=0) + (-x).clamp(min=0)).mean((1, 2, 3))


def normalised(feature: Tensor) -> Tensor:
    """Every channel to mean 0 and deviation 1: where things are, without how strong they are."""
    feature = feature.float()
    centred = feature - feature.mean((2, 3), keepdim=True)
    return centred / (centred.square().mean((2, 3), keepdim=True) + 1e-4).sqrt()
