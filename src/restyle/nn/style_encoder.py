"""Style picture -> style code: statistics of perceptual features, pressed into one small vector."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from restyle.nn.encoders import PerceptualEncoder
from restyle.nn.recoloring import COLORS, color_moments, color_root, halved

CODE = 192
PROJECTED = 24
HIDDEN = 256


class StyleEncoder(nn.Module):
    """Style pictures [N, 3, H, W] (RGB 0..1, any size from 32) -> codes [N, 192 + 9].

    Per layer of the frozen perceptual encoder: every channel's mean and deviation (Huang and Belongie
    2017), and the Gram matrix (Gatys et al. 2016) of a random orthogonal 1x1 projection of the features to
    24 channels, divided by its norm, which keeps what belongs together and drops the square of the width.
    They are standardised by their mean and deviation over many pictures (`calibrate`), since what all
    pictures share says nothing of style; two linear layers follow, and the 192 floats are normalised to mean
    0 and deviation 1. Nine more hold the palette: mean and root of the covariance of the colours.
    """

    def __init__(self, encoder: PerceptualEncoder, code: int = CODE, projected: int = PROJECTED) -> None:
        super().__init__()
        self.encoder = encoder.requires_grad_(False)
        widths = encoder.shape.widths
        self.projections = nn.ModuleList(nn.Conv2d(w, projected, 1, bias=False) for w in widths)
        for projection in self.projections:
            nn.init.orthogonal_(projection.weight)  # type: ignore[arg-type]
        self.projections.requires_grad_(False)
        upper = torch.triu_indices(projected, projected)
        self.upper: Tensor
        self.register_buffer("upper", upper[0] * projected + upper[1], persistent=False)
        size = 2 * sum(widths) + len(widths) * upper.shape[1]
        self.centre: Tensor
        self.spread: Tensor
        self.register_buffer("centre", torch.zeros(size))
        self.register_buffer("spread", torch.ones(size))
        self.hidden = nn.Linear(size, HIDDEN)
        self.out = nn.Linear(HIDDEN, code)
        self.manner = code
        self.code_size = code + COLORS

    def statistics(self, features: Sequence[Tensor]) -> Tensor:
        """Means, log deviations and projected Gram matrices of the five layers, [N, size]."""
        parts = []
        for feature, projection in zip(features, self.projections, strict=True):
            mean = feature.mean((2, 3), keepdim=True)
            # of norm and mean: no second picture of 32 channels has to be kept, as centring would need
            squares = torch.linalg.vector_norm(feature, dim=(2, 3), keepdim=True).square()
            variance = squares / (feature.shape[2] * feature.shape[3]) - mean * mean
            deviation = (variance.clamp(min=0) + 1e-4).sqrt()
            projected = projection(feature).flatten(2)
            gram = (projected @ projected.transpose(1, 2) / projected.shape[2]).flatten(1)
            gram = gram / (gram.square().sum(1, keepdim=True) + 1e-8).sqrt()
            parts += [mean.flatten(1), deviation.log().flatten(1), gram.index_select(1, self.upper)]
        return torch.cat(parts, 1)

    @torch.no_grad()
    def calibrate(self, pictures: Iterable[Tensor]) -> None:
        """Learn what pictures have in common, from batches [N, 3, H, W] of at least two pictures in all."""
        seen = torch.cat([self.statistics(self.encoder.features(batch)) for batch in pictures])
        self.centre.copy_(seen.mean(0))
        self.spread.copy_(seen.std(0).clamp(min=1e-3))

    @torch.no_grad()
    def observe(self, style: Tensor) -> Tensor:
        """All that is seen of pictures and not learnt, [N, 9 + size]: may be kept and used many times."""
        known = (self.statistics(self.encoder.features(style)) - self.centre) / self.spread
        return torch.cat([color_root(color_moments(halved(style))), known.clamp(-6, 6)], 1)

    def from_observed(self, observed: Tensor) -> Tensor:
        """Code of what `observe` gave."""
        palette, known = observed[:, :COLORS], observed[:, COLORS:]
        manner: Tensor = self.out(F.leaky_relu(self.hidden(known), 0.1))
        return torch.cat([F.layer_norm(manner, (self.manner,)), palette], 1)

    def forward(self, style: Tensor) -> Tensor:
        return self.from_observed(self.observe(style))
