"""Read an image from a file, from bytes, or from Pillow, with one clear line for whatever is wrong with it.

`images.decoders` decodes; this module finds the format, checks the file, and translates errors.
"""

from __future__ import annotations

import contextlib
import ctypes
import difflib
import functools
import logging
import os
import stat
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image, _imaging

from restyle.errors import InputError
from restyle.files import STANDARD_STREAM
from restyle.images import formats
from restyle.images.decoders import DECODER_ERRORS, RawImage, decode, decode_image
from restyle.types import PathLike

log = logging.getLogger("restyle.images")


def read_file(path: PathLike, max_pixels: int) -> RawImage:
    """Decode the first frame of an image file. Its content, not its suffix, decides its format.

    Raises
    ------
    InputError
        The file is missing, empty, damaged, too large, or not an image.
    """
    name = os.fspath(path)
    if name == STANDARD_STREAM:
        return read_bytes(sys.stdin.buffer.read(), max_pixels, "standard input")
    form = check_file(path, name)
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise InputError(f"{name}: {(error.strerror or 'cannot be read').lower()}") from error
    if (named := formats.from_suffix(path)) is not form:
        log.info("%s: is a %s image despite its suffix '%s'", name, form.name, named and Path(path).suffix)
    with decoding(name, form.name):
        return decode(data, form, max_pixels, name)


def read_bytes(data: bytes, max_pixels: int, name: str = "image") -> RawImage:
    """Decode the first frame of an image from the content of its file; see `read_file`."""
    if not data:
        raise InputError(f"{name}: is empty (0 bytes)")
    form = formats.sniff(data[: formats.HEAD_BYTES])
    _check_readable(form, formats.UNKNOWN, name)
    with decoding(name, form.name):
        return decode(data, form, max_pixels, name)


def read_image(image: Image.Image, max_pixels: int, name: str = "image") -> RawImage:
    """Decode a Pillow image of any mode.

    Raises
    ------
    InputError
        It is too large, or its file is damaged.
    """
    with decoding(name, image.format or image.mode):
        return decode_image(image, max_pixels, name)


def check_file(path: PathLike, name: str) -> formats.Format:
    """Return the format of an image file; InputError if it cannot be read as one."""
    try:
        status = os.stat(path)
    except FileNotFoundError:
        if name.startswith(("http:/", "https:/", "ftp:/")):  # a path loses the second slash
            raise InputError(f"{name}: is a web address; download the file first") from None
        if os.path.islink(path):
            raise InputError(f"{name}: is a link to a file that does not exist") from None
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
    _check_readable(form, formats.from_suffix(path), name)
    return form


def _check_readable(form: formats.Format, named: formats.Format, name: str) -> None:
    if form.readable:
        return
    if form is formats.UNKNOWN and named.readable:
        raise InputError(f"{name}: is not a {named.name} image, or its beginning is damaged")
    known = ", ".join(each.name for each in formats.FORMATS)
    reason = {
        "image": f"is {'an' if form.name in ('SVG', 'ICO') else 'a'} {form.name} image",
        "other": f"is not an image (it contains {form.name} data)",
    }.get(form.medium, f"is {form.medium} ({form.name}), not an image")
    raise InputError(f"{name}: {reason}; {form.cure or f'restyle reads {known}'}")


def _near_name(path: PathLike) -> str:
    try:
        names = os.listdir(Path(path).parent)
    except OSError:
        return ""
    near = difflib.get_close_matches(Path(path).name, names[:1000], 1, 0.75)
    return f"; did you mean '{near[0]}'?" if near else ""


@contextmanager
def decoding(name: str, form: str) -> Iterator[None]:
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
    except Image.DecompressionBombError as error:  # a limit of Pillow on what follows the header
        raise InputError(f"{name}: its first frame has more pixels than restyle reads") from error
    except DECODER_ERRORS as error:
        raise InputError(f"{name}: damaged or unsupported {form} image ({_reason(error)})") from error
    except Exception as error:
        if type(error).__module__ != "pyvips.error":  # imported only where it is used
            raise
        raise InputError(f"{name}: damaged or unsupported {form} image ({_reason(error)})") from error


def _reason(error: Exception) -> str:
    """Return the last line of a decoder's message; the first one of libvips names only its own function."""
    if type(error).__module__ == "pyvips.error":
        lines = str(getattr(error, "detail", "")).split("\n")
        return next(
            (line.strip() for line in reversed(lines) if line.strip()), "its content cannot be parsed"
        )
    return " ".join(str(error).split()) or type(error).__name__


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
        _quiet_libtiff()
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


@functools.cache
def _quiet_libtiff() -> None:
    """Keep the libtiff in Pillow from writing to standard error; what matters is raised."""
    with contextlib.suppress(OSError, AttributeError):  # where it exports no symbols
        library = ctypes.CDLL(_imaging.__file__)
        library.TIFFSetErrorHandler(None)
        library.TIFFSetWarningHandler(None)


_quiet = _Quiet()
