"""Masks: load them, and blend several stylized versions of a picture by them.

A mask is a grayscale image, white inside a region and black outside. It covers the complete, upright photo,
and may have any size of the same proportions.

With style masks m, keep-masks k (where the photo stays as it is), and M, K their sums,

    weight of a style      = m / max(1, M) * (1 - min(1, K))
    weight of a kept part  = k / max(1, K)
    weight of the rest     = 1 - all of these

so the weights of a pixel are never negative and sum to 1, kept pixels are unchanged, and styles mix where
their masks overlap. Each style is applied to the complete picture, because its result depends on global
statistics; the results are then added by weight.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

import numpy as np
from PIL import Image

from restyle.errors import InputError, OptionError
from restyle.images import picture as images
from restyle.images.picture import Picture
from restyle.images.statistics import box_mean
from restyle.types import FloatArray, ImageLike

ASPECT_TOLERANCE = 0.03
_LEAST = 0.02  # a mask that is nowhere lighter counts as black
_COLORFUL = 0.02  # mean distance of the channels above which a picture is in color


def load_mask(source: ImageLike, *, max_pixels: int = images.DEFAULT_MAX_PIXELS) -> FloatArray:
    """Load a mask [shape=(H, W), float32, range 0..1].

    The alpha channel of an image with transparency is the mask, whatever its colors; otherwise its lightness.

    Parameters
    ----------
    source : str, Path, PIL.Image.Image, or np.ndarray [shape=(H, W), bool, uint8, uint16 or float in 0..1]
        Any source for `load_image` that is gray or has alpha.
    max_pixels : int
        Larger images raise before they are decoded.

    Raises
    ------
    InputError
        It cannot be read, is in color, or is entirely black.
    """
    name = mask_name(source)
    if isinstance(source, np.ndarray) and source.dtype == np.bool_:
        source = source.astype(np.float32)
    if isinstance(source, Image.Image):
        picture = images.from_pil(source, max_pixels=max_pixels, name=name)
    elif isinstance(source, np.ndarray):
        picture = images.from_array(source, name)
    elif isinstance(source, (str, os.PathLike)):
        picture = images.load_image(source, max_pixels=max_pixels)
    else:
        raise InputError(
            f"cannot read a mask from a {type(source).__name__}; pass a path, a PIL image or an array"
        )
    mask = mask_values(picture, name)
    highest = float(mask.max())
    if highest < _LEAST:
        labels = isinstance(source, np.ndarray) and source.dtype.kind in "ui" and highest > 0
        hint = "; its values must be in 0..255, or bool" if labels else ""
        raise InputError(f"{name}: the mask is entirely black; paint the region white{hint}")
    return mask


def mask_name(source: ImageLike) -> str:
    """Return the name of a mask for messages."""
    if isinstance(source, (str, os.PathLike)):
        return os.fspath(source)
    if isinstance(source, Image.Image):
        return "mask (PIL image)"
    return "mask (array)" if hasattr(source, "__array__") else "mask (file)"


def check_aspect(mask: FloatArray, size: tuple[int, int], name: str) -> None:
    """Raise InputError if a mask has other proportions than a picture of (height, width)."""
    height, width = mask.shape
    ratio = (width / height) / (size[1] / size[0])
    # Rounding alone changes the proportions of a small mask more.
    tolerance = max(ASPECT_TOLERANCE, 1 / min(height, width))
    if not 1 / (1 + tolerance) <= ratio <= 1 + tolerance:
        raise InputError(
            f"{name}: the mask is {width} x {height}, the photo {size[1]} x {size[0]}; "
            "a mask must have the proportions of the photo before any crop"
        )


def fit_mask(
    mask: FloatArray, full: tuple[int, int], box: tuple[int, int, int, int], size: tuple[int, int]
) -> FloatArray:
    """Crop and resize a mask [h, w], 0..1, in the same way as its photo.

    `full` is the (height, width) of the photo before the crop, `box` the (top, left, height, width) of the
    crop, and `size` the (height, width) that the crop is resized to.
    """
    down, across = mask.shape[0] / full[0], mask.shape[1] / full[1]
    top, left, height, width = box
    edges = (left * across, top * down, (left + width) * across, (top + height) * down)
    if edges == (0, 0, size[1], size[0]) and mask.shape == size:
        return mask
    # Fractions of pixels, because a mask may be coarser than the photo.
    edges = (edges[0], edges[1], min(edges[2], mask.shape[1]), min(edges[3], mask.shape[0]))
    picture = Image.fromarray(np.ascontiguousarray(mask, np.float32))
    fitted = picture.resize((size[1], size[0]), Image.Resampling.BILINEAR, box=edges)
    return np.clip(np.asarray(fitted, np.float32), 0, 1)


def mask_values(picture: Picture, name: str) -> FloatArray:
    """Extract the mask of a picture: its alpha if it has any transparency, else its lightness.

    InputError if it is in color.
    """
    if picture.alpha is not None and float(picture.alpha.min()) < 1:
        return picture.alpha
    pixels = picture.pixels
    distance = float((pixels.max(axis=-1) - pixels.min(axis=-1)).mean())
    if distance > _COLORFUL:
        raise InputError(f"{name}: is a color image, not a mask; use a grayscale image, or one with alpha")
    return np.ascontiguousarray(pixels.mean(axis=-1, dtype=np.float32))


_BAND = 256  # rows blended at a time, to keep temporaries small
_PASSES = 3  # successive box filters: within 3% of a Gaussian, at a cost independent of the width


def mask_weights(masks: Sequence[FloatArray], keep: Sequence[bool], width: float) -> list[FloatArray]:
    """Compute the weight [H, W] of the region of each mask, then of the background, at every pixel.

    `keep` tells for each mask [H, W], 0..1, whether the photo stays as it is there. Hard edges become ramps
    of a width in px, which are outside of a kept region.
    """
    soft = [
        feather_outward(mask, width) if kept else feather(mask, width)
        for mask, kept in zip(masks, keep, strict=True)
    ]
    zero = np.zeros(masks[0].shape, np.float32)
    kept_sum = sum((each for each, kept in zip(soft, keep, strict=True) if kept), zero)
    style_sum = sum((each for each, kept in zip(soft, keep, strict=True) if not kept), zero)
    free = 1 - np.minimum(kept_sum, 1)
    weights = [
        each / np.maximum(kept_sum, 1) if kept else each / np.maximum(style_sum, 1) * free
        for each, kept in zip(soft, keep, strict=True)
    ]
    rest = np.clip(free * (1 - np.minimum(style_sum, 1)), 0, 1)
    return [np.asarray(each, np.float32) for each in (*weights, rest)]


def blend(parts: Iterable[tuple[FloatArray, FloatArray]], content: FloatArray) -> FloatArray:
    """Add pictures [H, W, 3] by weight [H, W], all float32; the remaining weight is the content's.

    Where all weights are 0, the result is exactly the content.
    """
    out = content.copy()
    for weight, picture in parts:
        for top in range(0, len(out), _BAND):
            rows = slice(top, top + _BAND)
            # Adds the difference to the content, so that a weight of 0 changes no bit.
            out[rows] += weight[rows, :, None] * (picture[rows] - content[rows])
    return np.clip(out, 0, 1, out=out)


def feather(mask: FloatArray, width: float) -> FloatArray:
    """Replace hard edges of a mask [H, W], 0..1, by smooth ramps, half inside and half outside.

    Below a width of 1 px nothing changes. Masks that sum to 1 still do.
    """
    radius = _radius(width)
    if radius == 0:
        return mask
    soft = mask
    for _ in range(_PASSES):
        soft = box_mean(soft, radius)
    return np.clip(soft, 0, 1, out=soft)


def feather_outward(mask: FloatArray, width: float) -> FloatArray:
    """Feather a mask on the outside only, with a ramp half as wide; nowhere less than the mask."""
    if _radius(width) == 0:
        return mask
    return np.maximum(mask, np.minimum(2 * feather(mask, width), 1, dtype=np.float32))


def _radius(width: float) -> int:
    """Half a box, in pixels, so that all passes together make a ramp of the width."""
    if not 0 <= width < float("inf"):
        raise OptionError(f"feather of {width:g} px is not a number from 0 up")
    return round(width / (2 * _PASSES)) if width >= 2 * _PASSES else int(width >= 1)
