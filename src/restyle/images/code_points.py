"""Convert pictures to sRGB by the code points of AVIF, HEIC and PNG, in place of an ICC profile.

Light above the white of SDR, 203 cd/m2, and colors outside sRGB are clipped.

References: ITU-T H.273 (code points), ITU-R BT.2100 (PQ, HLG), ITU-R BT.2408 (the white of SDR).
"""

from __future__ import annotations

import functools

import numpy as np
import numpy.typing as npt

from restyle.images.color import srgb_to_linear
from restyle.images.icc import EVEN, SRGB_TO_XYZ, Curve, Shaper, convert, srgb
from restyle.types import FloatArray

# Chromaticities of red, green and blue, x and y each; white is D65. Other code points are taken as sRGB's.
_PRIMARIES = {
    1: (0.64, 0.33, 0.30, 0.60, 0.15, 0.06),  # BT.709, sRGB
    5: (0.64, 0.33, 0.29, 0.60, 0.15, 0.06),  # BT.601 of 625 lines
    6: (0.63, 0.34, 0.31, 0.595, 0.155, 0.07),  # BT.601 of 525 lines
    9: (0.708, 0.292, 0.170, 0.797, 0.131, 0.046),  # BT.2020
    12: (0.68, 0.32, 0.265, 0.69, 0.15, 0.06),  # Display P3
}


def coded_to_srgb(values: FloatArray, primaries: int, transfer: int) -> FloatArray:
    """Convert RGB values described by code points of ITU-T H.273 to sRGB.

    Parameters
    ----------
    values : np.ndarray [shape=(H, W, 3), float32, range 0..1]
    primaries, transfer : int
        ``ColourPrimaries`` and ``TransferCharacteristics``. Video curves are taken as sRGB's, as screens do.
    """
    shaper = _coded(primaries, transfer)
    return values if shaper.is_srgb else convert(values, shaper, srgb())


@functools.lru_cache(maxsize=4)
def _coded(primaries: int, transfer: int) -> Shaper:
    curve = {4: lambda: EVEN**2.2, 5: lambda: EVEN**2.8, 8: EVEN.copy, 16: _pq_curve, 18: _hlg_curve}.get(
        transfer, lambda: srgb_to_linear(EVEN)
    )()
    to_srgb = np.linalg.inv(_to_xyz(_PRIMARIES[1])) @ _to_xyz(_PRIMARIES.get(primaries, _PRIMARIES[1]))
    return Shaper((curve, curve, curve), SRGB_TO_XYZ @ to_srgb)


def _to_xyz(primaries: tuple[float, ...]) -> npt.NDArray[np.float64]:
    x, y = np.array([*primaries, 0.3127, 0.3290]).reshape(4, 2).T
    red, green, blue, white = np.stack([x / y, np.ones(4), (1 - x - y) / y], axis=1)
    columns = np.stack([red, green, blue], axis=1)
    return columns * np.linalg.solve(columns, white)


_SDR_WHITE = 203  # cd/m2


def _pq_curve() -> Curve:
    root = EVEN ** (32 / 2523)
    light = np.maximum(root - 107 / 128, 0) / (2413 / 128 - 2392 / 128 * root)
    return np.asarray(light ** (16384 / 2610) * 10_000 / _SDR_WHITE)


def _hlg_curve() -> Curve:
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    scene = np.where(EVEN <= 0.5, EVEN**2 / 3, (np.exp((EVEN - c) / a) + b) / 12)
    return np.asarray(scene**1.2 * 1000 / _SDR_WHITE)  # on a screen of 1,000 cd/m2
