"""A limiter that looks ahead: peaks are turned down before they come, never cut."""

from __future__ import annotations

import numpy as np

from restyle.sounds.stft import Float, hann

ATTACK = 0.005  # seconds of fading before and after a peak


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
