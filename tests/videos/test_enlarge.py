"""Frames between their own size and the size that is painted."""

from __future__ import annotations

import numpy as np
import pytest

from restyle.images.resize import enlarge_with_detail, resize
from restyle.types import FloatArray
from restyle.videos import enlarge
from tests.videos.test_flow import texture


@pytest.fixture
def content() -> FloatArray:
    fine = np.random.default_rng(3).normal(0, 0.015, (120, 160, 1)).astype(np.float32)
    return np.asarray(np.clip(texture(1, 120, 160) + fine, 0, 1), np.float32)


@pytest.mark.parametrize("strength", [1.0, 0.4])
@pytest.mark.parametrize("size", [(60, 80), (48, 64)])
def test_opencv_only_makes_it_faster(
    content: FloatArray, size: tuple[int, int], strength: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = enlarge.reduced(content, size)
    painted = np.ascontiguousarray(np.clip(1 - small + 0.2 * texture(2, *size), 0, 1), np.float32)
    by_opencv = enlarge.enlarged(painted, small, content, strength)
    monkeypatch.setattr(enlarge, "is_installed", lambda: False)
    without = enlarge.reduced(content, size)
    assert small.shape == (*size, 3)
    # Pillow rounds the windows to whole pixels.
    np.testing.assert_allclose(small, without, atol=1e-5 if size == (60, 80) else 0.08)
    expected = enlarge.enlarged(painted, small, content, strength)
    assert by_opencv.dtype == np.float32
    assert by_opencv.min() >= 0
    assert by_opencv.max() <= 1
    assert np.abs(by_opencv - expected).mean() < 2 / 255


def test_the_detail_of_the_frame_is_added(content: FloatArray) -> None:
    small = enlarge.reduced(content, (60, 80))
    np.testing.assert_allclose(enlarge.enlarged(small, small, content, 0.0), content, atol=1e-5)
    plain = resize(small, (120, 160), "bicubic")
    missing = np.abs(plain - content).mean()
    usual = np.abs(enlarge_with_detail(small, small, content) - content).mean()
    found = np.abs(enlarge.enlarged(small, small, content) - content).mean()
    assert found < 0.65 * missing
    assert found < 1.1 * usual


def test_a_painting_of_another_size(content: FloatArray) -> None:
    assert enlarge.enlarged(content, content, content) is content
    larger = enlarge.reduced(content, (240, 320))
    assert larger.shape == (240, 320, 3)
    back = enlarge.enlarged(larger, larger, content)
    assert back.shape == content.shape
    assert np.abs(back - content).mean() < 0.02
