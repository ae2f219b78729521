from __future__ import annotations

import numpy as np
import pytest

from benchmarks.audio.faults import preset
from restyle.sounds.api import audio
from restyle.sounds.bands import FREE_SILENCE
from restyle.sounds.content import with_margins
from restyle.sounds.features import RATE
from restyle.sounds.read import regroup
from restyle.sounds.silence import ContentLevel
from restyle.sounds.stft import Float

HOP = 256
RNG = np.random.default_rng(0)


def content(floor: float, seconds: float = 3.0) -> Float:
    """Noise with a second of fainter noise in its middle, both by level in dB [shape=(n, 1), float32]."""
    y = 0.1 * RNG.standard_normal((round(seconds * RATE), 1))
    y[RATE : 2 * RATE] *= 10 ** ((floor + 20) / 20)
    return y.astype(np.float32)


def level(y: Float) -> float:
    """Level within the faint second, in dB."""
    return float(10 * np.log10(np.mean(y[RATE + RATE // 10 : 2 * RATE - RATE // 10].astype(np.float64) ** 2)))


def limited(result: Float, own: Float, size: int) -> Float:
    """Limit a result by the level of a content, both in blocks of `size`."""
    level = ContentLevel(HOP)
    blocks = level.watch(own[start : start + size] for start in range(0, len(own), size))
    for window, part in with_margins(regroup(blocks, size), 8 * HOP):
        level.add(window, part)
    return np.concatenate(
        list(level.limit(result[start : start + 7000] for start in range(0, len(own), 7000)))
    )


@pytest.mark.parametrize("size", [HOP, 20 * HOP, 1000 * HOP])
def test_a_result_is_lowered_where_the_content_is_silent_and_nowhere_else(size: int) -> None:
    own, result = content(-88), (0.1 * RNG.standard_normal((3 * RATE, 1))).astype(np.float32)
    made = limited(result, own, size)
    assert made.shape == own.shape
    assert level(made) == pytest.approx(-88 + FREE_SILENCE, abs=1)
    for loud in (slice(0, RATE - 4 * HOP), slice(2 * RATE + 4 * HOP, None)):
        assert np.array_equal(made[loud], result[loud])


def test_what_is_as_faint_as_the_content_is_unchanged() -> None:
    own = content(-88)
    assert np.array_equal(limited(own, own, 20 * HOP), own)


def test_silence_may_lie_beside_something_loud() -> None:
    """Within 30 ms: the filter against rumble rings much longer."""
    y = content(-88)[:, 0]
    made = audio(y, preset("vinyl"), sr=RATE)
    beside = slice(RATE + RATE // 33, RATE + RATE // 10)
    rise = 10 * np.log10(np.mean(made[beside] ** 2) / np.mean(y[beside] ** 2))
    assert rise < 6


def test_digital_silence_stays_below_16_bits() -> None:
    own = content(-400)
    assert level(limited(content(-40), own, 20 * HOP)) < -110


@pytest.mark.parametrize("style", ["fire", "vinyl", "bells"])
@pytest.mark.parametrize("where", [1.0, 0.0])
def test_silence_of_the_content_stays_silence_in_every_style(style: str, where: float) -> None:
    """Within 6 dB of its own floor; fire is much louder than noise by energy than by loudness."""
    y = content(-88)
    y = np.roll(y, round((where - 1) * RATE), axis=0)[:, 0]
    made = audio(y, preset(style), sr=RATE)
    shift = round((1 - where) * RATE)
    assert level(np.roll(made, shift)) < level(np.roll(y, shift)) + 6


def test_a_silent_block_of_a_long_content_stays_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is silent is decided by the whole content, not by the block."""
    from restyle.sounds import api

    monkeypatch.setattr(api, "block_size", lambda source: RATE // 2)
    y = content(-88)[:, 0]
    made = audio(y, preset("fire"), sr=RATE)
    assert level(made) < level(y) + 6
