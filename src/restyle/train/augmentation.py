"""Random changes of training pictures, as steps that compose.

    Pipeline([ScaledCrop(192, (1.0, 1.7)), Flip(0.5), Sometimes(0.3, [Brightness(0.2), Hue(0.05)])])

A step takes a Pillow image (RGB) and a random generator and returns an image; equal generators give equal
images. `Augmentation` holds the settings of the usual pipeline.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

from restyle.errors import OptionError

SOFT = 1.2  # a picture enlarged by more than this looks soft
Step = Callable[[Image.Image, np.random.Generator], Image.Image]  # a change of a picture
LIMITS = {"scale": (1.0, 16.0), "enlarge": (1.0, 16.0), "degrees": (0.0, 45.0)}  # others: 0..1


@dataclass(frozen=True)
class ScaledCrop:
    """Scale the picture and crop a square at a random position, in a single resampling.

    side : of the square, in px
    scale : short side of the scaled picture as a multiple of `side`, (low, high), log-uniform
    enlarge : largest enlargement, so that strokes stay sharp; ignored where the square would not fit
    sharpen : unsharp mask, 0..1, for pictures enlarged by more than 1.2
    """

    side: int
    scale: tuple[float, float] = (1.0, 1.0)
    enlarge: float = 1.5
    sharpen: float = 0.0

    def __call__(self, picture: Image.Image, rng: np.random.Generator) -> Image.Image:
        target = self.side * float(np.exp(rng.uniform(*np.log(self.scale))))
        short = min(picture.size)
        factor = min(target / short, max(self.enlarge, self.side / short))
        source_side = self.side / factor
        width, height = picture.size
        left = rng.uniform(0, max(width - source_side, 0))
        top = rng.uniform(0, max(height - source_side, 0))
        box = (left, top, min(left + source_side, width), min(top + source_side, height))
        crop = picture.resize((self.side, self.side), Image.Resampling.BICUBIC, box=box, reducing_gap=2.0)
        if not self.sharpen or factor <= SOFT:
            return crop
        return crop.filter(
            ImageFilter.UnsharpMask(radius=0.6 * factor, percent=round(120 * self.sharpen), threshold=0)
        )


@dataclass(frozen=True)
class Flip:
    """Mirror the picture horizontally with a probability."""

    chance: float = 0.5

    def __call__(self, picture: Image.Image, rng: np.random.Generator) -> Image.Image:
        return ImageOps.mirror(picture) if rng.random() < self.chance else picture


@dataclass(frozen=True)
class QuarterTurn:
    """Rotate by 90, 180 or 270 degrees with a probability."""

    chance: float

    def __call__(self, picture: Image.Image, rng: np.random.Generator) -> Image.Image:
        return picture.rotate(90 * int(rng.integers(1, 4))) if rng.random() < self.chance else picture


@dataclass(frozen=True)
class Rotate:
    """Rotate by up to `degrees` in either direction; crop to the largest upright rectangle inside."""

    degrees: float

    def __call__(self, picture: Image.Image, rng: np.random.Generator) -> Image.Image:
        angle = float(rng.uniform(-self.degrees, self.degrees))
        width, height = inner_rectangle(*picture.size, math.radians(abs(angle)))
        rotated = picture.rotate(angle, Image.Resampling.BICUBIC)
        left, top = (picture.width - width) // 2, (picture.height - height) // 2
        return rotated.crop((left, top, left + width, top + height))


@dataclass(frozen=True)
class _Enhance:
    """Multiply a property by a random factor in 1 - amount .. 1 + amount."""

    enhancer: ClassVar[Any]  # of PIL.ImageEnhance
    amount: float

    def __call__(self, picture: Image.Image, rng: np.random.Generator) -> Image.Image:
        factor = 1 + float(rng.uniform(-self.amount, self.amount))
        changed: Image.Image = type(self).enhancer(picture).enhance(factor)
        return changed


class Brightness(_Enhance):
    """Multiply all values by 1 - amount .. 1 + amount."""

    enhancer = ImageEnhance.Brightness


class Contrast(_Enhance):
    """Multiply the distance from the mean gray by 1 - amount .. 1 + amount."""

    enhancer = ImageEnhance.Contrast


class Saturation(_Enhance):
    """Multiply the distance from gray by 1 - amount .. 1 + amount."""

    enhancer = ImageEnhance.Color


@dataclass(frozen=True)
class Hue:
    """Rotate all hues by up to `amount` of the color circle in either direction."""

    amount: float

    def __call__(self, picture: Image.Image, rng: np.random.Generator) -> Image.Image:
        turn = float(rng.uniform(-self.amount, self.amount))
        hue, saturation, value = picture.convert("HSV").split()
        turned = hue.point([round(h + turn * 256) % 256 for h in range(256)])
        return Image.merge("HSV", (turned, saturation, value)).convert("RGB")


@dataclass(frozen=True)
class Sometimes:
    """Apply all of some steps with a probability."""

    chance: float
    steps: Sequence[Step]

    def __call__(self, picture: Image.Image, rng: np.random.Generator) -> Image.Image:
        return Pipeline(self.steps)(picture, rng) if rng.random() < self.chance else picture


@dataclass(frozen=True)
class Pipeline:
    """Apply steps one after the other.

    Examples
    --------
    >>> photo = Image.new("RGB", (300, 200))
    >>> Pipeline([ScaledCrop(128), Flip(0.5)])(photo, np.random.default_rng(0)).size
    (128, 128)
    """

    steps: Sequence[Step]

    def __call__(self, picture: Image.Image, rng: np.random.Generator) -> Image.Image:
        for step in self.steps:
            picture = step(picture, rng)
        return picture


@dataclass(frozen=True)
class Augmentation:
    """Settings of the usual pipeline; every range is sampled uniformly.

    scale : short side in px as a multiple of the crop, (low, high), log-uniform
    flip : probability of a mirror image
    rotate : probability of a quarter turn
    degrees : largest rotation besides quarter turns, in either direction
    brightness, contrast, saturation : largest relative change
    hue : largest rotation of the color circle, in turns
    color : probability that the four color changes are applied at all
    enlarge, sharpen : as for `ScaledCrop`
    """

    scale: tuple[float, float] = (1.0, 2.0)
    flip: float = 0.5
    rotate: float = 0.0
    brightness: float = 0.0
    contrast: float = 0.0
    saturation: float = 0.0
    hue: float = 0.0
    color: float = 0.0
    enlarge: float = 1.5
    degrees: float = 0.0
    sharpen: float = 0.0

    def pipeline(self, crop: int) -> Pipeline:
        """Return the steps: rotate, scale and crop, flip, quarter turn, colors."""
        turned: list[Step] = [Rotate(self.degrees)] if self.degrees else []
        cropped = ScaledCrop(crop, self.scale, self.enlarge, self.sharpen)
        kinds: dict[str, type[_Enhance | Hue]] = {
            "brightness": Brightness,
            "contrast": Contrast,
            "saturation": Saturation,
            "hue": Hue,
        }
        colors: list[Step] = [kind(getattr(self, key)) for key, kind in kinds.items() if getattr(self, key)]
        return Pipeline(
            [*turned, cropped, Flip(self.flip), QuarterTurn(self.rotate), Sometimes(self.color, colors)]
        )

    def override(self, text: str) -> Augmentation:
        """Return a copy with the settings of a text such as ``scale=1-2,flip=0,hue=0.1,color=1``.

        ``none`` disables everything but the crop. Raises OptionError if a name or a value is invalid.
        """
        if text.strip() == "none":
            return PLAIN
        values: dict[str, float | tuple[float, float]] = {}
        known = sorted(each.name for each in fields(self))
        for part in filter(None, (each.strip() for each in text.split(","))):
            name, _, value = part.replace("colour", "color").partition("=")
            if name not in known:
                raise OptionError(f"augmentation '{part}': '{name}' is not one of {', '.join(known)}")
            try:
                numbers = [float(each) for each in value.split("-")]
            except ValueError:
                numbers = []
            low, high = LIMITS.get(name, (0.0, 1.0))
            counts = (1, 2) if name == "scale" else (1,)
            if len(numbers) not in counts or not all(low <= each <= high for each in numbers):
                raise OptionError(f"augmentation '{part}': write {name}=NUMBER, {low:g} to {high:g}")
            values[name] = (numbers[0], max(numbers)) if name == "scale" else numbers[0]
        return replace(self, **values)  # type: ignore[arg-type]


CONTENT = Augmentation(scale=(1.0, 1.7), brightness=0.25, contrast=0.25, saturation=0.3, color=0.3)
LARGE = replace(CONTENT, scale=(1.0, 2.6), enlarge=2.2, sharpen=0.5)  # close-up photos
STYLE = Augmentation(
    scale=(1.0, 1.9),
    rotate=0.1,
    brightness=0.2,
    contrast=0.2,
    saturation=0.5,
    hue=0.5,
    color=0.25,
    enlarge=2.3,  # at inference, artworks have 512 px and more, and broad strokes
    sharpen=0.8,
)
OWN_STYLE = Augmentation(scale=(1.0, 1.15), flip=0.5, enlarge=16.0)  # the few styles of `train style`
PLAIN = Augmentation(scale=(1.0, 1.0), flip=0.0)


def augment(picture: Image.Image, how: Augmentation, crop: int, rng: np.random.Generator) -> Image.Image:
    """Return a random crop of `crop` x `crop` px."""
    return how.pipeline(crop)(picture, rng)


def inner_rectangle(width: int, height: int, angle: float) -> tuple[int, int]:
    """Return the size of the largest upright rectangle of the same aspect in a picture rotated by radians."""
    sine, cosine = math.sin(angle), math.cos(angle)
    factor = min(width / (width * cosine + height * sine), height / (width * sine + height * cosine))
    return max(1, math.floor(width * factor)), max(1, math.floor(height * factor))
