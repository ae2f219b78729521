"""Brightness, contrast, and the three color modes.

- :func:`keep_luminance`: the content's colors and broad light with the fine light of the result, its strokes.
- :func:`keep_statistics`: the result with the content's mean and covariance of colors.
- :func:`colors_only`: the content with the palette of the result.

References: Gatys et al. 2016, "Preserving Color in Neural Artistic Style Transfer"; He and Sun 2015, "Fast
Guided Filter"; Pitie et al. 2007, "Automated colour grading using colour distribution transfer"; Bonneel et
al. 2015, "Sliced and Radon Wasserstein Barycenters of Measures"; Ottosson 2020, "A perceptual color space for
image processing" (OKLab).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from restyle.errors import OptionError
from restyle.images.blend import guided_fit
from restyle.images.color_lut import ColorLut, Points, fit_lut
from restyle.images.resize import fit_size, resize
from restyle.images.statistics import match_quantiles, random_directions, transport_map
from restyle.types import FloatArray

LUMA_WEIGHTS = (0.299, 0.587, 0.114)  # ITU-R BT.601
LUMA = np.array(LUMA_WEIGHTS, np.float32)


def adjust_brightness(array: FloatArray, factor: float) -> FloatArray:
    """Multiply all values by ``factor``; 1 changes nothing, 0 gives black.

    Parameters
    ----------
    array : np.ndarray [shape=(H, W, 3), float32, range 0..1]
    factor : float, 0 or more
    """
    _check("brightness", factor)
    out: FloatArray = np.clip(array * np.float32(factor), 0, 1)
    return out


def adjust_contrast(array: FloatArray, factor: float, mean: float | None = None) -> FloatArray:
    """Scale the distance of all values to the mean luma by ``factor``; 0 gives flat gray.

    Parameters
    ----------
    array : np.ndarray [shape=(H, W, 3), float32, range 0..1]
    factor : float, 0 or more
    mean : float or None
        None: that of the array.
    """
    _check("contrast", factor)
    middle = np.float32((array @ LUMA).mean(dtype=np.float64) if mean is None else mean)
    out: FloatArray = np.clip((array - middle) * np.float32(factor) + middle, 0, 1)
    return out


def _check(name: str, factor: float) -> None:
    if not 0 <= factor < float("inf"):
        raise OptionError(f"{name} {factor} is not a number from 0 up (1 changes nothing)")


_LMS_FROM_RGB = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_LAB_FROM_LMS = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)

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

    The luma of the result is matched to the content's mean and deviation, and its broad part is replaced by
    the content's, up to the edges of the content (guided filter). Chroma grows and shrinks with luma, so a
    dark red becomes a brighter or darker red, never pink. Outside RGB, chroma is reduced at constant hue.

    Differs from Gatys et al. 2016: they stylize luma alone, and keep all of it and the content's chroma.

    Parameters
    ----------
    content, styled : np.ndarray [shape=(H, W, 3), float32, range 0..1, RGB]

    Returns
    -------
    np.ndarray [shape=(H, W, 3), float32, range 0..1, RGB]
    """
    _check_sizes(content, styled)
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
    works with styles that are only a code.

    Parameters
    ----------
    content, styled : np.ndarray [shape=(H, W, 3), float32, range 0..1, RGB]

    Returns
    -------
    np.ndarray [shape=(H, W, 3), float32, range 0..1, RGB]
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
    color lookup table of bounded slope is then fitted to that movement, so equal colors stay equal.

    Parameters
    ----------
    content : np.ndarray [shape=(H, W, 3), float32, range 0..1, RGB]
    styled : np.ndarray [shape=(H', W', 3), float32, range 0..1, RGB]

    Returns
    -------
    np.ndarray [shape=(H, W, 3), float32, range 0..1, RGB]
    """
    return fit_palette(content, styled).apply(content)


def fit_palette(content: FloatArray, palette: FloatArray, max_slope: float = _MAX_SLOPE) -> ColorLut:
    """Fit the color lookup table of :func:`colors_only`.

    Parameters
    ----------
    content, palette : np.ndarray [shape=(..., 3), float32, range 0..1, RGB]
    max_slope : float
        Bound on how far it spreads neighboring colors.
    """
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


def _color_moments(picture: FloatArray) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
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


def _check_sizes(content: FloatArray, styled: FloatArray) -> None:
    if content.shape != styled.shape:
        raise OptionError(f"content and result differ in size: {content.shape} and {styled.shape}")
