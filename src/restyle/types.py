"""Shared types, and the conversion between callers' arrays and restyle's own.

Inside restyle a picture is ``[H, W, 3]`` float32 RGB in 0..1. Callers may pass uint8, uint16 or float.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from restyle.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from typing import BinaryIO

    from PIL import Image

    from restyle.style import Style

PathLike: TypeAlias = str | os.PathLike[str]
FloatArray: TypeAlias = npt.NDArray[np.float32]
Array: TypeAlias = Any  # np.ndarray or torch.Tensor, where a function takes both

Report: TypeAlias = Callable[[float], None]
"""Receives the fraction done, 0..1."""


def quiet(fraction: float) -> None:
    """Report no progress."""


ImageLike: TypeAlias = "PathLike | bytes | BinaryIO | Image.Image | npt.NDArray[Any]"
"""A picture: a path, the bytes of a file, an open file, a Pillow image, or an array [shape=(H, W, 3)]."""

StyleLike: TypeAlias = "Style | ImageLike"
"""A style: a preset's name, a picture, a saved style, or a `Style`. `name:0.4` gives a weight in a list."""

StylesLike: TypeAlias = "StyleLike | Sequence[StyleLike | tuple[StyleLike, float]]"
"""One style, or a list of styles or (style, weight) to mix."""

RegionsLike: TypeAlias = (
    "str | tuple[ImageLike, StylesLike | None] | Sequence[str | tuple[ImageLike, StylesLike | None]]"
    " | Mapping[str, StylesLike | None] | Mapping[Path, StylesLike | None]"
)
"""Masks with their styles: `{mask: style}`, or a list of (mask, style) or of texts `MASK=STYLE[:WEIGHT]`."""

TimedStylesLike: TypeAlias = "StylesLike | Mapping[float, StylesLike] | Mapping[int, StylesLike]"
"""Styles, or `{seconds: styles}`, or texts `SECONDS:STYLE`."""

SoundLike: TypeAlias = "PathLike | npt.NDArray[Any]"
"""A sound: a preset's name, a path, or an array [shape=(n,) or (n, channels), float in -1..1 or int16]."""

SoundStylesLike: TypeAlias = "SoundLike | Sequence[SoundLike | tuple[SoundLike, float]]"
"""One sound, or a list of sounds or (sound, weight) to mix."""

# Overshoot of resampling filters and color conversions is clipped silently.
_TOLERANCE = 2e-3


def to_unit(array: npt.NDArray[Any], name: str = "array") -> FloatArray:
    """Convert values of any accepted type to float32 in 0..1.

    Parameters
    ----------
    array : np.ndarray [shape=(...), uint8, uint16 or float in 0..1]
    name : str
        Name for error messages.

    Returns
    -------
    np.ndarray [shape=(...), float32, range 0..1]
        Always a copy.

    Raises
    ------
    InputError
        NaN or infinity, a value outside the range, or an unsupported type.
    """
    if array.dtype.kind == "u" and array.dtype.itemsize < 4:  # of either byte order
        levels = np.float32(np.iinfo(array.dtype).max)
        unit: FloatArray = array.astype(np.float32, order="C")
        unit /= levels  # in two steps: NumPy divides integers many times more slowly
        return unit
    if array.dtype.kind != "f":
        raise InputError(
            f"{name}: has type {array.dtype}; restyle takes uint8, uint16, or float in 0..1 "
            "(array.astype(np.uint8) if the values are 0..255)"
        )
    low, high = (float(array.min()), float(array.max())) if array.size else (0.0, 0.0)
    if not (np.isfinite(low) and np.isfinite(high)):
        raise InputError(
            f"{name}: contains NaN or infinite values; replace them, for instance with np.nan_to_num"
        )
    if low < -_TOLERANCE or high > 1 + _TOLERANCE:
        hint = "divide by 255, or pass uint8" if 2 < high <= 255.5 and low >= 0 else "rescale it"
        raise InputError(f"{name}: float values run from {low:g} to {high:g}; restyle takes 0..1 ({hint})")
    return np.asarray(np.clip(array, 0, 1, dtype=np.float32, casting="same_kind", order="C"))


def from_unit(array: FloatArray, dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """Convert float32 values in 0..1 to uint8, uint16 or a float type: clipped, at the nearest level."""
    dtype = np.dtype(dtype)
    if dtype.kind == "f":
        return np.clip(array, 0, 1).astype(dtype)
    top = float(np.iinfo(dtype).max)
    scaled = np.multiply(array, np.float32(top))
    scaled += np.float32(0.5)
    np.clip(scaled, 0, np.float32(top + 0.49), out=scaled)
    levels: npt.NDArray[Any] = scaled.astype(dtype)
    return levels


def split_channels(array: Any, name: str = "array") -> tuple[npt.NDArray[Any], npt.NDArray[Any] | None, bool]:
    """Check the shape of a picture and split it into colors and alpha.

    Parameters
    ----------
    array : np.ndarray [shape=(H, W), (H, W, 1), (H, W, 3) or (H, W, 4)]

    Returns
    -------
    color : np.ndarray [shape=(H, W, 3)]
    alpha : np.ndarray [shape=(H, W)] or None
    gray : bool
        Whether the picture had one channel.
    """
    array = np.asarray(array)
    shape = " x ".join(str(side) for side in array.shape)
    if array.ndim == 4:
        raise InputError(f"{name}: has shape {shape}, a batch; pass one picture at a time")
    if array.ndim not in (2, 3):
        raise InputError(f"{name}: has shape {shape}; a picture is H x W x 3 (or H x W, H x W x 4)")
    if array.size == 0:
        raise InputError(f"{name}: has shape {shape}, which contains no pixels")
    if array.ndim == 2:
        array = array[..., None]
    channels = array.shape[-1]
    if channels == 1:
        return np.repeat(array, 3, axis=-1), None, True
    if channels == 3:
        return array, None, False
    if channels == 4:
        return array[..., :3], array[..., 3], False
    hint = "; channels come last: array.transpose(1, 2, 0)" if array.shape[0] in (1, 3, 4) else ""
    raise InputError(f"{name}: has shape {shape}; a picture is H x W x 3 (or H x W, H x W x 4){hint}")
