"""Frames optimized one after the other."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from restyle.errors import OptionError
from restyle.methods.optimize.objective import Anchor
from restyle.models.arbitrary import Arbitrary
from restyle.models.style_codes import Exemplar
from restyle.options.video import VideoMethodOptions
from restyle.types import FloatArray
from restyle.videos.flow import MotionFinder
from restyle.videos.optimized import OptimizedPainter
from tests.videos.test_flow import panned, texture


@pytest.fixture
def method(tiny_model: Path) -> Arbitrary:
    return Arbitrary(tiny_model, threads=1)


def painter(
    method: Arbitrary, weight: float = 20.0, steps: int = 9, strength: float = 1.0
) -> OptimizedPainter:
    style = np.ascontiguousarray(texture(11)[:64, :64] * [1.0, 0.5, 0.2], np.float32)
    options = VideoMethodOptions(method="optimize", steps=steps, temporal_weight=weight)
    return OptimizedPainter([Exemplar(style)], method, strength, options, threads=1)


def video(made: OptimizedPainter, method: Arbitrary, content: list[FloatArray]) -> list[FloatArray]:
    finder = MotionFinder()
    code = method.encode(content[0])
    return [made(frame, code, finder(frame)) for frame in content]


@pytest.mark.slow
def test_frames_are_held_to_the_one_before(method: Arbitrary) -> None:
    content = panned(3)

    def change(weight: float) -> float:
        done = video(painter(method, weight), method, content)
        # The camera pans by 2 px a frame.
        gaps = [two[10:-10, 10:-12] - one[10:-10, 12:-10] for one, two in pairwise(done)]
        assert done[0].shape == content[0].shape
        return float(np.mean([np.abs(gap).mean() for gap in gaps]))

    assert change(1000.0) < 0.7 * change(0.0)


def test_a_scene_that_does_not_change_stays_to_the_bit(method: Arbitrary) -> None:
    done = video(painter(method), method, panned(1) * 4)
    assert not np.array_equal(done[0], panned(1)[0])
    assert all(np.array_equal(frame, done[0]) for frame in done)


@pytest.mark.slow
def test_a_cut_begins_again_and_strength_0_gives_the_video(method: Arbitrary) -> None:
    one, two = panned(1)[0], panned(1, seed=5)[0]
    made = painter(method, steps=3)
    code = method.encode(one)
    made(one, code, None)
    made.cut()
    after = made(two, code, None)
    np.testing.assert_array_equal(after, painter(method, steps=3)(two, code, None))
    assert painter(method, strength=0.0)(one, code, None) is one


@pytest.mark.slow
def test_what_is_remembered_comes_back(method: Arbitrary) -> None:
    content = panned(3)
    finder, code = MotionFinder(), method.encode(content[0])
    # The same motion for both: a finder that starts at the second frame trusts pixels a little differently.
    motions = [finder(frame) for frame in content]
    whole, again = painter(method, steps=3), painter(method, steps=3)
    for frame, motion in zip(content[:2], motions[:2], strict=True):
        whole(frame, code, motion)
    again.restore(whole.state())
    last = [made(content[2], code, motions[2]) for made in (whole, again)]
    np.testing.assert_array_equal(last[1], last[0])


def test_the_temporal_loss_and_its_gradient() -> None:
    generator = torch.Generator().manual_seed(0)
    x, picture = torch.rand(1, 3, 5, 7, generator=generator), torch.rand(1, 3, 5, 7, generator=generator)
    trust = torch.rand(1, 1, 5, 7, generator=generator)
    leaf = x.clone().requires_grad_()
    loss = 3.0 * (trust * (leaf - picture) ** 2).mean()
    loss.backward()  # type: ignore[no-untyped-call]
    value, gradient = Anchor(picture, trust, 3.0).evaluate(x)
    assert value == pytest.approx(float(loss.detach()))
    torch.testing.assert_close(gradient, leaf.grad)


def test_options_of_optimizing_need_the_method() -> None:
    assert VideoMethodOptions().method == "fast"
    with pytest.raises(OptionError, match="steps is for --method optimize"):
        VideoMethodOptions(steps=10)
