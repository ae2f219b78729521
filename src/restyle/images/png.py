"""PNG: metadata that libvips drops, and writing with 16 bits a channel, or in strips.

Written by hand, because Pillow writes no color of 16 bits and no strips, and libvips drops EXIF.

Reference: W3C, Portable Network Graphics (PNG) Specification (Third Edition).
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from restyle.files import FileBytes

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_COLOR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}
_PAETH = 4  # type of filter
_LEVEL = 4  # of compression
_BLOCK_BYTES = 1 << 20  # of samples that are filtered at a time
_MOST_BYTES = 1 << 24  # of a profile or an EXIF block
_TEXT_EXIF = b"Raw profile type exif\0"  # as ImageMagick writes it: hexadecimal, in a text chunk


def metadata(data: bytes | FileBytes) -> tuple[bytes | None, bytes | None, tuple[int, int] | None]:
    """Return profile, EXIF block, and color primaries and transfer characteristics (ITU-T H.273) of a PNG."""
    icc = block = cicp = None
    for name, body in _chunks(data):
        if name == b"iCCP":
            icc = zlib.decompressobj().decompress(body[body.index(0) + 2 :], _MOST_BYTES)
        elif name == b"eXIf":
            block = body
        elif name == b"cICP" and len(body) == 4:
            cicp = (body[0], body[1])
        elif name in (b"zTXt", b"tEXt") and body.startswith(_TEXT_EXIF) and block is None:
            text = body[len(_TEXT_EXIF) :]
            if name == b"zTXt":
                text = zlib.decompressobj().decompress(text[1:], _MOST_BYTES)
            block = bytes.fromhex(b"".join(text.split()[2:]).decode("ascii"))  # after a name and a length
    return icc, block, cicp


def is_animated(data: bytes | FileBytes) -> bool:
    """Tell whether a PNG holds an animation (APNG)."""
    return any(name == b"acTL" for name, _ in _chunks(data))


def encode(
    samples: npt.NDArray[np.uint8] | npt.NDArray[np.uint16],
    *,
    icc: bytes | None = None,
    exif: bytes | None = None,
) -> bytes:
    """Write a PNG in memory: see `write`.

    Parameters
    ----------
    samples : np.ndarray [shape=(H, W, C), uint8 or uint16]
    """
    stream = io.BytesIO()
    write(stream, samples.shape, samples.dtype, lambda rows: samples[rows], icc=icc, exif=exif)
    return stream.getvalue()


def write(
    stream: BinaryIO,
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    read: Callable[[slice], npt.NDArray[Any]],
    *,
    icc: bytes | None = None,
    exif: bytes | None = None,
) -> None:
    """Write a PNG of 8 or 16 bits, some rows at a time; all rows are filtered by Paeth.

    Parameters
    ----------
    stream : binary file
    shape : (H, W, C)
        C is 1 (gray), 2 (gray, alpha), 3 (RGB) or 4 (RGBA).
    dtype : uint8 or uint16
    read : function of a slice of rows that returns their samples [shape=(n, W, C)]
    icc, exif : bytes
        Color profile; EXIF block with ``Exif\\0\\0`` in front.
    """
    height, width, channels = shape
    header = struct.pack(">IIBBBBB", width, height, 8 * dtype.itemsize, _COLOR_TYPES[channels], 0, 0, 0)
    stream.write(_SIGNATURE + _chunk(b"IHDR", header))
    if icc is not None:
        stream.write(_chunk(b"iCCP", b"ICC Profile\0\0" + zlib.compress(icc)))
    if exif is not None:
        stream.write(_chunk(b"eXIf", exif.removeprefix(b"Exif\0\0")))
    step = channels * dtype.itemsize  # bytes of a pixel
    rows = max(1, _BLOCK_BYTES // (width * step))
    above = np.zeros((1, (width + 1) * step), np.uint8)
    packer = zlib.compressobj(_LEVEL)
    for top in range(0, height, rows):
        samples = read(slice(top, min(top + rows, height)))
        stored = np.zeros((len(samples), (width + 1) * step), np.uint8)  # with a pixel of 0 at the left
        big_endian = samples.astype(dtype.newbyteorder(">"), order="C")
        stored[:, step:] = big_endian.view(np.uint8).reshape(len(samples), -1)
        filtered = _paeth(np.concatenate([above, stored]), step)
        above = stored[-1:]
        stream.write(_chunk(b"IDAT", packer.compress(filtered.tobytes())))
    stream.write(_chunk(b"IDAT", packer.flush()) + _chunk(b"IEND", b""))


def _paeth(stored: npt.NDArray[np.uint8], step: int) -> npt.NDArray[np.uint8]:
    """Filter rows of bytes, which follow one row and one pixel of context; each gets its type in front."""
    left, above, corner = (
        part.astype(np.int16) for part in (stored[1:, :-step], stored[:-1, step:], stored[:-1, :-step])
    )
    by_left, by_above = np.abs(above - corner), np.abs(left - corner)
    by_corner = np.abs(left + above - 2 * corner)
    best = np.where(by_above <= by_corner, above, corner)
    best = np.where((by_left <= by_above) & (by_left <= by_corner), left, best)
    out = np.full((len(best), best.shape[1] + 1), _PAETH, np.uint8)
    out[:, 1:] = stored[1:, step:] - best.astype(np.uint8)
    return out


def _chunks(data: bytes | FileBytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the name and content of each chunk, as far as they are complete."""
    at = 8
    while at + 12 <= len(data):
        length, name = struct.unpack(">I4s", data[at : at + 8])
        if name != b"IDAT":
            yield name, data[at + 8 : at + 8 + length]
        at += 12 + length


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(data, zlib.crc32(name)))
