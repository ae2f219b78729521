"""Turn a picture, and cut out what is left of it without corners."""

from __future__ import annotations

import math

import numpy as np
from PIL import Image

from restyle.types import FloatArray


def rotate(picture: FloatArray, degrees: float) -> FloatArray:
    """Turn a picture anticlockwise and cut out the largest upright rectangle inside.

    Parameters
    ----------
    picture : np.ndarray [shape=(H, W, C), float32, range 0..1]
    degrees : float
        Multiples of 90 move pixels and change none.

    Returns
    -------
    np.ndarray [shape=(H', W', C), float32, range 0..1]
    """
    quarters = degrees / 90
    if quarters == round(quarters):
        return np.ascontiguousarray(np.rot90(picture, round(quarters) % 4))
    channels = [
        np.asarray(
            Image.fromarray(np.ascontiguousarray(picture[..., index])).rotate(
                degrees, Image.Resampling.BICUBIC, expand=True
            )
        )
        for index in range(picture.shape[2])
    ]
    turned = np.clip(np.stack(channels, axis=-1), 0, 1)
    height, width = inner_size((picture.shape[0], picture.shape[1]), degrees)
    top, left = (turned.shape[0] - height) // 2, (turned.shape[1] - width) // 2
    return np.ascontiguousarray(turned[top : top + height, left : left + width])


def inner_size(size: tuple[int, int], degrees: float) -> tuple[int, int]:
    """Height and width of the largest upright rectangle inside a turned one, a pixel off its edges.

    Examples
    --------
    >>> inner_size((100, 100), 45)
    (69, 69)
    """
    height, width = size
    sine, cosine = abs(math.sin(math.radians(degrees))), abs(math.cos(math.radians(degrees)))
    long, short = max(size), min(size)
    if short <= 2 * sine * cosine * long or abs(sine - cosine) < 1e-10:
        # Two corners touch the long sides; the other two are between the middles of the short ones.
        half = short / 2
        across, down = (half / sine, half / cosine) if width >= height else (half / cosine, half / sine)
    else:
        double = cosine * cosine - sine * sine
        across = (width * cosine - height * sine) / double
        down = (height * cosine - width * sine) / double
    return max(1, math.floor(down) - 1), max(1, math.floor(across) - 1)
