"""Steadying along the motion of the content."""

from __future__ import annotations

import builtins
import subprocess
import sys
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from restyle.errors import MissingExtraError
from restyle.evaluate.videos import Motion as Measure
from restyle.types import FloatArray
from restyle.videos.flow import KEEP, FlowSteadier, Motion, MotionFinder, Track, warp

SIZE = (72, 104)


def texture(seed: int, height: int = 72, width: int = 200) -> FloatArray:
    """Smooth noise [H, W, 3], 0..1, with something to see everywhere."""
    rng = np.random.default_rng(seed)
    out = np.zeros((height, width, 3), np.float32)
    for cell in (16, 8, 4):
        coarse = rng.random((height // cell + 2, width // cell + 2, 3)).astype(np.float32)
        fine = coarse.repeat(cell, 0).repeat(cell, 1)
        for axis in (0, 1):
            kernel = np.ones(cell) / cell
            fine = np.apply_along_axis(lambda line, k=kernel: np.convolve(line, k, "same"), axis, fine)
        out += fine[cell : cell + height, cell : cell + width].astype(np.float32) / 3
    return out


def panned(count: int, step: int = 2, seed: int = 0) -> list[FloatArray]:
    """A camera that pans to the right by `step` px a frame."""
    wide = texture(seed)
    return [np.ascontiguousarray(wide[:, step * n : step * n + SIZE[1]]) for n in range(count)]


def shimmering(video: list[FloatArray], amount: float = 0.1) -> list[FloatArray]:
    """The video with other noise in every frame, as strokes painted again have."""
    rng = np.random.default_rng(7)
    return [np.clip(each + rng.normal(0, amount, each.shape), 0, 1).astype(np.float32) for each in video]


def steadied(video: list[FloatArray], content: list[FloatArray]) -> list[FloatArray]:
    finder, steadier = MotionFinder(), FlowSteadier()
    return [steadier(frame, finder(seen)) for frame, seen in zip(video, content, strict=True)]


def test_motion_is_found_and_what_enters_is_not_trusted() -> None:
    one, two = panned(2, step=4)
    finder = MotionFinder()
    assert finder(one) is None
    motion = finder(two)
    assert motion is not None
    inner = motion.back[10:-10, 15:-15]
    np.testing.assert_allclose(np.median(inner, axis=(0, 1)), [4, 0], atol=0.2)
    assert motion.trust[10:-10, 15:-15].mean() > 0.8
    assert motion.trust[:, -3:].mean() < 0.2  # it was outside the frame before
    assert np.abs(warp(one, motion.back) - two)[10:-10, 15:-15].mean() < 0.02


def test_what_uncovers_is_not_trusted() -> None:
    """A moving object uncovers background that has no previous result."""
    ground, thing = texture(1)[:, : SIZE[1]], texture(2)[:24, :24]
    frames = []
    for left in (30, 42):
        frame = ground.copy()
        frame[24:48, left : left + 24] = thing
        frames.append(frame)
    finder = MotionFinder()
    finder(frames[0])
    motion = finder(frames[1])
    assert motion is not None
    uncovered = motion.trust[28:44, 32:40].mean()
    assert uncovered < 0.35
    assert motion.trust[5:20].mean() > 0.9


def test_what_uncovers_slowly_is_not_trusted_over_many_frames() -> None:
    """Each step is within its limits; together they stretch the ground behind the object."""
    ground, thing = 0.4 + 0.2 * texture(1)[:, : SIZE[1]], 0.45 + 0.2 * texture(2)[:24, :24]
    frames = []
    for left in range(20, 45, 2):
        frame = ground.copy()
        frame[24:48, left : left + 24] = thing
        frames.append(frame.astype(np.float32))
    finder = MotionFinder()
    steps = [finder(frame) for frame in frames]
    track, motion = Track(frames[0]), None
    for frame, step in zip(frames[1:], steps[1:], strict=True):
        assert step is not None
        motion = track(frame, step)
    assert motion is not None
    assert motion.likely[28:44, 24:38].mean() < 0.3
    assert motion.likely[4:18].mean() > 0.9
    assert motion.likely[28:44, 48:64].mean() > 0.7  # the object itself


@pytest.mark.slow
def test_half_the_warping_error_at_the_same_sharpness() -> None:
    content = panned(10)
    video = shimmering(content)
    steady = steadied(video, content)
    measure = Measure(content)
    assert measure.error(steady) < 0.5 * measure.error(video)

    def edges(frames: list[FloatArray]) -> float:
        return float(np.mean([np.abs(np.diff(each, axis=1)).mean() for each in frames]))

    assert edges(steady) > 0.9 * edges(video)


@pytest.mark.parametrize("size", [(72, 104), (9, 40), (5, 5), (1100, 20)])
def test_a_static_scene_stays_to_the_bit(size: tuple[int, int]) -> None:
    content = np.ascontiguousarray(np.resize(texture(3), (*size, 3)))
    painted = np.ascontiguousarray(np.resize(texture(4), (*size, 3)))
    finder, steadier = MotionFinder(), FlowSteadier()
    for _ in range(500 if size[0] < 10 else 20):
        assert np.array_equal(steadier(painted, finder(content)), painted)


def test_noise_on_a_static_scene_is_calmed_and_does_not_drift() -> None:
    content = [np.clip(each, 0, 1) for each in shimmering([panned(1)[0]] * 60, 0.02)]
    video = shimmering([panned(1, seed=5)[0]] * 60, 0.05)
    steady = steadied(video, content)
    change = [float(np.abs(one - two).mean()) for one, two in pairwise(steady[10:])]
    before = [float(np.abs(one - two).mean()) for one, two in pairwise(video[10:])]
    assert np.mean(change) < 0.7 * np.mean(before)
    truth = panned(1, seed=5)[0]
    assert np.abs(steady[-1] - truth).mean() < np.abs(video[-1] - truth).mean() * 1.25
    assert abs(float(steady[-1].mean() - truth.mean())) < 0.005


def test_a_wrong_memory_fades() -> None:
    """Nothing stays that the frame itself does not show: strokes on flat ground are gone at once."""
    still = Motion(np.zeros((*SIZE, 2), np.float32), *np.ones((2, *SIZE), np.float32))
    steadier = FlowSteadier()
    strokes = shimmering([np.full((*SIZE, 3), 0.5, np.float32)], 0.2)[0]
    steadier(strokes, None)
    gray = np.full((*SIZE, 3), 0.5, np.float32)
    assert np.abs(steadier(gray, still) - 0.5).max() < 0.005


def test_a_memory_within_the_limits_fades_at_the_stated_rate() -> None:
    still = Motion(np.zeros((*SIZE, 2), np.float32), *np.ones((2, *SIZE), np.float32))
    rough = shimmering([np.full((*SIZE, 3), 0.5, np.float32)], 0.1)[0]
    steadier = FlowSteadier()
    steadier(rough + np.float32(0.02), None)
    for count in range(1, 30):
        off = float((steadier(rough, still) - rough).mean())
        assert off == pytest.approx(0.02 * KEEP**count, rel=0.3)


def test_large_forms_that_differ_leave_no_echo() -> None:
    """A stroke beside a thing, carried off by the ground behind it, is gone at once."""
    still = Motion(np.zeros((*SIZE, 2), np.float32), *np.ones((2, *SIZE), np.float32))
    ground = np.full((*SIZE, 3), 0.7, np.float32)
    stroke = ground.copy()
    stroke[20:50, 40:55] = 0.2
    steadier = FlowSteadier()
    steadier(stroke, None)
    after = steadier(ground, still)
    assert np.abs(after - ground)[25:45, 44:51].max() < 0.003
    assert np.abs(after - ground)[60:].max() < 1e-3


def test_what_changes_little_by_little_is_not_dragged_along() -> None:
    """From frame to frame the flow looks right; from what was once painted, the thing has become another."""
    ground, one, two = panned(1)[0], panned(1, seed=5)[0], panned(1, seed=6)[0]
    inner, outer = np.s_[24:56, 36:76], np.s_[:16, :]
    content = []
    for part in np.linspace(0, 1, 16, dtype=np.float32):
        frame = ground.copy()
        frame[inner] = ((1 - part) * one + part * two)[inner]
        content.append(frame)
    finder = MotionFinder()
    found = [finder(frame) for frame in content]
    trusts = [motion.trust for motion in found if motion]
    assert np.mean([trust[outer] for trust in trusts]) > 0.9
    assert min(trust[inner].mean() for trust in trusts) < 0.7
    steadier = FlowSteadier()
    steady = [steadier(frame, motion) for frame, motion in zip(content, found, strict=True)]
    assert np.abs(steady[-1] - content[-1])[inner].mean() < 0.05  # without looking: .065
    assert np.abs(content[0] - content[-1])[inner].mean() > 0.1


def test_a_cut_and_another_size_begin_again() -> None:
    one, two = panned(1)[0], panned(1, seed=9)[0]
    finder, steadier = MotionFinder(), FlowSteadier()
    steadier(one, finder(one))
    assert np.array_equal(steadier(two, finder(two, cut=True)), two)
    small = two[:40, :40]
    assert np.array_equal(steadier(small, finder(small)), small)


def test_large_frames_are_searched_on_a_smaller_copy() -> None:
    wide = np.kron(texture(0, 80, 420), np.ones((3, 3, 1), np.float32))
    one, two = wide[:, :1200], wide[:, 6:1206]
    finder = MotionFinder()
    finder(np.ascontiguousarray(one))
    motion = finder(np.ascontiguousarray(two))
    assert motion is not None
    assert motion.back.shape == (240, 1200, 2)
    assert np.median(motion.back[40:-40, 60:-60, 0]) == pytest.approx(6, abs=0.4)


def test_without_opencv_the_pip_line_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def absent(name: str, *about: Any) -> Any:
        if name == "cv2":
            raise ImportError(name)
        return real(name, *about)

    monkeypatch.setattr(builtins, "__import__", absent)
    for make in (MotionFinder, FlowSteadier):
        with pytest.raises(MissingExtraError, match=r"--steady flow needs .* pip install 'restyle\[flow\]'"):
            make()


def test_importing_it_does_not_import_opencv() -> None:
    code = "import sys, restyle.videos.flow, restyle.videos; assert 'cv2' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
