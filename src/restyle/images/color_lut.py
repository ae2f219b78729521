"""3D color lookup tables: fit one to pairs of colors, and apply it by interpolation.

A lookup table maps equal colors to equal colors everywhere in a picture, so edges and flat areas are
preserved; a bound on its slope keeps it from amplifying grain.
"""

from __future__ import annotations

import functools
import itertools
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from restyle.types import FloatArray

Points = npt.NDArray[np.float64]  # [shape=(N, 3), RGB]

_FIT_SIDE = 9  # nodes a side while fitting: 729 unknowns solve fast
_FINER = 4  # the fitted lut is read at four times as many nodes, interpolated by cubics
_BENDING_WEIGHTS = (1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 1e-1)
_RIDGE = 1e-8
_CHUNK = 1 << 15  # pixels at a time, to stay in the cache
_CORNERS = tuple(itertools.product((0, 1), repeat=3))


@dataclass(frozen=True)
class ColorLut:
    """Colors at the nodes of a regular grid over RGB.

    Attributes
    ----------
    nodes : np.ndarray [shape=(n, n, n, 3), float32, indexed by red, green, blue]
    """

    nodes: FloatArray

    def apply(self, pixels: FloatArray) -> FloatArray:
        """Map the colors of a picture, interpolating between nodes.

        Parameters
        ----------
        pixels : np.ndarray [shape=(..., 3), float32, range 0..1, RGB]

        Returns
        -------
        np.ndarray [shape=(..., 3), float32, range 0..1, RGB]
        """
        side = self.nodes.shape[0]
        # A row holds the colors at a node and at its neighbor in blue, each padded to four: one read for two.
        table = np.zeros((side**3, 8), np.float32)
        table[:, :3] = self.nodes.reshape(-1, 3)
        table[:-1, 4:7] = table[1:, :3]
        flat = pixels.reshape(-1, 3)
        out = np.empty_like(flat)

        def work(start: int) -> None:
            out[start : start + _CHUNK] = _interpolate(table, side, flat[start : start + _CHUNK])

        with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
            for _ in pool.map(work, range(0, len(flat), _CHUNK)):
                pass  # an exception in a thread is raised here
        return out.reshape(pixels.shape)

    def slope(self, colors: Points) -> Points:
        """Compute how far the table spreads colors around each of ``colors``, at most.

        Returns
        -------
        np.ndarray [shape=(N,), float64]
            Largest singular value of the derivative.
        """
        side = self.nodes.shape[0]
        low = np.minimum((colors * (side - 1)).astype(np.intp), side - 2)
        here = self.nodes[low[:, 0], low[:, 1], low[:, 2]]
        steps = [self.nodes[tuple((low + step).T)] - here for step in np.eye(3, dtype=np.intp)]
        derivative = np.stack(steps, axis=-1).astype(np.float64) * (side - 1)
        return np.asarray(np.linalg.svd(derivative, compute_uv=False)[:, 0])


def fit_lut(colors: Points, targets: Points, *, max_slope: float) -> ColorLut:
    """Fit the smoothest table that maps ``colors`` close to ``targets`` within a bound on its slope.

    Least squares with bending energy as penalty (a thin plate in three dimensions). The weight of the penalty
    grows until 99 % of the colors satisfy the bound. Where even a linear map is too steep (a flat picture, a
    rich palette), the table is contracted toward its mean.

    Parameters
    ----------
    colors, targets : np.ndarray [shape=(N, 3), float64, range 0..1, RGB]
    max_slope : float
        Bound on :meth:`ColorLut.slope`; the identity has slope 1.

    Returns
    -------
    ColorLut
    """
    rows, weights = _weights(colors, _FIT_SIDE)
    count = _FIT_SIDE**3
    pairs = (rows[:, :, None] * count + rows[:, None, :]).ravel()
    products = (weights[:, :, None] * weights[:, None, :]).ravel() / len(colors)
    normal = np.asarray(np.bincount(pairs, products, count * count), np.float64).reshape(count, count)
    right = np.zeros((count, 3))
    for channel in range(3):
        pulls = weights * targets[:, channel, None] / len(colors)
        right[:, channel] = np.bincount(rows.ravel(), pulls.ravel(), count)
    # A weak pull to the identity, for colors that the picture does not have.
    steps = np.linspace(0, 1, _FIT_SIDE)
    same = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1).reshape(count, 3)
    normal[np.diag_indices(count)] += _RIDGE
    right += _RIDGE * same
    for weight in _BENDING_WEIGHTS:
        solved = np.asarray(np.linalg.solve(normal + weight * _bending(), right), np.float64)
        lut = ColorLut(_refine(solved.reshape(_FIT_SIDE, _FIT_SIDE, _FIT_SIDE, 3)))
        slope = float(np.quantile(lut.slope(colors), 0.99))
        if slope <= max_slope:
            return lut
    center = targets.mean(axis=0).astype(np.float32)
    return ColorLut(center + (lut.nodes - center) * np.float32(max_slope / slope))


def _interpolate(table: FloatArray, side: int, pixels: FloatArray) -> FloatArray:
    position = np.clip(pixels, 0, 1).T * np.float32(side - 1)
    low = np.minimum(position.astype(np.int32), side - 2)
    share: FloatArray = position - low.astype(np.float32)
    first = (low[0] * side + low[1]) * side + low[2]
    pair = np.zeros((pixels.shape[0], 8), np.float32)
    for red, green in itertools.product((0, 1), repeat=2):
        weight = (share[0] if red else 1 - share[0]) * (share[1] if green else 1 - share[1])
        pair += np.take(table, first + (red * side + green) * side, axis=0) * weight[:, None]
    out: FloatArray = pair[:, :3] + (pair[:, 4:7] - pair[:, :3]) * share[2][:, None]
    np.clip(out, 0, 1, out=out)
    return out


def _weights(colors: Points, side: int) -> tuple[npt.NDArray[np.intp], Points]:
    """Return the eight nodes around each color and their shares, both [shape=(N, 8)]."""
    position = np.clip(colors, 0, 1) * (side - 1)
    low = np.minimum(position.astype(np.intp), side - 2)
    share = position - low
    nodes, weights = [], []
    for corner in _CORNERS:
        at = low + np.array(corner)
        nodes.append((at[:, 0] * side + at[:, 1]) * side + at[:, 2])
        weights.append(np.prod(np.where(np.array(corner) == 1, share, 1 - share), axis=1))
    return np.stack(nodes, axis=1), np.stack(weights, axis=1)


@functools.lru_cache(maxsize=1)
def _bending() -> Points:
    """Build the matrix of the bending energy, mean over nodes of the sum of squared second derivatives."""
    side, count = _FIT_SIDE, _FIT_SIDE**3
    index = np.arange(count).reshape(side, side, side)
    energy = np.zeros((count, count))
    for a, b in itertools.combinations_with_replacement(range(3), 2):
        if a == b:
            moved = np.moveaxis(index, a, 0)
            stencil = [(moved[:-2], 1.0), (moved[1:-1], -2.0), (moved[2:], 1.0)]
        else:
            moved = np.moveaxis(index, (a, b), (0, 1))
            stencil = [
                (moved[1:, 1:], 1.0), (moved[:-1, :-1], 1.0), (moved[1:, :-1], -1.0), (moved[:-1, 1:], -1.0),
            ]  # fmt: skip
        factor = (1 if a == b else 2) * (side - 1) ** 4 / count
        for (i, u), (j, v) in itertools.product(stencil, repeat=2):
            np.add.at(energy, (i.ravel(), j.ravel()), factor * u * v)
    return energy


def _refine(nodes: Points) -> FloatArray:
    """Read a lut at ``_FINER`` times as many nodes by Catmull-Rom cubics, straight beyond the border."""
    for axis in range(3):
        moved = np.moveaxis(nodes, axis, 0)
        padded = np.concatenate([2 * moved[:1] - moved[1:2], moved, 2 * moved[-1:] - moved[-2:-1]])
        side = moved.shape[0]
        position = np.arange((side - 1) * _FINER + 1) / _FINER
        low = np.minimum(position.astype(np.intp), side - 2)
        t = (position - low)[:, None, None, None]
        p0, p1, p2, p3 = (padded[low + k] for k in range(4))
        fine = p1 + 0.5 * t * (p2 - p0 + t * (2 * p0 - 5 * p1 + 4 * p2 - p3 + t * (3 * (p1 - p2) + p3 - p0)))
        nodes = np.moveaxis(fine, 0, axis)
    return np.ascontiguousarray(nodes, dtype=np.float32)
