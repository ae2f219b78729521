"""Read an image from a file, from bytes, or from Pillow, with one clear line for whatever is wrong with it.

This module checks the file, picks the decoders of `images.decoders` that its format needs, and translates
their errors.

Camera raw files (DNG, NEF, CR2, ARW, PEF, SRW) are TIFF files. Their directories hold the sensor's data,
thumbnails, and in most cameras a JPEG of all pixels, developed by the camera, which is read. What tags claim
of a JPEG is not believed: its own header states its size.

References: Adobe, DNG Specification 1.7; TIFF Technical Note 2 (JPEG).
"""

from __future__ import annotations

import contextlib
import ctypes
import difflib
import functools
import logging
import os
import stat
import struct
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from PIL import Image, _imaging

from restyle.errors import InputError
from restyle.files import STANDARD_STREAM
from restyle.images import decoders, formats, tiff
from restyle.images.decoders import RawImage, check_pixels
from restyle.images.formats import FileBytes, jpeg_segments
from restyle.images.tiff import Tag, Tags, number, numbers
from restyle.types import PathLike

log = logging.getLogger("restyle.images")

_FILTERED, _LINEAR = 32803, 34892  # photometric interpretation: color filter array, linear raw
_SENSOR_CODECS = {32767, 32769, 32770, 34713, 65535}  # of Sony, Epson, Samsung, Nikon, Pentax
_JPEG_OFFSET, _JPEG_BYTES = 513, 514
_OLD_JPEG, _JPEG = 6, 7
_MOST_DIRECTORIES = 32
_FULL = 0.7  # least share of the sensor's pixels: previews lack its margins


def read_file(path: PathLike, max_pixels: int) -> RawImage:
    """Decode the first frame of an image file. Its content, not its suffix, decides its format.

    InputError if the file is missing, empty, damaged, too large, or not an image.
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
    """Decode a Pillow image of any mode; InputError if it is too large, or its file is damaged."""
    with decoding(name, image.format or image.mode):
        return decoders.decode_image(image, max_pixels, name)


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


def decode(data: bytes, form: formats.Format, max_pixels: int, name: str) -> RawImage:
    """Decode the first frame of a file; anything in `DECODER_ERRORS` and `pyvips.Error` may be raised."""
    if form in (formats.TIFF, formats.CAMERA_RAW):
        return _decode_tiff(data, form, max_pixels, name)
    if form.plugin == "pi_heif":
        return decoders.decode_heic(data, max_pixels, name)
    if form is formats.AVIF:
        return _decode_avif(data, form, max_pixels, name)
    if form.loader:
        samples, image = decoders.decode_by_vips(data, form, max_pixels, name)
        raw = decoders.split_bands(samples, image, name)
        formats.note_left_out(data, form, name)
        return decoders.with_vips_metadata(raw, form, image, data, name)
    return decoders.decode_by_pillow(data, form, max_pixels, name)


def _decode_tiff(data: bytes, form: formats.Format, max_pixels: int, name: str) -> RawImage:
    tags = tiff.read_tags(data)
    if is_camera_raw(data, tags):
        return _decode_camera_raw(data, tags, max_pixels, name)
    check_pixels(tiff.size(tags), max_pixels, name)
    tiff.check_blocks(tags, max_pixels)
    tiff.check_readable(tags)
    if tiff.for_pillow(tags):
        if not tiff.is_planar_lab(tags):
            return decoders.decode_by_pillow(data, form, max_pixels, name)
        raw = decoders.decode_by_pillow(tiff.repack(data, tags), form, max_pixels, name)
        return decoders.with_tiff_metadata(raw, data, tags, name)
    plain = tiff.repack(data, tags) if tiff.needs_repack(tags) else data
    alpha = number(tags, Tag.EXTRA, tiff.STRAIGHT) in (tiff.ASSOCIATED, tiff.STRAIGHT)
    raw = decoders.split_bands(*decoders.decode_by_vips(plain, form, max_pixels, name), name, has_alpha=alpha)
    formats.note_left_out(data, form, name, several=tags.next != 0)
    if raw.colors.dtype.kind == "f" and number(tags, Tag.PHOTOMETRIC, 1) == tiff.WHITE_IS_ZERO:
        raw = replace(raw, colors=1 - raw.colors)
    return decoders.with_tiff_metadata(raw, data, tags, name)


def _decode_camera_raw(data: bytes, tags: Tags, max_pixels: int, name: str) -> RawImage:
    jpeg, size = full_preview(data, tags)
    image = decode(jpeg, formats.JPEG, max_pixels, name)
    log.warning("%s: is a camera raw file; the camera's own JPEG in it, %d x %d pixels, is used", name, *size)
    return image if image.exif is not None else decoders.with_tiff_metadata(image, data, tags, name)


def _decode_avif(data: bytes, form: formats.Format, max_pixels: int, name: str) -> RawImage:
    """Read depth and code points by hand: libheif's own header has crashed on damaged files."""
    nclx, config = data.find(b"colrnclx"), data.find(b"av1C")
    cicp = None
    if 0 < nclx <= len(data) - 12:
        cicp = (int.from_bytes(data[nclx + 8 : nclx + 10]), int.from_bytes(data[nclx + 10 : nclx + 12]))
    if config > 0 and any(byte & 0x40 for byte in data[config + 6 : config + 7]):  # more than 8 bits
        samples, image = decoders.decode_by_vips(data, form, max_pixels, name)
        raw = decoders.split_bands(samples, image, name)
        raw = decoders.with_vips_metadata(raw, form, image, data, name)
        several = image.get_typeof("n-pages") and image.get("n-pages") > 1
        formats.note_left_out(data, form, name, several=several)
        return replace(raw, orientation=1, cicp=cicp)  # libheif has turned it upright
    return replace(decoders.decode_by_pillow(data, form, max_pixels, name), cicp=cicp)


def is_camera_raw(data: bytes | FileBytes, tags: Tags) -> bool:
    """Tell whether a TIFF file is the raw file of a camera."""
    thumbnail = number(tags, Tag.SUBFILE, 0) & 1 and Tag.SUB_DIRECTORIES in tags
    if thumbnail or Tag.DNG_VERSION in tags or data[8:10] == b"CR":
        return True
    return any(_is_sensor(each) for each in tiff.directories(data, tags, _MOST_DIRECTORIES))


def full_preview(data: bytes, tags: Tags) -> tuple[bytes, tuple[int, int]]:
    """Return the largest JPEG in a raw file, and its (width, height); InputError if none has full size."""
    found: list[tuple[int, tuple[int, int], bytes]] = []
    sensor = 0
    for each in tiff.directories(data, tags, _MOST_DIRECTORIES):
        jpeg = _jpeg(data, each)
        header = None if jpeg is None else _header(jpeg)
        if jpeg is not None and header is not None and header[0] in (0xC0, 0xC1, 0xC2):  # not lossless
            found.append((header[1] * header[2], (header[1], header[2]), jpeg))
            continue
        width, height = tiff.size(each)
        if header is not None:  # CR2 states no other size; its channels are columns of the sensor
            sensor = max(sensor, header[1] * header[2] * header[3])
        if _is_sensor(each):
            sensor = max(sensor, width * height)
    if not found:
        raise InputError(f"is a camera raw file without a preview; {formats.DEVELOP}")
    pixels, size, jpeg = max(found, key=lambda each: each[0])
    if not sensor or pixels < _FULL * sensor:
        most = f"whose largest preview has only {size[0]} x {size[1]} pixels"
        raise InputError(f"is a camera raw file {most}; {formats.DEVELOP}")
    return jpeg, size


def _is_sensor(tags: Tags) -> bool:
    codec = number(tags, Tag.COMPRESSION, tiff.NONE)
    return number(tags, Tag.PHOTOMETRIC, 0) in (_FILTERED, _LINEAR) or codec in _SENSOR_CODECS


def _jpeg(data: bytes, tags: Tags) -> bytes | None:
    """Return the JPEG stream of a directory, if it has one."""
    offsets, counts = numbers(tags, _JPEG_OFFSET, ()), numbers(tags, _JPEG_BYTES, ())
    if not offsets and number(tags, Tag.COMPRESSION, tiff.NONE) in (_OLD_JPEG, _JPEG):
        offsets, counts = numbers(tags, Tag.STRIP_OFFSETS, ()), numbers(tags, Tag.STRIP_BYTES, ())
    if len(offsets) != 1 or len(counts) != 1:
        return None
    stream = data[max(0, offsets[0]) : max(0, offsets[0] + counts[0])]
    return stream if stream.startswith(b"\xff\xd8\xff") else None


def _header(jpeg: bytes) -> tuple[int, int, int, int] | None:
    """Return kind, width, height and channels of the frame of a JPEG; None if it has none."""
    for kind, _, content in jpeg_segments(jpeg):
        if 0xC0 <= kind <= 0xCF and kind not in (0xC4, 0xC8, 0xCC) and len(content) >= 6:
            _, height, width, channels = struct.unpack_from(">BHHB", content)
            return kind, width, height, channels
    return None


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
    except Exception as error:
        message = decoders.vips_message(error)
        if message is not None:
            reason = message or "its content cannot be parsed"
        elif isinstance(error, decoders.DECODER_ERRORS):
            reason = " ".join(str(error).split()) or type(error).__name__
        else:
            raise
        raise InputError(f"{name}: damaged or unsupported {form} image ({reason})") from error


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
