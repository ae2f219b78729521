from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from restyle.sounds.features import RATE  # noqa: E402
from restyle.sounds.texture import _levelled  # noqa: E402
from restyle.sounds.texture_losses import SoundLosses  # noqa: E402
from tests.sounds.test_mosaic import melody, noise  # noqa: E402


def test_statistics_of_a_sound_are_its_own() -> None:
    losses = SoundLosses(RATE, 0)
    with torch.no_grad():
        a, b = losses.statistics(_levelled(noise())), losses.statistics(_levelled(noise() * 3))
    for name, value in a.items():
        assert torch.allclose(value, b[name], rtol=1e-3, atol=1e-3), name


def test_gradient_of_all_statistics_is_finite() -> None:
    losses = SoundLosses(RATE, 0)
    y = _levelled(melody()).clone()
    y[5000:9000] = 0
    y.requires_grad_()
    total = sum(value.sum() for value in losses.statistics(y).values())
    total = total + losses.chroma(y).sum() + losses.onsets(y).square().sum()
    total.backward()  # type: ignore[no-untyped-call]
    assert y.grad is not None
    assert torch.isfinite(y.grad).all()
