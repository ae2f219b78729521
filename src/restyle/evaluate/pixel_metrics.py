"""Metrics on pixels: structural similarity, and artifacts of networks (grids, blur, clipping).

References: Wang, Bovik, Sheikh and Simoncelli 2004, "Image Quality Assessment: From Error Visibility to
Structural Similarity"; Odena, Dumoulin and Olah 2016, "Deconvolution and Checkerboard Artifacts"; Durall,
Keuper and Keuper 2020, "Watch your Up-Convolution" (grids in the spectrum); Crete, Dolmiere, Ladret and
Nicolas 2007, "The blur effect: perception and estimation with a new no-reference perceptual blur metric";
Welch 1967, "The Use of Fast Fourier Transform for the Estimation of Power Spectra".
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from restyle.errors import InputError
from restyle.images.color import LUMA_WEIGHTS
from restyle.types import FloatArray

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
    """Mean SSIM index of two pictures' luma, with the paper's window and constants.

    Parameters
    ----------
    result, content : np.ndarray [shape=(H, W, 3), float32, range 0..1, RGB]
        Same size, at least 11 px a side.

    Returns
    -------
    float, -1..1
        1: the same picture. Computed only where the window is inside the picture, as in the paper.

    Raises
    ------
    InputError
        The pictures differ in size or are too small.
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
    """Height of the spectrum at multiples of 1/8 cycle per pixel above its surroundings.

    The power spectrum is averaged over half-overlapping blocks of 64 px with a Hann window (Welch 1967). The
    surroundings are the median of the bins two and three away; for lines on an axis only those on that axis,
    where the spectrum of any picture has a ridge.

    Parameters
    ----------
    picture : np.ndarray [shape=(H, W, 3), float32, range 0..1, RGB], at least 64 px a side

    Returns
    -------
    np.ndarray [shape=(5, 8), float64]
        In dB, frequency in eighths of a cycle per pixel: 0..4 down, 0..7 across (5..7 are -3..-1). The
        constant is 0.

    Raises
    ------
    InputError
        The picture is too small.
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
    """The strongest periodic line of the result that is not in the content, in dB.

    Checkerboards of strided upsampling have a period of 2 px, sub-pixel and block grids of 2, 4 or 8.

    Returns
    -------
    float, 0 and up
        Noise is below 2; a grid that is visible in flat areas is 6 or more.
    """
    own = np.maximum(grid_lines(content), 0)
    return max(0.0, float((grid_lines(result) - own).max()))


def blur(picture: FloatArray) -> float:
    """The blur effect of Crete et al. 2007: how little a picture changes when it is blurred again.

    The variation of neighboring pixels is compared before and after averaging over 11 px; the larger of both
    axes counts. Differs from the paper, as in scikit-image: variation by the Sobel operator.

    Parameters
    ----------
    picture : np.ndarray [shape=(H, W, 3), float32, range 0..1, RGB]

    Returns
    -------
    float, 0..1
        0: only edges of one pixel; 1: no edges. Photos have .2 to .5.
    """
    plane = luma(picture)
    return max(_blur_along(plane), _blur_along(plane.T))


def clipping(result: FloatArray, content: FloatArray, style: FloatArray) -> float:
    """Share of pixels clipped to pure black or white, beyond that of the content or the style.

    Returns
    -------
    float, 0..1
    """
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
