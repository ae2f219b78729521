"""The stages between reading and writing, without any file."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from restyle.models.arbitrary import Arbitrary
from restyle.options import ImageOptions, Steady, VideoOptions
from restyle.types import FloatArray
from restyle.videos.info import VideoFrame, VideoInfo
from restyle.videos.painter import SEGMENT, SegmentEnd, VideoPainter
from restyle.videos.steadiness import SteadyPainter
from restyle.videos.timeline import timed_styles
from tests.made_clips import moving

INFO = VideoInfo((48, 64), Fraction(1, 25), Fraction(25), None)


def make(model: Path, pictures: ImageOptions, video: VideoOptions, state: Any = None) -> VideoPainter:
    method = Arbitrary(model, threads=1)
    painter = VideoPainter(timed_styles("great-wave", method), method, pictures, video, INFO)
    if state is not None:
        painter.restore(state)
    return painter


def through(painter: VideoPainter, items: Iterator[Any]) -> list[Any]:
    return list(painter.finish(painter.paint(painter.prepare(items))))


@pytest.mark.slow
@pytest.mark.parametrize("strength", [1.0, 0.5])
@pytest.mark.parametrize("steady", ["none", "statistics", "flow"])
def test_a_static_scene_stays_still_for_500_frames(tiny_model: Path, steady: Steady, strength: float) -> None:
    """To the bit: no drift, no breathing."""
    still = moving(1)[0]
    painter = make(tiny_model, ImageOptions(strength=strength), VideoOptions(steady=steady))
    frames = (VideoFrame(still.copy(), index, 1) for index in range(500))
    done: list[Any] = [item.pixels for item in through(painter, frames) if isinstance(item, VideoFrame)]
    assert len(done) == 500
    assert not np.array_equal(done[0], still)
    assert all(np.array_equal(pixels, done[0]) for pixels in done)


@pytest.mark.parametrize(("scale", "painted"), [(2.0, (24, 32)), (0.5, (96, 128))])
def test_strokes_of_another_size(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch, scale: float, painted: tuple[int, int]
) -> None:
    """Frames are painted smaller or larger, and come out at their own size."""
    seen: list[tuple[int, ...]] = []
    paint = SteadyPainter.__call__

    def watched(self: SteadyPainter, content: FloatArray, *rest: Any) -> FloatArray:
        seen.append(content.shape[:2])
        return paint(self, content, *rest)

    monkeypatch.setattr(SteadyPainter, "__call__", watched)
    frame = moving(1)[0]
    done, usual = (
        through(make(tiny_model, options, VideoOptions()), iter([VideoFrame(frame.copy(), 0, 1)]))[0].pixels
        for options in (ImageOptions(style_scale=scale), ImageOptions())
    )
    assert seen == [painted, (48, 64)]
    assert done.shape == frame.shape
    assert np.abs(done.astype(int) - usual).max() > 4


def test_only_statistics_averages_them(tiny_model: Path) -> None:
    """A lamp that goes on at the left: what is carried along by flow is painted by its own statistics."""
    dark, lit = moving(1)[0], moving(1)[0]
    lit[:, :20] += 25  # too little for a cut
    painted: dict[str, Any] = {}
    modes: tuple[Steady, ...] = ("none", "statistics", "flow")
    for steady in modes:
        painter = make(tiny_model, ImageOptions(), VideoOptions(steady=steady))
        frames = (VideoFrame(each.copy(), index, 1) for index, each in enumerate((dark, lit)))
        painted[steady] = list(painter.paint(painter.prepare(frames)))[-1].painted[0]
    np.testing.assert_array_equal(painted["flow"], painted["none"])
    assert not np.array_equal(painted["statistics"], painted["none"])


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
