"""TIFF with more than 8 bits, which Pillow reads with 8 and writes not at all; and TIFF writing with EXIF.

Pillow's tag reader is used, and its libtiff for codecs other than deflate: strips and tiles are passed to it
as an 8-bit gray image as wide as a row has bytes; the result is viewed as samples and the predictor undone.

FFmpeg is no alternative: it misreads tiled TIFF, writes no predictor, and its files take no EXIF or profile.

References: Adobe, TIFF Revision 6.0; TIFF Technical Note 3 (predictor for floating point).
"""

from __future__ import annotations

import io
import os
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
from PIL import Image, TiffImagePlugin, TiffTags

from restyle.errors import InputError
from restyle.images.exif import STRUCTURAL_TAGS

WHITE_IS_ZERO, BLACK_IS_ZERO, RGB = 0, 1, 2  # photometric interpretation
NONE, DEFLATE = 1, 8  # compression
UNSIGNED, FLOAT = 1, 3  # sample format
DIFFERENCES, FLOAT_DIFFERENCES = 2, 3  # predictor
ASSOCIATED, STRAIGHT = 1, 2  # extra samples: alpha


class Tag(IntEnum):
    """Tags that describe how pixels are stored."""

    WIDTH = 256
    HEIGHT = 257
    BITS = 258
    COMPRESSION = 259
    PHOTOMETRIC = 262
    FILL_ORDER = 266
    STRIP_OFFSETS = 273
    SAMPLES = 277
    ROWS = 278
    STRIP_BYTES = 279
    PLANAR = 284
    PREDICTOR = 317
    TILE_WIDTH = 322
    TILE_HEIGHT = 323
    TILE_OFFSETS = 324
    TILE_BYTES = 325
    EXTRA = 338
    FORMAT = 339
    ICC = 34675


def add_strips(tags: TiffImagePlugin.ImageFileDirectory_v2, rows: int, lengths: list[int]) -> None:
    """Add tags for consecutive strips of ``rows`` rows; saving the tags shifts the offsets behind them."""
    tags[Tag.ROWS] = rows
    starts = np.cumsum([0, *lengths[:-1]])
    for tag, values in ((Tag.STRIP_OFFSETS, starts), (Tag.STRIP_BYTES, lengths)):
        tags[tag] = tuple(int(value) for value in values)
        tags.tagtype[tag] = TiffTags.LONG


def numbers(
    tags: TiffImagePlugin.ImageFileDirectory_v2, tag: int, default: tuple[int, ...]
) -> tuple[int, ...]:
    value = tags.get(tag, default)
    values = value if isinstance(value, tuple) else (value,)
    if not all(isinstance(each, int) for each in values) or (default and not values):
        raise InputError(f"its TIFF tag {tag} is damaged")
    return values


def number(tags: TiffImagePlugin.ImageFileDirectory_v2, tag: int, default: int) -> int:
    return numbers(tags, tag, (default,))[0]


# Lossless codecs of bytes: none, LZW, PackBits, LZMA, Zstandard, and deflate by its two numbers.
_DEFLATES = {DEFLATE, 32946}
_CODECS = {NONE, 5, 32773, 34925, 50000} | _DEFLATES
_SAMPLE_TYPES = {("u", 16), ("u", 32), ("f", 16), ("f", 32), ("f", 64)}

Samples = npt.NDArray[Any]


@dataclass(frozen=True)
class DeepTiff:
    """The first image of a TIFF with more than 8 bits per sample, not decoded yet.

    Attributes
    ----------
    dtype : np.dtype
        Of a sample, in the byte order of the file.
    photometric, compression, predictor, fill_order : int
        Values of the tags of these names.
    planar : bool
        Whether channels are stored in separate planes.
    extra : int
        Meaning of the channel after the colors: 0 unspecified, 1 associated alpha, 2 straight alpha.
    block : (height, width)
        Of a tile or strip, in pixels.
    offsets, counts : tuple of int
        Position and length of each tile or strip, in bytes.
    """

    width: int
    height: int
    channels: int
    dtype: np.dtype[Any]
    photometric: int
    compression: int
    predictor: int
    fill_order: int
    planar: bool
    extra: int
    block: tuple[int, int]
    tiled: bool
    offsets: tuple[int, ...]
    counts: tuple[int, ...]
    icc: bytes | None

    @property
    def block_channels(self) -> int:
        """Channels in one tile or strip."""
        return 1 if self.planar else self.channels

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of tiles or strips."""
        return -(-self.height // self.block[0]), -(-self.width // self.block[1])


def probe(file: BinaryIO) -> DeepTiff | None:
    """Read the tags of a TIFF; None if Pillow reads it without loss."""
    file.seek(0)
    header = file.read(8)
    if header[:4] == b"MM\0+":
        raise InputError("is a big-endian BigTIFF, which Pillow cannot read")
    if header[:4] == b"II+\0":  # BigTIFF
        header += file.read(8)
    tags = TiffImagePlugin.ImageFileDirectory_v2(header)
    file.seek(tags.next)
    tags.load(file)
    bits, formats = numbers(tags, Tag.BITS, (1,)), numbers(tags, Tag.FORMAT, (UNSIGNED,))
    kind = {UNSIGNED: "u", FLOAT: "f"}.get(formats[0], "")
    photometric = number(tags, Tag.PHOTOMETRIC, BLACK_IS_ZERO)
    compression = number(tags, Tag.COMPRESSION, NONE)
    if (
        len(set(bits)) != 1
        or len(set(formats)) != 1
        or (kind, bits[0]) not in _SAMPLE_TYPES
        or photometric not in (WHITE_IS_ZERO, BLACK_IS_ZERO, RGB)
        or compression not in _CODECS
    ):
        return None
    width, height = number(tags, Tag.WIDTH, 0), number(tags, Tag.HEIGHT, 0)
    tiled = Tag.TILE_WIDTH in tags
    if tiled:
        block = (number(tags, Tag.TILE_HEIGHT, 0), number(tags, Tag.TILE_WIDTH, 0))
    else:
        block = (min(number(tags, Tag.ROWS, height), height), width)
    icc = tags.get(Tag.ICC)
    return DeepTiff(
        width=width,
        height=height,
        channels=number(tags, Tag.SAMPLES, 1),
        dtype=np.dtype(f"{'<' if header[:2] == b'II' else '>'}{kind}{bits[0] // 8}"),
        photometric=photometric,
        compression=compression,
        predictor=number(tags, Tag.PREDICTOR, 1),
        fill_order=number(tags, Tag.FILL_ORDER, 1),
        planar=number(tags, Tag.PLANAR, 1) == 2,
        # As in Pillow: a fourth channel without this tag is alpha, an "unspecified" one is not.
        extra=number(tags, Tag.EXTRA, STRAIGHT),
        block=block,
        tiled=tiled,
        offsets=numbers(tags, Tag.TILE_OFFSETS if tiled else Tag.STRIP_OFFSETS, ()),
        counts=numbers(tags, Tag.TILE_BYTES if tiled else Tag.STRIP_BYTES, ()),
        icc=icc if isinstance(icc, bytes) and icc else None,
    )


def metadata(file: BinaryIO) -> Image.Exif:
    """Return the tags of a TIFF as Pillow's EXIF object, which reads the inner directories."""
    exif = Image.Exif()
    file.seek(0)
    exif.load_from_fp(file)
    return exif


def read(file: BinaryIO, tiff: DeepTiff, max_pixels: int) -> tuple[Samples, Samples | None]:
    """Decode.

    Returns
    -------
    colors : np.ndarray [shape=(H, W, 1) or (H, W, 3), uint16 or float]
    alpha : np.ndarray [shape=(H, W), same type] or None
        Straight.

    Raises
    ------
    InputError
        The file is damaged, or its tiles exceed the limit on pixels.
    """
    _check(tiff, max_pixels)
    size = file.seek(0, os.SEEK_END)
    parts = []
    for offset, count in zip(tiff.offsets, tiff.counts, strict=True):
        if offset + count > size:
            raise InputError("is truncated")
        file.seek(offset)
        parts.append(file.read(count))
    step = tiff.grid[0] * tiff.grid[1]
    planes = [_decode(tiff, parts[start : start + step]) for start in range(0, len(parts), step)]
    return _interpret(tiff, np.concatenate(planes, axis=-1) if len(planes) > 1 else planes[0])


def _check(tiff: DeepTiff, max_pixels: int) -> None:
    colors = 3 if tiff.photometric == RGB else 1
    if not colors <= tiff.channels <= 16:
        raise InputError(f"has {tiff.channels} channels where {colors} or {colors + 1} are expected")
    height, width = tiff.block
    if height < 1 or width < 1:
        raise InputError(f"has tiles or strips of {width} x {height} pixels")
    stored = tiff.grid[0] * height * tiff.grid[1] * width
    if stored > max(max_pixels, 4 * tiff.width * tiff.height, 1 << 20):
        raise InputError(f"has tiles of {width} x {height} pixels, over the limit of {max_pixels:,} pixels")
    wanted = tiff.grid[0] * tiff.grid[1] * (tiff.channels if tiff.planar else 1)
    if not len(tiff.offsets) == len(tiff.counts) == wanted:
        raise InputError(f"has {len(tiff.offsets)} tiles or strips where {wanted} are needed")


def _decode(tiff: DeepTiff, parts: list[bytes]) -> Samples:
    """Decode the tiles or strips of one plane to samples [H, W, C]."""
    down, across = tiff.grid
    height, width = tiff.block
    rows = down * across * height if tiff.tiled else tiff.height
    stored = _decompress(tiff, parts, width * tiff.block_channels * tiff.dtype.itemsize, rows)
    shape = (rows, width, tiff.block_channels)
    if tiff.predictor == FLOAT_DIFFERENCES and tiff.dtype.kind == "f":
        samples = _undo_float_differences(stored, shape, tiff.dtype)
    else:
        samples = stored.view(tiff.dtype).reshape(shape).astype(tiff.dtype.newbyteorder("="))
        if tiff.predictor == DIFFERENCES and tiff.dtype.kind == "u":
            np.cumsum(samples, axis=1, dtype=samples.dtype, out=samples)
        elif tiff.predictor != 1:
            raise InputError(f"uses predictor {tiff.predictor} on {tiff.dtype.name} samples")
    if tiff.tiled:
        grid = samples.reshape(down, across, height, width, -1)
        samples = grid.swapaxes(1, 2).reshape(down * height, across * width, -1)
    return samples[: tiff.height, : tiff.width]


def _decompress(tiff: DeepTiff, parts: list[bytes], row_bytes: int, rows: int) -> npt.NDArray[np.uint8]:
    """Return the bytes of each row, [rows, row_bytes] uint8."""
    data = b"".join(parts)
    if tiff.compression == NONE:
        if len(data) < rows * row_bytes:
            raise InputError("is truncated")
        return np.frombuffer(data, np.uint8, rows * row_bytes).reshape(rows, row_bytes)
    if tiff.compression in _DEFLATES:
        return _inflate(parts, tiff.block[0] * row_bytes, rows * row_bytes).reshape(rows, row_bytes)
    lengths = [len(part) for part in parts]
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[Tag.WIDTH], tags[Tag.HEIGHT], tags[Tag.BITS], tags[Tag.SAMPLES] = row_bytes, rows, 8, 1
    tags[Tag.COMPRESSION], tags[Tag.FILL_ORDER], tags[Tag.PHOTOMETRIC] = (
        tiff.compression,
        tiff.fill_order,
        BLACK_IS_ZERO,
    )
    add_strips(tags, tiff.block[0], lengths)
    stream = io.BytesIO()
    tags.save(stream)
    stream.write(data)
    stream.seek(0)
    image = TiffImagePlugin.TiffImageFile(stream)
    image.load()
    return np.array(image)


def _inflate(parts: list[bytes], part_bytes: int, total_bytes: int) -> npt.NDArray[np.uint8]:
    """Inflate strips or tiles, several at a time; only the last may be shorter than ``part_bytes``."""

    def work(index: int) -> bytes:
        wanted = min(part_bytes, total_bytes - index * part_bytes)
        plain = zlib.decompressobj().decompress(parts[index], wanted)
        if len(plain) < wanted:
            raise InputError("is truncated")
        return plain

    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        return np.frombuffer(b"".join(pool.map(work, range(len(parts)))), np.uint8)


def _undo_float_differences(
    stored: npt.NDArray[np.uint8], shape: tuple[int, int, int], dtype: np.dtype[Any]
) -> Samples:
    """Undo predictor 3: bytes of equal significance are grouped, highest first, as differences in a row."""
    rows, _, channels = shape
    planes = stored.reshape(rows, -1, channels)
    planes = np.cumsum(planes, axis=1, dtype=np.uint8).reshape(rows, dtype.itemsize, -1)
    big = np.ascontiguousarray(planes.swapaxes(1, 2)).view(dtype.newbyteorder(">"))
    return big.reshape(shape).astype(dtype.newbyteorder("="))


def _interpret(tiff: DeepTiff, samples: Samples) -> tuple[Samples, Samples | None]:
    """Split samples into colors and straight alpha, with 0 as black."""
    if samples.dtype == np.uint32:
        samples = samples / np.float64(0xFFFFFFFF)
    count = 3 if tiff.photometric == RGB else 1
    colors, alpha = samples[..., :count], None
    top = 1.0 if samples.dtype.kind == "f" else 65535.0
    if tiff.photometric == WHITE_IS_ZERO:
        colors = (top - colors).astype(samples.dtype)
    if tiff.channels > count and tiff.extra in (ASSOCIATED, STRAIGHT):
        alpha = samples[..., count]
        if tiff.extra == ASSOCIATED:
            opacity = alpha[..., None].astype(np.float64) / top
            straight = np.divide(colors, opacity, out=np.zeros(colors.shape), where=opacity > 0)
            rounding = 0.5 if samples.dtype.kind == "u" else 0.0
            colors = np.minimum(straight + rounding, top).astype(samples.dtype)
    return colors, alpha


_BLOCK_BYTES = 1 << 20  # of samples that one thread compresses at a time


def encode(
    samples: npt.NDArray[np.uint8] | npt.NDArray[np.uint16],
    *,
    icc: bytes | None = None,
    exif: bytes | None = None,
) -> bytes:
    """Write a TIFF with deflate and horizontal differences.

    Parameters
    ----------
    samples : np.ndarray [shape=(H, W, C), uint8 or uint16]
        C is 1 (gray), 2 (gray, alpha), 3 (RGB) or 4 (RGBA).
    icc, exif : bytes
        Color profile; EXIF block.
    """
    height, width, channels = samples.shape
    little = samples.astype(samples.dtype.newbyteorder("<"), copy=False)
    rows = max(1, _BLOCK_BYTES // samples[0].nbytes)

    def work(start: int) -> bytes:
        strip = little[start : start + rows]
        differences = np.diff(strip, axis=1, prepend=np.zeros_like(strip[:, :1]))
        return zlib.compress(differences.tobytes(), 4)

    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        strips = list(pool.map(work, range(0, height, rows)))
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    _add_exif(tags, exif)
    tags[Tag.WIDTH], tags[Tag.HEIGHT], tags[Tag.SAMPLES], tags[Tag.PLANAR] = width, height, channels, 1
    tags[Tag.BITS] = (8 * samples.itemsize,) * channels
    tags[Tag.COMPRESSION], tags[Tag.PREDICTOR] = DEFLATE, DIFFERENCES
    tags[Tag.PHOTOMETRIC] = RGB if channels > 2 else BLACK_IS_ZERO
    if channels in (2, 4):
        tags[Tag.EXTRA] = (STRAIGHT,)
    if icc is not None:
        tags[Tag.ICC] = icc
    add_strips(tags, rows, [len(strip) for strip in strips])
    stream = io.BytesIO()
    tags.save(stream)
    return b"".join([stream.getvalue(), *strips])


def _add_exif(tags: TiffImagePlugin.ImageFileDirectory_v2, block: bytes | None) -> None:
    """Copy the tags of an EXIF block, except those that describe how pixels were stored."""
    if block is None:
        return
    exif = Image.Exif()
    exif.load(block)
    for tag in set(exif) - STRUCTURAL_TAGS:
        tags[tag] = dict(exif.get_ifd(tag)) if tag in TiffTags.TAGS_V2_GROUPS else exif[tag]
