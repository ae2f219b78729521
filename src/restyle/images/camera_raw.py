"""Camera raw: find the JPEG of full size that cameras store beside the data of the sensor.

DNG, NEF, CR2, ARW, PEF and SRW are TIFF files. Their directories hold the sensor's data, thumbnails, and in
most cameras a JPEG of all pixels, developed by the camera. What tags claim of a JPEG is not believed: its own
header states its size.

References: Adobe, DNG Specification 1.7; TIFF Technical Note 2 (JPEG).
"""

from __future__ import annotations

import struct

from restyle.errors import InputError
from restyle.files import FileBytes
from restyle.images import tiff
from restyle.images.formats import DEVELOP, jpeg_segments
from restyle.images.tiff import Tag, Tags, number, numbers

_FILTERED, _LINEAR = 32803, 34892  # photometric interpretation: color filter array, linear raw
_SENSOR_CODECS = {32767, 32769, 32770, 34713, 65535}  # of Sony, Epson, Samsung, Nikon, Pentax
_JPEG_OFFSET, _JPEG_BYTES = 513, 514
_OLD_JPEG, _JPEG = 6, 7
_MOST_DIRECTORIES = 32
_FULL = 0.7  # least share of the sensor's pixels: previews lack its margins


def is_camera_raw(data: bytes | FileBytes, tags: Tags) -> bool:
    """Tell whether a TIFF file is the raw file of a camera."""
    thumbnail = number(tags, Tag.SUBFILE, 0) & 1 and Tag.SUB_DIRECTORIES in tags
    if thumbnail or Tag.DNG_VERSION in tags or data[8:10] == b"CR":
        return True
    return any(_is_sensor(each) for each in tiff.directories(data, tags, _MOST_DIRECTORIES))


def full_preview(data: bytes, tags: Tags) -> tuple[bytes, tuple[int, int]]:
    """Return the largest JPEG in a raw file, and its (width, height).

    Raises
    ------
    InputError
        The file has none, or only smaller ones.
    """
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
        raise InputError(f"is a camera raw file without a preview; {DEVELOP}")
    pixels, size, jpeg = max(found, key=lambda each: each[0])
    if not sensor or pixels < _FULL * sensor:
        raise InputError(
            f"is a camera raw file whose largest preview has only {size[0]} x {size[1]} pixels; {DEVELOP}"
        )
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
