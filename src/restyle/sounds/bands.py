"""Levels in critical bands over time, and filters that give a sound other levels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from restyle.sounds.stft import Complex, Double, Float, erb_bank, istft, stft

FLOOR = 1e-12  # power, -120 dB: below the rounding of 16 bits
LOUD, SILENCE = 30.0, 60.0  # dB below the loudest frame
FREE_SILENCE = 3.0  # dB that silence may be raised
SLOPE = 2.0  # dB more for each dB that a frame is louder than silence
STEADY_FRAMES = 25  # about 0.3 s, within which a level is compared with itself
STEADY, MOVING = 2.0, 5.0  # dB of movement: up to the first a level is steady, from the second not


@dataclass(frozen=True)
class Bands:
    """A time-frequency grid of critical bands at one sample rate.

    Parameters
    ----------
    sr : int
    n_fft : int
        Window length in samples; the hop is a quarter of it.
    per_erb : float
        Bands per equivalent rectangular bandwidth.
    """

    sr: int
    n_fft: int
    per_erb: float = 1.0

    @classmethod
    def for_duration(cls, sr: int, seconds: float, per_erb: float = 1.0) -> Bands:
        """Use the power of two nearest to `seconds` as the window."""
        return cls(sr, 2 ** max(4, round(np.log2(seconds * sr))), per_erb)

    @property
    def hop(self) -> int:
        """Samples between frames."""
        return self.n_fft // 4

    @property
    def bank(self) -> Float:
        """Filters that sum to 1 over the bins [shape=(bands, bins), float32, 0..1]."""
        return erb_bank(self.sr, self.n_fft, self.per_erb)

    def stft(self, y: Float) -> Complex:
        """Complex STFT on this grid [shape=(frames, bins), complex64]."""
        return stft(y, self.n_fft, self.hop)

    def istft(self, D: Complex, length: int) -> Float:
        """Inverse of `stft`."""
        return istft(D.astype(np.complex64, copy=False), self.n_fft, self.hop, length)

    def levels(self, power: Float) -> Float:
        """Mean power by band [shape=(frames, bands), float32, dB] of a power spectrogram [frames, bins]."""
        bank = self.bank
        mean = (
            power.astype(np.float32, copy=False)
            @ (bank / np.maximum(bank.sum(axis=1, keepdims=True), 1e-6)).T
        )
        result: Float = (10 * np.log10(np.maximum(mean, FLOOR))).astype(np.float32)
        return result

    def to_bins(self, values: NDArray[np.floating]) -> Float:
        """Interpolate values by band to values by bin [shape=(frames, bins), float32]."""
        return values.astype(np.float32, copy=False) @ self.bank

    def fine_structure(self, power: Float) -> Float:
        """Spectrogram minus band levels: the partials [shape=(frames, bins), float32, dB]."""
        return (10 * np.log10(np.maximum(power, FLOOR)) - self.to_bins(self.levels(power))).astype(np.float32)

    def match_levels(self, y: Float, target: Float, rounds: int = 2, limit: float = 40.0) -> Float:
        """Filter a sound until its band levels are `target`.

        Parameters
        ----------
        y : np.ndarray [shape=(n,), float32]
        target : np.ndarray [shape=(frames, bands), float32, dB]
        rounds : int
            One round does not reach the target, because frames and bands overlap.
        limit : float
            Largest gain of a round, in dB.

        Returns
        -------
        y : np.ndarray [shape=(n,), float32]
        """
        for _ in range(rounds):
            D = self.stft(y)
            gain = np.clip(target - self.levels(power_of(D)), -limit, limit)
            y = self.istft(D * amplitude(self.to_bins(gain)), len(y))
        return y


def power_of(D: Complex) -> Float:
    """Squared magnitude, float32."""
    result: Float = (D.real**2 + D.imag**2).astype(np.float32, copy=False)
    return result


def mean_power(channels: Sequence[Complex]) -> Float:
    """Squared magnitude, averaged over channels [shape=(frames, bins), float32]."""
    result: Float = np.mean([power_of(D) for D in channels], axis=0, dtype=np.float32)
    return result


def amplitude(gain: Float) -> Float:
    """Convert a gain in dB to an amplitude factor."""
    factor: Float = np.exp(gain * np.float32(np.log(10) / 20), dtype=np.float32)
    return factor


def smooth(x: Float | Double, frames: int) -> Float:
    """Moving average over time; the ends are repeated."""
    half = frames // 2
    return x.astype(np.float32, copy=False) if half == 0 else moving_average(x, half).astype(np.float32)


def moving_average(x: Float | Double, half: int) -> Double:
    """Mean over 2 half + 1 rows around each; the ends are repeated."""
    padded = np.pad(x, [(half + 1, half)] + [(0, 0)] * (x.ndim - 1), mode="edge").astype(np.float64)
    total = np.cumsum(padded, axis=0)
    result: Double = (total[2 * half + 1 :] - total[: -2 * half - 1]) / (2 * half + 1)
    return result


def steadiness(levels: Float | Double) -> Double:
    """Rate how steady levels in dB are over time, from 0, moving, to 1 [shape=(frames, bands), float64]."""
    half = STEADY_FRAMES // 2
    padded = np.pad(levels.astype(np.float64), ((half, half), (0, 0)), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, STEADY_FRAMES, axis=0)
    result: Double = 1 - np.clip((np.ptp(windows, axis=-1) - STEADY) / (MOVING - STEADY), 0, 1)
    return result


def allowed_rise(level: Double, loudest: float) -> Double:
    """Return how far frames may be raised more than loud ones, in dB: little where the content is silent."""
    result: Double = FREE_SILENCE + SLOPE * np.maximum(0, level - (loudest - SILENCE))
    return result
