"""Shares of pixels, and pictures added by them."""

from __future__ import annotations

import numpy as np
import pytest

from restyle.errors import OptionError
from restyle.images.blend import blend, feather, feather_outward, mask_weights
from restyle.types import FloatArray


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
