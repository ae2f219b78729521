"""Optimise the frames of a film one after the other, each from the one before, moved along.

A frame begins with the result before it where the flow can be trusted, and with the network's picture
elsewhere, so that a few steps at full size are enough; and it is held to that result by the temporal loss

    w mean(v (O(t) - W O(t-1))^2)

with W the warp by the flow and v its trust (Ruder et al. 2016, "Artistic style transfer for videos"). Differs
from the paper: only one frame back, flow by `videos.flow`, no passes back and forth.
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
    """Paints frames one after the other, finest.

    Parameters
    ----------
    styles : sequence of Exemplar
    fast : SteadyPainter
        Paints what there is nothing before to begin with.
    options : VideoMethodOptions
    threads : int or None

    Raises
    ------
    MissingExtraError
        torch is not installed.
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
        """Forget what was: a new scene begins."""
        self._fast.cut()
        self.last = None

    def __call__(
        self, content: FloatArray, code: FloatArray, elapsed: float, motion: Motion | None
    ) -> FloatArray:
        """Paint the next frame.

        Parameters
        ----------
        content : np.ndarray [shape=(H, W, 3), float32, range 0..1, RGB]
        code : np.ndarray [shape=(K,), float32]
        elapsed : float
            Seconds since the frame before.
        motion : Motion or None
            Since the frame before; None begins anew.

        Returns
        -------
        np.ndarray [shape=(H, W, 3), float32, range 0..1, RGB]
        """
        if self._fast.strength == 0:
            return content
        start = self._fast(content, code, elapsed)
        previous = None
        if motion is not None and self.last is not None and self.last.shape == content.shape:
            moved = np.clip(warp(self.last, motion.back, fine=True), 0, 1)
            start = start + motion.trust[..., None] * (moved - start)
            previous = Previous(moved, motion.trust, self._options.temporal_weight)
            if np.array_equal(moved, self.last) and motion.trust.min() == 1:
                return self.last  # nothing moved: what is there cannot get better, only different
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
        """What is remembered of the frames so far, for `restore`."""
        return {**self._fast.state(), **({} if self.last is None else {"last": self.last})}

    def restore(self, state: dict[str, NDArray[Any]]) -> None:
        """Go on where another one was."""
        self._fast.restore(state)
        self.last = state.get("last")
