import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from restyle.images.rotation import inner_size, rotate


def gradient(height: int, width: int) -> np.ndarray[tuple[int, int, int], np.dtype[np.float32]]:
    y, x = np.mgrid[:height, :width].astype(np.float32)
    return np.stack([x / width, y / height, np.full_like(x, 0.5)], axis=-1)


def test_quarter_turns_move_pixels_and_change_none() -> None:
    picture = gradient(5, 8)
    assert np.array_equal(rotate(picture, 0), picture)
    assert np.array_equal(rotate(picture, 90), np.rot90(picture))
    assert np.array_equal(rotate(picture, -450), np.rot90(picture, -5))
    assert np.array_equal(rotate(picture, 180), picture[::-1, ::-1])


def test_a_turned_stripe_stands_at_its_angle() -> None:
    picture = np.zeros((201, 201, 3), np.float32)
    picture[98:103] = 1  # horizontal
    turned = rotate(picture, 30)[..., 0]
    y, x = np.nonzero(turned > 0.5)
    slope = np.polyfit(x, -y.astype(float), 1)[0]  # rows go down
    assert np.degrees(np.arctan(slope)) == pytest.approx(30, abs=1)


@given(st.integers(8, 200), st.integers(8, 200), st.floats(-360, 360))
def test_no_corner_is_left_and_nothing_is_larger_than_before(height: int, width: int, degrees: float) -> None:
    turned = rotate(np.ones((height, width, 3), np.float32), degrees)
    assert turned.min() > 0.97  # the background would be 0
    assert max(turned.shape[:2]) <= max(height, width)
    assert turned.dtype == np.float32


def test_the_inner_rectangle_of_a_square_at_45_degrees() -> None:
    assert inner_size((100, 100), 45) == (69, 69)
