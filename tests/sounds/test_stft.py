from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from restyle.sounds.stft import (
    Bands,
    amplitude,
    erb_bank,
    erb_number,
    frame_count,
    istft,
    mel,
    mel_bank,
    power_of,
    resample,
    stft,
)


@settings(max_examples=30, deadline=None)
@given(length=st.integers(1, 5000), size=st.sampled_from([64, 256, 1024]), seed=st.integers(0, 9))
def test_istft_inverts_stft(length: int, size: int, seed: int) -> None:
    y = np.random.default_rng(seed).uniform(-1, 1, length).astype(np.float32)
    D = stft(y, size, size // 4)
    assert D.shape == (frame_count(length, size // 4), size // 2 + 1)
    assert np.abs(istft(D, size, size // 4, length) - y).max() < 1e-5


def test_a_tone_is_one_peak_of_the_right_size() -> None:
    sr, size = 22050, 1024
    y = np.sin(2 * np.pi * 64 * sr / size * np.arange(sr) / sr).astype(np.float32)
    S = np.abs(stft(y, size, size // 4))[20]
    assert S.argmax() == 64
    assert S[64] == pytest.approx(size / 4, rel=1e-3)  # half the amplitude times the sum of a Hann window


def test_scales_at_known_points() -> None:
    assert mel(np.array(1000.0)) == pytest.approx(1000, abs=0.1)
    assert erb_number(np.array(1000.0)) == pytest.approx(15.62, abs=0.01)  # Glasberg and Moore 1990


@pytest.mark.parametrize("sr", [8000, 22050, 48000, 192000])
def test_erb_bands_add_up_to_one(sr: int) -> None:
    bank = erb_bank(sr, 2 ** round(np.log2(0.046 * sr)))
    assert np.allclose(bank.sum(axis=0), 1, atol=1e-5)
    assert (bank.sum(axis=1) > 0).all()


def test_mel_filters_peak_in_order() -> None:
    bank = mel_bank(22050, 2048, 40, 30.0, 10000.0)
    peaks = bank.argmax(axis=1)
    assert (np.diff(peaks) > 0).all()
    assert bank.max() <= 1


@pytest.mark.parametrize("ratio", [0.5, 2**0.5, 2.0, 44100 / 22050, 48000 / 44100])
def test_resampling_a_tone_keeps_its_pitch_and_level(ratio: float) -> None:
    sr = 22050
    t = np.arange(sr) / sr
    y = np.sin(2 * np.pi * 440 * t).astype(np.float32)
    z = resample(y, ratio)
    assert len(z) == round(sr * ratio)
    middle = slice(len(z) // 4, 3 * len(z) // 4)
    expected = np.sin(2 * np.pi * 440 * np.arange(len(z)) / len(z))
    # Both lengths are whole numbers, so the rate is right to about 1e-5: a small phase at the clip's end.
    assert np.abs(z[middle] - expected[middle]).max() < 0.02


def test_resampling_nothing_and_one_sample() -> None:
    assert len(resample(np.zeros(0, np.float32), 2)) == 0
    assert len(resample(np.ones(1, np.float32), 0.3)) == 1


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
