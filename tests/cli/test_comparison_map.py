import json
import re

import numpy as np

from restyle.cli.comparison_map import draw, lay_out, page
from restyle.compare.clustering import Matrix
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
    low, high = laid.centres - laid.sizes / 2, laid.centres + laid.sizes / 2
    assert (low >= 0).all()
    assert (high <= laid.size).all()
    gap = np.abs(laid.centres[:, None] - laid.centres)
    overlap = ((laid.sizes[:, None] + laid.sizes) / 2 - gap > 1).all(-1)
    assert overlap.sum() == len(subjects)  # each on itself only
    assert 0 <= laid.stress < 0.01


def test_the_picture_shows_every_thumbnail() -> None:
    subjects, matrix = scene(8)
    laid = lay_out(subjects, matrix)
    pixels = np.asarray(draw(subjects, laid, "a map"))
    for each, (x, y) in zip(subjects[:-1], laid.centres[:-1], strict=True):
        assert each.thumbnail is not None
        np.testing.assert_array_equal(pixels[round(y) + 56, round(x)], each.thumbnail[0, 0])


def test_the_page_needs_nothing_else_and_names_the_nearest() -> None:
    subjects, matrix = scene(7)
    laid = lay_out(subjects, matrix)
    text = page(subjects, laid, matrix, "<title>", [("A chart", draw(subjects, laid, "x"))])
    assert "<b>0</b>" not in text
    assert "&lt;b&gt;0&lt;/b&gt;" in text
    assert "&lt;title&gt;" in text
    assert set(re.findall(r'src="([a-z]+:[a-z/]+);', text)) == {"data:image/jpeg", "data:image/png"}
    assert "http" not in text.replace("http-equiv", "")
    near = [json.loads(each) for each in re.findall(r"data-n='(.*?)'", text)]
    assert len(near) == 7
    for index, neighbours in enumerate(near):
        order = [i for i in np.argsort(matrix[index]) if i != index][:5]
        assert [i for i, _ in neighbours] == order


def test_equal_styles_still_have_places() -> None:
    subjects, _ = scene(4)
    laid = lay_out(subjects, np.zeros((4, 4)))
    assert np.isfinite(laid.centres).all()
    assert len({tuple(each) for each in laid.centres.round().tolist()}) == 4
