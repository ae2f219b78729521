"""`--method optimize` of videos: optimize each frame, starting from the previous result.

Where the optical flow is reliable a frame starts from the warped previous result, elsewhere from the output
of the network, so that a few steps at full size are enough. A temporal loss keeps it close to that:

    w mean(v (O(t) - W O(t-1))^2)

W is the warp and v the confidence of the flow (Ruder et al. 2016, "Artistic style transfer for videos").
Differs from the paper: only the previous frame is used, the flow is that of `videos.flow`, and there are no
backward passes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from restyle.methods import table
from restyle.methods.protocol import FrameMethod, Previous
from restyle.models.style_codes import Exemplar
from restyle.options.video import VideoMethodOptions
from restyle.types import FloatArray
from restyle.videos.flow import Motion, warp
from restyle.videos.steadiness import SteadyPainter


class OptimizedPainter:
    """Optimizes consecutive frames; `fast` computes the start where there is no previous result.

    Raises MissingExtraError without torch.
    """

    def __init__(
        self,
        styles: Sequence[Exemplar],
        fast: SteadyPainter,
        options: VideoMethodOptions,
        threads: int | None = None,
    ) -> None:
        self._method = cast("FrameMethod", table.load(options.method))
        self._styles, self._fast, self._options, self._threads = styles, fast, options, threads
        self.last: FloatArray | None = None

    def cut(self) -> None:
        """Start a new scene: forget earlier frames."""
        self._fast.cut()
        self.last = None

    def __call__(
        self, content: FloatArray, code: FloatArray, elapsed: float, motion: Motion | None
    ) -> FloatArray:
        """Stylize the next frame; as `SteadyPainter`, with the motion since the previous frame, if any."""
        if self._fast.strength == 0:
            return content
        start = self._fast(content, code, elapsed)
        previous = None
        if motion is not None and self.last is not None and self.last.shape == content.shape:
            warped = np.clip(warp(self.last, motion.back, cubic=True), 0, 1)
            start = start + motion.trust[..., None] * (warped - start)
            previous = Previous(warped, motion.trust, self._options.temporal_weight)
            if np.array_equal(warped, self.last) and motion.trust.min() == 1:
                return self.last  # nothing moved: another run would only differ, not improve
        self.last = self._method.stylize_frame(
            content,
            start,
            self._styles,
            self._options,
            strength=self._fast.strength,
            threads=self._threads,
            previous=previous,
        )
        return self.last

    def state(self) -> dict[str, NDArray[Any]]:
        """Return the memory of earlier frames, for `restore`."""
        return {**self._fast.state(), **({} if self.last is None else {"last": self.last})}

    def restore(self, state: dict[str, NDArray[Any]]) -> None:
        """Continue from a `state`."""
        self._fast.restore(state)
        self.last = state.get("last")
