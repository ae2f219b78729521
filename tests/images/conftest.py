"""Pictures for the tests of media."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest


@pytest.fixture(scope="session")
def scene() -> npt.NDArray[np.uint8]:
    """A picture without symmetry [shape=(40, 56, 3), uint8]: smooth, so that lossy formats are faithful."""
    y, x = np.mgrid[:40, :56]
    return np.stack([x * 4, y * 6, (x + 2 * y) * 255 // 133], axis=-1).astype(np.uint8)


@pytest.fixture(scope="session")
def deep_scene() -> npt.NDArray[np.uint16]:
    """Four channels of 16 bits with neighbours that differ in the low byte [shape=(37, 53, 4), uint16]."""
    generator = np.random.default_rng(0)
    y, x = np.mgrid[:37, :53]
    smooth = (y * 700 + x * 500)[..., None] * np.array([1.0, 0.8, 0.6, 0.9])
    return np.asarray(smooth + generator.integers(0, 700, (37, 53, 4))).astype(np.uint16)
