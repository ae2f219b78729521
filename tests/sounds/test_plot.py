from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("matplotlib")

from restyle.sounds.plot import spectrogram, spectrogram_figure

SR = 22050
TONE = np.sin(2 * np.pi * 1000 * np.arange(2 * SR) / SR).astype(np.float32)


def test_a_tone_is_a_line_at_its_frequency() -> None:
    times, frequencies, level = spectrogram(TONE, SR)
    assert level.shape == (len(times), len(frequencies))
    assert frequencies[level[len(times) // 2].argmax()] == pytest.approx(1000, abs=frequencies[1])
    assert level.max() == pytest.approx(0)


def test_a_long_sound_has_no_more_columns() -> None:
    assert len(spectrogram(np.tile(TONE, 40), SR)[0]) <= 1200


def test_one_panel_for_each_sound_with_its_title() -> None:
    silence = np.zeros(1, np.float32)
    figure = spectrogram_figure([("tone", TONE, SR), ("silence", silence, 44100)])
    titles = [axis.get_title() for axis in figure.axes]
    assert titles[:2] == ["tone", "silence"]
    assert figure.axes[2].get_ylabel() == "dB"
