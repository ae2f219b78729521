"""Optimal transport of spectral envelopes: the content's movement with the style's distribution.

The band levels of a frame are a point, those of a sound a cloud of points. The cloud is its timbre: MFCC
statistics are linear in it, and most of McDermott's statistics are its moments. The content's cloud is moved
onto the style's by the linear Monge-Kantorovich map between two normal distributions (Pitie and Kokaram
2007), and then band by band by histogram matching. The map moves points as little as possible, so the order
in time, the rhythm, stays. But it is steep where the style moves more than the content, and would turn
ripples into jumps: so levels are held where the content is steady, and silence stays silence.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from restyle.sounds.bands import LOUD, SILENCE, STEADY_FRAMES, allowed_rise, smooth, steadiness
from restyle.sounds.stft import Double, Float

QUANTILES = 257  # many, for styles that are mostly silent and have their sound in the last percent
FREE_BAND, FREE_TOTAL = 4.0, 2.0  # dB that a band, and the whole, may move where the content is steady


def total_level(levels: Float | Double) -> Double:
    """Level of each frame over all bands, in dB [shape=(frames,), float64]."""
    result: Double = 10 * np.log10((10 ** (levels.astype(np.float64) / 10)).sum(axis=1))
    return result


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
        """Fit the map.

        Parameters
        ----------
        content, style : np.ndarray [shape=(frames, bands), float32, dB]
        ridge : float
            Variance in dB^2 added to both clouds, so that directions in which the content hardly moves are
            not stretched to the style's.
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
        offset = float(
            total_level(after[-1:].astype(np.float32))[0] - total_level(x.astype(np.float32)).max()
        )
        transport = cls(floor, threshold, mean, style_mean, matrix, before, after, offset, gain=0.0)
        loud = content[total_level(content) >= threshold + SILENCE - LOUD]
        gain = float(np.median(total_level(transport._map(loud)) - total_level(loud)))
        return replace(transport, gain=gain)

    def __call__(self, levels: Float, *, detail: float = 0.0, rhythm: float = 0.0) -> Float:
        """Map band levels.

        Parameters
        ----------
        levels : np.ndarray [shape=(frames, bands), float32, dB]
        detail : float, 0..1
            Share of the content's differences between neighboring bands that stays: low partials are as wide
            as bands.
        rhythm : float, 0..1
            Share of the content's dynamics that stays.

        Returns
        -------
        levels : np.ndarray [shape=(frames, bands), float32, dB]
            Where the content is steady or silent, so is the result.
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
    result: Double = centered.T @ centered / len(x)
    return result


def _power(matrix: Double, exponent: float) -> Double:
    values, vectors = np.linalg.eigh(matrix)
    result: Double = (vectors * np.maximum(values, 1e-9) ** exponent) @ vectors.T
    return result


def _map_between(a: Double, b: Double) -> Double:
    """Return the symmetric matrix T with ``T a T = b`` (Pitie and Kokaram 2007, equation 12)."""
    root, inverse = _power(a, 0.5), _power(a, -0.5)
    return inverse @ _power(root @ b @ root, 0.5) @ inverse
