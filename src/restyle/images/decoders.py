"""Decoders: a function for each library, and for what each finds besides pixels.

Three libraries decode; the table in `images.formats` says which one a format needs:

- libvips: JPEG, PNG, TIFF, and AVIF of 10 and 12 bits. It keeps 16 bits and is about twice as fast as Pillow.
  Its pixels are fetched by regions in the calling thread, because its own threads do not survive a fork.
- pi-heif: HEIC, which the wheel of libvips lacks (patents).
- Pillow: AVIF of 8 bits, whose chroma it interpolates better; WebP and GIF, which libvips decodes in threads
  of its own; BMP, which libvips lacks; and the Pillow images that callers pass.

The number of pixels is checked before anything is decoded.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import io
import logging
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from restyle.errors import InputError
from restyle.images import exif, formats, icc, tiff
from restyle.images.formats import FileBytes
from restyle.images.icc import ProfileError

log = logging.getLogger("restyle.images")

# What decoders raise on damaged files: nearly anything.
DECODER_ERRORS = (
    OSError, SyntaxError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError, EOFError,
    MemoryError, RuntimeError, AssertionError, struct.error, zlib.error, Image.DecompressionBombError,
)  # fmt: skip

BYTES_PER_PIXEL = 33  # of memory, from decoding to encoding, measured at 16 megapixels by `fast`
_JPEG_END = b"\xff\xd9"
_REGION_BYTES = 1 << 22  # of pixels that libvips decodes at a time
SAMPLE_TYPES = {
    "uchar": np.uint8, "char": np.int8, "ushort": np.uint16, "short": np.int16, "uint": np.uint32,
    "int": np.int32, "float": np.float32,
}  # fmt: skip

Samples = npt.NDArray[Any]


@dataclass(frozen=True)
class RawImage:
    """A decoded image as it is stored in its file.

    Colors [H, W, 1 or 3] and straight alpha [H, W] are uint8, uint16, or float in 0..1: gray or RGB in the
    profile `icc`; without one by the code points `cicp`; without both in sRGB.
    """

    colors: Samples
    alpha: Samples | None = None
    icc: bytes | None = None
    cicp: tuple[int, int] | None = None  # color primaries and transfer characteristics of ITU-T H.273
    exif: bytes | None = None
    orientation: int = 1  # of EXIF, 1..8, not applied yet
    converted: bool = False  # whether colors have been converted to sRGB already (CMYK, Lab)


def check_pixels(size: tuple[int, int], max_pixels: int, name: str, *, in_memory: bool = True) -> None:
    """Raise InputError for an image of (width, height) of more than ``max_pixels``, or of none.

    The message says how much memory it would take, if it is decoded there.
    """
    width, height = size
    if width < 1 or height < 1:
        raise InputError(f"{name}: has {width} x {height} pixels")
    if (pixels := width * height) > max_pixels:
        memory = pixels * BYTES_PER_PIXEL / 1e9
        raise InputError(
            f"{name}: has {width} x {height} = {pixels:,} pixels, over the limit of {max_pixels:,}; "
            f"resize it, or raise the limit (--max-pixels {pixels}; in Python max_pixels)"
            + (f", which takes some {memory:.0f} GB of memory" if in_memory and memory > 1 else "")
        )


def decode_image(image: Image.Image, max_pixels: int, name: str) -> RawImage:
    """Decode a Pillow image of any mode."""
    check_pixels(image.size, max_pixels, name)
    image.load()
    return with_metadata(lambda raw: add_exif(raw, image), _split_modes(image, name), name)


def decode_by_pillow(data: bytes, form: formats.Format, max_pixels: int, name: str) -> RawImage:
    """Decode with Pillow, without Image.open: its limit on pixels is global, and it tries every format."""
    try:
        importlib.import_module(f"PIL.{form.plugin}")
        factory = Image.OPEN[form.name][0]
    except (ImportError, KeyError):
        raise InputError(f"{name}: is a {form.name} image, which the installed Pillow cannot read") from None
    image = factory(io.BytesIO(data), "")
    raw = decode_image(image, max_pixels, name)
    formats.note_left_out(data, form, name, several=getattr(image, "is_animated", False))
    return raw


def vips() -> Any:
    """Return libvips with an empty error buffer: messages of earlier failures would join the next one's."""
    pyvips = _import_vips()
    pyvips.vips_lib.vips_error_clear()
    return pyvips


@functools.cache
def _import_vips() -> Any:
    """Import libvips, quiet and without a cache."""
    pyvips: Any = importlib.import_module("pyvips")

    def to_string(text: Any) -> str:
        return "" if text == pyvips.ffi.NULL else pyvips.ffi.string(text).decode("utf-8", "replace")

    # Messages quote bytes of damaged files, and pyvips fails on those that are not valid UTF-8.
    pyvips._to_string = pyvips.error._to_string = to_string
    pyvips.cache_set_max(0)
    logging.getLogger("pyvips").setLevel(logging.CRITICAL)  # errors are raised as exceptions
    return pyvips


def decode_by_vips(data: bytes, form: formats.Format, max_pixels: int, name: str) -> tuple[Samples, Any]:
    """Return the samples [shape=(H, W, bands)] and the image of libvips with its metadata.

    Where only what follows the picture is damaged, the picture is read.
    """
    try:
        return _load_by_vips(data, form, max_pixels, name, "error")
    except _import_vips().Error:
        if form is formats.JPEG and not data.endswith(_JPEG_END):
            # A picture that lacks more than its end marker gives a warning.
            ended = data.removesuffix(_JPEG_END[:1]) + _JPEG_END
            with contextlib.suppress(_import_vips().Error):
                found = _load_by_vips(ended, form, max_pixels, name, "warning")
                log.warning("%s: lacks the end of its file; the picture is complete", name)
                return found
        if form is formats.TIFF and (first := tiff.only_first(data)) != data:
            return _load_by_vips(first, form, max_pixels, name, "error")
        raise


def _load_by_vips(
    data: bytes, form: formats.Format, max_pixels: int, name: str, fail_on: str
) -> tuple[Samples, Any]:
    load = getattr(vips().Image, f"{form.loader}_source")
    image = load(vips().Source.new_from_memory(data), access="sequential", fail_on=fail_on)
    check_pixels((image.width, image.height), max_pixels, name)
    if image.format not in SAMPLE_TYPES:
        raise InputError(f"holds {image.format} samples")
    samples = np.empty((image.height, image.width, image.bands), SAMPLE_TYPES[image.format])
    top = 0
    for rows in fetch_rows(image, _REGION_BYTES // samples[0].nbytes):
        samples[top : top + len(rows)] = rows
        top += len(rows)
    return samples, image


def fetch_rows(image: Any, count: int) -> Iterator[Samples]:
    """Yield the samples [shape=(n, W, bands)] of an image of libvips, `count` rows at a time."""
    region = vips().Region.new(image)
    dtype, count = SAMPLE_TYPES[image.format], max(1, count)
    for top in range(0, image.height, count):
        rows = min(count, image.height - top)
        yield np.frombuffer(region.fetch(0, top, image.width, rows), dtype).reshape(rows, image.width, -1)


def split_bands(samples: Samples, image: Any, name: str, has_alpha: bool = True) -> RawImage:
    """Interpret the bands of libvips."""
    profile = image.get("icc-profile-data") if image.get_typeof("icc-profile-data") else None
    if image.interpretation == "cmyk":
        ink = (samples[..., :4] >> (8 * samples.itemsize - 8)).astype(np.uint8)
        return _from_print(Image.fromarray(ink, "CMYK"), profile, name)
    if samples.dtype == np.uint32:
        samples = samples / np.float64(0xFFFFFFFF)
    elif samples.dtype.kind == "i":
        unsigned = _from_integers(samples)
        samples = unsigned.astype(np.uint8) if samples.dtype == np.int8 else unsigned
    count = 1 if image.interpretation in ("b-w", "grey16") or samples.shape[-1] < 3 else 3
    alpha = samples[..., count] if has_alpha and samples.shape[-1] > count else None
    return RawImage(samples[..., :count], alpha, profile)


def decode_heic(data: bytes, max_pixels: int, name: str) -> RawImage:
    """Decode with pi-heif."""
    heif: Any = importlib.import_module("pi_heif")
    # Only the picture: reading the list of depth maps has crashed on damaged files.
    heif.options.THUMBNAILS = heif.options.DEPTH_IMAGES = heif.options.AUX_IMAGES = False
    image = heif.open_heif(io.BytesIO(data), convert_hdr_to_8bit=False)
    check_pixels(image.size, max_pixels, name)
    formats.note_left_out(data, formats.HEIC, name, several=len(image) > 1)
    samples = np.asarray(image)
    count = 1 if samples.ndim == 2 or samples.shape[-1] < 3 else 3
    samples = samples.reshape(*samples.shape[:2], -1)
    alpha = samples[..., count] if samples.shape[-1] > count else None

    def add(raw: RawImage) -> RawImage:
        nclx = image.info.get("nclx_profile")
        cicp = nclx and (int(nclx["color_primaries"]), int(nclx["transfer_characteristics"]))
        # libheif has turned it upright: EXIF's orientation is ignored.
        return replace(add_exif(raw, image.info.get("exif")), orientation=1, cicp=cicp)

    raw = RawImage(samples[..., :count], alpha, image.info.get("icc_profile") or None)
    return with_metadata(add, raw, name)


def with_vips_metadata(
    raw: RawImage, form: formats.Format, image: Any, data: bytes | FileBytes, name: str
) -> RawImage:
    """Add the EXIF that libvips found.

    In PNG it misses EXIF behind the pixels, code points, and profiles with faults.
    """
    if form is not formats.PNG:
        block = image.get("exif-data") if image.get_typeof("exif-data") else None
        return with_metadata(lambda raw: add_exif(raw, block), raw, name)

    def add(raw: RawImage) -> RawImage:
        profile, block, cicp = formats.png_metadata(data)
        return replace(add_exif(raw, block), icc=profile, cicp=cicp)

    return with_metadata(add, raw, name)


def with_tiff_metadata(raw: RawImage, data: bytes | FileBytes, tags: tiff.Tags, name: str) -> RawImage:
    """Add the EXIF of a TIFF."""
    return with_metadata(lambda raw: add_exif(raw, tiff.read_exif(data, tags)), raw, name)


def add_exif(raw: RawImage, source: bytes | Image.Image | Image.Exif | None) -> RawImage:
    """Add EXIF, upright, and its orientation."""
    if source is None:
        return raw
    block, orientation = exif.take(source)
    return replace(raw, exif=block, orientation=orientation)


def vips_message(error: Exception) -> str | None:
    """Return the last line of an error of libvips, whose first names only its own function; else None."""
    if type(error).__module__ != "pyvips.error":  # imported only where it is used
        return None
    return str(getattr(error, "detail", "")).strip().split("\n")[-1].strip()


def with_metadata(add: Callable[[RawImage], RawImage], raw: RawImage, name: str) -> RawImage:
    """Add metadata if it can be read; with damaged metadata the pixels are still used."""
    try:
        return add(raw)
    except DECODER_ERRORS as error:
        log.warning("%s: dropped its EXIF, which is damaged (%s)", name, error)
        return raw


def _split_modes(image: Image.Image, name: str) -> RawImage:
    """Interpret the modes of Pillow."""
    profile = image.info.get("icc_profile") or None
    mode = image.mode
    if mode in ("CMYK", "LAB"):
        return _from_print(image, profile, name)
    key = image.info.get("transparency")
    if mode in ("1", "La"):
        image = image.convert("L" if mode == "1" else "LA")
    elif mode in ("P", "PA", "RGBa", "YCbCr", "HSV", "RGBX", "RGB"):
        clear = mode in ("PA", "RGBa") or image.has_transparency_data
        image = image.convert("RGBA" if clear else "RGB")
    array = np.asarray(image)
    if mode in ("1", "L", "F", "I") or mode.startswith("I;16"):
        if mode == "I":
            array = _from_integers(array)
        elif mode.startswith("I;16"):
            array = array.astype(np.uint16, copy=False)
        alpha = None
        if isinstance(key, int) and array.dtype.kind == "u":
            alpha = np.where(array == key, 0, np.iinfo(array.dtype).max).astype(array.dtype)
        return RawImage(array[..., None], alpha, profile)
    if array.shape[-1] in (2, 4):
        return RawImage(array[..., :-1], array[..., -1], profile)
    return RawImage(array, None, profile)


def _from_integers(array: npt.NDArray[Any]) -> npt.NDArray[np.uint16]:
    low, high = int(array.min()), int(array.max())
    if low < 0 or high > 65535:
        raise InputError(f"holds integers from {low} to {high}; restyle takes 0 to 65535")
    return array.astype(np.uint16)


def _from_print(image: Image.Image, profile: bytes | None, name: str) -> RawImage:
    if image.mode == "LAB":
        return RawImage(np.asarray(icc.lab_to_srgb(image)), None, converted=True)
    if profile is not None:
        try:
            if icc.color_space(profile) != "CMYK":
                raise ProfileError(f"a {icc.color_space(profile)} profile in a CMYK image")
            return RawImage(np.asarray(icc.image_to_srgb(image, profile)), None, converted=True)
        except ProfileError as error:
            log.warning("%s: ignored its color profile, which cannot be used (%s)", name, error)
    return RawImage(np.asarray(image.convert("RGB")), None, converted=profile is not None)
