"""The linear map that gives a photo the palette of a style: mean and covariance of its colors.

Of all such maps, the Monge-Kantorovich map moves the colors least (Pitie and Kokaram 2007). It transfers
several hues at once: a blue and yellow style makes the shadows of a photo blue and its highlights yellow. It
has a closed form, so the network does not need to learn it.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

FLOOR = 4e-4  # variance added to a photo's colors: a deviation of .02, about five 8-bit levels
STYLE_FLOOR = 2e-5  # to a style's: .0045, so that an ink drawing removes the hues of a photo
COLORS = 9  # floats: mean of R, G, B; upper triangle of a symmetric 3x3 matrix
RIDGE = 3e-5  # of its trace, added to a matrix before its root, so that it is positive in float32
ITERATIONS = 24

_UPPER = ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))


def color_moments(picture: Tensor) -> Tensor:
    """Mean and covariance (plus FLOOR) of the colors of images [N, 3, H, W] -> [N, 9].

    Call it for images of half size (`halved`), which is four times as fast and ignores noise.
    """
    mean = picture.mean(3, keepdim=True).mean(2, keepdim=True)  # by rows, which rounds less in float32
    centered = picture - mean
    upper = [(centered[:, a] * centered[:, b]).mean(2).mean(1) + (FLOOR if a == b else 0) for a, b in _UPPER]
    return torch.cat([mean.flatten(1), torch.stack(upper, 1)], 1)


def halved(picture: Tensor) -> Tensor:
    """Average 2x2 pixels [N, 3, H, W]; an odd last row or column is dropped."""
    return F.avg_pool2d(picture, 2)


def color_root(moments: Tensor) -> Tensor:
    """Mean and square root of the covariance, [N, 9] -> [N, 9]: the palette in a style code.

    Unlike covariances, roots mix linearly: halfway between two styles is half the contrast of each.
    """
    floor = torch.eye(3, device=moments.device) * (FLOOR - STYLE_FLOOR)
    root, _ = _roots(_matrix(moments) - floor)
    return torch.cat([moments[:, :3], torch.stack([root[:, a, b] for a, b in _UPPER], 1)], 1)


def luminance(picture: Tensor) -> Tensor:
    """Luminance of Rec. 709, [N, 3, H, W] -> [N, 1, H, W]; the trained networks depend on these weights."""
    return 0.2126 * picture[:, :1] + 0.7152 * picture[:, 1:2] + 0.0722 * picture[:, 2:]


def chroma(picture: Tensor) -> Tensor:
    """Subtract the luminance of an image [N, 3, H, W]."""
    return picture - luminance(picture)


def chroma_deviation(style: Tensor) -> Tensor:
    """Deviation of a style's chroma in each channel: `color_root` [N, 9] -> [N, 3]."""
    return chroma(_matrix(style).unsqueeze(3)).square().sum((2, 3)).sqrt()


def palette_map(moments: Tensor, style: Tensor) -> tuple[Tensor, Tensor]:
    """Map from the colors of an image to those of a style: matrices [N, 3, 3] and shifts [N, 3, 1].

    moments : [N, 9] of `color_moments`, of the image or, for a tile, of the entire image
    style : [N, 9] of `color_root`
    """
    root = _matrix(style)
    _, inverse = _roots(root @ _matrix(moments) @ root)
    matrix = root @ inverse @ root
    return matrix, style[:, :3, None] - matrix @ moments[:, :3, None]


def recolor(picture: Tensor, matrix: Tensor, shift: Tensor) -> Tensor:
    """Apply a `palette_map` to images [N, 3, H, W], RGB, 0..1; values may leave 0..1."""
    return (matrix @ picture.flatten(2) + shift).view_as(picture)


def _matrix(moments: Tensor) -> Tensor:
    """The symmetric matrix [N, 3, 3] in the last six of nine floats."""
    order = torch.tensor([3, 4, 5, 4, 6, 7, 5, 7, 8], device=moments.device)
    return moments.index_select(1, order).view(-1, 3, 3)


def _roots(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """Square root and its inverse of positive matrices [N, 3, 3], by coupled Newton-Schulz iterations.

    Higham 2008, equation 6.35. It needs matrix products only, because ONNX has no eigenvectors.
    """
    identity = torch.eye(3, device=matrix.device, dtype=matrix.dtype)
    trace = (matrix * identity).sum((1, 2), keepdim=True)
    y, z = matrix / trace + RIDGE * identity, identity.expand_as(matrix)
    for _ in range(ITERATIONS):
        step = 1.5 * identity - 0.5 * (z @ y)
        y, z = y @ step, step @ z
    size = trace.sqrt()
    return y * size, z / size
