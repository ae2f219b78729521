"""Brightness and contrast: neutral at 1, and Pillow's in between."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image, ImageEnhance
from scipy.interpolate import RegularGridInterpolator
from skimage import data
from skimage.color import rgb2yiq

from restyle.errors import OptionError
from restyle.images import color as colors
from restyle.images.color import (
    ColorLut,
    adjust_brightness,
    adjust_contrast,
    colors_only,
    fit_lut,
    fit_palette,
    keep_luminance,
    keep_statistics,
    oklab_into_gamut,
    oklab_to_rgb,
    rgb_to_oklab,
)
from restyle.images.statistics import LUMA, random_directions
from restyle.types import FloatArray

pixels = arrays(np.float32, (3, 4, 3), elements=st.floats(0, 1, width=32))


def unit(levels: npt.NDArray[np.uint8]) -> FloatArray:
    return levels.astype(np.float32) / np.float32(255)


@pytest.fixture(scope="module")
def cat() -> FloatArray:
    photo: npt.NDArray[np.uint8] = data.chelsea()  # type: ignore[no-untyped-call]
    return unit(photo)


@pytest.fixture(scope="module")
def coffee() -> FloatArray:
    photo: npt.NDArray[np.uint8] = data.coffee()  # type: ignore[no-untyped-call]
    return unit(photo)[:300, :451]


def moments(picture: FloatArray) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    flat = picture.reshape(-1, 3).astype(np.float64)
    return flat.mean(axis=0), np.cov(flat.T, bias=True)


def detail(picture: FloatArray) -> FloatArray:
    """What a pixel differs by from its four neighbours, in luma."""
    luma = picture @ LUMA
    around = (luma[:-2, 1:-1] + luma[2:, 1:-1] + luma[1:-1, :-2] + luma[1:-1, 2:]) / 4
    return np.asarray(luma[1:-1, 1:-1] - around)


def test_oklab_of_the_paper() -> None:
    """White, and the sRGB primaries as Ottosson 2020 gives them."""
    rgb = np.array([[1, 1, 1], [1, 0, 0], [0, 1, 0], [0, 0, 1]], np.float64)
    expected = np.array(
        [[1, 0, 0], [0.62796, 0.22486, 0.12585], [0.86644, -0.23389, 0.1795], [0.45201, -0.03246, -0.31153]]
    )
    np.testing.assert_allclose(rgb_to_oklab(rgb), expected, atol=1e-4)


@given(pixels)
def test_oklab_there_and_back(picture: FloatArray) -> None:
    np.testing.assert_allclose(oklab_to_rgb(rgb_to_oklab(picture.astype(np.float64))), picture, atol=1e-5)


@given(pixels, pixels)
def test_hue_is_the_contents(content: FloatArray, styled: FloatArray) -> None:
    result = keep_luminance(content, styled)
    assert result.dtype == np.float32
    assert result.min() >= 0
    assert result.max() <= 1
    got, own = rgb2yiq(result), rgb2yiq(content)
    cross = got[..., 1] * own[..., 2] - got[..., 2] * own[..., 1]
    np.testing.assert_allclose(cross, 0, atol=1e-4)  # the same hue ...
    grown = np.linalg.norm(got[..., 1:], axis=-1) <= 2 * np.linalg.norm(own[..., 1:], axis=-1) + 1e-4
    assert grown.all()


def test_dark_red_stays_dark_red_in_a_light_style() -> None:
    """The style is light blue and turns the plate nearly white, with stripes as strokes."""
    content = np.full((120, 160, 3), 0.9, np.float32)
    content[30:90, 40:120] = (0.45, 0.08, 0.06)
    stripes = np.where(np.arange(160) % 8 < 4, 0.06, -0.06).astype(np.float32)[None, :, None]
    styled = np.clip(0.8 + 0.1 * content * (0.6, 0.8, 1) + stripes, 0, 1).astype(np.float32)
    result = keep_luminance(content, styled)
    plate, table = result[36:84, 48:112], result[5:20]
    np.testing.assert_allclose(plate.mean((0, 1)), (0.45, 0.08, 0.06), atol=0.06)
    np.testing.assert_allclose(table.mean((0, 1)), 0.9, atol=0.1)
    assert plate.std(1).mean() > 0.02, "the strokes are there"


def test_luminance_of_itself_is_itself(cat: FloatArray) -> None:
    np.testing.assert_allclose(keep_luminance(cat, cat), cat, atol=1e-5)


def test_luminance_needs_pictures_of_one_size(cat: FloatArray) -> None:
    with pytest.raises(OptionError, match="differ in size"):
        keep_luminance(cat, cat[:-1])


def test_statistics_are_the_contents() -> None:
    generator = np.random.default_rng(0)
    mix_a, mix_b = generator.standard_normal((2, 3, 3)) * 0.03
    a = (0.5 + generator.standard_normal((300, 200, 3)) @ mix_a).astype(np.float32)
    b = (0.45 + generator.standard_normal((300, 200, 3)) @ mix_b).astype(np.float32)
    mean, covariance = moments(keep_statistics(a, b))
    wanted_mean, wanted_covariance = moments(a)
    np.testing.assert_allclose(mean, wanted_mean, atol=1e-3)
    np.testing.assert_allclose(covariance, wanted_covariance, atol=2e-4)


def test_statistics_of_itself_is_itself(cat: FloatArray) -> None:
    np.testing.assert_allclose(keep_statistics(cat, cat), cat, atol=1e-5)


def test_statistics_do_not_blow_up_grain(cat: FloatArray) -> None:
    """An ink drawing has no color to bring back; what little there is must not be multiplied without end."""
    generator = np.random.default_rng(1)
    ink = np.repeat(cat[..., :1], 3, axis=-1) + generator.normal(0, 0.002, cat.shape).astype(np.float32)
    result = keep_statistics(cat, np.clip(ink, 0, 1))
    chroma = rgb2yiq(result)[..., 1:]
    assert (chroma - np.median(chroma, axis=(0, 1))).std() < 0.05


def test_palette_moves_toward_the_styles(cat: FloatArray, coffee: FloatArray) -> None:
    axes = random_directions(3, 32, seed=9)

    def cloud(picture: FloatArray) -> npt.NDArray[np.float64]:
        return rgb_to_oklab(picture.reshape(-1, 3)[::23].astype(np.float64)).T

    def chroma_distance(picture: FloatArray) -> float:
        flat = axes.copy()
        flat[:, 0] = 0  # only the two axes of chroma
        return float(np.mean((np.sort(flat @ cloud(picture)) - np.sort(flat @ cloud(coffee))) ** 2))

    result = colors_only(cat, coffee)
    assert chroma_distance(result) < chroma_distance(cat) / 4


def test_structure_stays(cat: FloatArray, coffee: FloatArray) -> None:
    result = colors_only(cat, coffee)
    before, after = detail(cat), detail(result)
    assert np.corrcoef(before.ravel(), after.ravel())[0, 1] > 0.97
    assert 0.5 < after.std() / before.std() < 2


def test_one_color_becomes_one_color(cat: FloatArray, coffee: FloatArray) -> None:
    cube = fit_palette(cat, coffee)
    swapped = np.ascontiguousarray(cat[::-1, ::-1])
    np.testing.assert_array_equal(cube.apply(swapped), cube.apply(cat)[::-1, ::-1])


def test_smooth_gradients_have_no_bands(cat: FloatArray) -> None:
    ramp = np.linspace(0, 1, 2048, dtype=np.float32)[None, :, None] * np.ones((4, 1, 3), np.float32)
    result = colors_only(ramp, cat)
    assert np.abs(np.diff(result, axis=1)).max() < 3 * 2 / 2047
    assert np.abs(np.diff(result, n=2, axis=1)).max() < 1e-3 / 2


@pytest.mark.slow
@pytest.mark.parametrize("spread", [0.0, 0.005, 0.02])
def test_grain_of_a_flat_picture_is_not_spread_over_the_palette(coffee: FloatArray, spread: float) -> None:
    grain = np.random.default_rng(2).normal(0, spread, (80, 90, 3))
    flat = np.clip(0.5 + grain, 0, 1).astype(np.float32)
    result = colors_only(flat, coffee)
    assert result.std(axis=(0, 1)).max() < 2.2 * spread + 1e-3


def test_colors_only_of_its_own_palette_changes_little(cat: FloatArray) -> None:
    assert np.abs(colors_only(cat, cat) - cat).mean() < 0.01


@pytest.mark.slow
def test_the_palette_may_have_any_size(cat: FloatArray) -> None:
    for height, width in ((1, 1), (3, 5), (200, 2)):
        assert colors_only(cat[:40, :50], cat[:height, :width]).shape == (40, 50, 3)
    assert colors_only(cat[:1, :1], cat).shape == (1, 1, 3)


@pytest.mark.slow
def test_results_are_the_same_every_time(cat: FloatArray, coffee: FloatArray) -> None:
    np.testing.assert_array_equal(colors_only(cat, coffee), colors_only(cat, coffee))


def test_inputs_are_left_alone(cat: FloatArray, coffee: FloatArray) -> None:
    before = cat.copy(), coffee.copy()
    for function in (keep_luminance, keep_statistics, colors_only):
        function(cat, coffee)
    np.testing.assert_array_equal(cat, before[0])
    np.testing.assert_array_equal(coffee, before[1])


def test_bands_do_not_show(monkeypatch: pytest.MonkeyPatch, cat: FloatArray, coffee: FloatArray) -> None:
    whole = keep_luminance(cat, coffee), keep_statistics(cat, coffee)
    monkeypatch.setattr(colors, "_CHUNK_ROWS", 7)
    np.testing.assert_array_equal(keep_luminance(cat, coffee), whole[0])
    np.testing.assert_allclose(keep_statistics(cat, coffee), whole[1], atol=1e-6)


@pytest.fixture(scope="module")
def picture() -> FloatArray:
    return np.random.default_rng(0).random((30, 40, 3), np.float32)


@pytest.mark.parametrize("adjust", [adjust_brightness, adjust_contrast])
def test_one_changes_nothing(picture: FloatArray, adjust: object) -> None:
    assert callable(adjust)
    before = picture.copy()
    np.testing.assert_allclose(adjust(picture, 1.0), before, atol=1e-6)
    np.testing.assert_array_equal(picture, before)


@pytest.mark.parametrize("factor", [0.0, 0.5, 1.3, 3.0])
def test_agrees_with_pillow(picture: FloatArray, factor: float) -> None:
    levels = np.rint(picture * 255).astype(np.uint8)
    unit = levels.astype(np.float32) / np.float32(255)
    image = Image.fromarray(levels)
    bright = np.asarray(ImageEnhance.Brightness(image).enhance(factor))
    contrast = np.asarray(ImageEnhance.Contrast(image).enhance(factor))
    assert np.abs(adjust_brightness(unit, factor) * 255 - bright).max() <= 1.01
    # Pillow rounds the mean that it pivots on to a whole level
    assert np.abs(adjust_contrast(unit, factor) * 255 - contrast).max() <= 1.01 + abs(1 - factor)


def test_results_stay_in_range(picture: FloatArray) -> None:
    for result in (adjust_brightness(picture, 5), adjust_contrast(picture, 5)):
        assert result.dtype == np.float32
        assert result.min() >= 0
        assert result.max() <= 1


@pytest.mark.parametrize("factor", [-0.1, float("nan"), float("inf")])
def test_bad_factors(picture: FloatArray, factor: float) -> None:
    with pytest.raises(OptionError, match="brightness"):
        adjust_brightness(picture, factor)
    with pytest.raises(OptionError, match="contrast"):
        adjust_contrast(picture, factor)


def test_colors_outside_the_gamut_lose_chroma_and_keep_lightness() -> None:
    lab = np.array([[0.45, 0.0, -0.4], [0.6, 0.3, 0.1], [0.9, 0.1, 0.3], [0.5, 0.02, 0.01], [1.2, 0.1, 0.1]])
    result = oklab_into_gamut(lab)
    assert result.min() >= 0
    assert result.max() <= 1
    back = rgb_to_oklab(result)
    np.testing.assert_allclose(back[:, 0], lab[:, 0].clip(0, 1), atol=0.12)  # straight lines in sRGB
    np.testing.assert_allclose(back[3], lab[3], atol=1e-6)
    assert (np.hypot(*back[:3, 1:].T) > 0.05).all()
    soft = oklab_into_gamut(lab * [1, 0.5, 0.5], 0.5)  # inside the gamut, but close to its border
    assert np.hypot(*rgb_to_oklab(soft)[0, 1:]) < 0.97 * np.hypot(*(lab[0, 1:] * 0.5))


def identity(side: int) -> ColorLut:
    steps = np.linspace(0, 1, side)
    return ColorLut(np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1).astype(np.float32))


@settings(deadline=None)
@given(arrays(np.float32, (5, 3), elements=st.floats(0, 1, width=32)), st.integers(2, 7))
def test_identity(pixels: FloatArray, side: int) -> None:
    np.testing.assert_allclose(identity(side).apply(pixels), pixels, atol=1e-6)


def test_agrees_with_scipy() -> None:
    generator = np.random.default_rng(0)
    nodes = generator.random((6, 6, 6, 3), np.float32)
    pixels = generator.random((40, 50, 3), np.float32)
    steps = np.linspace(0, 1, 6)
    reference = RegularGridInterpolator((steps, steps, steps), nodes)(pixels)
    np.testing.assert_allclose(ColorLut(nodes).apply(pixels), reference, atol=1e-5)


def test_chunks_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(1)
    cube = ColorLut(generator.random((4, 4, 4, 3), np.float32))
    pixels = generator.random((31, 17, 3), np.float32)
    whole = cube.apply(pixels)
    monkeypatch.setattr(colors, "_CHUNK", 10)
    np.testing.assert_array_equal(cube.apply(pixels), whole)


def test_slope() -> None:
    colors = np.random.default_rng(2).random((20, 3))
    np.testing.assert_allclose(identity(5).slope(colors), 1, atol=1e-5)
    tripled = ColorLut(identity(5).nodes * np.array([1, 3, 2], np.float32))
    np.testing.assert_allclose(tripled.slope(colors), 3, atol=1e-5)


def test_a_linear_change_is_found_exactly() -> None:
    colors = np.random.default_rng(3).random((500, 3))
    matrix = np.array([[0.5, 0.2, 0.0], [0.1, 0.6, 0.1], [0.0, 0.1, 0.7]])
    cube = fit_lut(colors, colors @ matrix.T + 0.05, max_slope=2)
    fresh = np.random.default_rng(4).random((200, 3))
    expected = fresh @ matrix.T + 0.05
    np.testing.assert_allclose(cube.apply(fresh.astype(np.float32)), expected, atol=2e-3)


def test_a_curved_change_is_followed() -> None:
    colors = np.random.default_rng(5).random((4000, 3))
    cube = fit_lut(colors, colors**1.5, max_slope=2)
    assert np.abs(cube.apply(colors.astype(np.float32)) - colors**1.5).mean() < 0.01


@pytest.mark.parametrize("limit", [1.2, 2.0, 4.0])
def test_the_bound_on_the_slope_holds(limit: float) -> None:
    generator = np.random.default_rng(6)
    colors = 0.5 + 0.05 * generator.standard_normal((800, 3)).clip(-3, 3)
    targets = (colors > 0.5).astype(np.float64)  # as steep as can be
    cube = fit_lut(colors, targets, max_slope=limit)
    assert np.quantile(cube.slope(colors), 0.99) <= limit * 1.001


def test_one_color_can_be_sent_anywhere() -> None:
    colors = np.full((50, 3), 0.3)
    cube = fit_lut(colors, np.full((50, 3), 0.8), max_slope=2)
    np.testing.assert_allclose(cube.apply(np.full((1, 3), 0.3, np.float32)), 0.8, atol=1e-2)
