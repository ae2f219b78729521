"""Colour profiles: against LittleCMS, against the formulae, and there and back."""

from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageCms

from restyle.images import profiles
from restyle.images.icc import EVEN, ProfileError
from restyle.types import FloatArray
from tests.images.made_profiles import (
    ADOBE_RGB,
    DISPLAY_P3,
    SRGB_CURVE,
    gamma_curve,
    grey_profile,
    rgb_profile,
    table_profile,
)

SRGB = ((0.43607, 0.38506, 0.14308), (0.22250, 0.71688, 0.06062), (0.01393, 0.09710, 0.71417))
SHAPERS = {
    "adobe": rgb_profile(ADOBE_RGB, gamma_curve(2.19921875)),
    "p3": rgb_profile(DISPLAY_P3, SRGB_CURVE),
    "linear": rgb_profile(SRGB, gamma_curve(1.0)),
}


def muted(generator: np.random.Generator, shape: tuple[int, ...]) -> FloatArray:
    """Colours that every profile here can hold."""
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
    reference = lcms(levels, SHAPERS[name], profiles.srgb_profile())
    ours = profiles.to_srgb(levels.astype(np.float32) / np.float32(255), SHAPERS[name]) * 255
    # LittleCMS computes on 8-bit pixels in fixed point: it is off by up to a level itself.
    assert np.abs(ours - reference).max() < 1.6
    assert np.abs(ours - reference).mean() < 0.3


@pytest.mark.parametrize("name", SHAPERS)
def test_there_and_back_keeps_16_bits(name: str) -> None:
    pixels = muted(np.random.default_rng(1), (50, 50, 3))
    back = profiles.from_srgb(profiles.to_srgb(pixels, SHAPERS[name]), SHAPERS[name])
    assert np.abs(back - pixels).max() * 65535 < 3


@pytest.mark.parametrize("name", SHAPERS)
def test_greys_stay_grey_and_ends_stay(name: str) -> None:
    ramp = np.repeat(np.linspace(0, 1, 257, dtype=np.float32)[:, None, None], 3, axis=2)
    converted = profiles.to_srgb(ramp, SHAPERS[name])
    assert np.ptp(converted, axis=-1).max() < 1e-4
    np.testing.assert_allclose(converted[[0, -1]], ramp[[0, -1]], atol=1e-6)
    assert (np.diff(converted[:, 0, 0]) > 0).all()


def test_linear_profile_is_the_srgb_formula() -> None:
    light = np.linspace(0, 1, 501)
    formula = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    pixels = np.repeat(light.astype(np.float32)[:, None, None], 3, axis=2)
    converted = profiles.to_srgb(pixels, SHAPERS["linear"])
    # The step of the table of light, 1/65535, is 12.92 steps of the result in the darkest tones.
    np.testing.assert_allclose(converted[:, 0, 0], formula, atol=1.2e-4)


def test_wider_colours_are_clipped_not_wrapped() -> None:
    green = np.array([[[0, 1, 0]]], np.float32)
    converted = profiles.to_srgb(green, SHAPERS["p3"])
    np.testing.assert_allclose(converted, green, atol=1e-6)


def test_srgb_profile_changes_nothing_and_is_always_the_same() -> None:
    pixels = np.random.default_rng(2).random((5, 6, 3), np.float32)
    icc = profiles.srgb_profile()
    assert profiles.to_srgb(pixels, icc) is pixels
    assert profiles.from_srgb(pixels, icc) is pixels
    profiles.srgb_profile.cache_clear()
    assert profiles.srgb_profile() == icc
    assert ImageCms.getProfileName(ImageCms.ImageCmsProfile(io.BytesIO(icc))).strip()


def test_table_profile_goes_through_littlecms() -> None:
    levels = np.random.default_rng(3).integers(0, 256, (20, 20, 3)).astype(np.uint8)
    icc = table_profile(b"RGB ")
    reference = ImageCms.profileToProfile(
        Image.fromarray(levels),
        io.BytesIO(icc),
        io.BytesIO(profiles.srgb_profile()),
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )
    pixels = levels.astype(np.float32) / np.float32(255)
    for deep in (False, True):
        ours = profiles.to_srgb(pixels, icc, deep=deep) * 255
        np.testing.assert_allclose(ours, np.asarray(reference), atol=0.01)


def test_table_profile_keeps_more_than_256_levels_of_a_deep_picture() -> None:
    icc = table_profile(b"RGB ")
    ramp = np.repeat(np.linspace(0.2, 0.8, 2000, dtype=np.float32)[:, None, None], 3, axis=2)
    converted = profiles.to_srgb(ramp, icc, deep=True)
    assert len(np.unique(converted[:, 0, 0])) > 1000
    assert len(np.unique(profiles.to_srgb(ramp, icc, deep=False)[:, 0, 0])) <= 256


def test_which_profiles_can_be_written() -> None:
    assert profiles.can_write(SHAPERS["adobe"])
    assert profiles.can_write(table_profile(b"RGB "))
    assert not profiles.can_write(table_profile(b"RGB ", back=False))
    assert not profiles.can_write(table_profile(b"CMYK"))
    assert not profiles.can_write(grey_profile())
    assert not profiles.can_write(b"no profile at all")


@pytest.mark.parametrize("gamma", [1.0, 1.8, 2.2])
def test_grey_profile_is_its_gamma(gamma: float) -> None:
    values = np.linspace(0, 1, 101, dtype=np.float32)[:, None, None]
    converted = profiles.grey_to_srgb(values, grey_profile(gamma_curve(gamma)))[:, 0, 0]
    light = np.linspace(0, 1, 101) ** (round(gamma * 256) / 256)
    decoded = np.where(converted <= 0.04045, converted / 12.92, ((converted + 0.055) / 1.055) ** 2.4)
    np.testing.assert_allclose(decoded, light, atol=5e-5)


def test_grey_profile_in_lab_gives_lightness() -> None:
    values = np.array([0, 0.5, 1], np.float32)[:, None, None]
    converted = profiles.grey_to_srgb(values, grey_profile(gamma_curve(1.0), pcs=b"Lab "))[:, 0, 0]
    # L* = 50 is sRGB 118.9 of 255
    np.testing.assert_allclose(converted * 255, [0, 118.9, 255], atol=0.1)


def test_cmyk_profile_gives_rgb() -> None:
    icc = table_profile(b"CMYK")
    ink = Image.fromarray(np.array([[[0, 0, 0, 0], [0, 0, 0, 255]]], np.uint8), "CMYK")
    white, black = np.asarray(profiles.image_to_srgb(ink, icc))[0].astype(int)
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
        profiles.to_srgb(np.zeros((1, 1, 3), np.float32), icc)


def test_even_steps_hit_16_bit_levels() -> None:
    assert EVEN[257 * 128] == pytest.approx(128 / 255, abs=1e-12)
