"""Statistics averaged over time: nothing drifts, nothing flickers, a cut forgets."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from restyle.models.arbitrary import Arbitrary
from restyle.types import FloatArray
from restyle.videos.steadiness import SteadyPainter

CODE = np.array([0.5, 0.5, 0.5, 0.15, 0.15, 0.15], np.float32)
STEP = 0.04  # seconds


@pytest.fixture(scope="module")
def method(tiny_model: Path) -> Arbitrary:
    return Arbitrary(tiny_model, threads=1)


def scene(light: float = 0.0, seed: int = 0) -> FloatArray:
    """[48, 64, 3]: a texture whose left half is lit by so much more."""
    picture = np.random.default_rng(seed).uniform(0.2, 0.6, (48, 64, 3)).astype(np.float32)
    picture[:, :32] += np.float32(light)
    return np.clip(picture, 0, 1)


@pytest.mark.parametrize("strength", [1.0, 0.6])
def test_a_static_scene_is_still_to_the_bit(method: Arbitrary, strength: float) -> None:
    painter = SteadyPainter(method, strength, 1.0)
    first = painter(scene(), CODE, 0.0)
    for _ in range(150):
        assert np.array_equal(painter(scene(), CODE, STEP), first)


@pytest.mark.slow
def test_the_embedded_model_keeps_a_static_scene_still() -> None:
    method = Arbitrary(threads=1)
    code = method.encode(scene(seed=4))
    painter = SteadyPainter(method, 1.0, 1.0)
    first = painter(scene(), code, 0.0)
    assert all(np.array_equal(painter(scene(), code, STEP), first) for _ in range(500))


def test_after_a_change_the_result_settles_where_each_frame_by_itself_is(method: Arbitrary) -> None:
    painter = SteadyPainter(method, 1.0, 0.5)
    painter(scene(), CODE, 0.0)
    for _ in range(200):
        last = painter(scene(0.3), CODE, STEP)
    np.testing.assert_allclose(last, method.paint(scene(0.3), CODE), atol=1e-4)


def test_what_does_not_change_flickers_less(method: Arbitrary) -> None:
    """A lamp that flickers on the left must not change the right."""

    def flicker(seconds: float) -> float:
        painter = SteadyPainter(method, 1.0, seconds)
        frames = [painter(scene(0.3 * (index % 2)), CODE, STEP)[:, 34:] for index in range(40)]
        return float(np.mean([np.abs(a - b).mean() for a, b in pairwise(frames[10:])]))

    assert flicker(1.0) < 0.1 * flicker(0.0)


def test_without_an_average_every_frame_is_by_itself(method: Arbitrary) -> None:
    painter = SteadyPainter(method, 1.0, 0.0)
    painter(scene(), CODE, 0.0)
    assert np.array_equal(painter(scene(0.3), CODE, STEP), method.paint(scene(0.3), CODE))


def test_a_cut_forgets(method: Arbitrary) -> None:
    painter = SteadyPainter(method, 1.0, 5.0)
    painter(scene(), CODE, 0.0)
    painter.cut()
    assert np.array_equal(painter(scene(0.3), CODE, STEP), method.paint(scene(0.3), CODE))


def test_the_average_goes_by_time_not_by_frames(method: Arbitrary) -> None:
    """The same second in 5 steps or in 25 leads to the same result."""
    results = []
    for steps in (5, 25):
        painter = SteadyPainter(method, 1.0, 1.0)
        for _ in range(400):  # until the average is exponential
            painter(scene(), CODE, 1.0)
        for _ in range(steps):
            result = painter(scene(0.3), CODE, 1.0 / steps)
        results.append(result)
    np.testing.assert_allclose(results[0], results[1], atol=1e-4)


def test_strength_0_gives_the_frame_back(method: Arbitrary) -> None:
    assert np.array_equal(SteadyPainter(method, 0.0, 1.0)(scene(), CODE, 0.0), scene())


def test_frames_too_large_for_one_pass_are_painted_in_tiles(
    method: Arbitrary, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = SteadyPainter(method, 1.0, 1.0)
    whole(scene(), CODE, 0.0)
    expected = whole(scene(0.3), CODE, STEP)
    monkeypatch.setattr("restyle.models.arbitrary.ONE_PASS_PIXELS", 1000)
    tiled = SteadyPainter(method, 1.0, 1.0)
    tiled(scene(), CODE, 0.0)
    np.testing.assert_allclose(tiled(scene(0.3), CODE, STEP), expected, atol=1e-4)
