"""Whose colours a result has: the style's, the content's, or only those of the style.

- :func:`keep_luminance`: the content's chroma under the result's luminance.
- :func:`keep_statistics`: the result's colours moved to the content's mean and covariance.
- :func:`colors_only`: the content, with the palette of the result.

References: Gatys et al. 2016, "Preserving Color in Neural Artistic Style Transfer"; Pitie et al. 2007,
"Automated colour grading using colour distribution transfer"; Bonneel et al. 2015, "Sliced and Radon
Wasserstein Barycenters of Measures"; Ottosson 2020, "A perceptual color space for image processing" (OKLab).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from restyle.errors import OptionError
from restyle.images.color_lut import ColorCube, Points, fit_cube
from restyle.images.covariance import linear_map
from restyle.images.histograms import directions, match_quantiles
from restyle.types import FloatArray

# NTSC, FCC 1953: luma first, then the two axes of chroma.
YIQ_FROM_RGB = np.array([[0.299, 0.587, 0.114], [0.5959, -0.2746, -0.3213], [0.2115, -0.5227, 0.3112]])
RGB_FROM_YIQ = np.linalg.inv(YIQ_FROM_RGB)

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
_SAMPLES = 4096  # colours that stand for a picture
_ROUNDS, _DIRECTIONS = 24, 12
_MAX_GAIN = 4.0  # an ink drawing has no colour to bring back; only its grain would grow
_MAX_SLOPE = 2.0
# How much of the palette's lightness is taken on. All of it washes contrast out where a style is all light or
# all dark, and contrast is structure; none of it makes night styles day.
_LIGHTNESS_SHARE = 0.5


def rgb_to_yiq(array: FloatArray) -> FloatArray:
    """Convert [shape=(..., 3), float32, RGB, range 0..1] to YIQ."""
    return array @ YIQ_FROM_RGB.T.astype(np.float32)


def yiq_to_rgb(array: FloatArray) -> FloatArray:
    """Convert [shape=(..., 3), float32, YIQ] to RGB, not clipped."""
    return array @ RGB_FROM_YIQ.T.astype(np.float32)


def rgb_to_oklab(colors: Points) -> Points:
    """Convert [shape=(..., 3), float64, sRGB, range 0..1] to OKLab: lightness 0..1 and two axes of chroma."""
    linear = np.where(colors <= 0.04045, colors / 12.92, ((np.maximum(colors, 0) + 0.055) / 1.055) ** 2.4)
    return np.asarray(np.cbrt(linear @ _LMS_FROM_RGB.T) @ _LAB_FROM_LMS.T)


def oklab_to_rgb(lab: Points) -> Points:
    """Convert [shape=(..., 3), float64, OKLab] to sRGB, clipped to 0..1."""
    linear = (lab @ np.linalg.inv(_LAB_FROM_LMS).T) ** 3 @ np.linalg.inv(_LMS_FROM_RGB).T
    linear = np.clip(linear, 0, 1)
    return np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)


def keep_luminance(content: FloatArray, styled: FloatArray) -> FloatArray:
    """Give the result's luma with the content's chroma (Gatys et al. 2016, section 4).

    Differs from Gatys et al. 2016: luma is taken from the finished result rather than styled alone, and where
    the two do not go together in RGB, chroma gives way (toward grey, at constant hue) instead of being
    clipped, which would change the luma.

    Parameters
    ----------
    content, styled : np.ndarray [shape=(H, W, 3), float32, range 0..1, RGB]

    Returns
    -------
    np.ndarray [shape=(H, W, 3), float32, range 0..1, RGB]
    """
    _check_sizes(content, styled)
    luma_weights = YIQ_FROM_RGB[0].astype(np.float32)
    out = np.empty(content.shape, np.float32)
    for rows in _bands(content.shape[0]):
        luma = (styled[rows] @ luma_weights)[..., None]
        chroma = content[rows] - (content[rows] @ luma_weights)[..., None]  # as RGB of luma 0
        room = np.where(chroma > 0, 1 - luma, luma)
        room /= np.maximum(np.abs(chroma), 1e-6)
        share = np.minimum(np.minimum(room[..., 0], room[..., 1]), room[..., 2])
        out[rows] = luma + chroma * np.clip(share, 0, 1)[..., None]
    return np.clip(out, 0, 1, out=out)


def keep_statistics(content: FloatArray, styled: FloatArray, kind: str = "transport") -> FloatArray:
    """Move the result's colours to the content's mean and covariance (Gatys et al. 2016, section 3).

    Differs from Gatys et al. 2016: there the style picture is recoloured before the transfer, which needs the
    style picture; here the result is, which also serves styles that are only a code.

    Parameters
    ----------
    content, styled : np.ndarray [shape=(H, W, 3), float32, range 0..1, RGB]
    kind : str
        Which linear map: ``"transport"``, ``"symmetric"`` or ``"cholesky"``, see
        :func:`restyle.images.covariance.linear_map`.

    Returns
    -------
    np.ndarray [shape=(H, W, 3), float32, range 0..1, RGB]
    """
    mean_c, cov_c = _color_moments(content)
    mean_s, cov_s = _color_moments(styled)
    matrix = linear_map(cov_s, cov_c, kind, max_gain=_MAX_GAIN)
    offset = (mean_c - matrix @ mean_s).astype(np.float32)
    mix = matrix.T.astype(np.float32)
    out = np.empty(styled.shape, np.float32)
    for rows in _bands(styled.shape[0]):
        out[rows] = styled[rows] @ mix + offset
    return np.clip(out, 0, 1, out=out)


def colors_only(content: FloatArray, styled: FloatArray) -> FloatArray:
    """Give the content with the palette of the result or of a style picture; structure and texture stay.

    A sample of the content's colours is moved onto the palette by sliced optimal transport in OKLab; then the
    least bent change of all colours is fitted to that movement, with a bound on how far it may spread colours
    apart. One colour becomes one colour everywhere: nothing but the palette moves.

    Parameters
    ----------
    content : np.ndarray [shape=(H, W, 3), float32, range 0..1, RGB]
    styled : np.ndarray [shape=(H', W', 3), float32, range 0..1, RGB]

    Returns
    -------
    np.ndarray [shape=(H, W, 3), float32, range 0..1, RGB]
    """
    return palette_cube(content, styled).apply(content)


def palette_cube(content: FloatArray, palette: FloatArray, max_slope: float = _MAX_SLOPE) -> ColorCube:
    """Fit the change of colours of :func:`colors_only`.

    Parameters
    ----------
    content, palette : np.ndarray [shape=(..., 3), float32, range 0..1, RGB]
    max_slope : float
        How far apart it may spread neighbouring colours.
    """
    colors, wanted = _sample(content), _sample(palette)
    lab = rgb_to_oklab(colors)
    moved = _transport(lab, rgb_to_oklab(wanted))
    moved[:, 0] = lab[:, 0] + _LIGHTNESS_SHARE * (moved[:, 0] - lab[:, 0])
    return fit_cube(colors, oklab_to_rgb(moved), max_slope=max_slope)


def _transport(source: Points, target: Points) -> Points:
    """Move points [shape=(N, 3)] onto the distribution of others by descending the sliced distance."""
    points = source
    for turn in range(_ROUNDS):
        axes = directions(3, _DIRECTIONS, seed=turn)
        positions = axes @ points.T
        moves = match_quantiles(positions, axes @ target.T) - positions
        points = points + moves.T @ axes * (3 / _DIRECTIONS)
    return points


def _sample(picture: FloatArray) -> Points:
    """Draw the same pixels every time, evenly over the picture."""
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
