"""Moments, Gram matrix, covariance, quantiles: by construction, against references, with gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import scipy.linalg
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from skimage.exposure import match_histograms

from restyle.images.statistics import (
    gaussian_distance,
    gram,
    match_mean_std,
    match_quantiles,
    matrix_root,
    mean_covariance,
    mean_std,
    quantiles,
    random_directions,
    relative_gap,
    transport_map,
)

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


def test_normalization_gives_the_wanted_moments() -> None:
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


def test_by_hand() -> None:
    first, second = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[0.0, 1.0], [0.0, -1.0]])
    expected = np.array([[30, -2], [-2, 2]]) / 4
    np.testing.assert_allclose(gram(np.stack([first, second])), expected)


def test_both_libraries_agree_and_batches_are_apart() -> None:
    values = np.random.default_rng(0).random((2, 5, 6, 7))
    result = gram(values)
    assert result.shape == (2, 5, 5)
    np.testing.assert_allclose(result[1], gram(values[1]))
    np.testing.assert_allclose(gram(torch.tensor(values)).numpy(), result)


def test_blind_to_where_and_to_how_many() -> None:
    values = np.random.default_rng(1).random((5, 6, 8))
    shuffled = np.random.default_rng(2).permutation(values.reshape(5, -1), axis=1).reshape(5, 8, 6)
    np.testing.assert_allclose(gram(shuffled), gram(values))
    np.testing.assert_allclose(gram(np.tile(values, (1, 3, 2))), gram(values))


def test_positive_semidefinite() -> None:
    values = np.random.default_rng(3).standard_normal((6, 2, 2))
    matrix = gram(values)
    np.testing.assert_array_equal(matrix, matrix.T)
    assert np.linalg.eigvalsh(matrix).min() > -1e-12


def test_gradient() -> None:
    values = torch.rand(3, 2, 3, dtype=torch.float64, requires_grad=True)
    function: Any = torch.autograd.gradcheck
    assert function(gram, (values,))


def covariance(seed: int, channels: int = 4) -> Values:
    values = np.random.default_rng(seed).standard_normal((channels, 60))
    return np.asarray(np.cov(values, bias=True))


def test_agrees_with_numpys_own() -> None:
    values = np.random.default_rng(0).random((2, 4, 5, 6))
    mean, matrix = mean_covariance(values)
    for i in range(2):
        np.testing.assert_allclose(mean[i], values[i].mean(axis=(-2, -1)))
        np.testing.assert_allclose(matrix[i], np.cov(values[i].reshape(4, -1), bias=True))
    for ours, theirs in zip(mean_covariance(torch.tensor(values)), (mean, matrix), strict=True):
        np.testing.assert_allclose(ours.numpy(), theirs)


def test_root() -> None:
    matrix = covariance(1)
    root = matrix_root(matrix)
    np.testing.assert_allclose(root, root.T, atol=1e-12)
    np.testing.assert_allclose(root @ root, matrix, atol=1e-12)
    np.testing.assert_allclose(root, scipy.linalg.sqrtm(matrix), atol=1e-10)
    np.testing.assert_allclose(matrix_root(matrix, inverse=True) @ root, np.eye(4), atol=1e-10)


def test_root_of_a_flat_matrix() -> None:
    np.testing.assert_array_equal(matrix_root(np.zeros((3, 3))), np.zeros((3, 3)))
    assert np.isfinite(matrix_root(np.zeros((3, 3)), inverse=True)).all()


def test_the_map_maps() -> None:
    a = np.stack([covariance(seed) for seed in (2, 3)])
    b = np.stack([covariance(seed) for seed in (4, 5)])
    matrix = transport_map(a, b)
    np.testing.assert_allclose(matrix @ a @ matrix.swapaxes(-2, -1), b, atol=1e-8)
    np.testing.assert_allclose(transport_map(a, a), np.broadcast_to(np.eye(4), a.shape), atol=1e-6)


def test_transport_moves_points_least() -> None:
    a, b = covariance(6), covariance(7)
    points = np.random.default_rng(8).multivariate_normal(np.zeros(4), a, 20000)
    symmetric = matrix_root(b) @ matrix_root(a, inverse=True)
    cholesky = np.linalg.cholesky(b) @ np.linalg.inv(np.linalg.cholesky(a))
    moved = [
        ((points @ matrix.T - points) ** 2).sum(axis=1).mean()
        for matrix in (transport_map(a, b), symmetric, cholesky)
    ]
    assert moved[0] == min(moved)
    assert moved[0] == pytest.approx(gaussian_distance(np.zeros(4), a, np.zeros(4), b), rel=0.05)


def test_gain_is_bounded() -> None:
    faint = np.diag([1.0, 1e-6, 1e-12])
    matrix = transport_map(faint, np.eye(3), max_gain=4)
    assert np.linalg.svd(matrix, compute_uv=False).max() <= 4 + 1e-9


def test_gaussian_distance() -> None:
    zero, shift = np.zeros(3), np.array([1.0, 2.0, 2.0])
    a = covariance(9, 3)
    assert gaussian_distance(zero, a, zero, a) == pytest.approx(0, abs=1e-12)
    assert gaussian_distance(zero, a, shift, a) == pytest.approx(9)
    # commuting covariances: the distance of deviations
    assert gaussian_distance(zero, np.diag([1.0, 4, 9]), zero, np.diag([4.0, 4, 1])) == pytest.approx(5)


rows = arrays(np.float64, st.tuples(st.integers(1, 3), st.integers(1, 12)), elements=st.floats(-9, 9))


@settings(deadline=None)
@given(rows, st.integers(1, 30))
def test_quantiles_are_sorted_values_between_the_ends(values: Values, count: int) -> None:
    result = quantiles(values, count)
    assert result.shape == (values.shape[0], count)
    assert (np.diff(result, axis=-1) >= -1e-12).all()
    assert (result >= values.min(axis=-1, keepdims=True) - 1e-12).all()
    assert (result <= values.max(axis=-1, keepdims=True) + 1e-12).all()
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


def test_matching_its_own_distribution_changes_nothing() -> None:
    values = np.random.default_rng(1).random((3, 50))
    np.testing.assert_array_equal(match_quantiles(values, values[:, ::-1]), values)


def test_other_counts_agree_with_skimage() -> None:
    generator = np.random.default_rng(2)
    values, reference = generator.random((1, 400)), generator.random((1, 1000)) ** 2
    expected = match_histograms(values, reference)
    np.testing.assert_allclose(match_quantiles(values, reference), expected, atol=0.01)


def test_directions() -> None:
    axes = random_directions(3, 30)
    np.testing.assert_allclose(np.linalg.norm(axes, axis=1), 1)
    np.testing.assert_allclose(axes[:3] @ axes[:3].T, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(axes.T @ axes / 30, np.eye(3) / 3, atol=1e-12)
    np.testing.assert_array_equal(random_directions(3, 30), axes)
    assert not np.array_equal(random_directions(3, 30, seed=1), axes)
    assert random_directions(5, 7).shape == (7, 5)
