"""PNG with 16 bits a channel in colour: Pillow keeps 8 of them when it reads and cannot write it at all.

Reading borrows Pillow's own decoder twice: it unpacks 16-bit samples by keeping one byte of each, and its
table of layouts has both orders of bytes, so one pass gives the high bytes and another the low ones. Writing
is filters and deflate, in blocks of rows on several threads.

Reference: W3C, Portable Network Graphics (PNG) Specification (Third Edition).
"""

from __future__ import annotations

import os
import struct
import zlib
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import ImageFile

from restyle.errors import InputError

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}  # channels -> IHDR colour type
# Layout in which the file stores its samples -> the two layouts that give their high and their low bytes.
_BYTE_LAYOUTS = {"RGB;16B": ("RGB;16B", "RGB;16L"), "RGBA;16B": ("RGBA;16B", "RGBA;16L")}
_GREY_ALPHA = "LA;16B"
_BLOCK_BYTES = 1 << 22  # of filtered rows that one thread compresses at a time
_LEVEL = 4


def is_deep(image: ImageFile.ImageFile) -> bool:
    """Tell whether an opened PNG holds 16-bit samples that Pillow would cut to 8."""
    return _layout(image) in (*_BYTE_LAYOUTS, _GREY_ALPHA)


def read(
    image: ImageFile.ImageFile, again: ImageFile.ImageFile
) -> tuple[npt.NDArray[np.uint16], npt.NDArray[np.uint16] | None]:
    """Decode a PNG for which :func:`is_deep` holds.

    Parameters
    ----------
    image, again : PIL.PngImagePlugin.PngImageFile
        The same file opened twice, neither decoded yet. They must not share a position in the file while they
        decode, which they do not: each seeks first.

    Returns
    -------
    colour : np.ndarray [shape=(H, W, 1) or (H, W, 3), uint16]
    alpha : np.ndarray [shape=(H, W), uint16] or None
    """
    layout = _layout(image)
    key = None
    if layout == _GREY_ALPHA:
        # Two samples of two bytes are four bytes: what an 8-bit RGBA pixel is to the unpacker.
        stored = _decode(image, "RGBA")
        samples = stored.view(">u2").astype(np.uint16)
    else:
        layouts = _BYTE_LAYOUTS[layout]
        samples = _decode(image, layouts[0]).astype(np.uint16)
        key = image.info.get("transparency")
        samples <<= 8
        samples |= _decode(again, layouts[1])
    if samples.shape[-1] in (2, 4):
        return samples[..., :-1], samples[..., -1]
    if isinstance(key, tuple):
        alpha = np.where((samples == np.array(key)).all(axis=-1), 0, 65535).astype(np.uint16)
        return samples, alpha
    return samples, None


def encode(samples: npt.NDArray[np.uint16], *, icc: bytes | None = None, exif: bytes | None = None) -> bytes:
    """Write a 16-bit PNG.

    Parameters
    ----------
    samples : np.ndarray [shape=(H, W, C), uint16]
        C is 1 (grey), 2 (grey, alpha), 3 (RGB) or 4 (RGBA).
    icc, exif : bytes
        A colour profile; an EXIF block with ``Exif\\0\\0`` in front.
    """
    height, width, channels = samples.shape
    header = struct.pack(">IIBBBBB", width, height, 16, _COLOUR_TYPES[channels], 0, 0, 0)
    chunks = [_chunk(b"IHDR", header)]
    if icc is not None:
        chunks.append(_chunk(b"iCCP", b"ICC Profile\0\0" + zlib.compress(icc)))
    if exif is not None:
        chunks.append(_chunk(b"eXIf", exif.removeprefix(b"Exif\0\0")))
    chunks += [_chunk(b"IDAT", data) for data in _deflate(samples)]
    return b"".join([_SIGNATURE, *chunks, _chunk(b"IEND", b"")])


def _layout(image: ImageFile.ImageFile) -> str:
    if not image.tile:
        return ""
    args = image.tile[0].args
    return str(args[0] if isinstance(args, tuple) and args else args)


def _decode(image: ImageFile.ImageFile, layout: str) -> npt.NDArray[np.uint8]:
    if not image.tile:
        raise InputError("holds no pixels")
    image.tile = [tile._replace(args=layout) for tile in image.tile]
    image.load()
    return np.asarray(image)


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(data, zlib.crc32(name)))


def _deflate(samples: npt.NDArray[np.uint16]) -> list[bytes]:
    """Filter and compress blocks of rows independently; end to end they are one zlib stream, a chunk each."""
    height = samples.shape[0]
    rows = max(1, _BLOCK_BYTES // (samples[0].nbytes + 1))
    starts = list(range(0, height, rows))

    def work(start: int) -> tuple[bytes, bytes]:
        above = samples[start - 1] if start else np.zeros_like(samples[0])
        plain = _filter(samples[start : start + rows], above).tobytes()
        deflater = zlib.compressobj(_LEVEL, zlib.DEFLATED, -15, 9, zlib.Z_FILTERED)
        end = zlib.Z_FINISH if start == starts[-1] else zlib.Z_FULL_FLUSH
        return deflater.compress(plain) + deflater.flush(end), plain

    streams, checksum = [b"\x78\x5e"], 1  # header: 32 kB window, fast
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        for stream, plain in pool.map(work, starts):
            streams.append(stream)
            checksum = zlib.adler32(plain, checksum)
    return [*streams, struct.pack(">I", checksum)]


def _filter(rows: npt.NDArray[np.uint16], above: npt.NDArray[np.uint16]) -> npt.NDArray[np.uint8]:
    """Apply to each row the filter, Sub, Up or Paeth, whose bytes are smallest in sum (the PNG heuristic)."""
    height, _, channels = rows.shape
    data = np.concatenate([above[None], rows]).astype(">u2").view(np.uint8).reshape(height + 1, -1)
    step = 2 * channels
    here, up = data[1:], data[:-1]
    left = np.zeros_like(here)
    left[:, step:] = here[:, :-step]
    corner = np.zeros_like(here)
    corner[:, step:] = up[:, :-step]
    candidates = [(1, here - left), (2, here - up), (4, here - _paeth(left, up, corner))]
    costs = np.stack([np.abs(each.view(np.int8).astype(np.int16)).sum(axis=1) for _, each in candidates])
    best = costs.argmin(axis=0)
    out = np.empty((height, 1 + here.shape[1]), np.uint8)
    for i, (number, filtered) in enumerate(candidates):
        out[best == i, 0] = number
        out[best == i, 1:] = filtered[best == i]
    return out


def _paeth(
    left: npt.NDArray[np.uint8], up: npt.NDArray[np.uint8], corner: npt.NDArray[np.uint8]
) -> npt.NDArray[np.uint8]:
    a, b, c = left.astype(np.int16), up.astype(np.int16), corner.astype(np.int16)
    to_left, to_up, to_corner = np.abs(b - c), np.abs(a - c), np.abs(a + b - 2 * c)
    chosen: Any = np.where(to_up <= to_corner, up, corner)
    return np.where((to_left <= to_up) & (to_left <= to_corner), left, chosen)
