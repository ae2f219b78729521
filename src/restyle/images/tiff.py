"""TIFF: its tags, the variants that libvips cannot read, and writing.

libvips reads most TIFF files. Written by hand, on Pillow's tag reader:

- ``repack`` rewrites what libvips refuses or misreads (LZMA, Zstandard, floats of 64 bits, channels in
  separate planes, predictors without LZW or deflate) as a file that it reads.
- ``write``, because libvips writes no EXIF directories to TIFF and Pillow writes no color of 16 bits.

References: Adobe, TIFF Revision 6.0; TIFF Technical Note 3 (predictor for floating point).
"""

from __future__ import annotations

import io
import os
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from enum import IntEnum
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image, TiffImagePlugin, TiffTags

from restyle.errors import InputError
from restyle.images.exif import STRUCTURAL_TAGS
from restyle.images.formats import FileBytes

Tags = TiffImagePlugin.ImageFileDirectory_v2

WHITE_IS_ZERO, BLACK_IS_ZERO, RGB = 0, 1, 2  # photometric interpretation
NONE, DEFLATE = 1, 8  # compression
FLOAT = 3  # sample format
DIFFERENCES, FLOAT_DIFFERENCES = 2, 3  # predictor
ASSOCIATED, STRAIGHT = 1, 2  # extra samples: alpha

_LZMA, _ZSTANDARD = 34925, 50000
_VIPS_CODECS = {NONE, 2, 3, 4, 5, 7, DEFLATE, 32773, 32946}
_UNREAD_CODECS = {34712: "JPEG 2000", 50001: "WebP", 50002: "JPEG XL"}  # others have only numbers
_PALETTE = 3  # photometric interpretation
_VIPS_PHOTOMETRIC = {WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, _PALETTE, 5, 6}
_VIPS_BITS = {1, 2, 4, 8, 16, 32}
_PREDICTED_CODECS = {5, DEFLATE, 32946}  # to which libtiff applies a predictor
_LAB = 8  # photometric interpretation, which Pillow reads
_KINDS = {
    _PALETTE: "a palette", _LAB: "CIE Lab", 9: "ICC Lab", 32844: "LogL", 32845: "LogLuv", RGB: "RGB",
    5: "CMYK",
}  # fmt: skip
_PIXEL_BYTES = 16  # most bytes of a pixel in a picture of the most pixels: four floats
_BLOCK_BYTES = 1 << 20  # of samples that one thread compresses at a time
BIG = (1 << 32) - (1 << 26)  # bytes of samples from which a BigTIFF is written


class Tag(IntEnum):
    """Tags that describe how pixels are stored."""

    SUBFILE, WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, FILL_ORDER = 254, 256, 257, 258, 259, 262, 266
    STRIP_OFFSETS, ORIENTATION, SAMPLES, ROWS, STRIP_BYTES, PLANAR = 273, 274, 277, 278, 279, 284
    PREDICTOR, COLOR_MAP, TILE_WIDTH, TILE_HEIGHT, TILE_OFFSETS, TILE_BYTES = 317, 320, 322, 323, 324, 325
    SUB_DIRECTORIES, EXTRA, FORMAT, ICC, DNG_VERSION = 330, 338, 339, 34675, 50706


_REPACKED_TAGS = {
    Tag.WIDTH, Tag.HEIGHT, Tag.BITS, Tag.PHOTOMETRIC, Tag.SAMPLES, Tag.PREDICTOR, Tag.COLOR_MAP, Tag.EXTRA,
    Tag.FORMAT, Tag.ICC,
}  # fmt: skip


def read_tags(data: bytes | FileBytes) -> Tags:
    """Read the first directory."""
    return _directory(data, None)


def directories(data: bytes | FileBytes, tags: Tags, most: int) -> Iterator[Tags]:
    """Yield the first directory and at most `most` that follow it or lie below one; skip damaged ones."""
    yield tags
    seen: set[int] = set()
    waiting = [*numbers(tags, Tag.SUB_DIRECTORIES, ()), tags.next]
    while waiting and len(seen) < most:
        offset = waiting.pop(0)
        if offset in seen or not 8 <= offset < len(data):
            continue
        seen.add(offset)
        try:
            each = _directory(data, offset)
            waiting += [*numbers(each, Tag.SUB_DIRECTORIES, ()), each.next]
            yield each
        except (OSError, ValueError, SyntaxError, TypeError, LookupError, struct.error, InputError):
            continue


def only_first(data: bytes) -> bytes:
    """Return a file whose first directory is its last."""
    order: Any = {b"II": "little", b"MM": "big"}[data[:2]]
    start, counted, tag, offset = (8, 8, 20, 8) if b"+" in data[2:4] else (4, 2, 12, 4)
    at = int.from_bytes(data[start : start + offset], order)
    end = at + counted + tag * int.from_bytes(data[at : at + counted], order)
    return data[:end] + bytes(offset) + data[end + offset :]


def read_exif(data: bytes | FileBytes, tags: Tags) -> Image.Exif:
    """Return the tags as EXIF, with the directories for the camera and for GPS."""
    exif = Image.Exif()
    for tag, value in tags.items():
        if tag in (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo):
            exif.get_ifd(tag).update(_directory(data, number(tags, tag, 0)))
        else:
            exif[tag] = value
    return exif


def _directory(data: bytes | FileBytes, offset: int | None) -> Tags:
    big = data[:4] in (b"II+\0", b"MM\0+")
    tags = Tags(data[:2] + (b"*\0" if data[:2] == b"II" else b"\0*") + data[4:8])
    tags._bigtiff = big  # Pillow recognizes only that of little-endian files
    first = data[8:16] if big else data[4:8]
    file: Any = io.BytesIO(data) if isinstance(data, bytes) else data
    file.seek(int.from_bytes(first, "little" if data[:2] == b"II" else "big") if offset is None else offset)
    tags.load(file)
    return tags


def numbers(tags: Mapping[int, Any], tag: int, default: tuple[int, ...]) -> tuple[int, ...]:
    """Return the integers of a tag; InputError if it holds something else."""
    value = tags.get(tag, default)
    values = value if isinstance(value, tuple) else (value,)
    if not all(isinstance(each, int) for each in values) or (default and not values):
        raise InputError(f"its TIFF tag {tag} is damaged")
    return values


def number(tags: Mapping[int, Any], tag: int, default: int) -> int:
    """Return the first integer of a tag."""
    return numbers(tags, tag, (default,))[0]


def size(tags: Tags) -> tuple[int, int]:
    """Return (width, height)."""
    return number(tags, Tag.WIDTH, 0), number(tags, Tag.HEIGHT, 0)


def check_blocks(tags: Tags, max_pixels: int) -> None:
    """Refuse tiles or strips that would take far more memory than the picture."""
    width, height = size(tags)
    rows, columns = _block_size(tags)
    if rows < 1 or columns < 1:
        raise InputError(f"has tiles or strips of {columns} x {rows} pixels")
    stored = -(-height // rows) * rows * -(-width // columns) * columns
    if stored > max(max_pixels, 4 * width * height, 1 << 20):
        raise InputError(f"has tiles of {columns} x {rows} pixels, over the limit of {max_pixels:,} pixels")
    samples, bits = number(tags, Tag.SAMPLES, 1), max(numbers(tags, Tag.BITS, (1,)))
    if samples < 1 or stored * samples * bits // 8 > _PIXEL_BYTES * max(max_pixels, 1 << 20):
        raise InputError(f"has {samples} channels of {bits} bits, too many for {width} x {height} pixels")


def _block_size(tags: Tags) -> tuple[int, int]:
    """Rows and columns of a tile or strip."""
    width, height = size(tags)
    if Tag.TILE_WIDTH in tags:
        return number(tags, Tag.TILE_HEIGHT, 0), number(tags, Tag.TILE_WIDTH, 0)
    return min(number(tags, Tag.ROWS, height), height), width


def check_readable(tags: Tags) -> None:
    """Raise InputError for files that no library reads correctly; the message says what to do instead."""
    codec = number(tags, Tag.COMPRESSION, NONE)
    if codec not in TiffImagePlugin.COMPRESSION_INFO or codec in _UNREAD_CODECS:
        name = _UNREAD_CODECS.get(codec, f"method {codec}")
        raise InputError(f"is a TIFF compressed by {name}, which restyle does not read; save it with LZW")
    photometric, bits = number(tags, Tag.PHOTOMETRIC, BLACK_IS_ZERO), numbers(tags, Tag.BITS, (1,))
    rare = photometric not in _VIPS_PHOTOMETRIC and (photometric != _LAB or set(bits) != {8})
    if rare or len(set(bits)) > 1 or (photometric == _PALETTE and bits[0] > 8):
        kind = _KINDS.get(photometric, f"kind {photometric}")
        depths = ", ".join(map(str, dict.fromkeys(bits)))
        raise InputError(
            f"has colors of {kind} with {depths} bits, which restyle does not read; save it as RGB"
        )


def for_pillow(tags: Tags) -> bool:
    """Tell whether Pillow must read the file: Lab, samples of 12 bits, old JPEG and other rare codecs."""
    codecs = _VIPS_CODECS | {_LZMA, _ZSTANDARD}
    return (
        number(tags, Tag.COMPRESSION, NONE) not in codecs
        or number(tags, Tag.PHOTOMETRIC, BLACK_IS_ZERO) not in _VIPS_PHOTOMETRIC
        or not set(numbers(tags, Tag.BITS, (1,))) <= _VIPS_BITS | {64}
    )


def is_planar_lab(tags: Tags) -> bool:
    """Tell whether channels of Lab lie in separate planes, which Pillow misreads."""
    return number(tags, Tag.PHOTOMETRIC, BLACK_IS_ZERO) == _LAB and number(tags, Tag.PLANAR, 1) == 2


def needs_repack(tags: Tags) -> bool:
    """Tell whether `repack` must run before libvips reads the file."""
    compression, bits = number(tags, Tag.COMPRESSION, NONE), number(tags, Tag.BITS, 1)
    predicted = number(tags, Tag.PREDICTOR, 1) != 1 and compression not in _PREDICTED_CODECS
    planar = number(tags, Tag.PLANAR, 1) == 2 and bits % 8 == 0
    if compression in (NONE, 5, DEFLATE, 32946) and not 1 <= number(tags, Tag.ORIENTATION, 1) <= 8:
        return True  # libvips would refuse the file
    return compression not in _VIPS_CODECS or bits == 64 or planar or predicted


def repack(data: bytes, tags: Tags) -> bytes:
    """Rewrite the first image with deflate and interleaved channels, and floats with 32 bits.

    InputError if the file is truncated, or its tiles or strips do not fit its size.
    """
    rows, columns = _block_size(tags)
    width, height = size(tags)
    tiled = Tag.TILE_WIDTH in tags
    planes = number(tags, Tag.SAMPLES, 1) if number(tags, Tag.PLANAR, 1) == 2 else 1
    row_bytes = -(-columns * number(tags, Tag.SAMPLES, 1) // planes * number(tags, Tag.BITS, 1) // 8)
    offsets = numbers(tags, Tag.TILE_OFFSETS if tiled else Tag.STRIP_OFFSETS, ())
    counts = numbers(tags, Tag.TILE_BYTES if tiled else Tag.STRIP_BYTES, ())
    total = -(-height // rows) * -(-width // columns)
    if not len(offsets) == len(counts) == total * planes:
        raise InputError(f"has {len(offsets)} tiles or strips where {total * planes} are needed")
    is_float = number(tags, Tag.FORMAT, 1) == FLOAT
    blocks = []
    for index in range(total):
        block_rows = rows if tiled else min(rows, height - index * rows)
        parts = []
        for offset, count in zip(offsets[index::total], counts[index::total], strict=True):
            if offset + count > len(data):
                raise InputError("is truncated")
            plain = _decompress(data[offset : offset + count], tags, block_rows, row_bytes)
            parts.append(_to_single(plain, tags, block_rows, planes, data[:2]) if is_float else plain)
        if planes > 1:
            sample = np.dtype(f"V{len(parts[0]) // block_rows // columns}")
            parts = [np.stack([np.frombuffer(part, sample) for part in parts], axis=-1).tobytes()]
        blocks.append(zlib.compress(parts[0], 1))
    new = Tags(data[:2] + (b"*\0" if data[:2] == b"II" else b"\0*") + bytes(4))
    for tag in _REPACKED_TAGS & set(tags):
        new[tag] = tags[tag]
    if is_float:
        new[Tag.BITS], new[Tag.PREDICTOR] = (32,) * number(tags, Tag.SAMPLES, 1), 1
    if tiled:
        new[Tag.TILE_WIDTH], new[Tag.TILE_HEIGHT] = columns, rows
    return _assemble(new, rows, blocks)


def _decompress(part: bytes, tags: Tags, rows: int, row_bytes: int) -> bytes:
    """Decompress one block with Pillow's libtiff, as an 8-bit gray image as wide as a row has bytes."""
    compression = number(tags, Tag.COMPRESSION, NONE)
    if compression == NONE:
        plain = part
    else:
        gray = Tags()
        gray[Tag.WIDTH], gray[Tag.HEIGHT], gray[Tag.BITS], gray[Tag.SAMPLES] = row_bytes, rows, 8, 1
        gray[Tag.COMPRESSION], gray[Tag.PHOTOMETRIC] = compression, BLACK_IS_ZERO
        gray[Tag.FILL_ORDER] = number(tags, Tag.FILL_ORDER, 1)
        plain = TiffImagePlugin.TiffImageFile(io.BytesIO(_assemble(gray, rows, [part]))).tobytes()
    if len(plain) < rows * row_bytes:
        raise InputError("is truncated")
    return plain[: rows * row_bytes]


def _to_single(plain: bytes, tags: Tags, rows: int, planes: int, order: bytes) -> bytes:
    """Convert a block of floats to 32 bits, without predictor."""
    sign = "<" if order == b"II" else ">"
    channels = number(tags, Tag.SAMPLES, 1) // planes
    dtype = np.dtype(f"{sign}f{number(tags, Tag.BITS, 1) // 8}")
    stored: npt.NDArray[Any] = np.frombuffer(plain, np.uint8).reshape(rows, -1)
    if number(tags, Tag.PREDICTOR, 1) == FLOAT_DIFFERENCES:
        # Bytes of equal significance are grouped, highest first, as differences within the row.
        grouped = np.cumsum(stored.reshape(rows, -1, channels), axis=1, dtype=np.uint8)
        stored = np.ascontiguousarray(grouped.reshape(rows, dtype.itemsize, -1).swapaxes(1, 2))
        dtype = dtype.newbyteorder(">")
    return stored.view(dtype).astype(f"{sign}f4").tobytes()


def _assemble(tags: Tags, rows: int, blocks: list[bytes]) -> bytes:
    """Write a file of tags and, behind them, its tiles or strips; saving the tags shifts the offsets."""
    tags.setdefault(Tag.COMPRESSION, DEFLATE)
    if Tag.TILE_WIDTH not in tags:
        tags[Tag.ROWS] = rows
    _set_blocks(tags, [len(block) for block in blocks], big=False)
    stream = io.BytesIO()
    tags.save(stream)
    return b"".join([stream.getvalue(), *blocks])


def write(
    stream: BinaryIO,
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    read: Callable[[slice], npt.NDArray[Any]],
    *,
    icc: bytes | None = None,
    exif: bytes | None = None,
) -> None:
    """Write a TIFF with deflate and horizontal differences, strip by strip; a BigTIFF from `BIG` bytes.

    Parameters
    ----------
    stream : binary file
        Empty, for writing and seeking.
    shape : (H, W, C)
        C is 1 (gray), 2 (gray, alpha), 3 (RGB) or 4 (RGBA).
    dtype : uint8 or uint16
    read : function of a slice of rows that returns their samples [shape=(n, W, C)]
    icc, exif : bytes
        Color profile; EXIF block.
    """
    height, width, channels = shape
    rows = max(1, _BLOCK_BYTES // (width * channels * dtype.itemsize))
    big = height * width * channels * dtype.itemsize > BIG
    tags = Tags(b"II+\0\x08\0\0\0" + bytes(8) if big else b"II*\0" + bytes(4))
    if exif is not None:
        block = Image.Exif()
        block.load(exif)
        for tag in set(block) - STRUCTURAL_TAGS:
            tags[tag] = dict(block.get_ifd(tag)) if tag in TiffTags.TAGS_V2_GROUPS else block[tag]
    tags[Tag.WIDTH], tags[Tag.HEIGHT], tags[Tag.SAMPLES], tags[Tag.PLANAR] = width, height, channels, 1
    tags[Tag.BITS], tags[Tag.PREDICTOR] = (8 * dtype.itemsize,) * channels, DIFFERENCES
    tags[Tag.PHOTOMETRIC] = RGB if channels > 2 else BLACK_IS_ZERO
    tags[Tag.COMPRESSION], tags[Tag.ROWS] = DEFLATE, rows
    if channels in (2, 4):
        tags[Tag.EXTRA] = (STRAIGHT,)
    if icc is not None:
        tags[Tag.ICC] = icc

    def compress(start: int) -> bytes:
        strip = read(slice(start, min(start + rows, height)))
        strip = strip.astype(dtype.newbyteorder("<"), copy=False)
        differences = np.diff(strip, axis=1, prepend=np.zeros_like(strip[:, :1]))
        return zlib.compress(differences.tobytes(), 4)

    starts = range(0, height, rows)
    _set_blocks(tags, [0] * len(starts), big)
    tags.save(stream)  # its length does not depend on the values, which are not known yet
    lengths = []
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        for first in range(0, len(starts), 16):  # bounds the memory
            for strip in pool.map(compress, starts[first : first + 16]):
                lengths.append(len(strip))
                stream.write(strip)
    _set_blocks(tags, lengths, big)
    stream.seek(0)
    tags.save(stream)


def _set_blocks(tags: Tags, lengths: list[int], big: bool) -> None:
    """Set the lengths of strips or tiles, and their offsets, to which saving adds the directory's length.

    Tiles use the tags of strips: Pillow shifts only these offsets, and libtiff reads them for tiles as well.
    """
    starts = np.cumsum([0, *lengths[:-1]]).tolist()
    for tag, values in ((Tag.STRIP_OFFSETS, starts), (Tag.STRIP_BYTES, lengths)):
        tags[tag] = tuple(values)
        tags.tagtype[tag] = TiffTags.LONG8 if big else TiffTags.LONG
