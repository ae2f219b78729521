"""Optical flow of known motions, against scikit-image; clips: frames, warping error, figures averaged."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from skimage import data, registration

from restyle.errors import InputError
from restyle.evaluate.bench import Bench, Cache
from restyle.evaluate.metrics import luma
from restyle.evaluate.videos import Motion, VideoSubject, frames_of, small, tvl1, visible, warped
from tests.evaluate.conftest import drawn
from tests.made_clips import make_clip, moving

_astronaut: Any = data.astronaut  # scikit-image has no types
_tvl1: Any = registration.optical_flow_tvl1
WIDE = luma((_astronaut() / 255).astype(np.float32)).astype(np.float32)
INNER = np.s_[12:-12, 12:-12]


def moved(down: float, right: float) -> tuple[np.ndarray, np.ndarray]:
    """Two views, the second after the content moved."""
    still = np.zeros((2, *WIDE.shape), np.float32)
    back = still - np.array([down, right], np.float32)[:, None, None]
    cut = np.s_[100:220, 120:280]
    return WIDE[cut], warped(WIDE, back)[cut]


def endpoint_error(flow: np.ndarray, down: float, right: float) -> float:
    return float(np.hypot(flow[0] - down, flow[1] - right)[INNER].mean())


@pytest.mark.parametrize("motion", [(0, 0), (1.5, -2.25), (-3, 4), (5, -7)])
def test_a_motion_of_the_whole_frame_is_found(motion: tuple[float, float]) -> None:
    assert endpoint_error(tvl1(*moved(*motion)), *motion) < 0.15


@pytest.mark.slow
def test_as_good_as_scikit_image() -> None:
    one, two = moved(1.5, -2.25)
    ours = endpoint_error(tvl1(one, two), 1.5, -2.25)
    theirs = endpoint_error(_tvl1(one, two), 1.5, -2.25)
    assert ours < theirs + 0.05


def test_two_things_that_move_apart() -> None:
    texture = np.random.default_rng(0).random((96, 96)).astype(np.float32)
    texture = np.asarray(
        sum(np.roll(texture, (a, b), (0, 1)) for a in range(3) for b in range(3)) / 9, np.float32
    )
    still, patch = texture.copy(), texture[30:60, 30:60]
    one, two = still.copy(), still.copy()
    one[34:64, 20:50], two[34:64, 24:54] = patch, patch
    flow = tvl1(one, two)
    assert np.median(flow[1, 40:58, 28:44]) == pytest.approx(4, abs=0.3)
    assert np.abs(np.median(flow[:, 5:25, 60:90])) < 0.1


def test_what_is_covered_is_not_visible() -> None:
    forward = np.zeros((2, 20, 30), np.float32)
    backward = np.zeros((2, 20, 30), np.float32)
    forward[1, :, 10:15] = 6  # these go right; what they land on says that it came from elsewhere
    seen = visible(forward, backward)
    assert not seen[:, 10:15].any()
    assert seen[:, :10].all()
    assert seen[:, 15:].all()


def test_what_leaves_the_frame_is_not_visible() -> None:
    forward = np.full((2, 8, 8), 0, np.float32)
    forward[1] = 3
    seen = visible(forward, -forward)
    assert not seen[:, 5:].any()
    assert seen[:, :5].all()


def test_warping_by_whole_pixels_moves_them() -> None:
    picture = np.random.default_rng(0).random((9, 11, 3)).astype(np.float32)
    flow = np.zeros((2, 9, 11), np.float32)
    flow[0], flow[1] = 2, -1
    assert np.array_equal(warped(picture, flow)[:7, 1:], picture[2:, :-1])
    assert np.array_equal(warped(picture[..., 0], 0 * flow), picture[..., 0])


def texture(seed: int = 0, size: tuple[int, int] = (80, 140)) -> np.ndarray:
    noise = np.random.default_rng(seed).random((*size, 3)).astype(np.float32)
    soft = sum(np.roll(noise, (a, b), (0, 1)) for a in range(5) for b in range(5)) / 25
    return np.asarray(np.clip(0.5 + 3 * (soft - 0.5), 0, 1), np.float32)


def panned(picture: np.ndarray, count: int = 5, step: int = 2) -> list[np.ndarray]:
    return [picture[:, 4 + step * i : 100 + step * i] for i in range(count)]


CONTENT = panned(texture())


@pytest.fixture(scope="module")
def motion() -> Motion:
    return Motion(CONTENT)


@pytest.mark.slow
def test_what_moves_with_the_content_is_steady(motion: Motion) -> None:
    assert motion.error(CONTENT) < 0.3
    assert motion.error(panned(1 - texture())) < 0.3  # other colours, the same motion


def test_flicker_is_its_square(motion: Motion) -> None:
    """Every other frame .1 brighter: each pair differs by .1 everywhere, 10 thousandths."""
    calm = [np.full_like(frame, 0.5) for frame in CONTENT]
    flickering = [frame + np.float32(0.1 * (i % 2)) for i, frame in enumerate(calm)]
    assert motion.error(calm) == 0
    assert motion.error(flickering) == pytest.approx(10, rel=1e-3)


def test_texture_that_sticks_to_the_frame_is_unsteady(motion: Motion) -> None:
    stuck = [texture(7)[:, :96]] * len(CONTENT)
    assert motion.error(stuck) > 10 * motion.error(CONTENT)


@pytest.mark.slow
def test_nothing_is_compared_over_a_cut() -> None:
    other = [
        np.clip(frame * np.float32(0.3) + [0.6, 0, 0], 0, 1).astype(np.float32)
        for frame in panned(texture(9))
    ]
    film = [*CONTENT[:3], *other[:3]]
    cut = Motion(film)
    assert cut.error(film) < 1
    alone = [film[0], other[0]]
    assert np.isnan(Motion(alone).error(alone))


def test_films_that_do_not_fit_are_refused(motion: Motion) -> None:
    with pytest.raises(InputError, match="has 4 frames, its content 5"):
        motion.error(CONTENT[:4])
    with pytest.raises(InputError, match="frames of 96 x 79 px"):
        motion.error([frame[1:] for frame in CONTENT])
    with pytest.raises(InputError, match="two frames"):
        Motion(CONTENT[:1])


def test_progress_and_another_flow() -> None:
    said: list[float] = []
    zero = Motion(CONTENT, flow=lambda a, b: np.zeros((2, *a.shape), np.float32), report=said.append)
    assert said == [0.25, 0.5, 0.75, 1.0]
    assert zero.error(CONTENT) > 1


MakeBench = Callable[..., Bench]
SIZE = (80, 112)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("clips") / "ball.mp4", moving(6, SIZE))


def film_subject(bench: Bench, clip: Path) -> VideoSubject:
    content = [bench.fitted(frame) for frame in frames_of(clip, 5)]
    return VideoSubject(bench, content, bench.fitted((drawn(3) / 255).astype(np.float32)))


def test_frames_are_the_first_ones(clip: Path) -> None:
    frames = frames_of(clip, 4)
    assert len(frames) == 4
    assert len(frames_of(clip, 100)) == 6
    assert frames[0].shape == (*SIZE, 3)
    assert np.abs(frames[0] - moving(1, SIZE)[0] / 255).mean() < 0.03


def test_a_film_too_short_is_refused(tmp_path: Path) -> None:
    still = make_clip(tmp_path / "still.mp4", moving(1, SIZE))
    with pytest.raises(InputError, match="has 1 frames; temporal error needs two"):
        frames_of(still, 8)


def test_a_folder_of_frames_is_a_film(clip: Path, tmp_path: Path) -> None:
    from restyle.images import picture

    for index, frame in enumerate(frames_of(clip, 3)):
        picture.save_image(
            picture.from_array(np.round(frame * 255).astype(np.uint8)), tmp_path / f"{index:03d}.png"
        )
    again = frames_of(tmp_path, 2)
    assert len(again) == 2
    assert np.abs(again[1] - frames_of(clip, 2)[1]).max() < 1 / 255


@pytest.mark.slow
def test_trivial_films(make_bench: MakeBench, clip: Path) -> None:
    subject = film_subject(make_bench(), clip)
    content = subject.measure(subject.content).figures
    assert content["content"] == 0
    assert content["temporal"] < 1
    style = subject.measure(subject.style_copy()).figures
    assert style["style"] < content["style"]
    # A still picture does not follow the motion, but does not flicker in what lies still either.
    assert style["temporal"] < 20


@pytest.mark.slow
def test_flicker_is_told(make_bench: MakeBench, clip: Path) -> None:
    subject = film_subject(make_bench(), clip)
    dim = [frame * np.float32(0.8) for frame in subject.content]
    flickering = [frame + np.float32(0.1 * (index % 2)) for index, frame in enumerate(dim)]
    steady = subject.measure(dim).figures["temporal"]
    assert subject.measure(flickering).figures["temporal"] > steady + 8  # .1 squared is 10 thousandths


def test_films_that_do_not_fit(make_bench: MakeBench, clip: Path) -> None:
    subject = film_subject(make_bench(), clip)
    with pytest.raises(InputError, match=r"out\.mp4: has 4 frames, its content has 5"):
        subject.fitted(subject.content[:4], "out.mp4")
    with pytest.raises(InputError, match="another aspect"):
        subject.fitted([frame[:, :80] for frame in subject.content])


@pytest.mark.slow
def test_temporal_error_is_kept(make_bench: MakeBench, clip: Path, tmp_path: Path) -> None:
    subject = film_subject(make_bench(cache=Cache(tmp_path)), clip)
    first = subject.measure(subject.content)
    other = film_subject(make_bench(cache=Cache(tmp_path)), clip)
    assert other.measure(other.content).figures == first.figures
    assert "motion" not in vars(other), "the flow was looked for again"


def test_motion_is_looked_for_in_small_frames() -> None:
    assert small(np.zeros((500, 1000, 3), np.float32)).shape == (160, 320, 3)
    assert small(np.zeros((100, 90, 3), np.float32)).shape == (100, 90, 3)
