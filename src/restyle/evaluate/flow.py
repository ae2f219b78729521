"""Optical flow to measure steadiness by: TV-L1, which nothing in restyle uses to steady.

A method that was steadied with a flow must not be judged by the same one. NumPy alone, for small frames.

References: Zach, Pock and Bischof 2007, "A Duality Based Approach for Realtime TV-L1 Optical Flow"; Sanchez,
Meinhardt-Llopis and Facciolo 2013, "TV-L1 Optical Flow Estimation" (scales, warps, constants); Sundaram, Brox
and Keutzer 2010, "Dense Point Trajectories by GPU-Accelerated Large Displacement Optical Flow" (occlusion).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from restyle.images.resize import resize
from restyle.types import FloatArray

ATTACHMENT = 0.15 * 255  # lambda: brightness against smoothness; .15 of Sanchez et al. is for 0..255
TIGHTNESS = 0.3  # theta: how close the two halves of the problem are held
TAU = 0.25  # step of the dual descent
# With 5 and 12 the flow of a pan over sea and sky came out at a third of its length.
WARPS, STEPS = 10, 30
SMALLEST = 16  # px, short side of the coarsest scale

Flow = NDArray[np.float32]
"""[shape=(2, H, W)]: rows down, columns to the right, in px."""


def tvl1(frame: FloatArray, following: FloatArray) -> Flow:
    """Find where each pixel of a frame is in the following one.

    Parameters
    ----------
    frame, following : np.ndarray [shape=(H, W), float32, range 0..1]
        Luma.

    Returns
    -------
    np.ndarray [shape=(2, H, W), float32]
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
    """Move a following frame onto the one before: read it where the flow leads, between pixels bilinearly.

    Parameters
    ----------
    picture : np.ndarray [shape=(H, W) or (H, W, C), float32]
    flow : np.ndarray [shape=(2, H, W), float32]
        What lies beyond the border is taken from the border.

    Returns
    -------
    np.ndarray [shape of picture, float32]
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
    """Tell which pixels of a frame are seen in the following one, too: there and back leads home.

    Hidden is what ``|f + b|^2 > .01 (|f|^2 + |b|^2) + .5`` (Sundaram et al. 2010), b read where f leads, and
    what leaves the frame.

    Returns
    -------
    np.ndarray [shape=(H, W), bool]
    """
    height, width = forward.shape[1:]
    back = np.stack([warped(each, forward) for each in backward])
    rows = np.arange(height, dtype=np.float32)[:, None] + forward[0]
    columns = np.arange(width, dtype=np.float32) + forward[1]
    inside = (rows >= 0) & (rows <= height - 1) & (columns >= 0) & (columns <= width - 1)
    lengths = (forward**2).sum(0) + (back**2).sum(0)
    return np.asarray(inside & (((forward + back) ** 2).sum(0) <= 0.01 * lengths + 0.5))


def _refine(frame: FloatArray, following: FloatArray, flow: Flow) -> Flow:
    """Improve a flow at one scale: linearise where it leads, then descend on the convex rest."""
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
