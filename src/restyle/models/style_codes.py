"""Style codes at any stroke size, from an image, a style file, a network's own style, or a mixture; and their
arithmetic.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from restyle.errors import InputError, OptionError, StyleError
from restyle.images import encode, formats
from restyle.images.picture import Picture, load_image
from restyle.images.resize import fit_size, resize
from restyle.models.style_files import StylePicture
from restyle.types import FloatArray

if TYPE_CHECKING:
    from restyle.models.arbitrary import Arbitrary

STYLE_SCALES = (0.25, 4.0)
# Stroke sizes at which a saved style stores its code too, so that it need not be encoded again.
SAVED_SCALES = (0.25, 0.5, 2.0, 4.0)
_ROWS = 256  # mixed at a time, to keep temporaries small


def check_scale(scale: float) -> float:
    """Return `scale`, or raise OptionError if it is outside 0.25..4."""
    low, high = STYLE_SCALES
    if not low <= scale <= high:
        raise OptionError(f"style scale {scale:g} is outside {low:g}..{high:g}")
    return scale


def normalize_weights(weights: Sequence[float]) -> FloatArray:
    """Scale weights to a sum of 1, as float32 [N].

    Raises StyleError if a weight is negative or not finite, or none is positive.
    """
    for weight in weights:
        if not 0 <= weight < float("inf"):
            raise StyleError(f"weight {weight:g} is not a number from 0 up")
    total = sum(weights)
    if not total > 0:
        raise StyleError("no style has a weight above 0; give at least one of them a positive weight")
    return np.asarray([weight / total for weight in weights], np.float32)


def mix_codes(codes: Sequence[FloatArray], weights: Sequence[float]) -> FloatArray:
    """Average style codes [K] in proportion to their weights."""
    return np.asarray(normalize_weights(weights) @ np.stack(codes), np.float32)


def interpolate_code(own: FloatArray, code: FloatArray, strength: float) -> FloatArray:
    """Interpolate from the content's own code [K] (strength 0) to the style's (strength 1)."""
    return np.asarray(own + np.float32(strength) * (code - own), np.float32)


def restore_content(styled: FloatArray, content: FloatArray, own: FloatArray, strength: float) -> FloatArray:
    """Add what the transformer loses of the content, in proportion to 1 - strength.

    styled : [H, W, 3] float32; T(C, own + s (code - own)); overwritten
    content : [H, W, 3] float32
    own : [H, W, 3] float32; T(C, own), the content in its own style
    strength : float, 0..1

    Returns [H, W, 3] float32, 0..1, the memory of `styled`.
    """
    for top in range(0, len(styled), _ROWS):
        rows = slice(top, top + _ROWS)
        styled[rows] += np.float32(1 - strength) * (content[rows] - own[rows])
    return np.clip(styled, 0, 1, out=styled)


PICTURE_SHORT, PICTURE_LONG = 640, 8192  # px, sides at most, of a picture in a style file
PICTURE_QUALITY = 80  # of its JPEG


@dataclass(frozen=True)
class Exemplar:
    """A style image, for methods that use its pixels.

    pixels : [H, W, 3] float32, 0..1, RGB
    weight : share in a mixture of styles
    scale : stroke size
    """

    pixels: FloatArray
    weight: float = 1.0
    scale: float = 1.0


class CodeSource(ABC):
    """Source of the codes of one style; by default one with a single stroke size and no image.

    name : name of the style, for messages
    """

    name = ""

    @abstractmethod
    def code(self, scale: float) -> FloatArray:
        """Return the code [K] for strokes `scale` times the usual size.

        Raises OptionError, StyleError if the source does not have this scale.
        """

    def is_scalable(self) -> bool:
        """Tell whether `code` supports scales other than 1."""
        return False

    def has_pictures(self) -> bool:
        """Tell whether `exemplars` returns images."""
        return False

    def exemplars(self) -> list[Exemplar]:
        """Return the style images and their weights; StyleError if there are none."""
        raise StyleError(
            f"style '{self.name}' is a code without an image, which this method needs: pass the image"
            " (--style painting.jpg), save the style again from it (restyle styles save painting.jpg),"
            " or use --method fast"
        )


class ImageCodes(CodeSource):
    """Encodes a style image at each scale.

    picture : [H, W, 3] float32, 0..1, RGB
    """

    def __init__(self, picture: FloatArray, encoder: Arbitrary) -> None:
        # The largest scale uses no more pixels than this.
        short = round(encoder.style_size * STYLE_SCALES[1])
        if min(picture.shape[:2]) > short:
            picture = resize(picture, fit_size(picture.shape[:2], short=short), "area")
        self.picture = picture
        self.encoder = encoder

    def code(self, scale: float) -> FloatArray:
        return self.encoder.encode(self.picture, scale)

    def is_scalable(self) -> bool:
        return True

    def has_pictures(self) -> bool:
        return True

    def exemplars(self) -> list[Exemplar]:
        return [Exemplar(self.picture)]


class SavedCodes(CodeSource):
    """Interpolates between the codes of a style file, linearly in the octaves of the scale.

    codes : [K] float32, by scale, including scale 1
    name : of the style, for messages
    pictures : the images that the style was encoded from, if they are known
    """

    def __init__(
        self, codes: Mapping[float, FloatArray], name: str, pictures: Sequence[StylePicture] = ()
    ) -> None:
        self.codes = dict(sorted(codes.items()))
        self.name = name
        self.pictures = tuple(pictures)

    def code(self, scale: float) -> FloatArray:
        if scale in self.codes:
            return self.codes[scale]
        if not self.is_scalable():
            raise StyleError(
                f"style '{self.name}' was saved with one stroke size; to change it pass the style's image, "
                "or save the style again with `restyle styles save`"
            )
        known = list(self.codes)
        if not known[0] <= scale <= known[-1]:
            raise OptionError(
                f"style scale {scale:g} of '{self.name}' is outside {known[0]:g}..{known[-1]:g}"
            )
        above = next(index for index, each in enumerate(known) if each > scale)
        low, high = known[above - 1], known[above]
        weight = math.log(scale / low) / math.log(high / low)
        return mix_codes([self.codes[low], self.codes[high]], [1 - weight, weight])

    def is_scalable(self) -> bool:
        return len(self.codes) > 1

    def has_pictures(self) -> bool:
        return bool(self.pictures)

    def exemplars(self) -> list[Exemplar]:
        if not self.pictures:
            return super().exemplars()
        return [Exemplar(self._load(each), each.weight, each.scale) for each in self.pictures]

    def _load(self, picture: StylePicture) -> FloatArray:
        try:
            return load_image(picture.source, max_pixels=PICTURE_LONG**2).pixels
        except InputError as error:
            raise InputError(f"the image of style '{self.name}' cannot be used: {error}") from None


class NetworkCode(CodeSource):
    """A style of a network's own, with the stroke size that it was trained with.

    code : [N] float32; 1 at the index of the style, 0 elsewhere
    name : of the style, for messages
    """

    def __init__(self, code: FloatArray, name: str) -> None:
        self._code = code
        self.name = name

    def code(self, scale: float) -> FloatArray:
        if scale != 1:
            raise StyleError(
                f"style '{self.name}' is part of its network and has one stroke size; "
                "leave the style scale at 1, or train with another --style-size"
            )
        return self._code


class MixedCodes(CodeSource):
    """Mixes the codes of several sources.

    parts : each source with its scale at the time of mixing
    """

    def __init__(self, parts: Sequence[tuple[CodeSource, float, float]]) -> None:
        self.parts = tuple(parts)

    def code(self, scale: float) -> FloatArray:
        codes = [source.code(own * scale) for source, own, _ in self.parts]
        return mix_codes(codes, [weight for _, _, weight in self.parts])

    def is_scalable(self) -> bool:
        return all(source.is_scalable() for source, _, _ in self.parts)

    def has_pictures(self) -> bool:
        return all(source.has_pictures() for source, _, weight in self.parts if weight)

    def exemplars(self) -> list[Exemplar]:
        return [
            replace(each, weight=each.weight * weight, scale=each.scale * own)
            for source, own, weight in self.parts
            if weight
            for each in source.exemplars()
        ]


def stored(exemplar: Exemplar) -> StylePicture:
    """Encode a style image as the JPEG that a style file contains, at most 640 px on the short side."""
    pixels = exemplar.pixels
    size = (pixels.shape[0], pixels.shape[1])
    short, long = fit_size(size, short=PICTURE_SHORT), fit_size(size, long=PICTURE_LONG)
    smallest = min(size, short, long)
    if smallest != size:
        pixels = resize(pixels, smallest, "area")
    jpeg = encode.encode(Picture(pixels), formats.JPEG, PICTURE_QUALITY, "the style's image")
    return StylePicture(jpeg, float(exemplar.weight), float(exemplar.scale))


def codes_at(source: CodeSource, scales: Sequence[float]) -> dict[float, FloatArray]:
    """Return the codes for the scales that a source supports; none if it has only one."""
    codes: dict[float, FloatArray] = {}
    for scale in scales if source.is_scalable() else ():
        try:
            codes[scale] = np.asarray(source.code(scale), np.float32)
        except OptionError:  # a scaled part of a mixture has a smaller range
            continue
    return codes
