"""Encode a picture to the bytes of a file, or a file of rows to a file.

Pillow encodes, except 16-bit PNG and TIFF (`images.tiff`): it writes no color of 16 bits and no strips, and
libvips drops EXIF. Rows are encoded by the writers of these two, and to JPEG and Deep Zoom by libvips.

Reference: W3C, Portable Network Graphics (PNG) Specification (Third Edition).
"""

from __future__ import annotations

import importlib
import io
import logging
import os
import shutil
import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
import numpy.typing as npt
from PIL import Image

from restyle.errors import OutputError
from restyle.files import check_output, writing
from restyle.images import exif, formats, icc, tiff
from restyle.images.decoders import Samples, vips, vips_message
from restyle.types import FloatArray, PathLike, from_unit

if TYPE_CHECKING:
    from restyle.images.picture import Picture
    from restyle.images.stream import RowFile

log = logging.getLogger("restyle.images")

_MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}
_JPEG_MARKER_BYTES = 65533
_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_COLOR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}  # of PNG, by channels
_PAETH = 4  # type of filter
_LEVEL = 4  # of compression
_BLOCK_BYTES = 1 << 20  # of samples that are filtered at a time


def encode(picture: Picture, form: formats.Format, quality: int | None, name: str) -> bytes:
    """Encode a picture in a writable format; OutputError, which has the `name`, if that cannot hold it.

    A quality of None selects the default of the format; lossless formats ignore it.
    """
    profile = picture.icc if form.metadata else None
    deep = form.deep and picture.depth == 16
    if picture.alpha is not None and not form.alpha and picture.alpha.min() < 1:
        log.warning("%s: %s has no transparency; the image is placed on white", name, form.name)
    samples = to_samples(picture, profile, np.uint16 if deep else np.uint8, alpha=form.alpha)
    block = None if picture.exif is None else exif.with_size(picture.exif, picture.width, picture.height)
    if form is formats.TIFF or deep:
        write = tiff.write if form is formats.TIFF else write_png
        return in_memory(write, samples, icc=profile, exif=block)
    options = dict(form.save or {})
    if form.quality is not None:
        options["quality"] = form.quality if quality is None else quality
    if profile is not None:
        options["icc_profile"] = profile
    if block is not None and form.metadata:
        if form is formats.JPEG and len(block) > _JPEG_MARKER_BYTES:
            log.warning("%s: dropped EXIF of %d bytes, which does not fit into a JPEG", name, len(block))
        else:
            options["exif"] = block
    image = Image.fromarray(samples[..., 0] if samples.shape[-1] == 1 else samples)
    assert image.mode == _MODES[samples.shape[-1]]
    buffer = io.BytesIO()
    try:
        importlib.import_module(f"PIL.{form.plugin}")
        image.save(buffer, form.name, **options)
    except (KeyError, ImportError):
        raise OutputError(f"cannot write {name}: the installed Pillow cannot write {form.name}") from None
    except (OSError, ValueError, RuntimeError, MemoryError) as error:
        size = f"{image.width} x {image.height}"
        raise OutputError(f"cannot write {name}: {form.name} cannot hold {size} pixels ({error})") from error
    return buffer.getvalue()


def to_samples(picture: Picture, profile: bytes | None, dtype: npt.DTypeLike, *, alpha: bool) -> Samples:
    """Convert a picture to the integers of a file [shape=(H, W, C), uint8 or uint16].

    C is 1 or 2 if the source was gray and the picture still is. With an RGB profile, which the file will
    carry, the pixels are converted to it. If the file cannot hold alpha, the picture is placed on white.
    """
    pixels: FloatArray = picture.pixels
    if profile is not None:
        pixels = icc.from_srgb(pixels, profile, deep=np.dtype(dtype) == np.uint16)
    if picture.alpha is not None and not alpha:
        opacity = picture.alpha[..., None]
        pixels = pixels * opacity + (1 - opacity)
    samples = from_unit(pixels, dtype)
    if picture.gray and profile is None and (samples == samples[..., :1]).all():
        samples = samples[..., :1]
    if picture.alpha is not None and alpha:
        samples = np.concatenate([samples, from_unit(picture.alpha, dtype)[..., None]], axis=-1)
    return samples


def encode_rows(
    file: RowFile,
    form: formats.Format,
    quality: int | None,
    path: Path,
    *,
    icc: bytes | None,
    exif: bytes | None,
) -> None:
    """Encode a file of rows in little memory.

    The format has ``rows``, and is not Deep Zoom. `icc` is the profile of the samples, `exif` a block with
    ``Exif\\0\\0`` in front. OutputError if the format cannot hold the picture, or it cannot be written.
    """
    if form in (formats.TIFF, formats.PNG):
        with open(path, "wb") as stream:
            write = tiff.write if form is formats.TIFF else write_png
            write(stream, file.shape, file.dtype, file.rows, icc=icc, exif=exif)
        return
    if exif is not None and len(exif) > _JPEG_MARKER_BYTES:
        log.warning("%s: dropped EXIF of %d bytes, which does not fit into a JPEG", path, len(exif))
        exif = None
    image = vips_image(file)
    if icc is not None:
        image.set_type(vips().GValue.blob_type, "icc-profile-data", icc)
    plain = path if exif is None else file.path.with_name("encoded.jpg")
    with encoding(str(path)):
        image.jpegsave(
            str(plain), Q=form.quality if quality is None else quality, subsample_mode="off", keep="icc"
        )
    if exif is not None:  # not by libvips, which rewrites the block and so breaks maker notes
        with open(plain, "rb") as source, open(path, "wb") as target:
            target.write(source.read(2) + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif)
            shutil.copyfileobj(source, target, 1 << 20)
        plain.unlink()


def tiles_folder(path: Path) -> Path:
    """Return the folder of the tiles of a Deep Zoom picture `NAME.dzi`."""
    return path.with_name(f"{path.stem}_files")


def write_deep_zoom(
    image: Any, path: PathLike, quality: int | None, overwrite: bool, inputs: Sequence[PathLike]
) -> None:
    """Write an image of libvips as Deep Zoom: `NAME.dzi`, and its tiles in the folder `NAME_files`.

    OutputError if one of them exists and ``overwrite`` is not set, or cannot be written.
    """
    target = check_output(path, overwrite=overwrite, inputs=inputs)
    tiles = tiles_folder(target)
    if tiles.exists() and not overwrite:
        raise OutputError(f"cannot write {tiles}: it exists; choose another name or pass overwrite=True")
    with writing(path, overwrite=overwrite, inputs=inputs) as temporary:
        base = temporary.with_suffix("")
        new, old = base.with_name(f"{base.name}_files"), base.with_name(f"{base.name}_old")
        kind = ".png" if image.hasalpha() else f".jpg[Q={quality or formats.DEEP_ZOOM.quality}]"
        try:
            with encoding(os.fspath(path)):
                image.dzsave(str(base), suffix=kind, keep="none")
            (new / "vips-properties.xml").unlink(missing_ok=True)
            if hasattr(os, "sync"):
                os.sync()  # one call for thousands of tiles
            if tiles.exists():
                tiles.rename(old)
            new.rename(tiles)
        finally:
            for folder in (new, old):
                shutil.rmtree(folder, ignore_errors=True)


def vips_image(source: RowFile | npt.NDArray[np.uint8]) -> Any:
    """Return 8-bit samples [shape=(H, W, C)] as an image of libvips, which reads a file as it is needed."""
    height, width, bands = source.shape
    if isinstance(source, np.ndarray):
        image = vips().Image.new_from_memory(np.ascontiguousarray(source), width, height, bands, "uchar")
    else:
        image = vips().Image.rawload(str(source.path), width, height, bands)
    return image.copy(interpretation="b-w" if bands < 3 else "srgb")


@contextmanager
def encoding(name: str) -> Iterator[None]:
    """Translate errors of libvips to an OutputError."""
    try:
        yield
    except Exception as error:
        if (message := vips_message(error)) is None:
            raise
        raise OutputError(f"cannot write {name}: {message or 'it cannot be encoded'}") from error


def in_memory(
    write: Callable[..., None], samples: Samples, *, icc: bytes | None = None, exif: bytes | None = None
) -> bytes:
    """Write samples [shape=(H, W, C), uint8 or uint16] by `write_png` or `tiff.write`; return the bytes."""
    stream = io.BytesIO()
    write(stream, samples.shape, samples.dtype, lambda rows: samples[rows], icc=icc, exif=exif)
    return stream.getvalue()


def write_png(
    stream: BinaryIO,
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    read: Callable[[slice], Samples],
    *,
    icc: bytes | None = None,
    exif: bytes | None = None,
) -> None:
    """Write a PNG, some rows at a time, all filtered by Paeth; the parameters are those of `tiff.write`."""
    height, width, channels = shape
    header = struct.pack(">IIBBBBB", width, height, 8 * dtype.itemsize, _COLOR_TYPES[channels], 0, 0, 0)
    stream.write(_PNG_SIGNATURE + _chunk(b"IHDR", header))
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


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(data, zlib.crc32(name)))
