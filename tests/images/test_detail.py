"""A small painting at the size of its photo: strokes whole, edges crisp, nothing beside them."""

from __future__ import annotations

import numpy as np
import pytest

from restyle.images.detail import MAX_GAIN, enlarge_with_detail, slopes
from restyle.images.resize import join_phases, resize, split_phases
from restyle.types import FloatArray

RNG = np.random.default_rng(0)


def photo_of(height: int = 240, width: int = 320) -> FloatArray:
    """Soft shapes, an edge, and fine lines on one half."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    plane = 0.4 + 0.15 * np.sin(x / 31) * np.cos(y / 23) + 0.2 * (x > 3 * y)
    plane += np.where(x > width / 2, 0.08 * np.sin(x * 2.2), 0)
    return np.asarray(np.clip(plane[..., None] * np.array([1, 0.9, 0.7]), 0, 1), np.float32)


def seen_of(photo: FloatArray, part: int = 4) -> FloatArray:
    small = resize(photo, (2 * (photo.shape[0] // part // 2), 2 * (photo.shape[1] // part // 2)), "area")
    return join_phases(split_phases(small))


def test_strength_0_gives_the_photo_back() -> None:
    photo = photo_of()
    seen = seen_of(photo)
    assert np.abs(enlarge_with_detail(seen, seen, photo, strength=0) - photo).max() < 1e-5


@pytest.mark.parametrize("size", [(240, 320), (243, 317), (97, 16)])
def test_exact_size(size: tuple[int, int]) -> None:
    photo = RNG.random((*size, 3)).astype(np.float32)
    seen = seen_of(photo)
    out = enlarge_with_detail(seen * 0.5, seen, photo)
    assert out.shape == photo.shape
    assert out.dtype == np.float32
    assert out.min() >= 0
    assert out.max() <= 1


def test_detail_is_kept_as_strongly_as_the_painting_follows_the_photo() -> None:
    """A painting that is the photo's luminance at half its contrast: fine lines come at half theirs, too."""
    photo = photo_of()
    luma = (photo @ np.array([0.299, 0.587, 0.114], np.float32))[..., None].repeat(3, -1)
    seen = seen_of(photo)
    small = seen_of(luma)
    out = enlarge_with_detail(0.3 + 0.5 * small, seen, photo)
    lines = np.s_[20:-20, 180:-20]
    alone = resize(0.3 + 0.5 * small, (240, 320), "bicubic")
    ideal = 0.3 + 0.5 * luma
    assert np.abs(alone - ideal)[lines].mean() > 0.02
    assert np.abs(out - ideal)[lines].mean() < 0.005


def test_edges_are_crisp_and_have_no_halo() -> None:
    """Beside a hard edge the result stays within a fiftieth of the two tones that the painting has there."""
    photo = np.full((200, 200, 3), 0.2, np.float32)
    photo[:, 101:] = 0.8
    seen = seen_of(photo)
    for slope, base in ((0.7, 0.1), (0.3, 0.5), (1.2, 0.0)):
        out = enlarge_with_detail(base + slope * seen, seen, photo)
        dark, light = base + slope * 0.2, base + slope * 0.8
        assert out.min() > dark - 0.02
        assert out.max() < light + 0.02
        rise = np.abs(np.diff(out[100, :, 0])).max()
        assert rise > 0.9 * (light - dark)  # within one pixel
    negative = enlarge_with_detail(0.9 - 0.7 * seen, seen, photo)
    assert negative.min() > 0.9 - 0.7 * 0.8 - 0.06  # not sharpened, and not reversed either
    assert negative.max() < 0.9 - 0.7 * 0.2 + 0.06


def test_strokes_of_the_painting_stay_whole() -> None:
    """Where the photo has nothing, the result is the painting, enlarged."""
    photo = np.full((160, 160, 3), 0.5, np.float32)
    seen = seen_of(photo)
    painted = np.clip(resize(RNG.random((10, 10, 3)).astype(np.float32), seen.shape[:2]), 0, 1)
    out = enlarge_with_detail(painted, seen, photo)
    ideal = np.clip(resize(painted, (160, 160), "bicubic"), 0, 1)
    np.testing.assert_allclose(out, ideal, atol=1e-5)


def test_noise_of_the_photo_is_no_stronger_than_in_it() -> None:
    photo = np.clip(0.5 + RNG.normal(0, 0.02, (160, 160, 1)), 0, 1).astype(np.float32).repeat(3, -1)
    seen = seen_of(photo)
    painted = np.clip(seen + RNG.normal(0, 0.1, seen.shape), 0, 1).astype(np.float32)
    out = enlarge_with_detail(painted, seen, photo)
    alone = resize(painted, (160, 160), "bicubic")
    assert (out - alone).std() < 1.1 * photo.std()


def test_slopes_are_bounded() -> None:
    light = RNG.random((40, 50)).astype(np.float32)
    channels = np.stack([light / 2, 1 - light, np.clip(4 * light, 0, 3)], -1).astype(np.float32)
    gains = slopes(light, channels)
    assert gains[..., 0] == pytest.approx(0.5, abs=0.01)
    assert (gains[..., 1] == 0).all()
    assert gains.max() <= MAX_GAIN
    assert (slopes(np.full((9, 9), 0.5, np.float32), np.full((9, 9, 3), 0.1, np.float32)) < 1e-3).all()
