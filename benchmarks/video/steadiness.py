"""How much a stylised film flickers, beside how sharp it is and how much of the style it has.

The warping error moves each frame onto the one before by the optical flow of the *input* and compares, where
nothing is hidden (Lai et al. 2018). The flow is TV-L1 (Zach et al. 2007), which nothing in restyle uses to
steady. Blur and copies of the input win that figure alone, so sharpness and style stand beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageFilter
from skimage import registration, transform

from restyle.arrays import FloatArray
from restyle.methods.arbitrary import Arbitrary
from restyle.nn.encoders import PerceptualEncoder
from restyle.statistics.gram import gram
from restyle.temporal.scenes import SceneCuts
from restyle.temporal.steadying import SteadyPainter

Flow = NDArray[np.float64]  # [2, H, W]: rows, columns
BLUR = 4.0  # px, of the trivial row
_tvl1: Any = registration.optical_flow_tvl1  # scikit-image has no types
_warp: Any = transform.warp
LUMA = np.array([0.299, 0.587, 0.114], np.float32)


def luma(picture: FloatArray) -> FloatArray:
    """[H, W, 3] -> [H, W]."""
    return np.asarray(picture @ LUMA, np.float32)


def flow(frame: FloatArray, following: FloatArray) -> Flow:
    """Where each pixel of a frame, [H, W, 3], is in the following one."""
    return np.asarray(_tvl1(luma(frame), luma(following)), np.float64)


def warped(picture: NDArray[np.floating], by: Flow) -> NDArray[np.floating]:
    """The following frame, [H, W] or [H, W, C], moved onto the one before."""
    height, width = picture.shape[:2]
    places = np.mgrid[0:height, 0:width] + by
    layers = picture[..., None] if picture.ndim == 2 else picture
    moved = np.stack(
        [_warp(layers[..., each], places, order=1, mode="edge") for each in range(layers.shape[-1])], -1
    )
    return moved[..., 0] if picture.ndim == 2 else moved


def visible(forward: Flow, backward: Flow) -> NDArray[np.bool_]:
    """Pixels that are seen in both frames: there and back leads home (Sundaram et al. 2010)."""
    back = np.stack([warped(each, forward) for each in backward])
    height, width = forward.shape[1:]
    there = np.mgrid[0:height, 0:width] + forward
    inside = (there[0] >= 0) & (there[0] < height) & (there[1] >= 0) & (there[1] < width)
    total = (forward**2).sum(0) + (back**2).sum(0)
    return np.asarray(inside & (((forward + back) ** 2).sum(0) <= 0.01 * total + 0.5))


class Motion:
    """Flow and visibility between the frames of one clip, found once."""

    def __init__(self, frames: Sequence[FloatArray]) -> None:
        self.forward = [flow(one, two) for one, two in pairwise(frames)]
        backward = [flow(two, one) for one, two in pairwise(frames)]
        self.seen = [visible(f, b) for f, b in zip(self.forward, backward, strict=True)]

    def error(self, film: Sequence[FloatArray]) -> float:
        """Warping error: mean squared difference of visible pixels, in thousandths."""
        total, count = 0.0, 0
        for (one, two), move, seen in zip(pairwise(film), self.forward, self.seen, strict=True):
            difference = ((warped(two, move) - one) ** 2).mean(-1)
            total += float(difference[seen].sum())
            count += int(seen.sum())
        return 1e3 * total / max(count, 1)


def sharpness(film: Sequence[FloatArray]) -> float:
    """Mean energy of the Laplacian of the luma, in thousandths."""
    energies = []
    for frame in film:
        y = luma(frame)
        inner = 4 * y[1:-1, 1:-1] - y[:-2, 1:-1] - y[2:, 1:-1] - y[1:-1, :-2] - y[1:-1, 2:]
        energies.append(float((inner**2).mean()))
    return 1e3 * float(np.mean(energies))


class StyleScore:
    """Style distance by the package's own encoder: mean gap of Gram matrices over five layers, 0..2."""

    def __init__(self, encoder: PerceptualEncoder, style: FloatArray) -> None:
        self._encoder = encoder
        self._style = self._grams(style)

    def __call__(self, film: Sequence[FloatArray]) -> float:
        gaps = []
        for frame in film:
            for mine, theirs in zip(self._grams(frame), self._style, strict=True):
                gaps.append(float(((mine - theirs) ** 2).sum() / ((mine**2).sum() + (theirs**2).sum())))
        return float(np.mean(gaps))

    @torch.inference_mode()
    def _grams(self, picture: FloatArray) -> list[torch.Tensor]:
        x = torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1)))[None]
        return [gram(each) for each in self._encoder(x)]


def painted(
    frames: Sequence[FloatArray], method: Arbitrary, code: FloatArray, seconds: float, fps: float = 25.0
) -> list[FloatArray]:
    """The film as `restyle video` paints it; 0 seconds paints every frame by itself."""
    painter, cuts = SteadyPainter(method, 1.0, seconds), SceneCuts()
    film: list[FloatArray] = []
    for frame in frames:
        if cuts((frame * 255).astype(np.uint8)):
            painter.cut()
        film.append(painter(frame, code, 1 / fps))
    return film


def blurred(film: Sequence[FloatArray]) -> list[FloatArray]:
    """A heavy Gaussian blur of every frame: the trivial row."""
    out: list[FloatArray] = []
    for frame in film:
        picture = Image.fromarray((frame * 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur(BLUR))
        out.append(np.asarray(picture, np.float32) / np.float32(255))
    return out
