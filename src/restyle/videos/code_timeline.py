"""Styles over time: which code holds at which second."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from restyle.types import FloatArray


class Timeline:
    """Style codes at moments, blended in between.

    Parameters
    ----------
    moments : sequence of (seconds, code)
        In any order, no two at the same second; `code` is an np.ndarray [shape=(K,), float32].

    Examples
    --------
    >>> import numpy as np
    >>> line = Timeline([(0.0, np.zeros(2, np.float32)), (4.0, np.ones(2, np.float32))])
    >>> line.at(1.0)
    array([0.25, 0.25], dtype=float32)
    """

    def __init__(self, moments: Sequence[tuple[float, FloatArray]]) -> None:
        ordered = sorted(moments, key=lambda moment: moment[0])
        self.seconds = [second for second, _ in ordered]
        self.codes = [code for _, code in ordered]

    def at(self, second: float) -> FloatArray:
        """Return the code [shape=(K,), float32] of a second; the first and the last hold beyond."""
        after = int(np.searchsorted(self.seconds, second, side="right"))
        if after == 0:
            return self.codes[0]
        if after == len(self.codes):
            return self.codes[-1]
        start, end = self.seconds[after - 1], self.seconds[after]
        part = np.float32((second - start) / (end - start))
        mixed = self.codes[after - 1] + part * (self.codes[after] - self.codes[after - 1])
        return np.asarray(mixed, np.float32)
