"""Random positions of a layer, and where a picture is calm. They depend on the seed and the step alone."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from restyle.images.color import LUMA_WEIGHTS

ROWS = 1024  # vectors of a layer that are compared at a step
BANK = 4096  # vectors of a layer that represent a style
DIRECTIONS = 64  # of the sliced loss
CALM_STEP = 0.02  # in luma, 0..1: see `calmness`

POSITIONS, COMPARISON, STYLE = range(3)  # purposes of a generator


def generator_of(seed: int, number: int, purpose: int) -> torch.Generator:
    """Return the generator of one step, or one style picture, and one purpose."""
    return torch.Generator().manual_seed((seed * 1_000_003 + number) * 3 + purpose)


def positions_in(share: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Sample positions of a map [H, W] in proportion to `share`, stratified. -> [count]."""
    strata = (torch.arange(count) + torch.rand(count, generator=generator)).double() / count
    if float(share.min()) == float(share.max()):
        found = (strata * share.numel()).long()
    else:
        sums = share.flatten().double().cumsum(0).cpu()
        found = torch.searchsorted(sums, strata * sums[-1], right=True)
    found = found.clamp(max=share.numel() - 1)
    return found[torch.randperm(count, generator=generator)].to(share.device)


def calmness(content: Tensor) -> Tensor:
    """How little detail there is around each pixel of a picture [1, 3, H, W], RGB, 0..1. -> [H, W], 0..1.

    1 in a plain sky, 0.5 where luma differs from its surroundings by CALM_STEP on average. The surroundings
    extend a 32nd of the short side to each side.
    """
    light = (content * content.new_tensor(LUMA_WEIGHTS).view(1, 3, 1, 1)).sum(1, keepdim=True)
    reach = max(1, round(min(content.shape[-2:]) / 64))

    def blurred(x: Tensor) -> Tensor:
        for _ in range(2):
            x = F.avg_pool2d(F.pad(x, (reach,) * 4, mode="reflect"), 2 * reach + 1, 1)
        return x

    detail = blurred((light - blurred(light)).abs())
    return (1 / (1 + (detail / CALM_STEP) ** 2))[0, 0]


def rows_at(feature: Tensor, own: tuple[slice, slice], width: int, positions: Tensor) -> Tensor:
    """Vectors of a layer at those positions that a tile owns, zeros at the others. -> [n, C].

    Parameters
    ----------
    feature : Tensor [1, C, h, w]
        Of the positions that the tile owns.
    own : (slice, slice)
        Its rows and columns in the layer.
    width : int
        Of the layer.
    positions : Tensor [n]
        Flat indices into the layer.
    """
    y, x = positions // width - own[0].start, positions % width - own[1].start
    here = (y >= 0) & (y < feature.shape[2]) & (x >= 0) & (x < feature.shape[3])
    found = feature.new_zeros((len(positions), feature.shape[1]))
    return found.index_put((here.nonzero()[:, 0],), feature[0][:, y[here], x[here]].T)
