from __future__ import annotations

import numpy as np
import pytest

from benchmarks.audio.scorecard import (
    Scorecard,
    mfcc_distance,
    mixture_share,
    stft_consistency,
    texture_errors,
)
from restyle.sounds.features import CLASSES, RATE, texture

T = np.arange(3 * RATE) / RATE
RNG = np.random.default_rng(0)
CONTENT = (np.sin(2 * np.pi * 330 * T) * (np.sin(7 * T) > 0) * 0.3).astype(np.float32)
STYLE = (RNG.standard_normal(len(T)) * 0.1 * (1.2 + np.sin(11 * T))).astype(np.float32)


@pytest.fixture(scope="module")
def card() -> Scorecard:
    return Scorecard(CONTENT, STYLE)


@pytest.mark.slow
def test_copies_are_the_ends_of_the_scale(card: Scorecard) -> None:
    rows = {name: card.score(y) for name, y in card.baselines().items()}
    assert rows["content copy"].timbre == pytest.approx(1)
    assert rows["content copy"].pitch_rhythm == pytest.approx(0, abs=1e-6)
    assert rows["style copy"].timbre == pytest.approx(0, abs=1e-6)
    assert rows["style copy"].pitch_rhythm == pytest.approx(1)
    assert rows["50/50 mix"].mixture > 0.8


def test_level_does_not_matter(card: Scorecard) -> None:
    loud, quiet = card.score(STYLE * 2), card.score(STYLE * 0.3)
    assert loud.timbre == pytest.approx(quiet.timbre, abs=0.02)


def test_a_shorter_style_is_looped() -> None:
    assert len(Scorecard(CONTENT, STYLE[:RATE]).looped_style) == len(CONTENT)


def test_consistency_is_that_of_rounding() -> None:
    assert stft_consistency(CONTENT) < -70


def test_mfcc_ignores_level() -> None:
    assert mfcc_distance(STYLE, STYLE) == 0
    assert mfcc_distance(STYLE, STYLE * 0.1) < 1e-2


def test_texture_errors_of_beating_noise_are_in_the_variation() -> None:
    noise = (RNG.standard_normal(2 * RATE) * 0.1).astype(np.float32)
    beating = noise * (1 + np.sin(2 * np.pi * 4 * T[: 2 * RATE])).astype(np.float32)
    errors = texture_errors(texture(beating), texture(noise))
    assert set(errors) == set(CLASSES)
    assert errors["variation"] > errors["mean"]


def test_a_mix_is_recognized() -> None:
    assert mixture_share((CONTENT + STYLE).astype(np.float32), CONTENT, STYLE) > 0.9
    noise = (RNG.standard_normal(len(T)) * 0.1).astype(np.float32)
    assert mixture_share(noise, CONTENT, STYLE) < 0.1
