"""Content picture + style code -> new picture, in one pass.

The photo takes the palette of the style first, by a linear map. The content path is free of normalisation
except where style enters (as in MicroAST, Wang et al. 2023, and AdaIN, Huang and Belongie 2017): in the
residual blocks at an eighth of the size. The hues of the recoloured photo are added to the result, around the
style's mean hue: what the network has to paint is light and strokes.

Palette and normalisation are all that the network asks of the whole picture; these statistics are an input
and an output of it, see `Transformer.forward`.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from restyle.nn.recoloring import COLORS, color_moments, recolor

STRIDE = 8
EPSILON = 1e-4


@dataclass(frozen=True)
class TransformerShape:
    """Channels at a half, a quarter, an eighth of the size and at full size, and the residual blocks."""

    half: int = 24
    quarter: int = 64
    eighth: int = 96
    full: int = 16
    blocks: int = 5
    code: int = 192


def reflect(x: Tensor, by: int = 1) -> Tensor:
    return F.pad(x, (by, by, by, by), mode="reflect")


def twice(x: Tensor) -> Tensor:
    """Bilinear upsampling: with the 3x3 convolution that follows, no checkerboard (Odena et al. 2016)."""
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)


def high_frequencies(x: Tensor) -> Tensor:
    """What a 3x3 box blur takes away (the skip of PCA-KD, Chiu and Gurari 2022)."""
    return x - F.avg_pool2d(reflect(x), 3, 1)


def chroma(picture: Tensor) -> Tensor:
    """What a picture [N, 3, H, W] has beyond its luminance (Rec. 709)."""
    luminance = 0.2126 * picture[:, :1] + 0.7152 * picture[:, 1:2] + 0.0722 * picture[:, 2:]
    return picture - luminance


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions; the first one's output is normalised, then scaled and shifted by the style."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3)
        self.second = nn.Conv2d(channels, channels, 3)

    def forward(
        self, x: Tensor, scale: Tensor, shift: Tensor, given: Tensor, weight: Tensor
    ) -> tuple[Tensor, Tensor]:
        h = self.first(reflect(x))
        mean = h.mean((2, 3))
        deviation = ((h - mean[:, :, None, None]).square().mean((2, 3)) + EPSILON).sqrt()
        stats = torch.cat([mean, deviation], 1)
        stats = stats + weight * (given - stats)
        mean, deviation = stats.chunk(2, 1)
        scale = (1 + scale) / deviation
        h = F.relu(h * scale[:, :, None, None] + (shift - mean * scale)[:, :, None, None])
        return x + self.second(reflect(h)), stats


class Transformer(nn.Module):
    """The transfer network; about a million parameters and 7 GMAC at 512x512."""

    def __init__(self, shape: TransformerShape | None = None) -> None:
        super().__init__()
        s = self.shape = shape or TransformerShape()
        self.stem = nn.Conv2d(3, s.half, 5, 2)
        self.to_quarter = nn.Conv2d(s.half, s.quarter, 3, 2)
        self.to_eighth = nn.Conv2d(s.quarter, s.eighth, 3, 2)
        self.blocks = nn.ModuleList(ResidualBlock(s.eighth) for _ in range(s.blocks))
        self.skip_quarter = nn.Conv2d(s.quarter, s.quarter, 1)
        self.skip_half = nn.Conv2d(s.half, s.half, 1)
        self.up_quarter = nn.Conv2d(s.eighth, s.quarter, 3)
        self.up_half = nn.Conv2d(s.quarter, s.half, 3)
        self.narrow = nn.Conv2d(s.half, s.full, 3)
        self.up_full = nn.Conv2d(s.full, s.full, 3)
        self.out = nn.Conv2d(s.full, 3, 3)
        self.widths = [
            *[s.eighth] * s.blocks,
            s.eighth,
            s.quarter,
            s.quarter,
            s.half,
            s.half,
            s.full,
            s.full,
        ]
        self.modulation = nn.Linear(s.code, 2 * sum(self.widths))
        self.stats_size = COLORS + 2 * s.eighth * s.blocks
        self.code_size = s.code + COLORS
        self._initialise()

    def _initialise(self) -> None:
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                nn.init.zeros_(module.bias)  # type: ignore[arg-type]
        for block in self.blocks:
            block.second.weight.data *= 0.3  # type: ignore[union-attr, operator]
        nn.init.normal_(self.modulation.weight, std=0.02)
        nn.init.zeros_(self.modulation.bias)
        self.out.weight.data *= 0.3

    def forward(
        self,
        content: Tensor,
        code: Tensor,
        stats_in: Tensor | None = None,
        stats_weight: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Pictures [N, 3, H, W] in 0..1 (not clamped) and the statistics used, [N, P].

        content : [N, 3, H, W], RGB 0..1, H and W multiples of 8 and at least 16
        code : [N, 201] style codes: 192 floats of manner, 9 of palette
        stats_in : [N, P], colour moments, then mean and deviation of every normalised channel, from another
            pass
        stats_weight : [N, 1], 0 uses the picture's own statistics, 1 those of `stats_in`

        With the statistics of a thumbnail, tiles of one picture have no seams (URST, Chen et al. 2022);
        with an average over frames, a video does not flicker.
        """
        count = content.shape[0]
        if stats_in is None:
            stats_in = content.new_zeros(count, self.stats_size)
        if stats_weight is None:
            stats_weight = content.new_zeros(count, 1)
        manner, palette = code[:, : self.shape.code], code[:, self.shape.code :]
        modulation = list(self.modulation(manner).split([2 * w for w in self.widths], 1))
        colors, given_stats = stats_in[:, :COLORS], stats_in[:, COLORS:].chunk(self.shape.blocks, 1)

        def style() -> tuple[Tensor, Tensor]:
            scale, shift = modulation.pop(0).chunk(2, 1)
            return scale, shift

        def modulated(h: Tensor) -> Tensor:
            scale, shift = style()
            return h * (1 + scale)[:, :, None, None] + shift[:, :, None, None]

        own = color_moments(content)
        used = [own + stats_weight * (colors - own)]
        seen = recolor(content, used[0], palette)
        half = F.relu(self.stem(reflect(seen * 2 - 1, 2)))
        quarter = F.relu(self.to_quarter(reflect(half)))
        h = F.relu(self.to_eighth(reflect(quarter)))
        for block, given in zip(self.blocks, given_stats, strict=True):
            h, stats = block(h, *style(), given, stats_weight)
            used.append(stats)
        h = modulated(h)
        h = F.relu(modulated(self.up_quarter(reflect(twice(h)))) + modulated(self.skip_quarter(quarter)))
        fine = self.skip_half(high_frequencies(half))
        h = F.relu(modulated(self.up_half(reflect(twice(h)))) + modulated(fine))
        h = F.relu(modulated(self.narrow(reflect(h))))
        h = F.relu(modulated(self.up_full(reflect(twice(h)))))
        hues = twice(F.avg_pool2d(chroma(seen), 2)) - chroma(palette[:, :3, None, None])  # without its noise
        return self.out(reflect(h)) * 0.5 + 0.5 + hues, torch.cat(used, 1)
