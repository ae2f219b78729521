"""Frames that take the paintings of their neighbors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from restyle.images.picture import from_array
from restyle.methods import paint
from restyle.models.arbitrary import Arbitrary
from restyle.models.style_codes import Exemplar
from restyle.options.video import VideoMethodOptions
from restyle.types import FloatArray
from restyle.videos.flow import Motion, MotionFinder
from restyle.videos.formats import VideoFrame
from restyle.videos.keyframes import APART, NEAR, KeyPainter, mixed
from restyle.videos.stages import SegmentEnd, Work
from tests.videos.test_flow import panned, shimmering, texture

pytest.importorskip("cv2")

from restyle.images import picture
from restyle.options import ImageOptions, VideoOptions
from restyle.videos.formats import VideoInfo
from restyle.videos.keyframes import carry, choose
from restyle.videos.painter import VideoPainter
from restyle.videos.styles import timed_styles

FRAME = (96, 128)


def panning(count: int, step: int = 1) -> list[FloatArray]:
    """Return frames over a textured ground that moves to the left."""
    random = np.random.default_rng(0)
    ground = np.repeat(np.repeat(random.random((12, 40, 3), np.float32), 8, 0), 8, 1)
    return [np.ascontiguousarray(ground[:, step * n : step * n + FRAME[1]]) for n in range(count)]


def panned_works(frames: Sequence[FloatArray], cuts: Sequence[int] = ()) -> list[Work]:
    finder = MotionFinder()
    found = []
    for place, frame in enumerate(frames):
        pixels = np.asarray(frame * 255, np.uint8)
        motion = finder(frame, place in cuts)
        content = picture.from_array(pixels)
        found.append(Work(VideoFrame(pixels, place, 1), content, frame, [None], None, place in cuts, motion))
    return found


def are_painted(items: Sequence[Any]) -> list[bool]:
    return [item.onward is None for item in items if isinstance(item, Work)]


def test_every_second_frame_is_painted_and_those_beside_cuts() -> None:
    frames = panning(9)
    assert are_painted(list(choose(iter(panned_works(frames))))) == [True, False] * 4 + [True]
    assert are_painted(list(choose(iter(panned_works(frames, cuts=[4]))))) == [
        *[True, False, True, True],
        *[True, False, True, False, True],
    ]


def test_a_segment_depends_on_no_other() -> None:
    frames = panned_works(panning(8))
    items = [*frames[:4], "sound", SegmentEnd(0), *frames[4:]]
    chosen = list(choose(iter(items)))
    assert chosen == items
    assert are_painted(chosen) == [True, False, True, True] * 2


def test_frames_that_nothing_shows_are_painted() -> None:
    random = np.random.default_rng(0)
    assert all(are_painted(list(choose(iter(panned_works(list(random.random((5, *FRAME, 3), np.float32))))))))


def test_a_carried_painting_is_that_of_its_neighbors_moved() -> None:
    frames = panning(5, step=2)
    items: list[Any] = list(choose(iter([*panned_works(frames), "sound"])))
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
    info = VideoInfo(FRAME, Fraction(1, 25), Fraction(25), None)
    styles = timed_styles("great-wave", method)
    painter = VideoPainter(styles, method, ImageOptions(), VideoOptions(steady="flow"), info)
    frames = [np.asarray(each * 255, np.uint8) for each in panning(9)]
    shots = (VideoFrame(pixels, place, 1) for place, pixels in enumerate(frames))
    done = list(painter.finish(painter.steady(painter.paint(painter.prepare(shots)))))
    assert [item.pts for item in done] == list(range(9))
    assert len(sizes) == 5


STYLE = [Exemplar(np.ascontiguousarray(texture(11)[:64, :64] * [1.0, 0.5, 0.2], np.float32))]


class Painting:
    """Stands in for the slow painting of a key: inverted content with noise; keeps what it was given."""

    def __init__(self) -> None:
        self.starts: list[FloatArray | None] = []

    def __call__(self, content: FloatArray, start: FloatArray | None, *rest: Any, **more: Any) -> FloatArray:
        noise = np.random.default_rng(int(1e4 * content.sum())).normal(0, 0.1, content.shape)
        self.starts.append(start)
        return np.clip(1 - content + noise, 0, 1).astype(np.float32)


@pytest.fixture
def painting(monkeypatch: pytest.MonkeyPatch) -> Painting:
    made = Painting()
    monkeypatch.setattr(paint, "stylize_key", made)
    return made


@pytest.fixture
def method(tiny_model: Path) -> Arbitrary:
    return Arbitrary(tiny_model, threads=1)


def painter(method: Arbitrary, strength: float = 1.0) -> KeyPainter:
    return KeyPainter([STYLE], method, strength, VideoMethodOptions(method="paint"), threads=2)


def works(video: Sequence[FloatArray], code: FloatArray, cuts: Sequence[int] = ()) -> list[Work]:
    finder = MotionFinder()
    return [
        Work(
            VideoFrame(None, index, 1),
            from_array((frame * 255).astype(np.uint8)),
            frame,
            [code],
            None,
            index in (0, *cuts),
            finder(frame, index in cuts),
        )
        for index, frame in enumerate(video)
    ]


def painted(items: Iterator[Any]) -> list[FloatArray]:
    found = [item.painted[0] for item in items if isinstance(item, Work)]
    return [each for each in found if each is not None]


def test_keys_are_far_apart_and_start_from_the_painting_carried_to_them(
    method: Arbitrary, painting: Painting
) -> None:
    video = shimmering(panned(1) * (2 * APART + 3), amount=0.004)
    film = painted(painter(method)(iter(works(video, method.encode(video[0])))))
    assert len(film) == len(video)
    assert len(painting.starts) == 4  # the first, two after APART frames, and the last
    assert painting.starts[0] is None
    for index, start in zip((APART, 2 * APART, len(video) - 1), painting.starts[1:], strict=True):
        assert start is not None
        assert np.abs(start - (1 - video[index])).mean() < 0.12  # the noise of the first key


def test_what_is_carried_changes_less_than_frames_painted_alone(
    method: Arbitrary, painting: Painting
) -> None:
    video = panned(10)
    film = painted(painter(method)(iter(works(video, method.encode(video[0])))))
    alone = [painting(frame, None) for frame in video]

    def change(frames: list[FloatArray]) -> float:
        pairs = pairwise(frames)
        return float(np.mean([np.abs(two[10:-10, 10:-22] - one[10:-10, 12:-20]) for one, two in pairs]))

    assert change(film) < 0.4 * change(alone)


def test_a_still_scene_is_painted_once_and_a_cut_begins_again(method: Arbitrary, painting: Painting) -> None:
    one, two = panned(1)[0], panned(1, seed=5)[0]
    items = works([one] * 15 + [two] * 3, method.encode(one), cuts=[15])
    film = painted(painter(method)(iter(items)))
    assert [start is None for start in painting.starts] == [True, True]
    assert all(np.array_equal(frame, film[0]) for frame in film[:15])
    assert all(np.array_equal(frame, film[15]) for frame in film[15:])


def test_fast_motion_needs_more_keys(method: Arbitrary, painting: Painting) -> None:
    rng = np.random.default_rng(3)
    video = [rng.random((48, 64, 3)).astype(np.float32) for _ in range(2 * NEAR + 1)]
    list(painter(method)(iter(works(video, method.encode(video[0])))))
    assert len(painting.starts) == 3


def test_everything_else_stays_in_its_place(method: Arbitrary, painting: Painting) -> None:
    items: list[Any] = list(works(panned(6), method.encode(panned(1)[0])))
    items.insert(3, "packet")
    items.insert(0, VideoFrame(None, 0, 1))
    end = SegmentEnd(0)
    items.append(end)
    items.append("last packet")
    assert [id(item) for item in painter(method)(iter(items))] == [id(item) for item in items]
    assert set(end.state) == {"key", "key.0"}


def test_a_run_that_continues_paints_the_same(method: Arbitrary, painting: Painting) -> None:
    def items() -> list[Any]:
        made: list[Any] = list(works(panned(14), method.encode(panned(1)[0])))
        made.insert(7, SegmentEnd(0))
        return made

    whole = items()
    film = painted(painter(method)(iter(whole)))
    again, state = painter(method), whole[7].state
    again.restore({name: value.copy() for name, value in state.items()})
    for one, two in zip(painted(again(iter(items()[8:]))), film[7:], strict=True):
        np.testing.assert_array_equal(one, two)


def test_strength(method: Arbitrary, painting: Painting) -> None:
    video = panned(3)
    items = works(video, method.encode(video[0]))
    assert all(
        np.array_equal(frame, content)
        for frame, content in zip(painted(painter(method, 0.0)(iter(items))), video, strict=True)
    )
    full = painted(painter(method)(iter(works(video, items[0].codes[0]))))  # type: ignore[arg-type]
    painting.starts.clear()
    half = painted(painter(method, 0.5)(iter(works(video, items[0].codes[0]))))  # type: ignore[arg-type]
    np.testing.assert_allclose(half[1], (video[1] + full[1]) / 2, atol=1e-6)


def test_where_nothing_can_be_carried_the_network_takes_the_colors_nearby() -> None:
    shape = (40, 60)
    rng = np.random.default_rng(0)
    fresh = (0.3 + 0.1 * rng.random((*shape, 3))).astype(np.float32)
    painting = np.full((*shape, 3), (0.8, 0.5, 0.2), np.float32)
    sure = np.ones(shape, np.float32)
    sure[15:25, 20:40] = 0
    motion = Motion(np.zeros((*shape, 2), np.float32), sure, sure)
    out, confidence = mixed([(painting, motion, 1.0)], fresh)
    np.testing.assert_array_equal(confidence, sure)
    np.testing.assert_allclose(out[:12, :15], painting[:12, :15], atol=1e-3)
    hole = out[18:22, 25:35]
    np.testing.assert_allclose(hole.mean((0, 1)), (0.8, 0.5, 0.2), atol=0.05)
    assert 0.5 < hole.std((0, 1)).mean() / fresh[18:22, 25:35].std((0, 1)).mean() < 2  # the network's detail
