"""Write a TIFF, of 8 or 16 bits: deflate with horizontal differences, EXIF directories, colour profile.

Pillow writes no 16-bit colour, and compresses with differences only through libtiff, which it gives no EXIF.

Reference: Adobe, TIFF Revision 6.0.
"""

from __future__ import annotations

import io
import os
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt
from PIL import Image, TiffImagePlugin, TiffTags

from restyle.images.exif import STRUCTURAL_TAGS
from restyle.images.tiff_tags import BLACK_IS_ZERO, DEFLATE, DIFFERENCES, RGB, STRAIGHT, Tag, add_strips

_BLOCK_BYTES = 1 << 20  # of samples that one thread compresses at a time


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
    """Copy what an EXIF block tells, but for what it tells about how pixels were stored."""
    if block is None:
        return
    exif = Image.Exif()
    exif.load(block)
    for tag in set(exif) - STRUCTURAL_TAGS:
        tags[tag] = dict(exif.get_ifd(tag)) if tag in TiffTags.TAGS_V2_GROUPS else exif[tag]
