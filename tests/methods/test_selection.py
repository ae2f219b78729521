"""Masks of what is found: the sky on drawn photos, and what rectangles enclose."""

from __future__ import annotations

import numpy as np
import pytest

import restyle
from restyle.errors import InputError, OptionError
from restyle.methods.regions import read_regions
from restyle.methods.selection import Rectangle, cut_out, find_sky, parse_rectangle
from restyle.types import FloatArray


@pytest.fixture(scope="module")
def scene() -> tuple[FloatArray, FloatArray]:
    """A red disk on green noise, and where it is."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:120, :160]
    disk = (y - 60) ** 2 + (x - 90) ** 2 < 30**2
    photo = np.where(disk[..., None], (0.8, 0.2, 0.15), (0.25, 0.5, 0.2)) + 0.05 * rng.standard_normal(
        (120, 160, 3)
    )
    return np.clip(photo, 0, 1).astype(np.float32), disk.astype(np.float32)


@pytest.mark.parametrize("box", ["box:50,20,85,85", "box:31%,16%,53%,71%"])
def test_what_stands_out_is_found(scene: tuple[FloatArray, FloatArray], box: str) -> None:
    pytest.importorskip("cv2", reason="extra `flow` is not installed")
    photo, disk = scene
    mask = cut_out(photo, parse_rectangle(box))
    assert mask.shape == disk.shape
    found = mask > 0.5
    assert (found & (disk > 0)).sum() / (found | (disk > 0)).sum() > 0.9
    np.testing.assert_array_equal(mask, cut_out(photo, parse_rectangle(box)))


@pytest.mark.slow
def test_a_region_by_box(scene: tuple[FloatArray, FloatArray]) -> None:
    pytest.importorskip("cv2", reason="extra `flow` is not installed")
    photo, disk = scene
    kept = restyle.image(
        photo, photo[::-1].copy(), regions="box:50,20,85,85=keep", method="photo", feather=0, threads=1
    )
    assert np.abs(np.asarray(kept) - photo)[disk > 0].mean() < 0.02


@pytest.mark.parametrize(
    "text", ["box:", "box:1,2,3", "box:1,2,3,4,5", "box:1%,2,3,4", "box:a,b,c,d", "box:1,2,0,4"]
)
def test_wrong_boxes(text: str) -> None:
    with pytest.raises(OptionError, match="is not box:LEFT,TOP,WIDTH,HEIGHT"):
        parse_rectangle(text)


def test_boxes_that_enclose_nothing_or_everything() -> None:
    with pytest.raises(InputError, match="covers nothing of the photo of 160 x 120 px"):
        Rectangle(200, 10, 50, 50, False).scaled((120, 160), (120, 160))
    with pytest.raises(InputError, match="covers the whole photo"):
        Rectangle(0, 0, 1, 1, True).scaled((120, 160), (120, 160))
    assert Rectangle(100, 100, 500, 500, False).scaled((120, 160), (60, 80)) == (50, 50, 80, 60)


def test_a_video_takes_no_box() -> None:
    with pytest.raises(OptionError, match="is for photos"):
        read_regions("box:1,2,3,4=keep", moving=True)


SIZE = (150, 200)


def ground(color: tuple[float, float, float]) -> FloatArray:
    rng = np.random.default_rng(0)
    return np.clip(np.array(color) + 0.08 * rng.standard_normal((*SIZE, 3)), 0, 1).astype(np.float32)


@pytest.fixture(scope="module")
def landscape() -> tuple[FloatArray, FloatArray]:
    """A sky, hills, and a mast with a hole that shows the sky; and where the sky is."""
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    sky = y < 70 + 15 * np.sin(x / 25)
    sky &= (np.abs(x - 60) > 4) | (y < 20)
    blue = np.array([0.45, 0.6, 0.9]) + np.array([0.2, 0.15, 0.05]) * (y / SIZE[0])[..., None]
    return np.where(sky[..., None], blue, ground((0.35, 0.3, 0.2))).astype(np.float32), sky.astype(np.float32)


def overlap(mask: FloatArray, true: FloatArray) -> float:
    found, wanted = mask > 0.5, true > 0.5
    return float((found & wanted).sum() / (found | wanted).sum())


def test_the_sky_is_found_at_any_size(landscape: tuple[FloatArray, FloatArray]) -> None:
    photo, sky = landscape
    assert overlap(find_sky(photo), sky) > 0.97
    large = [np.repeat(np.repeat(each, 4, axis=0), 4, axis=1) for each in landscape]
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


@pytest.mark.slow
def test_a_region_of_the_sky(landscape: tuple[FloatArray, FloatArray]) -> None:
    photo, sky = landscape
    style = photo[::-1, ::-1].copy()
    result = np.asarray(
        restyle.image(photo, style, regions="sky=keep", method="photo", feather=0, threads=1, strength=1.5)
    )
    change = np.abs(result - photo).mean(axis=-1)
    assert change[sky > 0].mean() < 0.1 * change[sky == 0].mean()
    with pytest.raises(OptionError, match="region 'sky' is for photos"):
        read_regions("sky=keep", moving=True)
