"""Warping error on drawn clips whose motion is known."""

import numpy as np
import pytest

from restyle.errors import InputError
from restyle.evaluate.steadiness import Motion


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
    with pytest.raises(InputError, match="frames are"):
        motion.error([frame[1:] for frame in CONTENT])
    with pytest.raises(InputError, match="two frames"):
        Motion(CONTENT[:1])


def test_progress_and_another_flow() -> None:
    said: list[float] = []
    zero = Motion(CONTENT, flow=lambda a, b: np.zeros((2, *a.shape), np.float32), report=said.append)
    assert said == [0.25, 0.5, 0.75, 1.0]
    assert zero.error(CONTENT) > 1
