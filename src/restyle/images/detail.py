"""Upscale a small painting of a large photo, and add the photo's fine detail.

    out = upscaled painting + g (Y - Y'),   Y the photo's luma, Y' the upscaled luma of the painting's input

The gain g of each channel is the slope of a guided filter: how strongly the painting follows the photo's luma
in a small window (He and Sun 2015, "Fast Guided Filter").

Differs from it: upscales the painting itself instead of its linear fit, which preserves strokes that are not
in the photo; and windows where the photo is flat take most of the slope of the complete picture, so that hair
and grass too fine for the painting survive.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from restyle.images.blend import box_blur
from restyle.images.color import LUMA
from restyle.images.resize import resize, resize_rows
from restyle.images.row_file import strips
from restyle.types import FloatArray

MAX_GAIN = 1.5  # detail is at most this much stronger than in the photo
RADIUS = 4  # half a window, in pixels of the painting
FLAT = 2e-4  # variance of luma below which a window counts as flat: a deviation of 3.6 of 255
COARSE = 2  # for video frames: divisor of the size at which gains are computed
FLAT_SHARE = 0.7  # share of the complete picture's slope in flat windows


def enlarge_with_detail(
    painted: FloatArray, small: FloatArray, photo: FloatArray, strength: float = 1.0, coarse: int = 1
) -> FloatArray:
    """Upscale a painting to the size of the photo, and add the photo's detail.

    Parameters
    ----------
    photo : np.ndarray [shape=(H, W, 3), float32, range 0..1, RGB]
    painted, small, strength, coarse
        See `Enlargement`.

    Returns
    -------
    np.ndarray [shape=(H, W, 3), float32, range 0..1, RGB]
    """
    return Enlargement(painted, small, (photo.shape[0], photo.shape[1]), strength, coarse).rows(photo)


class Enlargement:
    """A painting that is upscaled to the size of its photo, with the photo's detail, as a whole or by rows.

    Parameters
    ----------
    painted : np.ndarray [shape=(h, w, 3), float32, range 0..1, RGB]
    small : np.ndarray [shape=(h, w, 3), float32, range 0..1, RGB] or None
        The downscaled photo that was painted. None: the painting is upscaled without detail.
    size : (height, width)
        Of the photo, in px.
    strength : float, 0..1
        Of the style. At 0 all detail, including color, is the photo's, and a painting equal to its input
        becomes the photo.
    coarse : int
        The gains are computed at the size of the painting divided by this; 2 is three times as fast.
    """

    def __init__(
        self,
        painted: FloatArray,
        small: FloatArray | None,
        size: tuple[int, int],
        strength: float = 1.0,
        coarse: int = 1,
    ) -> None:
        self.painted, self.small, self.size, self.strength = painted, small, size, strength
        if small is None:
            return
        self._light = light = small @ LUMA
        if coarse == 1:
            self._gains = slopes(light, painted)
        else:
            grid = (-(-light.shape[0] // coarse), -(-light.shape[1] // coarse))
            self._gains = slopes(
                resize(light, grid, "area"), resize(painted, grid, "area"), -(-RADIUS // coarse)
            )

    def rows(self, photo: FloatArray, top: int = 0) -> FloatArray:
        """Return rows of the result [shape=(n, W, 3), float32, range 0..1] for these rows of the photo.

        Parameters
        ----------
        photo : np.ndarray [shape=(n, W, 3), float32, range 0..1, RGB]
        top : int
            The first of these rows.
        """
        out = np.empty(photo.shape, np.float32)
        for part in strips(0, photo.shape[0], photo.shape[1]):  # bounds the memory of temporaries
            out[part] = self._strip(photo[part], top + part.start)
        return out

    def _strip(self, photo: FloatArray, top: int) -> FloatArray:
        rows = slice(top, top + len(photo))

        def enlarged(plane: FloatArray, method: str) -> FloatArray:
            return resize_rows(plane, self.size, rows, method)

        if self.small is None:
            return np.clip(enlarged(self.painted, "lanczos"), 0, 1)
        fine = photo @ LUMA
        fine -= enlarged(self._light, "bicubic")
        out = np.empty(photo.shape, np.float32)
        for channel in range(3):  # one at a time, to keep temporaries small
            plane = enlarged(self.painted[..., channel], "bicubic")
            gain = enlarged(self._gains[..., channel], "bilinear")
            gain *= np.float32(self.strength)
            gain *= fine
            plane += gain
            if self.strength < 1:
                own = photo[..., channel] - enlarged(self.small[..., channel], "bicubic")
                plane += np.float32(1 - self.strength) * own
            np.clip(plane, 0, 1, out=out[..., channel])
        return out


def slopes(
    light: FloatArray,
    painted: FloatArray,
    radius: int = RADIUS,
    average: Callable[[FloatArray, int], FloatArray] | None = None,
) -> FloatArray:
    """Compute how strongly each channel of a painting follows the photo's luma around each pixel.

    Parameters
    ----------
    light : np.ndarray [shape=(h, w), float32, range 0..1]
    painted : np.ndarray [shape=(h, w, 3), float32, range 0..1, RGB]
    radius : int
        Half a window, in px.
    average : function of a plane [h, w] and the radius
        Another way to average over the windows.

    Returns
    -------
    np.ndarray [shape=(h, w, 3), float32, range 0..MAX_GAIN]
    """
    window = average or _average
    mean = window(light, radius)
    variance = np.maximum(window(light * light, radius) - mean * mean, 0)
    centered = light - light.mean(dtype=np.float64).astype(np.float32)
    variance_all = float(np.mean(centered * centered, dtype=np.float64))
    out = np.empty(painted.shape, np.float32)
    for channel in range(painted.shape[2]):
        plane = painted[..., channel]
        covariance = window(np.asarray(light * plane, np.float32), radius) - mean * window(plane, radius)
        slope_all = float(np.mean(centered * plane, dtype=np.float64)) / (variance_all + FLAT)
        slope = (covariance + np.float32(FLAT * FLAT_SHARE * slope_all)) / (variance + np.float32(FLAT))
        np.clip(window(np.asarray(slope, np.float32), radius), 0, MAX_GAIN, out=out[..., channel])
    return out


def _average(plane: FloatArray, radius: int) -> FloatArray:
    return box_blur(box_blur(plane, radius, 0), radius, 1)
