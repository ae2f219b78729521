"""Masks as people have them, and those that are none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from restyle.errors import InputError
from restyle.images.masks import check_aspect, fit_mask, load_mask

LEVELS = np.linspace(0, 255, 12 * 16).reshape(12, 16).astype(np.uint8)


@pytest.mark.parametrize("mode", ["L", "RGB", "P", "I;16", "LA", "RGBA", "F"])
@pytest.mark.parametrize("kind", ["file", "image"])
def test_gray_pictures_of_any_mode(mode: str, kind: str, tmp_path: Path) -> None:
    image = Image.fromarray(LEVELS)
    if mode == "I;16":
        image = Image.fromarray(LEVELS.astype(np.uint16) * 257)
    elif mode == "F":
        image = Image.fromarray(LEVELS.astype(np.float32) / 255)
    else:
        image = image.convert(mode)
    path = tmp_path / ("mask.tif" if mode == "F" else "mask.png")
    image.save(path)
    mask = load_mask(path if kind == "file" else image)
    assert mask.dtype == np.float32
    assert mask.shape == (12, 16)
    np.testing.assert_allclose(mask, LEVELS / 255, atol=0.002)


def test_black_and_white_and_jpeg(tmp_path: Path) -> None:
    hard = LEVELS > 100
    Image.fromarray(hard).save(tmp_path / "mask.png")  # mode 1
    assert (load_mask(tmp_path / "mask.png") == hard).all()
    Image.fromarray(LEVELS).convert("RGB").save(tmp_path / "mask.jpg", quality=95)
    np.testing.assert_allclose(load_mask(tmp_path / "mask.jpg"), LEVELS / 255, atol=0.03)


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.uint16, np.float32, np.float64])
@pytest.mark.parametrize("shape", [(12, 16), (12, 16, 1)])
def test_arrays(dtype: Any, shape: tuple[int, ...]) -> None:
    top = np.iinfo(dtype).max if np.dtype(dtype).kind == "u" else 1
    array = (LEVELS > 100).reshape(shape).astype(dtype) * np.asarray(top, dtype)
    mask = load_mask(array)
    assert mask.shape == (12, 16)
    assert (mask == (LEVELS > 100)).all()


def test_of_a_cut_out_the_alpha_is_the_mask(tmp_path: Path) -> None:
    colors = np.random.default_rng(0).integers(0, 256, (12, 16, 4), np.uint8)
    colors[..., 3] = LEVELS
    Image.fromarray(colors).save(tmp_path / "cat.png")
    np.testing.assert_allclose(load_mask(tmp_path / "cat.png"), LEVELS / 255, atol=1e-6)


def test_the_orientation_of_a_mask_is_applied(tmp_path: Path) -> None:
    image = Image.fromarray(LEVELS)
    exif = image.getexif()
    exif[0x0112] = 6  # to be turned by 90 degrees clockwise
    image.save(tmp_path / "mask.png", exif=exif)
    np.testing.assert_allclose(load_mask(tmp_path / "mask.png"), np.rot90(LEVELS, -1) / 255, atol=1e-6)


COLOURED = np.random.default_rng(0).integers(0, 256, (12, 16, 3), np.uint8)


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (COLOURED, "mask (array): is a color image, not a mask"),
        (np.zeros((5, 5), np.uint8), "mask (array): the mask is entirely black"),
        (np.eye(5, dtype=np.uint8), "its values must be in 0..255"),
        (np.zeros((0, 5), np.uint8), "contains no pixels"),
        (np.full((5, 5), np.nan), "NaN"),
        (np.full((5, 5), 7.0), "restyle takes 0..1"),
        (np.ones((5, 5, 2), np.uint8), "has shape 5 x 5 x 2"),
        (np.ones((5, 5), np.int64), "has type int64"),
    ],
)
def test_arrays_that_are_no_masks(array: Any, said: str) -> None:
    with pytest.raises(InputError) as caught:
        load_mask(array)
    assert said in str(caught.value)
    assert str(caught.value).startswith("mask (array): ")


def test_what_is_no_picture_at_all() -> None:
    with pytest.raises(InputError, match="cannot read a mask from a set"):
        load_mask({1})  # type: ignore[arg-type]


def test_files_that_are_no_masks(tmp_path: Path) -> None:
    Image.fromarray(COLOURED).save(tmp_path / "photo.png")
    Image.fromarray(LEVELS * 0).save(tmp_path / "black.png")
    transparent = np.zeros((12, 16, 4), np.uint8)
    transparent[..., :3] = 255
    Image.fromarray(transparent).save(tmp_path / "clear.png")
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "text.png").write_text("not a picture at all, just text")
    for name, said in {
        "photo.png": "is a color image, not a mask",
        "black.png": "entirely black",
        "clear.png": "entirely black",
        "empty.png": "",
        "text.png": "",
        "absent.png": "",
    }.items():
        with pytest.raises(InputError) as caught:
            load_mask(tmp_path / name)
        told = str(caught.value)
        assert said in told
        assert told.startswith(str(tmp_path / name))
        assert told.count(name) == 1
        assert "\n" not in told


@pytest.mark.parametrize("size", [(480, 640), (48, 64), (485, 640), (960, 1290), (3, 4)])
def test_proportions_that_fit(size: tuple[int, int]) -> None:
    check_aspect(np.ones(size, np.float32), (480, 640), "sky.png")


@pytest.mark.parametrize("size", [(640, 480), (480, 480), (450, 640), (2000, 2560)])
def test_proportions_that_do_not(size: tuple[int, int]) -> None:
    with pytest.raises(
        InputError, match=rf"^sky.png: the mask is {size[1]} x {size[0]}, the photo 640 x 480"
    ):
        check_aspect(np.ones(size, np.float32), (480, 640), "sky.png")


def test_a_mask_is_cut_and_resized_as_the_photo_is() -> None:
    rows, columns = np.mgrid[0:60, 0:80].astype(np.float32)
    mask = (columns / 79 + rows / 59) / 2
    # the same size, whole: as it is
    assert fit_mask(mask, (60, 80), (0, 0, 60, 80), (60, 80)) is mask
    # a cut along whole pixels
    assert (fit_mask(mask, (60, 80), (10, 20, 30, 40), (30, 40)) == mask[10:40, 20:60]).all()
    # the mask is half as large as the photo, so the same cut is of half its size
    small = mask.reshape(30, 2, 40, 2).mean(axis=(1, 3))
    cut = fit_mask(small, (60, 80), (10, 20, 30, 40), (30, 40))
    inner = np.s_[2:-2, 2:-2]
    np.testing.assert_allclose(cut[inner], mask[10:40, 20:60][inner], atol=1e-5)
    # ... and larger
    large = mask.repeat(3, 0).repeat(3, 1)
    cut = fit_mask(large, (60, 80), (10, 20, 30, 40), (15, 20))
    expected = mask[10:40, 20:60].reshape(15, 2, 20, 2).mean(axis=(1, 3))
    np.testing.assert_allclose(cut[1:-1, 1:-1], expected[1:-1, 1:-1], atol=2e-3)
    for size in ((1, 1), (7, 301)):
        assert fit_mask(mask, (601, 799), (0, 0, 601, 799), size).shape == size
