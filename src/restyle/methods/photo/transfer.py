"""Color maps from one photo to another: one for each pair of matched segments, and one for all colors.

A map is the linear Monge-Kantorovich map of two Gaussians, in RGB; the map of the complete photo outweighs
those of segments, so the palette and the light of the style arrive everywhere. Then a smooth lookup table in
OKLab moves chroma closer to the style's and away from hues that the style lacks, and a curve moves lightness
and deepens blacks. Skin keeps a hue of skin.

References: Pitie and Kokaram 2007, "The linear Monge-Kantorovitch linear colour mapping for example-based
colour transfer"; Ottosson 2020 (OKLab).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from restyle.images.color import (
    ColorLut,
    fit_lut,
    oklab_into_gamut,
    oklab_to_rgb,
    oklab_to_unbounded_rgb,
    rgb_to_oklab,
    transport,
)
from restyle.images.statistics import transport_map
from restyle.methods.photo.segments import Pixels, Segments, match
from restyle.types import FloatArray

Values = npt.NDArray[np.float64]

_NOISE = 0.015  # deviation in RGB added to both photos, so that flat segments gain no contrast
_MAX_GAIN, _MAX_GAIN_SEGMENT = 2.5, 1.8  # of the maps
_TRUST = 0.4  # share of a segment's own map, against that of the complete photo, where its match is perfect
_LIKENESS = 1.0  # squared distance at which the trust falls by e
_REFINE = 0.4  # share of the lookup table
_PULL = 0.6  # how far chroma that the style lacks moves to chroma that it has
_NEAR = 0.05  # in OKLab: what counts as the same chroma
_TONE = 0.7  # share of the curve of lightness
_TONE_SLOPE = (0.35, 1.5)
_END = 0.01  # share of the pixels that count as black, and as white
_STRETCH = 1.6  # most that contrast grows by for black and white
_VIVID = 0.6  # how far colors outside sRGB lose lightness rather than chroma
_MAX_SLOPE = 1.4  # of the lookup table
_SAMPLES = 4096
_REACH = 0.2, 0.4  # most of the distance to black (a stop) and to white that strength beyond 1 takes
_REACH_CHROMA = 0.2  # most that chroma changes by beyond 1, relative to lightness
_SOFT = 0.06  # distance from 0 and 1 at which values of RGB are bent
_KNEE = 0.9  # share of the chroma in sRGB above which it is bent
_SKIN_AXIS = np.array([np.cos(np.radians(54)), np.sin(np.radians(54))])  # hue of skin in OKLab
_SKIN_SLOPE = 0.36  # tangent of the hues that skin may turn by, 20 degrees
_SKIN_LEAST, _SKIN_MOST = 0.7, 0.17  # least chroma of skin, relative to its own, and the most
_TABLE = (np.array([0.9, 1.4, 1.4]), np.array([0.05, 0.5, 0.5]))  # OKLab to the unit cube: scale and offset


@dataclass(frozen=True, eq=False)
class Transfer:
    """Colors of a photo to those of another."""

    matrices: Values  # [K, 3, 3], with offsets [K, 3]: maps of the segments in RGB
    offsets: Values
    table: ColorLut | None  # in OKLab, scaled to 0..1
    curve: tuple[Values, Values] | None  # lightness before and after the curve
    chroma: float  # the largest that the result should have
    saturation: float  # mean chroma of the style relative to the photo's, at most 1

    def __call__(self, colors: FloatArray, shares: FloatArray, strength: float, skin: bool) -> FloatArray:
        """Map colors [N, 3], float32, 0..1, RGB, with the shares of the segments [N, K].

        The strength is 0..1.5; `skin` keeps the hue of skin.
        """
        lab = rgb_to_oklab(colors.astype(np.float64))
        moved = self._full(colors.astype(np.float64), shares)
        if strength <= 1:
            moved = lab + strength * (moved - lab)
        else:  # part of the map once more: a straight line beyond 1 could reverse contrast
            again = self._full(oklab_to_rgb(moved), shares)
            moved = _beyond(moved, moved + (strength - 1) * (again - moved))
        if skin:
            moved[:, 1:] = self._skin(lab, moved, min(strength, 1.0))
        limit = max(self.chroma, float(np.hypot(lab[:, 1], lab[:, 2]).max()) * (1 - strength))
        moved[:, 1:] *= _soft_limit(np.hypot(moved[:, 1], moved[:, 2]), limit * max(1.0, strength))[:, None]
        return _into_gamut(moved).astype(np.float32)

    def _full(self, colors: Values, shares: FloatArray) -> Values:
        """Colors in OKLab at strength 1, without protection of skin."""
        moved = rgb_to_oklab(self._moved(colors, shares))
        if self.table is not None:
            moved = _apply_table(self.table, moved)
        if self.curve is not None:
            before, after = self.curve
            inside = np.clip(moved[:, 0], before[0], before[-1])
            moved[:, 0] += np.interp(inside, before, after) - inside
        return moved

    def _moved(self, colors: Values, shares: FloatArray) -> Values:
        moved = shares @ self.offsets
        for index, matrix in enumerate(self.matrices):
            moved += shares[:, index, None] * (colors @ matrix.T)
        return moved

    def _skin(self, lab: Values, moved: Values, strength: float) -> Values:
        """Chroma with that of skin brought into the range of skin: warm, neither gray nor garish."""
        share = strength * skin_share(lab)
        own = np.hypot(lab[:, 1], lab[:, 2])
        least = _SKIN_LEAST * self.saturation  # gray styles may turn skin gray
        (cosine, sine), new = _SKIN_AXIS, moved[:, 1:]
        along = np.clip(new @ _SKIN_AXIS, least * own, np.maximum(1.25 * own, _SKIN_MOST))
        slope = lab[:, 1:] @ (-sine, cosine) / np.maximum(lab[:, 1:] @ _SKIN_AXIS, 1e-3)
        low, high = np.minimum(-_SKIN_SLOPE, slope), np.maximum(_SKIN_SLOPE, slope)
        across = np.clip(new @ (-sine, cosine), low.clip(-1) * along, high.clip(None, 1) * along)
        skin = along[:, None] * _SKIN_AXIS + across[:, None] * (-sine, cosine)
        return np.asarray(new + share[:, None] * (skin - new))


def fit_transfer(content: Pixels, style: Pixels, parts: tuple[Segments, Segments] | None) -> Transfer:
    """Fit the maps from one photo to another, by the segments of both; None: one for the complete photo."""
    own_rgb, style_rgb = (oklab_to_unbounded_rgb(each.lab) for each in (content, style))
    whole = [_moments(rgb, each.weights[:, None]) for rgb, each in ((own_rgb, content), (style_rgb, style))]
    matrices, offsets = _gaussian_maps(whole[0], whole[1], _MAX_GAIN)
    shares = np.ones((len(own_rgb), 1))
    if parts is not None:
        plan, cost = match(*parts)
        shares = parts[0].shares
        wanted = parts[1].shares / (parts[1].mass + 1e-12) @ plan.T
        own = _gaussian_maps(
            _moments(own_rgb, shares * content.weights[:, None]),
            _moments(style_rgb, wanted * style.weights[:, None]),
            _MAX_GAIN_SEGMENT,
        )
        trust = _TRUST * np.exp(-cost / _LIKENESS)
        matrices = matrices + trust[:, None, None] * (own[0] - matrices)
        offsets = offsets + trust[:, None] * (own[1] - offsets)
    chroma = np.hypot(style.lab[:, 1], style.lab[:, 2])
    own_chroma = np.hypot(content.lab[:, 1], content.lab[:, 2])
    saturation = min(1.0, float(style.weights @ chroma) / (float(content.weights @ own_chroma) + 1e-6))
    plain = Transfer(matrices, offsets, None, None, float(np.quantile(chroma, 0.998)), saturation)
    sample, wanted_sample = _sample(content), style.lab[_sample(style)]
    colors = rgb_to_oklab(plain._moved(own_rgb[sample], shares[sample].astype(np.float32)))
    table = _fit_table(colors, wanted_sample)
    light = _apply_table(table, colors)[:, 0]
    curve = _fit_curve(light, wanted_sample[:, 0])
    curve = _with_contrast(curve, light, wanted_sample[:, 0], content.lab[sample, 0])
    return replace(plain, table=table, curve=curve)


def _moments(colors: Values, weights: Values) -> tuple[Values, Values]:
    """Mean [K, 3] and covariance [K, 3, 3] of colors [N, 3], by each column of weights [N, K]."""
    total = weights.sum(axis=0) + 1e-12
    mean = weights.T @ colors / total[:, None]
    products = (colors[:, :, None] * colors[:, None, :]).reshape(-1, 9)
    square = (weights.T @ products / total[:, None]).reshape(-1, 3, 3)
    return mean, square - mean[:, :, None] * mean[:, None, :]


def _gaussian_maps(
    source: tuple[Values, Values], target: tuple[Values, Values], max_gain: float
) -> tuple[Values, Values]:
    """Matrices and offsets of the maps between Gaussians."""
    noise = _NOISE**2 * np.eye(3)
    (mean, covariance), (new_mean, new_covariance) = source, target
    matrices = np.asarray(
        transport_map(covariance + noise, new_covariance + noise, max_gain=max_gain), np.float64
    )
    return matrices, new_mean - (matrices @ mean[..., None])[..., 0]


def _fit_table(colors: Values, wanted: Values) -> ColorLut:
    """Fit the table that moves chroma closer to the style's; lightness stays."""
    moved = colors + _REFINE * (transport(colors, wanted) - colors)
    moved[:, 1:] = _pull(moved[:, 1:], wanted[::4, 1:])
    moved[:, 0] = colors[:, 0]
    scale, offset = _TABLE
    return fit_lut(np.clip(colors * scale + offset, 0, 1), moved * scale + offset, max_slope=_MAX_SLOPE)


def _pull(chroma: Values, wanted: Values) -> Values:
    """Move chroma [N, 2] that the style lacks closer to what is near it in the style (one mean shift)."""
    square = (chroma * chroma).sum(axis=1)[:, None] - 2 * chroma @ wanted.T + (wanted * wanted).sum(axis=1)
    kernel = np.exp(-square / (2 * _NEAR**2))
    density = kernel.mean(axis=1)
    wide = np.exp(-square / (8 * _NEAR**2)) + 1e-12
    center = wide @ wanted / wide.sum(axis=1, keepdims=True)
    share = _PULL / (1 + density / 0.02)
    return np.asarray(chroma + share[:, None] * (center - chroma))


def _fit_curve(light: Values, wanted: Values) -> tuple[Values, Values]:
    """Fit the smooth curve that moves lightness closer to the distribution of the style's."""
    grid = np.linspace(-0.2, 1.2, 141)
    levels = np.linspace(0.01, 0.99, 50)
    own = np.quantile(light, levels)
    shift = np.interp(grid, own + 1e-6 * np.arange(50), _TONE * (np.quantile(wanted, levels) - own))
    window = np.hanning(27)[1:-1] / np.hanning(27).sum()
    smooth = grid + np.convolve(np.pad(shift, 12, mode="edge"), window, "valid")
    steps = np.clip(np.diff(smooth) / 0.01, *_TONE_SLOPE) * 0.01
    curve = np.concatenate([[0.0], np.cumsum(steps)])
    return grid, curve + float((np.interp(light, grid, smooth) - np.interp(light, grid, curve)).mean())


def _with_contrast(
    curve: tuple[Values, Values], light: Values, wanted: Values, own: Values
) -> tuple[Values, Values]:
    """Stretch a curve so that blacks are as deep and whites as bright as the style's.

    Where the photo's own blacks are deeper than the style's, they go half of the way: viewers took lifted
    blacks for haze.
    """
    before, after = curve
    moved = np.interp(light, before, after)
    dark, middle, bright = np.quantile(moved, [_END, 0.5, 1 - _END])
    own_dark, style_dark = np.quantile(own, _END), np.quantile(wanted, _END)
    new_dark = min(dark, style_dark, (own_dark + style_dark) / 2)
    new_bright = max(bright, np.quantile(wanted, 1 - _END))
    down = min(_STRETCH, (middle - new_dark) / max(middle - dark, 1e-3))
    up = min(_STRETCH, (new_bright - middle) / max(bright - middle, 1e-3))
    return before, np.asarray(middle + np.where(after < middle, down, up) * (after - middle))


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
    by_hue = np.exp(-0.5 * (np.maximum(np.abs(hue - 58) - 18, 0) / 5) ** 2)
    by_chroma = _step(chroma, 0.024, 0.005) * _step(-chroma, -0.14, 0.008)
    return np.asarray(by_hue * by_chroma * _step(light, 0.18, 0.025) * _step(-light, -0.94, 0.015))


def _step(values: Values, middle: float, width: float) -> Values:
    return np.asarray(1 / (1 + np.exp(np.clip((middle - values) / width, -50, 50))))


def _soft_limit(values: Values, limit: float) -> Values:
    """Factor that bends values above 85 % of a limit toward it."""
    knee, soft = 0.85 * limit + 1e-6, 0.15 * limit + min(limit, 0.01) + 1e-6  # gray stays gray
    over = np.maximum(values - knee, 0) / soft
    bent = knee + soft * over / (1 + over)
    return np.where(values > knee, bent / np.maximum(values, 1e-9), 1.0)


def _beyond(once: Values, moved: Values) -> Values:
    """Bend what moves on beyond strength 1: shadows and highlights keep detail, dark colors stay dull."""
    light, change = once[:, 0], moved - once
    darker = change[:, 0] < 0
    room = np.where(darker, np.maximum(light, 1e-6), np.minimum(light - 1, -1e-6))
    room *= np.where(darker, *_REACH)
    light = light + room * np.expm1(change[:, 0] / room)
    most = _REACH_CHROMA * np.maximum(light, 1e-6)
    chroma = change[:, 1:] / (1 + np.hypot(change[:, 1], change[:, 2]) / most)[:, None]
    return np.column_stack([light, once[:, 1:] + chroma])


def _into_gamut(lab: Values) -> Values:
    """Convert OKLab to sRGB: colors outside lose some lightness and some chroma, softly."""
    raw = oklab_to_unbounded_rgb(lab)
    top = _SOFT * (1 - np.exp(-np.maximum(raw + _SOFT - 1, 0) / _SOFT))
    vivid = np.where(raw > 1 - _SOFT, 1 - _SOFT + top, raw)
    vivid = np.where(raw < _SOFT, _SOFT * np.exp(np.minimum(raw - _SOFT, 0) / _SOFT), vivid)
    pale = oklab_into_gamut(np.column_stack([_soft_range(lab[:, 0]), lab[:, 1:]]), _KNEE)
    return np.asarray(pale + _VIVID * (vivid - pale))


def _soft_range(light: Values) -> Values:
    """Bend lightness below 0.04 and above 0.95 into 0..1."""
    low, high = 0.04, 0.95
    top = 1 - (1 - high) * np.exp(-(np.maximum(light, high) - high) / (1 - high))
    bottom = low * np.exp((np.minimum(light, low) - low) / low)
    return np.where(light > high, top, np.where(light < low, bottom, light))
