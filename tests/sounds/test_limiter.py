from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from restyle.sounds.limiter import limited, margin


@settings(max_examples=40, deadline=None)
@given(length=st.integers(1, 3000), scale=st.floats(0.1, 30), seed=st.integers(0, 99))
def test_nothing_passes_the_ceiling(length: int, scale: float, seed: int) -> None:
    y = (np.random.default_rng(seed).standard_normal((length, 2)) * scale).astype(np.float32)
    assert np.abs(limited(y, 8000, 0.9)).max() <= 0.9 * (1 + 1e-5)


def test_quiet_sound_is_untouched() -> None:
    y = np.full((100, 1), 0.5, np.float32)
    assert limited(y, 44100, 0.9) is y


def test_gain_falls_and_rises_smoothly_about_a_peak() -> None:
    y = np.full((4000, 1), 0.2, np.float32)
    y[2000] = 2.0
    z = limited(y, 8000, 0.5)
    gain = (z / y)[:, 0]
    assert gain[2000] <= 0.25 + 1e-4
    assert np.abs(np.diff(gain)).max() < 0.03
    assert np.allclose(gain[:1800], 1)
    assert np.allclose(gain[2200:], 1)


def test_margin_makes_blocks_equal_to_the_whole() -> None:
    rng = np.random.default_rng(3)
    y = rng.standard_normal((5000, 1)).astype(np.float32)
    whole = limited(y, 8000, 0.7)
    reach = margin(8000)
    part = limited(y[1000 - reach : 3000 + reach], 8000, 0.7)[reach:-reach]
    assert np.abs(part - whole[1000:3000]).max() < 1e-5
