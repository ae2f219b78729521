"""Metrics on features of an encoder (style, content, Frechet distance) and on pixels (similarity, artifacts).

Each loss is also given as a relative gap, independent of the magnitude of the features and of the contrast
of the style: 0 for equal statistics, 1 for nothing in common. The papers use VGG-19; figures of another
encoder are not comparable, so reports name the encoder.

FID uses 2048 features of Inception for each picture and needs thousands of pictures. With the perceptual
encoder, features of 16 parts of each picture are used, so that a few dozen pictures suffice. Reports call
this figure `frechet`, and the aggregate `art`; they are not FID and ArtFID.

References: Gatys, Ecker and Bethge 2016, "Image Style Transfer Using Convolutional Neural Networks"; Huang
and Belongie 2017, "Arbitrary Style Transfer in Real-time with Adaptive Instance Normalization"; Zhang, Isola,
Efros, Shechtman and Wang 2018, "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric"
(LPIPS: `perceptual_distance` on AlexNet with learned weights of channels); Heusel et al. 2017, "GANs Trained
by a Two Time-Scale Update Rule Converge to a Local Nash Equilibrium" (FID); Wright and Ommer 2022, "ArtFID:
Quantitative Evaluation of Neural Style Transfer"; Wang, Bovik, Sheikh and Simoncelli 2004, "Image Quality
Assessment: From Error Visibility to Structural Similarity"; Odena, Dumoulin and Olah 2016, "Deconvolution and
Checkerboard Artifacts"; Durall, Keuper and Keuper 2020, "Watch your Up-Convolution" (grids in the spectrum);
Crete, Dolmiere, Ladret and Nicolas 2007, "The blur effect: perception and estimation with a new no-reference
perceptual blur metric"; Welch 1967, "The Use of Fast Fourier Transform for the Estimation of Power Spectra".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from restyle.errors import InputError
from restyle.images.statistics import (
    LUMA_WEIGHTS,
    gaussian_distance,
    gram,
    match_mean_std,
    mean_std,
    relative_gap,
)
from restyle.types import FloatArray

LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
CONTENT_LAYER = "relu4_1"
ADAIN_LAYERS = LAYERS[:4]
CELLS = 4  # a side: 16 parts of a picture
_EPSILON = np.float32(1e-10)

Features = Mapping[str, FloatArray]
"""Layer -> [shape=(C, H, W), float32]."""
Cloud = NDArray[np.float64]
"""[shape=(parts, C)]."""


@dataclass(frozen=True)
class StyleStatistics:
    """Statistics of a picture by layer, for the style losses; their size does not depend on the picture's."""

    grams: Mapping[str, FloatArray]  # divided by the number of positions, [C, C]
    means: Mapping[str, FloatArray]  # [C]
    deviations: Mapping[str, FloatArray]  # [C]

    @classmethod
    def of(cls, features: Features) -> StyleStatistics:
        """Compute them from features."""
        moments = {layer: mean_std(feature) for layer, feature in features.items()}
        return cls(
            {layer: gram(feature) for layer, feature in features.items()},
            {layer: mean for layer, (mean, _) in moments.items()},
            {layer: deviation for layer, (_, deviation) in moments.items()},
        )


def style_gap(result: StyleStatistics, style: StyleStatistics) -> float:
    """Scale-free Gram loss (Gatys et al. 2016): mean over layers of ``|G - A|^2 / (|G|^2 + |A|^2)``, 0..2."""
    gaps = [float(relative_gap(each, style.grams[layer])) for layer, each in result.grams.items()]
    return float(np.mean(gaps))


def content_gap(result: Features, content: Features) -> float:
    """``|F - P|^2 / (|F|^2 + |P|^2)`` at relu4_1, 0..2: a scale-free content loss of Gatys et al. 2016."""
    return float(relative_gap(result[CONTENT_LAYER], content[CONTENT_LAYER]))


def gatys_style(result: StyleStatistics, style: StyleStatistics) -> float:
    """Style loss of Gatys et al. 2016, eqs. 4 and 5: ``sum_l 1/5 * 1/(4 N^2) * |G - A|^2``.

    Differs from the paper: each Gram matrix is divided by its number of positions, so that sizes may differ;
    values are not 0..255 minus the mean.
    """
    terms = [
        float(((each - style.grams[layer]) ** 2).sum()) / (4 * each.shape[0] ** 2)
        for layer, each in result.grams.items()
    ]
    return float(np.mean(terms))


def gatys_content(result: Features, content: Features) -> float:
    """Content loss of Gatys et al. 2016, eq. 1: ``1/2 sum (F - P)^2``.

    Differs from the paper: relu4_1 instead of relu4_2, and divided by the number of positions.
    """
    ours, theirs = result[CONTENT_LAYER], content[CONTENT_LAYER]
    return float(0.5 * ((ours - theirs) ** 2).sum() / (ours.shape[1] * ours.shape[2]))


def adain_style(result: StyleStatistics, style: StyleStatistics) -> float:
    """Style loss of Huang and Belongie 2017, eq. 13: ``sum |mu - mu'| + |sigma - sigma'|``, to relu4_1."""
    total = 0.0
    for layer in ADAIN_LAYERS:
        total += float(np.linalg.norm(result.means[layer] - style.means[layer]))
        total += float(np.linalg.norm(result.deviations[layer] - style.deviations[layer]))
    return total


def adain_content(result: Features, content: Features, style: StyleStatistics) -> float:
    """Content loss of Huang and Belongie 2017, eq. 12: ``|F - t|`` at relu4_1.

    ``t`` is the content's feature with the style's mean and deviation, so an unmodified content does not
    score 0. Differs from the paper: divided by the root of the number of positions.
    """
    feature = content[CONTENT_LAYER]
    target = match_mean_std(feature, style.means[CONTENT_LAYER], style.deviations[CONTENT_LAYER])
    difference = float(np.linalg.norm(result[CONTENT_LAYER] - target))
    return difference / float(np.sqrt(feature.shape[1] * feature.shape[2]))


def perceptual_distance(result: Features, content: Features) -> float:
    """``sum_l mean_hw sum_c (f_lc - g_lc)^2``, 0..4 a layer, f and g of length 1 at each position."""
    total = 0.0
    for layer, ours in result.items():
        squares = (unit_length(ours) - unit_length(content[layer])) ** 2
        total += float(squares.sum(axis=0).mean())
    return total


def unit_length(feature: FloatArray) -> FloatArray:
    """Divide the vector at each position by its length. [shape=(C, H, W)]."""
    length = np.sqrt(np.einsum("chw,chw->hw", feature, feature))
    return np.asarray(feature / (length + _EPSILON), np.float32)


def parts(features: Features) -> Cloud:
    """Mean features of 4 x 4 parts of a picture at relu4_1 [shape=(16, C), float64]."""
    feature = features[CONTENT_LAYER]
    rows = np.linspace(0, feature.shape[1], CELLS + 1).round().astype(int)
    columns = np.linspace(0, feature.shape[2], CELLS + 1).round().astype(int)
    means = [
        feature[:, top:bottom, left:right].mean(axis=(1, 2), dtype=np.float64)
        for top, bottom in pairwise(rows)
        for left, right in pairwise(columns)
    ]
    return np.asarray(means)


def frechet_distance(results: Cloud, styles: Cloud) -> float:
    """Squared 2-Wasserstein distance of the Gaussians fitted to two clouds (Heusel et al. 2017, eq. 6).

    ``|m - m'|^2 + tr(C + C' - 2 (C C')^(1/2))``, with covariances of the sample (divided by n - 1). Raises
    InputError where a cloud has fewer than two points.
    """
    if min(len(results), len(styles)) < 2:
        raise InputError("a Frechet distance needs at least two points in each cloud")
    difference = results.mean(axis=0) - styles.mean(axis=0)
    if max(len(results), len(styles)) > results.shape[1]:
        cov_a, cov_b = (np.atleast_2d(np.cov(cloud, rowvar=False)) for cloud in (results, styles))
        zero = np.zeros_like(difference)
        spread = float(gaussian_distance(zero, cov_a, zero, cov_b))
    else:
        # Fewer points than features: with C = A^T A and C' = B^T B the trace of (C C')^(1/2) is the sum of
        # the singular values of A B^T, a small matrix.
        a, b = ((cloud - cloud.mean(axis=0)) / np.sqrt(len(cloud) - 1) for cloud in (results, styles))
        spread = float((a * a).sum() + (b * b).sum() - 2 * np.linalg.norm(a @ b.T, "nuc"))
    return max(0.0, float(difference @ difference) + spread)


def art_aggregate(content_distance: float, style_distance: float) -> float:
    """``(1 + content distance)(1 + style distance)`` (Wright and Ommer 2022, eq. 1).

    The product can be small because one factor is, as for an unmodified content: compare both factors.

    Examples
    --------
    >>> art_aggregate(0.5, 1.0)
    3.0
    """
    return (1 + content_distance) * (1 + style_distance)


def relative_frechet(results: Cloud, styles: Cloud) -> float:
    """The Frechet distance over the total variance of the styles, independent of the features' magnitude."""
    distance = frechet_distance(results, styles)
    return distance / max(float(styles.var(axis=0, ddof=1).sum()), 1e-12)


K1, K2 = 0.01, 0.03
SIGMA = 1.5  # px
TAPS = 11
BLOCK = 64  # px, side of the blocks of the spectrum
PERIOD = 8  # px, longest period of a grid; harmonics are included
BLUR_LENGTH = 11  # px, averaging of the blur effect
_NEAR, _FAR = 2, 3  # bins, distances of the surroundings of a line
_STEP = BLOCK // PERIOD
_DARK, _LIGHT = 0.5 / 255, 254.5 / 255

_Plane = NDArray[np.float64]


def luma(picture: FloatArray) -> NDArray[np.float64]:
    """Y of YIQ. [H, W, 3] -> [H, W]."""
    return np.asarray(np.asarray(picture, np.float64) @ np.array(LUMA_WEIGHTS), np.float64)


def structural_similarity(result: FloatArray, content: FloatArray) -> float:
    """Mean SSIM index of two pictures' luma, -1..1, with the paper's window and constants.

    Computed only where the window is inside the picture, as in the paper. Raises InputError where sizes
    differ or are below 11 px. Here and below, pictures are [shape=(H, W, 3), float32, 0..1, RGB].
    """
    if result.shape != content.shape:
        raise InputError(
            f"SSIM compares pictures of the same size, not {result.shape[:2]} and {content.shape[:2]}"
        )
    if min(result.shape[:2]) < TAPS:
        raise InputError(
            f"SSIM needs pictures of {TAPS} px a side, not {result.shape[1]} x {result.shape[0]}"
        )
    x, y = luma(result), luma(content)
    mean_x, mean_y = _windowed(x), _windowed(y)
    variance_x = _windowed(x * x) - mean_x * mean_x
    variance_y = _windowed(y * y) - mean_y * mean_y
    covariance = _windowed(x * y) - mean_x * mean_y
    c1, c2 = K1**2, K2**2
    numerator = (2 * mean_x * mean_y + c1) * (2 * covariance + c2)
    denominator = (mean_x**2 + mean_y**2 + c1) * (variance_x + variance_y + c2)
    return float((numerator / denominator).mean())


def grid_lines(picture: FloatArray) -> NDArray[np.float64]:
    """Height of the spectrum at multiples of 1/8 cycle per pixel above its surroundings, in dB.

    The power spectrum is averaged over half-overlapping blocks of 64 px with a Hann window (Welch 1967). The
    surroundings are the median of the bins two and three away; for lines on an axis only those on that axis,
    where the spectrum of any picture has a ridge.

    Returns
    -------
    np.ndarray [shape=(5, 8), float64]
        Frequency in eighths of a cycle per pixel: 0..4 down, 0..7 across (5..7 are -3..-1).

    Raises
    ------
    InputError
        The picture is smaller than 64 px a side.
    """
    power = _welch(luma(picture))
    decibels = 10 * np.log10(power + 1e-14)  # an 8-bit level is 1e-5 in power
    near = np.array([d for d in range(-_FAR, _FAR + 1) if abs(d) >= _NEAR])
    whole = np.arange(-_FAR, _FAR + 1)
    lines = np.zeros((PERIOD // 2 + 1, PERIOD))
    for down in range(PERIOD // 2 + 1):
        for across in range(PERIOD):
            if down == across == 0:
                continue
            row, column = down * _STEP, across * _STEP
            if down == 0:
                around = decibels[row, (column + near) % BLOCK]
            elif across == 0:
                around = decibels[(row + near) % BLOCK, column]
            else:
                patch = decibels[np.ix_((row + whole) % BLOCK, (column + whole) % BLOCK)]
                around = patch[np.maximum(*np.abs(np.meshgrid(whole, whole))) >= _NEAR]
            lines[down, across] = decibels[row, column] - float(np.median(around))
    return lines


def grid(result: FloatArray, content: FloatArray) -> float:
    """The strongest periodic line of the result that is not in the content, in dB, 0 and up.

    Checkerboards of strided upsampling have a period of 2 px, sub-pixel and block grids of 2, 4 or 8. Noise
    is below 2 dB; a grid that is visible in flat areas is 6 or more.
    """
    own = np.maximum(grid_lines(content), 0)
    return max(0.0, float((grid_lines(result) - own).max()))


def blur(picture: FloatArray) -> float:
    """The blur effect of Crete et al. 2007: how little a picture changes when it is blurred again.

    The variation of neighboring pixels is compared before and after averaging over 11 px; the larger of both
    axes counts: 0 for edges of one pixel only, 1 for no edges, .2 to .5 for photos. Differs from the paper,
    as in scikit-image: variation by the Sobel operator.
    """
    plane = luma(picture)
    return max(_blur_along(plane), _blur_along(plane.T))


def clipping(result: FloatArray, content: FloatArray, style: FloatArray) -> float:
    """Share of pixels clipped to pure black or white, 0..1, beyond that of the content or the style."""
    return max(0.0, clipped(result) - max(clipped(content), clipped(style)))


def clipped(picture: FloatArray) -> float:
    """Share of pixels with all channels at the same end of the range, within half an 8-bit level."""
    return float(((picture >= _LIGHT).all(axis=-1) | (picture <= _DARK).all(axis=-1)).mean())


def _windowed(plane: _Plane) -> _Plane:
    """Mean under a circular Gaussian window, where it is inside the plane."""
    offsets = np.arange(TAPS) - TAPS // 2
    weights = np.exp(-0.5 * (offsets / SIGMA) ** 2)
    weights /= weights.sum()
    rows = plane.shape[0] - TAPS + 1
    tall = sum(weight * plane[tap : tap + rows] for tap, weight in enumerate(weights))
    columns = plane.shape[1] - TAPS + 1
    wide = sum(weight * tall[:, tap : tap + columns] for tap, weight in enumerate(weights))
    return np.asarray(wide, np.float64)


def _welch(plane: _Plane) -> _Plane:
    """Power spectrum [64, 64], mean over the blocks."""
    if min(plane.shape) < BLOCK:
        raise InputError(f"the grid measure needs {BLOCK} px a side, not {plane.shape[1]} x {plane.shape[0]}")
    window = np.hanning(BLOCK + 1)[:-1]  # periodic
    taper = np.outer(window, window)
    pieces = np.lib.stride_tricks.sliding_window_view(plane, (BLOCK, BLOCK))[:: BLOCK // 2, :: BLOCK // 2]
    total = np.zeros((BLOCK, BLOCK))
    for row in pieces:
        centered = row - row.mean(axis=(-2, -1), keepdims=True)
        total += (np.abs(np.fft.fft2(centered * taper)) ** 2).sum(axis=0)
    return np.asarray(total / (pieces.shape[0] * pieces.shape[1] * (taper**2).sum()), np.float64)


def _blur_along(plane: _Plane) -> float:
    """The blur effect along axis 0."""
    sharp = np.maximum(np.abs(_sobel(plane)), 1e-15)
    soft = np.maximum(np.abs(_sobel(_box(plane, BLUR_LENGTH))), 1e-15)
    inner = np.s_[2:-1, 2:-1]
    variation = float(sharp[inner].sum())
    lost = float(np.maximum(0, sharp - soft)[inner].sum())
    return abs(variation - lost) / variation


def _box(plane: _Plane, length: int) -> _Plane:
    """Mean over an odd length along axis 0; the border is mirrored with its pixel doubled."""
    half = length // 2
    padded = np.pad(plane, ((half + 1, half), (0, 0)), mode="symmetric")
    sums = padded.cumsum(axis=0)
    return np.asarray((sums[length:] - sums[:-length]) / length, np.float64)


def _sobel(plane: _Plane) -> _Plane:
    """Derivative along axis 0, smoothed along axis 1 (1-2-1); the border as in `_box`."""
    tall = np.pad(plane, 1, mode="symmetric")
    slope = (tall[2:] - tall[:-2]) / 2
    return np.asarray((slope[:, :-2] + 2 * slope[:, 1:-1] + slope[:, 2:]) / 4, np.float64)
