from __future__ import annotations

import numpy as np
import pytest

from restyle.sounds.content import Content, Tape
from restyle.sounds.level import CEILING, Leveller, limited_blocks
from restyle.sounds.limiter import limited
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
