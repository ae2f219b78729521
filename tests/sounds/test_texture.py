from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from restyle.evaluate.sound import Scorecard  # noqa: E402
from restyle.sounds.features import RATE  # noqa: E402
from restyle.sounds.texture import TextureTransfer  # noqa: E402
from tests.sounds.test_mosaic import Sound, melody, noise  # noqa: E402


def run(content: Sound, style: Sound, **options: float) -> Sound:
    method = TextureTransfer([(style, 1.0)], RATE, **{"steps": 12, **options})  # type: ignore[arg-type]
    method.learn(method.analyse(content[:, None]))
    return method(content[:, None])[:, 0]


@pytest.mark.slow
def test_steps_bring_it_nearer_than_the_mosaic() -> None:
    content, style = melody(), noise()
    card = Scorecard(content, style)
    start, end = (card.score(run(content, style, steps=steps)) for steps in (1, 25))
    assert end.timbre + end.pitch_rhythm < start.timbre + start.pitch_rhythm - 0.02


def test_same_seed_same_sound() -> None:
    content, style = melody()[:RATE], noise()[:RATE]
    assert np.array_equal(run(content, style, seed=3), run(content, style, seed=3))


def test_reports_and_previews() -> None:
    parts: list[float] = []
    heard: list[int] = []
    style = noise()[:RATE]
    method = TextureTransfer(
        [(style, 1.0)], RATE, steps=3, report=parts.append, preview=lambda step, y: heard.append(len(y))
    )
    content = melody()[:RATE, None]
    method.learn(method.analyse(content))
    method(content)
    assert parts == pytest.approx([1 / 3, 2 / 3, 1])
    assert heard == [RATE] * 3


def test_too_short_for_statistics_is_left_to_the_mosaic() -> None:
    content = melody()[:100]
    assert run(content, noise()).shape == (100,)
