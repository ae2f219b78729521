"""What happens to a training picture before the network sees it, as steps that compose.

    Pipeline([ScaledCrop(192, (1.0, 1.7)), Flip(0.5), Sometimes(0.3, [Brightness(0.2), Hue(0.05)])])

A step takes a Pillow picture (RGB) and a random generator and gives a picture. All chance comes from that
generator, so equal generators give equal pictures.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter, ImageOps


class Step(Protocol):
    """One thing done to a picture."""

    def __call__(self, picture: Image.Image, rng: np.random.Generator) -> Image.Image:
        """Return the changed picture."""
        ...


SOFT = 1.2  # a picture that is enlarged more than this looks soft


@dataclass(frozen=True)
class ScaledCrop:
    """Scale, then cut a square out of a random place; in one resampling, which costs and blurs less.

    side : of the square, in px
    scale : short side of the scaled picture as a multiple of `side`, (low, high), log-uniform
    enlarge : most that a picture is enlarged, so that strokes stay sharp; a square larger than it still fits
    sharpen : how much of its crispness what is enlarged by more than 1.2 gets back (unsharp mask), 0..1
    """

    side: int
    scale: tuple[float, float] = (1.0, 1.0)
    enlarge: float = 1.5
    sharpen: float = 0.0

    def __call__(self, picture: Image.Image, rng: np.random.Generator) -> Image.Image:
        """Return the square."""
        low, high = np.log(self.scale[0]), np.log(self.scale[1])
        target = self.side * float(np.exp(rng.uniform(low, high)))
        short = min(picture.size)
        factor = min(target / short, max(self.enlarge, self.side / short))
        need = self.side / factor  # of the source
        width, height = picture.size
        left, top = rng.uniform(0, max(width - need, 0)), rng.uniform(0, max(height - need, 0))
        box = (left, top, min(left + need, width), min(top + need, height))
        made = picture.resize((self.side, self.side), Image.Resampling.BICUBIC, box=box, reducing_gap=2.0)
        if not self.sharpen or factor <= SOFT:
            return made
        crisp = ImageFilter.UnsharpMask(radius=0.6 * factor, percent=round(120 * self.sharpen), threshold=0)
        return made.filter(crisp)


@dataclass(frozen=True)
class Flip:
    """A mirror image, left for right, with a chance of `chance`."""

    chance: float = 0.5

    def __call__(self, picture: Image.Image, rng: np.random.Generator) -> Image.Image:
        """Return the picture or its mirror image."""
        return ImageOps.mirror(picture) if rng.random() < self.chance else picture


@dataclass(frozen=True)
class QuarterTurn:
    """A turn by 90, 180 or 270 degrees with a chance of `chance`."""

    chance: float

    def __call__(self, picture: Image.Image, rng: np.random.Generator) -> Image.Image:
        """Return the picture, turned or not."""
        return picture.rotate(90 * int(rng.integers(1, 4))) if rng.random() < self.chance else picture


@dataclass(frozen=True)
class Rotate:
    """A turn by up to `degrees` either way; the largest upright rectangle inside is kept, without corners."""

    degrees: float

    def __call__(self, picture: Image.Image, rng: np.random.Generator) -> Image.Image:
        """Return the turned picture, a little smaller."""
        angle = float(rng.uniform(-self.degrees, self.degrees))
        width, height = inner_rectangle(*picture.size, math.radians(abs(angle)))
        turned = picture.rotate(angle, Image.Resampling.BICUBIC)
        left, top = (picture.width - width) // 2, (picture.height - height) // 2
        return turned.crop((left, top, left + width, top + height))


@dataclass(frozen=True)
class Brightness:
    """Values times 1 - amount .. 1 + amount."""

    amount: float

    def __call__(self, picture: Image.Image, rng: np.random.Generator) -> Image.Image:
        """Return the brighter or darker picture."""
        return ImageEnhance.Brightness(picture).enhance(_factor(self.amount, rng))


@dataclass(frozen=True)
class Contrast:
    """Distance from the mean grey times 1 - amount .. 1 + amount."""

    amount: float

    def __call__(self, picture: Image.Image, rng: np.random.Generator) -> Image.Image:
        """Return the picture with more or less contrast."""
        return ImageEnhance.Contrast(picture).enhance(_factor(self.amount, rng))


@dataclass(frozen=True)
class Saturation:
    """Distance from grey times 1 - amount .. 1 + amount."""

    amount: float

    def __call__(self, picture: Image.Image, rng: np.random.Generator) -> Image.Image:
        """Return the more or less colourful picture."""
        return ImageEnhance.Color(picture).enhance(_factor(self.amount, rng))


@dataclass(frozen=True)
class Hue:
    """Colours turned by up to `amount` of the colour circle, either way."""

    amount: float

    def __call__(self, picture: Image.Image, rng: np.random.Generator) -> Image.Image:
        """Return the picture in turned colours."""
        turn = float(rng.uniform(-self.amount, self.amount))
        hue, saturation, value = picture.convert("HSV").split()
        turned = hue.point([round(h + turn * 256) % 256 for h in range(256)])
        return Image.merge("HSV", (turned, saturation, value)).convert("RGB")


@dataclass(frozen=True)
class Sometimes:
    """Some steps, all or none of them, with a chance of `chance`."""

    chance: float
    steps: Sequence[Step]

    def __call__(self, picture: Image.Image, rng: np.random.Generator) -> Image.Image:
        """Return the picture after the steps, or as it was."""
        return Pipeline(self.steps)(picture, rng) if rng.random() < self.chance else picture


@dataclass(frozen=True)
class Pipeline:
    """Steps one after the other.

    Examples
    --------
    >>> photo = Image.new("RGB", (300, 200))
    >>> Pipeline([ScaledCrop(128), Flip(0.5)])(photo, np.random.default_rng(0)).size
    (128, 128)
    """

    steps: Sequence[Step]

    def __call__(self, picture: Image.Image, rng: np.random.Generator) -> Image.Image:
        """Return the picture after all steps."""
        for step in self.steps:
            picture = step(picture, rng)
        return picture


def inner_rectangle(width: int, height: int, angle: float) -> tuple[int, int]:
    """Width and height of the largest upright rectangle of the same aspect inside a turned one; radians."""
    sine, cosine = math.sin(angle), math.cos(angle)
    factor = min(width / (width * cosine + height * sine), height / (width * sine + height * cosine))
    return max(1, math.floor(width * factor)), max(1, math.floor(height * factor))


def _factor(amount: float, rng: np.random.Generator) -> float:
    return 1 + float(rng.uniform(-amount, amount))
