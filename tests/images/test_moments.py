"""Mean and deviation: by construction, in both libraries, with gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from restyle.images.moments import as_features, match_mean_std, mean_std, relative_gap

Values = npt.NDArray[np.float64]
shapes = st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(2, 4), st.integers(2, 4))
features = arrays(np.float64, shapes, elements=st.floats(-5, 5))


@settings(deadline=None)
@given(features)
def test_both_libraries_agree_with_numpys_own(values: Values) -> None:
    mean, std = mean_std(values, eps=0)
    np.testing.assert_allclose(mean, values.mean(axis=(-2, -1)), atol=1e-12)
    np.testing.assert_allclose(std, values.std(axis=(-2, -1)), atol=1e-9)
    for ours, theirs in zip(mean_std(torch.tensor(values)), mean_std(values), strict=True):
        assert isinstance(ours, torch.Tensor)
        np.testing.assert_allclose(ours.numpy(), theirs, atol=1e-12)


def test_normalisation_gives_the_wanted_moments() -> None:
    generator = np.random.default_rng(0)
    values = generator.random((2, 5, 6, 7))
    mean, std = generator.random((2, 2, 5))
    result = match_mean_std(values, mean, std, eps=0)
    for got, wanted in zip(mean_std(result, eps=0), (mean, std), strict=True):
        np.testing.assert_allclose(got, wanted, atol=1e-12)


def test_its_own_moments_change_nothing() -> None:
    values = np.random.default_rng(1).random((3, 4, 5))
    np.testing.assert_allclose(match_mean_std(values, *mean_std(values)), values, atol=1e-12)


def test_a_flat_channel_stays_finite() -> None:
    result = match_mean_std(np.ones((2, 3, 3)), np.zeros(2), np.ones(2))
    np.testing.assert_allclose(result, 0, atol=1e-9)


def test_gradients() -> None:
    values = torch.rand(2, 3, 3, dtype=torch.float64, requires_grad=True)
    target = torch.rand(2, dtype=torch.float64)
    function: Any = torch.autograd.gradcheck
    assert function(lambda x: match_mean_std(x, target, target), (values,))
    flat = torch.ones(2, 3, 3, dtype=torch.float64, requires_grad=True)
    mean_std(flat)[1].sum().backward()
    assert flat.grad is not None
    assert torch.isfinite(flat.grad).all()


@pytest.mark.parametrize(
    ("a", "b", "gap"), [((3, 4), (3, 4), 0), ((1, 0), (0, 1), 1), ((1, 2), (-1, -2), 2), ((0, 0), (0, 0), 0)]
)
def test_relative_gap(a: tuple[float, ...], b: tuple[float, ...], gap: float) -> None:
    x, y = np.array(a, np.float64), np.array(b, np.float64)
    assert relative_gap(x, y) == pytest.approx(gap)
    assert relative_gap(100 * x, 100 * y) == pytest.approx(gap)
    assert float(relative_gap(torch.tensor(x), torch.tensor(y))) == pytest.approx(gap)


def test_picture_as_features() -> None:
    picture = np.random.default_rng(2).random((4, 5, 3))
    np.testing.assert_array_equal(as_features(picture), picture.transpose(2, 0, 1))
    np.testing.assert_array_equal(as_features(torch.tensor(picture)).numpy(), picture.transpose(2, 0, 1))
