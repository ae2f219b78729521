from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from restyle.sounds import features

T = np.arange(2 * features.RATE) / features.RATE


def note(midi: float) -> NDArray[np.float32]:
    f = 440 * 2 ** ((midi - 69) / 12)
    return sum(np.sin(2 * np.pi * f * k * T) / k for k in range(1, 6)).astype(np.float32) * 0.1  # type: ignore[union-attr]


NOISE = (np.random.default_rng(0).standard_normal(len(T)) * 0.1).astype(np.float32)


def test_mfcc_of_white_noise_has_the_slope_of_widening_bands() -> None:
    """Mel bands of noise hold power in proportion to their width, so coefficient 2 is negative."""
    assert features.mfcc(NOISE).mean(0)[0] < -10


def test_a_sound_correlates_with_itself() -> None:
    assert features.chroma_correlation(note(60), note(60)) == pytest.approx(1)
    assert features.onset_correlation(NOISE, NOISE) == pytest.approx(1)


def test_chroma_of_a_440_hz_tone_is_a() -> None:
    tone = np.sin(2 * np.pi * 440 * T).astype(np.float32)
    assert features.chroma(tone)[20].argmax() == 9  # C is 0


def test_chroma_follows_pitch_class_and_not_octave() -> None:
    octave = features.chroma_correlation(note(72), note(60))
    tritone = features.chroma_correlation(note(66), note(60))
    assert octave > 0.85 > 0.2 > tritone


def test_onsets_are_where_sound_begins() -> None:
    y = np.zeros_like(NOISE)
    for start in (0.5, 1.2):
        y[int(start * features.RATE) :][:4000] = NOISE[:4000]
    strength = features.onset_strength(y)
    peaks = np.argsort(strength)[-6:] * features.HOP / features.RATE
    assert all(min(abs(peak - 0.5), abs(peak - 1.2)) < 0.08 for peak in peaks)


def test_texture_tells_steady_from_beating_noise() -> None:
    beating = NOISE * (1 + np.sin(2 * np.pi * 4 * T)).astype(np.float32)
    steady, moving = features.texture(NOISE), features.texture(beating)
    assert moving.variation.mean() > 1.5 * steady.variation.mean()
    assert moving.correlation.mean() > steady.correlation.mean() + 0.3


def test_at_rate_mixes_and_resamples() -> None:
    y = np.zeros((44100, 2), np.float32)
    assert features.at_rate(y, 44100).shape == (22050,)


SR = 22050
TONE = np.sin(2 * np.pi * 1000 * np.arange(2 * SR) / SR).astype(np.float32)


def test_a_tone_is_a_line_at_its_frequency() -> None:
    times, frequencies, level = features.spectrogram(TONE, SR)
    assert level.shape == (len(times), len(frequencies))
    assert frequencies[level[len(times) // 2].argmax()] == pytest.approx(1000, abs=frequencies[1])
    assert level.max() == pytest.approx(0)


def test_a_long_sound_has_no_more_columns() -> None:
    assert len(features.spectrogram(np.tile(TONE, 40), SR)[0]) <= 1200


def test_one_panel_for_each_sound_with_its_title() -> None:
    pytest.importorskip("matplotlib")
    silence = np.zeros(1, np.float32)
    figure = features.spectrogram_figure([("tone", TONE, SR), ("silence", silence, 44100)])
    titles = [axis.get_title() for axis in figure.axes]
    assert titles[:2] == ["tone", "silence"]
    assert figure.axes[2].get_ylabel() == "dB"
