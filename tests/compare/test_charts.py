import numpy as np
import pytest
from scipy.cluster.hierarchy import leaves_list

from restyle.compare.charts import Matrix, cluster, dendrogram, group_colors, heat_map, short_name


def distances(count: int) -> Matrix:
    points = np.random.default_rng(0).normal(size=(count, 2))
    return np.asarray(np.sqrt(((points[:, None] - points) ** 2).sum(-1)))


@pytest.mark.parametrize("count", [2, 3, 17, 130])
def test_charts_have_a_reasonable_size(count: int) -> None:
    names = [f"style {index}.png" for index in range(count)]
    for draw in (heat_map, dendrogram):
        picture = draw(names, distances(count), "a title that is rather long for two styles")
        assert 300 < picture.width < 2600
        assert picture.height < 3200
        assert len(np.unique(np.asarray(picture.reduce(8)).reshape(-1, 3), axis=0)) > 5


def test_near_is_dark_and_far_is_light() -> None:
    matrix = np.array([[0, 1, 9.0], [1, 0, 9.0], [9.0, 9.0, 0]])
    pixels = np.asarray(heat_map(["a", "b", "c"], matrix, "t")).astype(int)
    near, far = (pixels == (8, 29, 88)).all(-1).sum(), (pixels == (255, 255, 217)).all(-1).sum()
    assert near > 3 * 50 * 50
    assert far > 4 * 40 * 40


def test_equal_styles_can_be_drawn() -> None:
    assert heat_map(["a", "b"], np.zeros((2, 2)), "t").size[0] > 0
    assert dendrogram(["a", "b"], np.zeros((2, 2)), "t").size[0] > 0


def test_groups_share_a_color_and_single_styles_are_gray() -> None:
    places = np.array([0, 0.1, 0.2, 5, 5.1, 5.2, 5.3, 5.4, 5.5, 5.6, 5.7, 30])
    colors = group_colors(cluster(abs(places[:, None] - places)))
    assert colors[0] == colors[1] == colors[2]
    assert colors[3] == colors[10]
    assert colors[11] == "#77736a"


def test_suffixes_are_left_out_and_long_names_are_cut() -> None:
    names = ("a.jpg", "deep/b.style", "no. 5", "plain", "\u6ce2.jpg", "n" * 40)
    assert [short_name(each) for each in names] == [
        "a",
        "deep/b",
        "no. 5",
        "plain",
        "\u6ce2",
        "n" * 31 + "\u2026",
    ]


def test_similar_styles_are_neighbors() -> None:
    places = np.array([0.0, 10.0, 0.1, 10.1, 5.0])
    tree = cluster(abs(places[:, None] - places))
    order = leaves_list(tree)
    assert list(places[order]) in (sorted(places), sorted(places, reverse=True))
    np.testing.assert_allclose(tree[:, 2].tolist(), [0.1, 0.1, 4.95, 8.35], atol=1e-9)
