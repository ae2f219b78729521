"""Split a sound into what lasts and what strikes, and give strokes back their edge.

A tone is a horizontal line of the spectrogram, a stroke a vertical one: the median over time keeps the
first, the median over frequency the second (Fitzgerald 2010, "Harmonic/percussive separation using median
filtering").
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from restyle.sounds.stft import Float

OVER_TIME = 17  # frames
OVER_FREQUENCY = 17  # bins
SLICE = 1 << 22  # values that are sorted at once

FAST, SLOW = 0.004, 0.05  # seconds over which the envelope and its surroundings are measured
MOST = 12.0  # dB
STEADY = 0.75  # share up to which nothing strikes


def percussive_share(power: Float) -> Float:
    """Part of each frame's energy that strikes rather than lasts.

    Parameters
    ----------
    power : np.ndarray [shape=(frames, bins), float32]
        Of all channels, frames every 10 ms or so.

    Returns
    -------
    share : np.ndarray [shape=(frames,), float32, 0..1]
    """
    S = np.sqrt(power)
    lasting, striking = running_median(S, OVER_TIME, 0) ** 2, running_median(S, OVER_FREQUENCY, 1) ** 2
    mask = striking / np.maximum(lasting + striking, 1e-20)
    result: Float = (mask * power).sum(axis=1) / np.maximum(power.sum(axis=1), 1e-20)
    return result


def running_median(S: Float, width: int, axis: int) -> Float:
    """Median of every `width` neighbours along an axis, the ends mirrored [shape of S]."""
    x = np.moveaxis(S, axis, -1)
    half = min(width, x.shape[-1]) // 2
    padded = np.pad(x, ((0, 0), (half, half)), mode="symmetric")
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * half + 1, axis=-1)
    result = np.empty_like(x)
    rows = max(1, SLICE // (windows.shape[1] * windows.shape[2]))
    for start in range(0, len(x), rows):
        result[start : start + rows] = np.partition(windows[start : start + rows], half, axis=-1)[..., half]
    return np.moveaxis(result, -1, axis)


def sharpened(y: Float, content: Float, share: Float, hop: int, sr: int) -> Float:
    """Where content strikes, let the envelope of a sound rise and fall as fast as the content's.

    Frames of a spectrogram cannot: whatever is made of them begins up to half a window early.

    Parameters
    ----------
    y : np.ndarray [shape=(n, channels), float32]
    content : np.ndarray [shape=(n, channels), float32]
    share : np.ndarray [shape=(frames,), float32, 0..1]
        Of `percussive_share`, every `hop` samples.

    Returns
    -------
    y : np.ndarray [shape=(n, channels), float32]
    """
    # A tone that is gated is no tone, and steady noise, whose share is a half, does not strike.
    weight = np.clip((share - STEADY) / (1 - STEADY), 0, 1)
    if not float(weight.max(initial=0)):
        return y
    level = _edge(content, sr) - _edge(y, sr)
    gain = np.interp(np.arange(len(y)), np.arange(len(weight)) * hop, weight) * np.clip(level, -MOST, MOST)
    factor = 10 ** (_averaged(gain, round(FAST * sr)) / 20)
    return (y * factor[:, None]).astype(np.float32)


def _edge(y: Float, sr: int) -> NDArray[np.float64]:
    """Level of each moment against its surroundings, in dB [shape=(n,)]."""
    power = (y.astype(np.float64) ** 2).mean(axis=1)
    floor = 1e-6 * float(power.mean()) + 1e-20
    fast, slow = (_averaged(power, round(seconds * sr)) + floor for seconds in (FAST, SLOW))
    result: NDArray[np.float64] = 10 * np.log10(fast / slow)
    return result


def _averaged(x: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    """Moving average, the ends repeated."""
    half = max(1, width // 2)
    total = np.cumsum(np.pad(x, (half + 1, half), mode="edge"))
    result: NDArray[np.float64] = total[2 * half + 1 :] - total[: -2 * half - 1]
    return result / (2 * half + 1)
