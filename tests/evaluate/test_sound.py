from __future__ import annotations

import numpy as np
import pytest

from restyle.evaluate.sound import Scorecard, stft_consistency
from restyle.sounds.features import RATE

T = np.arange(3 * RATE) / RATE
RNG = np.random.default_rng(0)
CONTENT = (np.sin(2 * np.pi * 330 * T) * (np.sin(7 * T) > 0) * 0.3).astype(np.float32)
STYLE = (RNG.standard_normal(len(T)) * 0.1 * (1.2 + np.sin(11 * T))).astype(np.float32)


@pytest.fixture(scope="module")
def card() -> Scorecard:
    return Scorecard(CONTENT, STYLE)


def test_copies_are_the_ends_of_the_scale(card: Scorecard) -> None:
    rows = {name: card.score(y) for name, y in card.trivial().items()}
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
