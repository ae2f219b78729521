"""Steps of 8 bits: ramps become smooth, everything else stays within half a level."""

from __future__ import annotations

import numpy as np
import pytest

from restyle.methods.photo.steps import LEVEL, smoothed, without_steps
from restyle.types import FloatArray


def ramp(levels_per_pixel: float, diagonal: bool = False) -> FloatArray:
    y, x = np.mgrid[:160, :200]
    place = (y + 0.5 * x) / np.hypot(1, 0.5) if diagonal else y
    plane = (60 + levels_per_pixel * place)[..., None] * np.array([1.0, 0.9, 0.7])
    return np.asarray(plane * LEVEL, np.float32)


def rounded(photo: FloatArray) -> FloatArray:
    return np.asarray(np.round(photo / LEVEL) * LEVEL, np.float32)


@pytest.mark.parametrize("slope", [0.1, 0.2, 0.35])
@pytest.mark.parametrize("diagonal", [False, True])
def test_a_ramp_is_restored(slope: float, diagonal: bool) -> None:
    true = ramp(slope, diagonal)
    photo = rounded(true)
    result = without_steps(photo, smoothed(photo))
    before, after = (np.sqrt(np.mean((each - true) ** 2)) for each in (photo, result))
    assert after < 0.5 * before
    assert np.abs(np.diff(result, axis=0)).max() < 0.75 * LEVEL


def test_the_photo_stays_within_half_a_level() -> None:
    rng = np.random.default_rng(0)
    photo = rounded(rng.random((60, 80, 3), np.float32))
    result = without_steps(photo, smoothed(photo))
    assert np.abs(result - photo).max() <= LEVEL / 2 + 1e-6


def test_texture_and_edges_stay() -> None:
    rng = np.random.default_rng(1)
    photo = rounded((0.4 + 0.02 * rng.standard_normal((80, 100, 3))).astype(np.float32))  # 5 levels
    photo[40:] += 100 * LEVEL
    result = without_steps(photo, smoothed(photo))
    assert np.abs(result - photo).max() <= LEVEL / 2 + 1e-6
    assert result[:40].std() == pytest.approx(photo[:40].std(), rel=0.05)
    edge = np.diff(result, axis=0)[39]
    assert edge.mean() == pytest.approx(100 * LEVEL, rel=0.02)


@pytest.mark.parametrize("size", [(1, 1), (2, 40), (40, 3)])
def test_small_photos(size: tuple[int, int]) -> None:
    photo = np.full((*size, 3), 100 * LEVEL, np.float32)
    np.testing.assert_allclose(smoothed(photo), photo)
