from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from restyle.sounds.onsets import Onsets

SR = 22050
TIMES = (0.4, 0.9, 1.5, 2.2)


def struck(times: tuple[float, ...] = TIMES, seconds: float = 3.0) -> NDArray[np.float32]:
    """Decaying tones in faint noise [shape=(n,), float32]."""
    y = 1e-4 * np.random.default_rng(0).standard_normal(round(seconds * SR))
    for number, start in enumerate(times):
        t = np.arange(len(y) - round(start * SR)) / SR
        tone = sum(np.sin(2 * np.pi * 300 * (1 + 0.2 * number) * k * t) for k in (1, 2.7, 5.2))
        y[-len(t) :] += 0.1 * tone * np.exp(-5 * t)
    return y.astype(np.float32)


def test_onsets_are_where_tones_begin() -> None:
    found = Onsets.of(struck(), SR)
    assert found.frames * found.grid.hop / SR == pytest.approx(TIMES, abs=0.015)


def test_what_is_struck_rises_faster_than_it_falls() -> None:
    y = struck()
    assert Onsets.of(y, SR).asymmetry > 3
    assert Onsets.of(y[::-1].copy(), SR).asymmetry < 1 / 3


def test_steady_sounds_have_hardly_any_onsets() -> None:
    noise = 0.1 * np.random.default_rng(1).standard_normal(3 * SR).astype(np.float32)
    tone = np.sin(2 * np.pi * 440 * np.arange(3 * SR) / SR).astype(np.float32)
    for y in (noise, tone, np.zeros(SR, np.float32)):
        found = Onsets.of(y, SR)
        assert len(found.frames) <= 2
        assert found.strength < 0.06
        assert found.levels.shape == (len(y) // found.grid.hop + 1, found.grid.bank.shape[0])
