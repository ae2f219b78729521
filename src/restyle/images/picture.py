"""Pictures: load anything that people have, save what they ask for.

A :class:`Picture` is upright, in sRGB, in floating point. What else came with the file (alpha, bit depth,
EXIF, ICC profile) travels beside the pixels and is written again by :func:`save`.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from restyle.errors import InputError, OptionError
from restyle.files import PathLike, check_output, writing
from restyle.images import decode, encode, exif, formats, profiles
from restyle.images.icc import ProfileError, colour_space
from restyle.types import FloatArray, from_unit, split_channels, to_unit

log = logging.getLogger("restyle.images")

# The largest cameras in phones give 200 million pixels; 40,000 x 40,000 would take 19 GB as floats.
DEFAULT_MAX_PIXELS = 200_000_000


@dataclass(frozen=True)
class Picture:
    """A picture as restyle computes with it.

    Attributes
    ----------
    pixels : np.ndarray [shape=(H, W, 3), float32, range 0..1, sRGB, RGB]
        Upright: an EXIF orientation has been applied. Colours that sRGB cannot hold are clipped.
    alpha : np.ndarray [shape=(H, W), float32, range 0..1] or None
        Straight (not multiplied into the pixels).
    depth : int
        Bits a channel of the source: 8, or 16 for anything finer.
    exif : bytes or None
        EXIF of the source, its orientation reset and its thumbnail dropped.
    icc : bytes or None
        RGB profile that :func:`save` converts the pixels to: the source's, or sRGB if that was grey or CMYK.
    grey : bool
        Whether the source had no colour.
    """

    pixels: FloatArray
    alpha: FloatArray | None = None
    depth: int = 8
    exif: bytes | None = None
    icc: bytes | None = None
    grey: bool = False

    @property
    def height(self) -> int:
        """Rows."""
        return int(self.pixels.shape[0])

    @property
    def width(self) -> int:
        """Columns."""
        return int(self.pixels.shape[1])


def load(source: Any, *, max_pixels: int = DEFAULT_MAX_PIXELS) -> Picture:
    """Load a picture from a path, a Pillow image or an array.

    The content of a file decides what it is, not its suffix. Of an animation or a document the first frame is
    taken. EXIF and colour profile are kept; XMP, IPTC, comments and PNG's gamma are not.

    16 bits survive in PNG and TIFF, also through a profile of curves and a matrix. They do not in CMYK and
    Lab, in PNG opened as a Pillow image in colour (Pillow has cut them by then), or in AVIF of 10 or 12 bits.

    Parameters
    ----------
    source : str, Path, PIL.Image.Image, or np.ndarray [shape=(H, W, 3), (H, W, 4) or (H, W)]
        Arrays are uint8, uint16, or float in 0..1. A ``Picture`` is given back as it is.
    max_pixels : int
        Larger pictures are refused before they are decoded.

    Returns
    -------
    Picture

    Raises
    ------
    InputError
        There is no usable picture; the message names the source and says why.

    Examples
    --------
    >>> import numpy as np
    >>> from restyle.images.picture import load
    >>> load(np.zeros((3, 4, 3), np.uint8)).pixels.shape
    (3, 4, 3)
    """
    if isinstance(source, Picture):
        return source
    if isinstance(source, (str, os.PathLike)):
        return _picture(decode.read_file(source, max_pixels), os.fspath(source))
    if isinstance(source, Image.Image):
        return from_pil(source, max_pixels=max_pixels)
    if isinstance(source, np.ndarray) or hasattr(source, "__array__"):
        return from_array(source)
    raise InputError(
        f"cannot make a picture of a {type(source).__name__}; pass a path, a PIL image or an array"
    )


def from_array(array: npt.NDArray[Any], name: str = "array") -> Picture:
    """Make a picture of an array.

    Parameters
    ----------
    array : np.ndarray [shape=(H, W, 3), (H, W, 4) or (H, W), uint8, uint16 or float in 0..1, sRGB, RGB]
    name : str
        How messages call it.

    Raises
    ------
    InputError
        Wrong shape, type or range, or NaN.
    """
    colour, alpha, grey = split_channels(array, name)
    return Picture(
        pixels=to_unit(colour, name),
        alpha=None if alpha is None else to_unit(alpha, name),
        depth=8 if colour.dtype == np.uint8 else 16,
        grey=grey,
    )


def from_pil(image: Image.Image, *, max_pixels: int = DEFAULT_MAX_PIXELS, name: str = "image") -> Picture:
    """Make a picture of a Pillow image, in any mode; its EXIF orientation is applied.

    Raises
    ------
    InputError
        It is too large, or the file behind it is damaged.
    """
    return _picture(decode.read_image(image, max_pixels, name), name)


def to_array(picture: Picture, like: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Give a picture as an array of the type of ``like``, with alpha if ``like`` has it.

    Returns
    -------
    np.ndarray [shape=(H, W, 3) or (H, W, 4), dtype of like]
    """
    channels = from_unit(picture.pixels, like.dtype)
    if np.ndim(like) == 3 and like.shape[-1] == 4:
        alpha = np.ones(channels.shape[:2], np.float32) if picture.alpha is None else picture.alpha
        channels = np.concatenate([channels, from_unit(alpha, like.dtype)[..., None]], axis=-1)
    return channels


def to_pil(picture: Picture) -> Image.Image:
    """Give a picture as an 8-bit Pillow image: RGB, or RGBA if it has alpha.

    Profile and EXIF are in its ``info``, where Pillow's own files have them.
    """
    samples = encode.to_samples(picture, picture.icc, np.uint8, alpha=True)
    if samples.shape[-1] < 3:
        samples = np.concatenate([np.repeat(samples[..., :1], 3, axis=-1), samples[..., 1:]], axis=-1)
    image = Image.fromarray(samples)
    if picture.icc is not None:
        image.info["icc_profile"] = picture.icc
    if picture.exif is not None:
        image.info["exif"] = exif.with_size(picture.exif, picture.width, picture.height)
    return image


def save(
    picture: Picture,
    path: PathLike,
    *,
    quality: int | None = None,
    overwrite: bool = False,
    inputs: Iterable[PathLike] = (),
) -> Path:
    """Save a picture, whole or not at all; the suffix picks the format.

    A picture with alpha is put on white where the format (JPEG, BMP) has none, with a warning. A picture of
    16 bits stays one in PNG and TIFF and gets 8 bits elsewhere.

    Parameters
    ----------
    picture : Picture
    path : path
    quality : int, 1..100
        Of JPEG, WebP and AVIF; ``encoding.DEFAULT_QUALITY`` has the defaults. PNG, TIFF and BMP are lossless.
    overwrite : bool
        Whether an existing file may be replaced.
    inputs : iterable of path
        Files that are never replaced, whatever ``overwrite`` says.

    Returns
    -------
    Path
        Where it was saved.

    Raises
    ------
    OutputError
        The suffix names no format, the file exists or is an input, or it cannot be written.
    OptionError
        The quality is outside its range.
    """
    kind = formats.writable_kind(path)
    if quality is not None and not 1 <= quality <= 100:
        raise OptionError(f"quality {quality} is outside 1..100")
    inputs = list(inputs)
    check_output(path, overwrite=overwrite, inputs=inputs)
    data = encode.encode(picture, kind, quality, os.fspath(path))
    with writing(path, overwrite=overwrite, inputs=inputs) as temporary:
        temporary.write_bytes(data)
    return Path(path)


def _picture(frame: decode.Frame, name: str) -> Picture:
    """Turn a frame upright, bring it to floats, and its colours to sRGB."""
    depth = 8 if frame.colour.dtype == np.uint8 else 16
    pixels = to_unit(_turn(frame.colour, frame.orientation), name)
    alpha = None if frame.alpha is None else to_unit(_turn(frame.alpha, frame.orientation), name)
    grey = pixels.shape[-1] == 1
    icc = profiles.srgb_profile() if frame.converted else frame.icc
    if icc is not None and not frame.converted:
        try:
            pixels, icc = _to_srgb(pixels, icc, depth)
        except ProfileError as error:
            log.warning("%s: its colour profile cannot be used and was ignored (%s)", name, error)
            icc = None
    if pixels.shape[-1] == 1:
        pixels = np.repeat(pixels, 3, axis=-1)
    return Picture(pixels, alpha, depth, frame.exif, icc, grey)


def _to_srgb(pixels: FloatArray, icc: bytes, depth: int) -> tuple[FloatArray, bytes]:
    """Return sRGB pixels and the profile to write them with."""
    space = colour_space(icc)
    if pixels.shape[-1] == 1:
        if space == "GRAY":
            return profiles.grey_to_srgb(pixels, icc), profiles.srgb_profile()
        pixels = np.repeat(pixels, 3, axis=-1)  # some programs put the profile of the screen on grey pictures
    if space != "RGB":
        raise ProfileError(f"a {space} profile on an RGB picture")
    converted = profiles.to_srgb(pixels, icc, deep=depth == 16)
    return converted, icc if profiles.can_write(icc) else profiles.srgb_profile()


def _turn(array: npt.NDArray[Any], orientation: int) -> npt.NDArray[Any]:
    """Apply an EXIF orientation 1..8 to [shape=(H, W, ...)]."""
    if orientation >= 5:
        array = array.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        array = array[::-1]
    if orientation in (2, 3, 6, 7):
        array = array[:, ::-1]
    return array
