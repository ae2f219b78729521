"""PNG with 16 bits a channel in color, which Pillow reads with 8 bits and cannot write.

Reading runs Pillow's decoder twice: its unpacker keeps one byte of each 16-bit sample and knows both byte
orders, so one pass yields the high bytes and the other the low bytes. FFmpeg's encoder does the writing.

Reference: W3C, Portable Network Graphics (PNG) Specification (Third Edition).
"""

from __future__ import annotations

import struct
import zlib
from fractions import Fraction

import av
import numpy as np
import numpy.typing as npt
from PIL import ImageFile

from restyle.errors import InputError, OutputError

# Layout of the samples in the file -> the two layouts that read their high and their low bytes.
_BYTE_LAYOUTS = {"RGB;16B": ("RGB;16B", "RGB;16L"), "RGBA;16B": ("RGBA;16B", "RGBA;16L")}
_GRAY_ALPHA = "LA;16B"
_PIXEL_FORMATS = {1: "gray16be", 2: "ya16be", 3: "rgb48be", 4: "rgba64be"}
_OPTIONS = {"compression_level": "4", "pred": "paeth"}
_HEADER_BYTES = 33  # the signature and the chunk IHDR


def is_deep(image: ImageFile.ImageFile) -> bool:
    """Tell whether an opened PNG holds 16-bit samples that Pillow would reduce to 8."""
    return _layout(image) in (*_BYTE_LAYOUTS, _GRAY_ALPHA)


def read(
    image: ImageFile.ImageFile, again: ImageFile.ImageFile
) -> tuple[npt.NDArray[np.uint16], npt.NDArray[np.uint16] | None]:
    """Decode a PNG for which :func:`is_deep` holds.

    Parameters
    ----------
    image, again : PIL.PngImagePlugin.PngImageFile
        The same file opened twice, neither decoded yet; each seeks before it decodes.

    Returns
    -------
    colors : np.ndarray [shape=(H, W, 1) or (H, W, 3), uint16]
    alpha : np.ndarray [shape=(H, W), uint16] or None
    """
    layout = _layout(image)
    key = None
    if layout == _GRAY_ALPHA:
        # Two samples of two bytes look like an 8-bit RGBA pixel to the unpacker.
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
