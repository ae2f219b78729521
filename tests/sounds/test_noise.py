from __future__ import annotations

import numpy as np
import pytest

from benchmarks.audio.ear import noise as pink
from benchmarks.audio.faults import drums, pad, preset
from benchmarks.audio.scorecard import Scorecard
from restyle.sounds.api import audio
from restyle.sounds.bands import Bands, power_of
from restyle.sounds.features import RATE
from restyle.sounds.noise import FREE, Playback, steady_noise
from restyle.sounds.stft import Double, Float
from restyle.sounds.transport import total_level
from tests.sounds.test_mosaic import melody

GRAIN, BANDS = Bands.for_duration(RATE, 0.093), Bands.for_duration(RATE, 0.046)
RNG = np.random.default_rng(0)
HISS = (0.1 * RNG.standard_normal(4 * RATE)).astype(np.float32)
T = np.arange(4 * RATE) / RATE


def rated(y: Float) -> Double:
    return steady_noise(power_of(GRAIN.stft(y)), GRAIN)


@pytest.mark.parametrize("y", [HISS, pink(), 1e-3 * HISS], ids=["white", "pink", "faint"])
def test_noise_is_steady_noise(y: Float) -> None:
    assert rated(y)[20:-20].mean() > 0.8


@pytest.mark.parametrize(
    "y",
    [
        melody(),
        pad(),
        drums(),
        (HISS * (1 + np.sin(2 * np.pi * 2 * T))).astype(np.float32),
        (HISS * (1 + 0.4 * np.sin(2 * np.pi * 6 * T))).astype(np.float32),
        np.where(T % 1 < 0.5, HISS, np.convolve(HISS, np.ones(20) / 8, "same")).astype(np.float32),
        np.zeros(RATE, np.float32),
    ],
    ids=["melody", "pad", "drums", "waves", "pulse", "two colors", "nothing"],
)
def test_pitch_rhythm_and_changes_are_not(y: Float) -> None:
    assert rated(y).max() < 0.1


def test_noise_after_music_is_found() -> None:
    share = rated(np.concatenate([pad()[: 4 * RATE], HISS]))
    middle = len(share) // 2
    assert share[: middle - 10].max() < 0.1
    assert share[middle + 50 : -20].mean() > 0.8


def test_a_style_plays_in_its_order_without_its_silence() -> None:
    y = np.concatenate([HISS[:RATE], np.zeros(RATE, np.float32), melody()[:RATE]])
    levels = BANDS.levels(power_of(BANDS.stft(y)))
    playback = Playback(y, GRAIN, BANDS, levels)
    played = playback.levels(1000)
    assert played.shape == (1000, levels.shape[1])
    assert np.abs(total_level(played)).max() <= FREE + 1e-3
    shape = levels - total_level(levels)[:, None]
    for frame in (5, 60):
        assert np.abs((played[frame] - total_level(played[frame : frame + 1])) - shape[frame]).max() < 1e-3
    assert playback.fine_structure(500).shape == (500, GRAIN.n_fft // 2 + 1)


@pytest.mark.parametrize("style", ["choir", "eight-bit"])
def test_noise_gets_the_timbre_of_the_style(style: str) -> None:
    content = pink()[: 5 * RATE]
    made = audio(content, preset(style), sr=RATE)
    assert Scorecard(content, preset(style)).score(made).timbre <= 0.35
