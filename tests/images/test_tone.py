"""Brightness and contrast: neutral at 1, and Pillow's in between."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from restyle.errors import OptionError
from restyle.images.tone import adjust_brightness, adjust_contrast
from restyle.types import FloatArray


@pytest.fixture(scope="module")
def picture() -> FloatArray:
    return np.random.default_rng(0).random((30, 40, 3), np.float32)


@pytest.mark.parametrize("adjust", [adjust_brightness, adjust_contrast])
def test_one_changes_nothing(picture: FloatArray, adjust: object) -> None:
    assert callable(adjust)
    before = picture.copy()
    np.testing.assert_allclose(adjust(picture, 1.0), before, atol=1e-6)
    np.testing.assert_array_equal(picture, before)


@pytest.mark.parametrize("factor", [0.0, 0.5, 1.3, 3.0])
def test_agrees_with_pillow(picture: FloatArray, factor: float) -> None:
    levels = np.rint(picture * 255).astype(np.uint8)
    unit = levels.astype(np.float32) / np.float32(255)
    image = Image.fromarray(levels)
    bright = np.asarray(ImageEnhance.Brightness(image).enhance(factor))
    contrast = np.asarray(ImageEnhance.Contrast(image).enhance(factor))
    assert np.abs(adjust_brightness(unit, factor) * 255 - bright).max() <= 1.01
    # Pillow rounds the mean that it pivots on to a whole level
    assert np.abs(adjust_contrast(unit, factor) * 255 - contrast).max() <= 1.01 + abs(1 - factor)


def test_results_stay_in_range(picture: FloatArray) -> None:
    for result in (adjust_brightness(picture, 5), adjust_contrast(picture, 5)):
        assert result.dtype == np.float32
        assert result.min() >= 0
        assert result.max() <= 1


@pytest.mark.parametrize("factor", [-0.1, float("nan"), float("inf")])
def test_bad_factors(picture: FloatArray, factor: float) -> None:
    with pytest.raises(OptionError, match="brightness"):
        adjust_brightness(picture, factor)
    with pytest.raises(OptionError, match="contrast"):
        adjust_contrast(picture, factor)
