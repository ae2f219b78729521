from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from restyle.sounds.content import Content, Tape
from restyle.sounds.level import CEILING, Leveller, limited, limited_blocks, margin
from restyle.sounds.loudness import LoudnessMeter, loudness
from restyle.sounds.windows import Float

SR = 8000
T = np.arange(3 * SR) / SR
CONTENT = (0.2 * np.sin(2 * np.pi * 300 * T))[:, None].astype(np.float32)
RNG = np.random.default_rng(0)
QUIET = (0.01 * RNG.standard_normal((3 * SR, 1))).astype(np.float32)
PEAKED = QUIET.copy()
PEAKED[::1000] = 0.9


def levelled(rendered: Float, content: Float = CONTENT, remix: float = 0.0) -> Float:
    heard, made = LoudnessMeter(SR, 1), LoudnessMeter(SR, 1)
    heard.add(content)
    made.add(rendered)
    with Tape(1) as tape:
        tape.write(rendered)
        return np.concatenate(list(Leveller(tape, Content(content, SR), heard, remix, 5000).blocks(made)))


@pytest.mark.parametrize("remix", [0.0, 0.3, 0.8])
@pytest.mark.parametrize("rendered", [QUIET, PEAKED], ids=["quiet", "peaked"])
def test_loudness_is_the_contents_and_nothing_clips(rendered: Float, remix: float) -> None:
    made = levelled(rendered, remix=remix)
    assert made.shape == CONTENT.shape
    assert loudness(made, SR) == pytest.approx(loudness(CONTENT, SR), abs=0.3)
    assert np.abs(made).max() <= CEILING + 1e-4


def test_remix_of_one_is_the_original() -> None:
    assert np.array_equal(levelled(QUIET, remix=1.0), CONTENT)


def test_silence_stays_silence() -> None:
    assert not levelled(np.zeros_like(QUIET)).any()


@pytest.mark.parametrize("size", [300, 5000])
def test_the_limiter_over_blocks_is_that_over_the_whole(size: int) -> None:
    loud = (RNG.standard_normal((3 * SR, 2)) * 0.5).astype(np.float32)
    blocks = (loud[start : start + size] for start in range(0, len(loud), size))
    made = np.concatenate(list(limited_blocks(blocks, SR, 0.9)))
    assert np.abs(made).max() <= 0.9 + 1e-5
    assert np.abs(made - limited(loud, SR, 0.9)).max() < 1e-4


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
