"""Arithmetic on codes and results."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from restyle.errors import StyleError
from restyle.models import blending


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=6).filter(lambda weights: sum(weights) > 1e-3))
def test_convex_weights_sum_to_one_and_keep_their_proportions(weights: list[float]) -> None:
    convex = blending.normalize_weights(weights)
    assert convex.sum() == pytest.approx(1, abs=1e-5)
    assert convex == pytest.approx(np.asarray(weights) / sum(weights), abs=1e-6)


@pytest.mark.parametrize("weights", [[-1.0, 2.0], [float("nan")], [float("inf"), 1.0], [0.0, 0.0]])
def test_weights_that_make_no_mixture(weights: list[float]) -> None:
    with pytest.raises(StyleError):
        blending.normalize_weights(weights)


def test_mix_is_the_weighted_mean() -> None:
    codes = [np.array([0, 1], np.float32), np.array([1, 0], np.float32)]
    assert blending.mix_codes(codes, [3, 1]) == pytest.approx([0.25, 0.75])


def test_toward_goes_from_own_to_style() -> None:
    own, code = np.array([0, 4], np.float32), np.array([2, 0], np.float32)
    assert blending.interpolate_code(own, code, 0).tolist() == own.tolist()
    assert blending.interpolate_code(own, code, 1).tolist() == code.tolist()
    assert blending.interpolate_code(own, code, 0.5).tolist() == [1, 2]


def test_give_back_returns_the_content_exactly_at_strength_0() -> None:
    content, own = np.random.default_rng(0).random((2, 600, 5, 3), np.float32)
    given_back = blending.restore_content(own.copy(), content, own, 0.0)
    assert given_back == pytest.approx(content, abs=1e-6)


def test_give_back_is_its_formula_in_place() -> None:
    styled, content, own = np.random.default_rng(1).random((3, 300, 7, 3), np.float32)
    expected = np.clip(styled + 0.7 * (content - own), 0, 1)
    result = blending.restore_content(styled, content, own, 0.3)
    assert result is styled
    assert result == pytest.approx(expected, abs=1e-6)
