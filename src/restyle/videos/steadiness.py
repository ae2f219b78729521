"""Paint the frames of a film so that nothing flickers: content statistics averaged over time.

Normalising each frame by its own statistics makes the whole picture brighter or darker as things come into
view. Here the statistics are an average over the last moments, in one pass: the transformer mixes what it is
given with the frame's own, and gives back the mixture, which the next frame is given in turn.

    stats(t) = w stats(t-1) + (1 - w) own(t),    w = min(exp(-dt / tau), n / (n + 1))

with dt the time since the last frame and n the frames since the last cut: a plain mean at first, which then
forgets. Where nothing changes, own(t) = stats(t-1) and the difference is exactly 0, so nothing drifts.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from restyle.images.geometry import pad
from restyle.models import arbitrary
from restyle.models.arbitrary import SMALLEST_INPUT, Arbitrary
from restyle.types import FloatArray


class SteadyPainter:
    """Paints frames one after the other.

    Parameters
    ----------
    method : Arbitrary
    strength : float, 0..1
    seconds : float
        Time constant tau of the average; 0 paints every frame by itself.
    """

    def __init__(self, method: Arbitrary, strength: float, seconds: float) -> None:
        self.method, self.strength, self.seconds = method, strength, seconds
        self.cut()

    def cut(self) -> None:
        """Forget what was: a new scene begins."""
        self._frames = 0
        self._styled: FloatArray | None = None
        self._rebuilt: FloatArray | None = None
        self._own: FloatArray | None = None

    def __call__(self, content: FloatArray, code: FloatArray, elapsed: float) -> FloatArray:
        """Paint the next frame.

        Parameters
        ----------
        content : np.ndarray [shape=(H, W, 3), float32, range 0..1, RGB]
        code : np.ndarray [shape=(K,), float32]
        elapsed : float
            Seconds since the frame before.

        Returns
        -------
        np.ndarray [shape=(H, W, 3), float32, range 0..1, RGB]
        """
        if self.strength == 0:
            return content
        weight = self._weight(elapsed)
        self._frames += 1
        if self.strength == 1:
            picture, self._styled = self.method.paint_steady(content, code, self._styled, weight)
            return picture
        if not self.method.encodes:
            picture, self._styled = self.method.paint_steady(content, code, self._styled, weight)
            return arbitrary.restore_content(picture, content, picture, self.strength)
        own = self.method.encode(pad(content, 1, minimum=SMALLEST_INPUT)[0])
        if self._own is not None:
            own = np.asarray(own + np.float32(weight) * (self._own - own), np.float32)
        self._own = own
        toward = arbitrary.interpolate_code(own, code, self.strength)
        styled, self._styled = self.method.paint_steady(content, toward, self._styled, weight)
        rebuilt, self._rebuilt = self.method.paint_steady(content, own, self._rebuilt, weight)
        return arbitrary.restore_content(styled, content, rebuilt, self.strength)

    def state(self) -> dict[str, NDArray[Any]]:
        """What is remembered of the frames so far, for `restore`."""
        known = {"styled": self._styled, "rebuilt": self._rebuilt, "own": self._own}
        there = {name: value for name, value in known.items() if value is not None}
        return {"frames": np.array(self._frames), **there}

    def restore(self, state: dict[str, NDArray[Any]]) -> None:
        """Go on where another one was."""
        self._frames = int(state["frames"])
        self._styled, self._rebuilt = state.get("styled"), state.get("rebuilt")
        self._own = state.get("own")

    def _weight(self, elapsed: float) -> float:
        if self.seconds == 0 or self._frames == 0:
            return 0.0
        return min(math.exp(-max(elapsed, 0.0) / self.seconds), self._frames / (self._frames + 1))
