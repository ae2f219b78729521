"""Measure videos: frames as pictures, and how much a video flickers along the motion of its content.

The next frame is warped onto the current one by the optical flow of the *content*, and visible pixels are
compared (Lai et al. 2018, "Learning Blind Video Temporal Consistency"). Blurred videos and copies of the
content win this figure alone: read style and detail as well.

The flow is TV-L1, in NumPy for small frames: a method that stabilizes by a flow must not be scored by it.
References: Zach, Pock and Bischof 2007, "A Duality Based Approach for Realtime TV-L1 Optical Flow";
Sanchez, Meinhardt-Llopis and Facciolo 2013, "TV-L1 Optical Flow Estimation" (scales, warps, constants);
Sundaram, Brox and Keutzer 2010, "Dense Point Trajectories by GPU-Accelerated Large Displacement Optical Flow"
(occlusion).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from restyle.errors import InputError
from restyle.evaluate.bench import Bench, Measurement, Subject, key_of, scaled, shrunk
from restyle.evaluate.metrics import luma
from restyle.images import formats, picture
from restyle.images.resize import resize
from restyle.types import FloatArray, Report
from restyle.videos.formats import VideoFrame
from restyle.videos.read import VideoReader
from restyle.videos.stages import SceneCuts

ATTACHMENT = 0.15 * 255  # lambda, brightness against smoothness; the .15 of Sanchez et al. is for 0..255
TIGHTNESS = 0.3  # theta, coupling of the data and smoothness terms
TAU = 0.25  # step size of the dual update
# With 5 and 12, the flow of a pan over sea and sky was a third of its true length.
WARPS, STEPS = 10, 30
SMALLEST = 16  # px, short side of the coarsest scale

Flow = NDArray[np.float32]
"""[shape=(2, H, W)]: rows down, columns to the right, in px."""


def tvl1(frame: FloatArray, following: FloatArray) -> Flow:
    """Compute the TV-L1 optical flow from a frame to the next one, lumas [shape=(H, W), float32, 0..1].

    ``frame[y, x]`` is at ``following[y + flow[0, y, x], x + flow[1, y, x]]``.
    """
    sizes = [frame.shape]
    while min(sizes[-1]) >= 2 * SMALLEST:
        sizes.append(((sizes[-1][0] + 1) // 2, (sizes[-1][1] + 1) // 2))
    flow = np.zeros((2, *sizes[-1]), np.float32)
    for size in reversed(sizes):
        if flow.shape[1:] != size:
            scale = [size[axis] / flow.shape[axis + 1] for axis in (0, 1)]
            flow = np.stack([resize(flow[axis], size, "bilinear") * scale[axis] for axis in (0, 1)])
        flow = _refine(resize(frame, size, "area"), resize(following, size, "area"), flow)
    return flow


def warped(picture: FloatArray, flow: Flow) -> FloatArray:
    """Warp the next frame, [H, W] or [H, W, C], onto the current one, with bilinear interpolation.

    Beyond the border, the border is used.
    """
    height, width = picture.shape[:2]
    rows = np.clip(np.arange(height, dtype=np.float32)[:, None] + flow[0], 0, height - 1)
    columns = np.clip(np.arange(width, dtype=np.float32) + flow[1], 0, width - 1)
    top = np.minimum(rows.astype(np.intp), max(0, height - 2))
    left = np.minimum(columns.astype(np.intp), max(0, width - 2))
    down, right = rows - top, columns - left
    if picture.ndim == 3:
        down, right = down[..., None], right[..., None]
    below, beside = np.minimum(top + 1, height - 1), np.minimum(left + 1, width - 1)
    upper = picture[top, left] * (1 - right) + picture[top, beside] * right
    lower = picture[below, left] * (1 - right) + picture[below, beside] * right
    return np.asarray(upper * (1 - down) + lower * down, np.float32)


def visible(forward: Flow, backward: Flow) -> NDArray[np.bool_]:
    """Find the pixels that are visible in both frames, by the forward-backward consistency check: [H, W].

    Hidden pixels have ``|f + b|^2 > .01 (|f|^2 + |b|^2) + .5`` (Sundaram et al. 2010), with b sampled
    at the end of f, or leave the frame.
    """
    height, width = forward.shape[1:]
    back = np.stack([warped(each, forward) for each in backward])
    rows = np.arange(height, dtype=np.float32)[:, None] + forward[0]
    columns = np.arange(width, dtype=np.float32) + forward[1]
    inside = (rows >= 0) & (rows <= height - 1) & (columns >= 0) & (columns <= width - 1)
    lengths = (forward**2).sum(0) + (back**2).sum(0)
    return np.asarray(inside & (((forward + back) ** 2).sum(0) <= 0.01 * lengths + 0.5))


class Motion:
    """Optical flow of a video, computed once for all its results.

    Takes two or more consecutive frames [shape=(H, W, 3), float32, 0..1, RGB] of the content (InputError if
    fewer), and the function that computes the flow of two lumas. Frames at a cut are not compared.
    """

    def __init__(
        self,
        frames: Sequence[FloatArray],
        flow: Callable[[FloatArray, FloatArray], Flow] = tvl1,
        report: Report = lambda part: None,
    ) -> None:
        if len(frames) < 2:
            raise InputError("temporal error needs at least two frames")
        self.size = frames[0].shape[:2]
        cuts = SceneCuts()
        starts = [cuts(np.round(frame * 255).astype(np.uint8)) for frame in frames]
        planes = [luma(frame).astype(np.float32) for frame in frames]
        self._moves: list[tuple[Flow, FloatArray] | None] = []
        for index, (one, two) in enumerate(pairwise(planes), 1):
            if starts[index]:
                self._moves.append(None)
            else:
                forward = flow(one, two)
                self._moves.append((forward, visible(forward, flow(two, one)).astype(np.float32)))
            report(index / (len(frames) - 1))

    def error(self, video: Sequence[FloatArray]) -> float:
        """Warping error of a video: mean squared difference of pixels visible in both frames, times 1000.

        NaN if there is a cut between all frames; InputError if number or size of the frames differ.
        """
        if len(video) != len(self._moves) + 1:
            raise InputError(f"has {len(video)} frames, its content {len(self._moves) + 1}")
        if video[0].shape[:2] != self.size:
            ours, theirs = ("{1} x {0}".format(*size) for size in (video[0].shape[:2], self.size))
            raise InputError(f"has frames of {ours} px, its content {theirs}")
        total = count = 0.0
        for (one, two), move in zip(pairwise(video), self._moves, strict=True):
            if move is not None:
                forward, shown = move
                total += float((((warped(two, forward) - one) ** 2).mean(axis=-1) * shown).sum())
                count += float(shown.sum())
        return 1e3 * total / count if count else float("nan")


def _refine(frame: FloatArray, following: FloatArray, flow: Flow) -> Flow:
    """Improve a flow at one scale: linearize at its end, then minimize the convex energy."""
    duals = np.zeros((2, 2, *frame.shape), np.float32)
    for _ in range(WARPS):
        moved = warped(following, flow)
        slope = np.stack(tuple(np.gradient(moved))).astype(np.float32)
        square = (slope**2).sum(0)
        square[square == 0] = 1
        rest = moved - frame - (slope * flow).sum(0)
        reach = ATTACHMENT * TIGHTNESS * square
        for _ in range(STEPS):
            # The data term, point by point: a threshold in closed form.
            residual = rest + (slope * flow).sum(0)
            pull = np.clip(residual, -reach, reach) / square
            aim = flow - pull * slope
            # The total variation, by its dual (Chambolle 2004).
            flow = np.stack([aim[axis] + TIGHTNESS * _divergence(duals[axis]) for axis in (0, 1)])
            for axis in (0, 1):
                gradient = _gradient(flow[axis])
                length = np.sqrt((gradient**2).sum(0))
                step = np.float32(TAU / TIGHTNESS)
                duals[axis] = (duals[axis] + step * gradient) / (1 + step * length)
    return np.asarray(flow, np.float32)


def _gradient(plane: FloatArray) -> FloatArray:
    """Forward differences, 0 at the far border. [H, W] -> [2, H, W]."""
    out = np.zeros((2, *plane.shape), np.float32)
    out[0, :-1] = plane[1:] - plane[:-1]
    out[1, :, :-1] = plane[:, 1:] - plane[:, :-1]
    return out


def _divergence(field: FloatArray) -> FloatArray:
    """Backward differences: less the adjoint of `_gradient`. [2, H, W] -> [H, W]."""
    down, across = field
    out = down + across
    out[1:] -= down[:-1]
    out[:, 1:] -= across[:, :-1]
    return np.asarray(out, np.float32)


MOTION_SIDE = 320  # px, long side for optical flow: TV-L1 takes a second, and minutes at larger sizes
MEASURED_FRAMES = 4  # measured as pictures

Frames = Sequence[FloatArray]


def frames_of(path: Path, count: int) -> list[FloatArray]:
    """Read the first frames, upright, of a video or a folder of pictures.

    Each is [shape=(H, W, 3), float32, range 0..1, RGB]. Raises InputError where one is damaged.
    """
    if path.is_dir():
        return [picture.load_image(file).pixels for file in sorted(formats.find_images(path))[:count]]
    found: list[FloatArray] = []
    with VideoReader(path) as reader:
        for item in reader.items():
            if not isinstance(item, VideoFrame):
                continue
            if item.pixels is None:
                raise InputError(f"{path}: frame {len(found)} is damaged")
            found.append(picture.from_array(item.pixels).pixels)
            if len(found) == count:
                break
    if len(found) < 2:
        raise InputError(f"{path}: has {len(found)} frames; temporal error needs two")
    return found


class VideoSubject:
    """A video, frames from `Bench.fitted`, and one style, against which stylized videos are measured."""

    def __init__(self, bench: Bench, content: Frames, style: FloatArray) -> None:
        self.bench, self.content, self.style = bench, content, style
        self.indices = sorted(
            set(np.linspace(0, len(content) - 1, MEASURED_FRAMES).round().astype(int).tolist())
        )
        self.subjects = [Subject(bench, content[index], style) for index in self.indices]

    @cached_property
    def motion(self) -> Motion:
        """Motion of the content, computed once for all results."""
        return Motion([small(frame) for frame in self.content])

    def fitted(self, frames: Frames, name: str = "result") -> list[FloatArray]:
        """Scale a stylized video to its content's size; InputError if number or aspect of frames differ."""
        if len(frames) != len(self.content):
            raise InputError(f"{name}: has {len(frames)} frames, its content has {len(self.content)}")
        return [self.subjects[0].fitted(frame, name) for frame in frames]

    def measure(self, frames: Frames, motion: Motion | None = None) -> Measurement:
        """Measure a video from `fitted`: the mean over a few frames, and `temporal` over all.

        The content's `motion` may be known from another style.
        """
        pairs = zip(self.subjects, self.indices, strict=True)
        mean = Measurement.mean_of([subject.measure(frames[index]) for subject, index in pairs])

        def temporal() -> Measurement:
            error = (motion or self.motion).error([small(frame) for frame in frames])
            return Measurement({"temporal": error}, np.zeros(0, np.float32), np.zeros(0, np.float32))

        found = self.bench.cached(key_of("temporal", *self.content, *frames), temporal)
        return replace(mean, figures={**mean.figures, **found.figures})

    @property
    def style_measurement(self) -> Measurement:
        """Features of the style for the Frechet distances."""
        return self.subjects[0].style_measurement

    def style_copy(self) -> list[FloatArray]:
        """The style as a still video."""
        return [self.subjects[0].style_copy()] * len(self.content)


def small(frame: FloatArray) -> FloatArray:
    """Scale a frame to the size for optical flow."""
    height, width = frame.shape[:2]
    short = round(MOTION_SIDE * min(height, width) / max(height, width))
    return scaled(frame, shrunk(frame, short).shape[:2])
