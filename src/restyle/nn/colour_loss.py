"""How far the colours of a picture are from those of a style.

Features of a compact encoder tell strokes better than hues: a network can match their Gram matrices with a
palette that is not the style's. The moments of the pixels themselves leave no room for that.
"""

from __future__ import annotations

from torch import Tensor

from restyle.nn.losses import gap


def colour_moments(x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean [N, 3] and covariance [N, 3, 3] of the pixels of pictures [N, 3, H, W]."""
    flat = x.float().flatten(2)
    mean = flat.mean(2)
    centred = flat - mean[:, :, None]
    return mean, centred @ centred.transpose(1, 2) / flat.shape[2]


def colour_loss(x: Tensor, style: Tensor) -> Tensor:
    """Squared distance of the mean colours in units of the style's variance, and gap of the covariances.

    [N, 3, H, W] and [N or 1, 3, h, w], RGB 0..1 -> [N].
    """
    (mean, covariance), (their_mean, their_covariance) = colour_moments(x), colour_moments(style)
    variance = (
        their_covariance.diagonal(dim1=1, dim2=2).sum(1) + 1e-3
    )  # of a style that is one flat colour, too
    return (mean - their_mean).square().sum(1) / variance + gap(covariance, their_covariance)
