import numpy as np
import pytest

from restyle.cli.comparison_charts import dendrogram, family_colors, heat_map, labels, without_suffix
from restyle.compare.clustering import Matrix, cluster


def distances(count: int) -> Matrix:
    points = np.random.default_rng(0).normal(size=(count, 2))
    return np.asarray(np.sqrt(((points[:, None] - points) ** 2).sum(-1)))


@pytest.mark.parametrize("count", [2, 3, 17, 130])
def test_pictures_are_of_a_size_to_look_at(count: int) -> None:
    names = [f"style {index}.png" for index in range(count)]
    for draw in (heat_map, dendrogram):
        picture = draw(names, distances(count), "a title that is rather long for two styles")
        assert 300 < picture.width < 2600
        assert picture.height < 3200
        assert len(np.unique(np.asarray(picture.reduce(8)).reshape(-1, 3), axis=0)) > 5


def test_near_is_dark_and_far_is_light() -> None:
    matrix = np.array([[0, 1, 9.0], [1, 0, 9.0], [9.0, 9.0, 0]])
    pixels = np.asarray(heat_map(["a", "b", "c"], matrix, "t")).astype(int)
    near, far = (pixels == (13, 22, 74)).all(-1).sum(), (pixels == (252, 250, 220)).all(-1).sum()
    assert near > 3 * 50 * 50
    assert far > 4 * 40 * 40


def test_equal_styles_can_be_drawn() -> None:
    assert heat_map(["a", "b"], np.zeros((2, 2)), "t").size[0] > 0
    assert dendrogram(["a", "b"], np.zeros((2, 2)), "t").size[0] > 0


def test_families_share_a_color_and_loners_are_grey() -> None:
    places = np.array([0, 0.1, 0.2, 5, 5.1, 5.2, 5.3, 5.4, 5.5, 5.6, 5.7, 30])
    colors = family_colors(cluster(abs(places[:, None] - places)), len(places))
    assert colors[0] == colors[1] == colors[2]
    assert colors[3] == colors[10]
    assert colors[11] == "#77736a"


def test_suffixes_are_left_out() -> None:
    assert [without_suffix(each) for each in ("a.jpg", "deep/b.style", "no. 5", "plain")] == [
        "a",
        "deep/b",
        "no. 5",
        "plain",
    ]


def test_a_name_that_the_font_cannot_write_is_its_number() -> None:
    assert labels(["wave.jpg", "\u6ce2.jpg", "\u00e9t\u00e9.png"]) == ["wave", "#2", "\u00e9t\u00e9"]
