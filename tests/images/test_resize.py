"""Four halved pictures, and what their average is good for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from restyle.errors import OptionError
from restyle.images.geometry import join_phases, split_phases
from restyle.images.resize import MAX_GAIN, enlarge_with_detail, fill_hidden, fit_size, resize, slopes
from restyle.types import FloatArray

METHODS = ["lanczos", "area", "bilinear"]
sides = st.integers(1, 60)


def gradient(height: int, width: int) -> FloatArray:
    """A picture that is linear in both directions, by the centres of its pixels."""
    y = (np.arange(height) + 0.5) / height
    x = (np.arange(width) + 0.5) / width
    plane = 0.2 + 0.3 * y[:, None] + 0.3 * x[None, :]
    return np.stack([plane, 1 - plane, np.full_like(plane, 0.5)], axis=-1).astype(np.float32)


@settings(max_examples=60, deadline=None)
@given(height=sides, width=sides, to=st.tuples(sides, sides), method=st.sampled_from(METHODS))
def test_size_range_and_flat_colors_are_exact(
    height: int, width: int, to: tuple[int, int], method: str
) -> None:
    flat = np.broadcast_to(np.array([0.25, 0.5, 1.0], np.float32), (height, width, 3))
    result = resize(np.ascontiguousarray(flat), to, method)
    assert result.shape == (*to, 3)
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, np.broadcast_to(flat[0, 0], result.shape), atol=1e-6)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("to", [(20, 30), (37, 53), (160, 240), (80, 300)])
def test_nothing_shifts(method: str, to: tuple[int, int]) -> None:
    result = resize(gradient(80, 120), to, method)
    inner = np.s_[to[0] // 8 : -to[0] // 8, to[1] // 8 : -to[1] // 8]
    # a box may be off by half a pixel where it holds a fraction of pixels
    tolerance = 0.004 if method == "area" else 5e-4
    np.testing.assert_allclose(result[inner], gradient(*to)[inner], atol=tolerance)


def test_area_is_the_mean() -> None:
    picture = np.random.default_rng(0).random((12, 18, 3), np.float32)
    blocks = picture.reshape(4, 3, 6, 3, 3).mean(axis=(1, 3))
    np.testing.assert_allclose(resize(picture, (4, 6), "area"), blocks, atol=1e-6)


def test_shrinking_does_not_alias() -> None:
    stripes = np.zeros((64, 64, 3), np.float32)
    stripes[:, ::2] = 1
    small = resize(stripes, (16, 16))
    assert np.abs(small - 0.5).max() < 0.05


def test_the_same_size_is_a_copy() -> None:
    picture = gradient(4, 5)
    result = resize(picture, (4, 5))
    np.testing.assert_array_equal(result, picture)
    assert not np.shares_memory(result, picture)


def test_one_channel() -> None:
    alpha = gradient(10, 12)[..., 0]
    np.testing.assert_array_equal(resize(alpha, (5, 6)), resize(gradient(10, 12), (5, 6))[..., 0])


def test_views_work() -> None:
    picture = gradient(20, 24)
    np.testing.assert_array_equal(
        resize(picture[::-1, ::2], (5, 5)), resize(picture[::-1, ::2].copy(), (5, 5))
    )


def test_what_hides_under_transparency_does_not_bleed() -> None:
    picture = np.zeros((40, 40, 3), np.float32)  # black where it cannot be seen ...
    alpha = np.zeros((40, 40), np.float32)
    picture[10:30, 10:30], alpha[10:30, 10:30] = 1, 1  # ... white where it can
    for size in ((17, 17), (100, 90)):
        visible = resize(alpha, size) > 0.02
        assert resize(picture, size)[visible].min() < 0.7
        assert resize(picture, size, alpha=alpha)[visible].min() > 0.95
    opaque = np.ones((40, 40), np.float32)
    np.testing.assert_allclose(resize(picture, (9, 9), alpha=opaque), resize(picture, (9, 9)), atol=1e-6)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"short": 300}, (300, 400)),
        ({"long": 1024}, (768, 1024)),
        ({"long": 1}, (1, 1)),
    ],
)
def test_fit_size(options: dict[str, int], expected: tuple[int, int]) -> None:
    assert fit_size((3000, 4000), **options) == expected


@given(size=st.tuples(st.integers(1, 9000), st.integers(1, 9000)), side=st.integers(1, 9000))
def test_the_given_side_is_exact_and_the_aspect_kept(size: tuple[int, int], side: int) -> None:
    assert min(fit_size(size, short=side)) == side
    assert max(fit_size(size, long=side)) == side
    height, width = fit_size(size, long=side)
    assert abs(height - size[0] * side / max(size)) <= 0.5 or height == 1
    assert abs(width - size[1] * side / max(size)) <= 0.5 or width == 1


@pytest.mark.parametrize(
    "options",
    [{}, {"short": 0}, {"long": -3}, {"short": 5, "long": 9}, {"short": 5, "most": 5}],
)
def test_bad_sizes(options: dict[str, int]) -> None:
    with pytest.raises(OptionError):
        fit_size((10, 10), **options)


def test_bad_options() -> None:
    with pytest.raises(OptionError, match="size 0 x 5"):
        resize(gradient(4, 4), (5, 0))
    with pytest.raises(OptionError, match="unknown resize method 'cubic'; use one of lanczos"):
        resize(gradient(4, 4), (5, 5), "cubic")


NOISE = np.random.default_rng(0).random((12, 18, 3)).astype(np.float32)


def test_each_phase_is_the_mean_of_its_four_pixels() -> None:
    parts = split_phases(NOISE)
    assert [part.shape[:2] for part in parts] == [(7, 10), (7, 9), (6, 10), (6, 9)]
    np.testing.assert_allclose(parts[3], NOISE.reshape(6, 2, 9, 2, 3).mean((1, 3)), atol=1e-6)
    np.testing.assert_allclose(
        parts[0][1:-1, 1:-1], NOISE[1:-1, 1:-1].reshape(5, 2, 8, 2, 3).mean((1, 3)), atol=1e-6
    )


@pytest.mark.parametrize("size", [(2, 2), (2, 40), (12, 18)])
def test_joined_they_have_the_size_again(size: tuple[int, int]) -> None:
    flat = np.full((*size, 3), 0.25, np.float32)
    assert (join_phases(split_phases(flat)) == flat).all()


def test_joined_they_lie_where_they_were() -> None:
    """A ramp comes back to the last bit but at the border: nothing is shifted by half a pixel."""
    ramp = np.repeat(np.linspace(0, 1, 40, dtype=np.float32)[None, :, None], 3, -1).repeat(16, 0)
    np.testing.assert_allclose(join_phases(split_phases(ramp))[:, 1:-1], ramp[:, 1:-1], atol=1e-6)


def test_a_slanted_line_is_smoother_than_one_enlarged() -> None:
    """What is drawn into each small picture, here by a threshold, has finer steps in their average."""
    y, x = np.mgrid[:64, :64].astype(np.float32)
    edge = np.clip((x - y / 3 - 20) / 4 + 0.5, 0, 1).astype(np.float32)[..., None].repeat(3, -1)

    def drawn(picture: FloatArray) -> FloatArray:
        return (picture > 0.5).astype(np.float32)

    ideal = resize(drawn(edge.repeat(4, 0).repeat(4, 1)), (64, 64), "area")
    four = join_phases([drawn(part) for part in split_phases(edge)])
    one = drawn(split_phases(edge)[3]).repeat(2, 0).repeat(2, 1)
    assert np.square(four - ideal).mean() < 0.6 * np.square(one - ideal).mean()


def test_hidden_colors_are_filled_from_visible_ones() -> None:
    alpha = np.zeros((9, 12), np.float32)
    alpha[2:5, 3:7] = 1
    red, hidden = (
        np.array([0.8, 0.1, 0.2], np.float32),
        np.random.default_rng(0).random((9, 12, 3), np.float32),
    )
    pixels = np.where(alpha[..., None] > 0, red, hidden)
    np.testing.assert_allclose(fill_hidden(pixels, alpha), np.broadcast_to(red, (9, 12, 3)), atol=1e-5)
    np.testing.assert_array_equal(
        fill_hidden(pixels, alpha), fill_hidden(np.where(alpha[..., None] > 0, red, 0), alpha)
    )
    opaque = np.ones_like(alpha)
    assert fill_hidden(pixels, opaque) is pixels
    assert (fill_hidden(pixels, opaque * 0) == 0.5).all()


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
