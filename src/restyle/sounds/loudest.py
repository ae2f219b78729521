"""The loudest stretch of a stream."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float32]


class Loudest:
    """Hears a sound in blocks and keeps, of its stretches of one length, the one with the most energy.

    Stretches are counted from the start of the sound, so what is kept does not depend on the blocks.

    Parameters
    ----------
    samples : int > 0
        Of a stretch; the last one of the sound may be shorter.
    channels : int
    """

    def __init__(self, samples: int, channels: int) -> None:
        self._samples = samples
        self._kept = np.zeros((0, channels), np.float32)
        self._most = -1.0
        self._heard: list[Float] = []

    def add(self, y: Float) -> None:
        """Hear a block [shape=(n, channels), float32]."""
        while len(y):
            room = self._samples - sum(map(len, self._heard))
            self._heard.append(y[:room].copy())
            if len(y) >= room:
                self._compare()
            y = y[room:]

    def stretch(self) -> Float:
        """The loudest so far [shape=(n, channels), float32], empty if nothing was heard."""
        self._compare()
        return self._kept

    def _compare(self) -> None:
        if not self._heard:
            return
        heard = np.concatenate(self._heard)
        self._heard = []
        energy = float((heard.astype(np.float64) ** 2).sum())
        if energy > self._most:
            self._kept, self._most = heard, energy
