"""Styles over time, as people write them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from restyle.errors import StyleError
from restyle.models.arbitrary import Arbitrary
from restyle.videos.timeline import Timeline, split_time, style_paths, timed_styles


@pytest.mark.parametrize(
    ("text", "split"),
    [
        ("starry-night", (None, "starry-night")),
        ("starry-night:0.5", (None, "starry-night:0.5")),
        ("0:starry-night", (0.0, "starry-night")),
        ("4.5:great-wave:0.3", (4.5, "great-wave:0.3")),
        ("1:30:great-wave", (90.0, "great-wave")),
        ("2:05.5:a.jpg:2", (125.5, "a.jpg:2")),
        ("C:/a.jpg", (None, "C:/a.jpg")),
    ],
)
def test_seconds_are_split_off(text: str, split: tuple[float | None, str]) -> None:
    assert split_time(text) == split


def test_styles_of_one_moment_are_mixed(tiny_model: Path) -> None:
    method = Arbitrary(tiny_model, threads=1)
    made = timed_styles(["3:great-wave", "0:starry-night:3", "0:great-wave:1"], method)
    assert [(second, style.name) for second, style in made] == [
        (0.0, "starry-night+great-wave"),
        (3.0, "great-wave"),
    ]


@pytest.mark.parametrize(
    ("style", "said"),
    [
        (["starry-night", "2:great-wave"], "'starry-night' has no time, but others have one"),
        (["0:starry-night", "-2.5:great-wave"], "'-2.5:great-wave'"),
        ({}, "at least one"),
        ({-1: "great-wave"}, "from 0 up"),
        ("0:great-wav", "great-wave"),
    ],
)
def test_wrong_times_are_named(tiny_model: Path, style: Any, said: str) -> None:
    with pytest.raises(StyleError, match=said):
        timed_styles(style, Arbitrary(tiny_model, threads=1))


def test_files_among_styles_are_found() -> None:
    given: Any = [["0:a.jpg:2", Path("b.jpg")], {3: ("c.jpg", 0.5)}, "1:02:d.jpg"]
    assert [str(path) for path in style_paths(given)] == ["a.jpg", "b.jpg", "c.jpg", "d.jpg"]


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
