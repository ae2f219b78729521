"""Brightness, contrast, the three color modes, and the 3D color lookup tables of two of them.

- :func:`keep_luminance`: the content's colors and broad light with the fine light of the result, its strokes.
- :func:`keep_statistics`: the result with the content's mean and covariance of colors.
- :func:`colors_only`: the content with the palette of the result.

A lookup table maps equal colors to equal colors everywhere in a picture, so edges and flat areas are
preserved; a bound on its slope keeps it from amplifying grain.

References: Gatys et al. 2016, "Preserving Color in Neural Artistic Style Transfer"; He and Sun 2015, "Fast
Guided Filter"; Pitie et al. 2007, "Automated colour grading using colour distribution transfer"; Bonneel et
al. 2015, "Sliced and Radon Wasserstein Barycenters of Measures"; Ottosson 2020, "A perceptual color space for
image processing" (OKLab).
"""

from __future__ import annotations

import functools
import itertools
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from restyle.errors import OptionError
from restyle.images.resize import fit_size, resize
from restyle.images.statistics import LUMA, guided_fit, match_quantiles, random_directions, transport_map
from restyle.types import FloatArray

Points = npt.NDArray[np.float64]  # [shape=(N, 3), RGB]

_LMS_FROM_RGB = np.array([
    [0.4122214708, 0.5363325363, 0.0514459929],
    [0.2119034982, 0.6806995451, 0.1073969566],
    [0.0883024619, 0.2817188376, 0.6299787005],
])  # fmt: skip
_LAB_FROM_LMS = np.array([
    [0.2104542553, 0.7936177850, -0.0040720468],
    [1.9779984951, -2.4285922050, 0.4505937099],
    [0.0259040371, 0.7827717662, -0.8086757660],
])  # fmt: skip

_CHUNK_ROWS = 128
_SAMPLES = 4096  # colors that represent a picture
_ROUNDS, _DIRECTIONS = 24, 12
BROAD_SIDE = 1024  # px, longest side at which broad light is computed
BROAD = 0.04  # radius of what is broad, relative to that side
LIGHT_EDGE = 0.01  # variance of the content's luma that keeps broad light from crossing an edge
MAX_CHROMA = 2.0  # how much chroma may grow where the result is lighter than the content
MAX_GAIN = 4.0  # an ink drawing has no color to restore; more gain would only amplify its grain
_MAX_SLOPE = 2.0
# Share of the palette's lightness that is adopted. All of it would wash out contrast with very light or dark
# styles; none of it would turn night styles into day.
_LIGHTNESS_SHARE = 0.5

_FIT_SIDE = 9  # nodes a side while fitting: 729 unknowns solve fast
_FINER = 4  # the fitted lut is read at four times as many nodes, interpolated by cubics
_BENDING_WEIGHTS = (1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 1e-1)
_RIDGE = 1e-8
_CHUNK = 1 << 15  # pixels at a time, to stay in the cache


def adjust_brightness(array: FloatArray, factor: float) -> FloatArray:
    """Multiply all values [H, W, 3], 0..1, by ``factor``; 1 changes nothing, 0 gives black."""
    _check("brightness", factor)
    return np.asarray(np.clip(array * np.float32(factor), 0, 1))


def adjust_contrast(array: FloatArray, factor: float, mean: float | None = None) -> FloatArray:
    """Scale the distance of all values [H, W, 3], 0..1, to the mean luma by ``factor``; 0 gives flat gray.

    Without ``mean`` it is that of the array.
    """
    _check("contrast", factor)
    middle = np.float32((array @ LUMA).mean(dtype=np.float64) if mean is None else mean)
    return np.asarray(np.clip((array - middle) * np.float32(factor) + middle, 0, 1))


def _check(name: str, factor: float) -> None:
    if not 0 <= factor < float("inf"):
        raise OptionError(f"{name} {factor} is not a number from 0 up (1 changes nothing)")


def rgb_to_oklab(colors: Points) -> Points:
    """Convert [shape=(..., 3), float64, sRGB, range 0..1] to OKLab: lightness 0..1 and two axes of chroma."""
    return np.asarray(np.cbrt(srgb_to_linear(colors) @ _LMS_FROM_RGB.T) @ _LAB_FROM_LMS.T)


def oklab_to_rgb(lab: Points) -> Points:
    """Convert [shape=(..., 3), float64, OKLab] to sRGB, clipped to 0..1."""
    return np.clip(oklab_to_unbounded_rgb(lab), 0, 1)


def oklab_to_unbounded_rgb(lab: Points) -> Points:
    """Convert [shape=(..., 3), float64, OKLab] to sRGB; colors that it lacks are below 0 or above 1."""
    linear = (lab @ np.linalg.inv(_LAB_FROM_LMS).T) ** 3 @ np.linalg.inv(_LMS_FROM_RGB).T
    return linear_to_srgb(linear)


def srgb_to_linear(colors: Points) -> Points:
    """Decode sRGB values, float64, to linear light."""
    curved: Points = ((np.maximum(colors, 0.04045) + 0.055) / 1.055) ** 2.4
    return np.where(colors <= 0.04045, colors / 12.92, curved)


def linear_to_srgb(linear: Points) -> Points:
    """Encode linear light, float64, as sRGB values."""
    curved = 1.055 * np.maximum(linear, 0.0031308) ** (1 / 2.4) - 0.055
    return np.where(linear <= 0.0031308, linear * 12.92, curved)


def oklab_into_gamut(lab: Points, knee: float = 1.0) -> Points:
    """Convert OKLab [shape=(N, 3), float64] to sRGB in 0..1; colors that it lacks lose chroma, not lightness.

    From the share `knee` of the chroma that fits, up to 1, chroma is bent softly.
    """
    light = np.clip(lab[:, :1], 0, 1)
    gray = linear_to_srgb(light**3)
    chroma = oklab_to_unbounded_rgb(np.hstack([light, lab[:, 1:]])) - gray
    room = np.where(chroma > 0, 1 - gray, gray)
    use = (np.abs(chroma) / np.maximum(room, 1e-4)).max(axis=1, keepdims=True)
    over = np.maximum(use - knee, 0)
    bent = np.where(over > 0, knee + (1 - knee) * over / (over + 1 - knee + 1e-12), use)
    return np.asarray(np.clip(gray + chroma * (bent / np.maximum(use, 1e-9)), 0, 1))


def keep_luminance(content: FloatArray, styled: FloatArray) -> FloatArray:
    """Paint the content's colors with the fine light and dark of the result (Gatys et al. 2016, section 4).

    Both are [H, W, 3], float32, RGB in 0..1, and of one size. The luma of the result is matched to the
    content's mean and deviation, and its broad part is replaced by the content's, up to the edges of the
    content (guided filter). Chroma grows and shrinks with luma, so a dark red becomes a brighter or darker
    red, never pink. Outside RGB, chroma is reduced at constant hue.

    Differs from Gatys et al. 2016: they stylize luma alone, and keep all of it and the content's chroma.
    """
    if content.shape != styled.shape:
        raise OptionError(f"content and result differ in size: {content.shape} and {styled.shape}")
    out = np.empty(content.shape, np.float32)
    own, light = content @ LUMA, styled @ LUMA
    light = light_with_broad(light, own)
    for rows in _bands(content.shape[0]):
        luma, before = light[rows][..., None], own[rows][..., None]
        growth = np.clip(luma / np.maximum(before, 1e-3), 0, MAX_CHROMA)
        chroma = (content[rows] - before) * growth  # as RGB of luma 0
        room = np.where(chroma > 0, 1 - luma, luma)
        room /= np.maximum(np.abs(chroma), 1e-6)
        share = np.minimum(np.minimum(room[..., 0], room[..., 1]), room[..., 2])
        out[rows] = luma + chroma * np.clip(share, 0, 1)[..., None]
    return np.clip(out, 0, 1, out=out)


def light_with_broad(light: FloatArray, broad: FloatArray) -> FloatArray:
    """Give luma [H, W] the mean, deviation and broad part of another luma of the same size; range 0..1."""
    mean, deviation = (float(f(broad, dtype=np.float64)) for f in (np.mean, np.std))
    gain = min(deviation / max(float(np.std(light, dtype=np.float64)), 1e-4), MAX_GAIN)
    light = (light - light.mean(dtype=np.float64).astype(np.float32)) * np.float32(gain) + np.float32(mean)
    size = (light.shape[0], light.shape[1])
    small = fit_size(size, most=BROAD_SIDE)
    guide, apart = resize(broad, small, "area"), resize(broad - light, small, "area")
    slope, offset = guided_fit(guide, apart, max(2, round(BROAD * max(small))), LIGHT_EDGE)
    light += resize(slope, size, "bilinear") * broad + resize(offset, size, "bilinear")
    return np.clip(light, 0, 1, out=light)


def keep_statistics(content: FloatArray, styled: FloatArray) -> FloatArray:
    """Give the result the content's mean and covariance of colors (Gatys et al. 2016, section 3).

    Differs from Gatys et al. 2016: recolors the result, not the style image before the transfer, so that it
    works with styles that are only a code. Both are [H, W, 3], float32, RGB in 0..1.
    """
    mean_c, cov_c = _color_moments(content)
    mean_s, cov_s = _color_moments(styled)
    matrix = transport_map(cov_s, cov_c, max_gain=MAX_GAIN)
    offset = (mean_c - matrix @ mean_s).astype(np.float32)
    mix = matrix.T.astype(np.float32)
    out = np.empty(styled.shape, np.float32)
    for rows in _bands(styled.shape[0]):
        out[rows] = styled[rows] @ mix + offset
    return np.clip(out, 0, 1, out=out)


def colors_only(content: FloatArray, styled: FloatArray) -> FloatArray:
    """Give the content the palette of the result or of a style image; structure and texture stay.

    Sliced optimal transport in OKLab moves a sample of the content's colors to the palette. The smoothest
    color lookup table of bounded slope is then fitted to that movement, so equal colors stay equal. Both are
    [H, W, 3], float32, RGB in 0..1; their sizes may differ.
    """
    return fit_palette(content, styled).apply(content)


def fit_palette(content: FloatArray, palette: FloatArray, max_slope: float = _MAX_SLOPE) -> ColorLut:
    """Fit the color lookup table of :func:`colors_only`; `max_slope` as for :func:`fit_lut`."""
    colors, wanted = _sample(content), _sample(palette)
    lab = rgb_to_oklab(colors)
    moved = transport(lab, rgb_to_oklab(wanted))
    moved[:, 0] = lab[:, 0] + _LIGHTNESS_SHARE * (moved[:, 0] - lab[:, 0])
    return fit_lut(colors, oklab_to_rgb(moved), max_slope=max_slope)


def transport(source: Points, target: Points) -> Points:
    """Move points [N, 3] to the distribution of others by gradient descent on the sliced distance."""
    points = source
    for turn in range(_ROUNDS):
        axes = random_directions(3, _DIRECTIONS, seed=turn)
        positions = axes @ points.T
        moves = match_quantiles(positions, axes @ target.T) - positions
        points = points + moves.T @ axes * (3 / _DIRECTIONS)
    return points


def _sample(picture: FloatArray) -> Points:
    """Sample pixels evenly over the picture, always the same ones."""
    flat = picture.reshape(-1, 3)
    generator = np.random.default_rng(0)
    strata = (np.arange(_SAMPLES) + generator.random(_SAMPLES)) * (len(flat) / _SAMPLES)
    return flat[np.minimum(strata.astype(np.intp), len(flat) - 1)].astype(np.float64)


def _color_moments(picture: FloatArray) -> tuple[Points, Points]:
    """Mean and covariance of RGB, accumulated in double precision."""
    total, square, count = np.zeros(3), np.zeros((3, 3)), 0
    for rows in _bands(picture.shape[0]):
        flat = picture[rows].reshape(-1, 3).astype(np.float64)
        total += flat.sum(axis=0)
        square += flat.T @ flat
        count += len(flat)
    mean = total / count
    return mean, square / count - np.outer(mean, mean)


def _bands(height: int) -> Iterator[slice]:
    for top in range(0, height, _CHUNK_ROWS):
        yield slice(top, min(top + _CHUNK_ROWS, height))


@dataclass(frozen=True)
class ColorLut:
    """Colors at the nodes of a regular grid over RGB."""

    nodes: FloatArray  # [shape=(n, n, n, 3), indexed by red, green, blue]

    def apply(self, pixels: FloatArray) -> FloatArray:
        """Map colors [shape=(..., 3), float32, range 0..1, RGB] to the same, interpolating between nodes."""
        side = self.nodes.shape[0]
        # A row holds the colors at a node and at its neighbor in blue, each padded to four: one read for two.
        table = np.zeros((side**3, 8), np.float32)
        table[:, :3] = self.nodes.reshape(-1, 3)
        table[:-1, 4:7] = table[1:, :3]
        flat = pixels.reshape(-1, 3)
        out = np.empty_like(flat)

        def work(start: int) -> None:
            out[start : start + _CHUNK] = _interpolate(table, side, flat[start : start + _CHUNK])

        with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
            list(pool.map(work, range(0, len(flat), _CHUNK)))  # raises an exception of a thread
        return out.reshape(pixels.shape)

    def slope(self, colors: Points) -> Points:
        """Compute how far the table spreads colors [N, 3]: the largest singular value of its derivative."""
        side = self.nodes.shape[0]
        low = np.minimum((colors * (side - 1)).astype(np.intp), side - 2)
        here = self.nodes[low[:, 0], low[:, 1], low[:, 2]]
        steps = [self.nodes[tuple((low + step).T)] - here for step in np.eye(3, dtype=np.intp)]
        derivative = np.stack(steps, axis=-1).astype(np.float64) * (side - 1)
        return np.asarray(np.linalg.svd(derivative, compute_uv=False)[:, 0])


def fit_lut(colors: Points, targets: Points, *, max_slope: float) -> ColorLut:
    """Fit the smoothest table that maps ``colors`` close to ``targets`` within a bound on its slope.

    Least squares with bending energy as penalty (a thin plate in three dimensions). The weight of the penalty
    grows until 99 % of the colors [N, 3], 0..1, satisfy the bound on :meth:`ColorLut.slope`, where the
    identity has slope 1. Where even a linear map is too steep (a flat picture, a rich palette), the table is
    contracted toward its mean.
    """
    rows, weights = _weights(colors, _FIT_SIDE)
    count = _FIT_SIDE**3
    pairs = (rows[:, :, None] * count + rows[:, None, :]).ravel()
    products = (weights[:, :, None] * weights[:, None, :]).ravel() / len(colors)
    normal = np.asarray(np.bincount(pairs, products, count * count), np.float64).reshape(count, count)
    right = np.zeros((count, 3))
    for channel in range(3):
        pulls = weights * targets[:, channel, None] / len(colors)
        right[:, channel] = np.bincount(rows.ravel(), pulls.ravel(), count)
    # A weak pull to the identity, for colors that the picture does not have.
    steps = np.linspace(0, 1, _FIT_SIDE)
    same = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1).reshape(count, 3)
    normal[np.diag_indices(count)] += _RIDGE
    right += _RIDGE * same
    for weight in _BENDING_WEIGHTS:
        solved = np.asarray(np.linalg.solve(normal + weight * _bending(), right), np.float64)
        lut = ColorLut(_refine(solved.reshape(_FIT_SIDE, _FIT_SIDE, _FIT_SIDE, 3)))
        slope = float(np.quantile(lut.slope(colors), 0.99))
        if slope <= max_slope:
            return lut
    center = targets.mean(axis=0).astype(np.float32)
    return ColorLut(center + (lut.nodes - center) * np.float32(max_slope / slope))


def _interpolate(table: FloatArray, side: int, pixels: FloatArray) -> FloatArray:
    position = np.clip(pixels, 0, 1).T * np.float32(side - 1)
    low = np.minimum(position.astype(np.int32), side - 2)
    share: FloatArray = position - low.astype(np.float32)
    first = (low[0] * side + low[1]) * side + low[2]
    pair = np.zeros((pixels.shape[0], 8), np.float32)
    for red, green in itertools.product((0, 1), repeat=2):
        weight = (share[0] if red else 1 - share[0]) * (share[1] if green else 1 - share[1])
        pair += np.take(table, first + (red * side + green) * side, axis=0) * weight[:, None]
    out: FloatArray = pair[:, :3] + (pair[:, 4:7] - pair[:, :3]) * share[2][:, None]
    return np.clip(out, 0, 1, out=out)


def _weights(colors: Points, side: int) -> tuple[npt.NDArray[np.intp], Points]:
    """Return the eight nodes around each color and their shares, both [shape=(N, 8)]."""
    position = np.clip(colors, 0, 1) * (side - 1)
    low = np.minimum(position.astype(np.intp), side - 2)
    share = position - low
    nodes, weights = [], []
    for corner in itertools.product((0, 1), repeat=3):
        at = low + np.array(corner)
        nodes.append((at[:, 0] * side + at[:, 1]) * side + at[:, 2])
        weights.append(np.prod(np.where(np.array(corner) == 1, share, 1 - share), axis=1))
    return np.stack(nodes, axis=1), np.stack(weights, axis=1)


@functools.lru_cache(maxsize=1)
def _bending() -> Points:
    """Build the matrix of the bending energy, mean over nodes of the sum of squared second derivatives."""
    side, count = _FIT_SIDE, _FIT_SIDE**3
    index = np.arange(count).reshape(side, side, side)
    energy = np.zeros((count, count))
    for a, b in itertools.combinations_with_replacement(range(3), 2):
        if a == b:
            moved = np.moveaxis(index, a, 0)
            stencil = [(moved[:-2], 1.0), (moved[1:-1], -2.0), (moved[2:], 1.0)]
        else:
            moved = np.moveaxis(index, (a, b), (0, 1))
            stencil = [
                (moved[1:, 1:], 1.0), (moved[:-1, :-1], 1.0), (moved[1:, :-1], -1.0), (moved[:-1, 1:], -1.0),
            ]  # fmt: skip
        factor = (1 if a == b else 2) * (side - 1) ** 4 / count
        for (i, u), (j, v) in itertools.product(stencil, repeat=2):
            np.add.at(energy, (i.ravel(), j.ravel()), factor * u * v)
    return energy


def _refine(nodes: Points) -> FloatArray:
    """Read a lut at ``_FINER`` times as many nodes by Catmull-Rom cubics, straight beyond the border."""
    for axis in range(3):
        moved = np.moveaxis(nodes, axis, 0)
        padded = np.concatenate([2 * moved[:1] - moved[1:2], moved, 2 * moved[-1:] - moved[-2:-1]])
        side = moved.shape[0]
        position = np.arange((side - 1) * _FINER + 1) / _FINER
        low = np.minimum(position.astype(np.intp), side - 2)
        t = (position - low)[:, None, None, None]
        p0, p1, p2, p3 = (padded[low + k] for k in range(4))
        fine = p1 + 0.5 * t * (p2 - p0 + t * (2 * p0 - 5 * p1 + 4 * p2 - p3 + t * (3 * (p1 - p2) + p3 - p0)))
        nodes = np.moveaxis(fine, 0, axis)
    return np.ascontiguousarray(nodes, dtype=np.float32)
