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
    assert total_level(kept).std() == pytest.approx(total_level(content).std(), rel=1e-3)


def test_silence_stays_silent() -> None:
    content, style = cloud(-30, 3), cloud(-45, 5)
    content[100:120] = -120
    moved = EnvelopeTransport.fit(content, style)(content)
    assert total_level(moved)[100:120].max() < total_level(moved)[:100].mean() - 20


def test_a_single_frame_of_either_is_enough() -> None:
    one = np.full((1, 8), -20, np.float32)
    assert np.isfinite(EnvelopeTransport.fit(one, cloud(-40, 3))(one)).all()
    assert np.allclose(EnvelopeTransport.fit(cloud(-40, 3), one)(cloud(-40, 3)), -20, atol=1)
