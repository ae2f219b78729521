"""Quantiles, exact matching, sliced distances: by construction, in both libraries, with gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import wasserstein_distance
from skimage.exposure import match_histograms

from restyle.images.histograms import directions, match_quantiles, project, quantiles, sliced_distance

Values = npt.NDArray[np.float64]
rows = arrays(np.float64, st.tuples(st.integers(1, 3), st.integers(1, 12)), elements=st.floats(-9, 9))


@settings(deadline=None)
@given(rows, st.integers(1, 30))
def test_quantiles_are_sorted_values_between_the_ends(values: Values, count: int) -> None:
    result = quantiles(values, count)
    assert result.shape == (values.shape[0], count)
    assert (np.diff(result, axis=-1) >= -1e-12).all()
    assert (result >= values.min(axis=-1, keepdims=True) - 1e-12).all()
    assert (result <= values.max(axis=-1, keepdims=True) + 1e-12).all()
    np.testing.assert_allclose(quantiles(torch.tensor(values), count).numpy(), result, atol=1e-12)
    np.testing.assert_array_equal(quantiles(values, values.shape[-1]), np.sort(values, axis=-1))


@settings(deadline=None)
@given(rows, st.integers(1, 20))
def test_quantiles_agree_with_numpys_hazen(values: Values, count: int) -> None:
    shares = (np.arange(count) + 0.5) / count
    expected = np.quantile(values, shares, axis=-1, method="hazen").T
    np.testing.assert_allclose(quantiles(values, count), expected, atol=1e-9)


@settings(deadline=None)
@given(rows)
def test_matching_gives_exactly_the_reference_in_the_order_of_the_values(values: Values) -> None:
    reference = np.random.default_rng(0).random(values.shape)
    result = match_quantiles(values, reference)
    np.testing.assert_array_equal(np.sort(result, axis=-1), np.sort(reference, axis=-1))
    for before, after in zip(values, result, strict=True):
        order = np.argsort(before, kind="stable")
        strictly = np.diff(before[order]) > 0
        assert (np.diff(after[order])[strictly] >= 0).all()
    matched = match_quantiles(torch.tensor(values), torch.tensor(reference)).numpy()
    np.testing.assert_array_equal(np.sort(matched, axis=-1), np.sort(reference, axis=-1))


def test_matching_its_own_distribution_changes_nothing() -> None:
    values = np.random.default_rng(1).random((3, 50))
    np.testing.assert_array_equal(match_quantiles(values, values[:, ::-1]), values)


def test_other_counts_agree_with_skimage() -> None:
    generator = np.random.default_rng(2)
    values, reference = generator.random((1, 400)), generator.random((1, 1000)) ** 2
    expected = match_histograms(values, reference)
    np.testing.assert_allclose(match_quantiles(values, reference), expected, atol=0.01)


def test_directions() -> None:
    axes = directions(3, 30)
    np.testing.assert_allclose(np.linalg.norm(axes, axis=1), 1)
    np.testing.assert_allclose(axes[:3] @ axes[:3].T, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(axes.T @ axes / 30, np.eye(3) / 3, atol=1e-12)
    np.testing.assert_array_equal(directions(3, 30), axes)
    assert not np.array_equal(directions(3, 30, seed=1), axes)
    assert directions(5, 7).shape == (7, 5)


def test_project() -> None:
    points = np.random.default_rng(3).random((2, 3, 8))
    np.testing.assert_allclose(project(points, np.eye(3)), points)


def test_sliced_distance_of_one_channel_is_the_wasserstein_distance() -> None:
    generator = np.random.default_rng(4)
    a, b = generator.random((1, 300)), generator.random((1, 300)) + 0.5
    squared = sliced_distance(a, b, np.ones((1, 1)))
    assert squared >= wasserstein_distance(a[0], b[0]) ** 2
    assert squared == pytest.approx(np.mean((np.sort(a) - np.sort(b)) ** 2))


def test_sliced_distance() -> None:
    generator = np.random.default_rng(5)
    a = generator.standard_normal((3, 500))
    axes = directions(3, 30)
    assert sliced_distance(a, a[:, ::-1], axes) == pytest.approx(0, abs=1e-12)
    shift = np.array([[1.0], [2.0], [2.0]])
    assert sliced_distance(a, a + shift, axes) == pytest.approx(9 / 3)
    assert sliced_distance(a, np.repeat(a, 2, axis=1), axes) < 1e-3  # other counts
    ours = sliced_distance(torch.tensor(a), torch.tensor(a + shift), torch.tensor(axes))
    assert float(ours) == pytest.approx(3)


def test_gradients_and_descent() -> None:
    axes = torch.tensor(directions(2, 6))
    target = torch.rand(2, 9, dtype=torch.float64)
    points = torch.rand(2, 7, dtype=torch.float64, requires_grad=True)
    function: Any = torch.autograd.gradcheck
    assert function(lambda x: sliced_distance(x, target, axes), (points,))
    assert function(lambda x: match_quantiles(target, x), (points,))
