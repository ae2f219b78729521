"""Features of a picture: layers of an encoder, grain layers, tiles, and vectors at random positions.

A picture too large for memory is processed in tiles. Each is read with a halo as wide as the receptive field
of the deepest layer, and only the positions it owns count. Sums over tiles are then exactly the sums over the
picture, because tiles start at multiples of the deepest layer's stride.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from restyle.images.statistics import LUMA_WEIGHTS
from restyle.methods.table import ENCODER_LAYERS, GRAIN_LAYERS

STRIDE = 16  # px, of relu5_1
# px: to save memory, larger pictures are not transposed, and their content is compared at one layer only.
LARGE = 2**21
SMALLEST = 32  # px a side: relu5_1 is padded by reflection, which needs two positions
# px: relu5_1 sees 73 px to each side with restyle's encoder, 85 with VGG-19; a multiple of STRIDE.
HALO = 96

ENCODER_STRIDES = (1, 2, 4, 8, 16)
GRAIN_STRIDES = (1, 2, 4)

# From this layer (relu3_1) on, features are compared at VGG-19's channel width, because a compact encoder
# weights directions differently. Earlier layers would cost the most.
WIDENED = 2

# Floats of a forward and backward pass, measured on a CPU, with autograd's own copies.
FLOATS_A_CHANNEL, FLOATS_A_HEAD, FLOATS_A_FILTER = 6.5, 2.0, 3.0
_GRAIN_FILTERS = 48
_GRAIN_SPREAD = 0.15  # deviation of the biases; pixels are within 0.5 of mid-gray

ROWS = 1024  # vectors of a layer that are compared at a step
BANK = 4096  # vectors of a layer that represent a style
CALM_STEP = 0.02  # in luma, 0..1: see `calmness`
POSITIONS, COMPARISON, STYLE = range(3)  # purposes of a generator


class Encoder(Protocol):
    """Either `nn.encoders.PerceptualEncoder` or `nn.encoders.VGG19`."""

    def features(self, x: Tensor) -> list[Tensor]:
        """relu1_1 .. relu5_1 of pictures [N, 3, H, W], RGB, 0..1."""
        ...

    def widened(self, features: Sequence[Tensor], first: int = 0) -> list[Tensor]:
        """Features of the layers from number `first` on, at the widths of VGG-19."""
        ...


@dataclass(frozen=True)
class Tile:
    """A part of a picture, in px: what it owns, and that plus its halo (`seen`)."""

    top: int
    bottom: int
    left: int
    right: int
    seen_top: int
    seen_bottom: int
    seen_left: int
    seen_right: int

    def own(self, stride: int, height: int, width: int) -> tuple[slice, slice]:
        """Rows and columns that it owns of a layer of this stride, of a picture of this size."""
        ends = [-(-self.bottom // stride), -(-self.right // stride)]
        if self.bottom == height:
            ends[0] = height // stride
        if self.right == width:
            ends[1] = width // stride
        return slice(self.top // stride, ends[0]), slice(self.left // stride, ends[1])

    def inside(self, stride: int, height: int, width: int) -> tuple[slice, slice]:
        """The same rows and columns, counted from the start of the halo."""
        rows, columns = self.own(stride, height, width)
        down, right = self.seen_top // stride, self.seen_left // stride
        return slice(rows.start - down, rows.stop - down), slice(columns.start - right, columns.stop - right)

    def cut(self, x: Tensor) -> Tensor:
        """Cut the tile and its halo out of a picture [N, 3, H, W]; a view."""
        return x[:, :, self.seen_top : self.seen_bottom, self.seen_left : self.seen_right]


def tiles_of(size: tuple[int, int], side: int | None, halo: int = HALO) -> list[Tile]:
    """Cut a picture of (height, width) into tiles that own at most `side` px each way; None: one tile."""
    height, width = size
    spans = []
    for length in (height, width):
        step = length if side is None else max(STRIDE, side // STRIDE * STRIDE)
        starts = list(range(0, length, step))
        if len(starts) > 1 and length - starts[-1] < SMALLEST:
            starts.pop()  # a sliver joins its neighbor
        spans.append([(a, b) for a, b in zip(starts, [*starts[1:], length], strict=True)])
    return [
        Tile(
            top, bottom, left, right,
            max(0, top - halo), min(height, bottom + halo), max(0, left - halo), min(width, right + halo),
        )
        for top, bottom in spans[0]
        for left, right in spans[1]
    ]  # fmt: skip


class FeatureExtractor:
    """Extracts the layers of an encoder, and three grain layers.

    A grain layer is 48 fixed random 3x3 filters with ReLU, at full, half and quarter size. It captures color
    and the finest texture, which a compact encoder represents only roughly (random filters suffice for
    texture: Ustyuzhaninov et al. 2016).

    `twice` adds the features of the transposed picture, at twice the cost: artifacts that deceive the encoder
    in one orientation show in the other. The encoder is on `device`.
    """

    def __init__(
        self, encoder: Encoder, grain: bool = True, *, twice: bool = False, device: torch.device | str = "cpu"
    ) -> None:
        self.encoder, self.grain, self.twice, self.device = encoder, grain, twice, device
        self.names = ENCODER_LAYERS + (GRAIN_LAYERS if grain else ())
        self.strides = ENCODER_STRIDES + (GRAIN_STRIDES if grain else ())  # px between two positions
        generator = torch.Generator().manual_seed(0)
        filters = torch.randn(_GRAIN_FILTERS, 3, 3, 3, generator=generator)
        self.filters = filters / filters.flatten(1).norm(dim=1)[:, None, None, None]
        self.biases = torch.randn(_GRAIN_FILTERS, generator=generator) * _GRAIN_SPREAD

    def __call__(self, x: Tensor) -> list[Tensor]:
        """Features [1, C, h, w] of every layer of a picture [1, 3, H, W], RGB, 0..1."""
        x = x.contiguous(memory_format=torch.channels_last)  # four times as fast on a CPU
        found = self._encode(x)
        if self.grain:
            filters = self.filters.to(x).contiguous(memory_format=torch.channels_last)
            h = x - 0.5
            for index in range(len(GRAIN_LAYERS)):
                if index:
                    h = F.avg_pool2d(h, 2)
                padded = F.pad(h, (1, 1, 1, 1), mode="reflect")
                found.append(F.relu(F.conv2d(padded, filters, self.biases.to(x))))
        return found

    def own(self, x: Tensor, tile: Tile) -> list[Tensor]:
        """Features of a picture [1, 3, H, W] at the positions that a tile owns."""
        height, width = x.shape[-2:]
        return [
            feature[(..., *tile.inside(stride, height, width))]
            for feature, stride in zip(self(tile.cut(x)), self.strides, strict=True)
        ]

    def at(self, height: int, width: int) -> FeatureExtractor:
        """Return the extractor for pictures of this size: large ones are not transposed."""
        if not self.twice or height * width <= LARGE:
            return self
        return FeatureExtractor(self.encoder, self.grain, device=self.device)

    def sizes(self, height: int, width: int) -> list[tuple[int, int]]:
        """Height and width of every layer of a picture of this size."""
        return [(height // stride, width // stride) for stride in self.strides]

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels of the encoder's layers, as compared."""
        return self._widths_of(self._encode)

    @property
    def floats_a_pixel(self) -> float:
        """Floats a pixel that a forward and backward pass takes, measured; see `problem`."""
        times = 2 if self.twice else 1
        channels = [times * width for width in self._widths_of(self.encoder.features)]
        encoder = sum(width / stride**2 for width, stride in zip(channels, ENCODER_STRIDES, strict=True))
        heads = sum(
            width / stride**2
            for width, stride in zip(self.widths[WIDENED:], ENCODER_STRIDES[WIDENED:], strict=True)
        )
        grain = sum(_GRAIN_FILTERS / stride**2 for stride in GRAIN_STRIDES) if self.grain else 0.0
        return FLOATS_A_CHANNEL * encoder + FLOATS_A_HEAD * heads + FLOATS_A_FILTER * grain

    def _widths_of(self, encode: Callable[[Tensor], list[Tensor]]) -> tuple[int, ...]:
        with torch.no_grad():
            probe = torch.zeros((1, 3, SMALLEST, SMALLEST), device=self.device)
            return tuple(feature.shape[1] for feature in encode(probe))

    def _encode(self, x: Tensor) -> list[Tensor]:
        found = self._encode_once(x)
        if self.twice:
            # Transposed, not mirrored: pooling starts at the top left, which transposition keeps in place.
            again = self._encode_once(x.transpose(2, 3).contiguous(memory_format=torch.channels_last))
            found = [
                torch.cat([a.permute(0, 2, 3, 1), b.permute(0, 3, 2, 1)], -1).permute(0, 3, 1, 2)
                for a, b in zip(found, again, strict=True)  # channels stay last in memory
            ]
        return found

    def _encode_once(self, x: Tensor) -> list[Tensor]:
        features = self.encoder.features(x)
        return [*features[:WIDENED], *self.encoder.widened(features[WIDENED:], WIDENED)]


def shares_of(masks: Tensor, sizes: Sequence[tuple[int, int]]) -> list[Tensor]:
    """Resize masks [R, H, W] to the sizes of the layers: a list of [R, h, w]."""
    return [F.interpolate(masks[None], size, mode="area")[0] for size in sizes]


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


def rows_at(feature: Tensor, own: tuple[slice, slice], width: int, positions: Tensor) -> Tensor:
    """Vectors of a layer at those of the flat positions [n] that a tile owns, zeros at the others. -> [n, C].

    `feature` [1, C, h, w] has the rows and columns `own` of the layer, which has this width.
    """
    y, x = positions // width - own[0].start, positions % width - own[1].start
    here = (y >= 0) & (y < feature.shape[2]) & (x >= 0) & (x < feature.shape[3])
    found = feature.new_zeros((len(positions), feature.shape[1]))
    return found.index_put((here.nonzero()[:, 0],), feature[0][:, y[here], x[here]].T)


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
