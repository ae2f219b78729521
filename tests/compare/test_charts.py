import json
import re

import numpy as np
import pytest
from scipy.cluster.hierarchy import leaves_list
from scipy.spatial.distance import pdist, squareform

from restyle.compare.charts import (
    Matrix,
    cluster,
    dendrogram,
    draw_map,
    group_colors,
    heat_map,
    lay_out,
    move_apart,
    page,
    place,
    short_name,
    stress,
)
from restyle.compare.subjects import Subject


def distances(count: int) -> Matrix:
    points = np.random.default_rng(0).normal(size=(count, 2))
    return np.asarray(np.sqrt(((points[:, None] - points) ** 2).sum(-1)))


@pytest.mark.slow
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


def scene(count: int) -> tuple[list[Subject], Matrix]:
    rng = np.random.default_rng(0)
    points = rng.normal(size=(count, 2))
    matrix = np.sqrt(((points[:, None] - points) ** 2).sum(-1))
    subjects = [
        Subject(
            f"<b>{index}</b>.png",
            "picture",
            thumbnail=np.full((60, 40 + 10 * (index % 4), 3), 20 * index % 255, np.uint8),
        )
        for index in range(count - 1)
    ]
    return [*subjects, Subject("a code", "preset")], np.asarray(matrix)


def test_thumbnails_lie_inside_and_apart() -> None:
    subjects, matrix = scene(12)
    laid = lay_out(subjects, matrix)
    low, high = laid.centers - laid.sizes / 2, laid.centers + laid.sizes / 2
    assert (low >= 0).all()
    assert (high <= laid.size).all()
    gap = np.abs(laid.centers[:, None] - laid.centers)
    overlap = ((laid.sizes[:, None] + laid.sizes) / 2 - gap > 1).all(-1)
    assert overlap.sum() == len(subjects)  # each on itself only
    assert 0 <= laid.stress < 0.01


def test_the_picture_shows_every_thumbnail() -> None:
    subjects, matrix = scene(8)
    laid = lay_out(subjects, matrix)
    pixels = np.asarray(draw_map(subjects, laid, "a map"))
    for each, (x, y) in zip(subjects[:-1], laid.centers[:-1], strict=True):
        assert each.thumbnail is not None
        np.testing.assert_array_equal(pixels[round(y) + 56, round(x)], each.thumbnail[0, 0])


def test_the_page_needs_nothing_else_and_names_the_nearest() -> None:
    subjects, matrix = scene(7)
    laid = lay_out(subjects, matrix)
    text = page(subjects, laid, matrix, "<title>", [("A chart", draw_map(subjects, laid, "x"))])
    assert "<b>0</b>" not in text
    assert "&lt;b&gt;0&lt;/b&gt;" in text
    assert "&lt;title&gt;" in text
    assert set(re.findall(r'src="([a-z]+:[a-z/]+);', text)) == {"data:image/jpeg", "data:image/png"}
    assert "http" not in text.replace("http-equiv", "")
    near = [json.loads(each) for each in re.findall(r"data-n='(.*?)'", text)]
    assert len(near) == 7
    for index, neighbors in enumerate(near):
        order = [i for i in np.argsort(matrix[index]) if i != index][:5]
        assert [i for i, _ in neighbors] == order


def test_equal_styles_still_have_places() -> None:
    subjects, _ = scene(4)
    laid = lay_out(subjects, np.zeros((4, 4)))
    assert np.isfinite(laid.centers).all()
    assert len({tuple(each) for each in laid.centers.round().tolist()}) == 4


def points(count: int, dimensions: int) -> np.ndarray:
    return np.random.default_rng(1).normal(size=(count, dimensions))


def test_flat_distances_are_kept_exactly() -> None:
    matrix = squareform(pdist(points(12, 2)))
    for found in (place(matrix, rounds=0), place(matrix)):
        np.testing.assert_allclose(squareform(pdist(found)), matrix, atol=1e-8)
        assert stress(found, matrix) < 1e-8


def test_majorization_only_lowers_the_stress() -> None:
    matrix = squareform(pdist(points(30, 8)))
    first, last = stress(place(matrix, rounds=0), matrix), stress(place(matrix), matrix)
    assert last < 0.75 * first


def test_twice_the_distances_give_twice_the_map() -> None:
    matrix = squareform(pdist(points(9, 4)))
    np.testing.assert_allclose(place(2 * matrix), 2 * place(matrix), atol=1e-6)


def test_one_input_gives_one_map() -> None:
    matrix = squareform(pdist(points(9, 4)))
    np.testing.assert_array_equal(place(matrix), place(matrix))


def test_equal_things_and_single_things_have_a_place() -> None:
    assert np.isfinite(place(np.zeros((4, 4)))).all()
    assert place(np.zeros((1, 1))).shape == (1, 2)


def test_nothing_overlaps_after_moving_apart() -> None:
    centers = points(40, 2) * 50
    size = np.tile([60.0, 40.0], (40, 1))
    moved = move_apart(centers, size)
    gap = np.abs(moved[:, None] - moved)
    overlap = ((size[0] - gap) > 0.5).all(-1)
    np.fill_diagonal(overlap, False)
    assert not overlap.any()


def test_what_does_not_overlap_stays() -> None:
    centers = np.array([[0.0, 0.0], [500.0, 0.0]])
    np.testing.assert_allclose(move_apart(centers, np.full((2, 2), 50.0)), centers, atol=1e-2)
