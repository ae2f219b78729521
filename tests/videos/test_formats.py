"""Turns and colour tags."""

import numpy as np
import pytest

from restyle.errors import InputError
from restyle.videos.formats import BT601, BT709, ColorTags, Turn, check_pixels


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


@pytest.mark.parametrize(
    ("size", "most", "cure"),
    [
        ((14000, 14000), 200_000_000, "67,108,864 pixels; make them smaller first"),
        ((14000, 14000), None, "67,108,864 pixels; make them smaller first"),
        ((100, 200), 19_999, "19,999 pixels; raise max-pixels if you trust the file"),
    ],
)
def test_frames_with_too_many_pixels_are_refused(size: tuple[int, int], most: int | None, cure: str) -> None:
    with pytest.raises(InputError, match=f"^a.gif: its frames of {size[1]}x{size[0]} have more than {cure}$"):
        check_pixels("a.gif", size, most)


def test_the_frames_of_a_planetarium_are_not_too_large() -> None:
    check_pixels("dome.mp4", (8192, 8192), 200_000_000)
