"""Time-frequency transforms and filter banks, in NumPy.

Names follow librosa: `y` waveform, `sr` sample rate in Hz, `D` complex STFT, `S` its magnitude. Spectrograms
are `[frames, bins]`.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float32]
Double = NDArray[np.float64]
Complex = NDArray[np.complex64]


@lru_cache(maxsize=16)
def hann(length: int) -> Float:
    """Periodic Hann window [shape=(length,), float32, 0..1]."""
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)).astype(np.float32)


def frame_count(samples: int, hop: int) -> int:
    """Return the number of frames of `stft`."""
    return samples // hop + 1


def stft(y: Float, n_fft: int, hop: int) -> Complex:
    """Centered short-time Fourier transform with a Hann window; zeros are assumed beyond the ends.

    Parameters
    ----------
    y : np.ndarray [shape=(n,), float32]
    n_fft : int > 0
        Window length in samples.
    hop : int > 0
        Samples between frames; at most ``n_fft // 2`` for `istft`.

    Returns
    -------
    D : np.ndarray [shape=(n // hop + 1, n_fft // 2 + 1), complex64]
    """
    half = n_fft // 2
    padded = np.pad(y.astype(np.float32, copy=False), (half, half + n_fft))
    count = frame_count(len(y), hop)
    frames = np.lib.stride_tricks.sliding_window_view(padded, n_fft)[::hop][:count]
    return np.fft.rfft(frames * hann(n_fft), axis=1).astype(np.complex64, copy=False)


def istft(D: Complex, n_fft: int, hop: int, length: int) -> Float:
    """Least-squares inverse of `stft` (Griffin and Lim 1984).

    Parameters
    ----------
    D : np.ndarray [shape=(frames, n_fft // 2 + 1), complex64]
    length : int
        Samples to return.

    Returns
    -------
    y : np.ndarray [shape=(length,), float32]
    """
    window = hann(n_fft)
    frames = np.fft.irfft(D, n_fft, axis=1).astype(np.float32, copy=False) * window
    count = len(D)
    y = np.zeros(n_fft + hop * (count - 1), np.float32)
    norm = np.zeros_like(y)
    steps = -(-n_fft // hop)
    # Every `steps`-th frame: these do not overlap, so they are added with one reshape.
    for first in range(min(steps, count)):
        chosen = frames[first::steps]
        block = np.zeros((len(chosen), steps * hop), np.float32)
        weight = np.zeros(steps * hop, np.float32)
        block[:, :n_fft] = chosen
        weight[:n_fft] = window * window
        start = first * hop
        flat, weights = block.ravel(), np.tile(weight, len(chosen))
        stop = min(len(y), start + flat.size)
        y[start:stop] += flat[: stop - start]
        norm[start:stop] += weights[: stop - start]
    y /= np.maximum(norm, 1e-4)
    half = n_fft // 2
    result = np.zeros(length, np.float32)
    part = y[half : half + length]
    result[: len(part)] = part
    return result


def mel(frequency: NDArray[np.floating[Any]]) -> Double:
    """Convert Hz to mel (O'Shaughnessy 1987)."""
    result: Double = 2595 * np.log10(1 + np.asarray(frequency, np.float64) / 700)
    return result


def erb_number(frequency: NDArray[np.floating[Any]]) -> Double:
    """Convert Hz to ERB-rate (Glasberg and Moore 1990)."""
    result: Double = 21.4 * np.log10(1 + 0.00437 * np.asarray(frequency, np.float64))
    return result


@lru_cache(maxsize=16)
def mel_bank(sr: int, n_fft: int, bands: int, low: float, high: float) -> Float:
    """Triangular mel filters with a peak of 1 [shape=(bands, n_fft // 2 + 1), float32]."""
    position = mel(np.fft.rfftfreq(n_fft, 1 / sr))
    edges = np.linspace(mel(np.array(low)), mel(np.array(high)), bands + 2)
    rising = (position[None] - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - position[None]) / (edges[2:] - edges[1:-1])[:, None]
    return np.clip(np.minimum(rising, falling), 0, None).astype(np.float32)


@lru_cache(maxsize=32)
def erb_bank(sr: int, n_fft: int, per_erb: float = 1.0, low: float = 50.0) -> Float:
    """Raised-cosine filters, evenly spaced in ERB-rate from `low` to the Nyquist frequency, that sum to 1.

    The lowest band includes everything below it and the highest everything above, so ``bank.T @ gains`` is a
    smooth filter over all bins.

    Returns
    -------
    bank : np.ndarray [shape=(bands, n_fft // 2 + 1), float32, 0..1]
    """
    rate = erb_number(np.fft.rfftfreq(n_fft, 1 / sr))
    bottom, top = float(erb_number(np.array(low))), float(erb_number(np.array(sr / 2)))
    bands = max(4, round((top - bottom) * per_erb))
    centers = np.linspace(bottom, top, bands)
    step = centers[1] - centers[0]
    offset = (np.clip(rate, bottom, top)[None] - centers[:, None]) / step
    return np.where(np.abs(offset) < 1, 0.5 + 0.5 * np.cos(np.pi * np.clip(offset, -1, 1)), 0).astype(
        np.float32
    )


def resample(y: Float, ratio: float) -> Float:
    """Resample a clip in memory by any ratio with the Fourier transform.

    The whole band is kept. FFmpeg's resampler, at its defaults, differs from this by -20 to -38 dB on speech
    and music, most of it just below the Nyquist frequency.

    Parameters
    ----------
    y : np.ndarray [shape=(n,), float32]
    ratio : float > 0
        New rate over old rate: 2 doubles the samples.

    Returns
    -------
    y : np.ndarray [shape=(round(n * ratio),), float32]
    """
    n = len(y)
    m = max(1, round(n * ratio))
    if n == 0 or m == n:
        return y.astype(np.float32, copy=True)
    # Zeros around the clip keep the transform's circular ends away from it.
    pad = min(n, 2048)
    padded = np.concatenate([np.zeros(pad, np.float32), y, np.zeros(pad, np.float32)])
    size = _fast_length(len(padded))
    padded = np.pad(padded, (0, size - len(padded)))
    target = max(2, round(size * m / n))
    spectrum = np.fft.rfft(padded)
    bins = target // 2 + 1
    spectrum = np.pad(spectrum, (0, max(0, bins - len(spectrum))))[:bins]
    # The clip may begin between two samples of the new grid: shift it by a linear phase.
    start = int(pad * target / size)
    between = pad * target / size - start
    spectrum = spectrum * np.exp(2j * np.pi * np.arange(bins) * between / target)
    scaled = np.fft.irfft(spectrum, target).astype(np.float32) * np.float32(target / size)
    result = np.zeros(m, np.float32)
    part = scaled[start : start + m]
    result[: len(part)] = part
    return result


def _fast_length(n: int) -> int:
    """Return the smallest integer from `n` up that has no prime factor above 5."""
    while True:
        rest = n
        for prime in (2, 3, 5):
            while rest % prime == 0:
                rest //= prime
        if rest == 1:
            return n
        n += 1
