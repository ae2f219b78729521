"""Reading ICC profiles, curve by curve."""

from __future__ import annotations

import numpy as np
import pytest

from restyle.images.icc import EVEN, ProfileError, colour_space, read_curve, read_tags, read_xyz
from tests.images.made_profiles import (
    ADOBE_RGB,
    grey_profile,
    parametric_curve,
    rgb_profile,
    table_curve,
    table_profile,
)


def curve_of(data: bytes) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    icc = rgb_profile(ADOBE_RGB, data)
    return read_curve(icc, read_tags(icc), b"gTRC")


def test_spaces() -> None:
    assert colour_space(rgb_profile()) == "RGB"
    assert colour_space(grey_profile()) == "GRAY"
    assert colour_space(table_profile(b"CMYK")) == "CMYK"


def test_primaries() -> None:
    icc = rgb_profile(ADOBE_RGB)
    np.testing.assert_allclose(read_xyz(icc, read_tags(icc), b"rXYZ"), [0.60974, 0.31111, 0.01947], atol=1e-5)


def test_empty_curve_is_linear() -> None:
    np.testing.assert_array_equal(curve_of(b"curv\0\0\0\0\0\0\0\0"), EVEN)


def test_table_is_interpolated() -> None:
    np.testing.assert_allclose(curve_of(table_curve(np.linspace(0, 1, 33) ** 2)), EVEN**2, atol=3e-4)


@pytest.mark.parametrize(
    ("kind", "values", "formula"),
    [
        (0, (2.0,), lambda x: x**2),
        (1, (2.0, 0.8, 0.2), lambda x: (0.8 * x + 0.2) ** 2),
        (2, (2.0, 0.8, 0.0, 0.1), lambda x: (0.8 * x) ** 2 + 0.1),
        (3, (2.0, 0.9, 0.1, 0.25, 0.2), lambda x: np.where(x >= 0.2, (0.9 * x + 0.1) ** 2, 0.25 * x)),
        (
            4,
            (2.0, 0.8, 0.1, 0.25, 0.2, 0.05, 0.01),
            lambda x: np.where(x >= 0.2, (0.8 * x + 0.1) ** 2 + 0.05, 0.25 * x + 0.01),
        ),
    ],
)
def test_parametric_curves(kind: int, values: tuple[float, ...], formula: object) -> None:
    assert callable(formula)
    np.testing.assert_allclose(curve_of(parametric_curve(kind, *values)), formula(EVEN), atol=1e-4)


@pytest.mark.parametrize(
    "data",
    [
        parametric_curve(9, 1.0),
        parametric_curve(4, 1.0),
        b"curv\0\0\0\0\xff\xff\xff\xff",
        b"curv",
        parametric_curve(0, -1.0),
    ],
)
def test_damaged_curves(data: bytes) -> None:
    with pytest.raises(ProfileError):
        curve_of(data)


def test_damaged_tag_table() -> None:
    icc = bytearray(rgb_profile())
    icc[128:132] = b"\xff\xff\xff\xff"
    with pytest.raises(ProfileError, match="table of tags"):
        read_tags(bytes(icc))
