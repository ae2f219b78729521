from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from benchmarks.audio.scorecard import Scorecard  # noqa: E402
from restyle.sounds.features import RATE  # noqa: E402
from restyle.sounds.texture import SoundLosses, TextureTransfer, _normalize  # noqa: E402
from tests.sounds.test_mosaic import Sound, melody, noise  # noqa: E402


def run(content: Sound, style: Sound, **options: float) -> Sound:
    method = TextureTransfer([(style, 1.0)], RATE, **{"steps": 12, **options})  # type: ignore[arg-type]
    method.fit(method.measure(content[:, None]))
    return method.stylize(content[:, None])[:, 0]


@pytest.mark.slow
def test_steps_bring_it_nearer_than_the_mosaic() -> None:
    content, style = melody(), noise()
    card = Scorecard(content, style)
    start, end = (card.score(run(content, style, steps=steps)) for steps in (1, 25))
    assert end.timbre + end.pitch_rhythm < start.timbre + start.pitch_rhythm - 0.02


@pytest.mark.slow
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
    method.fit(method.measure(content))
    method.stylize(content)
    assert parts == pytest.approx([1 / 3, 2 / 3, 1])
    assert heard == [RATE] * 3


def test_too_short_for_statistics_is_left_to_the_mosaic() -> None:
    content = melody()[:100]
    assert run(content, noise()).shape == (100,)


def test_statistics_of_a_sound_are_its_own() -> None:
    losses = SoundLosses(RATE, 0)
    with torch.no_grad():
        a, b = (losses.statistics(losses.features(_normalize(y))) for y in (noise(), noise() * 3))
    for name, value in a.items():
        assert torch.allclose(value, b[name], rtol=1e-3, atol=1e-3), name


def test_gradient_of_all_statistics_is_finite() -> None:
    losses = SoundLosses(RATE, 0)
    y = _normalize(melody()).clone()
    y[5000:9000] = 0
    y.requires_grad_()
    features = losses.features(y)
    total = sum(value.sum() for value in losses.statistics(features).values())
    total = total + losses.chroma(y).sum() + losses.onsets(features).square().sum()
    total.backward()  # type: ignore[no-untyped-call]
    assert y.grad is not None
    assert torch.isfinite(y.grad).all()
