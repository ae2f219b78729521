"""Plain Gatys on restyle's own encoder: the reference of the benchmark.

Adam at rate .02 from the content at full size (Gatys et al. 2016, with the optimizer and the rate that most
reimplementations use). The loss is the sum over relu1_1 .. relu5_1 of the relative distance of Gram matrices,
plus the relative distance of relu4_1 to the content's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from restyle.methods.optimize.features import FeatureExtractor
from restyle.methods.optimize.losses import (
    Moments,
    feature_loss,
    feature_sums,
    gram_loss,
    moment_sums,
    moments_of,
)
from restyle.nn.encoders import perceptual_encoder
from restyle.options import OptimizeOptions
from restyle.types import FloatArray

RATE = 0.02
STEPS = 300


def tensor(picture: FloatArray) -> Tensor:
    """[H, W, 3] -> [1, 3, H, W], channels last in memory."""
    return torch.from_numpy(picture).permute(2, 0, 1)[None].contiguous(memory_format=torch.channels_last)


class Yardstick:
    """The loss that both methods are compared by.

    Parameters
    ----------
    content, style : np.ndarray [shape=(H, W, 3), float32, RGB, range 0..1]
    """

    def __init__(self, content: FloatArray, style: FloatArray) -> None:
        encoder: Any = perceptual_encoder(OptimizeOptions.encoder)
        self.extractor = FeatureExtractor(
            encoder.to(memory_format=torch.channels_last), grain=False, twice=True
        )
        self.content = tensor(content)
        with torch.no_grad():
            self.wanted = [_moments(feature) for feature in self.extractor(tensor(style))]
            self.deep = self.extractor(self.content)[3]
            self.square = self.deep.square().sum()

    def loss(self, x: Tensor) -> Tensor:
        """Return the loss of a picture [1, 3, H, W]."""
        features = self.extractor(x)
        apart = [
            gram_loss(_moments(feature), wanted)[0]
            for feature, wanted in zip(features, self.wanted, strict=True)
        ]
        sums = feature_sums(features[3], self.deep)
        return torch.stack([*apart, feature_loss(sums, self.square)]).sum()

    def of(self, picture: FloatArray) -> float:
        """Return the loss of a picture [H, W, 3]."""
        with torch.no_grad():
            return float(self.loss(tensor(picture)))


def _moments(feature: Tensor) -> Moments:
    """Compute Gram matrices with the code of restyle, so that both methods are equally fast."""
    everywhere = torch.ones_like(feature[0, :1])
    return moments_of(moment_sums(feature, everywhere), everywhere.sum((1, 2)))


def gatys(
    yardstick: Yardstick, steps: int = STEPS, report: Callable[[int], None] = lambda step: None
) -> Tensor:
    """Optimize with plain Adam; return [1, 3, H, W], clipped to 0..1."""
    x = yardstick.content.clone().requires_grad_()
    adam = torch.optim.Adam([x], lr=RATE)
    for step in range(steps):
        adam.zero_grad()
        yardstick.loss(x).backward()  # type: ignore[no-untyped-call]
        adam.step()
        report(step + 1)
    return x.detach().clamp(0, 1)
