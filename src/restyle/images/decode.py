"""Decode a file or a Pillow image to plain arrays: colors, alpha, and metadata.

Pillow decodes. This module checks the number of pixels before decoding, interprets Pillow's modes, and
handles what Pillow reduces to 8 bits (`images.png16`, `images.tiff`).
"""

from __future__ import annotations

import difflib
import importlib
import logging
import os
import stat
import struct
import threading
import warnings
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFile

from restyle.errors import InputError
from restyle.images import exif, formats, icc, png16, tiff
from restyle.images.icc import ProfileError
from restyle.types import PathLike

log = logging.getLogger("restyle.images")

# What decoders raise on damaged files: nearly anything.
DECODER_ERRORS = (
    OSError, SyntaxError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError, EOFError,
    MemoryError, RuntimeError, AssertionError, struct.error, zlib.error, Image.DecompressionBombError,
)  # fmt: skip

BYTES_PER_PIXEL = 27  # of memory, from decoding to encoding, measured on 200 megapixels


@dataclass(frozen=True)
class RawImage:
    """A decoded image as it is stored in its file.

    Attributes
    ----------
    colors : np.ndarray [shape=(H, W, 1) or (H, W, 3), uint8, uint16, or float in 0..1]
        Gray or RGB in the profile ``icc``, or in sRGB if that is None.
    alpha : np.ndarray [shape=(H, W), of the same type] or None
        Straight.
    orientation : int
        EXIF orientation 1..8, not applied yet.
    converted : bool
        Whether ``colors`` have been converted to sRGB already (CMYK, Lab).
    """

    colors: npt.NDArray[Any]
    alpha: npt.NDArray[Any] | None = None
    icc: bytes | None = None
    exif: bytes | None = None
    orientation: int = 1
    converted: bool = False


def check_pixels(size: tuple[int, int], max_pixels: int, name: str) -> None:
    """Raise InputError for an image of more than ``max_pixels``, or of none.

    Parameters
    ----------
    size : (width, height)
    """
    width, height = size
    if width < 1 or height < 1:
        raise InputError(f"{name}: has {width} x {height} pixels")
    if (pixels := width * height) > max_pixels:
        memory = pixels * BYTES_PER_PIXEL / 1e9
        raise InputError(
            f"{name}: has {width} x {height} = {pixels:,} pixels, over the limit of {max_pixels:,}; "
            f"resize it, or raise the limit (--max-pixels {pixels}; in Python max_pixels)"
            + (f", which takes some {memory:.0f} GB of memory" if memory > 1 else "")
        )


def read_file(path: PathLike, max_pixels: int) -> RawImage:
    """Decode the first frame of an image file. Its content, not its suffix, decides its format.

    Raises
    ------
    InputError
        The file is missing, empty, damaged, too large, or not an image.
    """
    name = os.fspath(path)
    form = _check_file(path, name)
    try:
        with open(path, "rb") as file, _decoding(name, form.name):
            if form is formats.TIFF and (deep := tiff.probe(file)) is not None:
                check_pixels((deep.width, deep.height), max_pixels, name)
                colors, alpha = tiff.read(file, deep, max_pixels)
                return _with_metadata(lambda: tiff.metadata(file), RawImage(colors, alpha, deep.icc), name)
            image = _open(file, form, name)
            check_pixels(image.size, max_pixels, name)
            if form is formats.PNG and png16.is_deep(image):
                colors, alpha = png16.read(image, _open(file, form, name))
                return _with_metadata(image, RawImage(colors, alpha, image.info.get("icc_profile")), name)
            return read_image(image, max_pixels, name)
    except OSError as error:  # of open(); _decoding has translated those of the decoder
        raise InputError(f"{name}: {(error.strerror or 'cannot be read').lower()}") from error


def read_image(image: Image.Image, max_pixels: int, name: str = "image") -> RawImage:
    """Decode a Pillow image of any mode.

    Raises
    ------
    InputError
        It is too large, or its file is damaged.
    """
    check_pixels(image.size, max_pixels, name)
    with _decoding(name, image.format or image.mode):
        image.load()
        return _with_metadata(image, _split_modes(image, name), name)


def _check_file(path: PathLike, name: str) -> formats.Format:
    if name.startswith(("http://", "https://", "ftp://")):
        raise InputError(f"{name}: is a web address; download the file first")
    try:
        status = os.stat(path)
    except FileNotFoundError:
        raise InputError(f"{name}: there is no such file{_near_name(path)}") from None
    except (OSError, ValueError) as error:
        raise InputError(f"{name!r}: cannot be read ({error})") from error
    if stat.S_ISDIR(status.st_mode):
        try:
            os.scandir(path).close()
        except OSError as error:
            raise InputError(f"{name}: {(error.strerror or 'cannot be read').lower()}") from error
        raise InputError(f"{name}: is a folder, not an image")
    if not stat.S_ISREG(status.st_mode):
        raise InputError(f"{name}: is not a regular file")
    if status.st_size == 0:
        raise InputError(f"{name}: is empty (0 bytes)")
    form = formats.sniff_file(path)
    named = formats.from_suffix(path)
    if not form.readable:
        known = ", ".join(each.name for each in formats.FORMATS)
        if form is formats.UNKNOWN and named.readable:
            raise InputError(f"{name}: is not a {named.name} image, or its beginning is damaged")
        reason = {
            "image": f"is a {form.name} image",
            "other": f"is not an image (it contains {form.name} data)",
        }.get(form.medium, f"is {form.medium} ({form.name}), not an image")
        raise InputError(f"{name}: {reason}; restyle reads {known}")
    if named is not form:
        log.info("%s: is a %s image despite its suffix '%s'", name, form.name, Path(path).suffix)
    return form


def _near_name(path: PathLike) -> str:
    try:
        names = os.listdir(Path(path).parent)
    except OSError:
        return ""
    near = difflib.get_close_matches(Path(path).name, names[:1000], 1, 0.75)
    return f"; did you mean '{near[0]}'?" if near else ""


@contextmanager
def _decoding(name: str, form: str) -> Iterator[None]:
    """Translate anything a decoder raises to an InputError that names the file."""
    try:
        with _quiet:
            yield
    except InputError as error:
        if str(error).startswith(name):
            raise
        raise InputError(f"{name}: {error}") from error
    except MemoryError as error:
        raise InputError(f"{name}: does not fit into memory") from error
    except DECODER_ERRORS as error:
        raise InputError(
            f"{name}: damaged or unsupported {form} image ({error or type(error).__name__})"
        ) from error


class _Quiet:
    """Suppress Pillow's warnings about odd metadata while any thread decodes.

    The filters of ``warnings`` are global to the process: the first thread to enter sets them, and the last
    one to leave restores them.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._before = warnings.catch_warnings()

    def __enter__(self) -> None:
        with self._lock:
            if self._inside == 0:
                self._before = warnings.catch_warnings()
                self._before.__enter__()
                warnings.simplefilter("ignore")
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                self._before.__exit__(None, None, None)


_quiet = _Quiet()


def _open(file: BinaryIO, form: formats.Format, name: str) -> ImageFile.ImageFile:
    """Read the header of an image.

    Not Image.open, whose limit on pixels is global to the process, and which tries every format.
    """
    try:
        importlib.import_module(f"PIL.{form.plugin}")
        factory = Image.OPEN[form.name][0]
    except (ImportError, KeyError):
        raise InputError(f"{name}: is a {form.name} image, which the installed Pillow cannot read") from None
    file.seek(0)
    # Without a file name: given one, Pillow memory-maps uncompressed files, and a change on disk crashes.
    return factory(file, "")


def _with_metadata(source: Image.Image | Callable[[], Image.Exif], raw: RawImage, name: str) -> RawImage:
    """Add the EXIF block. Some formats store it after the pixels, so decode first."""
    try:
        block, orientation = exif.take(source() if callable(source) else source)
    except DECODER_ERRORS as error:
        log.warning("%s: dropped its EXIF, which is damaged (%s)", name, error)
        return raw
    return replace(raw, exif=block, orientation=orientation)


def _split_modes(image: Image.Image, name: str) -> RawImage:
    """Interpret the modes of Pillow."""
    profile = image.info.get("icc_profile") or None
    mode = image.mode
    if mode in ("CMYK", "LAB"):
        return _from_print(image, profile, name)
    key = image.info.get("transparency")
    if mode == "1":
        image = image.convert("L")
    elif mode in ("P", "PA", "La", "RGBa", "YCbCr", "HSV", "RGBX", "RGB"):
        image = image.convert(_plain_mode(image))
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


def _plain_mode(image: Image.Image) -> str:
    if image.mode == "La":
        return "LA"
    if image.mode in ("PA", "RGBa") or image.has_transparency_data:
        return "RGBA"
    return "RGB"


def _from_integers(array: npt.NDArray[Any]) -> npt.NDArray[np.uint16]:
    low, high = int(array.min()), int(array.max())
    if low < 0 or high > 65535:
        raise InputError(f"holds 32-bit integers from {low} to {high}; restyle takes 8 or 16 bits")
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
