"""Styles over time."""

import numpy as np
import pytest

from restyle.videos.code_timeline import Timeline

ONE, TWO = np.array([1, 0], np.float32), np.array([0, 4], np.float32)


@pytest.mark.parametrize(
    ("second", "code"),
    [(-1, [1, 0]), (0, [1, 0]), (2, [1, 0]), (3, [0.75, 1]), (5, [0.25, 3]), (6, [0, 4]), (99, [0, 4])],
)
def test_codes_hold_outside_and_blend_between(second: float, code: list[float]) -> None:
    np.testing.assert_allclose(Timeline([(6, TWO), (2, ONE)]).at(second), code)


def test_one_code_holds_for_ever() -> None:
    line = Timeline([(0, ONE)])
    assert line.at(0) is ONE
    assert line.at(1e6) is ONE
