"""Enlarge a small painting of a large photo, with the photo's own fine detail.

    out = enlarged painting + g (Y - Y'),   Y' the enlarged luminance of what the painting saw

The gain g is how strongly the painting follows the photo's luminance in a small window, for each of its
channels: a guided filter's slope (He and Sun 2015, "Fast Guided Filter"). Departs from it in that the
painting itself is enlarged, not its linear fit, so that strokes which are not in the photo stay whole; and in
that windows where the photo is flat take most of the slope of the whole picture, so that hair and grass too
fine for the painting are not lost.
"""

from __future__ import annotations

import numpy as np

from restyle.images.color import YIQ_FROM_RGB
from restyle.images.feather import box_mean
from restyle.images.resize import resize
from restyle.types import FloatArray

MOST_GAIN = 1.5  # detail is never more than so much stronger than in the photo
RADIUS = 4  # px of the painting: half a window
FLAT = 2e-4  # variance of luminance (a deviation of 3.6 levels of 255) below which a window counts as flat
TAKEN_OVER = 0.7  # share of the whole picture's slope that flat windows take

_LUMA = YIQ_FROM_RGB[0].astype(np.float32)


def enlarge_with_detail(
    painted: FloatArray, seen: FloatArray, photo: FloatArray, strength: float = 1.0
) -> FloatArray:
    """Enlarge a painting to the size of the photo, and sharpen it with the photo's detail.

    Parameters
    ----------
    painted : np.ndarray [shape=(h, w, 3), float32, range 0..1, RGB]
    seen : np.ndarray [shape=(h, w, 3), float32, range 0..1, RGB]
        The photo as the painting saw it: of its size, and as soft.
    photo : np.ndarray [shape=(H, W, 3), float32, range 0..1, RGB]
    strength : float, 0..1
        Of the style: at 0 all detail is the photo's own, colours included, and a painting that equals what it
        saw becomes the photo.

    Returns
    -------
    np.ndarray [shape=(H, W, 3), float32, range 0..1, RGB]
    """
    size = (photo.shape[0], photo.shape[1])
    light = seen @ _LUMA
    gains = slopes(light, painted)
    fine = photo @ _LUMA
    fine -= resize(light, size, "bicubic")
    out = np.empty(photo.shape, np.float32)
    for channel in range(3):  # one at a time: temporaries stay small beside a large picture
        plane = resize(painted[..., channel], size, "bicubic")
        gain = resize(gains[..., channel], size, "bilinear")
        gain *= np.float32(strength)
        gain *= fine
        plane += gain
        if strength < 1:
            own = photo[..., channel] - resize(seen[..., channel], size, "bicubic")
            plane += np.float32(1 - strength) * own
        np.clip(plane, 0, 1, out=out[..., channel])
    return out


def slopes(light: FloatArray, painted: FloatArray) -> FloatArray:
    """How strongly each channel of a painting follows the photo's luminance around each pixel.

    Parameters
    ----------
    light : np.ndarray [shape=(h, w), float32, range 0..1]
    painted : np.ndarray [shape=(h, w, 3), float32, range 0..1, RGB]

    Returns
    -------
    np.ndarray [shape=(h, w, 3), float32, range 0..MOST_GAIN]
    """
    mean = _window(light)
    variance = np.maximum(_window(light * light) - mean * mean, 0)
    apart = light - light.mean(dtype=np.float64).astype(np.float32)
    spread = float(np.mean(apart * apart, dtype=np.float64))
    out = np.empty(painted.shape, np.float32)
    for channel in range(painted.shape[2]):
        plane = painted[..., channel]
        together = _window(np.asarray(light * plane, np.float32)) - mean * _window(plane)
        whole = float(np.mean(apart * plane, dtype=np.float64)) / (spread + FLAT)
        slope = (together + np.float32(FLAT * TAKEN_OVER * whole)) / (variance + np.float32(FLAT))
        np.clip(_window(np.asarray(slope, np.float32)), 0, MOST_GAIN, out=out[..., channel])
    return out


def _window(plane: FloatArray) -> FloatArray:
    return box_mean(box_mean(plane, RADIUS, 0), RADIUS, 1)
