"""Encode a picture to the bytes of a file.

Pillow encodes, except 16-bit PNG (`images.png`) and TIFF (`images.tiff`).
"""

from __future__ import annotations

import importlib
import io
import logging
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from restyle.errors import OutputError
from restyle.images import exif, formats, icc, png, tiff
from restyle.types import FloatArray, from_unit

if TYPE_CHECKING:
    from restyle.images.picture import Picture

log = logging.getLogger("restyle.images")

_MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}
_JPEG_MARKER_BYTES = 65533


def encode(picture: Picture, form: formats.Format, quality: int | None, name: str) -> bytes:
    """Encode a picture.

    Parameters
    ----------
    picture : Picture
    form : Format
        A writable one.
    quality : int, 1..100, or None
        None selects the default of the format; lossless formats ignore it.
    name : str
        Name of the result in messages.

    Raises
    ------
    OutputError
        The format cannot hold the picture.
    """
    profile = picture.icc if form.metadata else None
    deep = form.deep and picture.depth == 16
    if picture.alpha is not None and not form.alpha and picture.alpha.min() < 1:
        log.warning("%s: %s has no transparency; the image is placed on white", name, form.name)
    samples = to_samples(picture, profile, np.uint16 if deep else np.uint8, alpha=form.alpha)
    block = None if picture.exif is None else exif.with_size(picture.exif, picture.width, picture.height)
    if form is formats.TIFF:
        return tiff.encode(samples, icc=profile, exif=block)
    if deep:
        return png.encode(samples, icc=profile, exif=block)
    return _encode_by_pillow(samples, form, quality, profile, block, name)


def to_samples(
    picture: Picture, profile: bytes | None, dtype: npt.DTypeLike, *, alpha: bool
) -> npt.NDArray[Any]:
    """Convert a picture to the integers of a file.

    Parameters
    ----------
    picture : Picture
    profile : bytes or None
        RGB profile to convert the pixels to; the file will carry it.
    dtype : uint8 or uint16
    alpha : bool
        Whether the file can hold alpha; if not, the picture is placed on white.

    Returns
    -------
    np.ndarray [shape=(H, W, C), dtype]
        C is 1 or 2 if the source was gray and the picture still is.
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


def _encode_by_pillow(
    samples: npt.NDArray[Any],
    form: formats.Format,
    quality: int | None,
    profile: bytes | None,
    block: bytes | None,
    name: str,
) -> bytes:
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
