"""From a picture to the bytes of a file.

Pillow encodes, but for 16-bit PNG and for TIFF (:mod:`restyle.images.png16`,
:mod:`restyle.images.tiff_write`).
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
from restyle.images import exif, formats, png16, profiles, tiff_write
from restyle.types import FloatArray, from_unit

if TYPE_CHECKING:
    from restyle.images.picture import Picture

log = logging.getLogger("restyle.images")

# So high that a photo comes back with a PSNR of 40 dB, in JPEG and AVIF also with grain of 2 levels. Strokes
# have coloured edges, so chroma is kept at full resolution; WebP halves it always.
DEFAULT_QUALITY = {"JPEG": 95, "WEBP": 98, "AVIF": 92}

_MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}
_OPTIONS: dict[str, dict[str, Any]] = {
    "JPEG": {"subsampling": "4:4:4"},
    "PNG": {"compress_level": 4},
    "WEBP": {"method": 2, "exact": True},  # exact: colours under transparency are kept
    "AVIF": {"subsampling": "4:4:4", "speed": 8},
}
_PLUGINS = {"WEBP": "PIL.WebPImagePlugin", "AVIF": "PIL.AvifImagePlugin"}
_JPEG_MARKER_BYTES = 65533


def encode(picture: Picture, kind: formats.Kind, quality: int | None, name: str) -> bytes:
    """Encode a picture.

    Parameters
    ----------
    picture : Picture
    kind : Kind
        A writable one.
    quality : int, 1..100, or None
        None is the default of the format. Lossless formats have none.
    name : str
        How messages call the result.

    Raises
    ------
    OutputError
        The format cannot hold the picture.
    """
    icc = picture.icc if kind.profiles else None
    deep = kind.deep and picture.depth == 16
    if picture.alpha is not None and not kind.alpha and picture.alpha.min() < 1:
        log.warning("%s: %s holds no transparency; the picture is put on white", name, kind.name)
    samples = to_samples(picture, icc, np.uint16 if deep else np.uint8, alpha=kind.alpha)
    block = None if picture.exif is None else exif.with_size(picture.exif, picture.width, picture.height)
    if kind is formats.TIFF:
        return tiff_write.encode(samples, icc=icc, exif=block)
    if deep:
        return png16.encode(samples, icc=icc, exif=block)
    return _encode_by_pillow(samples, kind, quality, icc, block, name)


def to_samples(picture: Picture, icc: bytes | None, dtype: npt.DTypeLike, *, alpha: bool) -> npt.NDArray[Any]:
    """Bring a picture to the integers of a file.

    Parameters
    ----------
    picture : Picture
    icc : bytes or None
        RGB profile that the result will carry; the pixels are converted to it.
    dtype : uint8 or uint16
    alpha : bool
        Whether the result may have an alpha channel; if not, the picture is put on white.

    Returns
    -------
    np.ndarray [shape=(H, W, C), dtype]
        C is 1 or 2 when the source was grey and the picture still is.
    """
    pixels: FloatArray = picture.pixels
    if icc is not None:
        pixels = profiles.from_srgb(pixels, icc, deep=np.dtype(dtype) == np.uint16)
    if picture.alpha is not None and not alpha:
        share = picture.alpha[..., None]
        pixels = pixels * share + (1 - share)
    samples = from_unit(pixels, dtype)
    if picture.grey and icc is None and (samples == samples[..., :1]).all():
        samples = samples[..., :1]
    if picture.alpha is not None and alpha:
        samples = np.concatenate([samples, from_unit(picture.alpha, dtype)[..., None]], axis=-1)
    return samples


def _encode_by_pillow(
    samples: npt.NDArray[Any],
    kind: formats.Kind,
    quality: int | None,
    icc: bytes | None,
    block: bytes | None,
    name: str,
) -> bytes:
    options = dict(_OPTIONS.get(kind.name, {}))
    if kind.name in DEFAULT_QUALITY:
        options["quality"] = DEFAULT_QUALITY[kind.name] if quality is None else quality
    if icc is not None:
        options["icc_profile"] = icc
    if block is not None and kind.profiles:
        if kind is formats.JPEG and len(block) > _JPEG_MARKER_BYTES:
            log.warning("%s: EXIF of %d bytes does not fit into a JPEG and was left out", name, len(block))
        else:
            options["exif"] = block
    image = Image.fromarray(samples[..., 0] if samples.shape[-1] == 1 else samples)
    assert image.mode == _MODES[samples.shape[-1]]
    buffer = io.BytesIO()
    try:
        importlib.import_module(_PLUGINS.get(kind.name, "PIL.Image"))
        image.save(buffer, kind.name, **options)
    except KeyError:
        raise OutputError(f"cannot write {name}: the installed Pillow cannot write {kind.name}") from None
    except (OSError, ValueError, RuntimeError, MemoryError) as error:
        size = f"{image.width} x {image.height}"
        raise OutputError(f"cannot write {name}: {kind.name} refuses {size} pixels ({error})") from error
    return buffer.getvalue()
