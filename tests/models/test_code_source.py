"""Codes at other stroke sizes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from restyle.errors import OptionError, StyleError
from restyle.models.arbitrary import Arbitrary
from restyle.models.code_source import MixedStrokes, PictureStrokes, SavedStrokes, check_scale, snapshot

ONE, TWO, FOUR = (np.full(6, value, np.float32) for value in (1, 2, 4))


def test_a_picture_is_looked_at_again(tiny_model: Path) -> None:
    tiny = Arbitrary(tiny_model)
    picture = np.random.default_rng(0).random((128, 160, 3), np.float32)
    strokes = PictureStrokes(picture, tiny)
    assert strokes.rescalable()
    assert strokes.at(1).tolist() == tiny.encode(picture).tolist()
    assert strokes.at(2).tolist() == tiny.encode(picture, 2).tolist()


def test_a_large_picture_is_kept_no_larger_than_it_can_be_used(tiny_model: Path) -> None:
    strokes = PictureStrokes(np.zeros((600, 900, 3), np.float32), Arbitrary(tiny_model))
    assert strokes.picture.shape == (256, 384, 3)


def test_saved_codes_are_interpolated_by_octave() -> None:
    strokes = SavedStrokes({4.0: FOUR, 1.0: ONE, 2.0: TWO}, "wave")
    assert strokes.at(2).tolist() == TWO.tolist()
    assert strokes.at(2**0.5) == pytest.approx(ONE * 1.5)
    assert strokes.at(2 * 2**0.25) == pytest.approx(TWO * 1.25)


def test_saved_codes_do_not_go_beyond_themselves() -> None:
    with pytest.raises(OptionError, match=r"style scale 0.5 of 'wave' is outside 1..2"):
        SavedStrokes({1.0: ONE, 2.0: TWO}, "wave").at(0.5)


def test_one_saved_size_is_one_size() -> None:
    strokes = SavedStrokes({1.0: ONE}, "wave")
    assert strokes.at(1) is ONE
    assert not strokes.rescalable()
    with pytest.raises(StyleError, match="'wave' was saved with one size"):
        strokes.at(2)


def test_a_mixture_scales_each_part_from_where_it_is() -> None:
    part = SavedStrokes({1.0: ONE, 2.0: TWO, 4.0: FOUR}, "wave")
    mixture = MixedStrokes([(part, 1.0, 0.5), (part, 2.0, 0.5)])
    assert mixture.rescalable()
    assert mixture.at(1) == pytest.approx((ONE + TWO) / 2)
    assert mixture.at(2) == pytest.approx((TWO + FOUR) / 2)


def test_snapshot_of_one_size_is_empty() -> None:
    fixed = SavedStrokes({1.0: ONE}, "wave")
    free = SavedStrokes({1.0: ONE, 2.0: TWO}, "wave")
    assert snapshot(fixed, [2]) == {}
    assert snapshot(MixedStrokes([(fixed, 1, 0.5), (free, 1, 0.5)]), [2]) == {}
    assert snapshot(free, [2])[2].tolist() == TWO.tolist()


@pytest.mark.parametrize("scale", [0.2, 4.5, float("nan"), -1])
def test_check_scale(scale: float) -> None:
    with pytest.raises(OptionError, match="style scale"):
        check_scale(scale)
    assert check_scale(0.25) == 0.25
