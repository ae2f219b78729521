from __future__ import annotations

import numpy as np
import pytest

from restyle.sounds.bands import Bands, power_of
from restyle.sounds.mosaic import Mosaic
from restyle.sounds.percussion import STEADY, percussive_share, running_median, sharpened
from restyle.sounds.stft import Float

SR = 22050
BANDS = Bands.lasting(SR, 0.046)
T = np.arange(2 * SR) / SR
AT = (np.arange(0.2, 1.9, 0.3) * SR).astype(int)
RNG = np.random.default_rng(0)


def strokes() -> Float:
    """Bursts of noise that begin at once and die away."""
    y = np.zeros(len(T))
    for start in AT:
        burst = np.arange(SR // 12)
        y[start : start + len(burst)] = RNG.standard_normal(len(burst)) * np.exp(-burst / (0.012 * SR))
    return (0.3 * y).astype(np.float32)


def tone() -> Float:
    return (0.2 * sum(np.sin(2 * np.pi * 330 * k * T) / k for k in range(1, 6))).astype(np.float32)  # type: ignore[union-attr]


def early(y: Float) -> float:
    """Energy in the 20 ms before the strokes over that in the 20 ms after, in dB."""
    width = SR // 50
    before, after = (sum(float((y[s : s + width] ** 2).sum()) for s in starts) for starts in (AT - width, AT))
    return float(10 * np.log10(before / after))


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("width", [1, 5, 99])
def test_running_median(axis: int, width: int) -> None:
    S = RNG.random((12, 9)).astype(np.float32)
    half = min(width, S.shape[axis]) // 2
    pad = [(half, half) if each == axis else (0, 0) for each in (0, 1)]
    padded = np.pad(S, pad, mode="symmetric")
    wanted = [
        np.median(np.take(padded, range(i, i + 2 * half + 1), axis), axis) for i in range(S.shape[axis])
    ]
    assert np.allclose(running_median(S, width, axis), np.stack(wanted, axis))


def test_strokes_strike_and_tones_last() -> None:
    struck, held = (percussive_share(power_of(BANDS.stft(y))) for y in (strokes(), tone()))
    at = AT // BANDS.hop + 1
    assert struck[at].min() > 0.8
    assert held[5:-5].max() < 0.1
    assert 0 <= struck.min() <= struck.max() <= 1
    noise = percussive_share(power_of(BANDS.stft(RNG.standard_normal(len(T)).astype(np.float32))))
    assert noise.max() < STEADY


def test_a_smeared_stroke_gets_its_edge_back() -> None:
    content = strokes()
    smeared = np.convolve(content, np.hanning(SR // 20) / 200, "same").astype(np.float32)[:, None]
    share = percussive_share(power_of(BANDS.stft(content)))
    made = sharpened(smeared, content[:, None], share, BANDS.hop, SR)
    assert early(made[:, 0]) < early(smeared[:, 0]) - 6
    assert np.array_equal(sharpened(smeared, content[:, None], 0 * share, BANDS.hop, SR), smeared)


def test_the_mosaic_strikes_where_its_content_does() -> None:
    """Frames of 93 ms alone smear a stroke to nearly as much energy before it as after."""
    content = strokes()[:, None]
    style = (0.05 * RNG.standard_normal(SR)).astype(np.float32)
    method = Mosaic([(style, 1.0)], SR)
    method.learn(method.analyse(content))
    assert early(method(content)[:, 0]) < -8


def test_channels_that_cancel_each_other_strike_as_well() -> None:
    one = np.convolve(strokes(), np.hanning(SR // 20) / 200, "same").astype(np.float32)
    content = strokes()
    share = percussive_share(power_of(BANDS.stft(content)))
    both = sharpened(np.stack([one, -one], 1), np.stack([content, -content], 1), share, BANDS.hop, SR)
    assert np.allclose(both[:, 0], sharpened(one[:, None], content[:, None], share, BANDS.hop, SR)[:, 0])
