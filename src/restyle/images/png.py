"""PNG: metadata that libvips drops, and writing with 16 bits a channel in color.

FFmpeg's encoder writes 16 bits: Pillow cannot, and libvips encodes in threads of its own, which do not
survive a fork.

Reference: W3C, Portable Network Graphics (PNG) Specification (Third Edition).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from fractions import Fraction

import av
import numpy as np
import numpy.typing as npt

from restyle.errors import OutputError

_PIXEL_FORMATS = {1: "gray16be", 2: "ya16be", 3: "rgb48be", 4: "rgba64be"}
_OPTIONS = {"compression_level": "4", "pred": "paeth"}
_HEADER_BYTES = 33  # the signature and the chunk IHDR
_MOST_BYTES = 1 << 24  # of a profile or an EXIF block
_TEXT_EXIF = b"Raw profile type exif\0"  # as ImageMagick writes it: hexadecimal, in a text chunk


def metadata(data: bytes) -> tuple[bytes | None, bytes | None, tuple[int, int] | None]:
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


def is_animated(data: bytes) -> bool:
    """Tell whether a PNG holds an animation (APNG)."""
    return any(name == b"acTL" for name, _ in _chunks(data))


def encode(samples: npt.NDArray[np.uint16], *, icc: bytes | None = None, exif: bytes | None = None) -> bytes:
    """Write a 16-bit PNG.

    Parameters
    ----------
    samples : np.ndarray [shape=(H, W, C), uint16]
        C is 1 (gray), 2 (gray, alpha), 3 (RGB) or 4 (RGBA).
    icc, exif : bytes
        Color profile; EXIF block with ``Exif\\0\\0`` in front.

    Raises
    ------
    OutputError
        The image is too large for FFmpeg's encoder.
    """
    height, width, channels = samples.shape
    try:
        codec = av.VideoCodecContext.create("png", "w")
        codec.width, codec.height, codec.time_base = width, height, Fraction(1)
        codec.pix_fmt = _PIXEL_FORMATS[channels]
        codec.options = _OPTIONS
        frame = av.VideoFrame(width, height, codec.pix_fmt)
        plane = frame.planes[0]
        rows = np.frombuffer(memoryview(plane), np.uint8).reshape(height, plane.line_size)
        rows[:, : 2 * width * channels] = samples.astype(">u2").reshape(height, -1).view(np.uint8)
        frame.pts = 0
        data = b"".join(bytes(packet) for packet in (*codec.encode(frame), *codec.encode(None)))
    except (av.FFmpegError, ValueError, MemoryError) as error:
        raise OutputError(f"a 16-bit PNG of {width} x {height} pixels cannot be encoded ({error})") from error
    chunks = [] if icc is None else [_chunk(b"iCCP", b"ICC Profile\0\0" + zlib.compress(icc))]
    if exif is not None:
        chunks.append(_chunk(b"eXIf", exif.removeprefix(b"Exif\0\0")))
    return b"".join([data[:_HEADER_BYTES], *chunks, data[_HEADER_BYTES:]])


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the name and content of each chunk, as far as they are complete."""
    at = 8
    while at + 12 <= len(data):
        length, name = struct.unpack_from(">I4s", data, at)
        if name != b"IDAT":
            yield name, data[at + 8 : at + 8 + length]
        at += 12 + length


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(data, zlib.crc32(name)))
