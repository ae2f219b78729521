"""Nearest neighbors on features whose answer is known."""

import numpy as np
import pytest

from restyle.methods.paint import matching
from restyle.methods.paint.matching import nearest


def vectors(height: int, width: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(height, width, 24)).astype(np.float32)


def test_every_place_finds_itself() -> None:
    style = vectors(9, 13, 0)
    np.testing.assert_array_equal(nearest(style, style), np.arange(9 * 13).reshape(9, 13))


def test_a_part_is_found_where_it_was_cut() -> None:
    style = vectors(20, 24, 1)
    rows, columns = np.divmod(nearest(style[4:14, 7:19], style), 24)
    np.testing.assert_array_equal(rows, np.arange(4, 14)[:, None].repeat(12, 1))
    np.testing.assert_array_equal(columns, np.arange(7, 19)[None].repeat(10, 0))


def test_neighbors_mend_a_match_that_is_hardly_better() -> None:
    """A copy of one vector elsewhere, slightly nearer to what is asked, loses to the continued piece."""
    style = vectors(12, 12, 2)
    asked = style.copy()
    style[0, 0] = asked[6, 6]  # exact, but far from the matches around
    style[6, 6] += 0.02 * vectors(1, 1, 3)[0, 0]
    assert nearest(asked, style)[6, 6] == 6 * 12 + 6


def test_all_parts_of_the_style_are_used() -> None:
    """The left half of the style is the content itself, the right half is slightly less similar."""
    content = vectors(16, 16, 4)
    style = np.concatenate([content, content + np.float32(0.3) * vectors(16, 16, 5)], 1)
    right = nearest(content, style) % 32 >= 16
    assert 0.2 < right.mean() < 0.6


def test_colors_decide_between_alike_features() -> None:
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(1, 2, 8)).astype(np.float32)
    style = np.repeat(vectors, 2, 0)  # every vector twice, once dark and once light
    light = np.zeros((2, 2, 4), np.float32)
    light[1, :, 0] = 1
    for tone, row in ((0.1, 0), (0.9, 1)):
        wanted = np.zeros((1, 2, 4), np.float32)
        wanted[..., 0] = tone
        index = nearest(vectors, style, (wanted, light))
        assert [divmod(each, 2)[0] for each in index.ravel()] == [row, row]


def test_what_is_flat_is_matched_with_what_is_flat() -> None:
    vectors = np.random.default_rng(0).normal(size=(1, 2, 8)).astype(np.float32)
    style = np.repeat(vectors, 2, 0)
    busy = np.zeros((2, 2, 4), np.float32)
    busy[1, :, 3] = 1
    for contrast, row in ((0.1, 0), (0.9, 1)):
        wanted = np.zeros((1, 2, 4), np.float32)
        wanted[..., 3] = contrast
        assert (nearest(vectors, style, (wanted, busy)) // 2 == row).all()


def test_fewer_dimensions_find_nearly_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matching, "FEW", 0)
    rng = np.random.default_rng(1)
    mixing = rng.normal(size=(20, 300)).astype(np.float32)
    style = rng.normal(size=(12, 12, 20)).astype(np.float32) @ mixing
    content = style[2:10, 1:9] + rng.normal(0, 0.1, (8, 8, 300)).astype(np.float32)
    rows, columns = np.divmod(nearest(content, style), 12)
    right = (rows == np.arange(2, 10)[:, None]) & (columns == np.arange(1, 9))
    assert right.mean() > 0.9
