"""Detect cuts between scenes, frame by frame.

Two frames belong to different scenes if both their color histograms and their thumbnails differ by much more
than recent neighbors did. Motion changes the thumbnail and keeps the colors; a change of light changes the
colors slightly; only a cut changes both. The thresholds were set on the clips of benchmarks/video and on
synthetic cuts, pans, fades and flashes.
"""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

_GRID = (9, 16)  # rows and columns of the thumbnail
_LEVELS = 6  # per channel of the histogram
_SAMPLES = 144  # rows and columns that are sampled
_MIN_COLORS = 0.30  # histogram distance, 0..1
_MIN_PLACE = 0.06  # mean difference of the thumbnails, 0..1
_TIMES_USUAL = 3.0
_MEMORY = 12  # frames

Floats = NDArray[np.float64]


class SceneCuts:
    """Tells for each frame whether a new scene begins with it."""

    def __init__(self) -> None:
        self._before: tuple[Floats, Floats] | None = None
        self._usual: deque[float] = deque(maxlen=_MEMORY)

    def __call__(self, pixels: NDArray[np.uint8] | NDArray[np.uint16]) -> bool:
        """Return whether a new scene begins with the next frame [H, W, 3]; True for the first one."""
        features = _features(pixels)
        before, self._before = self._before, features
        if before is None:
            return True
        place = float(np.abs(features[0] - before[0]).mean())
        colors = float(np.abs(features[1] - before[1]).sum()) / 2
        usual = float(np.median(self._usual)) if self._usual else 0.0
        if place > max(_MIN_PLACE, _TIMES_USUAL * usual) and colors > _MIN_COLORS:
            self._usual.clear()
            return True
        self._usual.append(place)
        return False

    def state(self) -> dict[str, Floats]:
        """Return the memory of earlier frames, for `restore`."""
        if self._before is None:
            return {}
        return {"place": self._before[0], "colors": self._before[1], "usual": np.array(self._usual)}

    def restore(self, state: dict[str, Floats]) -> None:
        """Continue from a `state`."""
        if state:
            self._before = (state["place"], state["colors"])
            self._usual.extend(state["usual"].tolist())


def _features(pixels: NDArray[np.uint8] | NDArray[np.uint16]) -> tuple[Floats, Floats]:
    """Return the thumbnail [9, 16, 3] and the color histogram [216] of a frame."""
    rows = np.linspace(0, pixels.shape[0] - 1, _SAMPLES).round().astype(np.intp)
    columns = np.linspace(0, pixels.shape[1] - 1, _SAMPLES).round().astype(np.intp)
    samples = pixels[rows[:, None], columns].astype(np.float64) / np.iinfo(pixels.dtype).max
    tall, wide = _SAMPLES // _GRID[0], _SAMPLES // _GRID[1]
    thumbnail = samples.reshape(_GRID[0], tall, _GRID[1], wide, 3).mean(axis=(1, 3))
    levels = np.minimum((samples * _LEVELS).astype(np.intp), _LEVELS - 1)
    cells = (levels[..., 0] * _LEVELS + levels[..., 1]) * _LEVELS + levels[..., 2]
    return thumbnail, np.bincount(cells.ravel(), minlength=_LEVELS**3) / cells.size
