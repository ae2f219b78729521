"""Cuts are found; motion, noise and fades are none."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from restyle.videos.scenes import SceneCuts
from tests.made_clips import moving

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
