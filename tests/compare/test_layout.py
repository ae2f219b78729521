import numpy as np
from scipy.spatial.distance import pdist, squareform

from restyle.compare.layout import classical_scaling, place, spread, stress


def points(count: int, dimensions: int) -> np.ndarray:
    return np.random.default_rng(1).normal(size=(count, dimensions))


def test_flat_distances_are_kept_exactly() -> None:
    matrix = squareform(pdist(points(12, 2)))
    for found in (classical_scaling(matrix), place(matrix)):
        np.testing.assert_allclose(squareform(pdist(found)), matrix, atol=1e-8)
        assert stress(found, matrix) < 1e-8


def test_majorisation_only_lowers_the_stress() -> None:
    matrix = squareform(pdist(points(30, 8)))
    first, last = stress(classical_scaling(matrix), matrix), stress(place(matrix), matrix)
    assert last < 0.75 * first
    assert abs(stress(place(matrix, rounds=0), matrix) - first) < 1e-12


def test_twice_the_distances_give_twice_the_map() -> None:
    matrix = squareform(pdist(points(9, 4)))
    np.testing.assert_allclose(place(2 * matrix), 2 * place(matrix), atol=1e-6)


def test_one_input_gives_one_map() -> None:
    matrix = squareform(pdist(points(9, 4)))
    np.testing.assert_array_equal(place(matrix), place(matrix))


def test_equal_things_and_single_things_have_a_place() -> None:
    assert np.isfinite(place(np.zeros((4, 4)))).all()
    assert place(np.zeros((1, 1))).shape == (1, 2)


def test_nothing_overlaps_after_spreading() -> None:
    centres = points(40, 2) * 50
    size = np.tile([60.0, 40.0], (40, 1))
    moved = spread(centres, size)
    gap = np.abs(moved[:, None] - moved)
    overlap = ((size[0] - gap) > 0.5).all(-1)
    np.fill_diagonal(overlap, False)
    assert not overlap.any()


def test_what_does_not_overlap_stays() -> None:
    centres = np.array([[0.0, 0.0], [500.0, 0.0]])
    np.testing.assert_allclose(spread(centres, np.full((2, 2), 50.0)), centres, atol=1e-2)
