import numpy as np
import pytest
from scipy.cluster import hierarchy
from scipy.spatial.distance import squareform

from restyle.compare.clustering import LINKAGES, Merge, cluster, families, leaf_order
from restyle.errors import OptionError


def distances(count: int, seed: int = 0) -> np.ndarray:
    points = np.random.default_rng(seed).normal(size=(count, 3))
    return np.asarray(np.sqrt(((points[:, None] - points) ** 2).sum(-1)))


@pytest.mark.parametrize("linkage", list(LINKAGES))
@pytest.mark.parametrize("count", [2, 7, 30])
def test_heights_and_sizes_are_those_of_scipy(linkage: str, count: int) -> None:
    matrix = distances(count)
    theirs = hierarchy.linkage(squareform(matrix, checks=False), linkage)
    ours = cluster(matrix, linkage)
    np.testing.assert_allclose([each.height for each in ours], theirs[:, 2], rtol=1e-12)
    assert [(each.first, each.second, each.size) for each in ours] == [
        (*sorted(map(int, row[:2])), int(row[3])) for row in theirs
    ]


def test_the_matrix_stays_as_it_was() -> None:
    matrix = distances(5)
    before = matrix.copy()
    cluster(matrix)
    np.testing.assert_array_equal(matrix, before)


def test_order_is_a_permutation_and_every_cluster_is_a_run() -> None:
    matrix = distances(20)
    merges = cluster(matrix)
    order = leaf_order(merges, matrix)
    assert sorted(order) == list(range(20))
    for wanted in (2, 4, 9):
        group = np.array(families(merges, 20, wanted))
        assert len(set(group)) == wanted
        assert (np.diff(group[order]) != 0).sum() == wanted - 1


def test_likes_are_neighbours() -> None:
    places = np.array([0.0, 10.0, 0.1, 10.1, 5.0])
    matrix = abs(places[:, None] - places)
    order = leaf_order(cluster(matrix), matrix)
    assert list(places[order]) in (sorted(places), sorted(places, reverse=True))


def test_one_leaf_and_none() -> None:
    assert cluster(np.zeros((1, 1))) == []
    assert leaf_order([], np.zeros((1, 1))) == [0]


def test_unknown_linkage_is_named() -> None:
    with pytest.raises(OptionError, match="unknown linkage 'ward'"):
        cluster(np.zeros((2, 2)), "ward")


def test_equal_things_merge_at_zero() -> None:
    assert cluster(np.zeros((3, 3)))[-1] == Merge(2, 3, 0.0, 3)
