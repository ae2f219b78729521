"""What of the content is to stay: its features, or how its parts are alike; and what keeps a picture clean.

The losses of features and of pixels are sums over positions, so that those of the tiles of a picture add up
to those of the whole.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor


def feature_sums(feature: Tensor, content: Tensor, share: Tensor) -> Tensor:
    """``[sum of share * |F - F_c|^2, sum of share * |F|^2]`` over positions. -> Tensor [2].

    Parameters
    ----------
    feature, content : Tensor [1, C, H, W]
    share : Tensor [H, W]
        How much each position counts.
    """
    found: Tensor = _FeatureSums.apply(feature, content, share)  # type: ignore[no-untyped-call]
    return found


class _FeatureSums(torch.autograd.Function):
    """The sums, with the gradient written out: a fraction of the passes over the features."""

    @staticmethod
    def forward(ctx: Any, feature: Tensor, content: Tensor, share: Tensor) -> Tensor:
        ctx.save_for_backward(feature, content, share)
        apart = feature - content
        return torch.stack([(each * each * share).sum() for each in (apart, feature)])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        feature, content, share = ctx.saved_tensors
        of_apart, of_own = 2 * gradients[0]
        pull = (feature * (of_apart + of_own)).sub_(content * of_apart)
        return pull.mul_(share), None, None


def feature_loss(sums: Tensor, content_square: Tensor) -> Tensor:
    """``|F - F_c|^2 / (|F|^2 + |F_c|^2)`` out of the sums of `feature_sums` and |F_c|^2. -> scalar.

    Gatys et al. 2016, equation 1, relative to the magnitude of what is compared.
    """
    return sums[0] / (sums[1] + content_square + 1e-12)


def self_similarity_loss(ours: Tensor, content: Tensor) -> Tensor:
    """How differently the parts of two pictures resemble each other. Tensors [n, C] -> scalar.

    The cosine distances of all pairs of positions, each column relative to its sum, are compared between
    output and content (STROTSS, Kolkin et al. 2019, equation 8): which parts belong together stays, colour
    and contrast may go. 0 for equal, at most 2.

    Parameters
    ----------
    ours, content : Tensor [n, C]
        Features of one and the same positions.
    """
    relative = []
    for rows in (ours, content):
        unit = F.normalize(rows, dim=1, eps=1e-6)
        distances = (1 - unit @ unit.T).clamp(min=0)
        relative.append(distances / (distances.sum(0, keepdim=True) + 1e-6))
    return (relative[0] - relative[1]).abs().sum(0).mean()


def variation_sum(x: Tensor, rows: slice, columns: slice) -> Tensor:
    """Sum over a part of the picture of the squared steps to the pixel below and to the right. -> scalar.

    Total variation; differs from Rudin et al. 1992 in the square, which spares strong edges less and noise
    not at all, as usual in style transfer.

    Parameters
    ----------
    x : Tensor [1, 3, H, W]
    rows, columns : slice
        The pixels that count; the last ones need their neighbour in `x`, or have no step.
    """
    down = (x[:, :, 1:] - x[:, :, :-1])[:, :, rows, columns].square().sum()
    right = (x[..., 1:] - x[..., :-1])[..., rows, columns].square().sum()
    return down + right


def range_sum(x: Tensor) -> Tensor:
    """Sum of squares of what leaves 0..1; clipping it would make flat wastelands. [...] -> scalar."""
    return torch.square((x - 1).clamp(min=0)).sum() + torch.square((-x).clamp(min=0)).sum()
