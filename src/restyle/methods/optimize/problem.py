"""The problem that `optimize` solves: content, masks, styles and weights, at each size of a run.

Coarse to fine: large forms are settled at small sizes, where steps are cheap and receptive fields are large.
Each size starts from the result of the previous one and adds finer detail (Gatys et al. 2017, "Controlling
Perceptual Factors in Neural Style Transfer", section 6).

Pictures are cut into tiles that fit in memory. Memory is what the process holds at the start (Python, torch,
weights), plus arrays as large as the picture (the picture, its gradient, the averages of the optimizer,
masks, content features), plus what one forward and backward pass holds for the pixels of one tile and its
halo. Figures were measured on a CPU.
"""

from __future__ import annotations

import hashlib
import math
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from restyle.errors import OptionError
from restyle.images.geometry import pad, rotate, unpad
from restyle.images.resize import fit_size, resize
from restyle.methods.optimize.features import ENCODER_STRIDES, HALO, LARGE, SMALLEST, STRIDE, FeatureExtractor
from restyle.methods.optimize.objective import Anchor, Objective, StylePicture, Weights
from restyle.methods.protocol import Previous
from restyle.methods.table import ENCODER_LAYERS, GRAIN_LAYERS, LOSSES, Measure
from restyle.models.style_codes import Exemplar
from restyle.nn.encoders import PerceptualEncoder, perceptual_encoder
from restyle.options.image import OptimizeOptions
from restyle.types import FloatArray

COARSEST = 64  # px, short side: below it relu5_1 has few positions left
FACTOR = 2.0
# Steps of a size relative to the next finer one: small sizes are cheap and settle the composition.
EMPHASIS = 1.4
# At small sizes the content has less weight, or a flat sky stays flat: the size relative to the full one to
# this power, and at least LEAST_CONTENT.
CONTENT_POWER, LEAST_CONTENT = 1.5, 0.05

SMALLEST_TILE = 16 * STRIDE
# Arrays of the picture's size that a run holds besides the pairs of L-BFGS: pictures, gradients, masks.
ARRAYS = 12
PAIRS = (2, 12)  # of L-BFGS, minimum and maximum
_PAIRS_SHARE = 0.4  # of the memory, at most, goes into them
_PROCESS = 0.6e9  # bytes, where the system does not report it
_STATISTICS_SHARE = 0.5  # memory of a pass without gradients, relative to a forward and backward pass

Size = tuple[int, int]  # height and width, in px
_LEAST = 1e-3  # share of a pixel that makes a region


@dataclass(frozen=True)
class Part:
    """A region of the picture and its styles."""

    # Of the region in each pixel [H, W]; None is 1 everywhere. What lacks to 1 has content losses only.
    share: FloatArray | None
    styles: Sequence[Exemplar]


def masks_of(size: tuple[int, ...], parts: Sequence[Part]) -> list[FloatArray]:
    """Return the shares of the parts, and of the rest if there is any: they sum to 1 everywhere.

    Examples
    --------
    >>> [float(mask.mean()) for mask in masks_of((2, 2), [Part(np.full((2, 2), 0.25, np.float32), ())])]
    [0.25, 0.75]
    >>> [float(mask.mean()) for mask in masks_of((2, 2), [])]
    [1.0]
    """
    ones = np.ones(size, np.float32)
    masks = [ones if part.share is None else part.share for part in parts]
    rest = np.asarray(ones - sum(masks), np.float32)
    return [*masks, rest] if rest.max() > _LEAST else masks


@dataclass(frozen=True)
class Level:
    """One size: height and width in px, number of steps, and its short side relative to the full size."""

    height: int
    width: int
    steps: int
    part: float

    def cost(self, steps: int) -> float:
        """Cost of this many steps, in pixels."""
        return float(steps * self.height * self.width)

    def content_share(self, large_forms: float = 1.0) -> float:
        """Content weight relative to the full size; `large_forms`, 0..1: how freely large forms may change.

        Examples
        --------
        >>> Level(512, 768, 30, 1.0).content_share(), Level(128, 192, 30, 0.25).content_share()
        (1.0, 0.125)
        >>> Level(128, 192, 30, 0.25).content_share(large_forms=0)
        1.0
        """
        return float(max(LEAST_CONTENT, self.part**CONTENT_POWER) ** large_forms)


def plan_levels(size: Size, steps: int) -> list[Level]:
    """Plan the sizes for a picture, the coarsest first, the last one its own, with `steps` in total.

    With fewer steps than sizes, the coarsest sizes are left out.
    """
    short = min(size)
    parts = [1.0]
    while round(short * parts[0] / FACTOR) >= COARSEST:
        parts.insert(0, parts[0] / FACTOR)
    parts = parts[-steps:]
    sizes = [fit_size(size, short=max(1, round(short * part))) for part in parts[:-1]] + [size]
    return [
        Level(height, width, count, part)
        for (height, width), count, part in zip(sizes, _shares(len(parts), steps), parts, strict=True)
    ]


def _shares(count: int, steps: int) -> list[int]:
    """Steps of each size: one, plus its share of the rest."""
    weights = [EMPHASIS ** (count - 1 - index) for index in range(count)]
    more = steps - count
    ends = [round(more * sum(weights[: index + 1]) / sum(weights)) for index in range(count)]
    return [1 + end - start for start, end in zip([0, *ends[:-1]], ends, strict=True)]


def style_short_side(native: int, content: int, level: Level, scale: float) -> int:
    """Short side of a style picture at a level, from its own and that of the full content, in px.

    That of the content at this level times the style scale, but at most the picture's own: enlarged strokes
    would be blurred.
    """
    wanted = content * level.part * scale
    return max(1, round(min(wanted, native * max(1.0, scale))))


def tile_side(
    extractor: FeatureExtractor, content: Size, styles: Sequence[Size], options: OptimizeOptions
) -> int | None:
    """Side of the tiles of the content, in px; None if it fits in one piece.

    OptionError if there is too little memory even for small tiles; it says how much is enough.
    """
    held, cost = process_bytes(), 4 * extractor.floats_a_pixel

    def room(given: OptimizeOptions, tiled: bool = True) -> float:
        return given.memory * 1e9 - held - picture_bytes(extractor, content, styles, given, tiled)

    if math.prod(content) * cost <= room(options, tiled=False):
        return None
    side = _side(room(options), cost)
    if side < SMALLEST_TILE:
        least = options
        while room(least) < (SMALLEST_TILE + 2 * HALO + 1) ** 2 * cost:
            least = replace(least, memory=math.ceil(least.memory * 10 + 1) / 10)
        raise OptionError(
            f"memory {options.memory:g} GB is too little for {content[1]} x {content[0]} px with "
            f"{options.encoder} and {options.used_optimizer}: give at least {least.memory:g}"
        )
    return side


def style_side(
    extractor: FeatureExtractor, content: Size, styles: Sequence[Size], options: OptimizeOptions
) -> int | None:
    """Side of the tiles for the statistics of the styles, in px; None if they fit in one piece.

    A long scroll may need tiles when the content does not.
    """
    held, cost = process_bytes(), _STATISTICS_SHARE * 4 * extractor.floats_a_pixel
    room = options.memory * 1e9 - held - picture_bytes(extractor, content, styles, options)
    if max((math.prod(each) for each in styles), default=0) * cost <= room:
        return None
    return max(SMALLEST_TILE, _side(room, cost))


def _side(room: float, cost: float) -> int:
    """Side of the largest tile whose pixels, with its halo, fit in `room` bytes at `cost` bytes each."""
    return (math.floor(math.sqrt(max(0.0, room) / cost)) - 2 * HALO) // STRIDE * STRIDE


def picture_bytes(
    extractor: FeatureExtractor,
    content: Size,
    styles: Sequence[Size],
    options: OptimizeOptions,
    tiled: bool = True,
) -> float:
    """Bytes that a run holds for its pictures; content features are in half precision if tiled."""
    rows = [LOSSES[name] for name in (*options.style_weights, *options.content_weights)]
    measures: set[Measure] = {row.measure for row in rows}
    area, floats = math.prod(content), 3.0 * ARRAYS
    if options.used_optimizer == "lbfgs":
        floats += 3 * 2 * pairs(content, options)
    floats += 3 * len(styles)  # masks and their shares by layer
    kept = [list(row.layers) for row in rows if row.kind == "content"]
    stored = {name for names in kept for name in names[: 1 if area > LARGE else None]}
    for layer in map(ENCODER_LAYERS.index, stored):
        floats += extractor.widths[layer] / ENCODER_STRIDES[layer] ** 2 / (2 if tiled else 1)
    if "calm vectors" in measures:
        floats += 2 * len(styles)  # shares of the calm parts
    if "calm vectors" in measures or (len(styles) > 1 and "vectors" in measures):
        floats += 4  # cumulative shares that positions are sampled from, in float64
    return 4 * (floats * area + 3 * sum(math.prod(each) for each in styles))


def pairs(content: Size, options: OptimizeOptions) -> int:
    """Number of pairs of differences that L-BFGS may store: fewer for a large picture."""
    each = 2 * 3 * 4 * math.prod(content)
    return max(PAIRS[0], min(PAIRS[1], int(_PAIRS_SHARE * options.memory * 1e9 / each)))


def process_bytes() -> float:
    """Resident memory of this process, in bytes."""
    if sys.platform == "linux":
        with open("/proc/self/statm") as file:
            return float(int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE"))
    return _PROCESS


class Problem:
    """Content, styles, encoder and weights of one run; parameters as for `optimize`."""

    def __init__(
        self,
        content: FloatArray,
        parts: Sequence[Part],
        options: OptimizeOptions,
        strength: float,
        device: str,
        previous: Previous | None,
    ) -> None:
        self.options, self.strength, self.previous = options, strength, previous
        self.device = _device(device)
        # Pictures too small for the deepest layer are padded by reflection.
        self.content, self.padding = pad(content, 1, minimum=SMALLEST)
        self.size: Size = self.content.shape[:2]  # at the last level, in px
        self.masks = np.stack([padded(mask) for mask in masks_of(content.shape[:2], parts)])
        self.styles = [
            [replace(each, pixels=rotate(each.pixels, options.style_rotation)) for each in part.styles]
            for part in parts
        ]
        self.styles += [[]] * (len(self.masks) - len(parts))
        content_weights = {
            name: options.content_weight * each for name, each in options.content_weights.items()
        }
        self.weights = Weights(options.style_weights, content_weights, options.smoothness)
        rows = [LOSSES[name] for name in options.style_weights]
        encoder: Any = perceptual_encoder(options.encoder)
        encoder.to(device=self.device, memory_format=torch.channels_last)  # four times as fast on a CPU
        self.extractor = FeatureExtractor(
            encoder,
            grain=any(name in GRAIN_LAYERS for row in rows for name in row.layers),
            twice=isinstance(encoder, PerceptualEncoder) and all(row.both_ways for row in rows),
            device=self.device,
        )

    def job(self) -> str:
        """Return the fingerprint of this run, for `--resume`."""
        options = self.options
        styles = [one for region in self.styles for one in region]
        weights = [self.strength, self.weights.style, self.weights.content, options.large_forms]
        return fingerprint(
            self.content,
            *self.masks,
            *(each for one in styles for each in (one.pixels, one.scale, one.weight)),
            [len(region) for region in self.styles],
            [*weights, options.smoothness, options.style_rotation],
            [options.encoder, str(options.init), options.used_optimizer, options.steps, options.seed],
        )

    def objective(self, level: Level) -> Objective:
        """Return the objective at one size."""
        size = (level.height, level.width)
        share = level.content_share(self.options.large_forms)
        styles = [self._styles(region, level) for region in self.styles]
        extractor = self.extractor.at(*size)
        sizes = [(each.picture.shape[2], each.picture.shape[3]) for row in styles for each in row]
        masks = np.stack([resize(mask, size, "area") for mask in self.masks])
        return Objective(
            extractor,
            self.tensor(resize(self.content, size, "area")),
            styles,
            torch.from_numpy(masks).to(self.device),
            replace(
                self.weights, content={name: each * share for name, each in self.weights.content.items()}
            ),
            strength=self.strength,
            side=tile_side(extractor, size, sizes, self.options),
            style_side=style_side(extractor, size, [size, *sizes], self.options),
            seed=self.options.seed,
            anchor=self._anchor(size),
        )

    def _styles(self, region: Sequence[Exemplar], level: Level) -> list[StylePicture]:
        """The styles of a region, at the size for a level."""
        total, found = sum(each.weight for each in region), []
        for each in region:
            size = each.pixels.shape[:2]
            side = style_short_side(min(size), min(self.size), level, each.scale)
            picture = padded(resize(each.pixels, fit_size(size, short=side)))
            found.append(StylePicture(self.tensor(picture), each.weight / total))
        return found

    def _anchor(self, size: tuple[int, int]) -> Anchor | None:
        if self.previous is None:
            return None
        picture, trust = (
            self.tensor(resize(padded(each), size, "area"))
            for each in (self.previous.picture, self.previous.trust)
        )
        return Anchor(picture, trust, self.previous.weight)

    def noise(self, level: Level) -> FloatArray:
        """Return gray noise to start from [shape=(H, W, 3), float32, RGB, range 0..1]."""
        generator = np.random.default_rng(self.options.seed)
        noise = generator.normal(0.5, 0.15, (level.height, level.width, 3))
        return np.clip(noise, 0, 1).astype(np.float32)

    def full_size(self, picture: FloatArray) -> FloatArray:
        """Return a picture at full size, without padding."""
        return unpad(resize(picture, self.size), self.padding)

    def tensor(self, picture: FloatArray) -> torch.Tensor:
        """[H, W, C] or [H, W] -> [1, C, H, W] on the device."""
        planes = np.ascontiguousarray(picture.reshape(*picture.shape[:2], -1).transpose(2, 0, 1)[None])
        return torch.from_numpy(planes).to(self.device)


def padded(picture: FloatArray) -> FloatArray:
    """Pad a picture too small for the deepest layer, by reflection."""
    return pad(picture, 1, minimum=SMALLEST)[0]


def pixels(x: torch.Tensor) -> FloatArray:
    """[1, 3, H, W] -> [H, W, 3], within 0..1."""
    array: FloatArray = x.detach().clamp(0, 1)[0].permute(1, 2, 0).cpu().numpy()
    return np.ascontiguousarray(array)


def fingerprint(*parts: object) -> str:
    """Hash everything that determines a result; arrays by their bytes."""
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, (np.ndarray, np.generic)):
            digest.update(repr(part.shape).encode() + part.tobytes())
        else:
            digest.update(repr(part).encode())
        digest.update(b"\0")
    return digest.hexdigest()


def _device(name: str) -> torch.device:
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        return torch.device(next(each for each, is_there in there.items() if is_there))
    if name not in there:
        raise OptionError(f"PyTorch does not run on device '{name}'; choose one of auto, {', '.join(there)}")
    if not there[name]:
        raise OptionError(f"device '{name}' is not available: torch finds no such GPU; use --device cpu")
    return torch.device(name)
