"""From a file or a Pillow image to plain arrays: colour, alpha, and what came with them.

Pillow decodes. The rest is what Pillow leaves open: a limit on pixels that is checked before any is decoded,
what each of its modes means, and 16-bit colour (:mod:`restyle.images.png16`,
:mod:`restyle.images.tiff16`).
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
from restyle.images import exif, formats, png16, profiles, tiff16
from restyle.images.icc import ProfileError, colour_space

log = logging.getLogger("restyle.images")

# What damaged files make decoders raise. A wide net, because they raise whatever comes.
DECODER_ERRORS = (
    OSError, SyntaxError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError, EOFError,
    MemoryError, RuntimeError, AssertionError, struct.error, zlib.error, Image.DecompressionBombError,
)  # fmt: skip

BYTES_PER_PIXEL = 27  # of memory, from decoding to encoding, as measured on 200 megapixels

_PLUGINS = {
    "JPEG": "Jpeg", "PNG": "Png", "WEBP": "WebP", "TIFF": "Tiff", "BMP": "Bmp", "GIF": "Gif", "AVIF": "Avif",
}  # fmt: skip


@dataclass(frozen=True)
class Frame:
    """One decoded picture, as it was stored.

    Attributes
    ----------
    colour : np.ndarray [shape=(H, W, 1) or (H, W, 3), uint8, uint16, or float in 0..1]
        Grey or RGB of the profile ``icc``, or of sRGB if that is None.
    alpha : np.ndarray [shape=(H, W), of the same type] or None
        Straight.
    orientation : int
        EXIF orientation 1..8, not applied yet.
    converted : bool
        Whether the source's profile has been used up already (CMYK, Lab), so that ``colour`` is sRGB.
    """

    colour: npt.NDArray[Any]
    alpha: npt.NDArray[Any] | None = None
    icc: bytes | None = None
    exif: bytes | None = None
    orientation: int = 1
    converted: bool = False


def check_pixels(size: tuple[int, int], max_pixels: int, name: str) -> None:
    """Refuse a picture of more than ``max_pixels``, or of none.

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


def read_file(path: str | os.PathLike[str], max_pixels: int) -> Frame:
    """Decode the first frame of a picture file; its content, not its suffix, says what it is.

    Raises
    ------
    InputError
        The file is missing, empty, damaged, too large, or no picture.
    """
    name = os.fspath(path)
    kind = _check_file(path, name)
    try:
        with open(path, "rb") as file, _decoding(name, kind.name):
            if kind is formats.TIFF and (deep := tiff16.probe(file)) is not None:
                check_pixels((deep.width, deep.height), max_pixels, name)
                colour, alpha = tiff16.read(file, deep, max_pixels)
                return _with_metadata(lambda: tiff16.metadata(file), Frame(colour, alpha, deep.icc), name)
            image = _open(file, kind, name)
            check_pixels(image.size, max_pixels, name)
            if kind is formats.PNG and png16.is_deep(image):
                low = _open(file, kind, name)
                colour, alpha = png16.read(image, low)
                return _with_metadata(image, Frame(colour, alpha, image.info.get("icc_profile")), name)
            return read_image(image, max_pixels, name)
    except OSError as error:  # of open(); those of the decoder have been translated
        raise InputError(f"{name}: {(error.strerror or 'cannot be read').lower()}") from error


def read_image(image: Image.Image, max_pixels: int, name: str = "image") -> Frame:
    """Take a Pillow image of any mode apart.

    Raises
    ------
    InputError
        It is too large, or its file is damaged.
    """
    check_pixels(image.size, max_pixels, name)
    with _decoding(name, image.format or image.mode):
        image.load()
        return _with_metadata(image, _take_apart(image, name), name)


def _check_file(path: str | os.PathLike[str], name: str) -> formats.Kind:
    if name.startswith(("http://", "https://", "ftp://")):
        raise InputError(f"{name}: is an address; restyle fetches nothing, download the picture first")
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
        raise InputError(f"{name}: is a folder, not a picture")
    if not stat.S_ISREG(status.st_mode):
        raise InputError(f"{name}: is not a regular file")
    if status.st_size == 0:
        raise InputError(f"{name}: is empty (0 bytes)")
    kind = formats.identify_file(path)
    promised = formats.by_suffix(path)
    if not kind.readable:
        known = ", ".join(each.name for each in formats.PICTURES)
        if kind is formats.UNKNOWN and promised.readable:
            raise InputError(f"{name}: is not a {promised.name} picture, or its beginning is damaged")
        what = {"image": f"is a {kind.name} picture", "other": f"is no picture ({kind.name} content)"}
        reason = what.get(kind.medium, f"is {kind.medium} ({kind.name}), not a picture")
        raise InputError(f"{name}: {reason}; restyle reads {known}")
    if promised is not kind:
        log.info("%s: is a %s picture, whatever its suffix '%s' says", name, kind.name, Path(path).suffix)
    return kind


def _near_name(path: str | os.PathLike[str]) -> str:
    try:
        names = os.listdir(Path(path).parent)
    except OSError:
        return ""
    near = difflib.get_close_matches(Path(path).name, names[:1000], 1, 0.75)
    return f"; did you mean '{near[0]}'?" if near else ""


@contextmanager
def _decoding(name: str, kind: str) -> Iterator[None]:
    """Turn whatever a decoder raises into an InputError that names the file."""
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
            f"{name}: damaged or unsupported {kind} picture ({error or type(error).__name__})"
        ) from error


class _Quiet:
    """Keep Pillow's warnings about odd metadata off the caller's screen while any thread decodes.

    The filters of ``warnings`` belong to the whole process: the first thread in sets them, the last one out
    puts them back.
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


def _open(file: BinaryIO, kind: formats.Kind, name: str) -> ImageFile.ImageFile:
    """Read the header of a picture.

    Not Image.open: its limit on pixels is one number for the whole process, and it tries every format.
    """
    try:
        importlib.import_module(f"PIL.{_PLUGINS[kind.name]}ImagePlugin")
        factory = Image.OPEN[kind.name][0]
    except (ImportError, KeyError):
        raise InputError(
            f"{name}: is a {kind.name} picture, which the installed Pillow cannot read"
        ) from None
    file.seek(0)
    # No file name: with one, Pillow maps uncompressed files into memory and a change on disk is a crash.
    return factory(file, "")


def _with_metadata(source: Image.Image | Callable[[], Image.Exif], frame: Frame, name: str) -> Frame:
    """Add EXIF, which some formats store behind the pixels, so only after decoding."""
    try:
        block, orientation = exif.take(source() if callable(source) else source)
    except DECODER_ERRORS as error:
        log.warning("%s: its EXIF is damaged and was left out (%s)", name, error)
        return frame
    return replace(frame, exif=block, orientation=orientation)


def _take_apart(image: Image.Image, name: str) -> Frame:
    """Say what each of Pillow's modes means."""
    icc = image.info.get("icc_profile") or None
    mode = image.mode
    if mode in ("CMYK", "LAB"):
        return _from_print(image, icc, name)
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
        return Frame(array[..., None], alpha, icc)
    if array.shape[-1] in (2, 4):
        return Frame(array[..., :-1], array[..., -1], icc)
    return Frame(array, None, icc)


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


def _from_print(image: Image.Image, icc: bytes | None, name: str) -> Frame:
    if image.mode == "LAB":
        return Frame(np.asarray(profiles.lab_to_srgb(image)), None, converted=True)
    if icc is not None:
        try:
            if colour_space(icc) != "CMYK":
                raise ProfileError(f"a {colour_space(icc)} profile on a CMYK picture")
            return Frame(np.asarray(profiles.image_to_srgb(image, icc)), None, converted=True)
        except ProfileError as error:
            log.warning("%s: its colour profile cannot be used and was ignored (%s)", name, error)
    return Frame(np.asarray(image.convert("RGB")), None, converted=icc is not None)
