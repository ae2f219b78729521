"""Stages overlap, stay bounded, and stop on request; sizes of frames, and cuts between them."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from restyle.images.resize import enlarge_with_detail, resize
from restyle.types import FloatArray
from restyle.videos import stages
from restyle.videos.stages import NICE, SceneCuts, Stages, run_nice
from tests.made_clips import moving
from tests.videos.test_flow import texture


def test_items_come_in_order_through_several_stages() -> None:
    stages = Stages()
    doubled = stages.ahead((2 * n for n in stages.ahead(range(50), 3)), 3)
    assert list(doubled) == [2 * n for n in range(50)]
    stages.close()


def test_a_stage_is_never_further_ahead_than_its_depth() -> None:
    made = 0

    def count() -> Iterator[int]:
        nonlocal made
        while True:
            made += 1
            yield made

    stages = Stages()
    taken = stages.ahead(count(), 4)
    assert next(taken) == 1
    time.sleep(0.3)
    assert made <= 1 + 4 + 1  # taken, waiting, and in hand
    stages.close()


def test_stages_work_at_the_same_time() -> None:
    """Each stage waits, in the middle of an item, until the others are in the middle of theirs."""
    count, together = 20, threading.Barrier(3)

    def stage(items: Iterator[int], place: int) -> Iterator[int]:
        for item in items:
            if 0 <= item - (2 - place) < count - 2:  # the first stage is two items ahead of the last
                together.wait(60)
            yield item

    stages = Stages()
    first = stages.ahead(stage(iter(range(count)), 0), 2)
    assert list(stage(stages.ahead(stage(first, 1), 2), 2)) == list(range(count))
    stages.close()


def test_an_error_arrives_after_what_came_before_it() -> None:
    def fail() -> Iterator[int]:
        yield 1
        raise ValueError("broken")

    stages = Stages()
    items = stages.ahead(fail(), 4)
    assert next(items) == 1
    with pytest.raises(ValueError, match="broken"):
        next(items)
    stages.close()


def test_close_ends_items_and_threads() -> None:
    before = set(threading.enumerate())
    stages = Stages()
    items = stages.ahead(stages.ahead(iter(int, 1), 2), 2)
    assert next(items) == 0
    stages.close()
    assert list(items) == []
    assert not set(threading.enumerate()) - before


def niceness() -> Iterator[int]:
    """That of the thread that asks, and of one that it starts."""
    found = []
    yield os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    thread = threading.Thread(
        target=lambda: found.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))
    )
    thread.start()
    thread.join()
    yield found[0]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a priority for each thread")
def test_only_short_stages_have_a_low_priority() -> None:
    own, _ = niceness()
    low = min(19, own + NICE)
    stages = Stages()
    assert list(stages.ahead(niceness(), 2, nice=True)) == [low, low]
    assert list(stages.ahead(niceness(), 2)) == [own, own]
    assert run_nice(lambda: list(niceness())) == [low, low]
    assert list(niceness()) == [own, own]
    stages.close()


def test_errors_of_a_nice_thread_are_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        run_nice(lambda: 1 // 0)


@pytest.fixture
def content() -> FloatArray:
    fine = np.random.default_rng(3).normal(0, 0.015, (120, 160, 1)).astype(np.float32)
    return np.asarray(np.clip(texture(1, 120, 160) + fine, 0, 1), np.float32)


@pytest.mark.parametrize("strength", [1.0, 0.4])
@pytest.mark.parametrize("size", [(60, 80), (48, 64)])
def test_opencv_only_makes_it_faster(
    content: FloatArray, size: tuple[int, int], strength: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = stages.reduced(content, size)
    painted = np.ascontiguousarray(np.clip(1 - small + 0.2 * texture(2, *size), 0, 1), np.float32)
    by_opencv = stages.enlarged(painted, small, content, strength)
    monkeypatch.setattr(stages, "is_installed", lambda: False)
    without = stages.reduced(content, size)
    assert small.shape == (*size, 3)
    # Pillow rounds the windows to whole pixels.
    np.testing.assert_allclose(small, without, atol=1e-5 if size == (60, 80) else 0.08)
    expected = stages.enlarged(painted, small, content, strength)
    assert by_opencv.dtype == np.float32
    assert by_opencv.min() >= 0
    assert by_opencv.max() <= 1
    assert np.abs(by_opencv - expected).mean() < 2 / 255


def test_the_detail_of_the_frame_is_added(content: FloatArray) -> None:
    small = stages.reduced(content, (60, 80))
    np.testing.assert_allclose(stages.enlarged(small, small, content, 0.0), content, atol=1e-5)
    plain = resize(small, (120, 160), "bicubic")
    missing = np.abs(plain - content).mean()
    usual = np.abs(enlarge_with_detail(small, small, content) - content).mean()
    found = np.abs(stages.enlarged(small, small, content) - content).mean()
    assert found < 0.65 * missing
    assert found < 1.1 * usual


def test_a_painting_of_another_size(content: FloatArray) -> None:
    assert stages.enlarged(content, content, content) is content
    larger = stages.reduced(content, (240, 320))
    assert larger.shape == (240, 320, 3)
    back = stages.enlarged(larger, larger, content)
    assert back.shape == content.shape
    assert np.abs(back - content).mean() < 0.02


VIDEOS = Path(os.environ.get("RESTYLE_SHARED", Path(__file__).parents[3] / "shared")) / "data" / "video"


def cuts_in(frames: list[NDArray[np.uint8]]) -> list[int]:
    cuts = SceneCuts()
    return [index for index, frame in enumerate(frames) if cuts(frame)]


def other_scene(count: int) -> list[NDArray[np.uint8]]:
    return [255 - frame[::-1] for frame in moving(count)]


def test_the_first_frame_begins_a_scene_and_motion_none() -> None:
    assert cuts_in(moving(40)) == [0]


def test_a_cut_is_found_at_its_frame() -> None:
    assert cuts_in([*moving(12), *other_scene(9), *moving(7)]) == [0, 12, 21]


def test_a_cut_between_the_first_two_frames_is_found() -> None:
    assert cuts_in([*moving(1), *other_scene(5)]) == [0, 1]


def test_noise_is_no_cut() -> None:
    rng = np.random.default_rng(0)
    noisy = [np.clip(f + rng.normal(0, 12, f.shape), 0, 255).astype(np.uint8) for f in moving(30)]
    assert cuts_in(noisy) == [0]


def test_a_fade_is_no_cut() -> None:
    one, two = moving(1)[0].astype(float), other_scene(1)[0].astype(float)
    fade = [(one + (two - one) * part).astype(np.uint8) for part in np.linspace(0, 1, 30)]
    assert cuts_in(fade) == [0]


def test_a_pan_over_a_texture_is_no_cut() -> None:
    rng = np.random.default_rng(1)
    coarse = rng.integers(0, 256, (6, 40, 3)).repeat(8, 0).repeat(8, 1).astype(np.uint8)
    assert cuts_in([coarse[:, 4 * index : 4 * index + 64] for index in range(40)]) == [0]


def test_deep_frames_are_judged_alike() -> None:
    frames = [*moving(5), *other_scene(5)]
    cuts = SceneCuts()
    assert [i for i, frame in enumerate(frames) if cuts(frame.astype(np.uint16) * 257)] == [0, 5]


@pytest.mark.skipif(not VIDEOS.is_dir(), reason="needs the clips of ../shared")
def test_the_cut_of_a_real_video_is_found() -> None:
    import av

    with av.open(str(VIDEOS / "cutBunny.mp4")) as container:
        frames = [
            frame.reformat(160, 90, "rgb24").to_ndarray()
            for index, frame in enumerate(container.decode(video=0))
            if index >= 180
        ]
    assert cuts_in(frames) == [0, 235 - 180]  # type: ignore[arg-type]
