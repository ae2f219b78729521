"""The figures of steadiness say what they should of films made for them."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.video.steadiness import Motion, blurred, sharpness, visible, warped
from restyle.arrays import FloatArray


def texture(seed: int = 0) -> FloatArray:
    """[60, 90, 3], smooth enough for flow."""
    coarse = np.random.default_rng(seed).random((15, 23, 3))
    fine = coarse.repeat(4, 0).repeat(4, 1)[:60, :90]
    kernel = np.ones(4) / 4
    for axis in (0, 1):
        fine = np.apply_along_axis(lambda line: np.convolve(line, kernel, "same"), axis, fine)
    return fine.astype(np.float32)


def panned(count: int) -> list[FloatArray]:
    wide = np.concatenate([texture(0), texture(1)], axis=1)
    return [np.ascontiguousarray(wide[:, 2 * index : 2 * index + 90]) for index in range(count)]


@pytest.fixture(scope="module")
def motion() -> Motion:
    return Motion(panned(4))


def test_the_flow_of_a_pan_is_its_speed(motion: Motion) -> None:
    inner = motion.forward[0][:, 10:-10, 15:-15]
    assert abs(float(np.median(inner[0]))) < 0.2
    assert float(np.median(inner[1])) == pytest.approx(-2, abs=0.2)


def test_what_moves_with_the_input_is_steady_and_flicker_is_not(motion: Motion) -> None:
    steady = motion.error(panned(4))
    flicker = motion.error([frame * (0.8 if index % 2 else 1.0) for index, frame in enumerate(panned(4))])
    assert flicker > 5 * steady


def test_what_enters_is_not_counted(motion: Motion) -> None:
    assert not motion.seen[0][:, -1].any() or not motion.seen[0][:, 0].any()
    assert motion.seen[0].mean() > 0.7


def test_no_motion_hides_nothing() -> None:
    still = np.zeros((2, 20, 30))
    assert visible(still, still).all()
    picture = texture()[:20, :30]
    np.testing.assert_allclose(warped(picture, still), picture, atol=1e-6)


def test_blur_costs_sharpness() -> None:
    film = panned(2)
    assert sharpness(blurred(film)) < 0.3 * sharpness(film)
