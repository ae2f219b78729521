"""Masks: grayscale images, white inside a region and black outside.

A mask covers the complete, upright photo. It may have any size of the same proportions.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from PIL import Image

from restyle.errors import InputError
from restyle.images import picture as images
from restyle.images.picture import Picture
from restyle.types import FloatArray, ImageLike

ASPECT_TOLERANCE = 0.03
_LEAST = 0.02  # a mask that is nowhere lighter counts as black
_COLORFUL = 0.02  # mean distance of the channels above which a picture is in color


def load_mask(source: ImageLike, *, max_pixels: int = images.DEFAULT_MAX_PIXELS) -> FloatArray:
    """Load a mask.

    The alpha channel of an image with transparency is the mask, whatever its colors; otherwise its lightness.

    Parameters
    ----------
    source : str, Path, PIL.Image.Image, or np.ndarray [shape=(H, W), bool, uint8, uint16 or float in 0..1]
        Any source for `load_image` that is gray or has alpha.
    max_pixels : int
        Larger images raise before they are decoded.

    Returns
    -------
    np.ndarray [shape=(H, W), float32, range 0..1]

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
        hint = "; its values must be in 0..255, or bool" if _is_label_map(source, highest) else ""
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
    """Crop and resize a mask in the same way as its photo.

    Parameters
    ----------
    mask : np.ndarray [shape=(h, w), float32, range 0..1]
    full : (height, width)
        Of the photo before the crop.
    box : (top, left, height, width)
        Crop of the photo.
    size : (height, width)
        Size that the crop is resized to.

    Returns
    -------
    np.ndarray [shape=size, float32, range 0..1]
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

    Raises
    ------
    InputError
        It is in color.
    """
    if picture.alpha is not None and float(picture.alpha.min()) < 1:
        return picture.alpha
    pixels = picture.pixels
    distance = float((pixels.max(axis=-1) - pixels.min(axis=-1)).mean())
    if distance > _COLORFUL:
        raise InputError(f"{name}: is a color image, not a mask; use a grayscale image, or one with alpha")
    return np.ascontiguousarray(pixels.mean(axis=-1, dtype=np.float32))


def _is_label_map(source: Any, highest: float) -> bool:
    return isinstance(source, np.ndarray) and source.dtype.kind in "ui" and highest > 0
