"""Silence of the content stays silence in the finished sound, whatever the style and its loudness."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from restyle.sounds.bands import allowed_rise
from restyle.sounds.content import with_margins
from restyle.sounds.effects import level_of
from restyle.sounds.stft import Double, Float

REACH = 4  # hops of context, beyond which nothing influences a level


class ContentLevel:
    """Level of a content over time, collected block by block, which limits how loud a result may be.

    A loud offset or rumble is not heard, but a filter that removes it rings into silence. So the content is
    measured with and without, and the lower level counts.

    Parameters
    ----------
    hop : int
        Samples between levels.
    """

    def __init__(self, hop: int) -> None:
        self._hop = hop
        self._levels: list[Double] = []
        self._original: list[Double] = []

    def watch(self, blocks: Iterator[Float]) -> Iterator[Float]:
        """Measure the content as it is while it is read, in blocks of a multiple of the hop."""
        for window, part in with_margins(blocks, REACH * self._hop):
            self._original.append(self._of(window, part))
            yield window[part]

    def add(self, window: Float, part: slice) -> None:
        """Measure a part without rumble, which begins on a multiple of the hop, of a window [n, channels]."""
        self._levels.append(self._of(window, part))

    def _of(self, window: Float, part: slice) -> Double:
        return level_of(window, self._hop)[part.start // self._hop : -(-part.stop // self._hop)]

    def limit(self, blocks: Iterator[Float]) -> Iterator[Float]:
        """Yield a result of the content's length, lowered where it is much louder than the content's silence.

        The levels are absolute, so it works on a result that has its final loudness.
        """
        own = np.minimum(np.concatenate(self._levels), np.concatenate(self._original))
        most = own + allowed_rise(own, float(own.max()))
        done = 0
        for window, part in with_margins(blocks, REACH * self._hop):
            found = level_of(window, self._hop)
            at = (done - part.start) / self._hop + np.arange(len(found))
            gain = np.minimum(0, np.interp(at, np.arange(len(most)), most) - found)
            done += part.stop - part.start
            if not gain.any():
                yield window[part]
                continue
            samples = np.arange(part.start, part.stop) / self._hop
            factor = 10 ** (np.interp(samples, np.arange(len(gain)), gain) / 20)
            yield window[part] * factor[:, None].astype(np.float32)
