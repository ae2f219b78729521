"""TIFF beyond 8 bits: Pillow cuts 16-bit colour to 8 bits and opens no colour in floating point.

Pillow's tag reader and its libtiff still do the work. Compressed strips and tiles are handed to libtiff as an
8-bit grey picture that is as wide as a row has bytes; what comes back is viewed as samples and the predictor
is undone. Writing, 8 bits too, is deflate with horizontal differences: Pillow has those only without EXIF
directories.

References: Adobe, TIFF Revision 6.0; TIFF Technical Note 3 (predictor for floating point).
"""

from __future__ import annotations

import io
import os
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
from PIL import Image, TiffImagePlugin, TiffTags

from restyle.errors import InputError

_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC, _FILL_ORDER = 256, 257, 258, 259, 262, 266
_STRIP_OFFSETS, _SAMPLES, _ROWS, _STRIP_BYTES = 273, 277, 278, 279
_PLANAR, _PREDICTOR, _EXTRA, _FORMAT, _ICC = 284, 317, 338, 339, 34675
_TILE_WIDTH, _TILE_HEIGHT, _TILE_OFFSETS, _TILE_BYTES = 322, 323, 324, 325

_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB = 0, 1, 2
_NONE, _DEFLATE = 1, 8
# Lossless codecs of bytes: none, LZW, PackBits, LZMA, Zstandard, and deflate by its two numbers.
_DEFLATES = {_DEFLATE, 32946}
_CODECS = {_NONE, 5, 32773, 34925, 50000} | _DEFLATES
_UNSIGNED, _FLOAT = 1, 3
_SAMPLE_TYPES = {("u", 16), ("u", 32), ("f", 16), ("f", 32), ("f", 64)}
_DIFFERENCES, _FLOAT_DIFFERENCES = 2, 3
_ASSOCIATED, _STRAIGHT = 1, 2
_BLOCK_BYTES = 1 << 20  # of samples that one thread compresses at a time

Samples = npt.NDArray[Any]


@dataclass(frozen=True)
class DeepTiff:
    """The first picture of a TIFF with more than 8 bits a sample, not decoded yet.

    Attributes
    ----------
    width, height : int
        In pixels.
    channels : int
        Samples a pixel.
    dtype : np.dtype
        Of a sample, in the byte order of the file.
    photometric, compression, predictor, fill_order : int
        As the tags of these names.
    planar : bool
        Whether each channel is stored apart.
    extra : int
        Meaning of the channel after the colours: 0 unspecified, 1 associated alpha, 2 straight alpha.
    block : (height, width)
        Of a tile, or of a strip, in pixels.
    tiled : bool
    offsets, counts : tuple of int
        Where tiles or strips start, and their lengths, in bytes.
    icc : bytes or None
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
    """Read the tags of a TIFF; None if it is one that Pillow reads without loss."""
    file.seek(0)
    header = file.read(8)
    if 43 in header[2:4]:  # BigTIFF
        header += file.read(8)
    tags = TiffImagePlugin.ImageFileDirectory_v2(header)
    file.seek(tags.next)
    tags.load(file)
    bits, formats = _numbers(tags, _BITS, (1,)), _numbers(tags, _FORMAT, (_UNSIGNED,))
    kind = {_UNSIGNED: "u", _FLOAT: "f"}.get(formats[0], "")
    photometric = _number(tags, _PHOTOMETRIC, _BLACK_IS_ZERO)
    compression = _number(tags, _COMPRESSION, _NONE)
    if (
        len(set(bits)) != 1
        or len(set(formats)) != 1
        or (kind, bits[0]) not in _SAMPLE_TYPES
        or photometric not in (_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB)
        or compression not in _CODECS
    ):
        return None
    width, height = _number(tags, _WIDTH, 0), _number(tags, _HEIGHT, 0)
    tiled = _TILE_WIDTH in tags
    if tiled:
        block = (_number(tags, _TILE_HEIGHT, 0), _number(tags, _TILE_WIDTH, 0))
    else:
        block = (min(_number(tags, _ROWS, height), height), width)
    icc = tags.get(_ICC)
    return DeepTiff(
        width=width,
        height=height,
        channels=_number(tags, _SAMPLES, 1),
        dtype=np.dtype(f"{'<' if header[:2] == b'II' else '>'}{kind}{bits[0] // 8}"),
        photometric=photometric,
        compression=compression,
        predictor=_number(tags, _PREDICTOR, 1),
        fill_order=_number(tags, _FILL_ORDER, 1),
        planar=_number(tags, _PLANAR, 1) == 2,
        # As Pillow has it: a fourth channel of which nothing is said is alpha, one "unspecified" is not.
        extra=_number(tags, _EXTRA, _STRAIGHT),
        block=block,
        tiled=tiled,
        offsets=_numbers(tags, _TILE_OFFSETS if tiled else _STRIP_OFFSETS, ()),
        counts=_numbers(tags, _TILE_BYTES if tiled else _STRIP_BYTES, ()),
        icc=icc if isinstance(icc, bytes) and icc else None,
    )


def metadata(file: BinaryIO) -> Image.Exif:
    """Return the tags of a TIFF as Pillow's EXIF object, which finds the inner directories."""
    exif = Image.Exif()
    file.seek(0)
    exif.load_from_fp(file)
    return exif


def read(file: BinaryIO, tiff: DeepTiff, max_pixels: int) -> tuple[Samples, Samples | None]:
    """Decode.

    Returns
    -------
    colour : np.ndarray [shape=(H, W, 1) or (H, W, 3), uint16 or float]
    alpha : np.ndarray [shape=(H, W), same type] or None
        Straight.

    Raises
    ------
    InputError
        The file is damaged, or its tiles are absurdly large.
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
    colours = 3 if tiff.photometric == _RGB else 1
    if not colours <= tiff.channels <= 16:
        raise InputError(f"has {tiff.channels} channels where {colours} or {colours + 1} are expected")
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
    """Turn the tiles or strips of one plane into samples [shape=(H, W, C)]."""
    down, across = tiff.grid
    height, width = tiff.block
    rows = down * across * height if tiff.tiled else tiff.height
    stored = _decompress(tiff, parts, width * tiff.block_channels * tiff.dtype.itemsize, rows)
    shape = (rows, width, tiff.block_channels)
    if tiff.predictor == _FLOAT_DIFFERENCES and tiff.dtype.kind == "f":
        samples = _undo_float_differences(stored, shape, tiff.dtype)
    else:
        samples = stored.view(tiff.dtype).reshape(shape).astype(tiff.dtype.newbyteorder("="))
        if tiff.predictor == _DIFFERENCES and tiff.dtype.kind == "u":
            np.cumsum(samples, axis=1, dtype=samples.dtype, out=samples)
        elif tiff.predictor != 1:
            raise InputError(f"uses predictor {tiff.predictor} on {tiff.dtype.name} samples")
    if tiff.tiled:
        grid = samples.reshape(down, across, height, width, -1)
        samples = grid.swapaxes(1, 2).reshape(down * height, across * width, -1)
    return samples[: tiff.height, : tiff.width]


def _decompress(tiff: DeepTiff, parts: list[bytes], row_bytes: int, rows: int) -> npt.NDArray[np.uint8]:
    """Return the bytes of each row [shape=(rows, row_bytes), uint8]."""
    data = b"".join(parts)
    if tiff.compression == _NONE:
        if len(data) < rows * row_bytes:
            raise InputError("is truncated")
        return np.frombuffer(data, np.uint8, rows * row_bytes).reshape(rows, row_bytes)
    if tiff.compression in _DEFLATES:
        return _inflate(parts, tiff.block[0] * row_bytes, rows * row_bytes).reshape(rows, row_bytes)
    lengths = [len(part) for part in parts]
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[_WIDTH], tags[_HEIGHT], tags[_BITS], tags[_SAMPLES] = row_bytes, rows, 8, 1
    tags[_COMPRESSION], tags[_FILL_ORDER], tags[_PHOTOMETRIC] = (
        tiff.compression,
        tiff.fill_order,
        _BLACK_IS_ZERO,
    )
    _add_strips(tags, tiff.block[0], lengths)
    stream = io.BytesIO()
    tags.save(stream)  # it moves the offsets behind the tags
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
    """Undo predictor 3: bytes of equal weight stand together, highest first, as differences along the row."""
    rows, _, channels = shape
    planes = stored.reshape(rows, -1, channels)
    planes = np.cumsum(planes, axis=1, dtype=np.uint8).reshape(rows, dtype.itemsize, -1)
    big = np.ascontiguousarray(planes.swapaxes(1, 2)).view(dtype.newbyteorder(">"))
    return big.reshape(shape).astype(dtype.newbyteorder("="))


def _interpret(tiff: DeepTiff, samples: Samples) -> tuple[Samples, Samples | None]:
    """Split samples into colour and straight alpha; 0 becomes black."""
    if samples.dtype == np.uint32:
        samples = samples / np.float64(0xFFFFFFFF)
    colours = 3 if tiff.photometric == _RGB else 1
    colour, alpha = samples[..., :colours], None
    top = 1.0 if samples.dtype.kind == "f" else 65535.0
    if tiff.photometric == _WHITE_IS_ZERO:
        colour = (top - colour).astype(samples.dtype)
    if tiff.channels > colours and tiff.extra in (_ASSOCIATED, _STRAIGHT):
        alpha = samples[..., colours]
        if tiff.extra == _ASSOCIATED:
            share = alpha[..., None].astype(np.float64) / top
            straight = np.divide(colour, share, out=np.zeros(colour.shape), where=share > 0)
            rounding = 0.5 if samples.dtype.kind == "u" else 0.0
            colour = np.minimum(straight + rounding, top).astype(samples.dtype)
    return colour, alpha


def encode(
    samples: npt.NDArray[np.uint8] | npt.NDArray[np.uint16],
    *,
    icc: bytes | None = None,
    exif: bytes | None = None,
) -> bytes:
    """Write a TIFF, compressed without loss.

    Parameters
    ----------
    samples : np.ndarray [shape=(H, W, C), uint8 or uint16]
        C is 1 (grey), 2 (grey, alpha), 3 (RGB) or 4 (RGBA).
    icc, exif : bytes
        A colour profile; an EXIF block.
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
    tags[_WIDTH], tags[_HEIGHT], tags[_SAMPLES], tags[_PLANAR] = width, height, channels, 1
    tags[_BITS] = (8 * samples.itemsize,) * channels
    tags[_COMPRESSION], tags[_PREDICTOR] = _DEFLATE, _DIFFERENCES
    tags[_PHOTOMETRIC] = _RGB if channels > 2 else _BLACK_IS_ZERO
    if channels in (2, 4):
        tags[_EXTRA] = (_STRAIGHT,)
    if icc is not None:
        tags[_ICC] = icc
    _add_strips(tags, rows, [len(strip) for strip in strips])
    stream = io.BytesIO()
    tags.save(stream)
    return b"".join([stream.getvalue(), *strips])


def _add_exif(tags: TiffImagePlugin.ImageFileDirectory_v2, block: bytes | None) -> None:
    if block is None:
        return
    exif = Image.Exif()
    exif.load(block)
    for tag in exif:
        tags[tag] = dict(exif.get_ifd(tag)) if tag in TiffTags.TAGS_V2_GROUPS else exif[tag]


def _add_strips(tags: TiffImagePlugin.ImageFileDirectory_v2, rows: int, lengths: list[int]) -> None:
    """Describe strips of ``rows`` rows that follow each other; saving the tags moves them behind the tags."""
    tags[_ROWS] = rows
    starts = np.cumsum([0, *lengths[:-1]])
    for tag, values in ((_STRIP_OFFSETS, starts), (_STRIP_BYTES, lengths)):
        tags[tag] = tuple(int(value) for value in values)
        tags.tagtype[tag] = TiffTags.LONG


def _numbers(
    tags: TiffImagePlugin.ImageFileDirectory_v2, tag: int, default: tuple[int, ...]
) -> tuple[int, ...]:
    value = tags.get(tag, default)
    values = value if isinstance(value, tuple) else (value,)
    if not all(isinstance(each, int) for each in values) or (default and not values):
        raise InputError(f"its TIFF tag {tag} is damaged")
    return values


def _number(tags: TiffImagePlugin.ImageFileDirectory_v2, tag: int, default: int) -> int:
    return _numbers(tags, tag, (default,))[0]
