"""Pictures: load anything that people have, save what they ask for.

A :class:`Picture` is upright, in sRGB, float. What else came with the file (alpha, bit depth, EXIF, ICC profile)
travels beside the pixels and is written again by :func:`save`.
"""

from __future__ import annotations

import importlib
import io
import os
import stat
import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from restyle.arrays import FloatArray, from_unit, split_channels, to_unit
from restyle.errors import InputError, OptionError, OutputError
from restyle.media import kinds
from restyle.media.outputs import writing

DEFAULT_MAX_PIXELS = 200_000_000

# Written when no quality is asked for. Chroma is kept at full resolution: strokes have coloured edges.
DEFAULT_QUALITY = {"JPEG": 92, "WEBP": 90, "AVIF": 80}

_DECODER_ERRORS = (
    OSError, SyntaxError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError, EOFError,
    MemoryError, RuntimeError, AssertionError, struct.error, zlib.error, Image.DecompressionBombError,
)  # fmt: skip


@dataclass(frozen=True)
class Picture:
    """A picture as restyle computes with it.

    Attributes
    ----------
    pixels : np.ndarray [shape=(H, W, 3), float32, range 0..1, sRGB, RGB]
        Upright: an EXIF orientation has been applied.
    alpha : np.ndarray [shape=(H, W), float32, range 0..1] or None
        Straight (not multiplied into the pixels).
    depth : int
        Bits a channel of the source: 8 or 16.
    exif : bytes or None
        EXIF of the source, its orientation reset.
    icc : bytes or None
        RGB profile of the source; :func:`save` converts the pixels back to it.
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

    Parameters
    ----------
    source : str, Path, PIL.Image.Image, or np.ndarray [shape=(H, W, 3), (H, W, 4) or (H, W)]
    max_pixels : int
        Larger pictures are refused before they are decoded.

    Raises
    ------
    InputError
        There is no usable picture; the message names the source and says why.
    """
    if isinstance(source, Picture):
        return source
    if isinstance(source, (str, os.PathLike)):
        return _load_file(source, max_pixels)
    if isinstance(source, Image.Image):
        return from_pil(source, max_pixels=max_pixels)
    return from_array(source)


def from_array(array: npt.NDArray[Any], name: str = "array") -> Picture:
    """Make a picture of an array.

    Parameters
    ----------
    array : np.ndarray [shape=(H, W, 3), (H, W, 4) or (H, W), uint8, uint16 or float in 0..1, sRGB, RGB]
    """
    colour, alpha, grey = split_channels(array, name)
    return Picture(
        pixels=to_unit(colour, name),
        alpha=None if alpha is None else to_unit(alpha, name),
        depth=8 if colour.dtype == np.uint8 else 16,
        grey=grey,
    )


def from_pil(image: Image.Image, *, max_pixels: int = DEFAULT_MAX_PIXELS, name: str = "image") -> Picture:
    """Make a picture of a Pillow image, in any mode."""
    width, height = image.size
    if width * height > max_pixels:
        raise InputError(
            f"{name}: {width} x {height} is more than {max_pixels:,} pixels; "
            "raise the limit with max_pixels (--max-pixels)"
        )
    try:
        image = ImageOps.exif_transpose(image)
        exif = image.getexif().tobytes() if image.getexif() else None
        if image.mode.startswith("I;16"):
            return Picture(**vars(from_array(np.asarray(image).astype(np.uint16), name)))
        has_alpha = image.has_transparency_data
        array = np.asarray(image.convert("RGBA" if has_alpha else "RGB"))
    except _DECODER_ERRORS as error:
        raise InputError(f"{name}: damaged or unsupported picture ({error})") from error
    picture = from_array(array, name)
    return Picture(picture.pixels, picture.alpha, exif=exif, icc=image.info.get("icc_profile"))


def to_array(picture: Picture, like: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Give a picture as an array of the type of ``like``, with alpha if ``like`` has it.

    Returns
    -------
    np.ndarray [shape=(H, W, 3) or (H, W, 4), dtype of like]
    """
    channels = picture.pixels
    if np.ndim(like) == 3 and like.shape[-1] == 4:
        alpha = np.ones(channels.shape[:2], np.float32) if picture.alpha is None else picture.alpha
        channels = np.dstack([channels, alpha])
    return from_unit(channels, like.dtype)


def to_pil(picture: Picture) -> Image.Image:
    """Give a picture as an 8-bit Pillow image, RGB, or RGBA if it has alpha."""
    pixels = from_unit(picture.pixels, np.uint8)
    if picture.alpha is not None:
        pixels = np.dstack([pixels, from_unit(picture.alpha, np.uint8)])
    image = Image.fromarray(pixels)
    if picture.icc is not None:
        image.info["icc_profile"] = picture.icc
    if picture.exif is not None:
        image.info["exif"] = picture.exif
    return image


def save(
    picture: Picture,
    path: str | os.PathLike[str],
    *,
    quality: int | None = None,
    overwrite: bool = False,
    inputs: Iterable[str | os.PathLike[str]] = (),
) -> Path:
    """Save a picture; the suffix picks the format.

    Parameters
    ----------
    picture : Picture
    path : path
    quality : int, 1..100
        Of JPEG, WebP and AVIF; the defaults are in ``DEFAULT_QUALITY``. PNG, TIFF and BMP are lossless.
    overwrite : bool
        Whether an existing file may be replaced. An input is never replaced.
    inputs : iterable of path
        Files that must not be replaced.

    Returns
    -------
    Path
        Where it was saved.
    """
    kind = kinds.writable_kind(path)
    if quality is not None and not 1 <= quality <= 100:
        raise OptionError(f"quality {quality} is outside 1..100")
    with writing(path, overwrite=overwrite, inputs=inputs) as temporary:
        temporary.write_bytes(_encode(picture, kind, quality))
    return Path(path)


def _encode(picture: Picture, kind: kinds.Kind, quality: int | None) -> bytes:
    image = to_pil(picture)
    if image.mode == "RGBA" and not kind.alpha:
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image).convert("RGB")
    options: dict[str, Any] = {}
    if kind.name in DEFAULT_QUALITY:
        options["quality"] = quality or DEFAULT_QUALITY[kind.name]
    if kind is kinds.JPEG:
        options["subsampling"] = "4:4:4"
    if picture.exif is not None and kind is not kinds.BMP:
        options["exif"] = picture.exif
    if picture.icc is not None:
        options["icc_profile"] = picture.icc
    buffer = io.BytesIO()
    try:
        image.save(buffer, kind.name, **options)
    except (OSError, ValueError, KeyError) as error:
        raise OutputError(f"cannot write a {kind.name} picture: {error}") from error
    return buffer.getvalue()


def _load_file(path: str | os.PathLike[str], max_pixels: int) -> Picture:
    name = os.fspath(path)
    try:
        status = os.stat(path)
    except OSError as error:
        raise InputError(f"{name}: {(error.strerror or 'cannot be read').lower()}") from error
    if stat.S_ISDIR(status.st_mode):
        raise InputError(f"{name}: is a folder, not a picture")
    if not stat.S_ISREG(status.st_mode):
        raise InputError(f"{name}: is not a regular file")
    if status.st_size == 0:
        raise InputError(f"{name}: is empty (0 bytes)")
    kind = kinds.identify_file(path)
    if not kind.readable:
        raise InputError(f"{name}: is not a picture that restyle reads ({kind.name} content)")
    plugin = {
        "JPEG": "Jpeg",
        "PNG": "Png",
        "WEBP": "WebP",
        "TIFF": "Tiff",
        "BMP": "Bmp",
        "GIF": "Gif",
        "AVIF": "Avif",
    }
    importlib.import_module(f"PIL.{plugin[kind.name]}ImagePlugin")
    try:
        # Not Image.open: its pixel limit is one global for the whole process.
        image = Image.OPEN[kind.name][0](open(path, "rb"), name)
    except _DECODER_ERRORS as error:
        raise InputError(f"{name}: damaged or unsupported {kind.name} picture ({error})") from error
    with image:
        return from_pil(image, max_pixels=max_pixels, name=name)
