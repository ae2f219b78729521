"""Gram matrix: by hand, in both libraries, and what it is blind to."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from restyle.images.gram import gram


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
