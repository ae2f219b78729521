"""Convert colors to sRGB and back by ICC profiles, or by the code points of AVIF, HEIC and PNG.

Profiles of cameras and displays are three tone curves and a matrix. Those are computed by hand, in floating
point: a round trip is within 3 of 65,535, and grays stay gray. libvips connects profiles through 16-bit
Lab, which is off by 24 and tints grays by 17, and takes profiles only as files. Profiles made of tables
(printers, CMYK, scanners) go through LittleCMS in Pillow, which has only 8-bit pixels; a 16-bit picture is
interpolated between its levels.

The intent is relative colorimetric. Colors outside sRGB, and light above the white of SDR, 203 cd/m2, are
clipped.

References: ICC.1:2022 (profile format), IEC 61966-2-1 (sRGB), ITU-T H.273 (code points), ITU-R BT.2100 (PQ,
HLG), ITU-R BT.2408 (the white of SDR).
"""

from __future__ import annotations

import functools
import io
import itertools
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms

from restyle.images.color import srgb_to_linear
from restyle.types import FloatArray

Curve = npt.NDArray[np.float64]  # encoded value -> linear light, at STEPS even steps over 0..1

STEPS = 65536  # one for each 16-bit level, so that a lookup is exact
EVEN = np.linspace(0, 1, STEPS)
_ROOT_STEPS = 1 << 17  # steps of the inverse curve, even in the square root: dark tones need finer ones
_CHUNK = 1 << 16  # pixels converted at a time, to stay in the cache
# Deviations below these are rounding in the profile, not another color space.
_CURVE_TOLERANCE, _MATRIX_TOLERANCE = 1e-3, 2e-3
_SDR_WHITE = 203  # cd/m2

# sRGB primaries adapted to D50 by Bradford, as sRGB profiles hold them; a column is the XYZ of one primary.
_SRGB_TO_XYZ = np.array(
    [[0.4360747, 0.3850649, 0.1430804], [0.2225045, 0.7168786, 0.0606169], [0.0139322, 0.0971045, 0.7141733]]
)
# Chromaticities of red, green and blue, x and y each; white is D65. Other code points are taken as sRGB's.
_PRIMARIES = {
    1: (0.64, 0.33, 0.30, 0.60, 0.15, 0.06),  # BT.709, sRGB
    5: (0.64, 0.33, 0.29, 0.60, 0.15, 0.06),  # BT.601 of 625 lines
    6: (0.63, 0.34, 0.31, 0.595, 0.155, 0.07),  # BT.601 of 525 lines
    9: (0.708, 0.292, 0.170, 0.797, 0.131, 0.046),  # BT.2020
    12: (0.68, 0.32, 0.265, 0.69, 0.15, 0.06),  # Display P3
}


class ProfileError(ValueError):
    """A profile that is damaged, or of an unsupported kind."""


def color_space(icc: bytes) -> str:
    """Return the color space of a profile: ``"RGB"``, ``"GRAY"``, ``"CMYK"``, ``"Lab"``, ..."""
    if len(icc) < 132 or icc[36:40] != b"acsp":
        raise ProfileError("no ICC signature")
    return icc[16:20].decode("latin-1").strip()


def read_tags(icc: bytes) -> dict[bytes, bytes]:
    color_space(icc)
    (count,) = struct.unpack_from(">I", icc, 128)
    if count > 100 or 132 + 12 * count > len(icc):
        raise ProfileError("its table of tags is damaged")
    tags = {}
    for i in range(count):
        name, offset, size = struct.unpack_from(">4sII", icc, 132 + 12 * i)
        tags[name] = icc[offset : offset + size]
    return tags


def read_xyz(tags: dict[bytes, bytes], name: bytes) -> npt.NDArray[np.float64]:
    data = tags.get(name, b"")
    if len(data) < 20 or data[:4] != b"XYZ ":
        raise ProfileError(f"it has no {name.decode()}")
    return np.array(struct.unpack_from(">3i", data, 8)) / 65536


def read_curve(tags: dict[bytes, bytes], name: bytes) -> Curve:
    data = tags.get(name, b"")
    try:
        curve = {b"curv": _sampled_curve, b"para": _parametric_curve}[data[:4]](data)
        if not np.isfinite(curve).all():
            raise ValueError("a curve that is not finite")
    except (KeyError, struct.error, ValueError) as error:
        raise ProfileError(f"its {name.decode()} is damaged") from error
    return np.asarray(np.clip(curve, 0, 1))


def _sampled_curve(data: bytes) -> Curve:
    (count,) = struct.unpack_from(">I", data, 8)
    if count == 0:
        return EVEN.copy()
    table = np.frombuffer(data, ">u2", count, 12).astype(np.float64)
    if count == 1:
        return np.asarray(np.power(EVEN, table[0] / 256))
    return np.interp(EVEN, np.linspace(0, 1, count), table / 65535)


def _parametric_curve(data: bytes) -> Curve:
    """ICC.1:2022, table 68: from a plain gamma to one with a linear part and offsets."""
    (kind,) = struct.unpack_from(">H", data, 8)
    counts = (1, 3, 4, 5, 7)
    if kind >= len(counts):
        raise ValueError(f"parametric curve of type {kind}")
    given = [value / 65536 for value in struct.unpack_from(f">{counts[kind]}i", data, 12)]
    g, a, b, c, d, e, f = given + [(1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0)[i] for i in range(len(given), 7)]
    x = EVEN
    if kind in (1, 2):  # here the third parameter is an offset, and the linear part ends where a x + b = 0
        e, f, c, d = c, c, 0.0, (-b / a if a else 0.0)
    with np.errstate(all="ignore"):
        high = np.power(np.maximum(a * x + b, 0), g) + e
    return np.asarray(np.where(x >= d, high, c * x + f))


@dataclass(frozen=True)
class Shaper:
    """A profile of three tone curves and a matrix."""

    curves: tuple[Curve, ...]
    to_xyz: npt.NDArray[np.float64]

    @functools.cached_property
    def light(self) -> list[FloatArray]:
        """Tables of encoded value -> linear light, one a channel."""
        return [curve.astype(np.float32) for curve in self.curves]

    @functools.cached_property
    def values(self) -> list[FloatArray]:
        """Tables of the square root of linear light -> encoded value, one a channel."""
        return [_inverse_curve(curve) for curve in self.curves]

    @functools.cached_property
    def is_srgb(self) -> bool:
        """Whether this is sRGB, up to rounding."""
        reference = srgb_to_linear(EVEN)
        close = all(np.abs(curve - reference).max() < _CURVE_TOLERANCE for curve in self.curves)
        return close and bool(np.abs(self.to_xyz - _SRGB_TO_XYZ).max() < _MATRIX_TOLERANCE)


@functools.lru_cache(maxsize=1)
def srgb_profile() -> bytes:
    """Return a small sRGB profile, always the same bytes."""
    icc = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    icc[24:36] = struct.pack(">6H", 2000, 1, 1, 0, 0, 0)  # its creation date
    return bytes(icc)


def can_write(icc: bytes) -> bool:
    """Tell whether pixels can be converted to a profile; some profiles only convert from their device."""
    try:
        if color_space(icc) != "RGB":
            return False
        if _shaper(icc) is None:
            _lcms_transform(srgb_profile(), icc)
    except ProfileError:
        return False
    return True


def to_srgb(values: FloatArray, icc: bytes, *, deep: bool = True) -> FloatArray:
    """Convert values [shape=(H, W, 3), float32, range 0..1] of an RGB profile to sRGB.

    `deep` tells that they have more than 8 bits. If the profile is sRGB, they are returned themselves.
    ProfileError if it is damaged.
    """
    shaper = _shaper(icc)
    if shaper is None:
        return _through_lcms(values, _lcms_transform(icc, srgb_profile()), deep)
    return values if shaper.is_srgb else _convert(values, shaper, _srgb())


def from_srgb(pixels: FloatArray, icc: bytes, *, deep: bool = True) -> FloatArray:
    """Convert sRGB to the RGB of a profile: the inverse of :func:`to_srgb`."""
    shaper = _shaper(icc)
    if shaper is None:
        return _through_lcms(pixels, _lcms_transform(srgb_profile(), icc), deep)
    return pixels if shaper.is_srgb else _convert(pixels, _srgb(), shaper)


def gray_to_srgb(values: FloatArray, icc: bytes) -> FloatArray:
    """Convert gray values [shape=(H, W, 1), float32, range 0..1] of a gray profile to sRGB gray."""
    curve = read_curve(read_tags(icc), b"kTRC")
    if icc[20:24] == b"Lab ":  # then the curve gives lightness
        curve = _luminance(curve)
    light = _look_up([curve.astype(np.float32)], values.reshape(1, -1))
    return _look_up(_srgb().values[:1], np.sqrt(light)).reshape(values.shape)


def image_to_srgb(image: Image.Image, icc: bytes) -> Image.Image:
    """Convert a Pillow image in CMYK to sRGB with its profile.

    With black point compensation, as in other programs: without it the black of paper stays gray.
    """
    try:
        converted = ImageCms.applyTransform(image, _lcms_transform(icc, srgb_profile(), "CMYK"))
    except (ImageCms.PyCMSError, ValueError, TypeError, OSError) as error:
        raise ProfileError(str(error)) from error
    assert converted is not None
    return converted


def lab_to_srgb(image: Image.Image) -> Image.Image:
    """Convert a Pillow image in CIELAB (a TIFF can be) to sRGB."""
    lab, rgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    transform = ImageCms.buildTransform(lab, rgb, "LAB", "RGB")
    converted = ImageCms.applyTransform(image, transform)
    assert converted is not None
    return converted


@functools.lru_cache(maxsize=4)
def _shaper(icc: bytes) -> Shaper | None:
    """Read curves and matrix; None if the profile is made of tables."""
    if color_space(icc) != "RGB":
        raise ProfileError(f"a {color_space(icc)} profile in an RGB image")
    tags = read_tags(icc)
    if b"A2B0" in tags or b"A2B1" in tags or icc[20:24] != b"XYZ ":
        return None
    curves = tuple(read_curve(tags, name) for name in (b"rTRC", b"gTRC", b"bTRC"))
    to_xyz = np.stack([read_xyz(tags, name) for name in (b"rXYZ", b"gXYZ", b"bXYZ")], axis=1)
    if abs(np.linalg.det(to_xyz)) < 1e-6:
        raise ProfileError("its primaries lie on a line")
    return Shaper(curves, to_xyz)


@functools.lru_cache(maxsize=1)
def _srgb() -> Shaper:
    curve = srgb_to_linear(EVEN)
    return Shaper((curve, curve, curve), _SRGB_TO_XYZ)


def _convert(values: FloatArray, source: Shaper, target: Shaper) -> FloatArray:
    """Convert RGB values [H, W, 3] from one space of curves and matrix to another."""
    matrix = np.linalg.inv(target.to_xyz) @ source.to_xyz
    if np.abs(matrix.sum(axis=1) - 1).max() < 5e-3:
        matrix /= matrix.sum(axis=1, keepdims=True)  # so that rounded primaries do not tint white
    mix = matrix.astype(np.float32)
    flat = values.reshape(-1, 3)
    out = np.empty_like(flat)
    for start in range(0, len(flat), _CHUNK):
        linear = _look_up(source.light, np.ascontiguousarray(flat[start : start + _CHUNK].T))
        root = np.sqrt(np.clip(mix @ linear, 0, 1))
        out[start : start + _CHUNK] = _look_up(target.values, root).T
    return out.reshape(values.shape)


def _look_up(tables: Sequence[FloatArray], positions: FloatArray) -> FloatArray:
    """Read each channel's table at ``positions`` [shape=(C, N), range 0..1], at the nearest step."""
    out = np.empty_like(positions)
    for table, row, position in zip(tables, out, positions, strict=True):
        index = position * np.float32(len(table) - 1) + np.float32(0.5)
        np.take(table, index.astype(np.intp), out=row, mode="clip")
    return out


def _inverse_curve(curve: Curve) -> FloatArray:
    """Tabulate the inverse of a tone curve, at even steps of the square root of the light."""
    rising = np.maximum.accumulate(curve)
    light = np.linspace(0, 1, _ROOT_STEPS) ** 2
    return np.interp(light, rising, EVEN).astype(np.float32)


def _luminance(lightness: Curve) -> Curve:
    """CIE lightness / 100 -> relative luminance."""
    f = (lightness * 100 + 16) / 116
    return np.where(f > 6 / 29, f**3, 3 * (6 / 29) ** 2 * (f - 4 / 29))


@functools.lru_cache(maxsize=4)
def _lcms_transform(source: bytes, target: bytes, mode: str = "RGB") -> Any:
    try:
        return ImageCms.buildTransform(
            io.BytesIO(source),
            io.BytesIO(target),
            mode,
            "RGB",
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except (ImageCms.PyCMSError, ValueError, TypeError, OSError) as error:
        raise ProfileError(str(error)) from error


def _through_lcms(values: FloatArray, transform: Any, deep: bool) -> FloatArray:
    """Convert values of 8 bits; others are interpolated between the eight levels around each."""

    def convert(levels: npt.NDArray[np.uint8]) -> FloatArray:
        image = ImageCms.applyTransform(Image.fromarray(levels), transform)
        return np.asarray(image, np.float32) / np.float32(255)

    scaled = np.clip(values, 0, 1) * np.float32(255)
    if not deep:
        return convert(np.rint(scaled).astype(np.uint8))
    low = np.minimum(np.floor(scaled), 254).astype(np.uint8)
    rest = scaled - low
    out = np.zeros(low.shape, np.float32)
    for corner in itertools.product((0, 1), repeat=3):
        step = np.array(corner, np.uint8)
        weight = np.prod(np.where(step == 1, rest, 1 - rest), axis=-1, keepdims=True)
        out += weight * convert(low + step)
    return out


def coded_to_srgb(values: FloatArray, primaries: int, transfer: int) -> FloatArray:
    """Convert values [shape=(H, W, 3), float32, range 0..1] described by code points of ITU-T H.273 to sRGB.

    Video curves are taken as sRGB's, as screens do.
    """
    shaper = _coded(primaries, transfer)
    return values if shaper.is_srgb else _convert(values, shaper, _srgb())


@functools.lru_cache(maxsize=4)
def _coded(primaries: int, transfer: int) -> Shaper:
    curve = {4: lambda: EVEN**2.2, 5: lambda: EVEN**2.8, 8: EVEN.copy, 16: _pq_curve, 18: _hlg_curve}.get(
        transfer, lambda: srgb_to_linear(EVEN)
    )()
    to_srgb = np.linalg.inv(_to_xyz(_PRIMARIES[1])) @ _to_xyz(_PRIMARIES.get(primaries, _PRIMARIES[1]))
    return Shaper((curve, curve, curve), _SRGB_TO_XYZ @ to_srgb)


def _to_xyz(primaries: tuple[float, ...]) -> npt.NDArray[np.float64]:
    x, y = np.array([*primaries, 0.3127, 0.3290]).reshape(4, 2).T
    red, green, blue, white = np.stack([x / y, np.ones(4), (1 - x - y) / y], axis=1)
    columns = np.stack([red, green, blue], axis=1)
    return columns * np.linalg.solve(columns, white)


def _pq_curve() -> Curve:
    root = EVEN ** (32 / 2523)
    light = np.maximum(root - 107 / 128, 0) / (2413 / 128 - 2392 / 128 * root)
    return np.asarray(light ** (16384 / 2610) * 10_000 / _SDR_WHITE)


def _hlg_curve() -> Curve:
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    scene = np.where(EVEN <= 0.5, EVEN**2 / 3, (np.exp((EVEN - c) / a) + b) / 12)
    return np.asarray(scene**1.2 * 1000 / _SDR_WHITE)  # on a screen of 1,000 cd/m2
