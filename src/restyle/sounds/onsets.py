"""Onsets of a sound, and whether it rises faster than it falls."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from restyle.sounds.bands import Bands, power_of
from restyle.sounds.stft import Float, frame_count

Index = NDArray[np.intp]

WINDOW_SECONDS = 0.023
RANGE = 70.0  # dB below the loudest band, below which nothing counts
LOUDNESS = 0.03  # exponent from dB to loudness (Stevens 1957)
RISE, FLUCTUATION = 2.0, 2.5  # dB, and multiples of a band's usual change, beyond which a rise counts
MOST_RISE = 12.0  # dB: a larger rise is not more of an onset
ONSET = 0.25  # dB: strength from which a peak is an onset
GAP_SECONDS = 0.05  # between onsets
EDGE = 5  # frames at the end, where a mirrored decay would be an onset


@dataclass(frozen=True)
class Onsets:
    """Onsets: peaks of how much the bands rise beyond their usual fluctuation (spectral flux, Dixon 2006).

    grid : Bands
        Of `levels`, `rises` and `frames`.
    levels : np.ndarray [shape=(frames, bands), float32, dB]
    rises : np.ndarray [shape=(frames, bands), float32, 0..12 dB]
    frames : np.ndarray [shape=(onsets,), int]
    strength : float
        Mean rise over bands, by loudness, and over all frames, in dB.
    asymmetry : float
        Strength over that of the sound backwards: above 1, sounds begin faster than they end.
    """

    grid: Bands
    levels: Float
    rises: Float
    frames: Index
    strength: float
    asymmetry: float

    @classmethod
    def of(cls, y: Float, sr: int) -> Self:
        """Find the onsets of a waveform [shape=(n,), float32]."""
        grid = Bands.for_duration(sr, WINDOW_SECONDS)
        # Mirrored ends: a sound that is cut off has no onset there.
        padded = np.pad(y, grid.n_fft, mode="symmetric")
        inside = slice(grid.n_fft // grid.hop, grid.n_fft // grid.hop + frame_count(len(y), grid.hop))
        levels = grid.levels(power_of(grid.stft(padded)))[inside]
        levels = np.maximum(levels, levels.max() - np.float32(RANGE))
        rises = _rises(levels)
        strength, falls = _strength(rises, levels), _strength(_rises(levels[::-1]), levels[::-1])
        mean = float(strength.mean())
        return cls(grid, levels, rises, _peaks(strength, grid), mean, mean / max(float(falls.mean()), 1e-4))


def _rises(levels: Float) -> Float:
    """Rise from the loudest of three frames to that of the next three, beyond the usual."""
    count = len(levels)
    padded = np.pad(levels, ((4, 3), (0, 0)), mode="edge")
    after = np.max([padded[4 + i : 4 + i + count] for i in range(3)], axis=0)
    before = np.max([padded[i : i + count] for i in range(3)], axis=0)
    rise = after - before
    usual = np.median(np.abs(rise - np.median(rise, axis=0)), axis=0)
    result: Float = np.clip(rise - RISE - FLUCTUATION * usual, 0, MOST_RISE).astype(np.float32)
    return result


def _strength(rises: Float, levels: Float) -> Float:
    """Mean rise over bands, by loudness, smoothed over three frames [shape=(frames,), dB]."""
    loudness = 10 ** (LOUDNESS * (levels - levels.max()))
    strength = (rises * loudness).sum(axis=1) / loudness.sum(axis=1)
    return np.convolve(np.pad(strength, 1, mode="edge"), [0.25, 0.5, 0.25], "valid").astype(np.float32)


def _peaks(strength: Float, grid: Bands) -> Index:
    reach = max(1, round(GAP_SECONDS * grid.sr / grid.hop))
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(strength, reach), 2 * reach + 1)
    peaks = np.flatnonzero((strength == windows.max(axis=1)) & (strength > ONSET))
    return peaks[peaks < len(strength) - EDGE]
