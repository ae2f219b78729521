"""Color maps between drawn photos."""

from __future__ import annotations

import numpy as np
import pytest

from restyle.images.color import rgb_to_oklab
from restyle.images.statistics import LUMA, gaussian_distance
from restyle.methods.photo.segments import Pixels, Values, segment
from restyle.methods.photo.transfer import Transfer, fit_transfer, skin_share
from restyle.types import FloatArray

ONE = np.ones


def pixels(colors: FloatArray) -> Pixels:
    """Pixels without features."""
    lab = rgb_to_oklab(colors.astype(np.float64))
    rank = lab[:, 0].argsort().argsort() / len(lab)
    place = np.column_stack([rank, np.linspace(0, 1, len(lab)), lab[:, 1:] - lab[:, 1:].mean(axis=0)])
    return Pixels(lab, np.ones((len(lab), 12)), place, np.full(len(lab), 1 / len(lab)), (len(lab), 1))


def cloud(mean: tuple[float, float, float], spread: float, seed: int) -> FloatArray:
    rng = np.random.default_rng(seed)
    base = (
        np.array(mean)
        + spread * rng.standard_normal((4000, 1))
        + 0.3 * spread * rng.standard_normal((4000, 3))
    )
    return np.clip(base, 0.02, 0.98).astype(np.float32)


@pytest.fixture(scope="module")
def content() -> FloatArray:
    return cloud((0.45, 0.5, 0.6), 0.1, 0)


@pytest.fixture(scope="module")
def style() -> FloatArray:
    return cloud((0.6, 0.45, 0.3), 0.12, 1)


def moved(content: FloatArray, style: FloatArray, strength: float = 1.0, skin: bool = False) -> FloatArray:
    transfer = fit_transfer(pixels(content), pixels(style), None)
    return transfer(content, ONE((len(content), 1), np.float32), strength, skin)


def distance(a: FloatArray, b: FloatArray) -> float:
    moments = [
        (lab.mean(axis=0), np.cov(lab.T))
        for lab in (rgb_to_oklab(each.astype(np.float64)) for each in (a, b))
    ]
    return float(np.sqrt(np.maximum(gaussian_distance(*moments[0], *moments[1]), 0)))


def test_colors_come_close_to_the_style(content: FloatArray, style: FloatArray) -> None:
    result = moved(content, style)
    assert distance(result, style) < 0.15 * distance(content, style)
    assert result.min() >= 0
    assert result.max() <= 1


@pytest.mark.slow
def test_segments_come_closer_than_one_map() -> None:
    content = np.concatenate([cloud((0.4, 0.5, 0.7), 0.05, 0), cloud((0.4, 0.3, 0.2), 0.05, 1)])
    style = np.concatenate([cloud((0.5, 0.6, 0.9), 0.03, 2), cloud((0.2, 0.1, 0.1), 0.03, 3)])
    parts = segment(pixels(content), pixels(style), 2)
    transfer = fit_transfer(pixels(content), pixels(style), parts)
    result = transfer(content, parts[0].shares.astype(np.float32), 1.0, False)
    single = moved(content, style)
    for part in (slice(4000), slice(4000, None)):
        assert distance(result[part], style[part]) < 0.8 * distance(single[part], style[part])


@pytest.mark.slow
def test_strength_goes_beyond_one(content: FloatArray, style: FloatArray) -> None:
    def mean(strength: float) -> Values:
        lab = rgb_to_oklab(moved(content, style, strength).astype(np.float64))
        return np.asarray(lab.mean(axis=0))

    np.testing.assert_allclose(moved(content, style, 0.0), content, atol=0.01)
    full = mean(1.0) - mean(0.0)
    np.testing.assert_allclose(mean(0.5) - mean(0.0), full / 2, atol=0.01)
    beyond = (mean(1.5) - mean(0.0)) @ full / (full @ full)
    assert 1.2 < beyond < 2


@pytest.mark.slow
@pytest.mark.parametrize("light", [0.08, 0.95])
def test_beyond_one_shadows_and_highlights_keep_detail(light: float) -> None:
    """A style that is far darker, or brighter: detail at 1.5 is most of that at 1."""
    grays = np.repeat(np.linspace(0.1, 0.9, 400, dtype=np.float32)[:, None], 3, axis=1)
    style = np.clip(light + 0.02 * np.random.default_rng(0).standard_normal((4000, 1)), 0, 1) * np.ones(3)
    once, beyond = (
        rgb_to_oklab(moved(grays, style.astype(np.float32), strength).astype(np.float64))[:, 0]
        for strength in (1.0, 1.5)
    )
    assert (beyond - once).mean() * (light - 0.5) > 0, "it goes on in the same direction"
    least = 0.79 * once if light < 0.5 else once
    most = once if light < 0.5 else 1 - 0.59 * (1 - once)
    assert (beyond >= least - 0.01).all()
    assert (beyond <= most + 0.01).all()
    assert (np.diff(beyond) > -1e-6).all()


def test_contrast_is_never_reversed(content: FloatArray) -> None:
    """A style with little contrast, at full strength and beyond."""
    dull = cloud((0.4, 0.45, 0.45), 0.02, 6)
    for strength in (1.0, 1.5):
        grays = np.repeat(np.linspace(0.2, 0.7, 30, dtype=np.float32)[:, None], 3, axis=1)
        transfer = fit_transfer(pixels(content), pixels(dull), None)
        luma = transfer(grays, ONE((30, 1), np.float32), strength, False) @ LUMA
        assert (np.diff(luma) > -1e-4).all()


def test_a_gray_style_gives_gray(content: FloatArray) -> None:
    gray = np.repeat(cloud((0.5, 0.5, 0.5), 0.2, 5)[:, :1], 3, axis=1)
    result = moved(content, gray, skin=True)
    assert np.ptp(result, axis=1).max() < 0.002


def test_lighter_colors_stay_lighter_whatever_their_hue(content: FloatArray, style: FloatArray) -> None:
    transfer = fit_transfer(pixels(content), pixels(style), None)
    red, dark_blue = np.array([[0.85, 0.2, 0.2]], np.float32), np.array([[0.1, 0.1, 0.4]], np.float32)
    one = ONE((1, 1), np.float32)
    assert (transfer(red, one, 1.0, False) @ LUMA).item() > (
        transfer(dark_blue, one, 1.0, False) @ LUMA
    ).item()


@pytest.mark.parametrize(
    "color", [(224, 172, 105), (141, 85, 36), (241, 194, 125), (198, 134, 66), (90, 56, 37)]
)
def test_skin_is_found_and_keeps_a_hue_of_skin(color: tuple[int, int, int]) -> None:
    skin = np.array([color], np.float32) / np.float32(255)
    lab = rgb_to_oklab(skin.astype(np.float64))
    assert skin_share(lab)[0] > 0.5
    blue = Transfer(
        0.3 * np.eye(3)[None], np.array([[0.2, 0.3, 0.5]]), None, None, chroma=0.3, saturation=1.0
    )

    def hue(colors: FloatArray) -> float:
        _, a, b = rgb_to_oklab(colors.astype(np.float64))[0]
        return float(np.degrees(np.arctan2(b, a)))

    one = ONE((1, 1), np.float32)
    kept, lost = hue(blue(skin, one, 1.0, True)), hue(blue(skin, one, 1.0, False))
    assert 30 < kept < 80, "not pink, not green"
    assert abs(lost - hue(skin)) > 60


def test_blacks_are_as_deep_as_the_styles() -> None:
    gray = np.linspace(0.3, 0.7, 200, dtype=np.float32)[:, None] * np.ones(3, np.float32)
    deep = np.concatenate([np.full((20, 3), 0.02), np.linspace(0.4, 0.95, 180)[:, None] * np.ones(3)])
    result = moved(gray, deep.astype(np.float32))
    assert result[0].max() < 0.1
    assert result[-1].min() > 0.85
    assert (np.diff(result.mean(axis=1)) > 0).all()


def test_deep_blacks_of_a_photo_go_half_of_the_way_to_a_faded_style() -> None:
    photo = np.linspace(0.02, 0.95, 200, dtype=np.float32)[:, None] * np.ones(3, np.float32)
    faded = np.linspace(0.35, 0.9, 200, dtype=np.float32)[:, None] * np.ones(3, np.float32)
    assert 0.08 < moved(photo, faded)[0].mean() < 0.25


def test_sky_and_leaves_are_not_skin() -> None:
    colors = np.array([[0.5, 0.7, 0.95], [0.3, 0.5, 0.2], [0.5, 0.5, 0.5], [0.9, 0.1, 0.1]])
    assert skin_share(rgb_to_oklab(colors)).max() < 0.2
