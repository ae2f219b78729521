import json
import re

import numpy as np
from scipy.spatial.distance import pdist, squareform

from restyle.compare.charts import Matrix
from restyle.compare.map import draw_map, lay_out, move_apart, page, place, stress
from restyle.compare.subjects import Subject


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
