import math

import numpy as np
import pytest
from PIL import Image

from restyle.evaluate.charts import COLOURS, Chart, Series, draw


def places(picture: Image.Image, colour: str) -> np.ndarray:
    """[n, 2] rows and columns of a colour."""
    wanted = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)])
    return np.argwhere(np.abs(np.asarray(picture, int) - wanted).max(2) < 40)


def chart(*series: Series, **options: object) -> Chart:
    return Chart("title", "x", "y", series, **options)  # type: ignore[arg-type]


def test_larger_is_higher_and_later_is_further_right() -> None:
    points = Series("a", [1, 2], [1, 5], style="points")
    found = places(draw([chart(points)]), COLOURS[0])
    left, right = found[found[:, 1] < found[:, 1].mean()], found[found[:, 1] >= found[:, 1].mean()]
    assert left[:, 0].mean() > right[:, 0].mean() + 50
    assert right[:, 1].mean() > left[:, 1].mean() + 100


def test_logarithmic_axes_space_decades_evenly() -> None:
    found = places(
        draw([chart(Series("a", [1, 10, 100], [1, 1, 1], style="points"), log_x=True)]), COLOURS[0]
    )
    columns = np.unique(found[:, 1])
    groups = np.split(columns, np.flatnonzero(np.diff(columns) > 1) + 1)
    first, middle, last = (group.mean() for group in groups)
    assert middle - first == pytest.approx(last - middle, abs=2)


def test_charts_stand_side_by_side_and_bad_values_are_left_out() -> None:
    broken = Series(
        "a", [1, 2, 3], [1, math.nan, 2], spread=[(0.5, 1.5), (0, 0), (1, 3)], labels=["k", "l", "m"]
    )
    picture = draw([chart(broken, Series("b", [1], [1])), chart(broken, log_y=True, zero=True)], (300, 200))
    assert picture.size == (600, 200)
    assert len(places(picture, COLOURS[0])) > 50


def test_spread_is_a_bar() -> None:
    flat = [1.0, 1.0]
    thin = places(draw([chart(Series("a", [1, 2], flat, style="points"))]), COLOURS[0])
    wide = places(draw([chart(Series("a", [1, 2], flat, [(0, 2), (0, 2)], style="points"))]), COLOURS[0])
    assert np.ptp(wide[:, 0]) > 5 * np.ptp(thin[:, 0])
