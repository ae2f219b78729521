"""Pictures too large for memory: samples in a file of plain rows, from which strips and tiles are read.

A picture is decoded once, turned upright, into a `RowFile`; a `StreamedPicture` reads any part of it.
"""

from __future__ import annotations

import os
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import numpy.typing as npt

from restyle.errors import InputError
from restyle.files import Closing
from restyle.images import decode, decoders, formats, tiff
from restyle.images.color import adjust_brightness, adjust_contrast
from restyle.images.decoders import Samples
from restyle.images.geometry import STRIP_PIXELS, Box
from restyle.images.picture import Picture, from_raw, orient
from restyle.images.resize import (
    block_side,
    fill_hidden,
    reduce_blocks,
    resize_rows,
    thumbnail_size,
    transparent,
)
from restyle.images.statistics import LUMA
from restyle.options import ImageOptions
from restyle.types import FloatArray, PathLike

STREAM_PIXELS = 50_000_000  # larger pictures are streamed; in memory they would take 1.4 GB
_PROGRAM = 400_000_000  # bytes, with the networks
_DECODED = 15  # bytes per pixel of a picture that is in memory already
# Bytes per pixel at the peak, measured at 16 and 60 megapixels; `decoders.BYTES_PER_PIXEL` for all else.
_PEAKS = {"luminance": 51, "regions": 64}


class RowFile(Closing):
    """Samples [shape=(H, W, C), uint8 or uint16] of a picture in a file without header; thread-safe.

    If it is not `new`, the file is continued.
    """

    def __init__(self, path: Path, shape: tuple[int, int, int], dtype: npt.DTypeLike, new: bool) -> None:
        self.path, self.shape, self.dtype = path, shape, np.dtype(dtype)
        self.row_bytes = shape[1] * shape[2] * self.dtype.itemsize
        self._lock = Lock()  # around every seek and what follows it
        self._file = open(path, "w+b" if new else "r+b", buffering=0)  # noqa: SIM115, closed by `close`

    def write(self, samples: Samples, top: int, left: int = 0) -> None:
        """Write a box of samples [shape=(n, w, C)] at a place."""
        lines = samples[None] if samples.shape[1] == self.shape[1] else samples
        start = top * self.row_bytes + left * self.shape[2] * self.dtype.itemsize
        for index, line in enumerate(lines):
            content = np.ascontiguousarray(line, self.dtype).data.cast("B")
            with self._lock:
                self._file.seek(start + index * self.row_bytes)
                while content:
                    content = content[self._file.write(content) :]

    def read(self, box: Box) -> Samples:
        """Read a box of samples [shape=(box.height, box.width, C)]."""
        out = np.empty((box.height, box.width, self.shape[2]), self.dtype)
        lines = out[None] if box.width == self.shape[1] else out
        start = box.top * self.row_bytes + box.left * self.shape[2] * self.dtype.itemsize
        for index, line in enumerate(lines):
            into = line.data.cast("B")
            with self._lock:
                self._file.seek(start + index * self.row_bytes)
                while into:
                    if not (count := self._file.readinto(into)):
                        raise OSError(None, "is shorter than it was", str(self.path))
                    into = into[count:]
        return out

    def rows(self, rows: slice) -> Samples:
        """Read complete rows."""
        return self.read(Box(rows.start, 0, rows.stop - rows.start, self.shape[1]))

    def close(self) -> None:
        """Close the file."""
        self._file.close()


@dataclass(frozen=True)
class RowReader:
    """An image file that is decoded once, from the first row to the last, in little memory."""

    size: tuple[int, int]  # (height, width) as stored, before `raw.orientation` is applied
    raw: decoders.RawImage  # its metadata, without pixels
    dtype: np.dtype[Any]
    bands: int
    image: Any  # of libvips
    has_alpha: bool

    def interpret(self, samples: Samples, name: str) -> decoders.RawImage:
        """Return samples of some rows as an image, upright if they are."""
        found = decoders.split_bands(samples, self.image, name, self.has_alpha)
        return replace(found, icc=self.raw.icc, cicp=self.raw.cicp, exif=self.raw.exif)


def open_rows(path: PathLike, max_pixels: int) -> RowReader | None:
    """Open an image file for reading by rows; None if it is not larger than `STREAM_PIXELS`, or its kind must
    be decoded in memory.

    These are formats other than JPEG, PNG and TIFF, TIFF that `images.tiff` repacks or that Pillow reads,
    samples of more than 16 bits, CMYK, and what a decoder holds in memory itself: interlaced PNG, progressive
    JPEG. InputError as for `decode.read_file`.
    """
    name = os.fspath(path)
    form = decode.check_file(path, name)
    with decode.decoding(name, form.name):
        return _open(path, form, max_pixels, name)


def _open(path: PathLike, form: formats.Format, max_pixels: int, name: str) -> RowReader | None:
    if form not in (formats.JPEG, formats.PNG, formats.TIFF):
        return None
    with formats.FileBytes(os.fspath(path)) as data:
        tags, has_alpha = None, True
        if form is formats.TIFF:
            tags = tiff.read_tags(data)
            if decode.is_camera_raw(data, tags):
                return None
            tiff.check_readable(tags)
            if tiff.for_pillow(tags) or tiff.needs_repack(tags):
                return None
            decoders.check_pixels(tiff.size(tags), max_pixels, name, in_memory=False)
            tiff.check_blocks(tags, max_pixels)
            has_alpha = tiff.number(tags, tiff.Tag.EXTRA, tiff.STRAIGHT) in (tiff.ASSOCIATED, tiff.STRAIGHT)
        load = getattr(decoders.vips().Image, form.loader)
        try:
            image = load(os.fsencode(path), access="sequential", fail_on="error")
        except decoders.vips().Error:
            if tags is not None and tags.next:  # its further directories may be damaged
                return None
            raise
        if image.width * image.height <= STREAM_PIXELS:
            return None
        decoders.check_pixels((image.width, image.height), max_pixels, name, in_memory=False)
        held = image.get_typeof("interlaced") or image.interpretation == "cmyk"
        if image.format not in ("uchar", "ushort") or held:
            return None
        sample = np.dtype(decoders.SAMPLE_TYPES[image.format])
        raw = decoders.split_bands(np.zeros((1, 1, image.bands), sample), image, name, has_alpha)
        if tags is None:
            raw = decoders.with_vips_metadata(raw, form, image, data, name)
        else:
            raw = decoders.with_tiff_metadata(raw, data, tags, name)
        formats.note_left_out(data, form, name, several=tags is not None and tags.next != 0)
    return RowReader((image.height, image.width), raw, sample, image.bands, image, has_alpha)


def upright_size(reader: RowReader) -> tuple[int, int]:
    """Return the (height, width) of a file's picture after its orientation is applied."""
    return reader.size[::-1] if reader.raw.orientation >= 5 else reader.size


def unpack(reader: RowReader, path: Path, name: str) -> RowFile:
    """Decode a file into a row file at `path`, upright; `reader` is used up."""
    orientation = reader.raw.orientation
    file = RowFile(path, (*upright_size(reader), reader.bands), reader.dtype, new=True)
    top = 0
    with ExitStack() as stack, decode.decoding(name, "image"):
        stack.enter_context(file)
        for rows in decoders.fetch_rows(reader.image, STRIP_PIXELS // reader.size[1]):
            back = reader.size[0] - top - len(rows)
            if orientation >= 5:
                file.write(orient(rows, orientation), 0, back if orientation in (6, 7) else top)
            else:
                file.write(orient(rows, orientation), back if orientation in (3, 4) else top)
            top += len(rows)
        stack.pop_all()  # it stays open
    return file


class StreamedPicture:
    """A picture of which parts are read, with a crop to `box`, brightness and contrast applied.

    The reader of its file has its metadata, and `file` its samples.
    """

    def __init__(
        self, reader: RowReader, file: RowFile, name: str, box: Box, brightness: float, contrast: float
    ) -> None:
        self._reader, self._file, self._name, self._box = reader, file, name, box
        self.size = (box.height, box.width)
        self._brightness, self._contrast, self._mean = brightness, 1.0, 0.0
        self._icc_checked = False
        self._thumbnail: tuple[FloatArray, FloatArray | None] | None = None
        if contrast != 1:
            self._mean = float((self._make_thumbnail()[0] @ LUMA).mean(dtype=np.float64))
            self._contrast = contrast

    def read(self, box: Box) -> Picture:
        """Read a part, with the metadata of the picture."""
        inner = Box(self._box.top + box.top, self._box.left + box.left, box.height, box.width)
        picture = from_raw(self._reader.interpret(self._file.read(inner), self._name), self._name)
        if not self._icc_checked:  # warns once about a profile that cannot be used
            self._icc_checked = True
            if picture.icc is None:
                self._reader = replace(self._reader, raw=replace(self._reader.raw, icc=None))
        pixels = picture.pixels
        if self._brightness != 1:
            pixels = adjust_brightness(pixels, self._brightness)
        if self._contrast != 1:
            pixels = adjust_contrast(pixels, self._contrast, self._mean)
        return replace(picture, pixels=pixels)

    def rows(self, rows: slice) -> Picture:
        """Read complete rows."""
        return self.read(Box(rows.start, 0, rows.stop - rows.start, self.size[1]))

    def visible(self, picture: Picture, box: Box) -> FloatArray:
        """Return the pixels of a part; transparent ones get colors of the thumbnail."""
        if picture.alpha is None or not (without := transparent(picture.alpha)).any():
            return picture.pixels
        rows = slice(box.top, box.top + box.height)
        filled = resize_rows(self.thumbnail()[0], self.size, rows, "bilinear")
        filled = filled[:, box.left : box.left + box.width]
        return np.where(without[..., None], filled, picture.pixels)

    def thumbnail(self) -> tuple[FloatArray, FloatArray | None]:
        """Return the picture as by `resize.thumbnail`: visible pixels [h, w, 3], and alpha [h, w] or None.

        It is kept for a picture with alpha, because `visible` needs it again. Otherwise every call reads
        the file.
        """
        found = self._thumbnail or self._make_thumbnail()
        if found[1] is not None:
            self._thumbnail = found
        return found

    def _make_thumbnail(self) -> tuple[FloatArray, FloatArray | None]:
        side = block_side(self.size)
        step = max(1, STRIP_PIXELS // self.size[1] // side) * side
        pixels = np.empty((*thumbnail_size(self.size), 3), np.float32)
        alpha: FloatArray | None = None
        for top in range(0, self.size[0], step):
            picture = self.rows(slice(top, min(top + step, self.size[0])))
            if side == 1:
                small, weight = picture.pixels, picture.alpha
            else:
                small, weight = reduce_blocks(picture.pixels, picture.alpha, side)
            rows = slice(top // side, top // side + len(small))
            pixels[rows] = small
            if weight is not None:
                alpha = np.empty(pixels.shape[:2], np.float32) if alpha is None else alpha
                alpha[rows] = weight
        return (pixels if alpha is None else fill_hidden(pixels, alpha)), alpha


def check_memory(
    source: object,
    pixels: int,
    options: ImageOptions,
    free: int | None,
    *,
    regions: bool,
    why: str = "",
    decoded: bool = False,
) -> None:
    """Raise InputError if a picture that would be streamed, if it could, takes more memory than is free.

    `free` is in bytes, None where it is unknown. `why` says what is not streamed ("keep-colors is"); it is
    empty if the format of `source` is the reason. A picture that is `decoded` is in memory already.
    """
    if pixels <= STREAM_PIXELS or free is None:
        return
    kinds = (options.keep_colors, "regions" if regions else None)
    peak = max(_PEAKS.get(each or "", decoders.BYTES_PER_PIXEL) for each in kinds)
    needed = _PROGRAM + pixels * (peak - _DECODED if decoded else peak)
    if needed <= free:
        return
    name = os.fspath(source) if isinstance(source, (str, os.PathLike)) else "picture"
    reason = f"{why} only done" if why else "its format is only read"
    raise InputError(
        f"{name}: {reason} in memory, about {needed / 1e9:.1f} GB{' more' if decoded else ''} for"
        f" {pixels / 1e6:.0f} megapixels, and {free / 1e9:.1f} GB are free; "
        + ("leave it out, or resize the picture" if why else "resize the picture, or save it as PNG or TIFF")
    )
