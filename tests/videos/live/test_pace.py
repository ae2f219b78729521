"""The resolution follows what the machine manages."""

from __future__ import annotations

from itertools import pairwise

from restyle.videos.live.pace import SIZES, Pace


def run(pace: Pace, per_megapixel: float, frames: int = 400, now: float = 1.0) -> list[int]:
    """Let a machine with this speed (16:9 frames) paint so many frames; return the sizes."""
    sizes = []
    for _ in range(frames):
        sizes.append(pace.size)
        took = 0.004 + per_megapixel * pace.size**2 * 9 / 16 / 1e6
        now += took
        pace.took(took, now)
    return sizes


def test_the_first_size_follows_from_a_trial() -> None:
    for seconds, expected in ((0.001, 1280), (0.010, 640), (0.060, 256), (5.0, 96)):
        pace = Pace(0.2, 1280)
        pace.start(seconds * (SIZES[pace.trial] / 224) ** 2)
        assert pace.size == expected


def test_every_frame_leaves_time_to_wait_for_the_one_before() -> None:
    """Settled, a frame takes less than half of the delay: it may have waited as long as it takes."""
    for per_megapixel in (0.05, 0.3, 1.0, 3.0):
        pace = Pace(0.2, 1280)
        pace.start(per_megapixel * SIZES[pace.trial] ** 2 * 9 / 16 / 1e6)
        size = run(pace, per_megapixel)[-1]
        assert 0.004 + per_megapixel * size**2 * 9 / 16 / 1e6 <= 0.1
        larger = next((each for each in SIZES if each > size), None)
        assert size == 1280 or per_megapixel * (larger or 0) ** 2 * 9 / 16 / 1e6 > 0.06


def test_a_machine_that_slows_down_paints_smaller_and_recovers() -> None:
    pace = Pace(0.2, 1280)
    pace.start(0.012)
    first = run(pace, 0.4)[-1]
    slow = run(pace, 4.0, now=100.0)[-1]
    again = run(pace, 0.4, now=200.0)[-1]
    assert slow < first / 2
    assert again > slow


def test_it_does_not_swing_to_and_fro() -> None:
    pace = Pace(0.2, 1280)
    pace.start(0.012)
    sizes = run(pace, 0.41, 1500)
    assert sum(one != two for one, two in pairwise(sizes[300:])) <= 4


def test_a_fixed_size_stays_and_no_size_exceeds_the_camera() -> None:
    pace = Pace(0.2, 1280, fixed=640)
    pace.start(3.0)
    assert set(run(pace, 9.0, 50)) == {640}
    small = Pace(0.2, 100)
    small.start(1e-6)
    assert set(run(small, 1e-6, 50)) == {100}


def test_a_frame_that_would_come_too_late_is_left_out() -> None:
    pace = Pace(0.2, 640)
    for _ in range(12):
        pace.took(0.05, 1.0)
    assert not pace.too_old(0.14)
    assert pace.too_old(0.16)
    for _ in range(12):
        pace.took(0.5, 1.0)  # however slow it is, what is newest is shown
    assert not pace.too_old(0.09)


def test_painting_smaller_is_no_cure_for_what_does_not_depend_on_the_size() -> None:
    """An encoder that takes most of the time allowed must not drive the picture down to a stamp."""
    pace = Pace(0.2, 1280)
    pace.start(0.012)
    now = 1.0
    for _ in range(400):
        painting = 0.3 * pace.size**2 * 9 / 16 / 1e6
        now += 0.085 + painting
        pace.took(0.085 + painting, now, painting)
    assert pace.size >= 160  # painting is a twentieth of the frame's time there
    for _ in range(400):
        painting = 0.3 * pace.size**2 * 9 / 16 / 1e6
        now += 0.02 + painting
        pace.took(0.02 + painting, now, painting)
    assert pace.size >= 512
