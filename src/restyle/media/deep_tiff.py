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
# Lossless codecs of bytes: none, LZW, deflate, PackBits, deflate by its old number, LZMA, Zstandard.
_CODECS = {_NONE, 5, _DEFLATE, 32773, 32946, 34925, 50000}
_UNSIGNED, _FLOAT = 1, 3
_DIFFERENCES, _FLOAT_DIFFERENCES = 2, 3
_ASSOCIATED, _STRAIGHT = 1, 2
_BLOCK_BYTES = 1 << 20  # of samples that one thread compresses at a time

Samples = npt.NDArray[Any]


@dataclass(frozen=True)
class DeepTiff:
    """The first picture of a TIFF with more than 8 bits a sample, not decoded yet.

    Attributes
    ----------
    tags : TiffImagePlugin.ImageFileDirectory_v2
    directory : int
        Where the tags start in the file.
    width, height : int
        In pixels.
    channels : int
        Samples a pixel.
    dtype : np.dtype
        Of a sample, in the byte order of the file.
    """

    tags: TiffImagePlugin.ImageFileDirectory_v2
    directory: int
    width: int
    height: int
    channels: int
    dtype: np.dtype[Any]

    @property
    def icc(self) -> bytes | None:
        """The colour profile."""
        icc = self.tags.get(_ICC)
        return icc if isinstance(icc, bytes) and icc else None

    def metadata(self, file: BinaryIO) -> Image.Exif:
        """Return the tags as Pillow's EXIF object, which finds the inner directories."""
        exif = Image.Exif()
        file.seek(0)
        exif.load_from_fp(file)
        return exif


def probe(file: BinaryIO) -> DeepTiff | None:
    """Read the tags of a TIFF; None if it is one that Pillow reads without loss."""
    file.seek(0)
    header = file.read(8)
    if header[2:3] == b"\x2b" or header[3:4] == b"\x2b":
        header += file.read(8)
    tags = TiffImagePlugin.ImageFileDirectory_v2(header)
    file.seek(tags.next)
    directory = tags.next
    tags.load(file)
    bits = _numbers(tags, _BITS, (1,))
    formats = _numbers(tags, _FORMAT, (_UNSIGNED,))
    kind = {_UNSIGNED: "u", _FLOAT: "f"}.get(formats[0])
    if (
        len(set(bits)) != 1
        or len(set(formats)) != 1
        or kind is None
        or (kind, bits[0]) not in {("u", 16), ("u", 32), ("f", 16), ("f", 32), ("f", 64)}
        or _number(tags, _PHOTOMETRIC, _BLACK_IS_ZERO) not in (_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB)
        or _number(tags, _COMPRESSION, _NONE) not in _CODECS
    ):
        return None
    order = "<" if header[:2] == b"II" else ">"
    return DeepTiff(
        tags,
        directory,
        _number(tags, _WIDTH, 0),
        _number(tags, _HEIGHT, 0),
        _number(tags, _SAMPLES, 1),
        np.dtype(f"{order}{kind}{bits[0] // 8}"),
    )


def read(file: BinaryIO, tiff: DeepTiff, max_pixels: int) -> tuple[Samples, Samples | None]:
    """Decode.

    Returns
    -------
    colour : np.ndarray [shape=(H, W, 1) or (H, W, 3), uint16 or float]
    alpha : np.ndarray [shape=(H, W), same type] or None
        Straight.
    """
    planar = _number(tiff.tags, _PLANAR, 1) == 2
    blocks = _blocks(tiff, planar, max_pixels)
    offsets = _numbers(tiff.tags, _TILE_OFFSETS if blocks.tiled else _STRIP_OFFSETS, ())
    counts = _numbers(tiff.tags, _TILE_BYTES if blocks.tiled else _STRIP_BYTES, ())
    planes = tiff.channels if planar else 1
    if not 0 < tiff.channels <= 16:
        raise InputError(f"has {tiff.channels} channels")
    if len(offsets) != len(counts) or len(offsets) != planes * blocks.count:
        raise InputError(f"has {len(offsets)} strips or tiles where {planes * blocks.count} are needed")
    size = file.seek(0, os.SEEK_END)
    parts = []
    for offset, count in zip(offsets, counts, strict=True):
        if offset + count > size:
            raise InputError("is truncated")
        file.seek(offset)
        parts.append(file.read(count))
    decoded = [
        _decode(tiff, blocks, parts[start : start + blocks.count])
        for start in range(0, len(parts), blocks.count)
    ]
    samples = np.concatenate(decoded, axis=-1) if planar else decoded[0]
    return _interpret(tiff, samples)


@dataclass(frozen=True)
class _Blocks:
    """How the picture is cut: strips are tiles as wide as the picture."""

    tiled: bool
    width: int
    height: int
    across: int
    down: int
    channels: int  # in one block

    @property
    def count(self) -> int:
        return self.across * self.down


def _blocks(tiff: DeepTiff, planar: bool, max_pixels: int) -> _Blocks:
    channels = 1 if planar else tiff.channels
    if _TILE_WIDTH in tiff.tags:
        width, height = _number(tiff.tags, _TILE_WIDTH, 0), _number(tiff.tags, _TILE_HEIGHT, 0)
        tiled = True
    else:
        width, height = tiff.width, min(_number(tiff.tags, _ROWS, tiff.height), tiff.height)
        tiled = False
    if width < 1 or height < 1:
        raise InputError(f"has strips or tiles of {width} x {height} pixels")
    across, down = -(-tiff.width // width), -(-tiff.height // height)
    if across * width * down * height > max(max_pixels, 4 * tiff.width * tiff.height, 1 << 20):
        raise InputError(f"has tiles of {width} x {height} pixels, over the limit of {max_pixels:,} pixels")
    return _Blocks(tiled, width, height, across, down, channels)


def _decode(tiff: DeepTiff, blocks: _Blocks, parts: list[bytes]) -> Samples:
    """Turn the blocks of one plane into samples [shape=(H, W, channels)]."""
    row_bytes = blocks.width * blocks.channels * tiff.dtype.itemsize
    rows = blocks.count * blocks.height if blocks.tiled else tiff.height
    stored = _decompress(tiff, parts, row_bytes, rows, blocks.height)
    predictor = _number(tiff.tags, _PREDICTOR, 1)
    if predictor == _FLOAT_DIFFERENCES:
        samples = _undo_float_differences(stored, blocks, tiff.dtype)
    else:
        samples = stored.view(tiff.dtype).reshape(rows, blocks.width, blocks.channels)
        samples = samples.astype(tiff.dtype.newbyteorder("="))
        if predictor == _DIFFERENCES and samples.dtype.kind == "u":
            np.cumsum(samples, axis=1, dtype=samples.dtype, out=samples)
        elif predictor != 1:
            raise InputError(f"uses predictor {predictor} on {tiff.dtype} samples")
    if blocks.tiled:
        grid = samples.reshape(blocks.down, blocks.across, blocks.height, blocks.width, blocks.channels)
        samples = grid.swapaxes(1, 2).reshape(blocks.down * blocks.height, -1, blocks.channels)
    return samples[: tiff.height, : tiff.width]


def _decompress(
    tiff: DeepTiff, parts: list[bytes], row_bytes: int, rows: int, rows_per_part: int
) -> npt.NDArray[np.uint8]:
    data = b"".join(parts)
    compression = _number(tiff.tags, _COMPRESSION, _NONE)
    if compression == _NONE:
        if len(data) < rows * row_bytes:
            raise InputError("is truncated")
        return np.frombuffer(data, np.uint8, rows * row_bytes).reshape(rows, row_bytes)
    fake = TiffImagePlugin.ImageFileDirectory_v2()
    fake[_WIDTH], fake[_HEIGHT], fake[_BITS], fake[_SAMPLES] = row_bytes, rows, 8, 1
    fake[_COMPRESSION], fake[_PHOTOMETRIC], fake[_ROWS] = compression, _BLACK_IS_ZERO, rows_per_part
    fake[_FILL_ORDER] = _number(tiff.tags, _FILL_ORDER, 1)
    lengths = [len(part) for part in parts]
    starts = np.cumsum([0, *lengths[:-1]])
    for tag, values in ((_STRIP_OFFSETS, starts), (_STRIP_BYTES, lengths)):
        fake[tag] = tuple(int(value) for value in values)
        fake.tagtype[tag] = TiffTags.LONG
    stream = io.BytesIO()
    fake.save(stream)  # it moves the offsets behind the tags
    stream.write(data)
    stream.seek(0)
    image = TiffImagePlugin.TiffImageFile(stream)
    image.load()
    return np.array(image)


def _undo_float_differences(stored: npt.NDArray[np.uint8], blocks: _Blocks, dtype: np.dtype[Any]) -> Samples:
    """Undo predictor 3: bytes of equal weight stand together, highest first, as differences along the row."""
    rows = stored.shape[0]
    planes = stored.reshape(rows, -1, blocks.channels)
    planes = np.cumsum(planes, axis=1, dtype=np.uint8).reshape(rows, dtype.itemsize, -1)
    big = np.ascontiguousarray(planes.swapaxes(1, 2)).view(dtype.newbyteorder(">"))
    return big.reshape(rows, blocks.width, blocks.channels).astype(dtype.newbyteorder("="))


def _interpret(tiff: DeepTiff, samples: Samples) -> tuple[Samples, Samples | None]:
    photometric = _number(tiff.tags, _PHOTOMETRIC, _BLACK_IS_ZERO)
    colours = 3 if photometric == _RGB else 1
    if tiff.channels < colours:
        raise InputError(f"has {tiff.channels} channels, too few for RGB")
    if samples.dtype == np.uint32:
        samples = samples / np.float64(0xFFFFFFFF)
    elif samples.dtype.kind == "f" and not np.isfinite(samples).all():
        raise InputError("holds NaN or infinite values")
    colour, alpha = samples[..., :colours], None
    top = 1.0 if samples.dtype.kind == "f" else 65535.0
    if photometric == _WHITE_IS_ZERO:
        colour = (top - colour).astype(samples.dtype)
    if tiff.channels > colours:
        # As Pillow does: a fourth channel of which nothing is said is alpha, one "unspecified" is not.
        meaning = _numbers(tiff.tags, _EXTRA, (_STRAIGHT,))[0]
        if meaning in (_ASSOCIATED, _STRAIGHT):
            alpha = samples[..., colours]
        if meaning == _ASSOCIATED:
            share = samples[..., colours : colours + 1].astype(np.float64) / top
            straight = np.divide(colour, share, out=np.zeros(colour.shape), where=share > 0)
            colour = np.minimum(straight + (0 if top == 1 else 0.5), top).astype(samples.dtype)
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
    tags[_COMPRESSION], tags[_PREDICTOR], tags[_ROWS] = _DEFLATE, _DIFFERENCES, rows
    tags[_PHOTOMETRIC] = _RGB if channels > 2 else _BLACK_IS_ZERO
    if channels in (2, 4):
        tags[_EXTRA] = (_STRAIGHT,)
    if icc is not None:
        tags[_ICC] = icc
    starts = np.cumsum([0] + [len(strip) for strip in strips[:-1]])
    for tag, values in ((_STRIP_OFFSETS, starts), (_STRIP_BYTES, [len(strip) for strip in strips])):
        tags[tag] = tuple(int(value) for value in values)
        tags.tagtype[tag] = TiffTags.LONG
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
