"""What the embedded network must not do: grids, borders, textures that stick to the frame.

Each test paints with several presets of very different manners, because artefacts hide in some of them.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from restyle import Stylizer

Array = npt.NDArray[np.float32]
PRESETS = ("starry-night", "great-wave", "fuchun-mountains", "red-blue-yellow", "la-grande-jatte", "the-kiss")


@pytest.fixture(scope="module")
def stylizer() -> Stylizer:
    return Stylizer(threads=2)


def luminance(picture: npt.NDArray[np.generic]) -> Array:
    weights = np.array([0.2126, 0.7152, 0.0722])
    y: Array = (picture.astype(np.float64) / 255 @ weights).astype(np.float32)
    return y


def grid_decibels(y: Array) -> float:
    """Spectrum at multiples of 1/8 cycle per pixel above its surroundings, mean of the worst eight.

    0 means that no such frequency is stronger than the strongest of its neighbours.
    """
    side = y.shape[0]
    window = np.outer(np.hanning(side), np.hanning(side))
    power = 10 * np.log10(np.abs(np.fft.fft2((y - y.mean()) * window)) ** 2 + 1e-12)
    excess = []
    for ky in range(5):
        for kx in range(-3, 5):
            if ky == 0 and kx <= 0:
                continue
            rows = (ky * side // 8 + np.arange(-6, 7)) % side
            columns = (kx * side // 8 + np.arange(-6, 7)) % side
            patch = power[np.ix_(rows, columns)]
            centre = patch[5:8, 5:8].max()
            patch[4:9, 4:9] = -np.inf
            excess.append(max(0.0, float(centre - patch.max())))
    return float(np.mean(sorted(excess)[-8:]))


def smooth_noise(height: int, width: int, seed: int = 0) -> npt.NDArray[np.uint8]:
    """A stationary coloured texture whose blobs are about 6 px wide: the same everywhere, border or not."""
    noise = np.random.default_rng(seed).normal(size=(height + 64, width + 64, 3))
    frequencies = np.hypot(*np.meshgrid(*(np.fft.fftfreq(n) for n in noise.shape[1::-1])))
    blurred = np.fft.ifft2(
        np.fft.fft2(noise, axes=(0, 1)) * np.exp(-((frequencies * 12) ** 2))[..., None], axes=(0, 1)
    )
    cut = blurred.real[32:-32, 32:-32]
    texture: npt.NDArray[np.uint8] = np.clip(128 + 45 * cut / cut.std(), 0, 255).astype(np.uint8)
    return texture


@pytest.mark.parametrize("preset", PRESETS)
def test_flat_grey_has_no_grid(stylizer: Stylizer, preset: str) -> None:
    """Grey with the noise of a camera: without any noise a constant would come back, which proves nothing."""
    noise = np.random.default_rng(0).normal(0, 1.5, (256, 256, 3))
    out = luminance(stylizer((128 + noise).round().astype(np.uint8), preset))
    assert grid_decibels(out) < 3.0


def test_the_measure_sees_a_grid() -> None:
    """Half a level of checkerboard in noise of two levels: invisible, and far beyond the bar."""
    rng = np.random.default_rng(0)
    y = rng.normal(0.5, 2 / 255, (256, 256)).astype(np.float32)
    assert grid_decibels(y) < 3.0
    y[::2, ::2] += 0.5 / 255
    assert grid_decibels(y) > 3.0


@pytest.mark.parametrize("preset", PRESETS)
def test_border_looks_like_the_interior(stylizer: Stylizer, preset: str) -> None:
    out = luminance(stylizer(smooth_noise(320, 320), preset))
    ring = np.ones(out.shape, bool)
    ring[8:-8, 8:-8] = False
    interior = out[64:-64, 64:-64]
    assert abs(out[ring].mean() - interior.mean()) < 0.35 * interior.std()
    assert 0.7 < out[ring].std() / interior.std() < 1.4


@pytest.mark.parametrize("preset", PRESETS)
def test_texture_moves_with_the_picture(stylizer: Stylizer, preset: str) -> None:
    """Content one pixel further: the result is one pixel further, with the same texture."""
    wide = smooth_noise(256, 264)
    first, second = (luminance(stylizer(np.ascontiguousarray(wide[:, k : k + 256]), preset)) for k in (0, 1))
    inner = np.s_[32:-32, 32:-32]
    moved, stuck = first[:, 1:][inner], first[:, :-1][inner]
    after = second[:, :-1][inner]
    assert np.corrcoef(moved.ravel(), after.ravel())[0, 1] > 0.95
    assert np.abs(moved - after).mean() < np.abs(stuck - after).mean()


@pytest.mark.parametrize("preset", PRESETS)
def test_no_clipped_wasteland(stylizer: Stylizer, preset: str) -> None:
    out = stylizer(smooth_noise(256, 256), preset)
    clipped = (out == 255).all(2) | (out == 0).all(2)
    assert clipped.mean() < 0.02
