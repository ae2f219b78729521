"""Load and save pictures.

A :class:`Picture` is upright, in sRGB, in floating point. Alpha, bit depth, EXIF and ICC profile of its file
travel with the pixels, and :func:`save_image` writes them again.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from restyle.errors import InputError, OptionError
from restyle.files import STANDARD_STREAM, check_output, writing
from restyle.images import decode, encode, exif, formats, icc
from restyle.images.decoders import RawImage
from restyle.images.icc import ProfileError, coded_to_srgb
from restyle.images.resize import fill_hidden
from restyle.types import FloatArray, ImageLike, PathLike, from_unit, split_channels, to_unit

log = logging.getLogger("restyle.images")

# The largest phone cameras take 200 million pixels; 40,000 x 40,000 would take 19 GB as floats.
DEFAULT_MAX_PIXELS = 200_000_000


@dataclass(frozen=True)
class Picture:
    """A picture in the form that restyle computes with.

    Attributes
    ----------
    pixels : np.ndarray [shape=(H, W, 3), float32, range 0..1, sRGB, RGB]
        Upright: EXIF orientation is applied. Colors outside sRGB are clipped.
    alpha : np.ndarray [shape=(H, W), float32, range 0..1] or None
        Straight, that is, not premultiplied.
    depth : int
        Bits per channel of the source: 8, or 16 for anything above.
    exif : bytes or None
        EXIF of the source, with orientation reset and thumbnail removed.
    icc : bytes or None
        RGB profile that :func:`save_image` converts to: the source's, or sRGB if that was gray or CMYK.
    gray : bool
        Whether the source was grayscale.
    """

    pixels: FloatArray
    alpha: FloatArray | None = None
    depth: int = 8
    exif: bytes | None = None
    icc: bytes | None = None
    gray: bool = False

    @property
    def height(self) -> int:
        """Rows."""
        return int(self.pixels.shape[0])

    @property
    def width(self) -> int:
        """Columns."""
        return int(self.pixels.shape[1])

    @property
    def visible(self) -> FloatArray:
        """The pixels, with the colors under full transparency replaced by visible ones around them."""
        return self.pixels if self.alpha is None else fill_hidden(self.pixels, self.alpha)


def load_image(source: ImageLike | Picture, *, max_pixels: int = DEFAULT_MAX_PIXELS) -> Picture:
    """Load a picture from a path, the bytes of a file, an open file, a Pillow image or an array.

    The content of a file decides its format, not the suffix. Only the first frame of an animation is read.
    EXIF and color profile are preserved; XMP, IPTC, comments and PNG's gamma are dropped.

    More than 8 bits are preserved in PNG, TIFF, AVIF and HEIC, also through a profile. They are reduced to 8
    in CMYK and Lab, and in color images passed as Pillow images.

    Parameters
    ----------
    source : path, bytes, binary file, PIL.Image.Image, np.ndarray [shape=(H, W, 3), (H, W, 4) or (H, W)], or
        torch.Tensor [shape=(3, H, W), (4, H, W) or (1, H, W), also as a batch of one; or as arrays]
        Arrays and tensors are uint8, uint16, or float in 0..1. A ``Picture`` is returned unchanged.
    max_pixels : int
        Larger images raise before they are decoded.

    Raises
    ------
    InputError
        The source cannot be used; the message names it and says why.

    Examples
    --------
    >>> import numpy as np
    >>> from restyle.images.picture import load_image
    >>> load_image(np.zeros((3, 4, 3), np.uint8)).pixels.shape
    (3, 4, 3)
    """
    if isinstance(source, Picture):
        return source
    if isinstance(source, (str, os.PathLike)):
        return from_raw(decode.read_file(source, max_pixels), os.fspath(source))
    if isinstance(source, Image.Image):
        return from_pil(source, max_pixels=max_pixels)
    if isinstance(source, (bytes, bytearray, memoryview)):
        return from_raw(decode.read_bytes(bytes(source), max_pixels, "bytes"), "bytes")
    if is_tensor(source):
        return from_array(_channels_last(source), "tensor")
    if hasattr(source, "__array__"):
        return from_array(np.asarray(source))
    if callable(read := getattr(source, "read", None)):
        name = str(getattr(source, "name", "stream"))
        data = read()
        if not isinstance(data, bytes):
            raise InputError(f"{name}: is open as text; open it with mode 'rb'")
        return from_raw(decode.read_bytes(data, max_pixels, name), name)
    raise InputError(
        f"cannot read a picture from a {type(source).__name__}; "
        "pass a path, bytes, an open file, a PIL image or an array"
    )


def from_array(array: npt.NDArray[Any], name: str = "array") -> Picture:
    """Convert [shape=(H, W, 3), (H, W, 4) or (H, W), uint8, uint16 or float in 0..1, sRGB] to a picture.

    InputError on a wrong shape, type or range, or NaN; `name` is for its message.
    """
    colors, alpha, gray = split_channels(array, name)
    return Picture(
        pixels=to_unit(colors, name),
        alpha=None if alpha is None else to_unit(alpha, name),
        depth=8 if colors.dtype == np.uint8 else 16,
        gray=gray,
    )


def from_pil(image: Image.Image, *, max_pixels: int = DEFAULT_MAX_PIXELS, name: str = "image") -> Picture:
    """Convert a Pillow image of any mode to a picture; EXIF orientation is applied.

    InputError if it is too large, or the file behind it is damaged.
    """
    return from_raw(decode.read_image(image, max_pixels, name), name)


def is_tensor(source: Any) -> bool:
    """Tell whether an object is a tensor of PyTorch, without importing it."""
    return type(source).__module__.partition(".")[0] == "torch" and hasattr(source, "detach")


def _channels_last(tensor: Any) -> npt.NDArray[Any]:
    """Convert a tensor of any device and type of numbers to an array [shape=(H, W, C) or (H, W)]."""
    plain = tensor.detach().cpu()
    array = np.asarray(plain.float() if plain.is_floating_point() else plain)
    if array.ndim == 4 and len(array) == 1:
        array = array[0]
    if array.ndim == 4:
        raise InputError(f"tensor: holds {len(array)} pictures; pass one at a time")
    return np.moveaxis(array, 0, -1) if _has_channels_first(array) else array


def _has_channels_first(array: Any) -> bool:
    return array.ndim > 2 and array.shape[-3] in (1, 3, 4)


def to_kind(picture: Picture, content: Any) -> Any:
    """Convert a picture to the kind of its source: array, tensor of the same layout, or Pillow image."""
    if isinstance(content, np.ndarray):
        return to_array(picture, content)
    if not is_tensor(content):
        return to_pil(picture)
    array = to_array(picture, _channels_last(content))
    if _has_channels_first(content):
        array = np.ascontiguousarray(np.moveaxis(array, -1, 0))
    return content.detach().new_tensor(array[None] if content.ndim == 4 else array)


def to_array(picture: Picture, like: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Convert a picture to an array of the type of ``like``, with alpha if ``like`` has alpha."""
    channels = from_unit(picture.pixels, like.dtype)
    if np.ndim(like) == 3 and like.shape[-1] == 4:
        alpha = np.ones(channels.shape[:2], np.float32) if picture.alpha is None else picture.alpha
        channels = np.concatenate([channels, from_unit(alpha, like.dtype)[..., None]], axis=-1)
    return channels


def to_pil(picture: Picture) -> Image.Image:
    """Convert a picture to an 8-bit Pillow image: RGB, or RGBA if it has alpha.

    Profile and EXIF are in ``info``, where Pillow puts those of a file.
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


def save_image(
    picture: Picture,
    path: PathLike,
    *,
    quality: int | None = None,
    overwrite: bool = False,
    inputs: Iterable[PathLike] = (),
) -> Path:
    """Save a picture atomically; the suffix picks the format. ``-`` writes PNG to standard output.

    Formats without alpha (JPEG, BMP) place the picture on white, with a warning. 16 bits are preserved in PNG
    and TIFF and reduced to 8 elsewhere.

    Parameters
    ----------
    picture : Picture
    path : path
        Returned.
    quality : int, 1..100
        Of JPEG, WebP and AVIF, with defaults in `images.formats`. PNG, TIFF and BMP are lossless.
    overwrite : bool
        Whether an existing file may be replaced.
    inputs : iterable of path
        Files that are never replaced, even with ``overwrite``.

    Raises
    ------
    OutputError
        Unknown suffix, the file exists or is an input, or it cannot be written.
    OptionError
        The quality is outside its range.
    """
    form = formats.output_format(path)
    if quality is not None and not 1 <= quality <= 100:
        raise OptionError(f"quality {quality} is outside 1..100")
    if os.fspath(path) == STANDARD_STREAM:
        sys.stdout.buffer.write(encode.encode(picture, form, quality, "standard output"))
        sys.stdout.buffer.flush()
        return Path(path)
    inputs = list(inputs)
    check_output(path, overwrite=overwrite, inputs=inputs)  # before the work of encoding
    if form is formats.DEEP_ZOOM:
        image = encode.vips_image(encode.to_samples(picture, None, np.uint8, alpha=True))
        encode.write_deep_zoom(image, path, quality, overwrite, inputs)
        return Path(path)
    data = encode.encode(picture, form, quality, os.fspath(path))
    with writing(path, overwrite=overwrite, inputs=inputs) as temporary:
        temporary.write_bytes(data)
    return Path(path)


def from_raw(raw: RawImage, name: str) -> Picture:
    """Apply the orientation to a decoded image, convert it to float and to sRGB."""
    depth = 8 if raw.colors.dtype == np.uint8 else 16
    pixels = to_unit(orient(raw.colors, raw.orientation), name)
    alpha = None if raw.alpha is None else to_unit(orient(raw.alpha, raw.orientation), name)
    gray = pixels.shape[-1] == 1
    profile = icc.srgb_profile() if raw.converted else raw.icc
    if profile is not None and not raw.converted:
        try:
            pixels, profile = _to_srgb(pixels, profile, depth)
        except ProfileError as error:
            log.warning("%s: ignored its color profile, which cannot be used (%s)", name, error)
            profile = None
    if pixels.shape[-1] == 1:
        pixels = np.repeat(pixels, 3, axis=-1)
    if raw.cicp is not None and raw.icc is None:
        pixels = coded_to_srgb(pixels, *raw.cicp)
    return Picture(pixels, alpha, depth, raw.exif, profile, gray)


def _to_srgb(pixels: FloatArray, profile: bytes, depth: int) -> tuple[FloatArray, bytes]:
    """Return sRGB pixels and the profile to write them with."""
    space = icc.color_space(profile)
    if pixels.shape[-1] == 1:
        if space == "GRAY":
            return icc.gray_to_srgb(pixels, profile), icc.srgb_profile()
        pixels = np.repeat(pixels, 3, axis=-1)  # some programs tag gray images with the screen's RGB profile
    if space != "RGB":
        raise ProfileError(f"a {space} profile in an RGB image")
    converted = icc.to_srgb(pixels, profile, deep=depth == 16)
    return converted, profile if icc.can_write(profile) else icc.srgb_profile()


def orient(array: npt.NDArray[Any], orientation: int) -> npt.NDArray[Any]:
    """Turn samples upright: apply an EXIF orientation 1..8 to [shape=(H, W, ...)]."""
    if orientation >= 5:
        array = array.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        array = array[::-1]
    if orientation in (2, 3, 6, 7):
        array = array[:, ::-1]
    return array
