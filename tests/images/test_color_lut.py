"""The cube of colors: interpolation against SciPy, and the fit by construction."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.interpolate import RegularGridInterpolator

from restyle.images import color_lut
from restyle.images.color_lut import ColorLut, fit_lut
from restyle.types import FloatArray


def identity(side: int) -> ColorLut:
    steps = np.linspace(0, 1, side)
    return ColorLut(np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1).astype(np.float32))


@settings(deadline=None)
@given(arrays(np.float32, (5, 3), elements=st.floats(0, 1, width=32)), st.integers(2, 7))
def test_identity(pixels: FloatArray, side: int) -> None:
    np.testing.assert_allclose(identity(side).apply(pixels), pixels, atol=1e-6)


def test_agrees_with_scipy() -> None:
    generator = np.random.default_rng(0)
    nodes = generator.random((6, 6, 6, 3), np.float32)
    pixels = generator.random((40, 50, 3), np.float32)
    steps = np.linspace(0, 1, 6)
    reference = RegularGridInterpolator((steps, steps, steps), nodes)(pixels)
    np.testing.assert_allclose(ColorLut(nodes).apply(pixels), reference, atol=1e-5)


def test_chunks_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(1)
    cube = ColorLut(generator.random((4, 4, 4, 3), np.float32))
    pixels = generator.random((31, 17, 3), np.float32)
    whole = cube.apply(pixels)
    monkeypatch.setattr(color_lut, "_CHUNK", 10)
    np.testing.assert_array_equal(cube.apply(pixels), whole)


def test_slope() -> None:
    colors = np.random.default_rng(2).random((20, 3))
    np.testing.assert_allclose(identity(5).slope(colors), 1, atol=1e-5)
    tripled = ColorLut(identity(5).nodes * np.array([1, 3, 2], np.float32))
    np.testing.assert_allclose(tripled.slope(colors), 3, atol=1e-5)


def test_a_linear_change_is_found_exactly() -> None:
    colors = np.random.default_rng(3).random((500, 3))
    matrix = np.array([[0.5, 0.2, 0.0], [0.1, 0.6, 0.1], [0.0, 0.1, 0.7]])
    cube = fit_lut(colors, colors @ matrix.T + 0.05, max_slope=2)
    fresh = np.random.default_rng(4).random((200, 3))
    expected = fresh @ matrix.T + 0.05
    np.testing.assert_allclose(cube.apply(fresh.astype(np.float32)), expected, atol=2e-3)


def test_a_curved_change_is_followed() -> None:
    colors = np.random.default_rng(5).random((4000, 3))
    cube = fit_lut(colors, colors**1.5, max_slope=2)
    assert np.abs(cube.apply(colors.astype(np.float32)) - colors**1.5).mean() < 0.01


@pytest.mark.parametrize("limit", [1.2, 2.0, 4.0])
def test_the_bound_on_the_slope_holds(limit: float) -> None:
    generator = np.random.default_rng(6)
    colors = 0.5 + 0.05 * generator.standard_normal((800, 3)).clip(-3, 3)
    targets = (colors > 0.5).astype(np.float64)  # as steep as can be
    cube = fit_lut(colors, targets, max_slope=limit)
    assert np.quantile(cube.slope(colors), 0.99) <= limit * 1.001


def test_one_color_can_be_sent_anywhere() -> None:
    colors = np.full((50, 3), 0.3)
    cube = fit_lut(colors, np.full((50, 3), 0.8), max_slope=2)
    np.testing.assert_allclose(cube.apply(np.full((1, 3), 0.3, np.float32)), 0.8, atol=1e-2)
