"""Flicker of a stylized video, with its sharpness, its style distance, and the trails on flat ground.

Warping error is `restyle.evaluate.videos`, by two flows of the *input* that restyle does not steady with
(that is dense inverse search): TV-L1 and Farneback's polynomial expansion. Blur and copies of the input
win that figure alone, so sharpness and style stand beside it.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from restyle.evaluate.metrics import luma
from restyle.evaluate.videos import Flow
from restyle.images.picture import Picture
from restyle.images.statistics import gram
from restyle.models.arbitrary import Arbitrary
from restyle.nn.encoders import PerceptualEncoder
from restyle.options import Steady
from restyle.options.video import VideoMethodOptions
from restyle.style import Style
from restyle.types import FloatArray
from restyle.videos.flow import FlowSteadier, MotionFinder
from restyle.videos.formats import VideoFrame
from restyle.videos.keyframes import carry, choose
from restyle.videos.painter import OptimizedPainter
from restyle.videos.stages import SceneCuts, Work

BLUR = 4.0  # px, of the baseline
FLAT = 3 / 255  # deviation of the input's luma in its neighborhood, below which the ground is flat
_AROUND = 5.0  # px, sigma of that neighborhood
_NOISE = 1.0  # px, sigma of the blur that removes noise first
_DETAIL = 6.0  # px, sigma of the blur whose residual is detail on flat ground
WINDOW = 8  # frames over which trails are averaged


def farneback(frame: FloatArray, following: FloatArray) -> Flow:
    """Compute the flow by polynomial expansion (Farneback 2003), as `restyle.evaluate.videos.tvl1`."""
    one, two = ((each * 255).astype(np.uint8) for each in (frame, following))
    found = cv2.calcOpticalFlowFarneback(one, two, None, 0.5, 5, 15, 5, 7, 1.5, 0)  # type: ignore[call-overload]
    return np.ascontiguousarray(found[..., ::-1].transpose(2, 0, 1), np.float32)


def flat_ground(frame: FloatArray) -> NDArray[np.bool_]:
    """Find the pixels of an input frame that have no texture around them, [H, W]."""
    light = cv2.GaussianBlur(luma(frame).astype(np.float32), (0, 0), _NOISE)
    mean = cv2.GaussianBlur(light, (0, 0), _AROUND)
    square = cv2.GaussianBlur(light * light, (0, 0), _AROUND)
    return np.asarray(square - mean * mean < FLAT**2)


def trails(
    content: Sequence[FloatArray], fresh: Sequence[FloatArray], film: Sequence[FloatArray], end: int
) -> float:
    """Detail of a video on flat ground in the frames before `end`, relative to frames stylized alone.

    Strokes that a flow drags over ground without texture are trails: more detail than a new painting has.
    """
    found = np.zeros(2)
    for index in range(max(0, end - WINDOW), end):
        ground = flat_ground(content[index])
        for place, frame in enumerate((film[index], fresh[index])):
            detail = ((frame - cv2.GaussianBlur(frame, (0, 0), _DETAIL)) ** 2).mean(-1)
            found[place] += float(detail[ground].sum())
    return float(np.sqrt(found[0] / found[1])) if found[1] else float("nan")


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
    frames: Sequence[FloatArray], method: Arbitrary, code: FloatArray
) -> dict[Steady, list[FloatArray]]:
    """Stylize the frames as `restyle video --steady ...` does."""
    cuts, finder, steadier = SceneCuts(), MotionFinder(), FlowSteadier()
    alone = [method.paint(frame, code) for frame in frames]
    works = []
    for place, frame in enumerate(frames):
        new_scene = cuts((frame * 255).astype(np.uint8))
        shot = VideoFrame(None, place, 1)
        picture = Picture(pixels=frame, alpha=None, depth=8, gray=False)
        works.append(Work(shot, picture, frame, [code], None, new_scene, finder(frame, new_scene)))
    chosen = list(choose(iter(works)))
    for item in chosen:
        item.painted.append(alone[item.frame.pts] if item.onward is None else None)
    film = [
        steadier(item.painted[0], item.motion, item.energies[0] if item.energies else None)
        for item in carry(iter(chosen))
    ]
    return {"none": alone, "flow": film}


def optimized_film(
    frames: Sequence[FloatArray],
    method: Arbitrary,
    style: Style,
    options: VideoMethodOptions,
) -> list[FloatArray]:
    """Stylize the frames as `restyle video --method optimize ...` does."""
    painter = OptimizedPainter(style.exemplars(), method, 1.0, options, method.threads)
    cuts, finder = SceneCuts(), MotionFinder("--method optimize")
    film: list[FloatArray] = []
    for frame in frames:
        new_scene = cuts((frame * 255).astype(np.uint8))
        if new_scene:
            painter.last = None
        film.append(painter(frame, style.code, finder(frame, new_scene)))
    return film


def blurred(film: Sequence[FloatArray]) -> list[FloatArray]:
    """Blur every frame strongly: the baseline."""
    out: list[FloatArray] = []
    for frame in film:
        picture = Image.fromarray((frame * 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur(BLUR))
        out.append(np.asarray(picture, np.float32) / np.float32(255))
    return out
