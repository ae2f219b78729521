"""Masks of the sky."""

from __future__ import annotations

import numpy as np
import pytest

import restyle
from restyle.errors import InputError, OptionError
from restyle.methods.regions import read_regions
from restyle.methods.sky import find_sky
from restyle.types import FloatArray

SIZE = (150, 200)


def ground(color: tuple[float, float, float]) -> FloatArray:
    rng = np.random.default_rng(0)
    return np.clip(np.array(color) + 0.08 * rng.standard_normal((*SIZE, 3)), 0, 1).astype(np.float32)


@pytest.fixture(scope="module")
def scene() -> tuple[FloatArray, FloatArray]:
    """A sky, hills, and a mast with a hole that shows the sky; and where the sky is."""
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    sky = y < 70 + 15 * np.sin(x / 25)
    sky &= (np.abs(x - 60) > 4) | (y < 20)
    blue = np.array([0.45, 0.6, 0.9]) + np.array([0.2, 0.15, 0.05]) * (y / SIZE[0])[..., None]
    return np.where(sky[..., None], blue, ground((0.35, 0.3, 0.2))).astype(np.float32), sky.astype(np.float32)


def overlap(mask: FloatArray, true: FloatArray) -> float:
    found, wanted = mask > 0.5, true > 0.5
    return float((found & wanted).sum() / (found | wanted).sum())


def test_the_sky_is_found_at_any_size(scene: tuple[FloatArray, FloatArray]) -> None:
    photo, sky = scene
    assert overlap(find_sky(photo), sky) > 0.97
    large = [np.repeat(np.repeat(each, 4, axis=0), 4, axis=1) for each in scene]
    assert find_sky(large[0]).shape == large[1].shape
    assert overlap(find_sky(large[0]), large[1]) > 0.95


@pytest.mark.parametrize("color", [(0.35, 0.3, 0.2), (0.2, 0.5, 0.2)])
def test_no_sky(color: tuple[float, float, float]) -> None:
    with pytest.raises(InputError, match="no sky was found"):
        find_sky(ground(color))
    leaves = np.full((*SIZE, 3), (0.3, 0.6, 0.25), np.float32)
    leaves[75:] = ground((0.4, 0.3, 0.3))[75:]
    with pytest.raises(InputError, match="no sky was found"):
        find_sky(leaves)
    with pytest.raises(InputError, match="no sky was found"):
        find_sky(np.full((1, 1, 3), 0.7, np.float32))


def test_a_region_of_the_sky(scene: tuple[FloatArray, FloatArray]) -> None:
    photo, sky = scene
    style = photo[::-1, ::-1].copy()
    result = np.asarray(
        restyle.image(photo, style, regions="sky=keep", method="photo", feather=0, threads=1, strength=1.5)
    )
    change = np.abs(result - photo).mean(axis=-1)
    assert change[sky > 0].mean() < 0.1 * change[sky == 0].mean()
    with pytest.raises(OptionError, match="region 'sky' is for photos"):
        read_regions("sky=keep", moving=True)
