"""Styles prepared once for several steps: their pictures pass the teachers once, not at every step."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from copy import copy

import torch
from torch import Tensor

from restyle.nn.losses import Target, liveliness, style_target
from restyle.nn.style_encoder import StyleEncoder

LIVELY = (1, 2, 3)  # layers whose texture must be everywhere that the style has it: relu2_1 to relu4_1
TOGETHER = 8  # crops that pass the networks at once


class StyleBank:
    """What training needs of style pictures: what the style encoder sees, and the targets.

    crops : the pictures, in batches [N, 3, H, W] of at most TOGETHER
    judge : pictures [N, 3, H, W] -> the features whose statistics are the target
    """

    def __init__(
        self,
        crops: Iterable[Tensor],
        encoder: StyleEncoder,
        judge: Callable[[Tensor], Sequence[Tensor]],
    ) -> None:
        seen, targets, lively = [], [], []
        device = encoder.centre.device
        with torch.no_grad():
            for batch in crops:
                pictures = batch.to(device, memory_format=torch.channels_last)
                seen.append(encoder.observe(pictures))
                features = judge(pictures)
                made = [style_target(feature) for feature in features]
                targets.append(made)
                lively.append([liveliness(features[i], made[i][2], 1 << i) for i in LIVELY])
        self.observed = torch.cat(seen)
        self.lively = [torch.cat(layer) for layer in zip(*lively, strict=True)]
        self.targets: list[Target] = [
            (
                torch.cat([t[0] for t in layer]),
                torch.cat([t[1] for t in layer]),
                torch.cat([t[2] for t in layer]),
            )
            for layer in zip(*targets, strict=True)
        ]

    def texture(self, which: Tensor) -> list[Tensor]:
        """`liveliness` of the pictures `which` at the layers LIVELY, each [N, C]."""
        return [layer[which] for layer in self.lively]

    def take(self, which: Tensor) -> tuple[Tensor, list[Target]]:
        """Observations [N, ...] and targets of the pictures `which`, [N] indices."""
        return self.observed[which], [
            (matrix[which], mean[which], deviation[which]) for matrix, mean, deviation in self.targets
        ]

    def beside(self, other: StyleBank) -> StyleBank:
        """Both together: these styles, then those of `other`."""
        both = copy(self)
        both.observed = torch.cat([self.observed, other.observed])
        both.lively = [torch.cat(pair) for pair in zip(self.lively, other.lively, strict=True)]
        both.targets = [
            (torch.cat([a[0], b[0]]), torch.cat([a[1], b[1]]), torch.cat([a[2], b[2]]))
            for a, b in zip(self.targets, other.targets, strict=True)
        ]
        return both
