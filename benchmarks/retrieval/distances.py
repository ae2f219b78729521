"""Distances between all works, as `restyle.compare.metrics` defines them, in batches."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import numpy.typing as npt

from benchmarks.retrieval.scoring import Distances
from benchmarks.retrieval.works import Floats, Measured
from restyle.images.statistics import matrix_root
from restyle.models.session import LAYERS

BASELINES = ("histogram", "histogram intersection", "raw Gram", "gram")
Doubles = npt.NDArray[np.float64]
_SMALL = np.float32(1e-12)


def all_pairs(measured: Measured, codes: Floats | None) -> Iterator[tuple[str, Distances]]:
    """Yield name and distances [n, n] of every metric that needs no fitting, and of the baselines."""
    yield "histogram", _root(_squared(np.sqrt(measured.histograms)))
    yield "histogram intersection", _intersection(measured.histograms)
    grams = {layer: _grams(measured, layer) for layer in LAYERS}
    raw = np.zeros((len(measured), len(measured)), np.float32)
    for layer, gram in grams.items():
        raw += _squared(gram) / np.float32(measured.means[layer].shape[1] ** 2)
    yield "raw Gram", raw
    yield from _over_layers("gram", grams)
    del grams
    yield from _over_layers("moments", {layer: _moments(measured, layer) for layer in LAYERS})
    yield "palette", _root(_squared(measured.palettes))
    if codes is not None:
        yield from code_pairs(codes)


def cosines(vectors: Floats) -> Distances:
    """Return the cosine distances of rows."""
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), _SMALL)
    return np.asarray(1 - unit @ unit.T, np.float32)


def code_pairs(codes: Floats) -> list[tuple[str, Distances]]:
    """Return the distances of style codes [n, 3, K]: one work at its own scale, the other at any scale."""
    found: dict[str, Distances] = {}
    for afar in range(codes.shape[1]):
        x, z = codes[:, afar], codes[:, 0]
        both = np.concatenate([x, z])
        lengths = np.linalg.norm(both, axis=1)
        squared = _squared(both)[: len(x), len(x) :]
        euclidean = _root(squared) / np.maximum(lengths[: len(x), None] + lengths[len(x) :], _SMALL)
        for name, distances in (("euclidean", euclidean), ("cosine", cosines(both)[: len(x), len(x) :])):
            nearer = np.minimum(distances, distances.T)
            found[name] = np.minimum(found[name], nearer) if afar else nearer
    return list(found.items())


def gaussian_pairs(measured: Measured, rows: npt.NDArray[np.intp], layer: str, workers: int = 1) -> Distances:
    """Return the Wasserstein distances of some works [k, k]; each pair needs an eigendecomposition."""
    found = np.zeros((len(rows), len(rows)), np.float32)
    means = measured.means[layer][rows].astype(np.float64)
    covariances = measured.covariances[layer][rows].astype(np.float64)
    with ThreadPoolExecutor(workers) as pool:
        lines = pool.map(partial(_to_earlier, means, covariances), range(1, len(rows)))
        for i, line in enumerate(lines, 1):
            found[i, :i] = line
    return found + found.T


def _over_layers(name: str, statistics: dict[str, Floats]) -> Iterator[tuple[str, Distances]]:
    total = None
    for layer, rows in statistics.items():
        lengths = (rows * rows).sum(1)
        gap = _squared(rows) / np.maximum(lengths[:, None] + lengths, _SMALL)
        yield f"{name}:{layer}", gap
        total = gap if total is None else total + gap
    assert total is not None
    yield name, total / len(statistics)


def _to_earlier(means: Doubles, covariances: Doubles, i: int) -> Doubles:
    """Return the Wasserstein distances of one work to those before it, [i]."""
    root = matrix_root(covariances[i])
    values = np.linalg.eigvalsh(root @ covariances[:i] @ root)
    traces = np.trace(covariances[i]) + np.trace(covariances[:i], axis1=1, axis2=2)
    squared = ((means[i] - means[:i]) ** 2).sum(1) + traces - 2 * np.sqrt(np.maximum(values, 0)).sum(1)
    whole = traces + (means[i] ** 2).sum() + (means[:i] ** 2).sum(1)
    return np.asarray(np.sqrt(np.maximum(squared / np.maximum(whole, 1e-12), 0)))


def _grams(measured: Measured, layer: str) -> Floats:
    """Return flat Gram matrices [n, C * C]; off-diagonal entries count twice, as in the matrix."""
    mean = measured.means[layer]
    gram = measured.covariances[layer] + mean[:, :, None] * mean[:, None, :]
    upper = np.triu_indices(mean.shape[1], 1)
    flat = np.concatenate([gram[:, upper[0], upper[1]] * np.float32(2**0.5), np.einsum("nii->ni", gram)], 1)
    return np.asarray(flat, np.float32)


def _moments(measured: Measured, layer: str) -> Floats:
    variance = np.einsum("nii->ni", measured.covariances[layer])
    return np.concatenate([measured.means[layer], np.sqrt(variance + np.float32(1e-5))], 1)


def _squared(rows: Floats) -> Distances:
    centered = rows - rows.mean(0)
    lengths = (centered * centered).sum(1)
    squared = lengths[:, None] + lengths - 2 * (centered @ centered.T)
    np.maximum(squared, 0, out=squared)
    np.fill_diagonal(squared, 0)
    return np.asarray(squared, np.float32)


def _root(squared: Distances) -> Distances:
    return np.sqrt(squared)


def _intersection(histograms: Floats) -> Distances:
    found = np.empty((len(histograms), len(histograms)), np.float32)
    for row, histogram in enumerate(histograms):
        found[row] = 1 - np.minimum(histogram, histograms).sum(1)
    return found
