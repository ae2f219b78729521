from __future__ import annotations

import numpy as np
import pytest

from restyle.sounds.bands import Bands, amplitude, power_of


def test_window_is_the_nearest_power_of_two() -> None:
    assert Bands.for_duration(22050, 0.046).n_fft == 1024
    assert Bands.for_duration(44100, 0.093).n_fft == 4096
    assert Bands.for_duration(192000, 0.046).n_fft == 8192


def test_levels_of_a_flat_spectrum_are_flat() -> None:
    bands = Bands(22050, 1024)
    levels = bands.levels(np.full((3, 513), 0.01, np.float32))
    assert np.allclose(levels, -20, atol=1e-4)


def test_fine_structure_of_a_smooth_spectrum_is_nothing() -> None:
    bands = Bands(22050, 1024)
    assert np.abs(bands.fine_structure(np.full((2, 513), 0.5, np.float32))).max() < 1e-3


def test_shaping_reaches_other_levels() -> None:
    rng = np.random.default_rng(0)
    bands = Bands(22050, 1024)
    y = rng.standard_normal(22050).astype(np.float32) * 0.1
    tilt = np.linspace(10, -10, bands.bank.shape[0], dtype=np.float32)
    target = bands.levels(power_of(bands.stft(y))) + tilt
    z = bands.match_levels(y, target, rounds=3)
    error = (bands.levels(power_of(bands.stft(z))) - target)[4:-4]
    assert np.abs(error.mean(axis=0)).max() < 1.5


def test_shaping_to_its_own_levels_changes_nothing() -> None:
    bands = Bands(22050, 1024)
    y = np.random.default_rng(1).standard_normal(9000).astype(np.float32)
    assert np.abs(bands.match_levels(y, bands.levels(power_of(bands.stft(y)))) - y).max() < 1e-3


def test_amplitude() -> None:
    assert amplitude(np.array([0, 20, -6.0206], np.float32)) == pytest.approx([1, 10, 0.5], rel=1e-4)
