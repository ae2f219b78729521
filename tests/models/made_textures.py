"""A picture to paint on, of any size."""

from __future__ import annotations

import numpy as np

from restyle.types import FloatArray


def textured(height: int, width: int, seed: int = 0) -> FloatArray:
    """[height, width, 3]: wide waves of colour, with noise."""
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    waves = np.stack([np.sin(rows / 31), np.cos(columns / 23), np.sin((rows + columns) / 47)], -1)
    noise = np.random.default_rng(seed).normal(0, 0.05, (height, width, 3))
    return np.clip(0.5 + 0.3 * waves + noise, 0, 1).astype(np.float32)
