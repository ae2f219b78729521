"""The code of one style at any stroke size, from a picture, from a file, or from a mixture."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np

from restyle.errors import OptionError, StyleError
from restyle.images.picture import load_image
from restyle.images.resize import fit_size, resize
from restyle.models import blending
from restyle.models.arbitrary import STYLE_SCALES, Arbitrary
from restyle.types import FloatArray


@dataclass(frozen=True)
class Exemplar:
    """A style picture itself, for methods that look at its pixels.

    Parameters
    ----------
    pixels : np.ndarray [shape=(H, W, 3), float32, range 0..1, RGB]
    weight : float
        Its share of the style, beside those of others.
    scale : float
        Size of its strokes.
    """

    pixels: FloatArray
    weight: float = 1.0
    scale: float = 1.0


class Strokes(Protocol):
    """Where the codes of a style come from."""

    def at(self, scale: float) -> FloatArray:
        """Code [K] with strokes `scale` times as large as usual."""
        ...

    def rescalable(self) -> bool:
        """Tell whether `at` serves any other scale than 1."""
        ...

    def exemplars(self) -> list[Exemplar]:
        """The pictures behind it, with their shares; raises StyleError if they are not at hand."""
        ...


class PictureStrokes:
    """Looks at the style picture again, from another distance.

    Parameters
    ----------
    picture : np.ndarray [shape=(H, W, 3), float32, range 0..1, RGB]
    encoder : Arbitrary
    """

    def __init__(self, picture: FloatArray, encoder: Arbitrary) -> None:
        # More pixels than the largest scale can use would only be kept.
        most = round(encoder.style_size * STYLE_SCALES[1])
        if min(picture.shape[:2]) > most:
            picture = resize(picture, fit_size(picture.shape[:2], short=most), "area")
        self.picture = picture
        self.encoder = encoder

    def at(self, scale: float) -> FloatArray:
        """Code [K] with strokes `scale` times as large as usual."""
        return self.encoder.encode(self.picture, scale)

    def rescalable(self) -> bool:
        """Always true."""
        return True

    def exemplars(self) -> list[Exemplar]:
        """The picture."""
        return [Exemplar(self.picture)]


class SavedStrokes:
    """Interpolates between the codes of a style file, linearly in the octaves of the scale.

    Parameters
    ----------
    codes : mapping of float to np.ndarray [shape=(K,), float32]
        By scale; scale 1 is there.
    name : str
        Of the style, for messages.
    artwork : Path or None
        The picture that the style was read from, where it is at hand: presets have theirs.
    """

    def __init__(self, codes: Mapping[float, FloatArray], name: str, artwork: Path | None = None) -> None:
        self.codes = dict(sorted(codes.items()))
        self.name = name
        self.artwork = artwork

    def at(self, scale: float) -> FloatArray:
        """Code [K] with strokes `scale` times as large as usual."""
        if scale in self.codes:
            return self.codes[scale]
        if not self.rescalable():
            raise StyleError(
                f"style '{self.name}' was saved with one size of strokes; for another give its picture, "
                "or save it again with `restyle styles save`"
            )
        known = list(self.codes)
        if not known[0] <= scale <= known[-1]:
            raise OptionError(
                f"style scale {scale:g} of '{self.name}' is outside {known[0]:g}..{known[-1]:g}"
            )
        above = next(index for index, each in enumerate(known) if each > scale)
        low, high = known[above - 1], known[above]
        share = math.log(scale / low) / math.log(high / low)
        return blending.mix([self.codes[low], self.codes[high]], [1 - share, share])

    def rescalable(self) -> bool:
        """Tell whether the file held other scales."""
        return len(self.codes) > 1

    def exemplars(self) -> list[Exemplar]:
        """The artwork; raises StyleError if there is none, since a code holds no picture."""
        if self.artwork is None:
            raise no_picture(self.name)
        return [Exemplar(load_image(self.artwork).pixels)]


class OwnStrokes:
    """A style that is part of a network: it has the strokes that it was trained with.

    Parameters
    ----------
    code : np.ndarray [shape=(N,), float32]
        1 in the style's place, 0 elsewhere.
    name : str
        Of the style, for messages.
    """

    def __init__(self, code: FloatArray, name: str) -> None:
        self.code = code
        self.name = name

    def at(self, scale: float) -> FloatArray:
        """Code [N]; there is but one size of strokes."""
        if scale != 1:
            raise StyleError(
                f"style '{self.name}' is part of its network and has one size of strokes; "
                "leave the style scale at 1, or train with another --style-size"
            )
        return self.code

    def rescalable(self) -> bool:
        """It is not."""
        return False

    def exemplars(self) -> list[Exemplar]:
        """Raises StyleError: a network holds no picture."""
        raise no_picture(self.name)


class MixedStrokes:
    """Mixes what the parts give.

    Parameters
    ----------
    parts : sequence of (Strokes, scale, weight)
        Each part with the scale that it had when it was mixed.
    """

    def __init__(self, parts: Sequence[tuple[Strokes, float, float]]) -> None:
        self.parts = tuple(parts)

    def at(self, scale: float) -> FloatArray:
        """Code [K] with strokes `scale` times as large as usual."""
        codes = [strokes.at(own * scale) for strokes, own, _ in self.parts]
        return blending.mix(codes, [weight for _, _, weight in self.parts])

    def rescalable(self) -> bool:
        """Tell whether all parts are."""
        return all(strokes.rescalable() for strokes, _, _ in self.parts)

    def exemplars(self) -> list[Exemplar]:
        """Those of all parts."""
        return [
            replace(each, weight=each.weight * weight, scale=each.scale * own)
            for strokes, own, weight in self.parts
            if weight
            for each in strokes.exemplars()
        ]


def no_picture(name: str) -> StyleError:
    """The error where a picture is needed and there is only a code."""
    return StyleError(
        f"style '{name}' is a code without its picture, and --method optimize looks at pictures: give the "
        "picture (--style painting.jpg), or use --method fast"
    )


def check_scale(scale: float) -> float:
    """Return `scale`, or raise OptionError if it is outside 0.25..4."""
    low, high = STYLE_SCALES
    if not low <= scale <= high:
        raise OptionError(f"style scale {scale:g} is outside {low:g}..{high:g}")
    return scale


def snapshot(strokes: Strokes, scales: Sequence[float]) -> dict[float, FloatArray]:
    """Codes at those of the given scales that can be had, to be saved; none if there is only one size."""
    found: dict[float, FloatArray] = {}
    for scale in scales if strokes.rescalable() else ():
        try:
            found[scale] = np.asarray(strokes.at(scale), np.float32)
        except OptionError:  # a part of a mixture was scaled before, and reaches less far
            continue
    return found
