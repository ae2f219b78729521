"""Adam on a pyramid of corrections in luma and chroma.

A picture is changed on several levels at once, as in Kolkin et al. 2022, so that a few steps can move broad
areas and fine strokes alike. Differs from it in that levels are luma and chroma, chroma changing more slowly,
and that the second moment is half the mean over the level: both keep color noise down.
"""

from __future__ import annotations

import numpy as np

from restyle.images.resize import resize
from restyle.types import FloatArray

# Luma and chroma of JPEG (ITU-R BT.601); rows are Y, Cb, Cr.
YCC_FROM_RGB = np.array([[0.299, 0.587, 0.114], [-0.1687, -0.3313, 0.5], [0.5, -0.4187, -0.0813]], np.float32)
RGB_FROM_YCC = np.linalg.inv(YCC_FROM_RGB).astype(np.float32)

LEVELS = 4
RATE = 0.03
FINEST_RATE = 0.35  # of the full-size level, relative to the others
CHROMA_RATE = 0.4  # relative to luma
DECAY = 0.7  # how much lower the rate of the last step is
BETAS = (0.9, 0.99)


def convert(picture: FloatArray, matrix: FloatArray) -> FloatArray:
    """Apply a 3x3 matrix to the channels of [3, H, W]."""
    return np.asarray(np.einsum("ij,jhw->ihw", matrix, picture), np.float32)


class Pyramid:
    """A picture and the corrections to it.

    Parameters
    ----------
    picture : np.ndarray [shape=(3, H, W), float32, RGB, range 0..1]
        Sides are multiples of 8.
    steps : int
        Planned steps, for the decay of the rate.
    """

    def __init__(self, picture: FloatArray, steps: int) -> None:
        self.start = convert(picture, YCC_FROM_RGB)
        height, width = picture.shape[1:]
        shapes = [(3, height >> level, width >> level) for level in range(LEVELS)]
        self.levels = [np.zeros(shape, np.float32) for shape in shapes]
        self._first = [np.zeros(shape, np.float32) for shape in shapes]
        self._second = [np.zeros(shape, np.float32) for shape in shapes]
        self.steps, self.taken = steps, 0

    def picture(self) -> FloatArray:
        """Return the corrected picture, [3, H, W] in 0..1."""
        total = self.start + self.levels[0]
        size = (total.shape[1], total.shape[2])
        for level in self.levels[1:]:
            total += np.stack([resize(channel, size, "bilinear") for channel in level])
        return np.clip(convert(total, RGB_FROM_YCC), 0, 1)

    def step(self, gradient: FloatArray) -> None:
        """Take one step against the gradient with respect to the picture, [3, H, W]."""
        self.taken += 1
        rate = RATE * (1 - DECAY * self.taken / self.steps)
        slope = np.asarray(np.einsum("ji,jhw->ihw", RGB_FROM_YCC, gradient), np.float32)
        speed = np.array([1, CHROMA_RATE, CHROMA_RATE], np.float32)[:, None, None]
        beta1, beta2 = BETAS
        for level, values in enumerate(self.levels):
            if level:
                slope = 4 * _halved(slope)
            first, second = self._first[level], self._second[level]
            squared = slope * slope
            first += (1 - beta1) * (slope - first)
            second += (1 - beta2) * (0.5 * squared + 0.5 * squared.mean((1, 2), keepdims=True) - second)
            scale = np.float32(rate * (1 if level else FINEST_RATE) / (1 - beta1**self.taken))
            values -= scale * speed * first / (np.sqrt(second / (1 - beta2**self.taken)) + np.float32(1e-12))


def _halved(array: FloatArray) -> FloatArray:
    """Mean of every 2x2 block of [C, H, W]."""
    return 0.25 * (array[:, ::2, ::2] + array[:, 1::2, ::2] + array[:, ::2, 1::2] + array[:, 1::2, 1::2])
