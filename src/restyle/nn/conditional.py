"""A network with its own styles: content and one weight per style -> stylized image, in one pass.

Johnson et al. 2016 (residual network, perceptual losses) with the conditional instance normalization of
Dumoulin et al. 2017: the styles share the convolutions and have their own scale and shift for each channel.
The style code of such a network is the weights of its styles, which mix scales and shifts.

Differs from Johnson et al. 2016: the first convolution already halves the size, and all kernels have one
size; upsampling is bilinear with a convolution after it (Odena et al. 2016); the output is linear and kept in
range by a loss, instead of a scaled tanh.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from restyle.nn import initialize_convolutions
from restyle.nn.transformer import mixed_statistics, reflect, upsample
from restyle.options.train import NetworkOptions

STRIDE = 4  # sides of the content must be multiples of it


@dataclass(frozen=True, kw_only=True)
class ConditionalShape(NetworkOptions):
    """Shape of the network: its options, and the number of styles."""

    styles: int = 1

    def points(self) -> Iterator[tuple[str, int, bool]]:
        """Yield name, channels and whether it is normalized, of each point where style enters."""
        everywhere, inside = self.normalization == "all", self.normalization != "none"
        yield "stem", self.width, everywhere
        yield "down", 2 * self.width, everywhere
        for index in range(self.blocks):
            yield f"blocks.{index}.first", 2 * self.width, inside
            yield f"blocks.{index}.second", 2 * self.width, everywhere
        yield "up_half", self.width, everywhere
        yield "up_full", self.width // 2, everywhere


class Residual(nn.Module):
    """Two convolutions of a residual block; `ConditionalTransformer` applies the style after each."""

    def __init__(self, channels: int, kernel: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, kernel)
        self.second = nn.Conv2d(channels, channels, kernel)


class ConditionalTransformer(nn.Module):
    """Several styles in one network; the layout of its weights is in docs/train.md."""

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
        self.normalized = [channels for _, channels, normal in s.points() if normal]
        self.stats_size = max(1, 2 * sum(self.normalized))  # a graph needs at least one
        self.scale = nn.Parameter(torch.ones(s.styles, sum(self.widths)))
        self.shift = nn.Parameter(torch.zeros(s.styles, sum(self.widths)))
        initialize_convolutions(self)
        for block in self.blocks:
            block.second.weight.data *= 0.3  # type: ignore[union-attr, operator]
        self.out.weight.data *= 0.3

    def _convolve(self, convolution: nn.Module, x: Tensor) -> Tensor:
        """Convolve after reflection padding, so that borders look like the interior."""
        convolved: Tensor = convolution(reflect(x, self.shape.kernel_size // 2))
        return convolved

    def forward(
        self,
        content: Tensor,
        code: Tensor,
        stats_in: Tensor | None = None,
        stats_weight: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Return images [N, 3, H, W] in 0..1 (not clamped) and the statistics used, [N, P].

        content : [N, 3, H, W], RGB 0..1, H and W multiples of 4
        code : [N, styles], weights that sum to 1
        stats_in : [N, P], mean and deviation of each normalized channel, from another pass
        stats_weight : [N, 1], 0 uses the picture's own statistics, 1 those of `stats_in`
        """
        count = content.shape[0]
        if stats_in is None:
            stats_in = content.new_zeros(count, self.stats_size)
        if stats_weight is None:
            stats_weight = content.new_zeros(count, 1)
        scales, shifts = (list(torch.split(code @ p, self.widths, 1)) for p in (self.scale, self.shift))
        given = list(torch.split(stats_in, [2 * c for c in self.normalized], 1)) if self.normalized else []
        points = list(self.shape.points())
        used: list[Tensor] = []

        def styled(h: Tensor) -> Tensor:
            scale, shift, (_, _, normal) = scales.pop(0), shifts.pop(0), points.pop(0)
            if normal:
                used.append(mixed_statistics(h, given.pop(0), stats_weight))
                mean, deviation = used[-1].chunk(2, 1)
                scale = scale / deviation
                shift = shift - mean * scale
            return h * scale[:, :, None, None] + shift[:, :, None, None]

        h = F.relu(styled(self._convolve(self.stem, content * 2 - 1)))
        h = F.relu(styled(self._convolve(self.down, h)))
        for block in self.blocks:
            inner = F.relu(styled(self._convolve(block.first, h)))  # type: ignore[arg-type]
            h = h + styled(self._convolve(block.second, inner))  # type: ignore[arg-type]
        h = F.relu(styled(self._convolve(self.up_half, upsample(h))))
        h = F.relu(styled(self._convolve(self.up_full, upsample(h))))
        picture = self._convolve(self.out, h) * 0.5 + 0.5
        return picture, torch.cat(used, 1) if used else stats_in * stats_weight

    @torch.no_grad()
    def add_styles(self, count: int) -> None:
        """Append styles, initialized with the mean of the others (Dumoulin et al. 2017, section 3.2)."""
        for name in ("scale", "shift"):
            old = getattr(self, name)
            new = torch.cat([old, old.mean(0, keepdim=True).expand(count, -1)])
            setattr(self, name, nn.Parameter(new.contiguous()))
        self.shape = replace(self.shape, styles=self.shape.styles + count)


def build(
    shape: Mapping[str, Any], styles: int, weights: Mapping[str, Any] | None, seed: int
) -> ConditionalTransformer:
    """Build a network with the given weights (tensors or arrays), or with initial ones from the seed."""
    torch.manual_seed(seed)
    network = ConditionalTransformer(ConditionalShape(**shape, styles=styles))
    if weights is not None:
        tensors = {
            name: value.clone() if isinstance(value, Tensor) else torch.from_numpy(np.array(value))
            for name, value in weights.items()
        }
        network.load_state_dict(tensors)
    return network
