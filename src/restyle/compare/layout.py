"""Places on a map: points in the plane whose distances are as near to the given ones as can be.

References: Torgerson 1952, "Multidimensional Scaling: I. Theory and Method" (classical scaling, the start);
de Leeuw 1977, "Applications of Convex Analysis to Multidimensional Scaling" (SMACOF, which improves it).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float64]


def classical_scaling(distances: Matrix, dimensions: int = 2) -> Matrix:
    """Place points by the leading eigenvectors of the doubly centred squared distances.

    Exact, up to rotation, where the distances are those of points in so many dimensions. The sign of each
    axis is fixed, so that one input always gives one map.

    Parameters
    ----------
    distances : np.ndarray [shape=(n, n), float64]

    Returns
    -------
    np.ndarray [shape=(n, dimensions), float64]
    """
    count = len(distances)
    squared = distances.astype(np.float64) ** 2
    centred = squared - squared.mean(0) - squared.mean(1)[:, None] + squared.mean()
    values, vectors = np.linalg.eigh(-centred / 2)
    top = np.argsort(values)[::-1][:dimensions]
    points = np.zeros((count, dimensions))
    points[:, : len(top)] = vectors[:, top] * np.sqrt(np.maximum(values[top], 0))
    strongest = np.abs(points).argmax(0)
    points *= np.where(points[strongest, np.arange(dimensions)] < 0, -1, 1)
    return points


def stress(points: Matrix, distances: Matrix) -> float:
    """Kruskal's stress-1: the share of the distances that the map gets wrong, 0 for a perfect map."""
    shown = _pairwise(points)
    return float(np.sqrt(((shown - distances) ** 2).sum() / max(float((distances**2).sum()), 1e-300)))


def place(distances: Matrix, *, rounds: int = 300, tolerance: float = 1e-6) -> Matrix:
    """Place points in the plane: classical scaling, then majorisation of the stress.

    Parameters
    ----------
    distances : np.ndarray [shape=(n, n), float64]
    rounds : int
        At most so many steps; each lowers the stress.
    tolerance : float
        A step that gains less is the last.

    Returns
    -------
    np.ndarray [shape=(n, 2), float64]
        Centred on 0.
    """
    points = classical_scaling(distances)
    count = len(points)
    last = stress(points, distances)
    for _ in range(rounds):
        shown = _pairwise(points)
        ratio = np.divide(distances, shown, out=np.zeros_like(shown), where=shown > 1e-12)
        transform = -ratio
        np.fill_diagonal(transform, 0)
        np.fill_diagonal(transform, -transform.sum(1))
        moved = transform @ points / count
        now = stress(moved, distances)
        if last - now < tolerance:
            return moved if now < last else points
        points, last = moved, now
    return points


def spread(points: Matrix, size: Matrix, *, rounds: int = 2000) -> Matrix:
    """Push rectangles apart until none lies on another, each as little as possible.

    Parameters
    ----------
    points : np.ndarray [shape=(n, 2), float64]
        Centres.
    size : np.ndarray [shape=(n, 2), float64]
        Width and height of each, with its margin.

    Returns
    -------
    np.ndarray [shape=(n, 2), float64]
    """
    points = points.copy()
    index = np.arange(len(points))
    points += (index[:, None] * [1e-4, 2e-4]) % 1e-3  # equal places are told apart
    for turn in range(rounds):
        gap = points[:, None] - points[None]
        overlap = (size[:, None] + size[None]) / 2 - np.abs(gap)
        hit = (overlap > 1e-3).all(-1) & (index[:, None] != index)
        if not hit.any():
            break
        # The axis on which less has to move gives way.
        along = overlap.argmin(-1)
        for axis in (0, 1):
            push = np.where(hit & (along == axis), overlap[..., axis] * np.sign(gap[..., axis] + 1e-12), 0)
            points[:, axis] += 0.3 * push.sum(1)
        # Where a crowd has no room to give way, the whole map grows a little.
        if turn % 100 == 99:
            points *= 1.05
    return points


def _pairwise(points: Matrix) -> Matrix:
    difference = points[:, None] - points[None]
    result: Matrix = np.sqrt((difference**2).sum(-1))
    return result
