"""Fields of affine maps, against maps that are known; the steps of 8 bits become smooth."""

from __future__ import annotations

import numpy as np
import pytest

from restyle.images.resize import resize
from restyle.methods.photo.field import (
    LEVEL,
    Guide,
    apply_field,
    fit_field,
    measure_noise,
    smoothed,
    without_steps,
)
from restyle.types import FloatArray

MATRIX = np.array([[0.8, 0.1, 0], [0, 0.7, 0.1], [0.05, 0, 0.6]], np.float32)
OFFSET = np.array([0.1, 0.05, 0.2], np.float32)


def texture(height: int, width: int, seed: int = 0) -> FloatArray:
    rng = np.random.default_rng(seed)
    plane = resize(rng.random((height // 8, width // 8, 3)).astype(np.float32), (height, width), "bilinear")
    return np.asarray(plane, np.float32)


def derivative(size: tuple[int, int], matrix: FloatArray = MATRIX) -> FloatArray:
    return np.broadcast_to(matrix, (*size, 3, 3)).astype(np.float32)


def test_one_affine_map_is_found_and_applied_at_full_size() -> None:
    photo = texture(240, 320)
    small = resize(photo, (60, 80), "area")
    field = fit_field(Guide(small, 5), small @ MATRIX.T + OFFSET, derivative((60, 80)))
    np.testing.assert_allclose(apply_field(field, photo), photo @ MATRIX.T + OFFSET, atol=2e-3)


def test_an_identity_changes_nothing() -> None:
    photo = texture(64, 80)
    field = fit_field(Guide(photo, 5), photo, derivative((64, 80), np.eye(3, dtype=np.float32)))
    np.testing.assert_allclose(apply_field(field, photo), photo, atol=1e-5)


def test_texture_follows_the_derivative_where_the_target_is_flat_by_accident() -> None:
    """A plain guided filter would erase texture of low contrast."""
    rng = np.random.default_rng(3)
    photo = (0.5 + 0.02 * rng.standard_normal((64, 64, 1)) * np.ones(3)).astype(np.float32)
    small = resize(photo, (16, 16), "area")
    field = fit_field(
        Guide(small, 3), small + np.float32(0.1), derivative((16, 16), np.eye(3, dtype=np.float32))
    )
    result = apply_field(field, photo)
    assert result.std() == pytest.approx(photo.std(), rel=0.1)


def test_noise_is_not_amplified() -> None:
    rng = np.random.default_rng(4)
    photo = (0.2 + 0.01 * rng.standard_normal((128, 128, 3))).astype(np.float32)
    gain = np.float32(2.5) * np.eye(3, dtype=np.float32)
    target = (photo - np.float32(0.2)) * np.float32(2.5) + np.float32(0.3)
    noise = measure_noise(photo)
    field = fit_field(Guide(photo, 5), target, derivative((128, 128), gain), noise)
    lifted = apply_field(fit_field(Guide(photo, 5), target, derivative((128, 128), gain)), photo)
    assert lifted.std() > 1.5 * photo.std()
    assert apply_field(field, photo).std() < 1.6 * photo.std()
    assert apply_field(field, photo).mean() == pytest.approx(0.3, abs=0.01)


def test_tones_keep_their_order() -> None:
    ramp = np.linspace(0.1, 0.9, 64, dtype=np.float32)[None, :, None] * np.ones((32, 1, 3), np.float32)
    target = 1 - ramp
    field = fit_field(Guide(ramp, 4), target, derivative((32, 64), -np.eye(3, dtype=np.float32)))
    slope = field[..., :3].sum(axis=-1) @ np.array([0.299, 0.587, 0.114])
    assert slope.min() > 0


def test_noise_is_measured() -> None:
    rng = np.random.default_rng(5)
    smooth = np.linspace(0.2, 0.8, 300, dtype=np.float32)[:, None, None] * np.ones((1, 300, 3), np.float32)
    assert measure_noise(smooth) < 1e-3
    gray = smooth + 0.02 * rng.standard_normal((300, 300, 1)).astype(np.float32)
    assert measure_noise(gray) == pytest.approx(0.02, rel=0.2)
    assert measure_noise(smooth[:4, :4]) == 0


def test_edges_move_to_those_of_the_guide() -> None:
    photo = np.full((48, 48, 3), 0.2, np.float32)
    photo[:, 24:] = 0.8
    rough = np.zeros((48, 48, 1), np.float32)
    rough[:, 21:] = 1  # three pixels off
    fine = Guide(photo, 6).smooth(rough, 1e-3)[..., 0]
    steps = np.abs(np.diff(fine.mean(axis=0)))
    assert steps.argmax() == 23
    assert steps[23] > 3 * steps[20]


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
