"""The figures of steadiness say what they should of films made for them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.video.steadiness import blurred, farneback, flat_ground, painted, sharpness, trails
from restyle.evaluate.metrics import luma
from restyle.evaluate.videos import tvl1
from restyle.models.arbitrary import Arbitrary
from restyle.types import FloatArray


def panned(count: int) -> list[FloatArray]:
    """Frames [60, 90, 3] of a texture that moves by 2 px a frame."""
    coarse = np.random.default_rng(0).random((15, 46, 3))
    fine = coarse.repeat(4, 0).repeat(4, 1)
    kernel = np.ones(4) / 4
    for axis in (0, 1):
        fine = np.apply_along_axis(lambda line: np.convolve(line, kernel, "same"), axis, fine)
    wide = fine.astype(np.float32)
    return [np.ascontiguousarray(wide[:, 2 * index : 2 * index + 90]) for index in range(count)]


def test_blur_costs_sharpness() -> None:
    film = panned(2)
    assert sharpness(blurred(film)) < 0.3 * sharpness(film)


def test_films_are_painted_as_the_command_does(tiny_model: Path) -> None:
    method = Arbitrary(tiny_model, threads=1)
    frames = panned(4)
    code = method.encode(frames[0])
    alone = [method.transfer(frame, code)[0] for frame in frames]
    made = painted(frames, method, code)
    for mine, theirs in zip(made["none"], alone, strict=True):
        np.testing.assert_array_equal(mine, theirs)
    np.testing.assert_array_equal(made["flow"][0], alone[0])
    assert 0 < np.abs(made["flow"][3] - alone[3]).max() < 0.5


def test_both_judges_find_the_pan() -> None:
    one, two = (luma(frame).astype(np.float32) for frame in panned(2))
    for flow in (tvl1, farneback):
        rows, columns = flow(one, two)[:, 15:-15, 15:-15]
        assert np.median(columns) == pytest.approx(-2, abs=0.3)
        assert np.median(rows) == pytest.approx(0, abs=0.3)


def test_strokes_on_flat_ground_count_as_trails_and_others_do_not() -> None:
    rng = np.random.default_rng(1)
    content = np.full((60, 90, 3), 0.5, np.float32)
    content[:, :40] = panned(1)[0][:, :40]
    ground = flat_ground(content)
    assert ground[:, 60:].all()
    assert not ground[:, 5:35].any()
    fresh = content + 0.02 * rng.standard_normal(content.shape).astype(np.float32)
    on_ground, elsewhere = fresh.copy(), fresh.copy()
    on_ground[:, 60:] += 0.04 * rng.standard_normal((60, 30, 3)).astype(np.float32)
    elsewhere[:, 5:30] += 0.2
    assert trails([content], [fresh], [fresh], 1) == pytest.approx(1)
    assert trails([content], [fresh], [elsewhere], 1) == pytest.approx(1, abs=0.05)
    assert trails([content], [fresh], [on_ground], 1) > 1.5
