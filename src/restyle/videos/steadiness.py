"""`--steady statistics`: stylize frames with content statistics averaged over time, to avoid flicker.

If each frame is normalized by its own statistics, the whole picture changes when something enters it. Here
the statistics are a running average: the network mixes the previous average with the frame's own statistics.

    stats(t) = w stats(t-1) + (1 - w) own(t),    w = min(exp(-dt / tau), n / (n + 1))

dt is the time since the previous frame, n the number of frames since the last cut: a plain mean at first,
then an exponential one. In a static scene own(t) = stats(t-1), so nothing drifts.
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
    """Stylizes consecutive frames; `seconds` is the time constant tau, and with 0 each frame is stylized
    alone.
    """

    def __init__(self, method: Arbitrary, strength: float, seconds: float) -> None:
        self.method, self.strength, self.seconds = method, strength, seconds
        self.cut()

    def cut(self) -> None:
        """Start a new scene: forget earlier frames."""
        self._frames = 0
        self._styled: FloatArray | None = None
        self._rebuilt: FloatArray | None = None
        self._own: FloatArray | None = None

    def __call__(self, content: FloatArray, code: FloatArray, elapsed: float) -> FloatArray:
        """Stylize the next frame [H, W, 3], float32 in 0..1, with a code [K]; `elapsed` seconds after the
        last.
        """
        if self.strength == 0:
            return content
        weight = self._weight(elapsed)
        self._frames += 1
        if self.strength == 1:
            result, self._styled = self.method.paint_steady(content, code, self._styled, weight)
            return result
        if not self.method.encodes:
            result, self._styled = self.method.paint_steady(content, code, self._styled, weight)
            return arbitrary.restore_content(result, content, result, self.strength)
        own = self.method.encode(pad(content, 1, minimum=SMALLEST_INPUT)[0])
        if self._own is not None:
            own = np.asarray(own + np.float32(weight) * (self._own - own), np.float32)
        self._own = own
        toward = arbitrary.interpolate_code(own, code, self.strength)
        styled, self._styled = self.method.paint_steady(content, toward, self._styled, weight)
        rebuilt, self._rebuilt = self.method.paint_steady(content, own, self._rebuilt, weight)
        return arbitrary.restore_content(styled, content, rebuilt, self.strength)

    def state(self) -> dict[str, NDArray[Any]]:
        """Return the memory of earlier frames, for `restore`."""
        memory = {"styled": self._styled, "rebuilt": self._rebuilt, "own": self._own}
        present = {name: value for name, value in memory.items() if value is not None}
        return {"frames": np.array(self._frames), **present}

    def restore(self, state: dict[str, NDArray[Any]]) -> None:
        """Continue from a `state`."""
        self._frames = int(state["frames"])
        self._styled, self._rebuilt = state.get("styled"), state.get("rebuilt")
        self._own = state.get("own")

    def _weight(self, elapsed: float) -> float:
        if self.seconds == 0 or self._frames == 0:
            return 0.0
        return min(math.exp(-max(elapsed, 0.0) / self.seconds), self._frames / (self._frames + 1))
