"""Four halved pictures, and what their average is good for."""

from __future__ import annotations

import numpy as np
import pytest

from restyle.images.phases import join_phases, split_phases
from restyle.images.resize import resize
from restyle.types import FloatArray

NOISE = np.random.default_rng(0).random((12, 18, 3)).astype(np.float32)


def test_each_phase_is_the_mean_of_its_four_pixels() -> None:
    parts = split_phases(NOISE)
    assert [part.shape[:2] for part in parts] == [(7, 10), (7, 9), (6, 10), (6, 9)]
    np.testing.assert_allclose(parts[3], NOISE.reshape(6, 2, 9, 2, 3).mean((1, 3)), atol=1e-6)
    np.testing.assert_allclose(
        parts[0][1:-1, 1:-1], NOISE[1:-1, 1:-1].reshape(5, 2, 8, 2, 3).mean((1, 3)), atol=1e-6
    )


@pytest.mark.parametrize("size", [(2, 2), (2, 40), (12, 18)])
def test_joined_they_have_the_size_again(size: tuple[int, int]) -> None:
    flat = np.full((*size, 3), 0.25, np.float32)
    assert (join_phases(split_phases(flat)) == flat).all()


def test_joined_they_lie_where_they_were() -> None:
    """A ramp comes back to the last bit but at the border: nothing is shifted by half a pixel."""
    ramp = np.repeat(np.linspace(0, 1, 40, dtype=np.float32)[None, :, None], 3, -1).repeat(16, 0)
    np.testing.assert_allclose(join_phases(split_phases(ramp))[:, 1:-1], ramp[:, 1:-1], atol=1e-6)


def test_a_slanted_line_is_smoother_than_one_enlarged() -> None:
    """What is drawn into each small picture, here by a threshold, has finer steps in their average."""
    y, x = np.mgrid[:64, :64].astype(np.float32)
    edge = np.clip((x - y / 3 - 20) / 4 + 0.5, 0, 1).astype(np.float32)[..., None].repeat(3, -1)

    def drawn(picture: FloatArray) -> FloatArray:
        return (picture > 0.5).astype(np.float32)

    ideal = resize(drawn(edge.repeat(4, 0).repeat(4, 1)), (64, 64), "area")
    four = join_phases([drawn(part) for part in split_phases(edge)])
    one = drawn(split_phases(edge)[3]).repeat(2, 0).repeat(2, 1)
    assert np.square(four - ideal).mean() < 0.6 * np.square(one - ideal).mean()
