"""How much a film flickers along the motion of its content.

The following frame is moved onto the one before by the flow of the *content*, and the two are compared where
nothing is hidden (Lai et al. 2018, "Learning Blind Video Temporal Consistency"). Blurred films and copies of
the content win that figure alone: read style and detail beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np

from restyle.errors import InputError
from restyle.evaluate.flow import Flow, tvl1, visible, warped
from restyle.evaluate.ssim import luma
from restyle.types import FloatArray, Report
from restyle.videos.scenes import SceneCuts

THOUSAND = 1e3


class Motion:
    """Where the pixels of a film's content go, found once for all its results.

    Parameters
    ----------
    frames : sequence of np.ndarray [shape=(H, W, 3), float32, range 0..1, RGB]
        Of the content, one after the other. Over a cut nothing is compared.
    flow : function of two lumas [shape=(H, W), float32] that gives a Flow
    report : function of the fraction done, 0..1

    Raises
    ------
    InputError
        Fewer than two frames.
    """

    def __init__(
        self,
        frames: Sequence[FloatArray],
        flow: Callable[[FloatArray, FloatArray], Flow] = tvl1,
        report: Report = lambda part: None,
    ) -> None:
        if len(frames) < 2:
            raise InputError("temporal error needs at least two frames")
        self.size = frames[0].shape[:2]
        cuts = SceneCuts()
        begins = [cuts(np.round(frame * 255).astype(np.uint8)) for frame in frames]
        planes = [luma(frame).astype(np.float32) for frame in frames]
        self._moves: list[tuple[Flow, FloatArray] | None] = []
        for index, (one, two) in enumerate(pairwise(planes)):
            if begins[index + 1]:
                self._moves.append(None)
            else:
                forward = flow(one, two)
                seen = visible(forward, flow(two, one))
                self._moves.append((forward, seen.astype(np.float32)))
            report((index + 1) / (len(frames) - 1))

    def error(self, film: Sequence[FloatArray]) -> float:
        """Warping error of a film: mean squared difference of what is visible in both frames, in thousandths.

        Parameters
        ----------
        film : sequence of np.ndarray [shape=(H, W, 3), float32, range 0..1, RGB]
            As many frames as the content, of its size.

        Returns
        -------
        float, 0 and up
            nan where every pair of frames has a cut between them.

        Raises
        ------
        InputError
            Another number of frames, or another size.
        """
        if len(film) != len(self._moves) + 1:
            raise InputError(f"has {len(film)} frames, its content {len(self._moves) + 1}")
        if film[0].shape[:2] != self.size:
            raise InputError(f"frames are {film[0].shape[:2]}, those of the content {self.size}")
        total, count = 0.0, 0.0
        for (one, two), move in zip(pairwise(film), self._moves, strict=True):
            if move is None:
                continue
            forward, seen = move
            total += float((((warped(two, forward) - one) ** 2).mean(axis=-1) * seen).sum())
            count += float(seen.sum())
        return THOUSAND * total / count if count else float("nan")
