"""Read the parts of an ICC profile that restyle computes with: tags, primaries, tone curves.

Reference: ICC.1:2022.
"""

from __future__ import annotations

import struct

import numpy as np
import numpy.typing as npt

Curve = npt.NDArray[np.float64]  # encoded value -> linear light, at STEPS even steps over 0..1

STEPS = 65536  # one a 16-bit level, so that a lookup of a 16-bit value is exact
EVEN = np.linspace(0, 1, STEPS)


class ProfileError(ValueError):
    """A profile that is damaged or of a sort that cannot be used here."""


def colour_space(icc: bytes) -> str:
    """Name the space of a profile: ``"RGB"``, ``"GRAY"``, ``"CMYK"``, ``"Lab"``, ...

    Raises
    ------
    ProfileError
        It is no ICC profile.
    """
    if len(icc) < 132 or icc[36:40] != b"acsp":
        raise ProfileError("no ICC signature")
    return icc[16:20].decode("latin-1").strip()


def read_tags(icc: bytes) -> dict[bytes, bytes]:
    colour_space(icc)
    (count,) = struct.unpack_from(">I", icc, 128)
    if count > 100 or 132 + 12 * count > len(icc):
        raise ProfileError("its table of tags is damaged")
    found = {}
    for i in range(count):
        name, offset, size = struct.unpack_from(">4sII", icc, 132 + 12 * i)
        found[name] = icc[offset : offset + size]
    return found


def read_xyz(icc: bytes, tags: dict[bytes, bytes], name: bytes) -> npt.NDArray[np.float64]:
    data = tags.get(name, b"")
    if len(data) < 20 or data[:4] != b"XYZ ":
        raise ProfileError(f"it has no {name.decode()}")
    return np.array(struct.unpack_from(">3i", data, 8)) / 65536


def read_curve(icc: bytes, tags: dict[bytes, bytes], name: bytes) -> Curve:
    data = tags.get(name, b"")
    try:
        if data[:4] == b"curv":
            curve = _sampled_curve(data)
        elif data[:4] == b"para":
            curve = _parametric_curve(data)
        else:
            raise ProfileError(f"it has no {name.decode()}")
    except (struct.error, ValueError) as error:
        raise ProfileError(f"its {name.decode()} is damaged") from error
    if not np.isfinite(curve).all():
        raise ProfileError(f"its {name.decode()} is damaged")
    return np.clip(curve, 0, 1)


def _sampled_curve(data: bytes) -> Curve:
    (count,) = struct.unpack_from(">I", data, 8)
    if count == 0:
        return EVEN.copy()
    table = np.frombuffer(data, ">u2", count, 12).astype(np.float64)
    if count == 1:
        return np.asarray(np.power(EVEN, table[0] / 256))
    return np.interp(EVEN, np.linspace(0, 1, count), table / 65535)


def _parametric_curve(data: bytes) -> Curve:
    """ICC.1:2022, table 68: from a plain gamma to a gamma with a linear foot and offsets."""
    (kind,) = struct.unpack_from(">H", data, 8)
    counts = (1, 3, 4, 5, 7)
    if kind >= len(counts):
        raise ValueError(f"parametric curve of type {kind}")
    given = [value / 65536 for value in struct.unpack_from(f">{counts[kind]}i", data, 12)]
    g, a, b, c, d, e, f = given + [(1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0)[i] for i in range(len(given), 7)]
    x = EVEN
    if kind in (1, 2):  # here the third parameter is what is added, and the foot ends where a x + b = 0
        e, f, c, d = c, c, 0.0, (-b / a if a else 0.0)
    with np.errstate(all="ignore"):
        high = np.power(np.maximum(a * x + b, 0), g) + e
    return np.asarray(np.where(x >= d, high, c * x + f))
