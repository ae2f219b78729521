"""Color maps from one photo to another: one for each pair of matched segments, and one for all colors.

The map of a segment gives it the mean and covariance of its match in OKLab by the Knothe-Rosenblatt map of
two Gaussians: lightness moves by itself, then chroma, given lightness, by the linear Monge-Kantorovich map.
So tones keep their order, whatever the hue. Then one smooth lookup table moves the colors of all segments
together closer to the style's. Skin keeps its hue. Colors outside sRGB lose chroma, not lightness.

References: Pitie and Kokaram 2007, "The linear Monge-Kantorovitch linear colour mapping for example-based
colour transfer"; Bonnotte 2013, "From Knothe's rearrangement to Brenier's optimal transport map"; Ottosson
2020 (OKLab).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from restyle.images.color import oklab_into_gamut, rgb_to_oklab, transport
from restyle.images.color_lut import ColorLut, fit_lut
from restyle.images.statistics import match_quantiles, transport_map
from restyle.methods.photo.segments import Pixels, Segments, match
from restyle.types import FloatArray

Values = npt.NDArray[np.float64]

_NOISE = 0.012  # deviation in OKLab added to both photos, so that flat segments gain no contrast
_MAX_GAIN = (1.7, 2.2)  # of lightness and of chroma, in a segment
_SPLIT = 0.4  # most chroma that a map adds per unit of lightness
_TRUST = 0.85  # share of a segment's own map, against that of the complete photo, where its match is perfect
_LIKENESS = 1.6  # squared distance at which the trust falls by e
_REFINE = 0.85  # share of the lookup table
_MAX_SLOPE = 1.6  # of the lookup table
_SAMPLES = 4096
_KNEE = 0.9  # share of the chroma in sRGB above which it is bent
_SKIN_KEPT = 0.85  # how far skin returns to its hue
_TABLE = (np.array([0.9, 1.4, 1.4]), np.array([0.05, 0.5, 0.5]))  # OKLab to the unit cube: scale and offset


@dataclass(frozen=True, eq=False)
class Transfer:
    """Colors of a photo to those of another.

    Attributes
    ----------
    matrices, offsets : np.ndarray [shape=(K, 3, 3) and (K, 3), float64]
        Maps of the segments in OKLab.
    table : ColorLut or None
        In OKLab, scaled to 0..1.
    chroma : float
        The largest chroma that the result should have.
    saturation : float, 0..1
        Mean chroma of the style relative to the photo's, at most 1.
    """

    matrices: Values
    offsets: Values
    table: ColorLut | None
    chroma: float
    saturation: float

    def __call__(self, colors: FloatArray, shares: FloatArray, strength: float, skin: bool) -> FloatArray:
        """Map colors.

        Parameters
        ----------
        colors : np.ndarray [shape=(N, 3), float32, range 0..1, RGB]
        shares : np.ndarray [shape=(N, K), float32, range 0..1]
        strength : float, 0..1.5
        skin : bool
            Whether skin keeps its hue.

        Returns
        -------
        np.ndarray [shape=(N, 3), float32, range 0..1, RGB]
        """
        lab = rgb_to_oklab(colors.astype(np.float64))
        moved = self._full(lab, shares)
        if strength <= 1:
            moved = lab + strength * (moved - lab)
        else:  # part of the map once more: a straight line beyond 1 could reverse contrast
            moved += (strength - 1) * (self._full(moved, shares) - moved)
        if skin:
            moved[:, 1:] = self._skin(lab, moved, min(strength, 1.0))
        limit = max(self.chroma, float(np.hypot(lab[:, 1], lab[:, 2]).max()) * (1 - strength))
        moved[:, 1:] *= _soft_limit(np.hypot(moved[:, 1], moved[:, 2]), limit * max(1.0, strength))[:, None]
        moved[:, 0] = _soft_range(moved[:, 0])
        return oklab_into_gamut(moved, _KNEE).astype(np.float32)

    def _full(self, lab: Values, shares: FloatArray) -> Values:
        """Colors at strength 1, skin included."""
        moved = self._moved(lab, shares)
        return moved if self.table is None else _apply_table(self.table, moved)

    def _moved(self, lab: Values, shares: FloatArray) -> Values:
        moved = shares @ self.offsets
        for index, matrix in enumerate(self.matrices):
            moved += shares[:, index, None] * (lab @ matrix.T)
        return moved

    def _skin(self, lab: Values, moved: Values, strength: float) -> Values:
        """Chroma with that of skin turned back to the photo's hue."""
        share = strength * _SKIN_KEPT * skin_share(lab)[:, None]
        own = np.hypot(lab[:, 1], lab[:, 2])[:, None] + 1e-9
        new = np.hypot(moved[:, 1], moved[:, 2])[:, None]
        least = 0.85 * min(1.0, self.saturation / 0.4)  # gray styles may turn skin gray
        length = np.clip(new, least * own, 1.2 * own)
        return np.asarray(moved[:, 1:] + share * (lab[:, 1:] / own * length - moved[:, 1:]))


def fit_transfer(content: Pixels, style: Pixels, parts: tuple[Segments, Segments] | None) -> Transfer:
    """Fit the maps from one photo to another.

    Parameters
    ----------
    content, style : Pixels
    parts : (Segments, Segments) or None
        Segments of both; None: one map for the complete photo.
    """
    ones, style_ones = np.ones((len(content.lab), 1)), np.ones((len(style.lab), 1))
    matrices, offsets = _gaussian_maps(_moments(content, ones), _moments(style, style_ones), _MAX_GAIN)
    shares = ones
    if parts is not None:
        plan, cost = match(*parts)
        shares = parts[0].shares
        wanted = parts[1].shares / (parts[1].mass + 1e-12) @ plan.T
        own = _gaussian_maps(_moments(content, shares), _moments(style, wanted), _MAX_GAIN)
        trust = _TRUST * np.exp(-cost / _LIKENESS)
        matrices = matrices + trust[:, None, None] * (own[0] - matrices)
        offsets = offsets + trust[:, None] * (own[1] - offsets)
    chroma = np.hypot(style.lab[:, 1], style.lab[:, 2])
    own_chroma = np.hypot(content.lab[:, 1], content.lab[:, 2])
    saturation = min(1.0, float(style.weights @ chroma) / (float(content.weights @ own_chroma) + 1e-6))
    largest = float(np.quantile(chroma, 0.995))
    plain = Transfer(matrices, offsets, None, largest, saturation)
    sample, wanted_sample = _sample(content), _sample(style)
    colors = plain._moved(content.lab[sample], shares[sample].astype(np.float32))
    return Transfer(matrices, offsets, _fit_table(colors, style.lab[wanted_sample]), largest, saturation)


def _moments(pixels: Pixels, shares: Values) -> tuple[Values, Values]:
    """Mean [K, 3] and covariance [K, 3, 3] of each segment."""
    weights = shares * pixels.weights[:, None]
    total = weights.sum(axis=0) + 1e-12
    mean = weights.T @ pixels.lab / total[:, None]
    products = (pixels.lab[:, :, None] * pixels.lab[:, None, :]).reshape(-1, 9)
    square = (weights.T @ products / total[:, None]).reshape(-1, 3, 3)
    return mean, square - mean[:, :, None] * mean[:, None, :]


def _gaussian_maps(
    source: tuple[Values, Values], target: tuple[Values, Values], max_gain: tuple[float, float]
) -> tuple[Values, Values]:
    """Matrices and offsets of the maps between Gaussians, lightness first."""
    noise = _NOISE**2 * np.eye(3)
    (mean, cov), (new_mean, new_cov) = source, target
    cov, new_cov = cov + noise, new_cov + noise
    light = np.minimum(np.sqrt(new_cov[:, 0, 0] / cov[:, 0, 0]), max_gain[0])
    slope = cov[:, 1:, 0] / cov[:, 0, 0, None]  # chroma per lightness
    new_slope = new_cov[:, 1:, 0] / new_cov[:, 0, 0, None]
    given = cov[:, 1:, 1:] - slope[:, :, None] * cov[:, 1:, 0][:, None, :]
    new_given = new_cov[:, 1:, 1:] - new_slope[:, :, None] * new_cov[:, 1:, 0][:, None, :]
    chroma = transport_map(given, new_given, max_gain=max_gain[1])
    split = new_slope * light[:, None] - (chroma @ slope[..., None])[..., 0]
    matrices = np.zeros_like(cov)
    matrices[:, 0, 0] = light
    matrices[:, 1:, 0] = np.clip(split, -_SPLIT, _SPLIT)
    matrices[:, 1:, 1:] = chroma
    return matrices, new_mean - (matrices @ mean[..., None])[..., 0]


def _fit_table(colors: Values, wanted: Values) -> ColorLut:
    """Fit the table that moves colors closer to those of the style; lightness by itself."""
    moved = transport(colors, wanted)
    moved[:, 0] = match_quantiles(colors[:, 0], wanted[:, 0])
    moved = colors + _REFINE * (moved - colors)
    scale, offset = _TABLE
    return fit_lut(np.clip(colors * scale + offset, 0, 1), moved * scale + offset, max_slope=_MAX_SLOPE)


def _apply_table(table: ColorLut, lab: Values) -> Values:
    scale, offset = _TABLE
    place = lab * scale + offset
    inside = np.clip(place, 0, 1)
    moved = table.apply(inside.astype(np.float32)).astype(np.float64)
    return np.asarray((moved + (place - inside) - offset) / scale)


def _sample(pixels: Pixels) -> npt.NDArray[np.intp]:
    """Indices of pixels, drawn by weight, always the same ones."""
    edges = np.cumsum(pixels.weights)
    places = np.searchsorted(edges, (np.arange(_SAMPLES) + 0.5) / _SAMPLES * edges[-1])
    return np.asarray(np.minimum(places, len(edges) - 1), np.intp)


def skin_share(lab: Values) -> Values:
    """How likely colors [N, 3] in OKLab are those of skin, 0..1: by hue, chroma and lightness."""
    light, chroma = lab[:, 0], np.hypot(lab[:, 1], lab[:, 2])
    hue = np.degrees(np.arctan2(lab[:, 2], lab[:, 1]))
    by_hue = np.exp(-0.5 * (np.maximum(np.abs(hue - 54) - 18, 0) / 6) ** 2)
    by_chroma = _step(chroma, 0.024, 0.005) * _step(-chroma, -0.14, 0.008)
    return np.asarray(by_hue * by_chroma * _step(light, 0.18, 0.025) * _step(-light, -0.94, 0.015))


def _step(values: Values, middle: float, width: float) -> Values:
    return np.asarray(1 / (1 + np.exp(np.clip((middle - values) / width, -50, 50))))


def _soft_limit(values: Values, limit: float) -> Values:
    """Factor that bends values above 85 % of a limit toward it."""
    knee = 0.85 * limit + 1e-6
    over = np.maximum(values - knee, 0) / (0.15 * limit + 0.01)
    bent = knee + (0.15 * limit + 0.01) * over / (1 + over)
    return np.where(values > knee, bent / np.maximum(values, 1e-9), 1.0)


def _soft_range(light: Values) -> Values:
    """Bend lightness below 0.04 and above 0.95 into 0..1."""
    low, high = 0.04, 0.95
    top = 1 - (1 - high) * np.exp(-(np.maximum(light, high) - high) / (1 - high))
    bottom = low * np.exp((np.minimum(light, low) - low) / low)
    return np.where(light > high, top, np.where(light < low, bottom, light))
