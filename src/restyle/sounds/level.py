"""Bring a rendered sound to the content's loudness and under a ceiling, block by block."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from restyle.sounds.content import Content, Tape
from restyle.sounds.limiter import limited, margin
from restyle.sounds.loudness import SILENT, LoudnessMeter
from restyle.sounds.windows import with_margins

Float = NDArray[np.float32]

CEILING = 0.891  # -1 dBFS, unless the content's own peaks are higher
HIGHEST = 0.989
NEAR = 0.1  # LU from the wanted loudness that is near enough


@dataclass(frozen=True)
class Leveller:
    """A rendered sound on its way to the content's loudness.

    Parameters
    ----------
    rendered : Tape
    source : Content
        Whose share is added back.
    heard : LoudnessMeter
        Of the content.
    remix : float, 0..1
        Share of the original in the result.
    size : int
        Samples of a block.
    """

    rendered: Tape
    source: Content
    heard: LoudnessMeter
    remix: float
    size: int

    def blocks(self, loudness: LoudnessMeter) -> Iterator[Float]:
        """Blocks of the result [shape=(n, channels), float32], none of them clipped.

        Parameters
        ----------
        loudness : LoudnessMeter
            Of the rendered sound.
        """
        wanted, own = self.heard.integrated(), loudness.integrated()
        if own == SILENT:
            return self._at(1.0, 1.0)
        gain = float(10 ** ((wanted - own) / 20))
        if self.remix == 0 and loudness.peak * gain <= self.ceiling:
            return self._at(gain, 1.0)
        factor = 1.0
        for _ in range(4):  # the limiter and the original change the loudness too
            meter = LoudnessMeter(self.source.sr, self.source.channels)
            for block in self._at(gain, factor):
                meter.add(block)
            error = wanted - meter.integrated()
            if not np.isfinite(error) or abs(error) < NEAR:
                break
            factor *= 10 ** (error / 20)
        return self._at(gain, factor)

    @property
    def ceiling(self) -> float:
        """Largest magnitude of a sample."""
        return min(max(self.heard.peak, CEILING), HIGHEST)

    def _at(self, gain: float, factor: float) -> Iterator[Float]:
        """The result with the rendered sound at `gain`, and then all of it at `factor`."""
        blocks = self._mixed(gain) if self.remix else (block * np.float32(gain) for block in self._rendered())
        if factor != 1:
            blocks = (block * np.float32(factor) for block in blocks)
        return limited_blocks(blocks, self.source.sr, self.ceiling)

    def _rendered(self) -> Iterator[Float]:
        return self.rendered.blocks(self.size)

    def _mixed(self, gain: float) -> Iterator[Float]:
        for block, original in zip(self._rendered(), self.source.blocks(self.size), strict=True):
            yield np.float32((1 - self.remix) * gain) * block + np.float32(self.remix) * original


def limited_blocks(blocks: Iterator[Float], sr: int, ceiling: float) -> Iterator[Float]:
    """The limiter over a stream; each block is seen with a margin of its neighbours."""
    for seen, part in with_margins(blocks, margin(sr)):
        yield limited(seen, sr, ceiling)[part]
