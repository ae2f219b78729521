"""A network with styles of its own: content + weights of its N styles -> new picture, in one pass.

After Johnson et al. 2016 (residual network, perceptual losses) with the conditional instance normalisation
of Dumoulin et al. 2017: all styles share the convolutions, each has a scale and a shift of its own for every
channel. A mixture of styles is the same mixture of their scales and shifts, so the style code of such a
network is simply the N weights.

Differs from Johnson et al. 2016: the first convolution already halves the size and all kernels are of one
size; upsampling is bilinear with a convolution after it, against checkerboards (Odena et al. 2016); the
output is linear and kept in range by a loss, where theirs is a scaled tanh.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from restyle.errors import OptionError
from restyle.nn.transformer import EPSILON, reflect, twice

STRIDE = 4  # sides of the content must be multiples of it
Normalisation = Literal["blocks", "all", "none"]


@dataclass(frozen=True)
class ConditionalShape:
    """What decides the size of the network.

    kernel_size : side of every convolution's kernel, odd
    width : channels at half the size; twice as many at a quarter, half as many at full size; even
    blocks : residual blocks, at a quarter of the size
    normalisation : where features are normalised over the picture before the style's scale and shift:
        ``all`` after every convolution (Dumoulin et al. 2017), ``blocks`` after the first one of each
        residual block only, which keeps the colour layout of the content, ``none`` nowhere
    styles : N, styles of its own
    """

    kernel_size: int = 3
    width: int = 32
    blocks: int = 5
    normalisation: Normalisation = "all"
    styles: int = 1

    def __post_init__(self) -> None:
        if self.kernel_size % 2 == 0:
            raise OptionError(f"kernel-size {self.kernel_size} is even; a kernel needs a middle: 3, 5, 7, 9")
        if self.width % 2:
            raise OptionError(f"width {self.width} is odd; at full size there are half as many channels")

    def points(self) -> Iterator[tuple[str, int, bool]]:
        """Name, channels and whether it is normalised, of each point where the style enters, in order."""
        everywhere, inside = self.normalisation == "all", self.normalisation != "none"
        yield "stem", self.width, everywhere
        yield "down", 2 * self.width, everywhere
        for index in range(self.blocks):
            yield f"blocks.{index}.first", 2 * self.width, inside
            yield f"blocks.{index}.second", 2 * self.width, everywhere
        yield "up_half", self.width, everywhere
        yield "up_full", self.width // 2, everywhere


class Residual(nn.Module):
    """The two convolutions of a residual block; `ConditionalTransformer` puts the style between them."""

    def __init__(self, channels: int, kernel: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, kernel)
        self.second = nn.Conv2d(channels, channels, kernel)


class ConditionalTransformer(nn.Module):
    """N styles in one network; the layout of its weights is in docs/train.md."""

    def __init__(self, shape: ConditionalShape | None = None) -> None:
        super().__init__()
        s = self.shape = shape or ConditionalShape()
        k, w = s.kernel_size, s.width
        self.stem = nn.Conv2d(3, w, k, 2)
        self.down = nn.Conv2d(w, 2 * w, k, 2)
        self.blocks = nn.ModuleList(Residual(2 * w, k) for _ in range(s.blocks))
        self.up_half = nn.Conv2d(2 * w, w, k)
        self.up_full = nn.Conv2d(w, w // 2, k)
        self.out = nn.Conv2d(w // 2, 3, k)
        self.widths = [channels for _, channels, _ in s.points()]
        self.normalised = [channels for _, channels, normal in s.points() if normal]
        self.stats_size = max(1, 2 * sum(self.normalised))  # a graph needs at least one
        self.scale = nn.Parameter(torch.ones(s.styles, sum(self.widths)))
        self.shift = nn.Parameter(torch.zeros(s.styles, sum(self.widths)))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                nn.init.zeros_(module.bias)  # type: ignore[arg-type]
        for block in self.blocks:
            block.second.weight.data *= 0.3  # type: ignore[union-attr, operator]
        self.out.weight.data *= 0.3

    def _convolve(self, convolution: nn.Module, x: Tensor) -> Tensor:
        """Reflection padding, so that borders look like the interior, then the convolution."""
        found: Tensor = convolution(reflect(x, self.shape.kernel_size // 2))
        return found

    def forward(
        self,
        content: Tensor,
        code: Tensor,
        stats_in: Tensor | None = None,
        stats_weight: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Pictures [N, 3, H, W] in 0..1 (not clamped) and the statistics used, [N, P].

        content : [N, 3, H, W], RGB 0..1, H and W multiples of 4
        code : [N, styles], the weight of each style, summing to 1
        stats_in : [N, P], mean and deviation of every normalised channel, from another pass
        stats_weight : [N, 1], 0 uses the picture's own statistics, 1 those of `stats_in`
        """
        count = content.shape[0]
        if stats_in is None:
            stats_in = content.new_zeros(count, self.stats_size)
        if stats_weight is None:
            stats_weight = content.new_zeros(count, 1)
        scales, shifts = (list(torch.split(code @ p, self.widths, 1)) for p in (self.scale, self.shift))
        given = list(torch.split(stats_in, [2 * c for c in self.normalised], 1)) if self.normalised else []
        points = list(self.shape.points())
        used: list[Tensor] = []

        def styled(h: Tensor) -> Tensor:
            scale, shift, (_, _, normal) = scales.pop(0), shifts.pop(0), points.pop(0)
            if normal:
                mean = h.mean((2, 3))
                deviation = ((h - mean[:, :, None, None]).square().mean((2, 3)) + EPSILON).sqrt()
                stats = torch.cat([mean, deviation], 1)
                stats = stats + stats_weight * (given.pop(0) - stats)
                used.append(stats)
                mean, deviation = stats.chunk(2, 1)
                scale = scale / deviation
                shift = shift - mean * scale
            return h * scale[:, :, None, None] + shift[:, :, None, None]

        h = F.relu(styled(self._convolve(self.stem, content * 2 - 1)))
        h = F.relu(styled(self._convolve(self.down, h)))
        for block in self.blocks:
            inner = F.relu(styled(self._convolve(block.first, h)))  # type: ignore[arg-type]
            h = h + styled(self._convolve(block.second, inner))  # type: ignore[arg-type]
        h = F.relu(styled(self._convolve(self.up_half, twice(h))))
        h = F.relu(styled(self._convolve(self.up_full, twice(h))))
        picture = self._convolve(self.out, h) * 0.5 + 0.5
        return picture, torch.cat(used, 1) if used else stats_in * stats_weight

    @torch.no_grad()
    def add_styles(self, count: int) -> None:
        """Append styles that begin as the mean of those there are (Dumoulin et al. 2017, section 3.2)."""
        for name in ("scale", "shift"):
            old = getattr(self, name)
            new = torch.cat([old, old.mean(0, keepdim=True).expand(count, -1)])
            setattr(self, name, nn.Parameter(new.contiguous()))
        self.shape = ConditionalShape(
            self.shape.kernel_size,
            self.shape.width,
            self.shape.blocks,
            self.shape.normalisation,
            self.shape.styles + count,
        )


def build(
    shape: Mapping[str, Any], styles: int, weights: Mapping[str, Any] | None, seed: int
) -> ConditionalTransformer:
    """A network of that shape: with those weights (tensors or arrays), or with first ones by the seed."""
    torch.manual_seed(seed)
    network = ConditionalTransformer(ConditionalShape(**shape, styles=styles))
    if weights is not None:
        tensors = {
            name: value.clone() if isinstance(value, Tensor) else torch.from_numpy(np.array(value))
            for name, value in weights.items()
        }
        network.load_state_dict(tensors)
    return network
