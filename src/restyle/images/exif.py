"""Keep EXIF correct after an image was turned upright, resized and repainted.

Blocks are patched in place rather than rewritten, because maker notes refer to their own offsets. Unknown
tags and types survive.

Reference: CIPA DC-008 (Exif 2.32).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

from PIL import ExifTags, Image

PREFIX = b"Exif\0\0"

_ORIENTATION = 0x0112
_IMAGE_SIZE = {0x0100: 0, 0x0101: 1}
_EXIF_IFD = 0x8769
_PIXEL_SIZE = {0xA002: 0, 0xA003: 1}
_THUMBNAIL_OFFSET, _THUMBNAIL_LENGTH = 0x0201, 0x0202
_SHORT, _LONG = 3, 4

# Tags of a TIFF's first directory that describe how pixels are stored, and blocks that are copied elsewhere
# or dropped.
STRUCTURAL_TAGS = frozenset(
    [
        *range(254, 260), *range(262, 267), 273, 274, *range(277, 282), 284, *range(288, 294), 297, 301,
        *range(317, 326), 330, *range(332, 335), 336, *range(338, 348), *range(512, 516), *range(517, 522),
        *range(529, 533), 700, 33550, 33723, 33922, 34264, 34377, 34675, *range(34735, 34738), 37724,
        42112, 42113, *range(50706, 52600),  # of DNG
    ]
)  # fmt: skip


def upright(block: bytes) -> bytes | None:
    """Reset the orientation and drop the thumbnail, which shows the original; None if the block is damaged.

    ``Exif\\0\\0`` may be in front, and is in front of the result.
    """
    try:
        data, order = _open(block)
        (first,) = struct.unpack_from(order + "I", data, 4)
        for tag, position in _entries(data, order, first):
            if tag == _ORIENTATION:
                struct.pack_into(order + "HIHH", data, position + 2, _SHORT, 1, 1, 0)
        link = first + 2 + 12 * struct.unpack_from(order + "H", data, first)[0]
        (second,) = struct.unpack_from(order + "I", data, link)
        struct.pack_into(order + "I", data, link, 0)
        if second:
            _blank_thumbnail(data, order, second)
    except (struct.error, ValueError):
        return None
    return PREFIX + bytes(data)


def with_size(block: bytes, width: int, height: int) -> bytes:
    """Set the pixel dimensions in a block from :func:`upright`, where it has any."""
    data, order = _open(block)
    (first,) = struct.unpack_from(order + "I", data, 4)
    size = (width, height)
    try:
        for tag, position in _entries(data, order, first):
            if tag in _IMAGE_SIZE:
                struct.pack_into(order + "HII", data, position + 2, _LONG, 1, size[_IMAGE_SIZE[tag]])
            elif tag == _EXIF_IFD:
                (offset,) = struct.unpack_from(order + "I", data, position + 8)
                for inner, where in _entries(data, order, offset):
                    if inner in _PIXEL_SIZE:
                        struct.pack_into(order + "HII", data, where + 2, _LONG, 1, size[_PIXEL_SIZE[inner]])
    except (struct.error, ValueError):
        pass  # leave a damaged inner directory as it is
    return PREFIX + bytes(data)


def take(source: bytes | Image.Image | Image.Exif) -> tuple[bytes | None, int]:
    """Return the EXIF of a block, a Pillow image or a table of tags: upright; and the orientation 1..8."""
    if isinstance(source, bytes):
        raw: Any = source
        exif = Image.Exif()
        exif.load(PREFIX + source.removeprefix(PREFIX))
    else:
        exif = source if isinstance(source, Image.Exif) else source.getexif()
        raw = None if isinstance(source, Image.Exif) else source.info.get("exif")
        if not isinstance(raw, bytes):
            raw = from_tags(exif)
    orientation = exif.get(ExifTags.Base.Orientation, 1)
    return (upright(raw) if raw else None), int(orientation) if orientation in range(1, 9) else 1


def from_tags(exif: Image.Exif) -> bytes | None:
    """Build an EXIF block from tags, such as those of a TIFF; None if none remains."""
    result = Image.Exif()
    for tag, value in exif.items():
        if tag not in STRUCTURAL_TAGS and tag not in (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo):
            result[tag] = value
    for ifd in (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo):
        inner = dict(exif.get_ifd(ifd)) if ifd in exif else {}
        inner.pop(ExifTags.IFD.Interop, None)
        if inner:
            result[ifd] = inner
    return result.tobytes() if len(result) else None


def _open(block: bytes) -> tuple[bytearray, str]:
    while block.startswith(PREFIX):
        block = block[len(PREFIX) :]
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(block[:4])
    if order is None:
        raise ValueError("no EXIF")
    return bytearray(block), order


def _entries(data: bytearray, order: str, directory: int) -> Iterator[tuple[int, int]]:
    """Yield each tag of a directory and where its entry of 12 bytes starts."""
    (count,) = struct.unpack_from(order + "H", data, directory)
    for position in range(directory + 2, directory + 2 + 12 * count, 12):
        yield struct.unpack_from(order + "HHII", data, position)[0], position


def _blank_thumbnail(data: bytearray, order: str, directory: int) -> None:
    where = {}
    for tag, position in _entries(data, order, directory):
        if tag in (_THUMBNAIL_OFFSET, _THUMBNAIL_LENGTH):
            (where[tag],) = struct.unpack_from(order + "I", data, position + 8)
    start = where.get(_THUMBNAIL_OFFSET, 0)
    end = start + where.get(_THUMBNAIL_LENGTH, 0)
    if not 8 <= start < end <= len(data):
        return
    if end == len(data):
        del data[start:]
    else:
        data[start:end] = bytes(end - start)
