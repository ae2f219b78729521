"""Films: frames read, motion measured, figures averaged, on a drawn clip."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from restyle.errors import InputError
from restyle.evaluate.bench import Bench
from restyle.evaluate.cache import Cache
from restyle.evaluate.videos import VideoSubject, frames_of, small
from tests.evaluate.conftest import drawn
from tests.made_clips import make_clip, moving

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
