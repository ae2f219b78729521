"""Covariance, its roots, and maps between covariances: by construction and by inverse."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import scipy.linalg
import torch

from restyle.errors import OptionError
from restyle.images.covariance import MAPS, gaussian_distance, linear_map, matrix_root, mean_covariance

Matrix = npt.NDArray[np.float64]


def covariance(seed: int, channels: int = 4) -> Matrix:
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
    np.testing.assert_allclose(matrix_root(torch.tensor(matrix)).numpy(), root, atol=1e-10)


def test_root_of_a_flat_matrix() -> None:
    np.testing.assert_array_equal(matrix_root(np.zeros((3, 3))), np.zeros((3, 3)))
    assert np.isfinite(matrix_root(np.zeros((3, 3)), inverse=True)).all()


@pytest.mark.parametrize("kind", MAPS)
def test_maps_map(kind: str) -> None:
    a = np.stack([covariance(seed) for seed in (2, 3)])
    b = np.stack([covariance(seed) for seed in (4, 5)])
    matrix = linear_map(a, b, kind)
    np.testing.assert_allclose(matrix @ a @ matrix.swapaxes(-2, -1), b, atol=1e-8)
    np.testing.assert_allclose(linear_map(torch.tensor(a), torch.tensor(b), kind).numpy(), matrix, atol=1e-8)
    np.testing.assert_allclose(linear_map(a, a, kind), np.broadcast_to(np.eye(4), a.shape), atol=1e-6)


def test_transport_moves_points_least() -> None:
    a, b = covariance(6), covariance(7)
    points = np.random.default_rng(8).multivariate_normal(np.zeros(4), a, 20000)
    moved = {kind: ((points @ linear_map(a, b, kind).T - points) ** 2).sum(axis=1).mean() for kind in MAPS}
    assert moved["transport"] <= moved["symmetric"]
    assert moved["transport"] <= moved["cholesky"]
    assert moved["transport"] == pytest.approx(gaussian_distance(np.zeros(4), a, np.zeros(4), b), rel=0.05)


@pytest.mark.parametrize("kind", MAPS)
def test_gain_is_bounded(kind: str) -> None:
    faint = np.diag([1.0, 1e-6, 1e-12])
    matrix = linear_map(faint, np.eye(3), kind, max_gain=4)
    assert np.linalg.svd(matrix, compute_uv=False).max() <= 4 + 1e-9
    tensor = linear_map(torch.tensor(faint), torch.eye(3, dtype=torch.float64), kind, max_gain=4)
    np.testing.assert_allclose(tensor.numpy(), matrix, atol=1e-7)


def test_unknown_map() -> None:
    with pytest.raises(OptionError, match="unknown covariance map 'pca'; use one of transport"):
        linear_map(np.eye(2), np.eye(2), "pca")


def test_gaussian_distance() -> None:
    zero, shift = np.zeros(3), np.array([1.0, 2.0, 2.0])
    a = covariance(9, 3)
    assert gaussian_distance(zero, a, zero, a) == pytest.approx(0, abs=1e-12)
    assert gaussian_distance(zero, a, shift, a) == pytest.approx(9)
    # commuting covariances: the distance of deviations
    assert gaussian_distance(zero, np.diag([1.0, 4, 9]), zero, np.diag([4.0, 4, 1])) == pytest.approx(5)
    values: Any = (torch.tensor(each) for each in (zero, a, shift, a))
    assert float(gaussian_distance(*values)) == pytest.approx(9)
