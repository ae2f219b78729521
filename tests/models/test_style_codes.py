"""Codes at other stroke sizes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from restyle.errors import OptionError, StyleError
from restyle.models.arbitrary import Arbitrary
from restyle.models.style_codes import ImageCodes, MixedCodes, SavedCodes, check_scale, codes_at

ONE, TWO, FOUR = (np.full(6, value, np.float32) for value in (1, 2, 4))


def test_features_load_once(tiny_model: Path) -> None:
    tiny = Arbitrary(tiny_model)
    picture = np.random.default_rng(0).random((128, 160, 3), np.float32)
    source = ImageCodes(picture, tiny)
    assert source.is_scalable()
    assert source.code(1).tolist() == tiny.encode(picture).tolist()
    assert source.code(2).tolist() == tiny.encode(picture, 2).tolist()


def test_style_images_are_reduced_to_the_largest_useful_size(tiny_model: Path) -> None:
    source = ImageCodes(np.zeros((600, 900, 3), np.float32), Arbitrary(tiny_model))
    assert source.picture.shape == (256, 384, 3)


def test_saved_codes_are_interpolated_by_octave() -> None:
    source = SavedCodes({4.0: FOUR, 1.0: ONE, 2.0: TWO}, "wave")
    assert source.code(2).tolist() == TWO.tolist()
    assert source.code(2**0.5) == pytest.approx(ONE * 1.5)
    assert source.code(2 * 2**0.25) == pytest.approx(TWO * 1.25)


def test_saved_codes_do_not_extrapolate() -> None:
    with pytest.raises(OptionError, match=r"style scale 0.5 of 'wave' is outside 1..2"):
        SavedCodes({1.0: ONE, 2.0: TWO}, "wave").code(0.5)


def test_one_saved_size_is_one_size() -> None:
    source = SavedCodes({1.0: ONE}, "wave")
    assert source.code(1) is ONE
    assert not source.is_scalable()
    with pytest.raises(StyleError, match="'wave' was saved with one stroke size"):
        source.code(2)


def test_a_mixture_scales_each_part_from_where_it_is() -> None:
    part = SavedCodes({1.0: ONE, 2.0: TWO, 4.0: FOUR}, "wave")
    mixture = MixedCodes([(part, 1.0, 0.5), (part, 2.0, 0.5)])
    assert mixture.is_scalable()
    assert mixture.code(1) == pytest.approx((ONE + TWO) / 2)
    assert mixture.code(2) == pytest.approx((TWO + FOUR) / 2)


def test_snapshot_of_one_size_is_empty() -> None:
    fixed = SavedCodes({1.0: ONE}, "wave")
    free = SavedCodes({1.0: ONE, 2.0: TWO}, "wave")
    assert codes_at(fixed, [2]) == {}
    assert codes_at(MixedCodes([(fixed, 1, 0.5), (free, 1, 0.5)]), [2]) == {}
    assert codes_at(free, [2])[2].tolist() == TWO.tolist()


@pytest.mark.parametrize("scale", [0.2, 4.5, float("nan"), -1])
def test_check_scale(scale: float) -> None:
    with pytest.raises(OptionError, match="style scale"):
        check_scale(scale)
    assert check_scale(0.25) == 0.25
