"""Target levels of a mosaic: the content's movement with the style's distribution, or the style as it is.

The band levels of a frame are a point, those of a sound a cloud of points. The cloud is its timbre: MFCC
statistics are linear in it, and most of McDermott's statistics are its moments. The content's cloud is moved
onto the style's by the linear Monge-Kantorovich map between two normal distributions (Pitie and Kokaram
2007), and then band by band by histogram matching. The map moves points as little as possible, so the order
in time, the rhythm, stays. But it is steep where the style moves more than the content, and would turn
ripples into jumps: so levels are held where the content is steady, and silence stays silence.

Steady noise, such as hiss or rain, has no pitch and no rhythm that a result could keep. The map would only
follow its random flicker, and levels are held where the content is steady, so the style could neither ring
nor swell. There the style plays as it is, at the content's level.

Whatever is kept of the content is lost of the style, and most pairs need little. So values of `keep_pitch`
and `keep_rhythm` are tried from the smallest up, until pitch and rhythm survive or more no longer helps.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from restyle.sounds.features import at_rate, chroma_correlation, onset_correlation
from restyle.sounds.stft import (
    LOUD,
    SILENCE,
    STEADY_FRAMES,
    Bands,
    Double,
    Float,
    allowed_rise,
    movement,
    power_of,
    sliding,
    smooth,
    steadiness,
    total_level,
)

QUANTILES = 257  # many, for styles that are mostly silent and have their sound in the last percent
FREE_BAND, FREE_TOTAL = 4.0, 2.0  # dB that a band, and the whole, may move where the content is steady


@dataclass(frozen=True)
class EnvelopeTransport:
    """The map from one content's band levels to one style's; `fit` makes it."""

    floor: Double  # [shape=(bands,), dB]
    threshold: float  # dB: frames below are silence
    content_mean: Double
    style_mean: Double
    matrix: Double  # [shape=(bands, bands)]
    before: Double  # [shape=(QUANTILES, bands), dB]
    after: Double
    offset: float  # dB from the content's loudest frame to the result's
    gain: float  # dB from the content's loud frames to the result's, the median

    @classmethod
    def fit(cls, content: Float, style: Float, ridge: float = 5.0) -> EnvelopeTransport:
        """Fit the map to levels [shape=(frames, bands), float32, dB].

        The ridge is a variance in dB^2 added to both clouds, so that directions in which the content hardly
        moves are not stretched to the style's.
        """
        x, floor, threshold = _sounding_frames(content)
        z, _, _ = _sounding_frames(style)
        identity = ridge * np.eye(x.shape[1])
        matrix = _map_between(_covariance(x) + identity, _covariance(z) + identity)
        mean, style_mean = x.mean(0), z.mean(0)
        moved = (x - mean) @ matrix + style_mean
        grid = np.linspace(0, 1, QUANTILES)
        # A tiny slope keeps equal quantiles apart, for example at the floor.
        before = np.quantile(moved, grid, axis=0) + np.arange(QUANTILES)[:, None] * 1e-6
        after = np.quantile(z, grid, axis=0)
        loudest = total_level(after[-1:].astype(np.float32))[0]
        offset = float(loudest - total_level(x.astype(np.float32)).max())
        transport = cls(floor, threshold, mean, style_mean, matrix, before, after, offset, gain=0.0)
        loud = content[total_level(content) >= threshold + SILENCE - LOUD]
        gain = float(np.median(total_level(transport._map(loud)) - total_level(loud)))
        return replace(transport, gain=gain)

    def __call__(self, levels: Float, *, detail: float = 0.0, rhythm: float = 0.0) -> Float:
        """Map band levels [shape=(frames, bands), float32, dB]; steady and silent content stays so.

        `detail` is the share of the content's differences between neighboring bands that stays (low partials
        are as wide as bands), `rhythm` that of its dynamics.
        """
        y = self._map(levels, detail)
        own = total_level(levels)
        if rhythm:
            y += rhythm * (own + self.offset - total_level(y))[:, None]
        return self._hold(levels, own, y).astype(np.float32)

    def _map(self, levels: Float, detail: float = 0.0) -> Double:
        x = np.maximum(levels.astype(np.float64), self.floor)
        plain = x - self.content_mean + self.style_mean
        y = (x - self.content_mean) @ self.matrix + self.style_mean
        for band in range(y.shape[1]):
            y[:, band] = np.interp(y[:, band], self.before[:, band], self.after[:, band])
        if detail:
            relief = plain - y
            wide = np.pad(relief, ((0, 0), (2, 2)), mode="edge")
            average = np.mean([wide[:, i : i + relief.shape[1]] for i in range(5)], axis=0)
            y += detail * (relief - average)
        return y

    def _hold(self, levels: Float, own: Double, y: Double) -> Double:
        """Hold the levels `y` where the content's bands, or its total level `own`, are steady or silent."""
        slow = smooth(y, STEADY_FRAMES)
        y = y + steadiness(levels) * (slow + np.clip(y - slow, -FREE_BAND, FREE_BAND) - y)
        change = total_level(y) - own - self.gain
        y += steadiness(own[:, None]) * (np.clip(change, -FREE_TOTAL, FREE_TOTAL) - change)[:, None]
        rise = allowed_rise(own, self.threshold + SILENCE)
        y -= np.maximum(0, total_level(y) - own - self.gain - rise)[:, None]
        return y


def _sounding_frames(levels: Float) -> tuple[Double, Double, float]:
    """Return the frames above the threshold, raised to the bands' floor; the floor; the threshold."""
    total = total_level(levels)
    threshold = float(total.max() - SILENCE)
    floor = levels.max(axis=0).astype(np.float64) - SILENCE - 10
    return np.maximum(levels[total >= threshold].astype(np.float64), floor), floor, threshold


def _covariance(x: Double) -> Double:
    centered = x - x.mean(0)
    return np.asarray(centered.T @ centered / len(x), np.float64)


def _power(matrix: Double, exponent: float) -> Double:
    values, vectors = np.linalg.eigh(matrix)
    return np.asarray((vectors * np.maximum(values, 1e-9) ** exponent) @ vectors.T, np.float64)


def _map_between(a: Double, b: Double) -> Double:
    """Return the symmetric matrix T with ``T a T = b`` (Pitie and Kokaram 2007, equation 12)."""
    root, inverse = _power(a, 0.5), _power(a, -0.5)
    return inverse @ _power(root @ b @ root, 0.5) @ inverse


SECONDS = 1.0  # within which noise must not change
AVERAGED = 0.2  # seconds over which its bands are averaged before they are compared
NOISE, TONES = -4.0, -5.5  # dB: mean of bins below their band; -2.5 for normally distributed noise
LEAST = -110.0  # dB of the loudest band, below which there is only rounding
FREE = 3.0  # dB that the level of a style may move around the content's
STILL, CHANGING = 4.0, 6.0  # dB that bands (median), their mean and the total may change within `SECONDS`


def steady_noise(power: Float, grid: Bands) -> Double:
    """Rate where a spectrogram [frames, bins] is steady noise [shape=(frames,), float64, 0..1]."""
    frames = max(3, round(SECONDS * grid.sr / grid.hop))
    levels = grid.levels(power)
    depth = (grid.fine_structure(power) @ grid.bank.T) / np.maximum(grid.bank.sum(axis=1), 1e-6)
    tonal = _ramp(smooth(np.median(depth, axis=1)[:, None], frames)[:, 0], TONES, NOISE)
    few = max(1, round(AVERAGED * grid.sr / grid.hop))
    total = movement(smooth(total_level(levels)[:, None], 3), frames)[:, 0]
    bands = np.median(movement(smooth(levels, few), frames), axis=1)
    pulse = movement(levels.mean(axis=1, keepdims=True), frames)[:, 0]  # the mean hardly flickers
    share = tonal * _ramp(-np.maximum.reduce([total, bands, pulse]), -CHANGING, -STILL)
    share *= levels.max(axis=1) > LEAST
    lowest: Double = sliding(share[:, None], frames // 2).min(axis=-1)
    return smooth(lowest, frames // 2)[:, 0].astype(np.float64)


class Playback:
    """A style, with its levels on the grid of bands, in its own order without silence, again and again."""

    def __init__(self, y: Float, grain: Bands, bands: Bands, levels: Float) -> None:
        self._y, self._grain, self._bands = y, grain, bands
        total = total_level(levels)
        self._sounding = np.flatnonzero(total >= total.max() - LOUD)
        usual = np.median(total[self._sounding])
        own = np.clip(total - usual, -FREE, FREE)
        self._levels = (levels + (own - total)[:, None]).astype(np.float32)

    def levels(self, frames: int) -> Float:
        """Band levels, about 0 dB in total [shape=(frames, bands), float32, dB]."""
        return self._levels[np.resize(self._sounding, frames)]

    def fine_structure(self, frames: int) -> Float:
        """Fine structure on the grid of grains [shape=(frames, bins), float32, dB]."""
        at = np.round(np.arange(frames) * self._grain.hop / self._bands.hop).astype(int)
        samples = np.resize(self._sounding, int(at[-1]) + 1)[at] * self._bands.hop
        own = self._fine
        result: Float = own[np.minimum(np.round(samples / self._grain.hop).astype(int), len(own) - 1)]
        return result

    @cached_property
    def _fine(self) -> Float:
        return self._grain.fine_structure(power_of(self._grain.stft(self._y)))


def _ramp(x: Float | Double, low: float, high: float) -> Double:
    """0 up to `low`, 1 from `high`."""
    return np.asarray(np.clip((x.astype(np.float64) - low) / (high - low), 0, 1), np.float64)


TOO_FAR = 0.25  # distance above which more is kept; the grains will add about .05 to .1
MIN_GAIN = 0.02  # distance that a larger setting must save


@dataclass(frozen=True)
class Keep:
    """Values of `keep_pitch` and `keep_rhythm`."""

    pitch: float
    rhythm: float


SETTINGS = (Keep(0.6, 0.0), Keep(0.8, 0.08), Keep(1.0, 0.15))


def choose_keep(content: Float, sr: int, render: Callable[[Keep], Float]) -> Keep:
    """Return the first setting that keeps pitch and rhythm of a mono content, or the last one that helped.

    The function renders a sound with the band levels that a setting leads to.
    """
    reference = at_rate(content, sr)
    chosen, best = SETTINGS[0], distance(at_rate(render(SETTINGS[0]), sr), reference)
    for setting in SETTINGS[1:]:
        if best <= TOO_FAR:
            break
        found = distance(at_rate(render(setting), sr), reference)
        if found > best - MIN_GAIN:
            break
        chosen, best = setting, found
    return chosen


def distance(y: Float, content: Float) -> float:
    """Mean of one minus chroma correlation and one minus onset correlation, both mono at `features.RATE`."""
    return 1 - (chroma_correlation(y, content) + onset_correlation(y, content)) / 2
