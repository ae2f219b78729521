"""The style's palette, before a single stroke: the linear map that gives a photo the colours of a style.

Of all linear maps that move one mean and covariance of colours to another, the Monge-Kantorovich map moves
the colours least (Pitie and Kokaram 2007). It carries several hues at once: a blue and yellow style makes the
dark half of a photo blue and its lights yellow. It is closed-form, so the network does not have to learn it.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

FLOOR = 4e-4  # variance added to a photo's colours in every direction: deviation .02, some five 8-bit levels
STYLE_FLOOR = 2e-5  # to a style's: .0045, so that a drawing in ink takes the hues out of a photo
COLORS = 9  # floats: mean of R, G, B; upper triangle of a symmetric 3x3 matrix
RIDGE = 3e-5  # of its trace, added to a matrix whose root is taken: float32 must see that it is positive
ITERATIONS = 24

_UPPER = ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))


def color_moments(picture: Tensor) -> Tensor:
    """Mean and covariance (floor added) of the colours of pictures [N, 3, H, W] -> [N, 9].

    Give pictures at half size, on both sides (`halved`): four times as cheap, and blind to their noise.
    """
    mean = picture.mean(3, keepdim=True).mean(2, keepdim=True)  # row by row: float32 adds up few numbers well
    centred = picture - mean
    upper = [(centred[:, a] * centred[:, b]).mean(2).mean(1) + (FLOOR if a == b else 0) for a, b in _UPPER]
    return torch.cat([mean.flatten(1), torch.stack(upper, 1)], 1)


def halved(picture: Tensor) -> Tensor:
    """Every 2x2 pixels [N, 3, H, W] become one; an odd last row or column is left out."""
    return F.avg_pool2d(picture, 2)


def color_root(moments: Tensor) -> Tensor:
    """Mean and square root of the covariance, [N, 9] -> [N, 9]: what of a style's colours its code holds.

    Roots, unlike covariances, mix linearly: half way between two styles is half the contrast of each.
    """
    floor = torch.eye(3, device=moments.device) * (FLOOR - STYLE_FLOOR)
    root, _ = _roots(_matrix(moments) - floor)
    return torch.cat([moments[:, :3], torch.stack([root[:, a, b] for a, b in _UPPER], 1)], 1)


def luminance(picture: Tensor) -> Tensor:
    """Rec. 709, [N, 3, H, W] -> [N, 1, H, W]."""
    return 0.2126 * picture[:, :1] + 0.7152 * picture[:, 1:2] + 0.0722 * picture[:, 2:]


def chroma(picture: Tensor) -> Tensor:
    """What a picture [N, 3, H, W] has beyond its luminance."""
    return picture - luminance(picture)


def chroma_deviation(style: Tensor) -> Tensor:
    """Deviation of a style's chroma, channel by channel: `color_root` [N, 9] -> [N, 3]."""
    return chroma(_matrix(style).unsqueeze(3)).square().sum((2, 3)).sqrt()


def palette_map(moments: Tensor, style: Tensor) -> tuple[Tensor, Tensor]:
    """The map from the colours `moments` to those of `style`: matrices [N, 3, 3] and shifts [N, 3, 1].

    moments : [N, 9] of `color_moments`, of a picture or of what it is a part of
    style : [N, 9] of `color_root`
    """
    root = _matrix(style)
    _, inverse = _roots(root @ _matrix(moments) @ root)
    turn = root @ inverse @ root
    return turn, style[:, :3, None] - turn @ moments[:, :3, None]


def recolor(picture: Tensor, turn: Tensor, shift: Tensor) -> Tensor:
    """Move the colours of pictures [N, 3, H, W], RGB 0..1, by a `palette_map`; values may leave 0..1."""
    return (turn @ picture.flatten(2) + shift).view_as(picture)


def _matrix(moments: Tensor) -> Tensor:
    """The symmetric matrix [N, 3, 3] in the last six of nine floats."""
    order = torch.tensor([3, 4, 5, 4, 6, 7, 5, 7, 8], device=moments.device)
    return moments.index_select(1, order).view(-1, 3, 3)


def _roots(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """Square root and inverse square root of positive matrices [N, 3, 3], by coupled Newton-Schulz steps.

    Higham 2008, equation 6.35. Matrix products alone, so it runs in ONNX, where eigenvectors do not exist.
    """
    identity = torch.eye(3, device=matrix.device, dtype=matrix.dtype)
    trace = (matrix * identity).sum((1, 2), keepdim=True)
    y, z = matrix / trace + RIDGE * identity, identity.expand_as(matrix)
    for _ in range(ITERATIONS):
        step = 1.5 * identity - 0.5 * (z @ y)
        y, z = y @ step, step @ z
    size = trace.sqrt()
    return y * size, z / size
