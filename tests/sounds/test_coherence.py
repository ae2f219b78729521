from __future__ import annotations

import numpy as np
import pytest

from restyle.sounds.bands import Bands, power_of
from restyle.sounds.coherence import coherences, diffused, widened
from restyle.sounds.stft import Float

SR = 22050
BANDS = Bands.lasting(SR, 0.046)
RNG = np.random.default_rng(0)


def noise() -> Float:
    return RNG.standard_normal(SR).astype(np.float32)


def alike(first: Float, second: Float) -> float:
    """Coherence of the middle bands, averaged over time."""
    return float(coherences([BANDS.stft(first), BANDS.stft(second)], BANDS)[10:-10, 5:30, 0, 1].mean())


def test_diffusion_changes_phases_and_not_levels() -> None:
    y = noise()
    made = diffused(y, SR)
    assert len(made) == len(y)
    assert abs(alike(y, made)) < 0.5
    before, after = (BANDS.levels(power_of(BANDS.stft(x))).mean(0) for x in (y, made))
    assert np.abs(before - after)[3:].max() < 1.5
    assert abs(alike(made, diffused(y, SR, 1))) < 0.5


@pytest.mark.parametrize("count", [2, 4, 8])
def test_voices_are_as_coherent_as_the_channels(count: int) -> None:
    first, second = noise(), noise()
    # Two of one sound, one of another, one between, then again.
    kinds = [first, first, second, (first + second) / np.sqrt(2)] * 2
    channels = kinds[:count] if count > 2 else [first, second]
    wanted = [[alike(a, b) for b in channels] for a in channels]
    voices = widened(noise(), [BANDS.stft(y) for y in channels], BANDS)
    found = [[alike(a, b) for b in voices] for a in voices]
    assert len(voices) == count
    assert np.abs(np.array(found) - np.array(wanted)).max() < 0.25


def test_one_channel_and_equal_channels_are_the_sound_itself() -> None:
    y, D = noise(), BANDS.stft(noise())
    assert widened(y, [D], BANDS) == [y]
    assert all(voice is y for voice in widened(y, [D, D, D], BANDS))


def test_a_silent_channel_harms_none() -> None:
    y = noise()
    D = BANDS.stft(y)
    voices = widened(y, [D, D, np.zeros_like(D)], BANDS)
    assert np.isfinite(voices).all()
    assert alike(voices[0], voices[1]) > 0.95


def test_coherences_that_contradict_each_other_are_mended() -> None:
    """Eight pure tones: in most bands there is only the leakage of some, and rounding."""
    t = np.arange(SR) / SR
    channels = [
        BANDS.stft((0.1 * np.sin(2 * np.pi * 300 * (k + 1) * t)).astype(np.float32)) for k in range(8)
    ]
    assert np.isfinite(widened(noise(), channels, BANDS)).all()
