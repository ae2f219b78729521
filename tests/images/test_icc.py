"""Color profiles: compared with LittleCMS and with the formulas, and converted back."""

from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageCms

from restyle.images import icc as icc_profiles
from restyle.images.icc import EVEN, ProfileError, color_space, read_curve, read_tags, read_xyz
from restyle.types import FloatArray
from tests.images.made_profiles import (
    ADOBE_RGB,
    DISPLAY_P3,
    SRGB_CURVE,
    gamma_curve,
    gray_profile,
    parametric_curve,
    rgb_profile,
    table_curve,
    table_profile,
)


def curve_of(data: bytes) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    icc = rgb_profile(ADOBE_RGB, data)
    return read_curve(read_tags(icc), b"gTRC")


def test_spaces() -> None:
    assert color_space(rgb_profile()) == "RGB"
    assert color_space(gray_profile()) == "GRAY"
    assert color_space(table_profile(b"CMYK")) == "CMYK"


def test_primaries() -> None:
    icc = rgb_profile(ADOBE_RGB)
    np.testing.assert_allclose(read_xyz(read_tags(icc), b"rXYZ"), [0.60974, 0.31111, 0.01947], atol=1e-5)


def test_empty_curve_is_linear() -> None:
    np.testing.assert_array_equal(curve_of(b"curv\0\0\0\0\0\0\0\0"), EVEN)


def test_table_is_interpolated() -> None:
    np.testing.assert_allclose(curve_of(table_curve(np.linspace(0, 1, 33) ** 2)), EVEN**2, atol=3e-4)


@pytest.mark.parametrize(
    ("kind", "values", "formula"),
    [
        (0, (2.0,), lambda x: x**2),
        (1, (2.0, 0.8, 0.2), lambda x: (0.8 * x + 0.2) ** 2),
        (2, (2.0, 0.8, 0.0, 0.1), lambda x: (0.8 * x) ** 2 + 0.1),
        (3, (2.0, 0.9, 0.1, 0.25, 0.2), lambda x: np.where(x >= 0.2, (0.9 * x + 0.1) ** 2, 0.25 * x)),
        (
            4,
            (2.0, 0.8, 0.1, 0.25, 0.2, 0.05, 0.01),
            lambda x: np.where(x >= 0.2, (0.8 * x + 0.1) ** 2 + 0.05, 0.25 * x + 0.01),
        ),
    ],
)
def test_parametric_curves(kind: int, values: tuple[float, ...], formula: object) -> None:
    assert callable(formula)
    np.testing.assert_allclose(curve_of(parametric_curve(kind, *values)), formula(EVEN), atol=1e-4)


@pytest.mark.parametrize(
    "data",
    [
        parametric_curve(9, 1.0),
        parametric_curve(4, 1.0),
        b"curv\0\0\0\0\xff\xff\xff\xff",
        b"curv",
        parametric_curve(0, -1.0),
    ],
)
def test_damaged_curves(data: bytes) -> None:
    with pytest.raises(ProfileError):
        curve_of(data)


def test_damaged_tag_table() -> None:
    icc = bytearray(rgb_profile())
    icc[128:132] = b"\xff\xff\xff\xff"
    with pytest.raises(ProfileError, match="table of tags"):
        read_tags(bytes(icc))


SRGB = ((0.43607, 0.38506, 0.14308), (0.22250, 0.71688, 0.06062), (0.01393, 0.09710, 0.71417))
SHAPERS = {
    "adobe": rgb_profile(ADOBE_RGB, gamma_curve(2.19921875)),
    "p3": rgb_profile(DISPLAY_P3, SRGB_CURVE),
    "linear": rgb_profile(SRGB, gamma_curve(1.0)),
}


def muted(generator: np.random.Generator, shape: tuple[int, ...]) -> FloatArray:
    """Colors that every profile here can hold."""
    return (0.5 + 0.2 * (generator.random(shape) - 0.5)).astype(np.float32)


def lcms(levels: npt.NDArray[np.uint8], source: bytes, target: bytes) -> npt.NDArray[np.float64]:
    converted = ImageCms.profileToProfile(
        Image.fromarray(levels),
        io.BytesIO(source),
        io.BytesIO(target),
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
    )
    assert converted is not None
    return np.asarray(converted).astype(np.float64)


@pytest.mark.parametrize("name", SHAPERS)
def test_curves_and_matrix_agree_with_littlecms(name: str) -> None:
    levels = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    reference = lcms(levels, SHAPERS[name], icc_profiles.srgb_profile())
    ours = icc_profiles.to_srgb(levels.astype(np.float32) / np.float32(255), SHAPERS[name]) * 255
    # LittleCMS computes on 8-bit pixels in fixed point: it is off by up to a level itself.
    assert np.abs(ours - reference).max() < 1.6
    assert np.abs(ours - reference).mean() < 0.3


@pytest.mark.parametrize("name", SHAPERS)
def test_round_trip_keeps_16_bits(name: str) -> None:
    pixels = muted(np.random.default_rng(1), (50, 50, 3))
    back = icc_profiles.from_srgb(icc_profiles.to_srgb(pixels, SHAPERS[name]), SHAPERS[name])
    assert np.abs(back - pixels).max() * 65535 < 3


@pytest.mark.parametrize("name", SHAPERS)
def test_grays_stay_gray_and_ends_stay(name: str) -> None:
    ramp = np.repeat(np.linspace(0, 1, 257, dtype=np.float32)[:, None, None], 3, axis=2)
    converted = icc_profiles.to_srgb(ramp, SHAPERS[name])
    assert np.ptp(converted, axis=-1).max() < 1e-4
    np.testing.assert_allclose(converted[[0, -1]], ramp[[0, -1]], atol=1e-6)
    assert (np.diff(converted[:, 0, 0]) > 0).all()


def test_linear_profile_is_the_srgb_formula() -> None:
    light = np.linspace(0, 1, 501)
    formula = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    pixels = np.repeat(light.astype(np.float32)[:, None, None], 3, axis=2)
    converted = icc_profiles.to_srgb(pixels, SHAPERS["linear"])
    # The step of the table of light, 1/65535, is 12.92 steps of the result in the darkest tones.
    np.testing.assert_allclose(converted[:, 0, 0], formula, atol=1.2e-4)


def test_wider_colors_are_clipped_not_wrapped() -> None:
    green = np.array([[[0, 1, 0]]], np.float32)
    converted = icc_profiles.to_srgb(green, SHAPERS["p3"])
    np.testing.assert_allclose(converted, green, atol=1e-6)


def test_srgb_profile_changes_nothing_and_is_always_the_same() -> None:
    pixels = np.random.default_rng(2).random((5, 6, 3), np.float32)
    icc = icc_profiles.srgb_profile()
    assert icc_profiles.to_srgb(pixels, icc) is pixels
    assert icc_profiles.from_srgb(pixels, icc) is pixels
    icc_profiles.srgb_profile.cache_clear()
    assert icc_profiles.srgb_profile() == icc
    assert ImageCms.getProfileName(ImageCms.ImageCmsProfile(io.BytesIO(icc))).strip()


def test_table_profile_goes_through_littlecms() -> None:
    levels = np.random.default_rng(3).integers(0, 256, (20, 20, 3)).astype(np.uint8)
    icc = table_profile(b"RGB ")
    reference = ImageCms.profileToProfile(
        Image.fromarray(levels),
        io.BytesIO(icc),
        io.BytesIO(icc_profiles.srgb_profile()),
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )
    pixels = levels.astype(np.float32) / np.float32(255)
    for deep in (False, True):
        ours = icc_profiles.to_srgb(pixels, icc, deep=deep) * 255
        np.testing.assert_allclose(ours, np.asarray(reference), atol=0.01)


def test_table_profile_keeps_more_than_256_levels_of_a_deep_picture() -> None:
    icc = table_profile(b"RGB ")
    ramp = np.repeat(np.linspace(0.2, 0.8, 2000, dtype=np.float32)[:, None, None], 3, axis=2)
    converted = icc_profiles.to_srgb(ramp, icc, deep=True)
    assert len(np.unique(converted[:, 0, 0])) > 1000
    assert len(np.unique(icc_profiles.to_srgb(ramp, icc, deep=False)[:, 0, 0])) <= 256


def test_which_profiles_can_be_written() -> None:
    assert icc_profiles.can_write(SHAPERS["adobe"])
    assert icc_profiles.can_write(table_profile(b"RGB "))
    assert not icc_profiles.can_write(table_profile(b"RGB ", back=False))
    assert not icc_profiles.can_write(table_profile(b"CMYK"))
    assert not icc_profiles.can_write(gray_profile())
    assert not icc_profiles.can_write(b"no profile at all")


@pytest.mark.parametrize("gamma", [1.0, 1.8, 2.2])
def test_gray_profile_is_its_gamma(gamma: float) -> None:
    values = np.linspace(0, 1, 101, dtype=np.float32)[:, None, None]
    converted = icc_profiles.gray_to_srgb(values, gray_profile(gamma_curve(gamma)))[:, 0, 0]
    light = np.linspace(0, 1, 101) ** (round(gamma * 256) / 256)
    decoded = np.where(converted <= 0.04045, converted / 12.92, ((converted + 0.055) / 1.055) ** 2.4)
    np.testing.assert_allclose(decoded, light, atol=5e-5)


def test_gray_profile_in_lab_gives_lightness() -> None:
    values = np.array([0, 0.5, 1], np.float32)[:, None, None]
    converted = icc_profiles.gray_to_srgb(values, gray_profile(gamma_curve(1.0), pcs=b"Lab "))[:, 0, 0]
    # L* = 50 is sRGB 118.9 of 255
    np.testing.assert_allclose(converted * 255, [0, 118.9, 255], atol=0.1)


def test_cmyk_profile_gives_rgb() -> None:
    icc = table_profile(b"CMYK")
    ink = Image.fromarray(np.array([[[0, 0, 0, 0], [0, 0, 0, 255]]], np.uint8), "CMYK")
    white, black = np.asarray(icc_profiles.image_to_srgb(ink, icc))[0].astype(int)
    assert (white > 250).all()
    assert (black < 5).all()


@pytest.mark.parametrize(
    "icc",
    [
        b"",
        b"text",
        bytes(200),
        SHAPERS["adobe"][:150],
        SHAPERS["adobe"].replace(b"rXYZ", b"xxxx"),
        SHAPERS["adobe"].replace(b"curv", b"what"),
        rgb_profile(((0.0, 0.0, 0.0),) * 3),
    ],
)
def test_damaged_profiles_are_refused(icc: bytes) -> None:
    with pytest.raises(ProfileError):
        icc_profiles.to_srgb(np.zeros((1, 1, 3), np.float32), icc)


def test_even_steps_hit_16_bit_levels() -> None:
    assert EVEN[257 * 128] == pytest.approx(128 / 255, abs=1e-12)
