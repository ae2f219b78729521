"""Masks as people have them, and those that are none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from restyle.errors import InputError, OptionError
from restyle.images.masks import (
    blend,
    check_aspect,
    feather,
    feather_outward,
    fit_mask,
    load_mask,
    mask_weights,
)
from restyle.types import FloatArray

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


def half(height: int = 40, width: int = 60) -> FloatArray:
    mask = np.zeros((height, width), np.float32)
    mask[:, width // 2 :] = 1
    return mask


@pytest.mark.parametrize("width", [6, 12, 18, 30])
def test_a_hard_edge_becomes_a_ramp_of_that_width(width: int) -> None:
    soft = feather(half(), width)
    ramp = soft[20]
    assert (np.diff(ramp) >= 0).all()
    strictly = np.flatnonzero((ramp > 1e-6) & (ramp < 1 - 1e-6))
    assert width - 1 <= len(strictly) <= width + 1
    np.testing.assert_allclose(ramp + ramp[::-1], 1, atol=1e-6)  # half inside, half outside
    assert float(np.diff(ramp).max()) < 3 / width  # at most three times as steep as a straight one
    assert (soft == soft[0]).all()  # the border is no edge


def test_it_is_a_plain_mean_of_means() -> None:
    """Against the definition, written with loops, on a random mask of odd sides."""
    mask = np.random.default_rng(0).random((13, 17)).astype(np.float32)
    expected: np.ndarray[tuple[int, ...], np.dtype[np.float64]] = mask.astype(np.float64)
    for _ in range(3):
        for axis in (0, 1):
            pads = [(2, 2) if each == axis else (0, 0) for each in (0, 1)]
            padded = np.pad(expected, pads, mode="edge")
            moved = [np.take(padded, np.arange(k, k + mask.shape[axis]), axis=axis) for k in range(5)]
            expected = np.mean(moved, axis=0)
    np.testing.assert_allclose(feather(mask, 12), expected, atol=1e-6)


def test_masks_that_sum_to_one_still_do_and_flat_ones_stay_flat() -> None:
    mask = np.random.default_rng(1).random((300, 31)).astype(np.float32)
    np.testing.assert_allclose(feather(mask, 20) + feather(1 - mask, 20), 1, atol=1e-6)
    np.testing.assert_allclose(feather(np.full((9, 9), 0.3, np.float32), 40), 0.3, atol=1e-6)


@pytest.mark.parametrize("width", [0, 0.5])
def test_no_width_changes_nothing(width: float) -> None:
    mask = half()
    assert (feather(mask, width) == mask).all()
    assert (feather_outward(mask, width) == mask).all()


def test_outward_takes_nothing_away() -> None:
    mask = half()
    mask[0:8, 0:8] = 1  # a corner, which blurring alone would eat
    soft = feather_outward(mask, 12)
    assert (soft >= mask).all()
    assert (soft[mask == 1] == 1).all()
    ramp = soft[25, :30]
    assert (np.diff(ramp) >= 0).all()
    assert 4 <= ((ramp > 1e-6) & (ramp < 1 - 1e-6)).sum() <= 6
    assert ramp[20] == 0


@pytest.mark.parametrize("width", [-1, float("nan"), float("inf")])
def test_what_is_no_width(width: float) -> None:
    with pytest.raises(OptionError, match="feather of"):
        feather(half(), width)


RANDOM = np.random.default_rng(0)


def masks(count: int) -> list[FloatArray]:
    return [RANDOM.random((30, 40)).astype(np.float32) for _ in range(count)]


@pytest.mark.parametrize("width", [0.0, 9.0])
@pytest.mark.parametrize("kept", [[False], [True], [False, False], [True, False, False], [True, True, False]])
def test_shares_are_positive_and_sum_to_one(kept: list[bool], width: float) -> None:
    found = mask_weights(masks(len(kept)), kept, width)
    assert len(found) == len(kept) + 1
    assert all(each.dtype == np.float32 and each.shape == (30, 40) for each in found)
    assert min(float(each.min()) for each in found) >= 0
    np.testing.assert_allclose(sum(found), 1, atol=1e-6)


def test_the_formula() -> None:
    a, b, k = masks(3)
    first, second, kept, rest = mask_weights([a, b, k], [False, False, True], 0)
    total = np.maximum(1, a + b)
    np.testing.assert_allclose(kept, k, atol=1e-6)
    np.testing.assert_allclose(first, a / total * (1 - k), atol=1e-6)
    np.testing.assert_allclose(second, b / total * (1 - k), atol=1e-6)
    np.testing.assert_allclose(rest, 1 - first - second - kept, atol=1e-6)


def test_what_is_kept_is_kept_whatever_lies_over_it() -> None:
    keep = np.zeros((30, 40), np.float32)
    keep[8:20, 10:30] = 1
    everywhere = np.ones_like(keep)
    style, kept, rest = mask_weights([everywhere, keep], [False, True], 8)
    assert (kept[keep == 1] == 1).all()
    assert (style[keep == 1] == 0).all()
    assert (rest == 0).all()
    assert (style[:2] == 1).all()


def test_one_full_mask_leaves_no_background() -> None:
    style, rest = mask_weights([np.ones((5, 6), np.float32)], [False], 3)
    np.testing.assert_allclose(style, 1, atol=1e-6)
    np.testing.assert_allclose(rest, 0, atol=1e-6)


def test_pictures_add_up_by_their_shares() -> None:
    content = RANDOM.random((600, 20, 3)).astype(np.float32)
    pictures = [RANDOM.random((600, 20, 3)).astype(np.float32) for _ in range(2)]
    parts = mask_weights(
        [RANDOM.random((600, 20)).astype(np.float32), RANDOM.random((600, 20)).astype(np.float32)],
        [False, False],
        0,
    )
    blended = blend(zip(parts[:2], pictures, strict=True), content)
    expected = sum(s[..., None] * p for s, p in zip(parts, [*pictures, content], strict=True))
    np.testing.assert_allclose(blended, expected, atol=1e-6)
    assert blended.dtype == np.float32


def test_no_share_leaves_the_content_to_the_last_bit() -> None:
    content = RANDOM.random((9, 9, 3)).astype(np.float32)
    share = np.zeros((9, 9), np.float32)
    share[:4] = 1
    blended = blend([(share, np.zeros_like(content))], content)
    assert (blended[4:] == content[4:]).all()
    np.testing.assert_allclose(blended[:4], 0, atol=1e-6)
    assert (blend([], content) == content).all()
