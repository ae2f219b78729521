"""Levels of a sound in critical bands over time, and a sound filtered until it has other levels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from restyle.sounds.stft import Complex, Float, erb_bank, istft, stft

FLOOR = 1e-12  # power, -120 dB: under the rounding of 16 bits


@dataclass(frozen=True)
class Bands:
    """A time and band grid at one sample rate.

    Parameters
    ----------
    sr : int
        Samples a second.
    n_fft : int
        Window in samples.
    per_erb : float
        Bands to the equivalent rectangular bandwidth of the ear.
    """

    sr: int
    n_fft: int
    per_erb: float = 1.0

    @classmethod
    def lasting(cls, sr: int, seconds: float, per_erb: float = 1.0) -> Bands:
        """Grid whose window is the power of two nearest to `seconds`."""
        return cls(sr, 2 ** max(4, round(np.log2(seconds * sr))), per_erb)

    @property
    def hop(self) -> int:
        """Samples between frames: a quarter of the window."""
        return self.n_fft // 4

    @property
    def bank(self) -> Float:
        """Bands that add up to one over the bins [shape=(bands, bins), float32, 0..1]."""
        return erb_bank(self.sr, self.n_fft, self.per_erb)

    def stft(self, y: Float) -> Complex:
        """Complex STFT on this grid [shape=(frames, bins), complex64]."""
        return stft(y, self.n_fft, self.hop)

    def istft(self, D: Complex, length: int) -> Float:
        """Inverse of `stft`."""
        return istft(D.astype(np.complex64, copy=False), self.n_fft, self.hop, length)

    def levels(self, power: Float) -> Float:
        """Mean power in each band.

        Parameters
        ----------
        power : np.ndarray [shape=(frames, bins), float32]

        Returns
        -------
        levels : np.ndarray [shape=(frames, bands), float32, dB]
        """
        bank = self.bank
        mean = (
            power.astype(np.float32, copy=False)
            @ (bank / np.maximum(bank.sum(axis=1, keepdims=True), 1e-6)).T
        )
        result: Float = (10 * np.log10(np.maximum(mean, FLOOR))).astype(np.float32)
        return result

    def spread(self, values: NDArray[np.floating]) -> Float:
        """Values by band to values by bin, smoothly [shape=(frames, bins), float32]."""
        return values.astype(np.float32, copy=False) @ self.bank

    def fine(self, power: Float) -> Float:
        """What is left of a spectrogram without its band levels: partials and noise between them.

        Returns
        -------
        fine : np.ndarray [shape=(frames, bins), float32, dB]
        """
        return (10 * np.log10(np.maximum(power, FLOOR)) - self.spread(self.levels(power))).astype(np.float32)

    def shaped(self, y: Float, target: Float, rounds: int = 2, limit: float = 40.0) -> Float:
        """Filter a sound, by time, until its band levels are `target`.

        Parameters
        ----------
        y : np.ndarray [shape=(n,), float32]
        target : np.ndarray [shape=(frames, bands), float32, dB]
        rounds : int
            Neighbouring frames and bands overlap, so one filtering does not reach the target.
        limit : float
            Most that a round may raise or lower a band, in dB.

        Returns
        -------
        y : np.ndarray [shape=(n,), float32]
        """
        for _ in range(rounds):
            D = self.stft(y)
            gain = np.clip(target - self.levels(power_of(D)), -limit, limit)
            y = self.istft(D * decibels(self.spread(gain)), len(y))
        return y


def power_of(D: Complex) -> Float:
    """Squared magnitude, in float32."""
    result: Float = (D.real**2 + D.imag**2).astype(np.float32, copy=False)
    return result


def decibels(values: Float) -> Float:
    """Amplitude factor of a gain in dB."""
    factor: Float = np.exp(values * np.float32(np.log(10) / 20), dtype=np.float32)
    return factor


def smoothed(x: Float, frames: int) -> Float:
    """Moving average over time, the ends repeated."""
    half = frames // 2
    if half == 0:
        return x
    padded = np.pad(x, [(half + 1, half)] + [(0, 0)] * (x.ndim - 1), mode="edge").astype(np.float64)
    total = np.cumsum(padded, axis=0)
    return ((total[2 * half + 1 :] - total[: -2 * half - 1]) / (2 * half + 1)).astype(np.float32)
