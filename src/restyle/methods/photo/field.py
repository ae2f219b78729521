"""A smooth field of affine color maps: fitted to a small picture, applied to a large one.

    out(x) = A(x) I(x) + b(x)

A and b are those of a guided filter with a color guide (He et al. 2013, "Guided Image Filtering"; Chen et al.
2016, "Bilateral Guided Upsampling"), so every edge and every texture of the photo stays where it is.

Differs from He et al. 2013: in flat windows A tends to the derivative of the color map instead of to 0, so
texture is neither lost nor amplified beyond that derivative; and where the photo varies no more than its
noise and its 8-bit steps, A spreads colors at most as far as the photo does, so skies do not band and shadows
do not show noise.

In areas where a photo of 8 bits hardly varies, the smooth value within half a level is taken first, so a sky
is a ramp again; rounded to 8 bits the photo would be the same. Texture differs from its surroundings by more,
and stays. Where the result is smooth, it is dithered by half a level, so the ramp has no visible steps
either.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt

from restyle.images.statistics import LUMA, box_blur
from restyle.types import FloatArray

FLAT = 3e-4  # variance below which a window follows the color map's own derivative
STEPS = 3e-4  # variance up to which gain is bounded: 8-bit steps, soft gradients, a deviation of 2.5 levels
_NOISE = 6.0  # variance that counts as noise, in variances of the measured noise
_LEAST_SLOPE = 0.15  # of luma: tones keep their order
_CHUNK = 64  # rows at a time
LEVEL = np.float32(1 / 255)
_REACH = (1, 2, 4, 8)  # px of the reduced photo
_KERNEL = {1: 4 / 16, 2: 1 / 16}  # of a cubic spline, by distance
_STRIDE = 0.7548776662466927, 0.5698402909980532  # of the pattern, along a row and from row to row
_SAME, _APART = 1.5, 3.0  # levels up to which neighbors count as the same area, and from which they do not


class Guide:
    """Local linear regression on the colors of a picture [h, w, 3]; the radius is half a window, in px."""

    def __init__(self, picture: FloatArray, radius: int) -> None:
        self.picture, self.radius = picture, radius
        self.mean = self.average(picture)
        self.covariance = self.average(picture[..., :, None] * picture[..., None, :])
        self.covariance -= self.mean[..., :, None] * self.mean[..., None, :]

    def average(self, planes: FloatArray) -> FloatArray:
        """Average [h, w, ...] over the windows."""
        flat = planes.reshape(*planes.shape[:2], -1)
        out = np.empty(flat.shape, np.float32)
        for index in range(flat.shape[-1]):
            out[..., index] = box_blur(box_blur(flat[..., index], self.radius, 0), self.radius, 1)
        return out.reshape(planes.shape)

    def fit(self, target: FloatArray, prior: FloatArray | None, ridge: float) -> FloatArray:
        """Fit maps [h, w, C, 4] to a target [h, w, C], with slopes near the prior [h, w, C, 3] or near 0."""
        goal = self.average(target)
        cross = self.average(target[..., :, None] * self.picture[..., None, :])
        cross -= goal[..., :, None] * self.mean[..., None, :]
        damped = self.covariance + np.float32(ridge) * np.eye(3, dtype=np.float32)
        if prior is None:
            slopes = cross @ np.linalg.inv(damped)
        else:
            slopes = prior + (cross - prior @ self.covariance) @ np.linalg.inv(damped)
        offset = goal - (slopes @ self.mean[..., None])[..., 0]
        return self.average(np.concatenate([slopes, offset[..., None]], axis=-1))

    def smooth(self, planes: FloatArray, ridge: float) -> FloatArray:
        """Move the edges of planes [h, w, C] to those of the picture."""
        maps = self.fit(planes, None, ridge)
        return np.asarray((maps[..., :3] @ self.picture[..., None])[..., 0] + maps[..., 3])


def fit_field(guide: Guide, target: FloatArray, derivative: FloatArray, noise: float = 0.0) -> FloatArray:
    """Fit the field A and b [shape=(h, w, 3, 4), float32] of a small picture.

    Parameters
    ----------
    guide : Guide
        Of the reduced photo.
    target : np.ndarray [shape=(h, w, 3), float32, RGB]
        Its colors after the transfer.
    derivative : np.ndarray [shape=(h, w, 3, 3), float32]
        Of the target by the photo's color, in each pixel.
    noise : float
        Deviation of the photo's noise, 0..1.
    """
    variance = np.maximum(np.trace(guide.covariance, axis1=-2, axis2=-1), 0)
    floor = STEPS + _NOISE * 3 * noise * noise
    prior = _limit_gain(guide.average(derivative), variance / (variance + np.float32(floor)))
    field = guide.fit(target, prior, FLAT + floor)
    return _keep_order(field, guide.mean)


def _limit_gain(matrix: FloatArray, share: FloatArray) -> FloatArray:
    """Bound the gain of maps [h, w, 3, 3] to 1 where the share [h, w] of texture is 0."""
    size = np.abs(matrix)
    gain = np.sqrt(size.sum(axis=-1).max(axis=-1) * size.sum(axis=-2).max(axis=-1))  # at least the 2-norm
    scale = share + (1 - share) / np.maximum(gain, 1)
    return np.asarray(matrix * scale[..., None, None], np.float32)


def _keep_order(field: FloatArray, mean: FloatArray) -> FloatArray:
    """Raise the slope of luma along gray where it is below `_LEAST_SLOPE`, around the mean [h, w, 3]."""
    slope = np.einsum("c,hwcd->hw", LUMA, field[..., :3])
    lack = np.maximum(np.float32(_LEAST_SLOPE) - slope, 0)[..., None]
    field[..., :3] += lack[..., None] * LUMA
    field[..., 3] -= lack * (mean @ LUMA)[..., None]
    return field


def measure_noise(photo: FloatArray) -> float:
    """Estimate the deviation of the noise of a photo [H, W, 3] from its smoothest blocks.

    The second difference of white noise has 6 times its variance; of the blocks of 16 x 16 pixels the
    smoothest tenth counts.
    """
    side = 1024
    top, left = max(0, (photo.shape[0] - side) // 2), max(0, (photo.shape[1] - side) // 2)
    luma = photo[top : top + side, left : left + side] @ LUMA
    if min(luma.shape) < 18:
        return 0.0
    second = luma[1:-1, 2:] - 2 * luma[1:-1, 1:-1] + luma[1:-1, :-2]
    rows, columns = second.shape[0] // 16, second.shape[1] // 16
    blocks = second[: rows * 16, : columns * 16].reshape(rows, 16, columns, 16)
    deviation = np.sqrt((blocks * blocks).mean(axis=(1, 3)) / 6)
    clipped = (luma[1:-1, 1:-1][: rows * 16, : columns * 16] > 0.98).reshape(rows, 16, columns, 16)
    usable = deviation[clipped.mean(axis=(1, 3)) < 0.5]
    return float(np.quantile(usable, 0.1)) if usable.size else 0.0


def apply_field(field: FloatArray, photo: FloatArray, smooth: FloatArray | None = None) -> FloatArray:
    """Apply maps [h, w, 3, 4], interpolated linearly, to a photo [H, W, 3] of any size; clipped to 0..1.

    `smooth` [h, w, 3] removes the steps of a photo of 8 bits, and the result is dithered: see `steps`.
    """
    height, width = photo.shape[:2]
    flat = field.reshape(*field.shape[:2], 12)
    if smooth is not None:
        result = (field[..., :3] @ smooth[..., None])[..., 0] + field[..., 3]
        flat = np.concatenate([flat, smooth, dither_share(result, width / field.shape[1])], axis=-1)
    planes = np.ascontiguousarray(flat.transpose(0, 2, 1))  # [h, 12 or 16, w]
    low, share = _positions(height, field.shape[0])
    out = np.empty(photo.shape, np.float32)

    def work(top: int) -> None:
        rows = range(top, min(top + _CHUNK, height))
        start = low[top]
        wide = _stretch(planes[start : low[rows[-1]] + 2], width)  # [n, 12 or 16, W]
        for row in rows:
            first = wide[low[row] - start]
            maps = first + share[row] * (wide[min(low[row] - start + 1, len(wide) - 1)] - first)
            colors = np.ascontiguousarray(photo[row].T)
            if smooth is not None:
                colors = without_steps(colors, maps[12:15])
                maps[3:12:4] += maps[15] * dither(row, width)
            red, green, blue = colors
            for channel in range(3):
                line = maps[4 * channel] * red
                line += maps[4 * channel + 1] * green
                line += maps[4 * channel + 2] * blue
                line += maps[4 * channel + 3]
                np.clip(line, 0, 1, out=out[row, :, channel])

    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        for _ in pool.map(work, range(0, height, _CHUNK)):
            pass  # an exception in a thread is raised here
    return out


def _stretch(planes: FloatArray, width: int) -> FloatArray:
    low, share = _positions(width, planes.shape[-1])
    high = np.minimum(low + 1, planes.shape[-1] - 1)
    return np.asarray(planes[..., low] + share * (planes[..., high] - planes[..., low]))


def _positions(size: int, nodes: int) -> tuple[npt.NDArray[np.intp], FloatArray]:
    """Node below each pixel, and the share of the one above; pixel centers of both pictures align."""
    place = np.clip((np.arange(size) + 0.5) * (nodes / size) - 0.5, 0, nodes - 1)
    low = np.minimum(place.astype(np.intp), max(nodes - 2, 0))
    return low, (place - low).astype(np.float32)


def smoothed(photo: FloatArray) -> FloatArray:
    """Smooth a reduced photo [shape=(h, w, 3), float32, RGB] within areas that differ by a few levels.

    Dammertz et al. 2010, "Edge-Avoiding A-Trous Wavelet Transform for fast Global Illumination Filtering".
    """
    for reach in _REACH:
        for axis in (0, 1):
            photo = _pass(photo, reach, axis)
    return photo


def _pass(photo: FloatArray, reach: int, axis: int) -> FloatArray:
    length, most = photo.shape[axis], 2 * reach
    lines = np.moveaxis(photo, axis, 0)
    if length <= most:
        return photo
    # Odd reflection continues a ramp.
    before, after = 2 * lines[:1] - lines[most:0:-1], 2 * lines[-1:] - lines[-2 : -most - 2 : -1]
    padded = np.concatenate([before, lines, after])
    change = np.zeros_like(lines)
    for distance, weight in _KERNEL.items():
        for shift in (-distance * reach, distance * reach):
            apart = padded[most + shift : most + shift + length] - lines
            share = np.clip((_APART * LEVEL - np.abs(apart)) / ((_APART - _SAME) * LEVEL), 0, 1)
            change += np.float32(weight) * share * apart
    return np.ascontiguousarray(np.moveaxis(lines + change, 0, axis))


def without_steps(values: FloatArray, smooth: FloatArray) -> FloatArray:
    """Move values of 8 bits to smooth ones by at most half a level; those 1.5 levels apart stay."""
    apart = smooth - values
    near = np.clip(apart, -LEVEL / 2, LEVEL / 2)
    return np.asarray(values + near - np.clip(apart - near, -LEVEL, LEVEL) / 2, np.float32)


def dither_share(result: FloatArray, scale: float) -> FloatArray:
    """How much dither [h, w, 1], 0..1, leaves neighbors of a smooth ramp at most one level apart.

    The result [h, w, 3] is reduced and smooth; `scale` is the pixels of the full size in one of these.
    """
    steps = [np.gradient(result, axis=axis) for axis in (0, 1) if result.shape[axis] > 1]
    slope = np.max(np.abs(steps), axis=(0, -1)) if steps else np.zeros(result.shape[:2])
    share = np.clip((1 - slope / (scale * LEVEL)) / _STRIDE[0], 0, 1)
    return np.asarray(share[..., None], np.float32)


def dither(row: int, width: int) -> FloatArray:
    """Offsets of a row [shape=(width,), float32], evenly spread over just under half a level to each side.

    Roberts 2018, "The Unreasonable Effectiveness of Quasirandom Sequences".
    """
    place = np.mod(np.arange(width) * _STRIDE[0] + row * _STRIDE[1], 1) - 0.5
    return np.asarray(place * (0.998 * LEVEL), np.float32)
