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
from restyle.models.arbitrary import Arbitrary
from restyle.models.style_codes import Exemplar
from restyle.options.video import VideoMethodOptions
from restyle.types import FloatArray
from restyle.videos.flow import Motion, warp


class OptimizedPainter:
    """Optimizes consecutive frames; `fast` computes the start where there is no previous result.

    Raises MissingExtraError without torch.
    """

    def __init__(
        self,
        styles: Sequence[Exemplar],
        fast: Arbitrary,
        strength: float,
        options: VideoMethodOptions,
        threads: int | None = None,
        device: str = "cpu",
    ) -> None:
        self._method = cast("FrameMethod", table.load(options.method))
        self._styles, self._fast, self._strength = styles, fast, strength
        self._options, self._threads, self._device = options, threads, device
        self.last: FloatArray | None = None

    def cut(self) -> None:
        """Start a new scene: forget earlier frames."""
        self.last = None

    def __call__(self, content: FloatArray, code: FloatArray, motion: Motion | None) -> FloatArray:
        """Stylize the next frame [H, W, 3], float32 in 0..1, with a code [K] and the motion since the
        previous frame, if any.
        """
        if self._strength == 0:
            return content
        start = self._fast.stylize(content, code, self._strength)
        previous = None
        if motion is not None and self.last is not None and self.last.shape == content.shape:
            warped = np.clip(warp(self.last, motion.back, sharp=True), 0, 1)
            start = start + motion.trust[..., None] * (warped - start)
            previous = Previous(warped, motion.trust, self._options.temporal_weight)
            if np.array_equal(warped, self.last) and motion.trust.min() == 1:
                return self.last  # nothing moved: another run would only differ, not improve
        self.last = self._method.stylize_frame(
            content,
            start,
            self._styles,
            self._options,
            strength=self._strength,
            device=self._device,
            threads=self._threads,
            previous=previous,
        )
        return self.last

    def state(self) -> dict[str, NDArray[Any]]:
        """Return the memory of earlier frames, for `restore`."""
        return {} if self.last is None else {"last": self.last}

    def restore(self, state: dict[str, NDArray[Any]]) -> None:
        """Continue from a `state`."""
        self.last = state.get("last")
