"""Shares of pixels, and pictures added by them."""

from __future__ import annotations

import numpy as np
import pytest

from restyle.images.shares import blend, shares
from restyle.types import FloatArray

RANDOM = np.random.default_rng(0)


def masks(count: int) -> list[FloatArray]:
    return [RANDOM.random((30, 40)).astype(np.float32) for _ in range(count)]


@pytest.mark.parametrize("width", [0.0, 9.0])
@pytest.mark.parametrize("kept", [[False], [True], [False, False], [True, False, False], [True, True, False]])
def test_shares_are_positive_and_sum_to_one(kept: list[bool], width: float) -> None:
    found = shares(masks(len(kept)), kept, width)
    assert len(found) == len(kept) + 1
    assert all(each.dtype == np.float32 and each.shape == (30, 40) for each in found)
    assert min(float(each.min()) for each in found) >= 0
    np.testing.assert_allclose(sum(found), 1, atol=1e-6)


def test_the_formula() -> None:
    a, b, k = masks(3)
    first, second, kept, rest = shares([a, b, k], [False, False, True], 0)
    total = np.maximum(1, a + b)
    np.testing.assert_allclose(kept, k, atol=1e-6)
    np.testing.assert_allclose(first, a / total * (1 - k), atol=1e-6)
    np.testing.assert_allclose(second, b / total * (1 - k), atol=1e-6)
    np.testing.assert_allclose(rest, 1 - first - second - kept, atol=1e-6)


def test_what_is_kept_is_kept_whatever_lies_over_it() -> None:
    keep = np.zeros((30, 40), np.float32)
    keep[8:20, 10:30] = 1
    everywhere = np.ones_like(keep)
    style, kept, rest = shares([everywhere, keep], [False, True], 8)
    assert (kept[keep == 1] == 1).all()
    assert (style[keep == 1] == 0).all()
    assert (rest == 0).all()
    assert (style[:2] == 1).all()


def test_one_full_mask_leaves_no_background() -> None:
    style, rest = shares([np.ones((5, 6), np.float32)], [False], 3)
    np.testing.assert_allclose(style, 1, atol=1e-6)
    np.testing.assert_allclose(rest, 0, atol=1e-6)


def test_pictures_add_up_by_their_shares() -> None:
    content = RANDOM.random((600, 20, 3)).astype(np.float32)
    pictures = [RANDOM.random((600, 20, 3)).astype(np.float32) for _ in range(2)]
    parts = shares(
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
