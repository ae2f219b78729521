from __future__ import annotations

import numpy as np
import pytest

from benchmarks.audio.ulyanov import griffin_lim, ulyanov
from restyle.sounds.stft import stft
from tests.sounds.test_mosaic import melody, noise


def test_griffin_lim_comes_near_the_magnitudes() -> None:
    y = melody()[:22050]
    S = np.abs(stft(y, 2048, 512))
    errors = [
        np.linalg.norm(np.abs(stft(griffin_lim(S, len(y), steps, 0), 2048, 512)) - S) / np.linalg.norm(S)
        for steps in (1, 40)
    ]
    assert errors[1] < 0.5 * errors[0]


@pytest.mark.slow
def test_the_baseline_runs_and_keeps_the_length() -> None:
    content, style = melody()[:11025], noise()[:9000]
    y = ulyanov(content, style, filters=32, steps=3, griffin_lim_steps=2)
    assert y.shape == content.shape
    assert np.isfinite(y).all()
