"""The figures of steadiness say what they should of films made for them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.video.steadiness import blurred, painted, sharpness
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
    for mine, theirs in zip(painted(frames, method, code, "none"), alone, strict=True):
        np.testing.assert_array_equal(mine, theirs)
    for mode in ("statistics", "flow"):
        film = painted(frames, method, code, mode)
        np.testing.assert_array_equal(film[0], alone[0])
        assert 0 < np.abs(film[3] - alone[3]).max() < 0.5
