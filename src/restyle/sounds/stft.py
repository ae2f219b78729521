"""Time-frequency transforms, filter banks and levels in critical bands, in NumPy.

Names follow librosa: `y` waveform, `sr` sample rate in Hz, `D` complex STFT, `S` its magnitude. Spectrograms
are `[frames, bins]`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float32]
Double = NDArray[np.float64]
Complex = NDArray[np.complex64]
Index = NDArray[np.intp]
Scalar = TypeVar("Scalar", bound=np.floating)


@lru_cache(maxsize=16)
def hann(length: int) -> Float:
    """Periodic Hann window [shape=(length,), float32, 0..1]."""
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)).astype(np.float32)


def frame_count(samples: int, hop: int) -> int:
    """Return the number of frames of `stft`."""
    return samples // hop + 1


def stft(y: Float, n_fft: int, hop: int) -> Complex:
    """Centered short-time Fourier transform with a Hann window; zeros are assumed beyond the ends.

    The waveform is [n], the result [shape=(n // hop + 1, n_fft // 2 + 1), complex64]. The hop is at most
    ``n_fft // 2`` for `istft`.
    """
    half = n_fft // 2
    padded = np.pad(y.astype(np.float32, copy=False), (half, half + n_fft))
    count = frame_count(len(y), hop)
    frames = np.lib.stride_tricks.sliding_window_view(padded, n_fft)[::hop][:count]
    return np.fft.rfft(frames * hann(n_fft), axis=1).astype(np.complex64, copy=False)


def istft(D: Complex, n_fft: int, hop: int, length: int) -> Float:
    """Least-squares inverse of `stft` (Griffin and Lim 1984) [shape=(length,), float32]."""
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
    part = y[n_fft // 2 :][:length]
    return np.pad(part, (0, length - len(part)))


def mel(frequency: NDArray[np.floating[Any]]) -> Double:
    """Convert Hz to mel (O'Shaughnessy 1987)."""
    return np.asarray(2595 * np.log10(1 + np.asarray(frequency, np.float64) / 700), np.float64)


def erb_number(frequency: NDArray[np.floating[Any]]) -> Double:
    """Convert Hz to ERB-rate (Glasberg and Moore 1990)."""
    return np.asarray(21.4 * np.log10(1 + 0.00437 * np.asarray(frequency, np.float64)), np.float64)


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
    smooth filter over all bins. The result is [shape=(bands, n_fft // 2 + 1), float32, 0..1].
    """
    rate = erb_number(np.fft.rfftfreq(n_fft, 1 / sr))
    bottom, top = float(erb_number(np.array(low))), float(erb_number(np.array(sr / 2)))
    bands = max(4, round((top - bottom) * per_erb))
    centers = np.linspace(bottom, top, bands)
    step = centers[1] - centers[0]
    offset = (np.clip(rate, bottom, top)[None] - centers[:, None]) / step
    bank = np.where(np.abs(offset) < 1, 0.5 + 0.5 * np.cos(np.pi * np.clip(offset, -1, 1)), 0)
    return bank.astype(np.float32)


def resample(y: Float, ratio: float) -> Float:
    """Resample a clip [n] in memory by the ratio of new to old rate, with the Fourier transform.

    The whole band is kept. FFmpeg's resampler, at its defaults, differs from this by -20 to -38 dB on speech
    and music, most of it just below the Nyquist frequency.
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
    part = scaled[start : start + m]
    return np.pad(part, (0, m - len(part)))


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


FLOOR = 1e-12  # power, -120 dB: below the rounding of 16 bits
LOUD, SILENCE = 30.0, 60.0  # dB below the loudest frame
FREE_SILENCE = 3.0  # dB that silence may be raised
SLOPE = 2.0  # dB more for each dB that a frame is louder than silence
STEADY_FRAMES = 25  # about 0.3 s, within which a level is compared with itself
STEADY, MOVING = 2.0, 5.0  # dB of movement: up to the first a level is steady, from the second not


@dataclass(frozen=True)
class Bands:
    """A time-frequency grid of critical bands, one for each ERB, at one sample rate."""

    sr: int
    n_fft: int  # window length in samples; the hop is a quarter of it

    @classmethod
    def for_duration(cls, sr: int, seconds: float) -> Bands:
        """Use the power of two nearest to `seconds` as the window."""
        return cls(sr, 2 ** max(4, round(np.log2(seconds * sr))))

    @property
    def hop(self) -> int:
        """Samples between frames."""
        return self.n_fft // 4

    @property
    def bank(self) -> Float:
        """Filters that sum to 1 over the bins [shape=(bands, bins), float32, 0..1]."""
        return erb_bank(self.sr, self.n_fft)

    def stft(self, y: Float) -> Complex:
        """Complex STFT on this grid [shape=(frames, bins), complex64]."""
        return stft(y, self.n_fft, self.hop)

    def power(self, y: Float) -> Float:
        """Mean power of the channels of a sound [n, channels] [shape=(frames, bins), float32]."""
        return mean_power([self.stft(channel) for channel in y.T])

    def istft(self, D: Complex, length: int) -> Float:
        """Inverse of `stft`."""
        return istft(D.astype(np.complex64, copy=False), self.n_fft, self.hop, length)

    def levels(self, power: Float) -> Float:
        """Mean power by band [shape=(frames, bands), float32, dB] of a power spectrogram [frames, bins]."""
        weights = (self.bank / np.maximum(self.bank.sum(axis=1, keepdims=True), 1e-6)).T
        mean = power.astype(np.float32, copy=False) @ weights
        return np.asarray(10 * np.log10(np.maximum(mean, FLOOR)), np.float32)

    def to_bins(self, values: NDArray[np.floating]) -> Float:
        """Interpolate values by band to values by bin [shape=(frames, bins), float32]."""
        return values.astype(np.float32, copy=False) @ self.bank

    def fine_structure(self, power: Float) -> Float:
        """Spectrogram minus band levels: the partials [shape=(frames, bins), float32, dB]."""
        return (10 * np.log10(np.maximum(power, FLOOR)) - self.to_bins(self.levels(power))).astype(np.float32)

    def match_levels(self, y: Float, target: Float, rounds: int = 2) -> Float:
        """Filter a sound [n] until its band levels are the target [shape=(frames, bands), float32, dB].

        One round, of at most 40 dB, does not reach the target, because frames and bands overlap.
        """
        for _ in range(rounds):
            D = self.stft(y)
            gain = np.clip(target - self.levels(power_of(D)), -40, 40)
            y = self.istft(D * amplitude(self.to_bins(gain)), len(y))
        return y


def power_of(D: Complex) -> Float:
    """Squared magnitude, float32."""
    return np.asarray(D.real**2 + D.imag**2, np.float32)


def mean_power(channels: Sequence[Complex]) -> Float:
    """Squared magnitude, averaged over channels [shape=(frames, bins), float32]."""
    return np.asarray(np.mean([power_of(D) for D in channels], axis=0, dtype=np.float32), np.float32)


def amplitude(gain: Float) -> Float:
    """Convert a gain in dB to an amplitude factor."""
    return np.asarray(np.exp(gain * np.float32(np.log(10) / 20), dtype=np.float32), np.float32)


def smooth(x: Float | Double, frames: int) -> Float:
    """Moving average over time; the ends are repeated."""
    half = frames // 2
    return x.astype(np.float32, copy=False) if half == 0 else moving_average(x, half).astype(np.float32)


def moving_average(x: Float | Double, half: int) -> Double:
    """Mean over 2 half + 1 rows around each; the ends are repeated."""
    padded = np.pad(x, [(half + 1, half)] + [(0, 0)] * (x.ndim - 1), mode="edge").astype(np.float64)
    total = np.cumsum(padded, axis=0)
    return np.asarray((total[2 * half + 1 :] - total[: -2 * half - 1]) / (2 * half + 1), np.float64)


def steadiness(levels: Float | Double) -> Double:
    """Rate how steady levels in dB are over time, from 0, moving, to 1 [shape=(frames, bands), float64]."""
    moved = movement(levels.astype(np.float64), STEADY_FRAMES)
    return np.asarray(1 - np.clip((moved - STEADY) / (MOVING - STEADY), 0, 1), np.float64)


def movement(levels: NDArray[Scalar], frames: int) -> NDArray[Scalar]:
    """Largest minus smallest level within so many frames [shape=(frames, bands), dB]."""
    result: NDArray[Scalar] = np.ptp(sliding(levels, frames), axis=-1)
    return result


def sliding(x: NDArray[Scalar], frames: int) -> NDArray[Scalar]:
    """View of the rows around each row; the ends are repeated [shape=(frames, bands, rows)]."""
    half = frames // 2
    padded = np.pad(x, ((half, half), (0, 0)), mode="edge")
    return np.lib.stride_tricks.sliding_window_view(padded, 2 * half + 1, axis=0)


def allowed_rise(level: Double, loudest: float) -> Double:
    """Return how far frames may be raised more than loud ones, in dB: little where the content is silent."""
    return np.asarray(FREE_SILENCE + SLOPE * np.maximum(0, level - (loudest - SILENCE)), np.float64)


def total_level(levels: Float | Double) -> Double:
    """Level of each frame over all bands, in dB [shape=(frames,), float64]."""
    return np.asarray(10 * np.log10((10 ** (levels.astype(np.float64) / 10)).sum(axis=1)), np.float64)
