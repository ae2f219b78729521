"""Turns and colour tags."""

import numpy as np
import pytest

from restyle.videos.info import BT601, BT709, ColorTags, Turn


@pytest.mark.parametrize("quarters", range(4))
@pytest.mark.parametrize("mirrored", [False, True])
def test_a_turn_and_its_inverse(quarters: int, mirrored: bool) -> None:
    picture = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    turn = Turn(quarters, mirrored)
    assert np.array_equal(turn.stored(turn.upright(picture)), picture)
    assert turn.upright(picture).shape == ((3, 2, 3) if quarters % 2 else (2, 3, 3))


def test_a_matrix_that_is_told_counts_and_else_the_height() -> None:
    assert ColorTags(matrix=9).working_matrix(2160) == 9
    assert ColorTags().working_matrix(1080) == BT709
    assert ColorTags().working_matrix(480) == BT601
