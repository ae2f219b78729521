from __future__ import annotations

import pytest

from benchmarks.audio.pairs import ALL_PAIRS, CLIPS, HELD_OUT, LATER, PAIRS, clip, folder
from benchmarks.audio.scorecard import Scorecard
from restyle.sounds.api import audio
from restyle.sounds.features import RATE

present = pytest.mark.skipif(
    not folder().is_dir(), reason="../shared/data/audio is not here (RESTYLE_SHARED)"
)


def test_pairs_are_of_the_clips() -> None:
    assert len(PAIRS) >= 6
    assert set(PAIRS) <= set(ALL_PAIRS)
    assert len(ALL_PAIRS) == len(CLIPS) * (len(CLIPS) - 1)
    assert len(HELD_OUT) == len(PAIRS)
    assert {name for pair in HELD_OUT for name in pair} <= {*LATER, "robin"}


@present
@pytest.mark.parametrize(("content", "style"), [("fishin", "plum"), ("ashiel", "fishin")])
def test_real_pairs_reach_the_bar(content: str, style: str) -> None:
    card = Scorecard(clip(content), clip(style))
    score = card.score(audio(clip(content), clip(style), sr=RATE))
    assert score.timbre <= 0.35
    assert score.pitch_rhythm <= 0.35
    assert score.mixture < 0.6 * card.score(card.baselines()["50/50 mix"]).mixture
