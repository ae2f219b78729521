from __future__ import annotations

import numpy as np
import pytest

from restyle.sounds.bands import Bands, power_of
from restyle.sounds.nmf import SHIFTS, Grains, _few_at_once, _no_repetition

SR = 22050
BANDS = Bands.for_duration(SR, 0.093)
T = np.arange(SR) / SR


def note(midi: float) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    f = 440 * 2 ** ((midi - 69) / 12)
    partials = np.array([np.sin(2 * np.pi * f * k * T) / k for k in range(1, 9)])
    y: np.ndarray[tuple[int, ...], np.dtype[np.float32]] = (0.1 * partials.sum(axis=0)).astype(np.float32)
    return y


@pytest.mark.parametrize("interval", [-6, -1, 0, 3, 5])
def test_grains_are_transposed_to_the_pitch_of_the_target(interval: int) -> None:
    assert interval in SHIFTS
    grains = Grains(note(60), BANDS)
    target = np.sqrt(power_of(BANDS.stft(note(60 + interval))))
    S = np.abs(grains.mosaic(target))[8:-8].mean(axis=0)
    wanted = 440 * 2 ** ((60 + interval - 69) / 12)
    low = slice(0, round(1.5 * wanted / SR * BANDS.n_fft))
    assert S[low].argmax() * SR / BANDS.n_fft == pytest.approx(wanted, abs=SR / BANDS.n_fft)


def test_a_style_rebuilds_itself() -> None:
    y = np.concatenate([note(60), note(64), note(55)])
    D = BANDS.stft(y)
    S = np.sqrt(power_of(D))
    made = np.abs(Grains(y, BANDS).mosaic(S, polyphony=1, repetition=0))
    assert np.linalg.norm(made - S) / np.linalg.norm(S) < 0.25


def test_repetition_keeps_only_the_largest_nearby() -> None:
    H = np.array([[1.0], [3.0], [2.0], [0.5]], np.float32)
    assert _no_repetition(H, 1, np.float32(0)).ravel().tolist() == [0, 3, 0, 0]


def test_polyphony_keeps_only_the_largest_at_once() -> None:
    H = np.array([[1, 4, 2, 3]], np.float32)
    assert _few_at_once(H, 2, np.float32(0)).tolist() == [[0, 4, 0, 3]]
    assert _few_at_once(H, 9, np.float32(0)) is H


def test_silent_target_and_one_sample_of_style() -> None:
    silent = np.zeros((5, BANDS.n_fft // 2 + 1), np.float32)
    assert np.abs(Grains(note(60), BANDS).mosaic(silent)).max() < 1e-3
    made = Grains(np.full(1, 0.5, np.float32), BANDS).mosaic(np.sqrt(power_of(BANDS.stft(note(60)))))
    assert np.isfinite(made).all()
