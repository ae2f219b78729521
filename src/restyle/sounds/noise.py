"""Steady noise in the content, such as hiss or rain: there the style plays as it is, at the content's level.

Noise has no pitch and no rhythm that a result could keep. The map of band levels would only follow its random
flicker, and levels are held where the content is steady, so the style could neither ring nor swell.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from restyle.sounds.bands import LOUD, Bands, power_of, smooth
from restyle.sounds.stft import Double, Float
from restyle.sounds.transport import total_level

Index = NDArray[np.intp]

SECONDS = 1.0  # within which noise must not change
AVERAGED = 0.2  # seconds over which its bands are averaged before they are compared
NOISE, TONES = -4.0, -5.5  # dB: mean of bins below their band; -2.5 for normally distributed noise
LEAST = -110.0  # dB of the loudest band, below which there is only rounding
FREE = 3.0  # dB that the level of a style may move around the content's
STILL, CHANGING = 4.0, 6.0  # dB that bands (median), their mean and the total may change within `SECONDS`


def steady_noise(power: Float, grid: Bands) -> Double:
    """Rate where a sound is steady noise, from 0 to 1.

    Parameters
    ----------
    power : np.ndarray [shape=(frames, bins), float32]
        Spectrogram on the grid of grains.
    grid : Bands

    Returns
    -------
    share : np.ndarray [shape=(frames,), float64, 0..1]
    """
    frames = max(3, round(SECONDS * grid.sr / grid.hop))
    levels = grid.levels(power)
    depth = (grid.fine_structure(power) @ grid.bank.T) / np.maximum(grid.bank.sum(axis=1), 1e-6)
    tonal = _ramp(smooth(np.median(depth, axis=1)[:, None], frames)[:, 0], TONES, NOISE)
    few = max(1, round(AVERAGED * grid.sr / grid.hop))
    total = _movement(smooth(total_level(levels)[:, None], 3), frames)[:, 0]
    bands = np.median(_movement(smooth(levels, few), frames), axis=1)
    pulse = _movement(levels.mean(axis=1, keepdims=True), frames)[:, 0]  # the mean hardly flickers
    share = tonal * _ramp(-np.maximum.reduce([total, bands, pulse]), -CHANGING, -STILL)
    share *= levels.max(axis=1) > LEAST
    result: Double = smooth(_lowest(share, frames // 2)[:, None], frames // 2)[:, 0].astype(np.float64)
    return result


class Playback:
    """A style in its own order, without its silence, again and again.

    Parameters
    ----------
    y : np.ndarray [shape=(n,), float32]
    grain, bands : Bands
        Grids of grains and of band levels.
    levels : np.ndarray [shape=(frames, bands), float32, dB]
        Of the style.
    """

    def __init__(self, y: Float, grain: Bands, bands: Bands, levels: Float) -> None:
        self._y, self._grain, self._bands = y, grain, bands
        total = total_level(levels)
        self._sounding = np.flatnonzero(total >= total.max() - LOUD)
        usual = np.median(total[self._sounding])
        own = np.clip(total - usual, -FREE, FREE)
        self._levels = (levels + (own - total)[:, None]).astype(np.float32)

    def levels(self, frames: int) -> Float:
        """Band levels, about 0 dB in total [shape=(frames, bands), float32, dB]."""
        return self._levels[self._order(frames)]

    def fine_structure(self, frames: int) -> Float:
        """Fine structure on the grid of grains [shape=(frames, bins), float32, dB]."""
        at = np.round(np.arange(frames) * self._grain.hop / self._bands.hop).astype(int)
        samples = self._order(int(at[-1]) + 1)[at] * self._bands.hop
        own = self._fine
        result: Float = own[np.minimum(np.round(samples / self._grain.hop).astype(int), len(own) - 1)]
        return result

    def _order(self, frames: int) -> Index:
        return np.resize(self._sounding, frames)

    @cached_property
    def _fine(self) -> Float:
        return self._grain.fine_structure(power_of(self._grain.stft(self._y)))


def _ramp(x: Float | Double, low: float, high: float) -> Double:
    """0 up to `low`, 1 from `high`."""
    result: Double = np.clip((x.astype(np.float64) - low) / (high - low), 0, 1)
    return result


def _movement(levels: Float, frames: int) -> Float:
    """Largest minus smallest level within so many frames [shape=(frames, bands), dB]."""
    result: Float = np.ptp(_windows(levels, frames), axis=-1)
    return result


def _lowest(x: Double, frames: int) -> Double:
    result: Double = _windows(x[:, None], frames).min(axis=-1)[:, 0]
    return result


def _windows(x: Float | Double, frames: int) -> NDArray[np.floating]:
    half = frames // 2
    padded = np.pad(x, ((half, half), (0, 0)), mode="edge")
    return np.lib.stride_tricks.sliding_window_view(padded, 2 * half + 1, axis=0)
