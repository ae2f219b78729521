"""Flicker of a stylized video, together with its sharpness and style distance.

Warping error is `restyle.evaluate.temporal`: its flow is TV-L1 of the *input*, which nothing in restyle
uses to steady (that is dense inverse search), with what is hidden left out. Blur and copies of the input win
that figure alone, so sharpness and style stand beside it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image, ImageFilter

from restyle.evaluate.pixel_metrics import luma
from restyle.images.statistics import gram
from restyle.models.arbitrary import Arbitrary
from restyle.nn.encoders import PerceptualEncoder
from restyle.options import Steady, VideoOptions
from restyle.options.video import VideoMethodOptions
from restyle.style import Style
from restyle.types import FloatArray
from restyle.videos.flow import FlowSteadier, MotionFinder
from restyle.videos.optimized import OptimizedPainter
from restyle.videos.scenes import SceneCuts
from restyle.videos.steadiness import SteadyPainter

BLUR = 4.0  # px, of the baseline


def sharpness(film: Sequence[FloatArray]) -> float:
    """Return the mean energy of the Laplacian of the luma, in thousandths."""
    energies = []
    for frame in film:
        y = luma(frame)
        inner = 4 * y[1:-1, 1:-1] - y[:-2, 1:-1] - y[2:, 1:-1] - y[1:-1, :-2] - y[1:-1, 2:]
        energies.append(float((inner**2).mean()))
    return 1e3 * float(np.mean(energies))


class StyleScore:
    """Style distance by the package's encoder: mean gap of Gram matrices over five layers, 0..2."""

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
    frames: Sequence[FloatArray], method: Arbitrary, code: FloatArray, steady: Steady, fps: float = 25.0
) -> list[FloatArray]:
    """Stylize the frames as `restyle video --steady ...` does."""
    painter = SteadyPainter(method, 1.0, VideoOptions.steady_seconds if steady == "statistics" else 0.0)
    cuts = SceneCuts()
    finder, steadier = (MotionFinder(), FlowSteadier()) if steady == "flow" else (None, None)
    film: list[FloatArray] = []
    for frame in frames:
        new_scene = cuts((frame * 255).astype(np.uint8))
        if new_scene:
            painter.cut()
        picture = painter(frame, code, 1 / fps)
        if finder and steadier:
            picture = steadier(picture, finder(frame, new_scene))
        film.append(picture)
    return film


def optimized_film(
    frames: Sequence[FloatArray],
    method: Arbitrary,
    style: Style,
    options: VideoMethodOptions,
    fps: float = 25.0,
) -> list[FloatArray]:
    """Stylize the frames as `restyle video --method optimize ...` does."""
    fast = SteadyPainter(method, 1.0, VideoOptions.steady_seconds)
    painter = OptimizedPainter(style.exemplars(), fast, options, method.threads)
    cuts, finder = SceneCuts(), MotionFinder("--method optimize")
    film: list[FloatArray] = []
    for frame in frames:
        new_scene = cuts((frame * 255).astype(np.uint8))
        if new_scene:
            painter.cut()
        film.append(painter(frame, style.code, 1 / fps, finder(frame, new_scene)))
    return film


def blurred(film: Sequence[FloatArray]) -> list[FloatArray]:
    """Blur every frame strongly: the baseline."""
    out: list[FloatArray] = []
    for frame in film:
        picture = Image.fromarray((frame * 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur(BLUR))
        out.append(np.asarray(picture, np.float32) / np.float32(255))
    return out
