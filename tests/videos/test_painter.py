"""The stages between reading and writing, without any file."""

from __future__ import annotations

import time
from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from restyle.errors import OptionError
from restyle.methods.optimize.objective import Anchor
from restyle.models.arbitrary import Arbitrary
from restyle.models.style_codes import Exemplar
from restyle.options import ImageOptions, Steady, VideoOptions
from restyle.options.video import VideoMethodOptions
from restyle.types import FloatArray
from restyle.videos.flow import MotionFinder
from restyle.videos.formats import VideoFrame, VideoInfo
from restyle.videos.painter import OptimizedPainter, VideoPainter
from restyle.videos.stages import SEGMENT, SegmentEnd, in_parallel
from restyle.videos.styles import timed_styles
from tests.made_clips import moving
from tests.videos.test_flow import panned, texture

INFO = VideoInfo((48, 64), Fraction(1, 25), Fraction(25), None)


def make(model: Path, pictures: ImageOptions, video: VideoOptions, state: Any = None) -> VideoPainter:
    method = Arbitrary(model, threads=1)
    painter = VideoPainter(timed_styles("great-wave", method), method, pictures, video, INFO)
    if state is not None:
        painter.restore(state)
    return painter


def through(painter: VideoPainter, items: Iterator[Any]) -> list[Any]:
    return list(painter.finish(painter.steady(painter.paint(painter.prepare(items)))))


@pytest.mark.slow
@pytest.mark.parametrize("strength", [1.0, 0.5])
@pytest.mark.parametrize("steady", ["none", "flow"])
def test_a_static_scene_stays_still_for_500_frames(tiny_model: Path, steady: Steady, strength: float) -> None:
    """To the bit: no drift, no breathing."""
    still = moving(1)[0]
    painter = make(tiny_model, ImageOptions(strength=strength), VideoOptions(steady=steady))
    frames = (VideoFrame(still.copy(), index, 1) for index in range(500))
    done: list[Any] = [item.pixels for item in through(painter, frames) if isinstance(item, VideoFrame)]
    assert len(done) == 500
    assert not np.array_equal(done[0], still)
    assert all(np.array_equal(pixels, done[0]) for pixels in done)


@pytest.mark.parametrize("steady", ["none", "flow"])
def test_frames_that_repeat_are_painted_once(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch, sizes: list[tuple[int, ...]], steady: Steady
) -> None:
    one, two, three = moving(3)
    video = [one, one, one, two, two, one, one, three, three]

    def done() -> list[Any]:
        painter = make(tiny_model, ImageOptions(), VideoOptions(steady=steady))
        frames = (VideoFrame(frame.copy(), index, 1) for index, frame in enumerate(video))
        return [item.pixels for item in through(painter, frames) if isinstance(item, VideoFrame)]

    found = done()
    assert len(sizes) == 4
    monkeypatch.setattr("restyle.videos.painter._alike", lambda before, work: False)
    monkeypatch.setattr("restyle.videos.painter.choose", lambda items: items)  # all are painted
    for once, again in zip(found, done(), strict=True):
        np.testing.assert_array_equal(once, again)
    assert len(sizes) == 4 + len(video)


@pytest.mark.parametrize(("scale", "painted"), [(2.0, (24, 32)), (0.5, (96, 128))])
def test_strokes_of_another_size(
    tiny_model: Path, sizes: list[tuple[int, ...]], scale: float, painted: tuple[int, int]
) -> None:
    """Frames are painted smaller or larger, and come out at their own size."""
    frame = moving(1)[0]
    done, usual = (
        through(make(tiny_model, options, VideoOptions()), iter([VideoFrame(frame.copy(), 0, 1)]))[0].pixels
        for options in (ImageOptions(style_scale=scale), ImageOptions())
    )
    assert sizes == [painted, (48, 64)]
    assert done.shape == frame.shape
    assert np.abs(done.astype(int) - usual).max() > 4


def test_large_frames_are_painted_smaller_and_keep_their_detail(tiny_model: Path) -> None:
    """A pattern too fine for the painted size is in the result, with and without flow."""
    stripes = (moving(1, (96, 128))[0] // 2 + 50).astype(np.uint8)
    stripes[:, ::2] += 40
    modes: tuple[Steady, ...] = ("none", "flow")
    for steady in modes:
        made = make(tiny_model, ImageOptions(paint_size=64), VideoOptions(steady=steady))
        frames = (VideoFrame(stripes.copy(), index, 1) for index in range(3))
        for item in through(made, frames):
            assert item.pixels.shape == stripes.shape
            step = np.abs(np.diff(item.pixels[20:-20, 20:-20].astype(float), axis=1)).mean()
            assert step > 8, steady


def test_frames_painted_in_parallel_stay_in_order() -> None:
    waits = [0.05, 0.0, 0.03, 0.0, 0.01]

    def slow(index: int) -> int:
        time.sleep(waits[index])
        return index

    assert list(in_parallel(slow, range(5), threads=3)) == [0, 1, 2, 3, 4]
    with pytest.raises(ZeroDivisionError):
        list(in_parallel(lambda number: 1 // number, [1, 0, 1], threads=2))


def test_several_threads_give_the_frames_of_one(tiny_model: Path) -> None:
    done = []
    for threads in (1, 3):
        method = Arbitrary(tiny_model, threads=threads)
        painter = VideoPainter(
            timed_styles("great-wave", method), method, ImageOptions(), VideoOptions(steady="flow"), INFO
        )
        assert painter.at_once == threads
        done.append(through(painter, (VideoFrame(each, n, 1) for n, each in enumerate(moving(7)))))
    for one, three in zip(*done, strict=True):
        np.testing.assert_array_equal(one.pixels, three.pixels)


def test_what_is_no_frame_keeps_its_place_and_segments_end_after_their_frames(tiny_model: Path) -> None:
    def items() -> Iterator[Any]:
        for index, pixels in enumerate(moving(SEGMENT + 3)):
            yield VideoFrame(pixels, index, 1)
            if index % 40 == 0:
                yield f"sound {index}"

    done = through(make(tiny_model, ImageOptions(), VideoOptions()), items())
    kinds = [type(item).__name__ if not isinstance(item, str) else item for item in done]
    expected: list[str] = []
    for index in range(SEGMENT + 3):
        expected += ["VideoFrame", *(["SegmentEnd"] if index == SEGMENT - 1 else [])]
        expected += [f"sound {index}"] if index % 40 == 0 else []
    assert kinds == expected


@pytest.mark.slow
@pytest.mark.parametrize(
    ("pictures", "video"),
    [
        (ImageOptions(), VideoOptions(steady="flow")),
        (ImageOptions(strength=0.4), VideoOptions()),
        (ImageOptions(style_scale=2), VideoOptions()),
        (ImageOptions(colors_only=True), VideoOptions()),
        (ImageOptions(), VideoOptions(steady="none")),
    ],
)
def test_the_state_of_a_segment_is_all_there_is_to_remember(
    tiny_model: Path, pictures: ImageOptions, video: VideoOptions
) -> None:
    frames = [VideoFrame(pixels, index, 1) for index, pixels in enumerate(moving(SEGMENT + 12))]
    frames[SEGMENT + 1].pixels = None  # damaged
    whole = through(make(tiny_model, pictures, video), iter(frames))
    ends = [item for item in whole if isinstance(item, SegmentEnd)]
    assert [item.index for item in ends] == [0]
    skipped = [VideoFrame(None, each.pts, 1, skipped=True) for each in frames[:SEGMENT]]
    again = make(tiny_model, pictures, video, ends[0].state)
    went_on = through(again, iter([*skipped, *frames[SEGMENT:]]))
    rest = [item for item in whole if isinstance(item, VideoFrame)][SEGMENT:]
    new = [item for item in went_on if isinstance(item, VideoFrame) and not item.skipped]
    assert len(new) == len(rest) == 12
    for one, two in zip(rest, new, strict=True):
        np.testing.assert_array_equal(one.pixels, two.pixels)


@pytest.fixture
def method(tiny_model: Path) -> Arbitrary:
    return Arbitrary(tiny_model, threads=1)


def optimizing(
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
        done = video(optimizing(method, weight), method, content)
        # The camera pans by 2 px a frame.
        gaps = [two[10:-10, 10:-12] - one[10:-10, 12:-10] for one, two in pairwise(done)]
        assert done[0].shape == content[0].shape
        return float(np.mean([np.abs(gap).mean() for gap in gaps]))

    assert change(1000.0) < 0.7 * change(0.0)


@pytest.mark.slow
def test_a_scene_that_does_not_change_stays_to_the_bit(method: Arbitrary) -> None:
    done = video(optimizing(method), method, panned(1) * 4)
    assert not np.array_equal(done[0], panned(1)[0])
    assert all(np.array_equal(frame, done[0]) for frame in done)


@pytest.mark.slow
def test_a_cut_begins_again_and_strength_0_gives_the_video(method: Arbitrary) -> None:
    one, two = panned(1)[0], panned(1, seed=5)[0]
    made = optimizing(method, steps=3)
    code = method.encode(one)
    made(one, code, None)
    made.last = None
    after = made(two, code, None)
    np.testing.assert_array_equal(after, optimizing(method, steps=3)(two, code, None))
    assert optimizing(method, strength=0.0)(one, code, None) is one


@pytest.mark.slow
def test_what_is_remembered_comes_back(method: Arbitrary) -> None:
    content = panned(3)
    finder, code = MotionFinder(), method.encode(content[0])
    # The same motion for both: a finder that starts at the second frame trusts pixels a little differently.
    motions = [finder(frame) for frame in content]
    whole, again = optimizing(method, steps=3), optimizing(method, steps=3)
    for frame, motion in zip(content[:2], motions[:2], strict=True):
        whole(frame, code, motion)
    again.last = whole.last
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
