"""The method photo on drawn photos: the structure stays, whatever the style."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import restyle
from restyle.errors import OptionError, StyleError
from restyle.images import picture
from restyle.images.color import LUMA
from restyle.images.resize import resize
from restyle.types import FloatArray


@pytest.fixture(scope="module")
def landscape() -> FloatArray:
    """A sky with a gradient, a dark tower, and a rough ground."""
    rng = np.random.default_rng(0)
    height, width = 150, 200
    photo = np.empty((height, width, 3), np.float32)
    photo[:90] = np.linspace(0.55, 0.8, 90)[:, None, None] * np.array([0.75, 0.9, 1.1])
    photo[90:] = np.array([0.35, 0.4, 0.2]) * rng.uniform(0.7, 1.2, (60, width, 1))
    photo[30:100, 80:110] = np.array([0.25, 0.15, 0.12])
    return photo.clip(0, 1)


@pytest.fixture(scope="module")
def evening() -> FloatArray:
    rng = np.random.default_rng(1)
    style = np.empty((120, 160, 3), np.float32)
    style[:70] = np.linspace(0.4, 0.9, 70)[:, None, None] * np.array([1.0, 0.6, 0.4])
    style[70:] = np.array([0.12, 0.1, 0.16]) * rng.uniform(0.5, 1.5, (50, 160, 1))
    return style.clip(0, 1)


def stylize(photo: FloatArray, style: FloatArray, **options: float) -> FloatArray:
    return np.asarray(restyle.image(photo, style, method="photo", threads=1, **options), np.float32)  # type: ignore[call-overload]


def test_the_structure_stays(landscape: FloatArray, evening: FloatArray) -> None:
    result = stylize(landscape, evening)
    before, after = landscape @ LUMA, result @ LUMA
    for axis in (0, 1):
        old, new = np.diff(before, axis=axis), np.diff(after, axis=axis)
        edges = np.abs(old) > 0.05
        assert (np.sign(old[edges]) != np.sign(new[edges])).mean() < 0.005
    flat = result[5:25, 10:70]
    assert np.abs(np.diff(flat, axis=1)).max() < 0.01, "a sky stays smooth along a row"


def test_sky_takes_the_sky_and_ground_the_ground(landscape: FloatArray, evening: FloatArray) -> None:
    result = stylize(landscape, evening)
    for part, own, other in (
        (result[:80, :60], evening[:70], evening[70:]),
        (result[110:], evening[70:], evening[:70]),
    ):
        near, far = (np.abs(part.mean((0, 1)) - each.mean((0, 1))).mean() for each in (own, other))
        assert near < 0.12
        assert near < far / 2


def test_more_strength_moves_farther(landscape: FloatArray, evening: FloatArray) -> None:
    moved = [np.abs(stylize(landscape, evening, strength=s) - landscape).mean() for s in (0, 0.5, 1, 1.5)]
    assert moved[0] == 0
    assert moved == sorted(moved)


def test_a_banded_sky_gets_no_wider_bands(evening: FloatArray) -> None:
    ramp = np.linspace(0.55, 0.65, 160, dtype=np.float32)[:, None, None] * np.array([0.8, 0.9, 1.0])
    sky = np.round(np.broadcast_to(ramp, (160, 200, 3)) * 255).astype(np.uint8)
    result = restyle.image(sky, evening, method="photo", threads=1)
    steps = np.abs(np.diff(result.astype(int), axis=0)).max(axis=(1, 2))
    assert steps.max() <= 2


def test_16_bits_stay_16_bits(tmp_path: Path, landscape: FloatArray, evening: FloatArray) -> None:
    deep = (landscape * 65535).astype(np.uint16)
    result = restyle.image(deep, evening, method="photo", threads=1)
    assert result.dtype == np.uint16
    assert len(np.unique(result[:90, :70])) > 300
    target = restyle.image(deep, evening, method="photo", threads=1, output=tmp_path / "deep.tif")
    assert picture.load_image(target).depth == 16


@pytest.mark.parametrize("size", [(9, 8), (8, 300), (40, 40)])
def test_any_size_of_photo_and_style(
    size: tuple[int, int], landscape: FloatArray, evening: FloatArray
) -> None:
    other = resize(landscape, size, "area")
    assert stylize(other, evening).shape == other.shape
    assert np.isfinite(stylize(landscape, resize(evening, size, "area"))).all()


def test_what_it_does_not_take(landscape: FloatArray, evening: FloatArray) -> None:
    for options, message in (
        ({"style_scale": 2.0}, "style-scale"),
        ({"colors_only": True}, "colors-only"),
        ({"paint_size": 512}, "paint-size"),
        ({"strength": 1.6}, r"outside 0\.\.1\.5"),
    ):
        with pytest.raises(OptionError, match=message):
            stylize(landscape, evening, **options)
    with pytest.raises(OptionError, match=r"strength 1.2 is outside 0\.\.1 for method 'fast'"):
        restyle.image(landscape, evening, strength=1.2, method="fast", threads=1)
    with pytest.raises(OptionError, match="protect-skin is for --method photo"):
        restyle.image(landscape, evening, protect_skin=False, threads=1)


def test_a_style_without_a_picture_is_refused(
    tmp_path: Path, landscape: FloatArray, evening: FloatArray
) -> None:
    saved = restyle.Style.from_image(evening).save(tmp_path / "evening.style", picture=False)
    with pytest.raises(StyleError, match="without an image"):
        restyle.image(landscape, str(saved), method="photo", threads=1)
