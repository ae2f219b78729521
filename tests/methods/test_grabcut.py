"""Masks of what a rectangle encloses."""

from __future__ import annotations

import numpy as np
import pytest

import restyle
from restyle.errors import InputError, OptionError
from restyle.methods.grabcut import Rectangle, cut_out, parse_rectangle
from restyle.methods.regions import read_regions
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
