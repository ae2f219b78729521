"""Find the cuts of a film as its frames come by.

Two frames belong to different scenes when their colours differ (histogram) and when they differ in place
(a tiny copy) by much more than neighbours lately did. Motion moves pixels but keeps the colours; a change of
light keeps the edges of the histogram's cells close; only a cut does both at once. Thresholds were set on the
clips of benchmarks/video and on drawn cuts, pans, fades and flashes.
"""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

_GRID = (9, 16)  # cells of the tiny copy
_LEVELS = 6  # of each channel in the histogram
_SAMPLES = 144  # rows and columns looked at
_MIN_COLORS = 0.30  # part of the pixels whose colour's cell must differ
_MIN_PLACE = 0.06  # mean difference of the tiny copies, 0..1
_TIMES_USUAL = 3.0
_MEMORY = 12  # frames


class SceneCuts:
    """Tells, frame by frame, where a new scene begins."""

    def __init__(self) -> None:
        self._before: tuple[NDArray[np.float64], NDArray[np.float64]] | None = None
        self._usual: deque[float] = deque(maxlen=_MEMORY)

    def __call__(self, pixels: NDArray[np.uint8] | NDArray[np.uint16]) -> bool:
        """Look at the next frame.

        Parameters
        ----------
        pixels : np.ndarray [shape=(H, W, 3), uint8 or uint16, RGB]

        Returns
        -------
        bool
            Whether a new scene begins with it; True for the very first.
        """
        seen = _seen(pixels)
        if self._before is None:
            self._before = seen
            return True
        place = float(np.abs(seen[0] - self._before[0]).mean())
        colors = float(np.abs(seen[1] - self._before[1]).sum()) / 2
        usual = float(np.median(self._usual)) if self._usual else 0.0
        self._before = seen
        if place > max(_MIN_PLACE, _TIMES_USUAL * usual) and colors > _MIN_COLORS:
            self._usual.clear()
            return True
        self._usual.append(place)
        return False

    def state(self) -> dict[str, NDArray[np.float64]]:
        """What is remembered of the frames so far, for `restore`."""
        if self._before is None:
            return {}
        return {"place": self._before[0], "colors": self._before[1], "usual": np.array(self._usual)}

    def restore(self, state: dict[str, NDArray[np.float64]]) -> None:
        """Go on where another one was."""
        if state:
            self._before = (state["place"], state["colors"])
            self._usual.extend(state["usual"].tolist())


def _seen(pixels: NDArray[np.uint8] | NDArray[np.uint16]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """A copy of 9 x 16 cells, and the histogram of the colours."""
    rows = np.linspace(0, pixels.shape[0] - 1, _SAMPLES).round().astype(np.intp)
    columns = np.linspace(0, pixels.shape[1] - 1, _SAMPLES).round().astype(np.intp)
    few = pixels[rows[:, None], columns].astype(np.float64) / np.iinfo(pixels.dtype).max
    tall, wide = _SAMPLES // _GRID[0], _SAMPLES // _GRID[1]
    tiny = few.reshape(_GRID[0], tall, _GRID[1], wide, 3).mean(axis=(1, 3))
    levels = np.minimum((few * _LEVELS).astype(np.intp), _LEVELS - 1)
    cells = (levels[..., 0] * _LEVELS + levels[..., 1]) * _LEVELS + levels[..., 2]
    return tiny, np.bincount(cells.ravel(), minlength=_LEVELS**3) / cells.size
