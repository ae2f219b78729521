"""Segments of drawn photos, whose parts are known."""

from __future__ import annotations

import numpy as np
import pytest

from restyle.methods.photo.segments import Pixels, describe, join, match, segment
from restyle.models import session
from restyle.types import FloatArray


def scene(sky: tuple[float, float, float], ground: tuple[float, float, float], seed: int) -> FloatArray:
    """A smooth sky over a rough ground, 96 x 128."""
    rng = np.random.default_rng(seed)
    picture = np.empty((96, 128, 3), np.float32)
    picture[:48] = np.array(sky) * np.linspace(0.9, 1, 48)[:, None, None]
    picture[48:] = np.array(ground) * rng.uniform(0.6, 1.2, (48, 128, 1))
    return picture.clip(0, 1)


@pytest.fixture(scope="module")
def day() -> Pixels:
    return describe(scene((0.5, 0.7, 0.95), (0.3, 0.45, 0.2), 0), session.feature_encoder(threads=1))


@pytest.fixture(scope="module")
def evening() -> Pixels:
    return describe(scene((0.9, 0.5, 0.3), (0.15, 0.12, 0.1), 1), session.feature_encoder(threads=1))


def test_pixels_are_described_at_the_grid(day: Pixels) -> None:
    height, width = day.size
    assert day.size == (48, 64)
    assert len(day.lab) == len(day.features) == len(day.place) == height * width
    assert day.weights.sum() == pytest.approx(1)
    assert 0 <= day.place[:, :2].min() <= day.place[:, :2].max() <= 1
    np.testing.assert_allclose(np.linalg.norm(day.features, axis=1), 1, atol=1e-3)
    np.testing.assert_allclose(day.place[:, 2:].mean(axis=0), 0, atol=1e-9)


def test_sky_and_ground_are_segments_of_their_own(day: Pixels, evening: Pixels) -> None:
    ours, _ = segment(day, evening, 2)
    np.testing.assert_allclose(ours.shares.sum(axis=1), 1)
    labels = ours.shares.argmax(axis=1).reshape(day.size)
    sky = labels[:20].ravel()
    ground = labels[-20:].ravel()
    assert np.bincount(sky).max() > 0.95 * sky.size
    assert np.bincount(sky).argmax() != np.bincount(ground).argmax()


def test_sky_is_matched_with_sky(day: Pixels, evening: Pixels) -> None:
    ours, theirs = segment(day, evening, 2)
    plan, cost = match(ours, theirs)
    np.testing.assert_allclose(plan.sum(axis=1), 1)
    sky = [int(part.shares.reshape(*day.size, 2)[5].mean(axis=0).argmax()) for part in (ours, theirs)]
    assert plan[sky[0], sky[1]] > 0.8
    assert plan[1 - sky[0], 1 - sky[1]] > 0.8
    assert (cost >= 0).all()


def test_a_photo_matches_itself(day: Pixels) -> None:
    ours, theirs = segment(day, day, 4)
    plan, cost = match(ours, theirs)
    assert np.diag(plan).min() > 0.5
    assert cost.max() < 0.5


def test_pools_keep_their_weights(day: Pixels, evening: Pixels) -> None:
    pool = join([(day, 3.0), (evening, 1.0)])
    assert pool.weights.sum() == pytest.approx(1)
    assert pool.weights[: len(day.lab)].sum() == pytest.approx(0.75)


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (3, 2)])
def test_tiny_photos(size: tuple[int, int], day: Pixels) -> None:
    tiny = describe(np.full((*size, 3), 0.4, np.float32), session.feature_encoder(threads=1))
    ours, theirs = segment(tiny, day)
    plan, _ = match(ours, theirs)
    assert np.isfinite(ours.shares).all()
    assert np.isfinite(plan).all()
