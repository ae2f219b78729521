"""Frames that take the paintings of their neighbors."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("cv2")

from restyle.images import picture
from restyle.models.arbitrary import Arbitrary
from restyle.options import ImageOptions, VideoOptions
from restyle.types import FloatArray
from restyle.videos.between import carry, choose
from restyle.videos.flow import MotionFinder
from restyle.videos.info import VideoFrame, VideoInfo
from restyle.videos.painter import VideoPainter
from restyle.videos.timeline import timed_styles
from restyle.videos.work import SegmentEnd, Work

SIZE = (96, 128)


def panning(count: int, step: int = 1) -> list[FloatArray]:
    """Return frames over a textured ground that moves to the left."""
    random = np.random.default_rng(0)
    ground = np.repeat(np.repeat(random.random((12, 40, 3), np.float32), 8, 0), 8, 1)
    return [np.ascontiguousarray(ground[:, step * n : step * n + SIZE[1]]) for n in range(count)]


def works(frames: Sequence[FloatArray], cuts: Sequence[int] = ()) -> list[Work]:
    finder = MotionFinder()
    found = []
    for place, frame in enumerate(frames):
        pixels = np.asarray(frame * 255, np.uint8)
        motion = finder(frame, place in cuts)
        content = picture.from_array(pixels)
        found.append(Work(VideoFrame(pixels, place, 1), content, frame, [None], None, place in cuts, motion))
    return found


def painted(items: Sequence[Any]) -> list[bool]:
    return [item.onward is None for item in items if isinstance(item, Work)]


def test_every_second_frame_is_painted_and_those_beside_cuts() -> None:
    frames = panning(9)
    assert painted(list(choose(iter(works(frames))))) == [True, False] * 4 + [True]
    assert painted(list(choose(iter(works(frames, cuts=[4]))))) == [
        *[True, False, True, True],
        *[True, False, True, False, True],
    ]


def test_a_segment_depends_on_no_other() -> None:
    frames = works(panning(8))
    items = [*frames[:4], "sound", SegmentEnd(0), *frames[4:]]
    chosen = list(choose(iter(items)))
    assert chosen == items
    assert painted(chosen) == [True, False, True, True] * 2


def test_frames_that_nothing_shows_are_painted() -> None:
    random = np.random.default_rng(0)
    assert all(painted(list(choose(iter(works(list(random.random((5, *SIZE, 3), np.float32))))))))


def test_a_carried_painting_is_that_of_its_neighbors_moved() -> None:
    frames = panning(5, step=2)
    items: list[Any] = list(choose(iter([*works(frames), "sound"])))
    for item in items[:-1]:
        item.painted.append(None if item.onward is not None else 1 - item.small)
    done = list(carry(iter(items)))
    assert done == items
    for item in done[:-1]:
        apart = np.abs(item.painted[0] - (1 - item.small))[8:-8, 8:-8]
        assert float(apart.mean()) < 0.02


@pytest.mark.parametrize("threads", [1, 2])
def test_half_of_a_film_is_painted(tiny_model: Path, sizes: list[tuple[int, ...]], threads: int) -> None:
    method = Arbitrary(tiny_model, threads=threads)
    info = VideoInfo(SIZE, Fraction(1, 25), Fraction(25), None)
    styles = timed_styles("great-wave", method)
    painter = VideoPainter(styles, method, ImageOptions(), VideoOptions(steady="flow"), info)
    frames = [np.asarray(each * 255, np.uint8) for each in panning(9)]
    shots = (VideoFrame(pixels, place, 1) for place, pixels in enumerate(frames))
    done = list(painter.finish(painter.steady(painter.paint(painter.prepare(shots)))))
    assert [item.pts for item in done] == list(range(9))
    assert len(sizes) == 5
