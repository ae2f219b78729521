from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from restyle.sounds.transport import EnvelopeTransport, total_level

RNG = np.random.default_rng(0)


def cloud(mean: float, spread: float, frames: int = 4000) -> NDArray[np.float32]:
    mixing = RNG.standard_normal((8, 8)) * spread / 3
    return (RNG.standard_normal((frames, 8)) @ mixing + mean + np.arange(8)).astype(np.float32)


def test_moments_become_those_of_the_style() -> None:
    content, style = cloud(-30, 3), cloud(-45, 5)
    moved = EnvelopeTransport.fit(content, style, ridge=0.01)(content)
    assert np.abs(moved.mean(0) - style.mean(0)).max() < 0.2
    assert np.abs(moved.std(0) / style.std(0) - 1).max() < 0.05
    off = np.corrcoef(moved.T) - np.corrcoef(style.T)
    assert np.abs(off).max() < 0.1


def test_transport_onto_itself_is_the_identity() -> None:
    content = cloud(-30, 4)
    moved = EnvelopeTransport.fit(content, content)(content)
    assert np.abs(moved - content).mean() < 0.1


def test_order_in_time_stays() -> None:
    content, style = cloud(-30, 3), cloud(-45, 5)
    moved = EnvelopeTransport.fit(content, style)(content)
    assert np.corrcoef(total_level(moved), total_level(content))[0, 1] > 0.5


def test_all_rhythm_keeps_the_dynamics() -> None:
    content, style = cloud(-30, 5), cloud(-45, 1)
    transport = EnvelopeTransport.fit(content, style)
    free, kept = transport(content), transport(content, rhythm=1.0)
    assert total_level(free).std() < 0.7 * total_level(content).std()
    assert total_level(kept).std() == pytest.approx(total_level(content).std(), rel=0.05)


def test_silence_stays_silent() -> None:
    content, style = cloud(-30, 3), cloud(-45, 5)
    content[100:120] = -120
    moved = EnvelopeTransport.fit(content, style)(content)
    assert total_level(moved)[100:120].max() < total_level(moved)[:100].mean() - 20


def test_a_single_frame_of_either_is_enough() -> None:
    one = np.full((1, 8), -20, np.float32)
    assert np.isfinite(EnvelopeTransport.fit(one, cloud(-40, 3))(one)).all()
    assert np.allclose(EnvelopeTransport.fit(cloud(-40, 3), one)(cloud(-40, 3)), -20, atol=1)


def test_steady_content_does_not_jump() -> None:
    """A style that switches on and off, whose map is steep, and content that only ripples."""
    content = (-20 + RNG.standard_normal((2000, 8)) * 0.3).astype(np.float32)
    style = np.where((np.arange(4000) // 40 % 2)[:, None] == 0, -20, -60) + cloud(0, 1)
    moved = EnvelopeTransport.fit(content, style.astype(np.float32))(content)
    level = total_level(moved)
    assert np.percentile(level, 97.5) - np.percentile(level, 2.5) < 8


def test_faint_noise_is_not_raised() -> None:
    content, style = cloud(-20, 3), cloud(-20, 1)
    content[1000:1100] -= 80
    transport = EnvelopeTransport.fit(content, style)
    moved = transport(content)
    rise = total_level(moved) - total_level(content) - transport.gain
    assert rise[1000:1100].max() < 3.1
