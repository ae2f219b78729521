"""One look for a set of photos, or for the frames of a scene.

Exposure and white balance are evened first, in linear light, part of the way to the median of the set. Then
all photos get the same color map, fitted to their pooled pixels. Both are one table over RGB for each photo.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from restyle.errors import InputError
from restyle.images.color import LUMA, linear_to_srgb, srgb_to_linear
from restyle.images.color_lut import ColorLut
from restyle.images.resize import fit_size, resize
from restyle.methods.photo.segments import Pixels, Values, describe, join
from restyle.methods.photo.transfer import fit_transfer
from restyle.types import FloatArray

SIDE = 33  # nodes of a table along each axis
_SMALL = 320  # px, longest side of the copies that are measured
_POOL = 100_000  # pixels of all photos together
_EXPOSURE, _BALANCE = 0.8, 0.5  # shares of the way to the median of the set
_MOST_EXPOSURE, _MOST_BALANCE = 0.7, 0.2  # largest change, in natural logarithms


@dataclass(frozen=True, eq=False)
class SetLook:
    """The look of a set.

    Attributes
    ----------
    table : ColorLut
        Of the evened photos.
    level : np.ndarray [shape=(3,), float64]
        Median over the set of the mean logarithm of linear RGB.
    """

    table: ColorLut
    level: Values

    def table_for(self, photo: FloatArray) -> ColorLut:
        """Return the color map of one photo [shape=(H, W, 3), float32, range 0..1, RGB] of the set."""
        gain = _gain(_level(_reduced(photo)), self.level)
        return ColorLut(self.table.apply(_even(_nodes(), gain)).reshape(SIDE, SIDE, SIDE, 3))


def fit_set(photos: Iterable[FloatArray], style: Pixels, strength: float, skin: bool) -> SetLook:
    """Fit the look of a set of photos.

    Parameters
    ----------
    photos : iterable of np.ndarray [shape=(H, W, 3), float32, range 0..1, RGB]
        At least one; they are read one by one.
    style : Pixels
    strength : float, 0..1.5
    skin : bool
        Whether skin keeps its hue.

    Raises
    ------
    InputError
        There are no photos.
    """
    small = [_reduced(photo) for photo in photos]
    if not small:
        raise InputError("none of the photos can be read, so the set has no look")
    levels = np.array([_level(photo) for photo in small])
    level = np.median(levels, axis=0)
    parts = [
        describe(_even(photo, _gain(own, level)), None) for photo, own in zip(small, levels, strict=True)
    ]
    step = max(1, sum(len(part.lab) for part in parts) // _POOL)
    pool = join([(_every(part, step), 1.0) for part in parts])
    nodes = _nodes()
    mapped = fit_transfer(pool, style, None)(nodes, np.ones((len(nodes), 1), np.float32), strength, skin)
    return SetLook(ColorLut(mapped.reshape(SIDE, SIDE, SIDE, 3)), level)


def _reduced(photo: FloatArray) -> FloatArray:
    size = (photo.shape[0], photo.shape[1])
    return resize(photo, fit_size(size, long=min(_SMALL, max(size))), "area")


def _every(pixels: Pixels, step: int) -> Pixels:
    weights = pixels.weights[::step]
    return Pixels(
        pixels.lab[::step],
        pixels.features[::step],
        pixels.place[::step],
        weights / weights.sum(),
        pixels.size,
    )


def _nodes() -> FloatArray:
    axis = np.linspace(0, 1, SIDE, dtype=np.float32)
    return np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1).reshape(-1, 3)


def _level(photo: FloatArray) -> Values:
    """Mean logarithm of linear RGB over the pixels that are neither black nor clipped."""
    flat = photo.reshape(-1, 3)
    usable = (flat.max(axis=1) < 0.97) & (flat @ LUMA > 0.03)
    linear = srgb_to_linear((flat[usable] if usable.sum() > 16 else flat).astype(np.float64))
    return np.asarray(np.log(linear + 1e-3).mean(axis=0))


def _gain(own: Values, wanted: Values) -> Values:
    """Factors of linear RGB that bring a photo part of the way to a level."""
    difference = wanted - own
    exposure = float(difference.mean())
    balance = np.clip(_BALANCE * (difference - exposure), -_MOST_BALANCE, _MOST_BALANCE)
    return np.asarray(np.exp(np.clip(_EXPOSURE * exposure, -_MOST_EXPOSURE, _MOST_EXPOSURE) + balance))


def _even(colors: FloatArray, gain: Values) -> FloatArray:
    """Multiply linear RGB; white stays white."""
    linear = srgb_to_linear(colors.astype(np.float64))
    raised = linear * gain / (1 + linear * (gain - 1))
    return np.clip(linear_to_srgb(raised), 0, 1).astype(np.float32)
