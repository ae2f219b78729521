"""The transformer: content image and style code -> stylized image, in one pass.

A linear map first gives the photo the palette of the style, that is mean and covariance of its colors. Of all
such maps, the Monge-Kantorovich map moves the colors least (Pitie and Kokaram 2007). It transfers several
hues at once: a blue and yellow style makes the shadows of a photo blue and its highlights yellow. It has a
closed form, so the network does not need to learn it. The hues of the recolored photo are added to the
result, so the network paints brightness and strokes.

Features are normalized only where style enters, in the residual blocks (as in MicroAST, Wang et al. 2023, and
AdaIN, Huang and Belongie 2017). Three 1x1 convolutions of the decoder are predicted from the code (as in
AdaConv, Chandran et al. 2021, but of low rank and added to the identity); each forms a style-specific filter
with the 3x3 convolution after it. In nearly flat areas, strokes start from the photo's local contrast, which
both lower levels receive.

Palette and normalization need statistics of the entire image. They are an input and an output of the network;
see `Transformer.forward`.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from restyle.nn import initialize_convolutions

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


STRIDE = 8
MIXING_GAIN = 0.2  # of the code: the mixing is a product of two predictions, so it must learn more slowly
EPSILON = 1e-4
LEAST_QUARTER, LEAST_EIGHTH = 0.008, 0.005  # see `local_contrast`
MAX_HUE = 2.5  # deviations from the style's mean hue: the map is linear, but palettes end


@dataclass(frozen=True)
class TransformerShape:
    """Hyperparameters of the transformer.

    half, quarter, eighth, full : channels at these sizes
    blocks, fine_blocks : residual blocks at an eighth and at a quarter of the size
    rank : of the predicted convolutions
    code : size of the style code, without the palette
    """

    half: int = 24
    quarter: int = 64
    eighth: int = 96
    full: int = 16
    blocks: int = 4
    fine_blocks: int = 1
    rank: int = 16
    code: int = 192


def reflect(x: Tensor, by: int = 1) -> Tensor:
    return F.pad(x, (by, by, by, by), mode="reflect")


def upsample(x: Tensor) -> Tensor:
    """Upsample by two, bilinearly: with a 3x3 convolution after it, no checkerboard (Odena et al. 2016)."""
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)


class UpConv(nn.Conv2d):
    """Bilinear upsampling by two, then a 3x3 convolution.

    [N, C, H, W] -> [N, out, 2 H + 2, 2 W + 2]: one pixel of border, replicated, for the next 3x3 convolution.
    """

    def __init__(self, channels: int, out: int) -> None:
        super().__init__(channels, out, 3)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(upsample(F.pad(x, (1, 1, 1, 1), mode="replicate")))


def local_contrast(x: Tensor, least: float) -> Tensor:
    """Normalize local contrast, so that strokes can start in faint shades. [N, 1, H, W] -> the same.

    Jarrett et al. 2009; differs: box windows of 5x5. A convolutional layer would paint a flat area flat.

    least : deviation that is halfway amplified; noise below it stays low
    """
    around = x - F.avg_pool2d(x, 5, 1, 2, count_include_pad=False)
    deviation = F.avg_pool2d(around * around, 5, 1, 2, count_include_pad=False)
    return around / (deviation + least * least).sqrt()


def high_frequencies(x: Tensor) -> Tensor:
    """Subtract a 3x3 box blur (the skip connection of PCA-KD, Chiu and Gurari 2022)."""
    return x - F.avg_pool2d(reflect(x), 3, 1)


def mixed_statistics(h: Tensor, given: Tensor, weight: Tensor) -> Tensor:
    """Mean and deviation of each channel, [N, 2 C], mixed with those `given`, whose weight is [N, 1]."""
    mean = h.mean((2, 3))
    deviation = ((h - mean[:, :, None, None]).square().mean((2, 3)) + EPSILON).sqrt()
    stats = torch.cat([mean, deviation], 1)
    return stats + weight * (given - stats)


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions; the output of the first is normalized, then scaled and shifted by the style."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3)
        self.second = nn.Conv2d(channels, channels, 3)

    def forward(
        self, x: Tensor, scale: Tensor, shift: Tensor, given: Tensor, weight: Tensor
    ) -> tuple[Tensor, Tensor]:
        h = self.first(reflect(x))
        stats = mixed_statistics(h, given, weight)
        mean, deviation = stats.chunk(2, 1)
        scale = (1 + scale) / deviation
        h = F.relu(h * scale[:, :, None, None] + (shift - mean * scale)[:, :, None, None])
        return x + self.second(reflect(h)), stats


class Transformer(nn.Module):
    """The transfer network; about 2.3 million parameters and 7 GMAC at 512x512."""

    def __init__(self, shape: TransformerShape | None = None) -> None:
        super().__init__()
        s = self.shape = shape or TransformerShape()
        self.stem = nn.Conv2d(3, s.half, 5, 2)
        self.to_quarter = nn.Conv2d(s.half, s.quarter, 3, 2)
        self.to_eighth = nn.Conv2d(s.quarter, s.eighth, 3, 2)
        self.seed_quarter = nn.Conv2d(1, s.quarter, 3, padding=1)
        self.seed_eighth = nn.Conv2d(1, s.eighth, 3, padding=1)
        self.blocks = nn.ModuleList(ResidualBlock(s.eighth) for _ in range(s.blocks))
        self.skip_quarter = nn.Conv2d(s.quarter, s.quarter, 1)
        self.skip_half = nn.Conv2d(s.half, s.half, 1)
        self.up_quarter = UpConv(s.eighth, s.quarter)
        self.fine_blocks = nn.ModuleList(ResidualBlock(s.quarter) for _ in range(s.fine_blocks))
        self.up_half = UpConv(s.quarter, s.half)
        self.narrow = nn.Conv2d(s.half, s.full, 3)
        self.up_full = UpConv(s.full, s.full)
        self.out = nn.Conv2d(s.full, 3, 3)
        self.widths = [
            *[s.eighth] * s.blocks,
            s.eighth,
            s.quarter,
            s.quarter,
            *[s.quarter] * s.fine_blocks,
            s.half,
            s.half,
            s.full,
            s.full,
        ]
        self.modulation = nn.Linear(s.code, 2 * sum(self.widths))
        self.mixed = [(s.eighth, s.rank), (s.quarter, s.rank), (s.half, s.rank)]
        self.mixing = nn.Linear(s.code, sum(2 * width * rank for width, rank in self.mixed) + 1)
        self.stats_sizes = [2 * s.eighth] * s.blocks + [2 * s.quarter] * s.fine_blocks
        self.stats_size = COLORS + sum(self.stats_sizes)
        self.code_size = s.code + COLORS
        self._initialize()

    def _initialize(self) -> None:
        initialize_convolutions(self)
        for block in [*self.blocks, *self.fine_blocks]:
            block.second.weight.data *= 0.3
        nn.init.normal_(self.modulation.weight, std=0.02)
        nn.init.zeros_(self.modulation.bias)
        nn.init.normal_(self.mixing.weight, std=0.02)
        nn.init.zeros_(self.mixing.bias)
        first = 0
        for width, rank in self.mixed:  # the identity at first: only the second factor is zero
            nn.init.normal_(self.mixing.bias[first : first + width * rank], std=width**-0.5)
            nn.init.zeros_(self.mixing.weight[first + width * rank : first + 2 * width * rank])
            first += 2 * width * rank
        nn.init.zeros_(self.mixing.weight[-1:])
        self.out.weight.data *= 0.3
        for seed in (self.seed_quarter, self.seed_eighth):
            nn.init.zeros_(seed.weight)

    def forward(
        self,
        content: Tensor,
        code: Tensor,
        stats_in: Tensor | None = None,
        stats_weight: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Return images [N, 3, H, W] in 0..1 (not clamped) and the statistics used, [N, P].

        content : [N, 3, H, W], RGB 0..1, H and W multiples of 8 and at least 16
        code : [N, 201] style codes: 192 values of texture, 9 of palette
        stats_in : [N, P], color moments, then mean and deviation of each normalized channel, from another
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
        texture, palette = code[:, : self.shape.code], code[:, self.shape.code :]
        modulation = list(self.modulation(texture).split([2 * w for w in self.widths], 1))
        sizes = [width * rank for width, rank in self.mixed for _ in range(2)]
        *mixing, gain = self.mixing(MIXING_GAIN * texture).split([*sizes, 1], 1)
        colors, *given_stats = stats_in.split([COLORS, *self.stats_sizes], 1)  # type: ignore[no-untyped-call]

        def style() -> tuple[Tensor, Tensor]:
            scale, shift = modulation.pop(0).chunk(2, 1)
            return scale, shift

        def modulated(h: Tensor) -> Tensor:
            scale, shift = style()
            return h * (1 + scale)[:, :, None, None] + shift[:, :, None, None]

        def mixed(h: Tensor) -> Tensor:
            width = h.shape[1]
            down, up = (mixing.pop(0).view(count, -1, width) for _ in range(2))
            added: Tensor = (up.transpose(1, 2) @ (down @ h.flatten(2))).view_as(h)
            return h + added

        small = halved(content)
        own = color_moments(small)
        used = [own + stats_weight * (colors - own)]
        matrix, shift = palette_map(used[0], palette)
        recolored = recolor(content, matrix, shift)
        half = F.relu(self.stem(reflect(recolored * 2 - 1, 2)))
        light = F.avg_pool2d(luminance(small), 2)
        quarter = self.to_quarter(reflect(half)) + self.seed_quarter(local_contrast(light, LEAST_QUARTER))
        quarter = F.relu(quarter)
        seed = self.seed_eighth(local_contrast(F.avg_pool2d(light, 2), LEAST_EIGHTH))
        h = F.relu(self.to_eighth(reflect(quarter)) + seed)
        for block in self.blocks:
            h, stats = block(h, *style(), given_stats.pop(0), stats_weight)
            used.append(stats)
        h = self.up_quarter(mixed(modulated(h)))[:, :, 1:-1, 1:-1]
        h = F.relu(modulated(h) + modulated(self.skip_quarter(quarter)))
        for block in self.fine_blocks:
            h, stats = block(h, *style(), given_stats.pop(0), stats_weight)
            used.append(stats)
        fine = self.skip_half(reflect(high_frequencies(half)))
        h = F.relu(modulated(self.up_half(mixed(h))) + modulated(fine))
        h = F.relu(modulated(self.narrow(mixed(h))))
        h = F.relu(modulated(self.up_full(h)))
        hues = chroma(recolor(small, matrix, shift)) - chroma(palette[:, :3, None, None])  # without noise
        most = MAX_HUE * chroma_deviation(palette)[:, :, None, None]
        hues = torch.maximum(torch.minimum(hues, most), -most)
        detail = gain[:, :, None, None] * high_frequencies(luminance(recolored))
        return self.out(h) * 0.5 + 0.5 + upsample(hues) + detail, torch.cat(used, 1)
