"""Bring a rendered sound to the content's loudness and under a ceiling, block by block.

The limiter looks ahead: the gain falls before a peak arrives, and no sample is clipped.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from restyle.sounds.content import Content, Tape
from restyle.sounds.loudness import SILENT, LoudnessMeter
from restyle.sounds.stft import hann
from restyle.sounds.windows import with_margins

Float = NDArray[np.float32]

CEILING = 0.891  # -1 dBFS, unless the content's own peaks are higher
HIGHEST = 0.989
ATTACK = 0.005  # seconds of fading before and after a peak
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


def margin(sr: int) -> int:
    """Samples that `limited` must see on either side of a block to give what it would give in one go."""
    return 2 * max(1, round(ATTACK * sr))


def limited(y: Float, sr: int, ceiling: float) -> Float:
    """Keep every sample within the ceiling by a gain that changes smoothly and is shared by all channels.

    Parameters
    ----------
    y : np.ndarray [shape=(n, channels), float32]
    ceiling : float
        Largest magnitude let through.

    Returns
    -------
    y : np.ndarray [shape=(n, channels), float32]
    """
    peak = np.abs(y).max(axis=1) if y.size else np.zeros(len(y), np.float32)
    if not len(y) or float(peak.max()) <= ceiling:
        return y
    reach = max(1, round(ATTACK * sr))
    needed = np.minimum(1, ceiling / np.maximum(peak, 1e-9)).astype(np.float32)
    # The lowest gain within reach on either side, then an average over that same reach: at the peak itself
    # the average sees nothing higher than what the peak needs.
    padded = np.pad(needed, reach, constant_values=1)
    lowest = _running_minimum(padded, 2 * reach + 1)
    window = hann(2 * reach + 2)[1:].astype(np.float64)
    window /= window.sum()
    gain = _convolved(np.pad(lowest, reach, mode="edge"), window)
    return (y * np.minimum(gain, 1)[:, None]).astype(np.float32)


def _running_minimum(x: Float, width: int) -> Float:
    """Minimum of each `width` neighbours (van Herk 1992): two sweeps, whatever the width."""
    count = len(x) - width + 1
    blocks = -(-len(x) // width)
    padded = np.pad(x, (0, blocks * width - len(x)), constant_values=1).reshape(blocks, width)
    forward = np.minimum.accumulate(padded, axis=1).ravel()
    backward = np.minimum.accumulate(padded[:, ::-1], axis=1)[:, ::-1].ravel()
    result: Float = np.minimum(backward[:count], forward[width - 1 : width - 1 + count])
    return result


def _convolved(x: Float, window: np.ndarray[tuple[int], np.dtype[np.float64]]) -> Float:
    size = 1 << (len(x) + len(window)).bit_length()
    full = np.fft.irfft(np.fft.rfft(x.astype(np.float64), size) * np.fft.rfft(window, size), size)
    result: Float = full[len(window) - 1 : len(x)].astype(np.float32)
    return result
