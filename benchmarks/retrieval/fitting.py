"""Fitting of the style metric: directions in which works of one artist are similar."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from benchmarks.retrieval.works import Floats, Measured
from restyle.compare.subjects import DIRECTIONS, SMALL_MEAN, SMALL_VARIANCE, StyleMetric
from restyle.models.session import LAYERS

COMPONENTS = 128
SHRINKAGE = 0.3  # of the covariance within artists, towards a multiple of the identity
MOST_WORKS = 40  # most works that count per artist
_FLOOR = 1e-6

Mask = npt.NDArray[np.bool_]
Doubles = npt.NDArray[np.float64]


def fit(measured: Measured, artists: npt.NDArray[np.str_], used: Mask) -> StyleMetric:
    """Fit on the works where `used` is true.

    Parameters
    ----------
    measured : Measured
    artists : np.ndarray [shape=(n,), str]
    used : np.ndarray [shape=(n,), bool]
    """
    rows = [int(row) for row in np.flatnonzero(used)]
    bases = {
        layer: _directions(measured, layer, rows, count)
        for layer, count in zip(LAYERS, DIRECTIONS, strict=True)
    }
    blocks = [block[rows] for block in blocks_of_all(measured, bases)]
    joined = np.concatenate(blocks, 1)
    plain = StyleMetric(
        bases, joined.mean(0), joined.std(0) + _FLOOR, np.zeros((joined.shape[1], 0)), np.zeros(0)
    )
    data = _standardize(plain, blocks)
    middle = data.mean(0)
    data -= middle
    # There are fewer works than statistics: the smaller of the two matrices with these eigenvalues.
    values, works = np.linalg.eigh(data @ data.T)
    top = np.argsort(values)[::-1][:COMPONENTS]
    components = data.T @ works[:, top] / np.sqrt(np.maximum(values[top], 1e-12))
    matrix = components @ _whitening(data @ components, artists[rows])
    return StyleMetric(bases, plain.center, plain.spread, matrix, middle @ matrix)


def applied(metric: StyleMetric, measured: Measured) -> tuple[Floats, Floats]:
    """Return the statistics of all works before the projection [n, d], and their style vectors [n, E].

    What the labels bring shows in the difference of the two.
    """
    plain = _standardize(metric, blocks_of_all(measured, metric.bases))
    found = plain @ metric.matrix - metric.offset
    found /= np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-9)
    return plain.astype(np.float32), found.astype(np.float32)


def blocks_of_all(measured: Measured, bases: Mapping[str, Doubles]) -> list[Doubles]:
    """Compute `subjects.blocks_of` for all works: blocks [n, d]."""
    blocks, moments = [], []
    for layer in LAYERS:
        covariance, mean = measured.covariances[layer], measured.means[layer].astype(np.float64)
        std = np.sqrt(np.einsum("nii->ni", covariance).astype(np.float64) + SMALL_VARIANCE)
        scaled = (bases[layer][None] / std[:, :, None]).astype(np.float32)
        seen = scaled.swapaxes(1, 2) @ covariance @ scaled
        upper = np.triu_indices(seen.shape[1])
        blocks.append(seen[:, upper[0], upper[1]].astype(np.float64))
        moments += [np.log(mean + SMALL_MEAN), np.log(std)]
    return [*blocks, np.concatenate(moments, 1), np.sqrt(measured.histograms.astype(np.float64))]


def _standardize(metric: StyleMetric, blocks: list[Doubles]) -> Doubles:
    parts, start = [], 0
    for block in blocks:
        end = start + block.shape[1]
        part = (block - metric.center[start:end]) / metric.spread[start:end]
        parts.append(part / np.maximum(np.linalg.norm(part, axis=1, keepdims=True), 1e-9))
        start = end
    return np.concatenate(parts, 1)


def _directions(measured: Measured, layer: str, rows: list[int], count: int) -> npt.NDArray[np.float64]:
    """Return the leading eigenvectors of the mean correlation matrix [C, count], or all of them."""
    channels = measured.means[layer].shape[1]
    if count >= channels:
        return np.eye(channels)
    covariance = measured.covariances[layer][rows]
    std = np.sqrt(np.einsum("nii->ni", covariance) + np.float32(SMALL_VARIANCE))
    total = (covariance / (std[:, :, None] * std[:, None, :])).sum(0, dtype=np.float64)
    values, vectors = np.linalg.eigh(total)
    return np.asarray(vectors[:, np.argsort(values)[::-1][:count]])


def _whitening(points: npt.NDArray[np.float64], artists: npt.NDArray[np.str_]) -> npt.NDArray[np.float64]:
    """Return the inverse root of the shrunk covariance within artists (Hatch et al. 2006, WCCN)."""
    within, weight = np.zeros((points.shape[1],) * 2), 0
    for artist in np.unique(artists):
        own = points[artists == artist]
        if len(own) < 2:
            continue
        own = own - own.mean(0)
        share = min(len(own), MOST_WORKS)
        within += own.T @ own / (len(own) - 1) * share
        weight += share
    within /= max(weight, 1)
    even = np.trace(within) / len(within) * np.eye(len(within))
    values, vectors = np.linalg.eigh((1 - SHRINKAGE) * within + SHRINKAGE * even)
    return np.asarray(vectors / np.sqrt(values))
