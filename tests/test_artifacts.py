"""Artifacts that the shipped network must not have: grids, borders, textures that stick to the frame.

Each test uses several very different presets, because some of them hide artifacts.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pytest

from restyle import Stylizer

Array = npt.NDArray[np.float32]
COUNT = 6  # gray pictures
GRID = 0.06  # a larger share of the deviation is a grid
PRESETS = ("starry-night", "great-wave", "fuchun-mountains", "red-blue-yellow", "la-grande-jatte", "the-kiss")


@pytest.fixture(scope="module")
def stylizer() -> Stylizer:
    return Stylizer(threads=2)


def luminance(picture: npt.NDArray[np.generic]) -> Array:
    weights = np.array([0.2126, 0.7152, 0.0722])
    y: Array = (picture.astype(np.float64) / 255 @ weights).astype(np.float32)
    return y


def grid_share(pictures: Sequence[Array]) -> float:
    """Deviation of what repeats every eight pixels, relative to the deviation of the pictures.

    It sums the energy at multiples of 1/8 cycle per pixel, in the bins that a Hann window spreads it over,
    minus that of the bins around them. A grid is the same in every picture and noise is not, so the mean of
    several spectra separates them.
    """
    side = pictures[0].shape[0]
    window = np.outer(np.hanning(side), np.hanning(side))
    window /= np.sqrt((window**2).mean())
    spectrum = np.mean(
        [np.abs(np.fft.fft2((y - y.mean()) * window) / side**2) ** 2 for y in pictures], axis=0
    )
    near, around = np.zeros((13, 13), bool), np.ones((13, 13), bool)
    near[5:8, 5:8], around[4:9, 4:9] = True, False
    energy = 0.0
    for ky, kx in itertools.product(range(8), repeat=2):
        rows, columns = ((k * side // 8 + np.arange(-6, 7)) % side for k in (ky, kx))
        bins = spectrum[np.ix_(rows, columns)]
        if (ky, kx) != (0, 0):
            energy += max(0.0, float(bins[near].sum() - near.sum() * bins[around].mean()))
    return float(np.sqrt(energy / np.mean([y.var() for y in pictures])))


def smooth_noise(height: int, width: int, seed: int = 0) -> npt.NDArray[np.uint8]:
    """A stationary colored texture with blobs about 6 px wide, with the same statistics everywhere."""
    noise = np.random.default_rng(seed).normal(size=(height + 64, width + 64, 3))
    frequencies = np.hypot(*np.meshgrid(*(np.fft.fftfreq(n) for n in noise.shape[1::-1])))
    blurred = np.fft.ifft2(
        np.fft.fft2(noise, axes=(0, 1)) * np.exp(-((frequencies * 12) ** 2))[..., None], axes=(0, 1)
    )
    cut = blurred.real[32:-32, 32:-32]
    texture: npt.NDArray[np.uint8] = np.clip(128 + 45 * cut / cut.std(), 0, 255).astype(np.uint8)
    return texture


@pytest.mark.slow
@pytest.mark.parametrize("preset", PRESETS)
def test_flat_gray_has_no_grid(stylizer: Stylizer, preset: str) -> None:
    """Gray with the noise of a camera: without noise the result would be a constant, which proves nothing."""
    noise = np.random.default_rng(0).normal(0, 1.5, (COUNT, 256, 256, 3))
    gray = (128 + noise).round().astype(np.uint8)
    assert grid_share([luminance(stylizer(picture, preset, method="fast")) for picture in gray]) < GRID


def test_the_measure_detects_a_grid() -> None:
    """A third of a level at every second pixel in noise of two levels: invisible, but detected."""
    rng = np.random.default_rng(0)
    noise = rng.normal(0.5, 2 / 255, (COUNT, 256, 256)).astype(np.float32)
    assert grid_share([*noise]) < GRID
    noise[:, ::2, ::2] += 1 / 3 / 255
    assert grid_share([*noise]) > GRID


@pytest.mark.slow
@pytest.mark.parametrize("preset", PRESETS)
def test_border_looks_like_the_interior(stylizer: Stylizer, preset: str) -> None:
    out = luminance(stylizer(smooth_noise(320, 320), preset, method="fast"))
    ring = np.ones(out.shape, bool)
    ring[8:-8, 8:-8] = False
    interior = out[64:-64, 64:-64]
    assert abs(out[ring].mean() - interior.mean()) < 0.35 * interior.std()
    assert 0.7 < out[ring].std() / interior.std() < 1.4


@pytest.mark.slow
@pytest.mark.parametrize("preset", PRESETS)
def test_texture_moves_with_the_picture(stylizer: Stylizer, preset: str) -> None:
    """If the content is shifted by one pixel, so is the result, with the same texture."""
    wide = smooth_noise(256, 264)
    first, second = (
        luminance(stylizer(np.ascontiguousarray(wide[:, k : k + 256]), preset, method="fast")) for k in (0, 1)
    )
    inner = np.s_[32:-32, 32:-32]
    moved, stuck = first[:, 1:][inner], first[:, :-1][inner]
    after = second[:, :-1][inner]
    assert np.corrcoef(moved.ravel(), after.ravel())[0, 1] > 0.95
    assert np.abs(moved - after).mean() < np.abs(stuck - after).mean()


@pytest.mark.parametrize("preset", PRESETS)
def test_little_is_clipped(stylizer: Stylizer, preset: str) -> None:
    out = stylizer(smooth_noise(256, 256), preset, method="fast")
    clipped = (out == 255).all(2) | (out == 0).all(2)
    assert clipped.mean() < 0.02
